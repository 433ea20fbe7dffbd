"""`sentrypost alarm`: what somebody has to see to, and what was done about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

import click
import msgspec

from controller.alarm import State
from controller.alarm_kinds import Priority
from controller.events_alarms import AlarmCause
from edge.commands.common import (
    Failed,
    Row,
    coloured,
    failed_by,
    json_option,
    painted,
    state_option,
    table,
    zone_named,
)
from edge.commands.following import Following
from edge.control.client import ControlClientError
from edge.control.client_alarms import AlarmClient
from edge.control.messages_alarms import (
    Acknowledge,
    AddNote,
    AlarmSaid,
    AlarmShown,
    AlarmsReply,
    AlarmStep,
    Assign,
    Close,
)
from edge.present import Line, clean, local
from edge.tone import Tone

WORDS = {
    State.RAISED: "RAISED, still so",
    State.CLEARED: "RAISED, over",
    State.HAPPENED: "RAISED",
    State.ACKNOWLEDGED: "acknowledged, still so",
    State.IN_HAND: "acknowledged",
    State.CLOSED: "closed",
}
URGENCY = {
    Priority.LIFE: "1 life",
    Priority.INTRUSION: "2 intrusion",
    Priority.BLIND: "3 blind",
    Priority.ATTENTION: "4 attention",
}


@contextmanager
def _connected(state: Path) -> Iterator[AlarmClient]:
    try:
        with AlarmClient(state) as daemon:
            yield daemon
    except ControlClientError as error:
        raise failed_by(error) from error


class _Listing(click.Group):
    """Without a command it lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Listing)
def alarm() -> None:
    """What somebody has to see to; without a command: what is open, the most urgent first.

    An alarm is called by the number of the entry that raised it. It opens and locks nothing. What
    is still so closes by itself once somebody has acknowledged it and it is over; what was a moment
    is closed by somebody who says what it was.
    """


@alarm.command("list")
@click.option("--all", "closed", is_flag=True, help="With those that closed last.")
@json_option
@state_option
def list_(closed: bool, as_json: bool, state: Path) -> None:
    """List the alarms that are open."""
    with _connected(state) as daemon:
        reply, shown = daemon.all_alarms(open_only=not closed)
    if as_json:
        click.echo(msgspec.json.encode(shown))
        return
    zone = zone_named(reply.timezone)
    for line in table(_head(reply), [_row(one, zone) for one in shown]):
        click.echo(painted(line), color=coloured())


number = click.argument("number", type=click.IntRange(min=1))


@alarm.command()
@number
@json_option
@state_option
def show(number: int, as_json: bool, state: Path) -> None:
    """Show alarm NUMBER with everything that was said to it."""
    with _connected(state) as daemon:
        reply, shown = daemon.all_alarms(open_only=False)
    found = next((one for one in shown if one.alarm == number), None)
    if found is None:
        raise Failed(
            f"no alarm {number} is open or kept",
            "`sentrypost alarm list --all` names them; the journal has every one",
        )
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for line in _page(found, zone_named(reply.timezone)):
        click.echo(painted(line), color=coloured())


@alarm.command()
@number
@click.option("--reason", default="", help="What you have seen; it may name people.")
@json_option
@state_option
def acknowledge(number: int, reason: str, as_json: bool, state: Path) -> None:
    """Say that you have seen alarm NUMBER. It is recorded under your account's name."""
    _answered(state, number, Acknowledge(reason=reason), as_json=as_json)


@alarm.command()
@number
@click.argument("person")
@json_option
@state_option
def assign(number: int, person: str, as_json: bool, state: Path) -> None:
    """Let PERSON see to alarm NUMBER: the id that the file of people has."""
    _answered(state, number, Assign(person=person), as_json=as_json)


@alarm.command()
@number
@click.argument("text")
@json_option
@state_option
def note(number: int, text: str, as_json: bool, state: Path) -> None:
    """Write TEXT down about alarm NUMBER. It may name people: it stands beside the record."""
    if not text.strip():
        raise click.BadParameter("there is nothing in it", param_hint="TEXT")
    _answered(state, number, AddNote(text=text), as_json=as_json)


@alarm.command()
@number
@click.option(
    "--cause",
    type=click.Choice([str(one) for one in AlarmCause]),
    required=True,
    help="What it turned out to be; `other` is told in a note.",
)
@json_option
@state_option
def close(number: int, cause: str, as_json: bool, state: Path) -> None:
    """Close alarm NUMBER, which was a moment and was acknowledged."""
    _answered(state, number, Close(cause=AlarmCause(cause)), as_json=as_json)


@alarm.command()
@json_option
@state_option
def watch(as_json: bool, state: Path) -> None:
    """Show the alarms that are open, and then every change, until Ctrl-C.

    With --json each change is one line. A daemon that restarts is waited for.
    """
    with _connected(state):
        pass  # what is not there at all is told at once
    Watcher(state, as_json=as_json).forever()


class Watcher(Following):
    """Shows what `follow_alarms` tells."""

    def __init__(self, state: Path, *, as_json: bool) -> None:
        super().__init__()
        self._state = state
        self._as_json = as_json

    def follow(self) -> None:
        """Show changes until the connection ends, which is a ControlClientError."""
        with AlarmClient(self._state) as daemon:
            for reply in daemon.follow_alarms():
                self.heard()
                if isinstance(reply, AlarmsReply):
                    self._show(reply)

    def _show(self, reply: AlarmsReply) -> None:
        zone = zone_named(reply.timezone)
        if not reply.changes and not reply.begin and not self._as_json:
            click.echo(clean(f"{local(reply.utc_us, zone)}  {_head(reply)}; Ctrl-C ends this"))
        for one in reply.alarms:
            if self._as_json:
                click.echo(msgspec.json.encode(one))
                continue
            tone, cells = _row(one, zone)
            click.echo(painted(Line(tone, clean("  ".join(cells)))), color=coloured())


def _answered(state: Path, number: int, step: AlarmStep, *, as_json: bool) -> None:
    with _connected(state) as daemon:
        reply = daemon.answer_alarm(number, step)
        zone = zone_named(daemon.alarms(open_only=True).timezone)
    if as_json:
        click.echo(msgspec.json.encode(reply))
    if not reply.accepted:
        raise Failed(clean(f"alarm {number}: {reply.reason}"), clean(reply.remedy))
    if reply.alarm is not None and not as_json:
        for line in _page(reply.alarm, zone):
            click.echo(painted(line), color=coloured())
    if not reply.recorded:
        raise Failed(
            "it holds from here on and is not on record: the journal cannot be written",
            "mend the disk; if the power goes before, do it again",
        )


# --- as lines -----------------------------------------------------------------------------------


def _head(reply: AlarmsReply) -> str:
    if not reply.opened:
        return "alarms"
    return f"alarms: {reply.opened} open, {reply.unseen} of them acknowledged by nobody"


def _tone(one: AlarmShown) -> Tone:
    if one.state is State.CLOSED or one.drill:
        return Tone.PLAIN
    return Tone.NOTICE if one.acknowledged is not None else Tone.ALARM


def _row(one: AlarmShown, zone: tzinfo) -> Row:
    told = f"{one.count} times, last {local(one.last_utc_us, zone)}" if one.count > 1 else ""
    whose = "" if one.assigned is None else f"for {one.assigned.name or one.assigned.holder}"
    return _tone(one), (
        str(one.alarm),
        URGENCY[one.priority],
        WORDS[one.state],
        local(one.first_utc_us, zone) + ("" if one.first_trusted else "?"),
        ("DRILL: " if one.drill else "") + one.title,
        one.name or one.source,
        whose,
        told,
    )


def _page(one: AlarmShown, zone: tzinfo) -> Iterator[Line]:
    rows: list[tuple[str, str]] = [
        ("about", f"{one.source_kind} {one.source} {one.name}".rstrip()),
        ("urgency", f"{URGENCY[one.priority]}: {one.why}"),
        ("state", WORDS[one.state]),
        ("first", local(one.first_utc_us, zone) + ("" if one.first_trusted else "?")),
    ]
    if one.count > 1:
        rows.append(("last", f"{local(one.last_utc_us, zone)}, {one.count} times in all"))
    if one.over_utc_us is not None:
        rows.append(("over", local(one.over_utc_us, zone)))
    if one.acknowledged is not None:
        rows.append(("acknowledged", _said(one.acknowledged, zone)))
    if one.assigned is not None:
        rows.append(("sees to it", one.assigned.name or str(one.assigned.holder)))
    if one.noted > len(one.notes):
        rows.append(("notes", f"the newest {len(one.notes)} of {one.noted}"))
    rows += [("note", _said(note, zone)) for note in one.notes]
    if one.closed is not None:
        rows.append(("closed", f"as {one.cause}, {_said(one.closed, zone)}"))
    title = f"{'DRILL: ' if one.drill else ''}{one.title} (alarm {one.alarm})"
    tones = [_tone(one) if name == "state" else Tone.PLAIN for name, _ in rows]
    return table(title, list(zip(tones, rows, strict=True)))


def _said(said: AlarmSaid, zone: tzinfo) -> str:
    by = said.who or "somebody whose name is not kept"
    return f"{local(said.utc_us, zone)} {by}" + (f": {said.text}" if said.text else "")
