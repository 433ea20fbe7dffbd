"""`sentrypost central search` and `counts`: questions to the archive, from anywhere it is reached.

Nothing that stores is held up, and nothing is changed.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from central.commands_common import archive_option, read, sayable
from edge.commands.common import json_option

if TYPE_CHECKING:
    from central.archive_sql import SqlArchive
    from central.search import Found, Query

SHOWN = 100
TOLD_EVERY = 1_000

F = TypeVar("F", bound=Callable[..., Any])


class Moment(click.ParamType[int]):
    """A moment as microseconds: 2026-11-22, 2026-11-22T09:00 (both of UTC), or with an offset."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: 2026-11-22, 2026-11-22T09:00 or …T09:00+01:00")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000_000)


def span_options(command: F) -> F:
    """`--since`, `--until`, `--site`, `--edge`."""
    for option in (
        click.option("--edge", default="", help="Of this edge alone."),
        click.option("--site", default="", help="Of this site alone."),
        click.option("--until", type=Moment(), help="Before this moment."),
        click.option(
            "--since",
            type=Moment(),
            help="From this moment on, as the edge's clock said: 2026-11-22 or 2026-11-22T09:00 is"
            " UTC, 2026-11-22T09:00+01:00 says its offset.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@archive_option
@click.option("--person", default="", help="A holder's id, or a name, whole and as it is on file.")
@click.option("--portal", default="", help="A portal's id.")
@click.option("--code", type=int, help="A decision's reason: docs/policy.md has the codes.")
@click.option("--kind", default="", help="A kind of event, such as portal-forced.")
@span_options
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=SHOWN,
    show_default=True,
    help="How many, the newest first.",
)
@click.option("--all", "everything", is_flag=True, help="All of them, the oldest first.")
@click.option("--before", "behind", metavar="PLACE", help="Go on where an earlier answer ended.")
@json_option
def search(
    archive: str,
    person: str,
    portal: str,
    code: int | None,
    kind: str,
    since: int | None,
    until: int | None,
    site: str,
    edge: str,
    limit: int,
    everything: bool,
    behind: str | None,
    as_json: bool,
) -> None:
    """Find entries of every edge's journal: by person, portal, reason, kind and time.

    What is said of it must all hold. A `?` behind a time: that edge's clock was not trusted.
    """
    from central.search import END_US, Query

    query = Query(
        person=sayable(person),
        portal=sayable(portal),
        code=code,
        kind=sayable(kind),
        site=sayable(site),
        edge=sayable(edge),
        since_us=since or 0,
        until_us=END_US if until is None else until,
    )
    if everything and behind is not None:
        raise click.UsageError("--all begins at the beginning; leave out --before")
    with read(archive) as there:
        if everything:
            _show_all(there, query, as_json=as_json)
        else:
            _show_page(there, query, limit, behind, as_json=as_json)
        _tell_of_gaps(there, query)


def _tell_of_gaps(archive: "SqlArchive", query: "Query") -> None:
    """What was asked about may have stood in what is gone."""
    from central.archive import Gone

    for site, edge, incarnation, *what in archive.missing(query.site, query.edge):
        told = f"not searched: {site}/{edge}, journal {incarnation}: {Gone(*what)}"
        click.echo(f"{told} (see `sentrypost central verify`)", err=True)


def _show_page(
    archive: "SqlArchive", query: "Query", limit: int, behind: str | None, *, as_json: bool
) -> None:
    from central.search import PAGE_MAX

    place, left = _place(behind), limit
    while left:
        found = archive.find(query, behind=place, count=left)
        for one in found:
            show(one, as_json=as_json)
        left -= len(found)
        if len(found) < min(PAGE_MAX, left + len(found)):
            return
        place = found[-1].place
    if archive.find(query, behind=place, count=1):
        assert place is not None
        more = ".".join(map(str, place))
        click.echo(f"there are more: --before {more}, or --all", err=True)


def _show_all(archive: "SqlArchive", query: "Query", *, as_json: bool) -> None:
    terminal, count = sys.stderr.isatty() and not sys.stdout.isatty(), 0
    for count, one in enumerate(everything_of(archive, query), 1):
        show(one, as_json=as_json)
        if terminal and count % TOLD_EVERY == 0:
            click.echo(f"\r{count} entries", nl=False, err=True)
    if terminal and count >= TOLD_EVERY:
        click.echo("\r\x1b[K", nl=False, err=True)


def everything_of(archive: "SqlArchive", query: "Query") -> Iterator["Found"]:
    """All entries, the oldest first, read a page at a time."""
    place = None
    while found := archive.find(query, behind=place, newest_first=False):
        yield from found
        place = found[-1].place


def show(found: "Found", *, as_json: bool) -> None:
    """One entry on one line."""
    from edge.commands.common import painted
    from edge.present import Line, line
    from edge.present import as_json as json_line

    entry, personal = found.archived.entry, found.archived.personal
    if as_json:
        click.echo(json_line(entry, personal))
    else:
        said = line(entry, personal, UTC)
        click.echo(painted(Line(said.tone, f"{entry.site}/{entry.edge} {said.text}")))


def _place(text: str | None) -> "Any":
    from central.search import Place

    if text is None:
        return None
    try:
        return Place(*(int(number) for number in text.split(".")))
    except (ValueError, TypeError):
        raise click.UsageError(f"--before {text}: take what an earlier answer said") from None


@click.command()
@archive_option
@click.option(
    "--by",
    "counted",
    type=click.Choice(["day", "portal", "kind", "code"]),
    default="day",
    show_default=True,
    help="What is counted by. Days are of UTC.",
)
@span_options
@json_option
def counts(
    archive: str,
    counted: str,
    since: int | None,
    until: int | None,
    site: str,
    edge: str,
    as_json: bool,
) -> None:
    """How many entries there are by day, portal, kind or reason, and how many of drills."""
    import msgspec

    from central.search import END_US, By, Query
    from policies.codes import TEXTS, Code

    query = Query(
        since_us=since or 0, until_us=END_US if until is None else until, site=site, edge=edge
    )
    with read(archive) as there:
        found = there.counts(query, By(counted))
        _tell_of_gaps(there, query)
    if as_json:
        for one in found:
            click.echo(msgspec.json.encode(one))
        return
    words = {str(int(code)): TEXTS[code] for code in Code}
    wide = max((len(one.value) for one in found), default=0)
    for one in found:
        drill = f" ({one.drill} drill)" if one.drill else ""
        word = f"  {words.get(one.value, '')}" if counted == By.CODE else ""
        click.echo(f"{one.value:<{wide}}  {one.count:>9}{drill}{word}".rstrip())
