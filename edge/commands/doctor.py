"""`sentrypost doctor`"""

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands.common import coloured, config_option, json_option, painted, state_named_in
from edge.failed import FAILED
from edge.present import Line, clean
from edge.tone import Tone

if TYPE_CHECKING:
    from edge.doctor import Check, Named

ROOT = Path("/")


def checks() -> Mapping[str, "Check"]:
    """Every check there is, in the order in which its findings are told."""
    from edge import (
        doctor_biometrics,
        doctor_devices,
        doctor_faces,
        doctor_orders,
        doctor_outside,
        doctor_pictures,
        doctor_ports,
        doctor_records,
        doctor_secrets,
        doctor_volumes,
    )

    return {
        "site file": doctor_outside.site_file,
        "state folder": doctor_secrets.state_folder,
        "keys": doctor_secrets.keys,
        "stray keys": doctor_secrets.strays,
        "orders": doctor_orders.orders,
        "encryption": doctor_volumes.encryption,
        "room": doctor_volumes.room,
        "ports": doctor_ports.ports,
        "devices": doctor_devices.devices,
        "biometrics": doctor_biometrics.biometrics,
        "faces": doctor_faces.faces,
        "pictures": doctor_pictures.pictures,
        "clock": doctor_outside.clock,
        "time zones": doctor_outside.time_zones,
        "journal": doctor_records.journal,
        "reports": doctor_records.reports,
        "broker": doctor_outside.broker,
        "certificates": doctor_outside.certificates,
        "service": doctor_outside.service,
    }


@click.command()
@config_option
@click.option(
    "--volume",
    "volumes",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Where further records lie, as an archive or backups; can be given several times.",
)
@json_option
def doctor(config: Path, volumes: tuple[Path, ...], as_json: bool) -> None:
    """Look whether an edge is well, and say what to do where it is not. Nothing is changed.

    Works beside a running edge and without one. The exit code is 1 where something has failed, and
    0 where there are warnings alone.
    """
    from edge.config import ConfigError, load_config
    from edge.doctor import Machine, Patient, findings

    try:
        site, mistakes = load_config(config), 0
    except ConfigError as error:
        site, mistakes = None, len(error.problems)
    patient = Patient(
        file=config.resolve(),
        state=state_named_in(config) if site is None else site.state,
        config=site,
        mistakes=mistakes,
        volumes=volumes,
        machine=Machine(ROOT, time.time()),
        progress=_progress,
    )
    told(findings(patient, checks()), as_json=as_json)


def told(findings: "Iterable[Named]", *, as_json: bool) -> None:
    """Each as it is found. Ends with FAILED where something has failed."""
    from edge.doctor import Verdict

    found = []
    for one in findings:
        found.append(one)
        if not as_json:
            _tell(one)
    well = all(one.verdict is not Verdict.FAIL for one in found)
    if as_json:
        click.echo(msgspec.json.encode({"ok": well, "findings": found}))
    if not well:
        sys.exit(FAILED)


def _tell(one: "Named") -> None:
    tones = {"ok": Tone.PLAIN, "warn": Tone.FAULT, "fail": Tone.ALARM}
    text = clean(f"{one.verdict:<4}  {one.check:<13}{one.said}")
    if one.remedy:
        text += clean(f"; {one.remedy}")
    click.echo(painted(Line(tones[one.verdict], text)), color=coloured())


def _progress(done: int, total: int) -> None:
    """On a terminal only, and on standard error: what is piped stays clean."""
    if sys.stderr.isatty():
        end = "" if done < total else "\r\x1b[K"
        click.echo(f"\rproving the journal: {done} of {total} entries{end}", nl=False, err=True)
