"""The archive in one SQLite file."""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from central import archive_sqlite_schema as schema
from central.archive import ArchiveError
from central.archive_sql import SqlArchive
from central.database import Left, Table
from edge.journal.disk import Connection, Cursor
from edge.journal.folder import write_log_again
from edge.journal.remnants import Key, Rows, rewritten

BUSY_S = 5.0
"""A report that reads the archive may hold it up this long, then storing fails and is retried."""

STEPS_BETWEEN_LOOKS = 10_000
"""Of SQLite's machine, some hundred microseconds, between two looks at the time."""

PERSONAL_ROWS = Rows("personal", ("journal", "seq", "field"), 8)
FIRST: Key = (-1, -1, "")
"""In front of every value."""


def connect(path: Path) -> Connection:
    """The file, made when it does not exist; what its log shows is durable.

    Raises sqlite3.Error, OSError.
    """
    # It holds names: nobody but its owner reads it.
    path.touch(mode=0o600)
    # Used by one thread at a time, which need not be the one that opened it.
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN IMMEDIATE")  # nobody else writes to the log meanwhile
        write_log_again(path)
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteDatabase:
    """One connection to the file, as `central.database.Database`."""

    failures = (sqlite3.Error,)
    remedy = "make room or mend the disk"
    by_number = "entry"
    for_update = ""  # a transaction has the whole file to itself

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rewriting: tuple[str, Key] | None = None
        """Why values are written anew, and from where on."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> object:
        return self._connection.executemany(sql, parameters)

    def add(self, table: Table, rows: Sequence[Sequence[Any]], /) -> None:
        places = ", ".join("?" * len(table.columns))
        columns = ", ".join(table.columns)
        self.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({places})", rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def holds(self, column: str, /) -> str:
        return f"instr({column}, ?) > 0"

    def make_room(self, times_us: Iterable[int], /) -> None:
        """A file has room."""

    def lock_site(self, site: str, /, *, alone: bool) -> None:
        """A transaction has the whole file to itself."""

    def lock_incidents(self, site: str, /) -> None:
        """A transaction has the whole file to itself."""

    def forget(self, where: str, parameters: Sequence[Sequence[Any]], /) -> None:
        self._rewriting = None  # what was written anew may have had them beside it
        self.executemany(f"DELETE FROM personal WHERE {where}", parameters)

    def take_out(self, journal: int, places: Sequence[tuple[int, int]], /) -> None:
        self.executemany(
            "DELETE FROM entry WHERE journal = ? AND seq = ?", [(journal, seq) for seq, _ in places]
        )

    def leave_no_byte(self, why: str, /) -> Left:
        """Deleted rows are overwritten, and are in the log; and where SQLite has divided a page in
        two, a copy of a row may stand where no row is: all values are written anew in their order,
        some at a time.
        """
        if self._rewriting is None or self._rewriting[0] != why:
            if not self._cut():
                return Left.LATER
            self._rewriting = (why, FIRST)
        with self.transaction():
            after = rewritten(self._connection, PERSONAL_ROWS, self._rewriting[1])
        if after is not None:
            self._rewriting = (why, after)
            return Left.MORE
        self._rewriting = None
        return Left.NOTHING if self._cut() else Left.LATER

    def _cut(self) -> bool:
        """Cut the log to nothing. Whoever reads is not waited for: batches of edges would wait as
        well.
        """
        ((patience_ms,),) = self.execute("PRAGMA busy_timeout").fetchall()
        self.execute("PRAGMA busy_timeout = 0")
        try:
            (busy, *_), *_ = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self.execute(f"PRAGMA busy_timeout = {patience_ms}")
        return not busy

    @contextmanager
    def within(self, seconds: float, /) -> Iterator[None]:
        assert isinstance(self._connection, sqlite3.Connection), "of one who only reads"
        until_s = time.monotonic() + seconds
        self._connection.set_progress_handler(
            lambda: time.monotonic() > until_s, STEPS_BETWEEN_LOOKS
        )
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)

    def close(self) -> None:
        self._connection.close()


class SqliteArchive(SqlArchive):
    """The archive in one SQLite file, made when it does not exist.

    `entropy(n)` gives n random bytes, for a new archive's `id`. Raises ArchiveError when the file
    is another program's, another version's or cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        connect: Callable[[Path], Connection] = connect,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        try:
            connection = connect(path)
            connection.execute("PRAGMA journal_mode = WAL")
            database = _settled(connection)
            schema.prepare(database, path, entropy)
        except (sqlite3.Error, OSError) as error:
            raise _unopened(path, error) from error
        super().__init__(database)


def changing(path: Path) -> SqlArchive:
    """The archive in `path` for a command that changes a little, beside a central that stores.

    Raises ArchiveError.
    """
    with _present(path, "rw") as connection:
        # Whoever stores empties the log; two who do it are more than SQLite before 3.51.3 can bear.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return SqlArchive(_settled(connection))


def reading(path: Path) -> SqlArchive:
    """The archive in `path` for somebody who only reads. Raises ArchiveError."""
    with _present(path, "ro") as connection:
        return SqlArchive(SqliteDatabase(connection))


def _settled(connection: Connection) -> SqliteDatabase:
    # An acknowledged entry must survive a power cut: NORMAL does not sync at a commit.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    # An erased personal value leaves no bytes behind in the file.
    connection.execute("PRAGMA secure_delete = ON")
    return SqliteDatabase(connection)


@contextmanager
def _present(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A file that is an archive of this version; closed again where the block raises."""
    try:
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
        try:
            schema.require_present(SqliteDatabase(connection), path)
            yield connection
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise _unopened(path, error) from error


def _unopened(path: Path, error: Exception) -> ArchiveError:
    return ArchiveError(
        f"cannot open the archive {path}: {error}; check that its folder exists, belongs "
        "to this user and has room, and that no other program holds the file"
    )
