"""The file `faces.db` itself: one owner, closed to others, ours, and what can be wrong with it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge import own_database
from edge.faces.schema import APPLICATION_ID, MIGRATIONS, STEPS
from edge.own_database import FILE_MODE
from edge.sqlite_library import Database

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
_KIND = own_database.Kind("templates", APPLICATION_ID, MIGRATIONS, STEPS, _PRAGMAS)


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
    try:
        lock = own_database.lock(path, in_use=FacesInUseError)
    except FileNotFoundError:
        raise FacesMissingError(f"{path.parent}: no such folder; make it first") from None
    except OSError as error:
        raise FacesForeignError(
            f"{path.with_name(path.name + '.lock')}: {error.strerror}; run this as the user that "
            "the edge runs as"
        ) from error
    _give_away(lock, path.parent)
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
        own_database.look(path, foreign=FacesForeignError)
    except FileNotFoundError:
        raise FacesMissingError(
            f"{path}: there is none; enrol somebody with `sentrypost face enrol`"
        ) from None


def _give_away(fd: int, folder: Path) -> None:
    """What root makes where no daemon runs belongs to whom the daemon runs as."""
    owner = folder.stat()
    if os.geteuid() == 0 and os.fstat(fd).st_uid != owner.st_uid:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def prepare(path: Path, database: Database, site: str, edge: str) -> None:
    """Refuse what is not ours, then bring the schema up to date. Raises FacesForeignError."""
    own_database.prepare(path, database, _KIND, foreign=FacesForeignError)
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
