"""What `sentrypost order new` makes of its options."""

import re
from collections.abc import Collection, Mapping

import click
from msgspec import NODEFAULT
from msgspec.structs import fields

from edge.commands.policy_asking import utc_of
from edge.failed import Failed
from edge.orders import (
    ACCEPT_S,
    CountersOrder,
    DelegateOrder,
    EndDelegationOrder,
    EndDrillOrder,
    EndHoldOrder,
    EndUnlockOrder,
    EvacuateOrder,
    FireOverrideOrder,
    HoldOrder,
    LiftOrder,
    LockdownOrder,
    LowerOrder,
    Payload,
    RaiseOrder,
    ShelterOrder,
    Stamp,
    SucceedOrder,
    UnlockOrder,
)
from edge.signatures import TrustedKey, Use
from policies.compiled import CompiledPolicy
from policies.problems import did_you_mean

LATER = "as 2026-11-22T18:00 on the site's wall or from now on as +15m, +4h, +2d"

_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_OPTIONS = {
    "zones": "--zone",
    "portals": "--portal",
    "kinds": "--kind",
    "until_s": "--until",
    "moves": "--no-moves",
}
"""Where an option is called otherwise than its field."""

_KINDS: tuple[type[Payload], ...] = (
    LockdownOrder, ShelterOrder, EvacuateOrder, RaiseOrder, LiftOrder, LowerOrder, EndDrillOrder,
    EndHoldOrder, EndUnlockOrder, EndDelegationOrder, UnlockOrder, HoldOrder, FireOverrideOrder,
    CountersOrder, DelegateOrder, SucceedOrder,
)  # fmt: skip
CLASSES: Mapping[str, type[Payload]] = {str(kind.__struct_config__.tag): kind for kind in _KINDS}


def moment_of(text: str, policy: CompiledPolicy, now_s: int) -> int:
    """A time as the command line has it, in seconds since 1970. Raises click.UsageError."""
    found = re.fullmatch(r"\+([0-9]{1,6})([mhd])", text)
    if found is None:
        return int(utc_of(text, policy))
    return now_s + int(found[1]) * _UNITS[found[2]]


def issuer_of(name: str, keys: Collection[TrustedKey]) -> TrustedKey:
    """The key of that name or id which may sign orders. Raises Failed."""
    may = {key.name: key for key in keys if Use.ORDER in key.may}
    for key in may.values():
        if name in {key.name, key.id}:
            return key
    known = ", ".join(sorted(may)) or "there is none"
    raise Failed(
        f"the site file has no [key.{name}] that may sign orders",
        did_you_mean(name, may) or f"those that may: {known}",
    )


def particulars(
    kind: str, given: Mapping[str, object], policy: CompiledPolicy, now_s: int
) -> dict[str, object]:
    """The fields of this kind of order alone. Raises click.UsageError for an option that it does
    not take, one that it needs, and names that the policy does not have.
    """
    known = {field.name: field for field in fields(CLASSES[kind])}
    said = _said(given, policy, now_s)
    for name in said:
        if name not in known:
            raise click.UsageError(f"'{kind}' takes no {_option(name)}")
    _refuse_unknown("zone", said.get("zones", ()), {zone.id for zone in policy.zones})
    _refuse_unknown("portal", said.get("portals", ()), {portal.id for portal in policy.portals})
    if "accept_until_s" in known:
        until_s = said.get("until_s")
        latest_s = now_s + ACCEPT_S
        said["accept_until_s"] = min(until_s, latest_s) if isinstance(until_s, int) else latest_s
    own = set(known) - set(Stamp._fields) - {"schema"}
    for name, field in known.items():
        if name in own and name not in said and field.default is NODEFAULT:
            raise click.UsageError(f"'{kind}' needs {_option(name)}")
    return said


def _said(given: Mapping[str, object], policy: CompiledPolicy, now_s: int) -> dict[str, object]:
    """What stands on the command line, by the fields of orders."""
    said = {name: value for name, value in given.items() if value not in (None, (), False)}
    if said.pop("no_moves", False):
        said["moves"] = False
    if "until" in said:
        until_s = moment_of(str(said.pop("until")), policy, now_s)
        if until_s <= now_s:
            raise click.UsageError("its time would be over already")
        said["until_s"] = until_s
    return said


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name}")


def _refuse_unknown(what: str, names: object, known: Collection[str]) -> None:
    for name in names if isinstance(names, tuple) else ():
        if name not in known:
            hint = did_you_mean(name, known) or f"it has {', '.join(sorted(known))}"
            raise click.UsageError(f"the policy has no {what} '{name}'; {hint}")
