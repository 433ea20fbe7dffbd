"""The archive in a PostgreSQL database, for one archiver or several."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from central import archive_postgres_schema as schema
from central.archive import ArchiveError
from central.archive_sql import SqlArchive
from central.database import ENTRY, Left, Table
from edge.journal.disk import Cursor

CONNECT_S = 10
"""A server that does not answer for this long is not there."""

LOCKED_MS = 5_000
"""Whoever holds a lock may hold storing up this long; it then fails and the edges send again."""

STATEMENT_MS = 60_000
"""A statement of ours takes milliseconds; one that takes this long waits for a disk that hangs."""

REPORT_MS = 600_000
"""Counting a year takes longer, and so does writing anew what is left of the personal values."""

KEEPALIVE_S = 10
"""A server that is cut off is noticed within half a minute, not within hours."""

DAY_US = 86_400_000_000

_OPENING, _MONTHS, _SITE, _INCIDENTS = 1, 2, 3, 4
"""What advisory locks are taken for; with a site's name, or with nothing, they are our own."""

_NAMES = 0x53504152
"""`SPAR`: no other program on the same database uses these numbers."""

_TYPES = {
    "journal": "int4",
    "bucket": "int4",
    "seq": "int8",
    "utc_us": "int8",
    "data": "bytea",
}
"""Of columns that are not text."""

_ENTRY_KEY = Table("entry_key", ("journal", "seq", "utc_us"))
"""Where an entry is, by its number: the one unique index over all of them."""


class PostgresDatabase:
    """Connections to one database, one after the other, as `central.database.Database`. One that
    failed is given up; the next call makes another.
    """

    failures = (psycopg.Error,)
    remedy = "look at the PostgreSQL server and its log"
    by_number = "entry_key JOIN entry USING (journal, seq, utc_us)"
    for_update = " FOR UPDATE"

    def __init__(self, where: str, *, read_only: bool = False) -> None:
        self._where = where
        self._read_only = read_only
        self._months: set[schema.Month] = set()
        self._began = False
        self._connection = self._connect()

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        return self._live().execute(_spelled(sql), parameters)

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> object:
        if parameters:
            self._live().cursor().executemany(_spelled(sql), parameters)
        return None

    def add(self, table: Table, rows: Sequence[Sequence[Any]], /) -> None:
        if not rows:
            return
        if table is ENTRY:
            # Refused where somebody stored one of them past our locks.
            self._copy(_ENTRY_KEY, [(journal, seq, utc_us) for journal, seq, _, utc_us, _ in rows])
        self._copy(table, rows)

    def _copy(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        copying = f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor().copy(_spelled(copying)) as copy:
            copy.set_types([_TYPES.get(column, "text") for column in table.columns])
            for row in rows:
                copy.write_row(row)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._live().transaction():
            self._began = True
            try:
                yield
            except BaseException:
                self._months.clear()  # whatever it was: somebody may have dropped one
                raise
            finally:
                self._began = False

    def holds(self, column: str, /) -> str:
        return f"position(?::bytea IN {column}) > 0"

    def make_room(self, times_us: Iterable[int], /) -> None:
        # In a transaction of its own: another archiver that makes them meanwhile is waited for.
        days = {utc_us // DAY_US for utc_us in times_us}
        for month in {schema.month_of(day * DAY_US) for day in days} - self._months:
            with self.transaction():
                self._lock(_MONTHS)
                schema.make_partitions(self, month)
            self._months.add(month)

    def prepare(self, entropy: Callable[[int], bytes]) -> None:
        """Make the tables that are missing. Raises ArchiveError."""
        for setting in ("fsync", "full_page_writes"):
            if self.execute(f"SHOW {setting}").fetchone() == ("off",):
                raise ArchiveError(
                    f"the PostgreSQL server runs with {setting} = off and may lose what it said is"
                    " stored: switch it on"
                )
        if self.execute("SHOW server_encoding").fetchone() != ("UTF8",):
            raise ArchiveError(
                "the database has not the encoding UTF8 and cannot hold every name: make it with"
                " `createdb --encoding=UTF8 --template=template0`"
            )
        with self.transaction():
            self._lock(_OPENING)
            schema.prepare(self, entropy)

    def lock_site(self, site: str, /, *, alone: bool) -> None:
        self._lock(_SITE, site, alone=alone)

    def lock_incidents(self, site: str, /) -> None:
        self._lock(_INCIDENTS, site)

    @contextmanager
    def within(self, seconds: float, /) -> Iterator[None]:
        self.execute(f"SET statement_timeout = {max(1, int(seconds * 1_000))}")
        try:
            yield
        finally:
            if not self._connection.broken:
                usual = REPORT_MS if self._read_only else STATEMENT_MS
                self.execute(f"SET statement_timeout = {usual}")

    def forget(self, where: str, parameters: Sequence[Sequence[Any]], /) -> None:
        self.executemany(f"DELETE FROM personal WHERE {where}", parameters)

    def take_out(self, journal: int, places: Sequence[tuple[int, int]], /) -> None:
        rows = [(journal, *place) for place in places]
        where = "WHERE journal = ? AND seq = ? AND utc_us = ?"
        self.executemany(f"DELETE FROM entry {where}", rows)
        self.executemany(f"DELETE FROM entry_key {where}", rows)

    def leave_no_byte(self, _why: str, /) -> Left:
        """Values that were deleted stand in the table's pages until it is written anew."""
        try:
            self.execute(f"SET statement_timeout = {REPORT_MS}")
            try:
                self.execute("VACUUM (FULL) personal")
            finally:
                self.execute(f"SET statement_timeout = {STATEMENT_MS}")
        except psycopg.errors.LockNotAvailable:
            return Left.LATER
        return Left.NOTHING

    def close(self) -> None:
        self._connection.close()

    def _lock(self, what: int, name: str = "", *, alone: bool = True) -> None:
        how = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        self.execute(f"SELECT {how}(?, hashtext(?))", (_NAMES + what, name))

    def _live(self) -> psycopg.Connection:
        if self._connection.closed:
            if self._began:
                raise psycopg.OperationalError("the connection was lost")
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> psycopg.Connection:
        self._months.clear()
        connection = psycopg.connect(
            self._where,
            autocommit=True,
            client_encoding="UTF8",
            connect_timeout=CONNECT_S,
            keepalives_idle=KEEPALIVE_S,
            keepalives_interval=KEEPALIVE_S,
            keepalives_count=2,
            tcp_user_timeout=3_000 * KEEPALIVE_S,
        )
        try:
            self._settle(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _settle(self, connection: psycopg.Connection) -> None:
        settings = {
            "search_path": schema.NAMESPACE,
            "lock_timeout": str(LOCKED_MS),
            "statement_timeout": str(REPORT_MS if self._read_only else STATEMENT_MS),
            "default_transaction_read_only": "on" if self._read_only else "off",
            # Few rows are looked for by their keys, in few of the partitions: whatever the planner
            # believes of tables that grew since it last looked.
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
            "jit": "off",
        }
        if connection.execute("SHOW synchronous_commit").fetchone() in (("off",), ("local",)):
            # An acknowledgement promises that the entry survives a power cut.
            settings["synchronous_commit"] = "on"
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))


class PostgresArchive(SqlArchive):
    """The archive in the database that `where` names, a URI without a password: libpq finds that in
    PGPASSFILE, a service file or `passfile=`. Its tables are made where they are missing.

    `entropy(n)` gives n random bytes, for a new archive's `id`. Raises ArchiveError.
    """

    def __init__(
        self, where: str, *, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        with _opened(where) as database:
            database.prepare(entropy)
            super().__init__(database)


def changing(where: str) -> SqlArchive:
    """The archive for a command that changes a little. Raises ArchiveError."""
    with _opened(where) as database:
        schema.require_present(database)
        return SqlArchive(database)


def reading(where: str) -> SqlArchive:
    """The archive for somebody who only reads. Raises ArchiveError."""
    with _opened(where, read_only=True) as database:
        schema.require_present(database)
        return SqlArchive(database)


@contextmanager
def _opened(where: str, *, read_only: bool = False) -> Iterator[PostgresDatabase]:
    """Closed again where the block raises; its errors as ArchiveError."""
    try:
        if conninfo_to_dict(where).get("password"):
            raise ArchiveError(
                "a password on the command line can be read by everybody on the machine: leave it"
                " out, and put it into a file that PGPASSFILE names, mode 600"
            )
        database = PostgresDatabase(where, read_only=read_only)
        try:
            yield database
        except BaseException:
            database.close()
            raise
    except psycopg.Error as error:
        said = str(error).strip().partition("\n")[0]
        raise ArchiveError(
            f"cannot open the archive {where}: {said}; check that the server runs, that the account"
            " may create in this database, and that PGPASSFILE names a file with its password,"
            " mode 600"
        ) from error


@lru_cache(maxsize=256)
def _spelled(sql: str) -> LiteralString:
    """As psycopg has it. Ours alone ever comes here, and values never stand in it."""
    return sql.replace("?", "%s")
