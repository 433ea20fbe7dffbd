"""The file `site.db` itself: one owner, closed to others, ours, and what can be wrong with it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge import own_database
from edge.people.schema import APPLICATION_ID, MIGRATIONS, STEPS
from edge.sqlite_library import Database

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
_KIND = own_database.Kind("people", APPLICATION_ID, MIGRATIONS, STEPS, _PRAGMAS)


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
    try:
        return own_database.lock(path, in_use=PeopleInUseError)
    except FileNotFoundError:
        raise PeopleMissingError(f"{path.parent}: no such folder; make it first") from None
    except OSError as error:
        raise PeopleForeignError(
            f"{path.with_name(path.name + '.lock')}: {error.strerror}; run this as the user that "
            "the edge runs as"
        ) from error


def look(path: Path, *, create: bool) -> None:
    """See that the file is one that only its owner can touch, before SQLite sees it; `create` makes
    an empty one where there is none. Raises PeopleMissingError or PeopleForeignError.
    """
    try:
        own_database.look(path, foreign=PeopleForeignError, create=create)
    except FileNotFoundError:
        raise PeopleMissingError(
            f"{path}: there is none; start the edge once, or import a file of people"
        ) from None


def prepare(path: Path, database: Database) -> None:
    """Refuse what is not ours, then bring the schema up to date. Raises PeopleForeignError."""
    own_database.prepare(path, database, _KIND, foreign=PeopleForeignError)


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
