"""A connection to a database on a simulated disk, which to our code is one of `sqlite3`."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import apsw

from simulators.virtual.disk_files import FileSystem
from simulators.virtual.disk_vfs import Vfs

Row = tuple[Any, ...]

OBSERVED_TABLE = "entry"

_CLASSES: dict[int, type[sqlite3.Error]] = {
    apsw.SQLITE_INTERNAL: sqlite3.InternalError,
    apsw.SQLITE_NOTFOUND: sqlite3.InternalError,
    apsw.SQLITE_TOOBIG: sqlite3.DataError,
    apsw.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    apsw.SQLITE_MISMATCH: sqlite3.IntegrityError,
    apsw.SQLITE_MISUSE: sqlite3.InterfaceError,
    apsw.SQLITE_RANGE: sqlite3.InterfaceError,
} | dict.fromkeys(
    (
        apsw.SQLITE_ERROR,
        apsw.SQLITE_PERM,
        apsw.SQLITE_ABORT,
        apsw.SQLITE_BUSY,
        apsw.SQLITE_LOCKED,
        apsw.SQLITE_READONLY,
        apsw.SQLITE_INTERRUPT,
        apsw.SQLITE_IOERR,
        apsw.SQLITE_FULL,
        apsw.SQLITE_CANTOPEN,
        apsw.SQLITE_PROTOCOL,
        apsw.SQLITE_EMPTY,
        apsw.SQLITE_SCHEMA,
    ),
    sqlite3.OperationalError,
)
"""As in CPython's `Modules/_sqlite/util.c`; a code that is not here is a DatabaseError."""


def error_of(code: int, said: str) -> sqlite3.Error:
    """What `sqlite3` raises for an (extended) result code."""
    error = _CLASSES.get(code & 0xFF, sqlite3.DatabaseError)(said)
    error.sqlite_errorcode = code
    name = apsw.mapping_extended_result_codes.get(code) or apsw.mapping_result_codes.get(code)
    error.sqlite_errorname = str(name)
    return error


def translated(error: apsw.Error) -> sqlite3.Error:
    code = getattr(error, "extendedresult", None)
    if code is None:
        return sqlite3.ProgrammingError(str(error))
    return error_of(code, str(error))


class Rows:
    """The rows of one statement, all there from the start."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = iter(rows)

    def fetchone(self) -> Row | None:
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def close(self) -> None:
        self._rows = iter(())


class DiskConnection:
    """What our code uses of `sqlite3.Connection`, over apsw; raises sqlite3.Error as that does.

    After a power cut or a fence every call but `close` raises SQLITE_IOERR.
    """

    def __init__(
        self,
        system: FileSystem,
        name: str,
        committed: Callable[[list[Row]], None],
        *,
        create: bool,
    ) -> None:
        """`committed` is told the rows put into the table `entry`, after each synced commit."""
        self._system = system
        self._age = system.age
        self._name = name
        self._committed = committed
        self._closed = False
        self._rows: list[Row] = []
        self._vfs = Vfs(system)
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
        try:
            self._raw = apsw.Connection(name, flags=flags, vfs=self._vfs.name)
        except apsw.Error as error:
            self._vfs.unregister()
            raise translated(error) from error
        self._file = system.names[name]
        self._raw.preupdate_hook(self._changed)

    def is_alive(self) -> bool:
        """It was not closed, and nothing happened to its process."""
        return not self._closed and self._age == self._system.age

    @property
    def in_transaction(self) -> bool:
        return self._raw.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        return Rows(self._run(lambda: self._raw.execute(sql, parameters).fetchall(), one=True))

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> Rows:
        return Rows(self._run(lambda: self._raw.executemany(sql, parameters).fetchall()))

    def executescript(self, sql: str, /) -> Rows:
        return Rows(self._run(lambda: self._raw.execute(sql).fetchall()))

    def close(self) -> None:
        """May be repeated. As with `sqlite3`, what goes wrong in it goes unsaid."""
        self._closed = True
        with suppress(apsw.Error):
            self._raw.close(True)
        self._vfs.unregister()

    def _run(self, statement: Callable[[], list[Row]], *, one: bool = False) -> list[Row]:
        """`one`: there is one statement in it, and nothing of it comes after its commit."""
        if self._age != self._system.age:
            raise error_of(apsw.SQLITE_IOERR, "disk I/O error")
        if self._closed:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        commits, kept = self._file.commits, len(self._rows)
        try:
            rows = statement()
        except apsw.Error as error:
            if not one or not self.is_alive() or self._file.commits == commits:
                del self._rows[kept if self._raw.in_transaction else 0 :]
                raise translated(error) from error
            # It is committed: what failed is the checkpoint behind it, of which SQLite says
            # nothing. apsw raises whatever was raised below it.
            rows = []
        if self._rows and not self._raw.in_transaction:
            self._tell(self._file.commits > commits)
        return rows

    def _changed(self, update: apsw.PreUpdate) -> None:
        if update.table_name == OBSERVED_TABLE and update.op == "INSERT" and update.new:
            self._rows.append(update.new)

    def _tell(self, committed: bool) -> None:
        rows, self._rows = self._rows, []
        log = self._system.names.get(f"{self._name}-wal", self._file)
        if committed and not log.unsynced:
            self._committed(rows)
