"""`sentrypost report`: who is inside, how the doors stand, how much happened."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path

import click
import msgspec

from controller.portal import Contact, State
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
from edge.commands.report_source import People, Reports, closed, opened, rebuilt_by
from edge.commands.status import span
from edge.present import Line, clean, local
from edge.tone import Tone
from edge.views_query import BY, Counted, Door, Inside, counts, doors, inside
from policies.codes import TEXTS, Code

DAY = "%Y-%m-%d"

ALARMING = frozenset({State.FORCED, State.HELD, State.FAULT, State.UNKNOWN})


@click.group()
def report() -> None:
    """What the journal comes to: who is inside, how the doors stand, counts by day.

    A running edge keeps it in views.db, a second or so behind; where none runs it is brought up
    first. The journal alone is the truth.
    """


@report.command("inside")
@click.option("--zone", help="Who was seen last in this zone alone.")
@state_option
@json_option
def inside_(zone: str | None, state: Path, as_json: bool) -> None:
    """Show who is inside as far as doors tell, where, since when, and how many a zone holds."""
    with opened(state) as reports:
        _refuse_unknown(reports)
        found = inside(reports.database, zone)
        ids = {row.holder for row in found.people} | {row.host for row in found.people if row.host}
        people = reports.named(sorted(ids))
        if as_json:
            click.echo(_json(reports, _inside_json(found, people)))
            return
        _tell(reports, _inside_lines(found, people, reports))


@report.command("doors")
@state_option
@json_option
def doors_(state: Path, as_json: bool) -> None:
    """Show how every door stands and since when."""
    with opened(state) as reports:
        _refuse_unknown(reports)
        found = doors(reports.database)
        if as_json:
            click.echo(_json(reports, {"doors": found}))
            return
        zone = zone_named(reports.basis.timezone)
        _tell(reports, table("doors", [_door(door, zone) for door in found]))


@report.command("counts")
@click.option(
    "--by",
    type=click.Choice(BY),
    multiple=True,
    default=("day",),
    show_default=True,
    help="What to count by; can be given several times.",
)
@click.option("--since", type=click.DateTime([DAY]), help="The first day, by the site's wall.")
@click.option("--until", type=click.DateTime([DAY]), help="The last day, which is included.")
@state_option
@json_option
def counts_(
    by: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    state: Path,
    as_json: bool,
) -> None:
    """Show how many entries the journal has: by day, portal, kind, or reason of a decision."""
    columns = tuple(dict.fromkeys(by))
    first = None if since is None else since.strftime(DAY)
    last = None if until is None else until.strftime(DAY)
    with opened(state) as reports:
        found = counts(reports.database, columns, first, last)
        if as_json:
            click.echo(_json(reports, {"counts": found}))
            return
        _tell(reports, table("entries", [_counted(one, columns) for one in found]))


@report.command()
@state_option
@json_option
def rebuild(state: Path, as_json: bool) -> None:
    """Make views.db anew from the journal; nothing else is touched."""
    from edge.control.client import Client, ControlClientError, NoDaemonError

    try:
        with Client(state) as client:
            entries = rebuilt_by(client)
    except NoDaemonError:
        with closed(state, anew=True) as reports:
            entries = reports.basis.at.seq
    except ControlClientError as error:
        raise failed_by(error) from error
    if as_json:
        click.echo(msgspec.json.encode({"seq": entries}))
    else:
        click.echo(f"made anew from the journal, up to entry {entries}")


def _refuse_unknown(reports: Reports) -> None:
    """Raises Failed where a rebuild has not come to where the state is known."""
    if not reports.basis.knows_state:
        raise Failed(
            f"the journal's first entries are pruned, and what came before entry "
            f"{reports.basis.reach.state_from} is being counted still: nothing is known of doors",
            "ask again in a while",
        )


# --- what is said -----------------------------------------------------------------------------


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of a report in JSON rest on. `behind`: newer entries that are not in them."""

    seq: int
    utc: str
    clock_trusted: bool
    timezone: str
    running: bool
    behind: int
    counted_from: int
    state_from: int
    trouble: str


class PersonInside(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody inside, in JSON; `person` and `name` are empty where nobody is on file."""

    holder: str
    person: str
    name: str
    zone: str
    since_s: int | None
    entered_s: int | None
    overstayed: bool
    host: str | None
    party: int


def _json(reports: Reports, content: Mapping[str, object]) -> bytes:
    at, reach = reports.basis.at, reports.basis.reach
    zone = zone_named(reports.basis.timezone)
    as_of = AsOf(
        seq=at.seq,
        utc=local(at.utc_us, zone, sep="T"),
        clock_trusted=at.clock_trusted,
        timezone=reports.basis.timezone,
        running=reports.running,
        behind=reports.behind,
        counted_from=reach.counted_from,
        state_from=reach.state_from,
        trouble=reports.trouble,
    )
    return msgspec.json.encode({"as_of": as_of, **content})


def _inside_json(found: Inside, people: People) -> Mapping[str, object]:
    rows = []
    for row in found.people:
        person, name = people.known.get(row.holder, ("", ""))
        fields = msgspec.structs.asdict(row)
        rows.append(PersonInside(person=person, name=name, **fields))
    return {"people": rows, "zones": found.zones}


def _tell(reports: Reports, lines: Iterator[Line]) -> None:
    for line in (*_heading(reports), *lines):
        click.echo(painted(line), color=coloured())


def _heading(reports: Reports) -> Iterator[Line]:
    """How old it is, and everything that keeps it from being what it looks like."""
    at = reports.basis.at
    zone = zone_named(reports.basis.timezone)
    ago = span(time.time_ns() // 1_000 - at.utc_us)
    doubt = "" if at.clock_trusted else " (by a clock that nobody vouched for)"
    when = f"{local(at.utc_us, zone)}{doubt}, {ago} ago" if at.utc_us else "nothing is recorded yet"
    yield Line(Tone.PLAIN, f"as of entry {at.seq}, {when}")
    if reports.behind:
        said = f"BEHIND: {reports.behind} newer entries are not in it"
        yield Line(Tone.FAULT, f"{said}; {clean(reports.trouble)}" if reports.trouble else said)
    if not reports.running:
        yield Line(
            Tone.NOTICE, "NO EDGE RUNS here: what has happened since is not known to anybody"
        )
    if reports.basis.reach.counted_from > 1:
        first = reports.basis.reach.counted_from
        yield Line(Tone.PLAIN, f"counted from entry {first} on: earlier ones are pruned")


def _inside_lines(found: Inside, people: People, reports: Reports) -> Iterator[Line]:
    zone = zone_named(reports.basis.timezone)
    rows: list[Row] = []
    for row in found.people:
        person, name = people.row(row.holder)
        since = "?" if row.since_s is None else local(row.since_s * 1_000_000, zone)
        marks = []
        if row.host is not None:
            marks.append(f"escorted by {people.row(row.host)[1]}")
        if row.party:
            marks.append(f"and {row.party} of a party")
        if row.overstayed:
            marks.append("TOO LONG")
        tone = Tone.NOTICE if row.overstayed else Tone.PLAIN
        rows.append((tone, (row.zone, person, name, f"since {since}", ", ".join(marks))))
    yield from table("people who are known to be inside", rows)
    held = [(Tone.PLAIN, (row.zone, f"{row.people}")) for row in found.zones]
    yield from table("how many each zone holds, zones within it and unknown people included", held)


def _door(door: Door, zone: tzinfo) -> Row:
    alarming = door.state in ALARMING
    state = str(door.state).upper() if alarming else str(door.state)
    leaf = "leaf not known" if door.contact is Contact.UNKNOWN else f"leaf {door.contact}"
    bolt = {None: "", True: ", bolt thrown", False: ", bolt drawn"}[door.bolted]
    marks = [
        mark
        for mark, holds in (
            ("RELEASED for the way out", door.released),
            ("kept shut for entry", door.secured),
            ("open by schedule", door.leased),
            ("LOCK DOES NOT ANSWER", not door.linked),
        )
        if holds
    ]
    doubt = "" if door.since_trusted else "?"
    since = f"since {local(door.since_utc_us, zone)}{doubt} #{door.since_seq}"
    tone = Tone.ALARM if alarming or door.released else Tone.PLAIN
    if tone is Tone.PLAIN and not door.linked:
        tone = Tone.FAULT
    return tone, (door.portal, state, leaf + bolt, since, ", ".join(marks))


def _counted(one: Counted, columns: tuple[str, ...]) -> Row:
    shown = [_cell(one, column) for column in columns]
    drills = f"{one.drills} of drills" if one.drills else ""
    return Tone.PLAIN, (*shown, f"{one.entries}", drills)


def _cell(one: Counted, column: str) -> str:
    if column == "code" and one.code is not None:
        known = one.code in set(Code)
        return f"{one.code} {TEXTS[Code(one.code)]}" if known else f"{one.code}"
    return str(getattr(one, column))
