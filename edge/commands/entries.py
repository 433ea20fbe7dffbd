"""Entries of the journal, from the daemon or its files, and how commands show them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path
from typing import NamedTuple, Protocol

import click

from controller.events import Entry, EntryError, decode_entry
from edge.commands.common import coloured, failed_by, painted, zone_named
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages import SentEntry
from edge.control.place import JOURNAL
from edge.failed import Failed
from edge.present import as_json as json_line
from edge.present import clean, committed, line, local


class Entries(Protocol):
    """Both the client and a closed journal give entries like this."""

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]: ...


class Journal(NamedTuple):
    source: Entries
    last_seq: int
    zone: tzinfo


@contextmanager
def opened_journal(state: Path) -> Iterator[Journal]:
    """The daemon's journal through the daemon; the files themselves where none runs.

    Raises Failed.
    """
    try:
        client = Client(state)
    except NoDaemonError:
        with _closed(state) as journal:
            yield journal
        return
    except ControlClientError as error:
        raise failed_by(error) from error
    with client:
        try:
            status = client.status()
            yield Journal(client, status.seq, zone_named(status.timezone))
        except ControlClientError as error:
            raise failed_by(error) from error


@contextmanager
def _closed(state: Path) -> Iterator[Journal]:
    from edge.control.closed import opened_closed
    from edge.journal import JournalError

    try:
        with opened_closed(state / JOURNAL) as journal:
            yield Journal(journal, journal.last_seq, UTC)
    except JournalError as error:
        raise failed_by(error) from error


def show(sent: SentEntry, zone: tzinfo, *, as_json: bool) -> None:
    """One line. Raises Failed on bytes that are no entry."""
    entry = decoded(sent)
    if as_json:
        click.echo(json_line(entry, sent.personal, sent.chain))
    else:
        click.echo(painted(line(entry, sent.personal, zone)), color=coloured())


def show_whole(sent: SentEntry, zone: tzinfo) -> None:
    """The entry with all it says. Raises Failed on bytes that are no entry."""
    entry = decoded(sent)
    click.echo(painted(line(entry, sent.personal, zone)), color=coloured())
    rows = [
        ("kind", entry.kind),
        ("site, edge", f"{entry.site}, {entry.edge}"),
        ("incarnation", entry.incarnation),
        ("time", f"{local(entry.utc_us, UTC)}, {_trust(entry)}"),
        ("monotonic", f"{entry.mono_us} µs"),
        ("cause", entry.cause),
        ("drill", "yes" if entry.drill else "no"),
        ("policy", entry.policy),
        ("chain", sent.chain),
    ]
    beside = committed(entry, sent.personal)
    rows += [(f"{field} (beside it)", value) for field, value in beside.items()]
    for name, value in rows:
        click.echo(clean(f"  {name:<20} {value}"))
    body = json.dumps(json.loads(bytes(entry.body)), indent=2, ensure_ascii=False)
    for row in body.splitlines():
        click.echo(clean(f"  {row}"))


def decoded(sent: SentEntry) -> Entry:
    try:
        return decode_entry(sent.entry.encode())
    except EntryError as error:
        raise Failed(
            f"entry {sent.seq} is not understood: {error}",
            "a newer version wrote it, or it was damaged: `sentrypost journal verify`",
        ) from error


def _trust(entry: Entry) -> str:
    return "trusted" if entry.clock_trusted else "NOT trusted"
