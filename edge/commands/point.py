"""`sentrypost point`: alarm points, what arms them, local sources and barriers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands.common import (
    Row,
    connected,
    json_option,
    painted,
    state_option,
    table,
    told_of_visit,
    zone_named,
)
from edge.tone import Tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from edge.control.messages_perimeter import PerimeterReply, PointShown
    from edge.present import Line

UNSUPERVISED = "two states: a cut is not seen"


class _Listing(click.Group):
    """Without a command it lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Listing)
def point() -> None:
    """Alarm points, arming, key switches and barriers; without a command: how they are."""


@point.command("list")
@json_option
@state_option
def listed(as_json: bool, state: Path) -> None:
    """Every point, set, source and barrier, as it is now."""
    with connected(state) as daemon:
        reply = daemon.perimeter()
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    for line in _lines(reply, zone_named(reply.timezone)):
        click.echo(painted(line))


person_option = click.option(
    "--person", required=True, help="Who wants it: the id that the file of people has."
)


@point.command()
@click.argument("set_", metavar="SET")
@person_option
@state_option
@json_option
def arm(set_: str, person: str, state: Path, as_json: bool) -> None:
    """Watch the zones of SET from now on. What is active then alarms at once."""
    _arm(set_, person, state, armed=True, as_json=as_json)


@point.command()
@click.argument("set_", metavar="SET")
@person_option
@state_option
@json_option
def disarm(set_: str, person: str, state: Path, as_json: bool) -> None:
    """Let activity in the zones of SET alarm nobody; what is wrong with a line still does.

    The policy says whose roles may. It holds until the set's schedule next changes.
    """
    _arm(set_, person, state, armed=False, as_json=as_json)


def _arm(set_: str, person: str, state: Path, *, armed: bool, as_json: bool) -> None:
    from edge.control.messages_perimeter import Arm

    step = Arm(arming=set_, armed=armed, person=person)
    with connected(state) as daemon:
        told_of_visit(daemon.change_perimeter(step), "done", as_json=as_json)


@point.command()
@click.argument("point_", metavar="POINT")
@person_option
@click.option("--reason", required=True, help="Stands in the record as it is: name nobody in it.")
@click.option(
    "--minutes", required=True, type=click.IntRange(1, 24 * 60), help="Until it watches again."
)
@state_option
@json_option
def shunt(point_: str, person: str, reason: str, minutes: int, state: Path, as_json: bool) -> None:
    """Let activity at POINT alarm nobody for a time.

    A cut, a short or a mask is told all the same. A restart of the edge ends it.
    """
    from edge.control.messages_perimeter import Shunt

    step = Shunt(point=point_, person=person, reason=reason, minutes=minutes)
    with connected(state) as daemon:
        told_of_visit(daemon.change_perimeter(step), "done", as_json=as_json)


@point.command()
@click.argument("point_", metavar="POINT")
@state_option
@json_option
def unshunt(point_: str, state: Path, as_json: bool) -> None:
    """Let POINT watch again, before its time."""
    from edge.control.messages_perimeter import EndShunt

    with connected(state) as daemon:
        done = daemon.change_perimeter(EndShunt(point=point_))
        told_of_visit(done, "done", as_json=as_json)


# --- how they are -------------------------------------------------------------------------------

_ALARMS = frozenset({"alarm", "masked", "stuck", "fault"})


def _lines(reply: "PerimeterReply", zone: "tzinfo") -> "Iterator[Line]":
    yield from table("alarm points", [_point(one, zone) for one in reply.points])
    yield from table(
        "arming",
        [
            (
                Tone.PLAIN if one.armed else Tone.NOTICE,
                (
                    one.id,
                    "armed" if one.armed else "DISARMED",
                    ", ".join(one.zones),
                    f"schedule {one.schedule}" if one.schedule else "by hand",
                ),
            )
            for one in reply.armings
        ],
    )
    yield from table(
        "local sources",
        [
            (
                Tone.PLAIN if one.line in {"quiet", "active"} else Tone.ALARM,
                (one.id, one.line, f"gives {one.gives}", "" if one.supervised else UNSUPERVISED),
            )
            for one in reply.sources
        ],
    )
    yield from table(
        "barriers",
        [
            (
                Tone.ALARM if one.barrier.state == "jammed" else Tone.PLAIN,
                (one.portal, one.barrier.state, f"loop {one.barrier.loop}"),
            )
            for one in reply.barriers
        ],
    )


def _point(one: "PointShown", zone: "tzinfo") -> Row:
    from edge.present import local

    state = one.line if one.state == "fault" else one.state
    watched = "watched" if one.watched else "not armed"
    if one.shunted_until_utc_us is not None:
        watched = f"SHUNTED until {local(one.shunted_until_utc_us, zone)}"
    tone = Tone.ALARM if one.state in _ALARMS else Tone.PLAIN
    notes = "" if one.supervised else UNSUPERVISED
    return tone, (one.id, str(state).upper() if tone else state, watched, one.kind, one.zone, notes)
