"""What `devices.md` takes from the drivers: what each is, what it was tested against, its keys."""

from collections.abc import Mapping

import msgspec

from docs.tables import table
from drivers.cameras.api import CameraFamily
from drivers.family import About, DeviceOptions, Family, LineOptions

KINDS = (("line", LineOptions), ("device", DeviceOptions))


class UntoldError(ValueError):
    """A driver leaves out what whoever buys a device has to know."""


def families_table(found: Mapping[str, Family]) -> str:
    """One row for each driver. Raises UntoldError."""
    return table(
        ("driver", "what", "tested against", "on real hardware"),
        (_row(name, family) for name, family in sorted(found.items())),
    )


def cameras_table(found: Mapping[str, CameraFamily]) -> str:
    """One row for each kind of camera. Raises UntoldError."""
    return table(
        ("driver", "what", "tested against", "on real hardware"),
        (
            (f"[`{name}`](#camera-{name})", *_about(f"camera driver {name}", family.about))
            for name, family in sorted(found.items())
        ),
    )


def _row(name: str, family: Family) -> tuple[str, ...]:
    return f"[`{name}`](#{name})", *_about(f"driver {name}", family.about)


def _about(who: str, about: About) -> tuple[str, str, str]:
    if not (about.what and about.tested_against and about.on_hardware):
        raise UntoldError(f"{who}: its About leaves something out")
    return about.what, "; ".join(about.tested_against), about.on_hardware


def own_keys(family: Family) -> list[tuple[str, type[msgspec.Struct], set[str]]]:
    """`line` and `device` with the family's struct, and the keys of it that are told elsewhere."""
    structs = {"line": family.line, "device": family.device}
    return [
        (what, structs[what], {field.encode_name for field in msgspec.structs.fields(base)})
        for what, base in KINDS
    ]
