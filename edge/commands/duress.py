"""`sentrypost duress`: keys of those who are told, and what they are told."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.body import Seq
from controller.events import AnswerIgnored, FactorAnswered, kind_of
from controller.events_signins import SessionBegan, SessionUnlocked
from edge.commands.common import Failed, failed_by, json_option, made_key
from edge.commands.common import passphrase as asked_passphrase
from edge.commands.entries import decoded, opened_journal
from edge.duress import NotOpenedError, Occasion, opened, recipient_text
from edge.duress_keys import load_duress_key, make_duress_key
from edge.key_files import KeyFileError
from edge.present import clean, local

TOLD = 3
"""Exit code where somebody was under duress. Not 1: an error is no alarm, and no all-clear either.
"""

STANDARD_INPUT = Path("-")

KINDS = frozenset(
    kind_of(body) for body in (FactorAnswered, AnswerIgnored, SessionBegan, SessionUnlocked)
)
"""What a note stands in."""


@click.group()
def duress() -> None:
    """Who is told when a PIN for duress is typed.

    At the site nothing shows it.
    """


@duress.command()
@click.argument("name")
@click.option("--passphrase", is_flag=True, help="Ask for one, without which the key is no use.")
def new(name: str, passphrase: bool) -> None:
    """Make a key: the private half goes into NAME.key, the entry for the site file is printed.

    Whoever has NAME.key is told of duress and nobody else is. It belongs to those who can send
    help, and nowhere at the site.
    """
    path, made = made_key(name, make_duress_key, closed=passphrase)
    click.echo(f"{path}: the private key; keep it closed, and away from the site", err=True)
    click.echo("for the site file of every edge:", err=True)
    click.echo("[duress]")
    click.echo(f'recipients = ["{recipient_text(made.public_key().public_bytes_raw())}"]')


class _Sealed(NamedTuple):
    """A note and the number of its entry."""

    seq: int
    note: str


class _Body(msgspec.Struct, frozen=True):
    note: str = ""


class _Line(msgspec.Struct, frozen=True):
    """What a line must have to be an entry; central prints its findings between them."""

    seq: Seq = 1
    kind: str = ""
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An opened note as a JSON line."""

    utc: str
    site: str
    reader: str
    holder: str
    attempt: str
    seq: int


@duress.command("open")
@click.argument(
    "journal", type=click.Path(exists=True, allow_dash=True, path_type=Path), default="-"
)
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The private key that `sentrypost duress new` has made.",
)
@json_option
def open_(journal: Path, key_file: Path, as_json: bool) -> None:
    """Show every note of duress in JOURNAL that this key opens, as soon as it is read.

    JOURNAL is a state folder, or a file of lines as `sentrypost journal show`, `sentrypost watch`
    and `sentrypost central run` print them with --json; - reads standard input. The exit code is 3
    where somebody was under duress, and 0 where every entry was read and nobody was.
    """
    try:
        key = load_duress_key(key_file, asked_passphrase)
    except KeyFileError as error:
        raise failed_by(error) from error
    reader = _Reader(key, as_json=as_json)
    with _notes(journal, reader) as notes:
        for sealed in notes:
            reader.take(sealed)
    reader.end()


class _Reader:
    """Opens notes one after the other and counts what became of them."""

    def __init__(self, key: X25519PrivateKey, *, as_json: bool) -> None:
        self._key, self._as_json = key, as_json
        self._told = self._opened = self._closed = self._unread = 0

    def take(self, sealed: _Sealed) -> None:
        try:
            occasion = opened(sealed.note, self._key)
        except NotOpenedError:
            self._closed += 1
            return
        self._opened += 1
        if occasion is not None:
            self._told += 1
            click.echo(_json(sealed.seq, occasion) if self._as_json else _line(sealed, occasion))

    def unread(self, place: str) -> None:
        """A line that is no entry is said and does not end what follows: help may hang on it."""
        self._unread += 1
        click.echo(f"{place} is no entry and was left out", err=True)

    def end(self) -> None:
        """Exits with TOLD, or raises Failed where nothing can be said."""
        if self._closed and self._opened:
            click.echo(f"{self._closed} notes were not for this key", err=True)
        if self._told:
            sys.exit(TOLD)
        if self._closed and not self._opened:
            raise Failed(
                f"none of {self._closed} notes is for this key",
                "name its public half under [duress] in the site file of every edge, or take the "
                "key whose half stands there",
            )
        if self._unread:
            raise Failed("not everything could be read", "give lines of entries, with --json")


@contextmanager
def _notes(journal: Path, reader: _Reader) -> Iterator[Iterator[_Sealed]]:
    if journal == STANDARD_INPUT:
        yield _of_lines(sys.stdin.buffer, "standard input", reader)
    elif journal.is_dir():
        with opened_journal(journal) as at:
            entries = (decoded(sent) for sent in at.source.entries(1, at.last_seq))
            yield (
                _Sealed(entry.seq, note)
                for entry in entries
                if (note := _note_of(entry.kind, entry.body))
            )
    else:
        with journal.open("rb") as lines:
            yield _of_lines(lines, str(journal), reader)


def _of_lines(lines: Iterable[bytes], where: str, reader: _Reader) -> Iterator[_Sealed]:
    for number, text in enumerate(lines, 1):
        try:
            line = msgspec.json.decode(text, type=_Line)
            note = _note_of(line.kind, line.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            reader.unread(f"{where}, line {number}")
            continue
        if note:
            yield _Sealed(line.seq, note)


def _note_of(kind: str, body: msgspec.Raw) -> str:
    """The note in an entry; empty where there is none, or a version before there were wrote it."""
    return msgspec.json.decode(body, type=_Body).note if kind in KINDS else ""


def _line(sealed: _Sealed, told: Occasion) -> str:
    return clean(
        f"{local(told.utc_us, UTC)} #{sealed.seq} DURESS holder {told.holder} at "
        f"{told.reader or 'a page, no terminal'}, "
        f"site {told.site}, attempt {told.attempt}"
    )


def _json(seq: int, told: Occasion) -> str:
    shown = Told(
        utc=local(told.utc_us, UTC, sep="T"),
        site=told.site,
        reader=told.reader,
        holder=told.holder,
        attempt=told.attempt,
        seq=seq,
    )
    return msgspec.json.encode(shown).decode()
