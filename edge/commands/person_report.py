"""`sentrypost person report`: everything that is kept of one person."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import Failed, config_option, failed_by, json_option, zone_named
from edge.commands.entries import Entries
from edge.commands.person_sets import made_here
from edge.config import Config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages import SentEntry
from edge.control.messages_report import Kept, ReportPersonReply
from edge.control.place import JOURNAL
from edge.faces import FacesError
from edge.journal import JournalError
from edge.people import PeopleError
from edge.person_report import about, json_pieces, text_pieces, told
from edge.pictures.errors import PicturesError
from edge.policy_start import served_next
from edge.present import clean
from edge.privacy import sheet
from edge.secret_file import new_secret

SHOWN_EVERY = 1_000


@click.command()
@click.argument("person")
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A new file, for nobody but its owner.",
)
@config_option
@json_option
def report(person: str, file: Path, config: Path, as_json: bool) -> None:
    """Write everything that is kept of PERSON into a file, as text, or with --json as JSON.

    PERSON is the id that the file of people has. What is on file, where he is now, every entry of
    the journal that is about him with the values beside it, where else there may be more, and what
    all of it is kept for. Names of others are left out. It is recorded who asked for it, before
    anything is told. To carry people to another edge see `person export`.
    """
    site = loaded(config)
    if file.exists():
        raise Failed(f"{file}: there is such a file", "choose another name")
    try:
        try:
            with Client(site.state) as daemon:
                kept = _kept(daemon.report_person(person))
                _write(file, site, kept, daemon, as_json=as_json)
        except NoDaemonError:
            kept = _closed(site, person, file, as_json=as_json)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    except (ControlClientError, JournalError, PeopleError, FacesError, PicturesError) as error:
        raise failed_by(error) from None
    click.echo(clean(f"{file}: all that is kept of '{person}', recorded as entry {kept.recorded}"))


def _closed(site: Config, person: str, file: Path, *, as_json: bool) -> Kept:
    from edge.control.closed import opened_closed
    from edge.report_closed import report_closed

    kept = _kept(asyncio.run(report_closed(site, person, made_here(site.edge))))
    with opened_closed(site.state / JOURNAL) as journal:
        _write(file, site, kept, journal, as_json=as_json)
    return kept


def _kept(reply: ReportPersonReply) -> Kept:
    if reply.kept is None:
        raise Failed(f"nothing is written: {clean(reply.reason)}", reply.remedy)
    return reply.kept


def _write(file: Path, site: Config, kept: Kept, journal: Entries, *, as_json: bool) -> None:
    """Whole and on disk when this returns; no file if it fails."""
    entries = told(_watched(journal.entries(1, kept.searched), kept.searched), about(kept))
    pieces = json_pieces if as_json else text_pieces
    zone = zone_named(kept.timezone)
    processing = sheet(site, served_next(site))
    try:
        with new_secret(file) as out:
            for piece in pieces(kept, processing, entries, time.time_ns() // 1_000, zone):
                out.write(piece)
    except OSError as error:
        raise Failed(
            f"{file} cannot be written: {error.strerror}", "choose another place"
        ) from None


def _watched(entries: Iterator[SentEntry], total: int) -> Iterator[SentEntry]:
    """With progress on a terminal, on standard error."""
    for one in entries:
        if sys.stderr.isatty() and (one.seq % SHOWN_EVERY == 0 or one.seq == total):
            click.echo(f"\r{one.seq} of {total} entries", nl=one.seq == total, err=True)
        yield one
