"""`sentrypost journal prove` and `export`: entries for somebody outside, with their proof."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from edge.commands.common import Failed, failed_by, state_option, zone_named
from edge.commands.signers import given_key, key_option, signers
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.place import JOURNAL

if TYPE_CHECKING:
    from edge.exports import Log
    from edge.notes import NoteKey

EXPORT_MODE = 0o600
"""Names may stand in it."""

personal_option = click.option(
    "--without-personal",
    "bare",
    is_flag=True,
    help="Leave out the values about people that lie beside the entries.",
)


@click.command()
@click.argument("seq", type=click.IntRange(min=1))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--size", type=click.IntRange(min=1), help="Under the checkpoint of so many entries.")
@personal_option
@key_option
@state_option
def prove(
    seq: int, file: Path | None, size: int | None, bare: bool, key: str | None, state: Path
) -> None:
    """Prove that entry SEQ stands in the journal, to somebody who has nothing else of it.

    The proof, some 2 kB of JSON, goes into FILE or is printed.
    """
    from edge.exports import ProofError, proof

    with _opened(state, key) as opened:
        if seq > opened.last_seq:
            raise Failed(
                f"there is no entry {seq}, the newest is {opened.last_seq}",
                "see `sentrypost journal tail`",
            )
        try:
            made = proof(opened.log, seq, size, personal=not bare)
        except ProofError as error:
            raise failed_by(error) from error
    if file is None:
        click.echo(made, nl=False)
    else:
        _write(file, [made])


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "first", type=click.IntRange(min=1), help="From this entry on.")
@click.option("--to", "last", type=click.IntRange(min=1), help="Up to this entry, with it.")
@click.option("--since", metavar="TIME", help="From this time on: 2026-11-22 or 2026-11-22T09:00.")
@click.option("--until", metavar="TIME", help="Up to this time, without it.")
@personal_option
@key_option
@state_option
def export(
    file: Path,
    first: int | None,
    last: int | None,
    since: str | None,
    until: str | None,
    bare: bool,
    key: str | None,
    state: Path,
) -> None:
    """Write entries into FILE, with all that somebody outside needs to verify them alone.

    Times are on the site's wall, where no daemon runs in UTC, or carry their own offset.
    """
    from edge.exports import ProofError, export

    by_time, by_number = since is not None or until is not None, (first, last) != (None, None)
    if by_time and by_number:
        raise click.UsageError("say which by --from and --to, or by --since and --until")
    with _opened(state, key) as opened:
        if by_time:
            first, last = _between(opened, since, until)
        first = first or 1
        if max(first, last or 1) > opened.last_seq or first > (last or first):
            raise Failed(
                f"there are no entries {first} to {last or 'the end'}",
                f"the newest is {opened.last_seq}; see `sentrypost journal tail`",
            )
        try:
            _write(file, export(opened.log, first, last, personal=not bare))
        except ProofError as error:
            raise failed_by(error) from error
    click.echo(f"{file}: verify it by `python verify_journal.py`, docs/journal-export.md", err=True)


class _Opened(NamedTuple):
    log: "Log"
    last_seq: int
    zone: tzinfo


@contextmanager
def _opened(state: Path, key: str | None) -> Iterator[_Opened]:
    """The journal with its keys: the daemon's, or from the files where none runs. Raises Failed."""
    from edge.exports import Log
    from edge.notes import note_key

    try:
        client = Client(state)
    except NoDaemonError:
        with _closed(state, key) as opened:
            yield opened
        return
    except ControlClientError as error:
        raise failed_by(error) from error
    with client:
        try:
            status, said = client.status(), client.said()
            own = _own(said.key if key is None else key)
            former = tuple(map(note_key, said.former)) if key is None else ()
            log = Log(client, own, tuple(map(note_key, said.witnesses)), former)
            yield _Opened(log, status.seq, zone_named(status.timezone))
        except ControlClientError as error:
            raise failed_by(error) from error


@contextmanager
def _closed(state: Path, key: str | None) -> Iterator[_Opened]:
    from edge.control.closed import opened_closed
    from edge.exports import Log
    from edge.journal import JournalError

    known = signers(state, key)
    try:
        with opened_closed(state / JOURNAL) as journal:
            beside = known.log_keys(*journal.identity)
            own = _own(key or (beside[0].text if beside else ""))
            former = beside[1:] if key is None else ()
            yield _Opened(Log(journal, own, known.witnesses, former), journal.last_seq, UTC)
    except JournalError as error:
        raise failed_by(error) from error


def _own(text: str) -> "NoteKey":
    if not text:
        raise Failed(
            "the journal's own key is not known here",
            "give its public half by --key; central has it",
        )
    return given_key(text)


def _between(opened: _Opened, since: str | None, until: str | None) -> tuple[int, int]:
    from edge.exports import between

    begin = -math.inf if since is None else _utc_us(since, opened.zone)
    end = math.inf if until is None else _utc_us(until, opened.zone)
    first, last = between(opened.log.source, opened.last_seq, begin, end)
    if not first:
        raise Failed("there is no entry of that time", "see `sentrypost journal tail`")
    return first, last


def _utc_us(text: str, zone: tzinfo) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        wrong = f"'{text}' is no time; write it as 2026-11-22 or 2026-11-22T09:00"
        raise click.UsageError(wrong) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1e6


def _write(file: Path, lines: Iterable[bytes]) -> None:
    """All of them in a new file, or nothing. Raises Failed."""
    if file.exists():
        raise Failed(f"{file}: there is such a file", "choose another name")
    fresh = file.with_name(f"{file.name}.new")
    try:
        with fresh.open("wb") as written:
            fresh.chmod(EXPORT_MODE)
            written.writelines(lines)
        fresh.replace(file)
    except OSError as error:
        raise Failed(
            f"{file} cannot be written: {error.strerror}", "choose another place"
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
