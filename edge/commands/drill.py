"""`sentrypost drill`: what an exercise showed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from controller.drill import Drill
from edge.commands.check import loaded
from edge.commands.common import (
    Failed,
    coloured,
    config_option,
    failed_by,
    json_option,
    painted,
    table,
    write_whole,
)
from edge.commands.entries import opened_journal
from edge.present import Line, clean
from edge.tone import Tone

if TYPE_CHECKING:
    from edge.commands.entries import Entries
    from edge.config import Config
    from edge.drill_words import Names
    from edge.drills import Report


@click.group()
def drill() -> None:
    """Drills: orders that are marked so, on the real path."""


@drill.command()
@click.argument("order", default="")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page into this new file, which needs nothing else to be read or printed.",
)
@config_option
@json_option
def report(order: str, page: Path | None, config: Path, as_json: bool) -> None:
    """Show how soon each door obeyed, which did not, who was found when, and what was real.

    ORDER is the id of the drill's order, or how it begins; without it the newest drill is meant.
    A running edge is asked; where none runs, its journal is read.
    """
    site = loaded(config)
    found, names = _read(site, order)
    if page is not None:
        from edge.drill_page import page as made

        zone = site.policy.zone
        content = made(found, names, site.site, site.edge, zone)
        write_whole(page, content.encode(), new=True)
        click.echo(clean(f"{page}: the drill of order {found.drill.order.id[:16]}"))
    elif as_json:
        click.echo(_json(found, names))
    else:
        for line in _lines(found, names, site):
            click.echo(painted(line), color=coloured())


def _read(site: "Config", order: str) -> "tuple[Report, Names]":
    from controller.events import EntryError
    from edge import drills
    from edge.commands.report_source import progress, progress_over
    from edge.control.client import ControlClientError
    from edge.journal import JournalError
    from edge.policy_start import served_next

    try:
        with opened_journal(site.state) as journal:
            found = drills.report(
                journal.source, journal.last_seq, order, served_next(site), progress
            )
            progress_over()
            ids = sorted({one.holder for one in found.drill.found})
            return found, _named(site.state, journal.source, ids)
    except (JournalError, ControlClientError) as error:
        raise failed_by(error) from error
    except EntryError as error:
        raise Failed(
            str(error), "a newer version wrote it, or it was damaged: `sentrypost journal verify`"
        ) from error


def _named(state: Path, journal: "Entries", ids: Sequence[str]) -> "Names":
    from edge.commands.report_source import people_on_file
    from edge.control.client import Client

    if isinstance(journal, Client):
        return {one.holder: (one.person, one.name) for one in journal.names(ids)}
    return people_on_file(state, ids).known


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was checked off, in JSON."""

    person: str
    name: str
    where: str
    after_us: int
    undone: bool


class _Real(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    text: str


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The report in JSON. `missing` and `late`: doors by name."""

    drill: Drill
    missing: tuple[str, ...]
    late: tuple[str, ...]
    people: tuple[_Found, ...]
    real: tuple[_Real, ...]
    other_policy: bool
    pruned: bool


def _json(found: "Report", names: "Names") -> bytes:
    drilled = found.drill
    people = []
    for one in drilled.found:
        person, name = names.get(one.holder, ("", ""))
        people.append(
            _Found(
                person=person,
                name=name,
                where=one.where,
                after_us=one.after_us,
                undone=one.undone,
            )
        )
    return msgspec.json.encode(
        _Answer(
            drill=drilled,
            missing=tuple(door.portal for door in drilled.missing),
            late=tuple(door.portal for door in drilled.late),
            people=tuple(people),
            real=tuple(_Real(seq=one.seq, text=one.text) for one in found.real),
            other_policy=found.other_policy,
            pruned=found.pruned,
        )
    )


def _lines(found: "Report", names: "Names", site: "Config") -> Iterator[Line]:
    from edge.drill_page import real_summary
    from edge.drill_words import doors, head, people, people_summary, summary, warnings

    drilled = found.drill
    yield Line(Tone.NOTICE, "DRILL")
    rows = list(head(found, site.policy.zone))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield Line(Tone.PLAIN, clean(f"  {name:<{width}}  {value}"))
    for warning in warnings(found):
        yield Line(Tone.NOTICE, warning)
    yield Line(Tone.PLAIN, "")
    yield Line(Tone.PLAIN, clean(summary(drilled)))
    if drilled.doors:
        title = "doors: to be, confirmed after, obeyed after, at the end"
        yield from table(title, list(doors(drilled)))
    yield Line(Tone.PLAIN, "")
    yield Line(Tone.PLAIN, clean(people_summary(drilled)))
    if drilled.found:
        yield from table("people, after the order", list(people(drilled, names)))
    yield Line(Tone.PLAIN, "")
    yield Line(Tone.PLAIN, real_summary(found))
    for one in found.real:
        yield Line(one.tone, clean(f"  {one.text}"))
