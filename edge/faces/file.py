"""The file `faces.db` itself: one owner, closed to others, ours, and what can be wrong with it."""

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.faces.schema import APPLICATION_ID, MIGRATIONS, STEPS
from edge.sqlite_library import Database

FILE_MODE = 0o600

BUSY_S = 2.0
"""How long a foreign reader of the file may hold up a write; the lock keeps edges apart."""

_PRAGMAS = (
    # As with `site.db`: one file is easier to erase, and what is deleted leaves no bytes in it.
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = EXTRA",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)


class FacesError(Exception):
    """Something is wrong with `faces.db`; every message ends with what to do about it."""


class FacesMissingError(FacesError):
    """There is no such file."""


class FacesInUseError(FacesError):
    """Another process owns the file: as a rule the daemon, which is asked instead."""


class FacesForeignError(FacesError):
    """The file is not ours: of another site, of a newer version, or open to others."""


class FacesDamagedError(FacesError):
    """What the file holds contradicts itself, or the disk failed. It is left as it is."""


def own(path: Path) -> int:
    """The lock of the one owner, held until its descriptor is closed or the process ends.

    Raises FacesMissingError, FacesForeignError or FacesInUseError.
    """
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except FileNotFoundError:
        raise FacesMissingError(f"{path.parent}: no such folder; make it first") from None
    except OSError as error:
        raise FacesForeignError(
            f"{name}: {error.strerror}; run this as the user that the edge runs as"
        ) from error
    _give_away(lock, path.parent)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise FacesInUseError(
            f"{path}: another process has it open; ask the running edge, or stop it first"
        ) from None
    return lock


def look(path: Path, *, create: bool) -> None:
    """See that the file is one that only its owner can touch, before SQLite sees it; `create` makes
    an empty one where there is none. Raises FacesMissingError or FacesForeignError.
    """
    if create:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            _give_away(fd, path.parent)
            os.close(fd)
        except FileExistsError:
            pass
        except OSError as error:
            raise FacesForeignError(
                f"{path}: {error.strerror}; run this as the user that the edge runs as"
            ) from error
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise FacesMissingError(
            f"{path}: there is none; enrol somebody with `sentrypost face enrol`"
        ) from None
    if not stat.S_ISREG(mode):
        raise FacesForeignError(f"{path}: not a regular file; move it away")
    if mode & 0o077:
        raise FacesForeignError(
            f"{path}: others on this machine can read or change it; close it with: chmod 600 {path}"
        )


def _give_away(fd: int, folder: Path) -> None:
    """What root makes where no daemon runs belongs to whom the daemon runs as."""
    owner = folder.stat()
    if os.geteuid() == 0 and os.fstat(fd).st_uid != owner.st_uid:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def connected(path: Path) -> Database:
    """For any thread, one at a time."""
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    return Database(connection, execute_plugins=False)


def prepare(path: Path, database: Database, site: str, edge: str) -> None:
    """Refuse what is not ours, then bring the schema up to date. Raises FacesForeignError."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    # Empty, or created and cut off before the first step: nothing of anybody's is in it.
    blank = set(database.table_names()) <= {MIGRATIONS.migrations_table}
    if application != APPLICATION_ID and not (application == 0 and blank):
        raise FacesForeignError(f"{path}: not a file of templates; move it away")
    if {step.name for step in MIGRATIONS.applied(database)} - STEPS:
        raise FacesForeignError(f"{path}: a newer version wrote it; install that version again")
    for pragma in _PRAGMAS:
        database.execute(pragma)
    MIGRATIONS.apply(database)
    with database.atomic():
        database.execute(
            "INSERT INTO owner (one, site, edge) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
            [site, edge],
        )
    ((of_site, of_edge),) = database.execute("SELECT site, edge FROM owner").fetchall()
    if (of_site, of_edge) != (site, edge):
        raise FacesForeignError(
            f"{path}: these templates are of edge '{of_edge}' of site '{of_site}', and open for no "
            "other; move the file back there, and enrol people here anew"
        )


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """What SQLite or a row says against the file becomes FacesDamagedError."""
    try:
        yield
    except (sqlite3.Error, msgspec.ValidationError, KeyError) as error:
        said = str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
        raise FacesDamagedError(
            f"{path}: {said}; put back a good copy of it, or move it away and enrol people anew"
        ) from error
