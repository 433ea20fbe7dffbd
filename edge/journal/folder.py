"""The journal's folder: its lock, its one segment, and the look at a file before SQLite sees it."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, Self

from edge.journal.disk import Connection
from edge.journal.errors import (
    JournalForeign,
    JournalInUse,
    JournalMissing,
    JournalNewer,
    JournalReadOnly,
)

SEGMENT = "segment-000001.db"
DRAFT = SEGMENT + ".new"
LOCK = "lock"
APPLICATION_ID = 0x53504A4C
"""`SPJL`, where `file` and SQLite look for it."""

STEPS = ("0001_init.sql", "0002_checkpoint.sql")
"""What makes a segment, in order. A step that was released is never edited."""

SCHEMA_VERSION = len(STEPS)
META_KEYS = {"site", "edge", "incarnation", "created_utc_us", "acked"}
FOLDER_MODE = 0o700
FILE_MODE = 0o600
INCARNATION_BYTES = 8
BUSY_S = 2.0
"""How long a foreign reader of the file may hold up opening; the lock file keeps daemons apart."""

HEADER_BYTES = 100
MAGIC = b"SQLite format 3\x00"

PRAGMAS = (
    # Before WAL: then no shared-memory file exists and nobody else can open the database.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    # NORMAL loses what was acknowledged when the power goes.
    "PRAGMA synchronous = FULL",
    # Pages: a short write-ahead log is soon replayed, has little to lose to one flipped bit, and
    # a checkpoint needs little room on a full disk.
    "PRAGMA wal_autocheckpoint = 200",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    # An erased personal value leaves no bytes behind in the file.
    "PRAGMA secure_delete = ON",
    # A read error must be an error and not a SIGBUS.
    "PRAGMA mmap_size = 0",
)


class FolderLock:
    """The one owner of a journal's folder, with the owner's pid for whoever comes second.

    Must be held before any file in the folder is opened: closing *any* descriptor of a database
    drops the POSIX locks that SQLite holds on it in the same process.
    """

    def __init__(self, folder: Path, flags: int = os.O_RDWR | os.O_CREAT) -> None:
        """Take the lock. Raises JournalInUse, or OSError where the folder cannot be written."""
        self._fd = os.open(folder / LOCK, flags | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = os.pread(self._fd, 20, 0).strip()
            os.close(self._fd)
            raise JournalInUse(folder, int(said) if said.isdigit() else None) from None
        try:
            os.pwrite(self._fd, f"{os.getpid():<19}\n".encode(), 0)
        except OSError:
            # On a full or read-only disk the pid stays unknown; the lock holds without it.
            pass

    @classmethod
    def for_reading(cls, folder: Path) -> Self | None:
        """The lock without making anything; None for a copy that came without its lock file."""
        for flags in (os.O_RDWR, os.O_RDONLY):
            try:
                return cls(folder, flags)
            except FileNotFoundError:
                return None
            except OSError as error:
                if flags == os.O_RDONLY or error.errno not in {errno.EROFS, errno.EACCES}:
                    raise
        return None

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def take_lock(folder: Path) -> FolderLock:
    """The lock of whoever writes. Raises JournalInUse, or OSError as FolderLock."""
    return FolderLock(folder)


def sync_folder(folder: Path) -> None:
    """Make created and renamed names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """The folder, durable, and for nobody but its owner."""
    if not folder.is_dir():
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        sync_folder(folder.parent)
    if folder.stat().st_mode & 0o077:
        folder.chmod(FOLDER_MODE)


def has_segment(segment: Path) -> bool:
    return segment.exists()


def look(segment: Path) -> None:
    """Refuse a file that is not a journal segment, before SQLite replays or locks anything of it.

    Raises JournalForeign, JournalNewer, JournalMissing.
    """
    try:
        with segment.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except FileNotFoundError:
        raise missing(segment) from None
    refuse_header(segment, header)


def missing(segment: Path) -> JournalMissing:
    return JournalMissing(
        f"{segment} does not exist; mount the state folder, or put the journal back"
    )


def refuse_header(segment: Path, header: bytes) -> None:
    """Raises JournalForeign, JournalNewer over a file's first HEADER_BYTES."""
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise JournalForeign(
            f"{segment} is no SQLite database; move it away, or name another state folder"
        )
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise JournalForeign(
            f"{segment} belongs to another application; move it away, or name another state folder"
        )
    refuse_version(segment, int.from_bytes(header[60:64], "big"))


def refuse_version(segment: Path, version: int) -> None:
    """Raises JournalNewer where this program is older than the file."""
    if version > SCHEMA_VERSION:
        raise JournalNewer(
            f"{segment} has schema {version}, this version knows {SCHEMA_VERSION}; "
            "install the version that wrote it, or a newer one"
        )


def refuse_schema(segment: Path, connection: Connection) -> int:
    """The version of the segment's tables, which are those of that version.

    Raises JournalNewer, and JournalForeign where tables differ or something was added: a trigger
    could alter what is stored.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    refuse_version(segment, version)
    found = frozenset(connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall())
    if found != expected_schema(version):
        names = ", ".join(sorted({str(row[1]) for row in found ^ expected_schema(version)}))
        raise JournalForeign(
            f"{segment} has tables that are not ours ({names}); keep it as evidence, and put a "
            "copy that verifies in its place or start with an empty folder"
        )
    return version


def bring_up(connection: Connection, version: int) -> None:
    """Add what this version keeps beside the rows; no row of an older one changes a byte."""
    if version == SCHEMA_VERSION:
        return
    steps = "".join(step_sql(name) for name in STEPS[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{steps}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )


class Meta(NamedTuple):
    """Whose journal it is, and how far the archive has it."""

    site: str
    edge: str
    incarnation: str
    acked: int
    doubted: int | None
    """As `Journal.doubted`."""
    continues: str
    """As `Journal.continues`."""


def read_meta(segment: Path, connection: Connection) -> Meta:
    """Raises JournalForeign where it is not all there."""
    found = {str(key): str(value) for key, value in connection.execute("SELECT * FROM meta")}
    acked = found.get("acked", "")
    if not found.keys() >= META_KEYS or not (acked.isascii() and acked.isdigit()):
        raise JournalForeign(
            f"{segment} does not say whose journal it is; keep it as evidence, and put a copy "
            "that verifies in its place or start with an empty folder"
        )
    witnessed = found.get("doubted", "")
    return Meta(
        found["site"],
        found["edge"],
        found["incarnation"],
        int(acked[:18]),
        int(witnessed[:18]) if witnessed.isascii() and witnessed.isdigit() else None,
        found.get("continues", ""),
    )


def step_sql(name: str) -> str:
    return files("edge.journal").joinpath("schema", name).read_text("utf-8")


@cache
def expected_schema(version: int) -> frozenset[tuple[str, str, str | None]]:
    """What SQLite itself makes of the steps up to a version."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("".join(step_sql(name) for name in STEPS[:version]))
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    return frozenset(rows)


def create_segment(
    folder: Path, *, site: str, edge: str, entropy: Callable[[int], bytes], utc_us: int
) -> None:
    """Make the first segment: written aside, synced, renamed; what carries the name is whole.

    Raises JournalMissing where the folder holds other things: a journal was there. sqlite3.Error
    and OSError pass.
    """
    draft = folder / DRAFT
    for name in (DRAFT, DRAFT + "-journal"):
        (folder / name).unlink(missing_ok=True)
    refuse_left(folder, (path.name for path in folder.iterdir()))
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
    incarnation = entropy(INCARNATION_BYTES).hex()
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        fill_segment(connection, site=site, edge=edge, incarnation=incarnation, utc_us=utc_us)
    draft.rename(folder / SEGMENT)
    sync_folder(folder)


def refuse_left(folder: Path, names: Iterable[str]) -> None:
    """Raises JournalMissing where a folder without a segment holds more than its lock."""
    left = sorted(name for name in names if name != LOCK)
    if left:
        raise JournalMissing(
            f"{folder} has no {SEGMENT} but holds {', '.join(left[:5])}; put the segment back, "
            "or name an empty folder"
        )


def fill_segment(
    connection: Connection, *, site: str, edge: str, incarnation: str, utc_us: int
) -> None:
    """Make an empty database a journal without entries, in one transaction."""
    meta = (
        ("site", site),
        ("edge", edge),
        ("incarnation", incarnation),
        ("created_utc_us", str(utc_us)),
        ("acked", "0"),
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript("BEGIN IMMEDIATE;\n" + "".join(step_sql(name) for name in STEPS))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def write_log_again(database: Path) -> None:
    """Make durable what a database's write-ahead log shows. Nobody may write to it meanwhile.

    After a sync that failed a kernel goes on showing what never arrived, and no later sync writes
    it: SQLite would find the failed transaction whole, put the next ones behind it, and lose them
    all with the power. The log's name may be as uncertain: SQLite syncs the folder of a log that it
    made itself, and not of one that a process before it had made and never synced. Raises OSError.
    """
    with suppress(FileNotFoundError), Path(f"{database}-wal").open("r+b") as log:
        held = log.read()
        log.seek(0)
        log.write(held)
        log.flush()
        os.fsync(log.fileno())
        sync_folder(database.parent)


def connect(segment: Path) -> sqlite3.Connection:
    """The owning connection: exclusive, WAL, FULL, with a log that is durable.

    Raises JournalInUse, sqlite3.Error or OSError.
    """
    write_log_again(segment)
    address = segment.resolve().as_uri() + "?mode=rw"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_S)
    own(connection, segment)
    return connection


def own(connection: Connection, segment: Path) -> None:
    """Set a new connection up as the owning one, or close it. Raises as `connect`."""
    try:
        answers = {pragma: connection.execute(pragma).fetchall() for pragma in PRAGMAS}
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except BaseException as error:
        connection.close()
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise JournalInUse(segment.parent, None) from error
        raise
    assert answers["PRAGMA journal_mode = WAL"] == [("wal",)], "SQLite refused WAL"


def connect_to_read(segment: Path) -> sqlite3.Connection:
    """A connection that changes no row. Only under the folder's lock. Raises sqlite3.Error."""
    log = Path(f"{segment}-wal")
    sealed = not os.access(segment.parent, os.W_OK)
    if sealed and log.exists() and log.stat().st_size:
        raise JournalReadOnly(
            f"{log} holds entries that cannot be replayed in a read-only folder; copy the folder "
            "with all its files to where it can be written, and verify the copy"
        )
    # `immutable` looks at nothing but the segment: where there is a log it must not be used.
    address = segment.resolve().as_uri() + ("?immutable=1" if sealed else "?mode=ro")
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_S)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def forget_reading(segment: Path) -> None:
    """Remove what a reader leaves: the index, which is made anew from the log, and an empty log."""
    index, log = Path(f"{segment}-shm"), Path(f"{segment}-wal")
    try:
        index.unlink(missing_ok=True)
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
    except OSError:
        pass
