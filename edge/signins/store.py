"""`signins.db`: passwords as Argon2id hashes, passkeys, one-time codes, sessions and
terminals as hashes.

The authenticators' secrets are sealed under a key that is derived from the site's: they must be
known to check a code, and a copy of this file alone, in a backup for instance, gives none away.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from edge import own_database
from edge.signins.records import Kept, OneTimeCode, Passkey, Password, Record, Screen, Session
from edge.signins.schema import APPLICATION_ID, MIGRATIONS, STEPS

FILE = "signins.db"

_PRAGMAS = (
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = EXTRA",
    # What was taken away is written over with zeros.
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
)
_KIND = own_database.Kind("sign-ins", APPLICATION_ID, MIGRATIONS, STEPS, _PRAGMAS)

_TABLES: dict[type[Record], tuple[str, str]] = {
    Password: ("password", "holder"),
    Passkey: ("passkey", "id"),
    OneTimeCode: ("code", "hash"),
    Session: ("session", "hash"),
    Screen: ("screen", "terminal"),
}
"""Of each record its table, and what it is found by there."""

R = TypeVar("R", Password, Passkey, OneTimeCode, Session, Screen)


class SignInsError(Exception):
    """The file cannot be used; the message names the remedy."""


class SignInStore:
    """The open file; one owner at a time. Every method blocks on the disk, is for any thread, and
    raises SignInsError.
    """

    def __init__(self, path: Path, file: own_database.Owned) -> None:
        """Not for callers: see `open`."""
        self._path, self._file, self._database = path, file, file.database
        self._turn = threading.Lock()

    @classmethod
    def open(cls, state: Path) -> Self:
        """Own the file until `close`, made where it is not there."""
        path = state / FILE
        with _troubles(path):
            file = own_database.owned(
                path,
                own_database.lock(path, in_use=SignInsError),
                partial(own_database.look, path, foreign=SignInsError, create=True),
                partial(own_database.prepare, path, kind=_KIND, foreign=SignInsError),
            )
        return cls(path, file)

    def close(self) -> None:
        with self._turn:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kept(self) -> Kept:
        """All of it."""
        with self._turn, _troubles(self._path):
            return Kept(
                passwords=self._all(Password),
                passkeys=self._all(Passkey),
                codes=self._all(OneTimeCode),
                sessions=self._all(Session),
                screens=self._all(Screen),
            )

    def put(self, *records: Record) -> None:
        """All of them, in place of those of the same key, or none."""
        with self._turn, _troubles(self._path), self._database.atomic():
            for one in records:
                table, _ = _TABLES[type(one)]
                values = msgspec.structs.asdict(one)
                names = ", ".join(values)
                marks = ", ".join("?" for _ in values)
                # Names of our own structs alone.
                written = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"
                self._database.execute(written, tuple(_plain(value) for value in values.values()))

    def remove(self, *records: Record) -> None:
        """All of them, or none; one that is gone is no mistake."""
        with self._turn, _troubles(self._path), self._database.atomic():
            for one in records:
                table, key = _TABLES[type(one)]
                gone = f"DELETE FROM {table} WHERE {key} = ?"
                self._database.execute(gone, (getattr(one, key),))

    def _all(self, kind: type[R]) -> tuple[R, ...]:
        table, _ = _TABLES[kind]
        names = [field.name for field in msgspec.structs.fields(kind)]
        rows = self._database.execute(f"SELECT {', '.join(names)} FROM {table}")
        return tuple(
            msgspec.convert(dict(zip(names, row, strict=True)), kind, strict=False) for row in rows
        )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value


@contextmanager
def _troubles(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise SignInsError(
            f"{path}: {error}; see the disk, or put a backup of the file back"
        ) from error
    except msgspec.ValidationError as error:
        raise SignInsError(f"{path}: {error}; put a backup of the file back") from error
    except OSError as error:
        raise SignInsError(
            f"{path}: {error.strerror}; make the state folder writable for the daemon's account"
        ) from error
