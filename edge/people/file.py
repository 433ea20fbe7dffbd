"""The file `site.db` itself: one owner, closed to others, ours, and what can be wrong with it."""

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.people.schema import APPLICATION_ID, MIGRATIONS, STEPS
from edge.sqlite_library import Database

FILE_MODE = 0o600

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    # No write-ahead log: changes are rare and one file is easier to carry and to erase.
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = EXTRA",
    # An erased person leaves no bytes behind in the file.
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)


class PeopleError(Exception):
    """Something is wrong with `site.db`; every message ends with what to do about it."""


class PeopleMissingError(PeopleError):
    """There is no such file."""


class PeopleInUseError(PeopleError):
    """Another process owns the file: as a rule the daemon, which is asked instead."""


class PeopleForeignError(PeopleError):
    """The file is not ours, was written by a newer version, or is open to others."""


class PeopleDamagedError(PeopleError):
    """What the file holds contradicts itself, or the disk failed."""


class PeopleMovedError(PeopleError):
    """The change was planned on another version than the one on file. Nothing was changed."""


class PeopleStagedError(PeopleError):
    """An earlier change waits to be settled, and the journal may have it. Nothing was changed."""


class PeopleBehindError(PeopleError):
    """The newest change is in force and not on file yet: what only the file knows is behind."""


def own(path: Path) -> int:
    """The lock of the one owner, held until its descriptor is closed or the process ends.

    Raises PeopleMissingError, PeopleForeignError or PeopleInUseError.
    """
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except FileNotFoundError:
        raise PeopleMissingError(f"{path.parent}: no such folder; make it first") from None
    except OSError as error:
        raise PeopleForeignError(
            f"{name}: {error.strerror}; run this as the user that the edge runs as"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise PeopleInUseError(
            f"{path}: another process has it open; ask the running edge, or stop it first"
        ) from None
    return lock


def look(path: Path, *, create: bool) -> None:
    """See that the file is one that only its owner can touch, before SQLite sees it; `create` makes
    an empty one where there is none. Raises PeopleMissingError or PeopleForeignError.
    """
    if create:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        except FileExistsError:
            pass
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise PeopleMissingError(
            f"{path}: there is none; start the edge once, or import a file of people"
        ) from None
    if not stat.S_ISREG(mode):
        raise PeopleForeignError(f"{path}: not a regular file; move it away")
    if mode & 0o077:
        raise PeopleForeignError(
            f"{path}: others on this machine can read or change it; close it with: chmod 600 {path}"
        )


def prepare(path: Path, database: Database) -> None:
    """Refuse what is not ours, then bring the schema up to date. Raises PeopleForeignError."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    # Empty, or created and cut off before the first step: nothing of anybody's is in it.
    blank = set(database.table_names()) <= {MIGRATIONS.migrations_table}
    if application != APPLICATION_ID and not (application == 0 and blank):
        raise PeopleForeignError(f"{path}: not a file of people; move it away")
    if {step.name for step in MIGRATIONS.applied(database)} - STEPS:
        raise PeopleForeignError(f"{path}: a newer version wrote it; install that version again")
    for pragma in _PRAGMAS:
        database.execute(pragma)
    MIGRATIONS.apply(database)


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """What SQLite or a row says against the file becomes PeopleDamagedError."""
    try:
        yield
    except (sqlite3.Error, msgspec.ValidationError, msgspec.DecodeError, KeyError) as error:
        raise PeopleDamagedError(
            f"{path}: {_said(error)}; restore the file, or import the people again"
        ) from error


def _said(error: Exception) -> str:
    """The kind of failure alone where the text could quote a value of a person."""
    return str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
