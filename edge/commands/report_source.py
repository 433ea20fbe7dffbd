"""Where reports come from: a daemon's `views.db`, or one that is brought up where none runs."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from edge.commands.common import SITE_FILE_KEY, Failed, failed_by
from edge.control.place import JOURNAL, PEOPLE_FILE
from edge.present import clean
from edge.views_file import VIEWS_FILE, Journal, ViewsError, ViewsFailed, to_read
from edge.views_query import Basis, basis

if TYPE_CHECKING:
    from edge.control.client import Client
    from edge.control.closed import ClosedJournal
    from edge.control.messages_views import PersonNamed, ViewsReply
    from edge.sqlite_library import Database
    from edge.views_fold import ViewsFold

FRESH_WITHIN_S = 3.0
"""What is waited for the daemon to write what has just happened; then it is shown without."""

LOOK_S = 0.1
REBUILD_LOOK_S = 0.5


class People(NamedTuple):
    """How to name those who are meant: the integrator's id and the name, by pseudonym."""

    known: Mapping[str, tuple[str, str]]

    def row(self, holder: str) -> tuple[str, str]:
        return self.known.get(holder, ("?", f"not on file ({holder})"))


class Reports(NamedTuple):
    """The rows of one moment. `running`: a daemon keeps them; `last_seq`: the journal's newest
    entry; `trouble`: why the daemon's do not get on.
    """

    database: "Database"
    basis: Basis
    running: bool
    last_seq: int
    trouble: str
    named: Callable[[Sequence[str]], People]

    @property
    def behind(self) -> int:
        return max(0, self.last_seq - self.basis.at.seq)


@contextmanager
def opened(state: Path) -> Iterator[Reports]:
    """The daemon's rows, or those of a journal that no daemon uses. Raises Failed."""
    from edge.control.client import Client, ControlClientError, NoDaemonError

    try:
        client = Client(state)
    except NoDaemonError:
        with closed(state) as reports:
            yield reports
        return
    except ControlClientError as error:
        raise failed_by(error) from error
    with client:
        try:
            seen = _fresh(client)
            with to_read(state / VIEWS_FILE) as database:
                yield Reports(
                    database,
                    basis(database),
                    running=True,
                    last_seq=seen.last_seq,
                    trouble=seen.trouble,
                    named=lambda ids: _people(client.names(ids)),
                )
        except ControlClientError as error:
            raise failed_by(error) from error
        except ViewsError as error:
            said = f" (the daemon says: {seen.trouble})" if seen.trouble else ""
            raise Failed(
                f"{error}{said}", "try again, or make it anew: sentrypost report rebuild"
            ) from error


def _fresh(client: "Client") -> "ViewsReply":
    """How far the daemon's rows are, once they have what the journal has now."""
    seen = client.views()
    upto, until_s = seen.last_seq, time.monotonic() + FRESH_WITHIN_S
    while seen.seq < upto and not seen.trouble and time.monotonic() < until_s:
        time.sleep(LOOK_S)
        seen = client.views()
    return seen


def rebuilt_by(client: "Client") -> int:
    """Have a daemon make them anew, and wait for it; up to which entry they are then."""
    seen = client.views(rebuild=True)
    upto = seen.last_seq
    while seen.seq < upto:
        if seen.trouble:
            raise Failed(f"the daemon cannot write it: {seen.trouble}")
        progress(seen.seq, upto)
        time.sleep(REBUILD_LOOK_S)
        seen = client.views()
    progress_over()
    return seen.seq


@contextmanager
def closed(state: Path, *, anew: bool = False) -> Iterator[Reports]:
    from controller.events import EntryError
    from edge.control.closed import opened_closed
    from edge.journal import JournalError

    try:
        with opened_closed(state / JOURNAL) as journal:
            identity = Journal(*journal.identity, closed_timezone(state))
            fold = _brought_up(state, identity, journal, anew=anew)
            try:
                database = fold.file.database
                last_seq = journal.last_seq
                yield Reports(
                    database,
                    basis(database),
                    running=False,
                    last_seq=last_seq,
                    trouble="",
                    named=lambda ids: people_on_file(state, ids),
                )
            finally:
                fold.close()
    except (JournalError, ViewsError) as error:
        raise failed_by(error) from error
    except EntryError as error:
        raise Failed(
            str(error), "a newer version wrote it, or it was damaged: `sentrypost journal verify`"
        ) from error


def _brought_up(
    state: Path, identity: Journal, journal: "ClosedJournal", *, anew: bool
) -> "ViewsFold":
    """In the state folder; in memory where that cannot be written: it may be evidence."""
    from edge.views_closed import brought_up

    try:
        fold = brought_up(state / VIEWS_FILE, identity, journal, progress, anew=anew)
    except ViewsFailed as error:
        if anew:
            raise
        click.echo(clean(f"{VIEWS_FILE} is not written: {error}"), err=True)
        fold = brought_up(None, identity, journal, progress)
    progress_over()
    return fold


def closed_timezone(state: Path) -> str:
    """Whose days are counted where no daemon says it: as before, else as the site file says."""
    from edge.config import ConfigError, load_config

    try:
        with to_read(state / VIEWS_FILE) as database:
            return ZoneInfo(basis(database).timezone).key
    except (ViewsError, ZoneInfoNotFoundError):
        pass
    try:
        config = load_config(click.get_current_context().meta[SITE_FILE_KEY])
    except (ConfigError, OSError):
        return "UTC"
    return config.policy.timezone if config.state.resolve() == state.resolve() else "UTC"


def _people(found: Iterator["PersonNamed"]) -> People:
    return People({one.holder: (one.person, one.name) for one in found})


def people_on_file(state: Path, ids: Sequence[str]) -> People:
    """Names of `site.db`; without it pseudonyms have to do."""
    from edge.people import People as OnFile
    from edge.people import PeopleError

    try:
        with OnFile.open(state / PEOPLE_FILE) as people:
            holders = people.roll.holders
            known = {one: holders[one] for one in ids if one in holders}
    except (PeopleError, OSError) as error:
        click.echo(clean(f"nobody can be named: {error}"), err=True)
        return People({})
    return People({one: (record.external_id, record.name) for one, record in known.items()})


def progress(done: int, total: int) -> None:
    """On a terminal only, and on standard error: what is piped stays clean."""
    if sys.stderr.isatty():
        share = 100 * done // total if total else 100
        click.echo(f"\r{done} of {total} entries, {share} %", nl=False, err=True)


def progress_over() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
