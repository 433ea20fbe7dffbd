"""`sentrypost muster`: who has to be looked for, and who was seen safe."""

import time
from collections.abc import Callable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from controller.muster import Confidence, Going, Listed, ZoneCount
from controller.sightings import Doubt
from edge.commands.common import (
    Row,
    coloured,
    connected,
    failed_by,
    json_option,
    painted,
    state_option,
    table,
    told_of_visit,
    zone_named,
)
from edge.commands.status import span
from edge.present import Line, local
from edge.tone import Tone

if TYPE_CHECKING:
    from edge.control.messages_muster import (
        MusterExtra,
        MusterHead,
        MusterPerson,
        MusterReply,
        Step,
    )

WATCH_S = 1.0
"""Between two looks of `--watch`."""

AGED_S = 15.0
"""How old the ages on a screen may get that shows nothing new."""

TRIES_MAX = 5
"""Of reading a roll of many pages at one moment; then it is shown as it came."""

ASSEMBLY = "assembly"

WORDS = {
    Confidence.PASSAGE: "passage seen",
    Confidence.WITH_HOST: "seen with host",
    Confidence.PERSON: "seen by somebody",
    Confidence.GRANT: "grant only",
    Confidence.UNKNOWN: "UNKNOWN",
}
DOUBTS = {
    Doubt.EXIT: "somebody left unasked",
    Doubt.RELEASE: "the ways out were freed",
    Doubt.RESTART: "the edge did not run",
}


class _Listing(click.Group):
    """Without a command it lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


class Whole(NamedTuple):
    """A roll, with all its pages."""

    head: "MusterHead"
    people: "tuple[MusterPerson, ...]"
    extra: "tuple[MusterExtra, ...]"


@click.group(cls=_Listing)
def muster() -> None:
    """Who has to be looked for, by the doors' last word, and who was seen safe.

    A muster begins with an evacuation, or with `begin`, and ends with `end`. Nobody is let in or
    kept in by any of it. Without a command the roll is listed.
    """


@muster.command("list")
@click.option("--zone", help="Who was seen last in this zone alone.")
@click.option("--missing", is_flag=True, help="Without those who are checked off.")
@click.option("--watch", is_flag=True, help="Again with every change, until Ctrl-C.")
@state_option
@json_option
def list_(zone: str | None, missing: bool, watch: bool, state: Path, as_json: bool) -> None:
    """Show everybody who came in and was not seen leaving, and how well that is known.

    UNKNOWN: may have left since then. A running edge is asked; where none runs, its journal is read
    and nothing is changed.
    """

    def show(whole: Whole) -> None:
        chosen = _chosen(whole, zone, missing=missing)
        if as_json:
            click.echo(_json(chosen))
            return
        for line in _lines(chosen):
            click.echo(painted(line), color=coloured())

    if watch:
        _watch(state, show, clear=not as_json)
    else:
        show(_read(state))


@muster.command()
@state_option
@json_option
def begin(state: Path, as_json: bool) -> None:
    """Begin a muster by hand: nobody is checked off."""
    from edge.control.messages_muster import BeginMuster

    _change(state, BeginMuster(), as_json=as_json)


@muster.command()
@click.argument("name")
@click.option(
    "--at",
    "where",
    default=ASSEMBLY,
    show_default=True,
    metavar="PLACE",
    help="A zone of the site, or an assembly point outside it.",
)
@state_option
@json_option
def check(name: str, where: str, state: Path, as_json: bool) -> None:
    """Check NAME off: you see the person, who is safe.

    NAME is the id that the file of people has, the name, or a part of it that is enough. Your
    account's name is recorded. Once more, somewhere else, moves the person.
    """
    from edge.control.messages_muster import CheckPerson

    _change(state, CheckPerson(person=name, where=_place(where)), as_json=as_json)


@muster.command()
@click.argument("name")
@state_option
@json_option
def uncheck(name: str, state: Path, as_json: bool) -> None:
    """Take a check back: it was not NAME, who is looked for again."""
    from edge.control.messages_muster import UndoCheck

    _change(state, UndoCheck(person=name), as_json=as_json)


@muster.command()
@state_option
@json_option
def end(state: Path, as_json: bool) -> None:
    """End the muster: whoever was found outside is looked for no more."""
    from edge.control.messages_muster import EndMuster

    _change(state, EndMuster(), as_json=as_json)


def _place(where: str) -> str:
    from policies.document import valid_id

    if not valid_id(where):
        raise click.BadParameter("a place is named by a-z, 0-9, '-' and '_'", param_hint="--at")
    return where


def _change(state: Path, step: "Step", *, as_json: bool) -> None:
    with connected(state) as client:
        told_of_visit(client.change_muster(step), "muster", as_json=as_json)


# --- reading ------------------------------------------------------------------------------------


def _read(state: Path) -> Whole:
    """Of the daemon; of the closed files where none runs. Raises Failed."""
    from edge.control.client import Client, ControlClientError, NoDaemonError

    try:
        with Client(state) as client:
            return gathered(client.muster)
    except NoDaemonError:
        return _closed(state)
    except ControlClientError as error:
        raise failed_by(error) from error


def gathered(page: "Callable[[int], MusterReply]") -> Whole:
    """All pages of one roll: begun again where it changes meanwhile."""
    for _ in range(TRIES_MAX):
        reply = first = page(0)
        people = {one.listed.holder: one for one in first.people}
        extra = {one.holder: one for one in first.extra}
        begin = len(first.people) or len(first.extra)
        while reply.people or reply.extra:
            reply = page(begin)
            people |= {one.listed.holder: one for one in reply.people}
            extra |= {one.holder: one for one in reply.extra}
            begin += max(len(reply.people), len(reply.extra))
        if reply.head.seq == first.head.seq:
            break
    return Whole(first.head, tuple(people.values()), tuple(extra.values()))


def _closed(state: Path) -> Whole:
    from controller.events import EntryError
    from controller.muster import roll
    from edge.commands.report_source import closed_timezone, progress, progress_over
    from edge.control.place import PEOPLE_FILE
    from edge.failed import Failed
    from edge.journal import JournalError
    from edge.muster_closed import closed_state
    from edge.muster_desk import page
    from edge.people import People, PeopleError
    from edge.people.records import Roll

    try:
        known = closed_state(state, progress)
    except JournalError as error:
        raise failed_by(error) from error
    except EntryError as error:
        raise Failed(
            str(error), "a newer version wrote it, or it was damaged: `sentrypost journal verify`"
        ) from error
    progress_over()
    on_file = Roll()
    try:
        with People.open(state / PEOPLE_FILE) as people:
            on_file = people.roll
    except (PeopleError, OSError) as error:
        click.echo(f"nobody can be named: {error}", err=True)
    now_s = int(time.time())
    rolled = roll(known, now_s)
    timezone = closed_timezone(state)
    return gathered(
        lambda begin: page(
            rolled, on_file, begin, utc_s=now_s, trusted=True, timezone=timezone, running=False
        )
    )


def _watch(state: Path, show: Callable[[Whole], None], *, clear: bool) -> None:
    """Show it again with every change; a daemon that restarts is waited for."""
    from edge.control.client import Client, ControlClientError

    shown: object = None
    shown_s, said = 0.0, ""
    while True:
        try:
            with Client(state) as client:
                while True:
                    whole, now_s = gathered(client.muster), time.monotonic()
                    aged = clear and coloured() and now_s - shown_s > AGED_S
                    if _news(whole) != shown or aged:
                        if clear and coloured():
                            click.clear()
                        show(whole)
                        shown, shown_s, said = _news(whole), now_s, ""
                    time.sleep(WATCH_S)
        except ControlClientError as error:
            if str(error) != said:
                click.echo(f"-- {error}; trying again", err=True)
            said = str(error)
        time.sleep(WATCH_S)


def _news(whole: Whole) -> object:
    """Whatever is worth showing again: entries about something else and ages are not."""
    people = [msgspec.structs.replace(one.listed, age_s=None) for one in whole.people]
    return whole.head.muster, whole.head.zones, people, whole.extra


# --- what is said -------------------------------------------------------------------------------


def _chosen(whole: Whole, zone: str | None, *, missing: bool) -> Whole:
    people = (
        one
        for one in whole.people
        if (zone is None or zone in (one.listed.zone, one.listed.perhaps))
        and (not missing or one.listed.missing)
    )
    extra = () if missing or zone is not None else whole.extra
    zones = tuple(count for count in whole.head.zones if zone in (None, count.zone))
    head = msgspec.structs.replace(whole.head, zones=zones)
    return Whole(head, tuple(people), extra)


class _Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the roll, in JSON; `person` and `name` are empty where nobody is on file."""

    person: str
    name: str
    host_name: str
    missing: bool
    seen: Listed


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The roll in JSON."""

    seq: int
    utc_s: int
    clock_trusted: bool
    timezone: str
    running: bool
    muster: Going | None
    listed: int
    missing: int
    unknown: int
    checked: int
    zones: tuple[ZoneCount, ...]
    people: tuple[_Person, ...]
    extra: "tuple[msgspec.Struct, ...]"


def _json(whole: Whole) -> bytes:
    head = whole.head
    people = tuple(
        _Person(
            person=one.person,
            name=one.name,
            host_name=one.host_name,
            missing=one.listed.missing,
            seen=one.listed,
        )
        for one in whole.people
    )
    fields = {name: getattr(head, name) for name in head.__struct_fields__}
    return msgspec.json.encode(_Answer(people=people, extra=whole.extra, **fields))


def _lines(whole: Whole) -> Iterator[Line]:
    zone = zone_named(whole.head.timezone)
    yield from _heading(whole.head, zone)
    rows = [_person(one, zone) for one in whole.people if one.listed.missing]
    title = "to be looked for" if whole.head.muster else "people who may be inside"
    yield from table(title, rows)
    found = [_person(one, zone) for one in whole.people if not one.listed.missing]
    if found:
        yield from table("checked off", found)
    if whole.extra:
        yield from table("checked off, and seen coming in by no door", list(_extra(whole, zone)))
    yield from table(
        "by zone: listed, of these unknown, checked off, counted by doors with zones within",
        [
            (
                Tone.PLAIN,
                (count.zone, f"{count.listed}", f"{count.unknown}", f"{count.checked}")
                + ((f"{count.counted}",) if count.counted else ("-",)),
            )
            for count in whole.head.zones
        ],
    )


def _heading(head: "MusterHead", zone: tzinfo) -> Iterator[Line]:
    going = head.muster
    if going is None:
        yield Line(Tone.PLAIN, "no muster goes on")
    else:
        drill = "DRILL: " if going.drill else ""
        since = "?" if going.at_s is None else local(going.at_s * 1_000_000, zone)
        why = f" for order {going.order[:12]}" if going.order else ""
        tone = Tone.NOTICE if going.drill else Tone.ALARM
        yield Line(tone, f"{drill}MUSTER since {since}{why}, entry {going.entry}")
    counts = f"{head.missing} missing, {head.unknown} of them unknown, {head.checked} checked off"
    yield Line(Tone.PLAIN, f"{counts}; as of entry {head.seq}")
    if not head.clock_trusted:
        yield Line(Tone.FAULT, "the clock is not trusted: nobody knows how old any of it is")
    if not head.running:
        yield Line(
            Tone.NOTICE, "NO EDGE RUNS here: what has happened since is not known to anybody"
        )


def _person(one: "MusterPerson", zone: tzinfo) -> Row:
    seen = one.listed
    name = one.name or f"not on file ({seen.holder})"
    where = f"{seen.zone} or {seen.perhaps}" if seen.perhaps else seen.zone
    known = WORDS[seen.confidence]
    if seen.doubt is not None:
        since = "" if seen.doubt_since_s is None else f" since {_clock(seen.doubt_since_s, zone)}"
        known = f"{known}{since}: {DOUBTS[seen.doubt]}"
    marks = [f"with {one.host_name or seen.host}"] if seen.host is not None else []
    if not seen.led:
        marks.append(f"has left; {seen.people} of the party have not")
    elif seen.party:
        marks.append(f"and {seen.party} of a party")
    if seen.check is not None:
        when = "?" if seen.check.at_s is None else _clock(seen.check.at_s, zone)
        marks.append(f"AT {seen.check.where} {when}")
    if seen.again:
        marks.append("WENT IN AGAIN after having been checked off")
    tone = Tone.PLAIN
    if seen.again or (seen.missing and seen.confidence is Confidence.UNKNOWN):
        tone = Tone.NOTICE
    return tone, (where, one.person or "?", name, _last(seen), known, ", ".join(marks))


def _last(seen: Listed) -> str:
    age = "age not known" if seen.age_s is None else f"{span(seen.age_s * 1_000_000)} ago"
    by = f" by {seen.portal}" if seen.portal else ""
    entry = f" #{seen.entry}" if seen.entry else ""
    return f"{age}{by}{entry}"


def _clock(at_s: int, zone: tzinfo) -> str:
    return local(at_s * 1_000_000, zone)[:19]


def _extra(whole: Whole, zone: tzinfo) -> Iterator[Row]:
    for one in whole.extra:
        when = "?" if one.check.at_s is None else _clock(one.check.at_s, zone)
        name = one.name or f"not on file ({one.holder})"
        yield Tone.PLAIN, (one.check.where, one.person or "?", name, when)
