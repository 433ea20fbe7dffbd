"""The journal's folder: its lock, its segments, and the look at a file before SQLite sees it."""

import errno
import fcntl
import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from edge.journal.disk import Connection
from edge.journal.errors import (
    JournalForeign,
    JournalInUse,
    JournalMissing,
    JournalReadOnly,
)
from edge.journal.tables import APPLICATION_ID, refuse_version

SEGMENT = "segment-000001.db"
"""The first one."""

DRAFT = ".new"
"""Behind the name of a segment that is being written: what carries the name itself is whole."""

LOCK = "lock"
_SEGMENT = re.compile(r"segment-([0-9]{6})\.db")

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


def sync_folder_of(folder: Path) -> None:
    """As `sync_folder`: what a journal asks of its disk."""
    sync_folder(folder)


def make_folder(folder: Path) -> None:
    """The folder, durable, and for nobody but its owner."""
    if not folder.is_dir():
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        sync_folder(folder.parent)
    if folder.stat().st_mode & 0o077:
        folder.chmod(FOLDER_MODE)


def segment_name(number: int) -> str:
    return f"segment-{number:06}.db"


def segments_among(names: Iterable[str]) -> tuple[int, ...]:
    """The numbers of the segments, in order."""
    return tuple(sorted(int(found[1]) for name in names if (found := _SEGMENT.fullmatch(name))))


def names_in(folder: Path) -> list[str]:
    """What is in the folder; nothing where it does not exist."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def draft(segment: Path) -> sqlite3.Connection:
    """An empty database beside the segment's name, for `put_in_place`. Raises OSError,
    sqlite3.Error.
    """
    path = Path(f"{segment}{DRAFT}")
    discard(path)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
    return sqlite3.connect(path, isolation_level=None)


def put_in_place(segment: Path) -> None:
    """Give the draft its name, durably; what bears the name already is folded, and goes."""
    Path(f"{segment}-wal").unlink(missing_ok=True)
    # No log of the old file may ever be found beside the new one.
    sync_folder(segment.parent)
    Path(f"{segment}{DRAFT}").rename(segment)
    sync_folder(segment.parent)


def discard(database: Path) -> None:
    """Remove a database that nobody has open, with what SQLite keeps beside it. Raises OSError."""
    for ending in ("", "-journal", "-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)


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


def refuse_left(folder: Path, names: Iterable[str]) -> None:
    """Raises JournalMissing where a folder without a segment holds more than its lock."""
    left = sorted(name for name in names if name != LOCK)
    if left:
        raise JournalMissing(
            f"{folder} has no {SEGMENT} but holds {', '.join(left[:5])}; put the segment back, "
            "or name an empty folder"
        )


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
