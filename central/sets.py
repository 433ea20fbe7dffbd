"""What central gives to the edges, kept until all of them have it: signed files and their answers.

A file lies here as it was signed: people sealed under the site's key, which central does not have.
Nothing here is the truth. Whoever loses this file distributes again, and every edge answers that it
has the set already.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge import wire

SCHEMA_VERSION = 1
FILE_MODE = 0o600
BUSY_S = 5.0

_SCHEMA = """
CREATE TABLE change_set (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest TEXT NOT NULL,
    given_utc_us INTEGER NOT NULL,
    given_by TEXT NOT NULL,
    envelope BLOB NOT NULL,
    UNIQUE (site, kind, digest)
);
CREATE TABLE edge (
    site TEXT NOT NULL,
    edge TEXT NOT NULL,
    seen_utc_us INTEGER NOT NULL,
    status BLOB NOT NULL,
    gone INTEGER NOT NULL,
    PRIMARY KEY (site, edge)
) WITHOUT ROWID;
CREATE TABLE answer (
    change_set INTEGER NOT NULL REFERENCES change_set (id) ON DELETE CASCADE,
    edge TEXT NOT NULL,
    utc_us INTEGER NOT NULL,
    ack BLOB NOT NULL,
    PRIMARY KEY (change_set, edge)
) WITHOUT ROWID;
"""
_STEPS = (_SCHEMA,)
"""What makes the file, in order. A step that was released is never edited."""


class SetsError(Exception):
    """The file cannot be read or written. `remedy` says what to do."""

    def __init__(self, message: str) -> None:
        self.remedy = "make room for central's state folder, and give it to central's account"
        super().__init__(message)


class KeptSet(msgspec.Struct, frozen=True, kw_only=True):
    """A signed file that is to be distributed at `site`. Later ones have a larger `id`."""

    id: int
    site: str
    kind: wire.SetKind
    digest: str
    given_utc_us: int
    given_by: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The last that an edge has said of a set, and when it came."""

    set_id: int
    edge: str
    utc_us: int
    ack: wire.RequestAck


class KnownEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An edge that has been seen. `status`: its last birth or death, `seen_utc_us`: when. `gone`:
    somebody said that it is no more; the broker may keep its last word for ever.
    """

    site: str
    edge: str
    seen_utc_us: int
    status: wire.Status
    gone: bool = False


class SetStore:
    """The file. One thread at a time; each method that writes is on disk when it returns.

    Every method raises SetsError.
    """

    def __init__(self, path: Path) -> None:
        with _said(path):
            path.touch(mode=FILE_MODE)
            self._path = path
            self._connection = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._migrate()

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise SetsError(f"{self._path} was written by a newer version")
        for number, step in enumerate(_STEPS[version:], version + 1):
            # One transaction: a power cut leaves the version before or the whole step.
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;"
            )

    def close(self) -> None:
        with _said(self._path):
            self._connection.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is written inside is on disk after it, or nothing of it."""
        with _said(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def keep(self, given: KeptSet, envelope: bytes) -> KeptSet:
        """`given` under a number of its own; the one that there is where it is kept already."""
        known = (given.site, given.kind.value, given.digest)
        row = (*known, given.given_utc_us, given.given_by, envelope)
        with _said(self._path):
            self._connection.execute(
                "INSERT INTO change_set (site, kind, digest, given_utc_us, given_by, envelope)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                row,
            )
            (number,) = self._connection.execute(
                "SELECT id FROM change_set WHERE site = ? AND kind = ? AND digest = ?", known
            ).fetchone()
        return msgspec.structs.replace(given, id=number)

    def drop(self, set_id: int) -> None:
        """The set and what was answered to it."""
        with _said(self._path):
            self._connection.execute("DELETE FROM change_set WHERE id = ?", (set_id,))

    def sets(self) -> list[KeptSet]:
        """All of them, in the order in which they were given."""
        with _said(self._path):
            rows = self._connection.execute(
                "SELECT id, site, kind, digest, given_utc_us, given_by FROM change_set ORDER BY id"
            ).fetchall()
        return [
            KeptSet(
                id=number,
                site=site,
                kind=wire.SetKind(kind),
                digest=digest,
                given_utc_us=utc_us,
                given_by=by,
            )
            for number, site, kind, digest, utc_us, by in rows
        ]

    def envelope(self, set_id: int) -> bytes:
        """The signed file; empty where it was dropped meanwhile."""
        with _said(self._path):
            row = self._connection.execute(
                "SELECT envelope FROM change_set WHERE id = ?", (set_id,)
            ).fetchone()
        return b"" if row is None else bytes(row[0])

    def note(self, answer: Answer) -> None:
        """The last answer of an edge to a set; nothing where the set was dropped meanwhile."""
        row = (answer.edge, answer.utc_us, wire.encode_request_ack(answer.ack), answer.set_id)
        with _said(self._path):
            self._connection.execute(
                "INSERT INTO answer (change_set, edge, utc_us, ack)"
                " SELECT id, ?, ?, ? FROM change_set WHERE id = ?"
                " ON CONFLICT (change_set, edge)"
                " DO UPDATE SET utc_us = excluded.utc_us, ack = excluded.ack",
                row,
            )

    def unsay(self, set_id: int, edge: str) -> None:
        """What the edge has answered does not hold any more."""
        with _said(self._path):
            self._connection.execute(
                "DELETE FROM answer WHERE change_set = ? AND edge = ?", (set_id, edge)
            )

    def answers(self) -> list[Answer]:
        with _said(self._path):
            rows = self._connection.execute(
                "SELECT change_set, edge, utc_us, ack FROM answer"
            ).fetchall()
            return [
                Answer(set_id=number, edge=edge, utc_us=us, ack=wire.decode_request_ack(ack))
                for number, edge, us, ack in rows
            ]

    def saw(self, edge: KnownEdge) -> None:
        status = wire.encode_status(edge.status)
        row = (edge.site, edge.edge, edge.seen_utc_us, status, edge.gone)
        with _said(self._path):
            self._connection.execute("INSERT OR REPLACE INTO edge VALUES (?, ?, ?, ?, ?)", row)

    def forget(self, edge: KnownEdge) -> None:
        """An edge that is no more, with what it has answered."""
        self.saw(msgspec.structs.replace(edge, gone=True))
        with _said(self._path):
            self._connection.execute(
                "DELETE FROM answer WHERE edge = ? AND change_set IN"
                " (SELECT id FROM change_set WHERE site = ?)",
                (edge.edge, edge.site),
            )

    def edges(self) -> list[KnownEdge]:
        with _said(self._path):
            rows = self._connection.execute(
                "SELECT site, edge, seen_utc_us, status, gone FROM edge"
            ).fetchall()
            return [
                KnownEdge(
                    site=site,
                    edge=edge,
                    seen_utc_us=us,
                    status=wire.decode_status(status),
                    gone=bool(gone),
                )
                for site, edge, us, status, gone in rows
            ]


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, wire.WireError, ValueError) as error:
        raise SetsError(f"{path}: {error}") from error
