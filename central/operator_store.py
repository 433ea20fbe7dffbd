"""`operators.db`: central's own people, and what each may. By what they sign in lies beside it, in
the file that `edge.signins.store` has.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Self

import msgspec

from central.operator_words import DisplayName, OperatorName, OperatorRight
from controller.moment import Micros
from edge import own_database
from edge.sqlite_library import Database, Migrations

FILE = "operators.db"
APPLICATION_ID = 0x5350434F
"""`SPCO`, where `file` and SQLite look for it."""

MIGRATIONS = Migrations("operators")
_PRAGMAS = (
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = EXTRA",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)
_KIND = own_database.Kind(
    "operators", APPLICATION_ID, MIGRATIONS, frozenset({"0001_operators"}), _PRAGMAS
)


@MIGRATIONS(name="0001_operators")
def _operators(database: Database) -> None:
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(
        """CREATE TABLE operator (
            id TEXT PRIMARY KEY CHECK (length(id) = 16),
            external_id TEXT NOT NULL UNIQUE CHECK (length(external_id) BETWEEN 1 AND 64),
            name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            rights TEXT NOT NULL,
            since_us INTEGER NOT NULL CHECK (since_us BETWEEN 0 AND 9007199254740991)
        ) STRICT"""
    )


class OperatorsError(Exception):
    """The file cannot be used; the message names the remedy."""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One of central's people, as `edge.signins.premises.OnFile`. No repr shows the name."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    external_id: OperatorName
    name: DisplayName
    rights: tuple[OperatorRight, ...]
    since_us: Micros

    @property
    def roles(self) -> tuple[str, ...]:
        """Rights are given to operators one by one."""
        return ()

    def __repr__(self) -> str:
        return f"Operator(id={self.id!r}, …)"


class OperatorStore:
    """The open file; one owner at a time. Every method blocks on the disk, is for any thread, and
    raises OperatorsError.
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
                own_database.lock(path, in_use=OperatorsError),
                partial(own_database.look, path, foreign=OperatorsError, create=True),
                lambda database: own_database.prepare(
                    path, database, _KIND, foreign=OperatorsError
                ),
            )
        return cls(path, file)

    def close(self) -> None:
        with self._turn:
            self._file.close()

    def operators(self) -> tuple[Operator, ...]:
        """All of them, by what they are called."""
        with self._turn, _troubles(self._path):
            rows = self._database.execute(
                "SELECT id, external_id, name, rights, since_us FROM operator ORDER BY external_id"
            ).fetchall()
            return tuple(_operator(*row) for row in rows)

    def put(self, operator: Operator) -> None:
        """In place of the one of the same id."""
        rights = " ".join(operator.rights)
        row = (operator.id, operator.external_id, operator.name, rights, operator.since_us)
        with self._turn, _troubles(self._path), self._database.atomic():
            self._database.execute("INSERT OR REPLACE INTO operator VALUES (?, ?, ?, ?, ?)", row)

    def remove(self, operator: Operator) -> None:
        with self._turn, _troubles(self._path), self._database.atomic():
            self._database.execute("DELETE FROM operator WHERE id = ?", (operator.id,))


def _operator(id_: str, external_id: str, name: str, rights: str, since_us: int) -> Operator:
    fields = {
        "id": id_,
        "external_id": external_id,
        "name": name,
        "rights": rights.split(),
        "since_us": since_us,
    }
    return msgspec.convert(fields, Operator)


@contextmanager
def _troubles(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, msgspec.ValidationError) as error:
        raise OperatorsError(f"{path}: {error}; put a backup of the file back") from error
    except OSError as error:
        raise OperatorsError(
            f"{path}: {error.strerror}; make the state folder writable for central's account"
        ) from error
