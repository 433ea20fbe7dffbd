"""`views.db`: the rows of `edge.views` in a plain database that tools may open to read.

It is a copy and never the truth. Written by whoever holds the journal (the daemon, or a command
where none runs), and made anew from the journal wherever it is not to be used: another journal,
another schema, damage. Nobody is named in it; who a pseudonym is, `site.db` knows alone.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import msgspec

from edge.ballast import BALLAST_BYTES, ROOM_FACTOR
from edge.sqlite_library import Database
from edge.views import Changes, DoorRow, PresenceRow, View, ZoneRow, restored

VIEWS_FILE = "views.db"
"""Beside the journal's folder in the state folder."""

FILE_MODE = 0o640
"""Whose group reaches the control socket may read it: that shows the same, and the names too."""

APPLICATION_ID = 0x53505657
"""`SPVW`, where `file` and SQLite look for it."""

SCHEMA_VERSION = 3
"""Raised with every change of a table or of what is counted; the file is made anew then."""

BUSY_S = 1.0
"""How long a tool that writes to the file, which none should, may hold up a step."""

LOG_BYTES_MAX = 4 * 1024 * 1024
"""What a write-ahead log that grew once keeps of the disk."""

FREE_BYTES_MIN = ROOM_FACTOR * BALLAST_BYTES
"""Below it nothing is written here: as the ballast is made no more, so that what room there is
belongs to the journal."""

_SETTINGS = (
    # Readers hold nobody up, and nothing is synced but when the log is folded together: a power cut
    # takes the newest rows, which the journal gives again, and never leaves half of a step.
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA journal_size_limit = {LOG_BYTES_MAX}",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)

_TABLES = (
    # Of which journal, and after which of its entries. `chain`: its value there, in hex.
    # `counted_from`: the first entry that is counted; those before it were pruned. `state_from`:
    # whereabouts and doors are known from this entry on.
    """CREATE TABLE view (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        site TEXT NOT NULL,
        edge TEXT NOT NULL,
        incarnation TEXT NOT NULL,
        timezone TEXT NOT NULL,
        counted_from INTEGER NOT NULL CHECK (counted_from >= 1),
        state_from INTEGER NOT NULL CHECK (state_from >= 0),
        seq INTEGER NOT NULL CHECK (seq >= 0),
        chain TEXT NOT NULL,
        utc_us INTEGER NOT NULL,
        clock_trusted INTEGER NOT NULL CHECK (clock_trusted IN (0, 1))
    ) STRICT""",
    """CREATE TABLE presence (
        holder TEXT PRIMARY KEY,
        zone TEXT NOT NULL,
        since_s INTEGER,
        entered_s INTEGER,
        overstayed INTEGER NOT NULL CHECK (overstayed IN (0, 1)),
        host TEXT,
        party INTEGER NOT NULL CHECK (party >= 0)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE zone (
        zone TEXT PRIMARY KEY,
        people INTEGER NOT NULL CHECK (people >= 0)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE door (
        portal TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        contact TEXT NOT NULL,
        bolted INTEGER CHECK (bolted IN (0, 1)),
        linked INTEGER NOT NULL CHECK (linked IN (0, 1)),
        released INTEGER NOT NULL CHECK (released IN (0, 1)),
        secured INTEGER NOT NULL CHECK (secured IN (0, 1)),
        leased INTEGER NOT NULL CHECK (leased IN (0, 1)),
        since_seq INTEGER NOT NULL,
        since_utc_us INTEGER NOT NULL,
        since_trusted INTEGER NOT NULL CHECK (since_trusted IN (0, 1)),
        record BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # `portal` is empty and `code` 0 where an entry has none.
    """CREATE TABLE tally (
        day TEXT NOT NULL,
        kind TEXT NOT NULL,
        portal TEXT NOT NULL,
        code INTEGER NOT NULL,
        entries INTEGER NOT NULL CHECK (entries >= 1),
        drills INTEGER NOT NULL CHECK (drills BETWEEN 0 AND entries),
        PRIMARY KEY (day, kind, portal, code)
    ) STRICT, WITHOUT ROWID""",
    # Every order that was accepted; what ended it, where something has.
    """CREATE TABLE ordered (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        scope TEXT NOT NULL,
        reason TEXT NOT NULL,
        review_s INTEGER NOT NULL,
        drill INTEGER NOT NULL CHECK (drill IN (0, 1)),
        standing INTEGER NOT NULL CHECK (standing IN (0, 1)),
        people INTEGER NOT NULL,
        path TEXT NOT NULL,
        source TEXT NOT NULL,
        given_seq INTEGER NOT NULL,
        given_utc_us INTEGER NOT NULL,
        ended_seq INTEGER,
        ended_utc_us INTEGER,
        ended_cause TEXT,
        ended_by TEXT
    ) STRICT, WITHOUT ROWID""",
)

_LATER = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_NOMEM"})
"""What passes without the file being made anew."""

R = TypeVar("R", bound=msgspec.Struct)


class ViewsError(Exception):
    """Nothing could be read or written; every message ends with what to do about it."""


class ViewsFailed(ViewsError):  # noqa: N818 - as the journal's errors
    """The disk is full, the file is locked, or cannot be made: later it may go."""


class ViewsUnusable(ViewsError):  # noqa: N818
    """The file is missing, damaged, or of another journal or version: it has to be made anew."""


class Journal(NamedTuple):
    """Of which journal the rows are, and in which zone its days are counted."""

    site: str
    edge: str
    incarnation: str
    timezone: str


class At(msgspec.Struct, frozen=True, kw_only=True):
    """After which entry the rows stand. `chain` is empty before the first entry that was read."""

    seq: int
    chain: str
    utc_us: int
    clock_trusted: bool


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """From which entry on there are counts, and from which on whereabouts and doors."""

    counted_from: int = 1
    state_from: int = 0


class ViewsFile:
    """The open file, for one writer on one thread at a time.

    Every method raises ViewsFailed or ViewsUnusable, after which it is closed and opened again.
    """

    def __init__(self, path: Path | None, database: Database) -> None:
        """Not for callers: see `opened` and `made`."""
        self._path, self._database = path, database
        self._inode = None if path is None else _inode(path)

    @classmethod
    def made(cls, path: Path | None, journal: Journal, reach: Reach) -> Self:
        """An empty one in the place of whatever is there; without `path` in memory."""
        at = At(seq=reach.counted_from - 1, chain="", utc_us=0, clock_trusted=False)
        with _failing(path):
            if path is not None:
                _make_room(path)
            database = _connected(path)
            try:
                with database.atomic():
                    for statement in _TABLES:
                        database.execute(statement)
                    row = {"one": 1, **journal._asdict(), **msgspec.structs.asdict(reach)}
                    database.table("view").insert(row | msgspec.structs.asdict(at))
                    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            except BaseException:
                database.close()
                raise
        return cls(path, database)

    @classmethod
    def opened(cls, path: Path, journal: Journal) -> Self:
        """The one of this journal, looked through: small as it is, every page of it."""
        with _failing(path):
            if not path.exists():
                raise ViewsUnusable(f"{path}: there is none")
            database = _connected(path)
            try:
                refuse_foreign(path, database)
                (row,) = database.query("SELECT site, edge, incarnation, timezone FROM view")
                if Journal(**row) != journal:
                    raise ViewsUnusable(f"{path}: it is of another journal or time zone")
            except BaseException:
                database.close()
                raise
        return cls(path, database)

    @property
    def database(self) -> Database:
        """To query, by the thread that has it."""
        return self._database

    def close(self) -> None:
        """Let it go; what was not committed is not there."""
        with _failing(self._path):
            self._database.close()

    def at(self) -> At:
        with _failing(self._path):
            return read_at(self._database)

    def reach(self) -> Reach:
        with _failing(self._path):
            return read_reach(self._database)

    def view(self) -> View:
        """What the fold goes on from."""
        with _failing(self._path), self._database.atomic():
            return restored(
                read_at(self._database).seq,
                rows_of(self._database, PresenceRow, "presence"),
                rows_of(self._database, ZoneRow, "zone"),
                rows_of(self._database, DoorRow, "door"),
            )

    def write(self, changes: Changes, at: At) -> None:
        """All of `changes`, by which the rows stand at `at`; or nothing."""
        if self._path is not None:
            _refuse_full(self._path)
            self._refuse_gone(self._path)
        with _failing(self._path), self._database.atomic():
            self._remove("presence", "holder", changes.left)
            self._remove("zone", "zone", changes.emptied)
            self._remove("door", "portal", changes.gone)
            self._put("presence", "holder", changes.presences)
            self._put("zone", "zone", changes.zones)
            self._put("door", "portal", changes.doors)
            self._database.conn.executemany(
                "INSERT INTO tally (day, kind, portal, code, entries, drills)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, kind, portal, code) DO UPDATE SET"
                " entries = entries + excluded.entries, drills = drills + excluded.drills",
                [msgspec.structs.astuple(row) for row in changes.counts],
            )
            self._put("ordered", "id", changes.orders)
            self._database.conn.executemany(
                "UPDATE ordered SET ended_seq = ?, ended_utc_us = ?, ended_cause = ?, ended_by = ?"
                " WHERE id = ?",
                [(*msgspec.structs.astuple(end)[1:], end.id) for end in changes.order_ends],
            )
            self._database.execute(
                "UPDATE view SET seq = ?, chain = ?, utc_us = ?, clock_trusted = ?",
                msgspec.structs.astuple(at),
            )

    def _refuse_gone(self, path: Path) -> None:
        """Raises ViewsUnusable where another file, or none, has the name by now: nobody would see
        what is written.
        """
        if _inode(path) != self._inode:
            raise ViewsUnusable(f"{path}: somebody has removed it")

    def _remove(self, table: str, key: str, names: Sequence[str]) -> None:
        self._database.conn.executemany(
            f"DELETE FROM {table} WHERE {key} = ?", [(name,) for name in names]
        )

    def _put(self, table: str, key: str, rows: Sequence[msgspec.Struct]) -> None:
        """Rows that are new or take the place of the one with the same key.

        Not by `upsert_all`, which loses rows where it believes that SQLite is old: see
        `edge.people.store`.
        """
        if not rows:
            return
        names = rows[0].__struct_fields__
        self._database.conn.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT ({key}) DO UPDATE SET"
            f" {', '.join(f'{name} = excluded.{name}' for name in names if name != key)}",
            [msgspec.structs.astuple(row) for row in rows],
        )


@contextmanager
def to_read(path: Path) -> Iterator[Database]:
    """The file for as long as the block lasts, as it is at its beginning: others go on writing.

    Raises ViewsFailed, ViewsUnusable.
    """
    with _failing(path):
        if not path.exists():
            raise ViewsUnusable(f"{path}: there is none; a running edge makes it")
        address = path.resolve().as_uri() + "?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_S)
        with Database(connection, recursive_triggers=False, execute_plugins=False) as database:
            for setting in ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON"):
                database.execute(setting)
            with database.atomic():
                refuse_foreign(path, database)
                yield database


def read_at(database: Database) -> At:
    """After which entry the rows of an open file stand. Raises sqlite3.Error."""
    (row,) = database.query("SELECT seq, chain, utc_us, clock_trusted FROM view")
    return msgspec.convert(row, At, strict=False)


def read_reach(database: Database) -> Reach:
    """How far back an open file goes. Raises sqlite3.Error."""
    (row,) = database.query("SELECT counted_from, state_from FROM view")
    return msgspec.convert(row, Reach)


def rows_of(database: Database, kind: type[R], table: str) -> list[R]:
    """The rows of a table as values of ours. Raises sqlite3.Error, msgspec.ValidationError."""
    found = database.query(f"SELECT {', '.join(kind.__struct_fields__)} FROM {table}")
    return [msgspec.convert(row, kind, strict=False) for row in found]


def refuse_foreign(path: Path, database: Database) -> None:
    """Raises ViewsUnusable where a file is not ours, of another version, or damaged."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        raise ViewsUnusable(f"{path}: not made by this version")
    found = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != ("ok",):
        raise ViewsUnusable(f"{path}: damaged ({found[0]})")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _connected(path: Path | None) -> Database:
    connection = sqlite3.connect(
        ":memory:" if path is None else path, timeout=BUSY_S, check_same_thread=False
    )
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    try:
        for setting in _SETTINGS:
            database.execute(setting)
    except BaseException:
        database.close()
        raise
    return database


def _make_room(path: Path) -> None:
    """An empty file in the place of whatever is there. Raises OSError, ViewsFailed.

    Log and index go with it: somebody may read the old file still, by an index of the same name.
    """
    for name in ("-wal", "-shm", "-journal", ""):
        path.with_name(path.name + name).unlink(missing_ok=True)
    _refuse_full(path)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        os.fchmod(fd, FILE_MODE)
        own, folder = os.fstat(fd), path.parent.stat()
        if os.geteuid() == 0 and (own.st_uid, own.st_gid) != (folder.st_uid, folder.st_gid):
            # Made by root while no daemon runs: the daemon has to write it afterwards.
            os.fchown(fd, folder.st_uid, folder.st_gid)
    finally:
        os.close(fd)


def _refuse_full(path: Path) -> None:
    """Raises ViewsFailed where the room on the disk is the journal's."""
    try:
        found = os.statvfs(path.parent)
    except OSError as error:
        raise ViewsFailed(f"{path}: {error.strerror}; mount the state folder") from error
    if found.f_bavail * found.f_frsize < FREE_BYTES_MIN:
        raise ViewsFailed(
            f"{path}: the disk is nearly full, and what room there is belongs to the journal; "
            "make space on it"
        )


@contextmanager
def _failing(path: Path | None) -> Iterator[None]:
    """What SQLite, the system or a row says becomes ViewsFailed or ViewsUnusable."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if any(name.startswith(later) for later in _LATER):
            raise ViewsFailed(f"{path}: {error}; it is tried again") from error
        raise ViewsUnusable(f"{path}: {error}; it is made anew from the journal") from error
    except OSError as error:
        raise ViewsFailed(
            f"{path}: {error.strerror}; make the state folder writable for the daemon's account"
        ) from error
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        # A missing row is a ValueError: none could be unpacked.
        raise ViewsUnusable(f"{path}: {error}; it is made anew from the journal") from error
