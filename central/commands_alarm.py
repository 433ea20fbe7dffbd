"""`sentrypost central alarm`: what somebody has to see to, at every site."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from central.control_client import CentralClient
from central.control_commands import NOT_ALL, json_option, state_option, when
from central.control_messages import WAIT_S_MAX, EdgeAlarm
from controller.alarm_kinds import rule_of
from edge.alarm_words import AlarmWord, signed
from edge.commands.alarm import URGENCY, WORDS
from edge.commands.common import passphrase
from edge.commands.lockdown import key_option
from edge.control.calling import ControlClientError
from edge.failed import Failed, failed_by
from edge.key_files import KeyFileError
from edge.present import clean
from edge.signing_keys import load_signing_key
from edge.wire import SetOutcome
from edge.wire_alarms import AlarmNow

WAIT_S = 5.0

_PLACE = re.compile(r"(?P<site>[a-z0-9_-]+)/(?P<edge>[a-z0-9_-]+)#(?P<number>[0-9]{1,16})")


@click.group()
def alarm() -> None:
    """Alarms of every edge that are open, as each edge says it now."""


@alarm.command("list")
@click.option("--site", default="", help="Of this site alone.")
@state_option
@json_option
def list_(site: str, state: Path, as_json: bool) -> None:
    """Show the alarms that are open, the most urgent first.

    An edge that is AWAY may have more by now, and what it said last may be over.
    """
    try:
        with CentralClient(state) as central:
            on_wire, found = central.alarms(site)
    except ControlClientError as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode({"on_wire": on_wire, "alarms": found}))
        return
    if not on_wire:
        click.echo("central has no broker: these are the last that it heard", err=True)
    for line in lines(found):
        click.echo(clean(line))


@alarm.command()
@click.argument("which", metavar="SITE/EDGE#NUMBER")
@key_option
@click.option("--reason", default="", help="What you have seen; it may name people.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, WAIT_S_MAX),
    default=WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the edge.",
)
@state_option
@json_option
def acknowledge(
    which: str, key_file: Path, reason: str, wait_s: float, state: Path, as_json: bool
) -> None:
    """Say that you have seen an alarm, as it is shown now. Your key signs it.

    The site file of the edge names that key with may = ["alarm"]. What was told again since is not
    acknowledged by it. An edge that is away is not asked later: the exit code is 3 then.
    """
    place = _PLACE.fullmatch(which)
    if place is None:
        raise click.BadParameter("write SITE/EDGE#NUMBER", param_hint="SITE/EDGE#NUMBER")
    try:
        key = load_signing_key(key_file, passphrase)
        with CentralClient(state) as central:
            shown = _shown(central, place["site"], place["edge"], int(place["number"]))
            word = AlarmWord(
                site=place["site"],
                edge=place["edge"],
                incarnation=shown.incarnation,
                alarm=shown.alarm,
                last=shown.last,
                reason=reason,
            )
            done = central.acknowledge_alarm(signed(word, key), wait_s)
    except (ControlClientError, KeyFileError) as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
    if done.outcome is None:
        click.echo(clean(f"{done.reason}; {done.remedy}"), err=True)
        sys.exit(NOT_ALL)
    if done.outcome is not SetOutcome.APPLIED:
        raise Failed(clean(done.reason or "it is not on record"), clean(done.remedy))
    if not as_json:
        click.echo(clean(f"{which} is acknowledged"))


def _shown(central: CentralClient, site: str, edge: str, number: int) -> AlarmNow:
    _, found = central.alarms(site)
    for one in found:
        if (one.edge, one.alarm.alarm) == (edge, number):
            return one.alarm
    raise Failed(
        clean(f"no alarm {site}/{edge}#{number} is open, as far as central knows"),
        "`sentrypost central alarm list` names those that are",
    )


def lines(found: list[EdgeAlarm]) -> Iterator[str]:
    """One for each alarm."""
    if not found:
        yield "no alarm is open"
    for one in found:
        alarm_, away = one.alarm, "" if one.connected else ", AWAY"
        told = f", {alarm_.count} times, last {when(alarm_.last_us)}" if alarm_.count > 1 else ""
        drill = "DRILL: " if alarm_.drill else ""
        about = f" ({alarm_.source})" if alarm_.source else ""
        yield (
            f"{URGENCY[alarm_.priority]}  {one.site}/{one.edge}#{alarm_.alarm}{away}  "
            f"{drill}{rule_of(alarm_.kind).title}{about}: {WORDS[alarm_.state]}, "
            f"since {when(alarm_.first_us)}{told}"
        )
