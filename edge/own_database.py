"""A database of the edge's own: one process has it at a time, and nobody but its owner touches it.

Each of them says what is wrong in errors of its own; the words are the same for all.
"""

import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge.sqlite_library import Database, Migrations

FILE_MODE = 0o600

BUSY_S = 2.0
"""How long a foreign reader of the file may hold up a write; the lock keeps owners apart."""


class Kind(NamedTuple):
    """What a file of this kind is told by; `what`: what it is a file of, for people."""

    what: str
    application_id: int
    migrations: Migrations
    steps: frozenset[str]
    pragmas: Sequence[str]


class Owned:
    """An open file, with the lock of its one owner; for any thread, one at a time."""

    def __init__(self, database: Database, lock: int) -> None:
        """Not for callers: see `owned`."""
        self.database = database
        self._lock = lock

    def close(self) -> None:
        """Let go of both; may be repeated."""
        if self._lock >= 0:
            self.database.close()
            os.close(self._lock)
            self._lock = -1


def owned(
    path: Path, lock: int, look: Callable[[], None], prepare: Callable[[Database], None]
) -> Owned:
    """Look at the file of which that is the lock, before SQLite does; open it and make it ready.
    Where that fails both are let go of. Raises what the two do, and sqlite3.Error.
    """
    database = None
    try:
        look()
        connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
        database = Database(connection, execute_plugins=False)
        prepare(database)
    except BaseException:
        if database is not None:
            database.close()
        os.close(lock)
        raise
    return Owned(database, lock)


def lock(path: Path, *, in_use: type[Exception]) -> int:
    """The lock of the one owner, held until its descriptor is closed or the process ends.

    Raises `in_use`, and OSError.
    """
    name = path.with_name(path.name + ".lock")
    held = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise in_use(
            f"{path}: another process has it open; ask the running edge, or stop it first"
        ) from None
    return held


def look(path: Path, *, foreign: type[Exception], create: bool = False) -> None:
    """See that the file is one that only its owner can touch, before SQLite sees it; `create` makes
    an empty one where there is none.

    Raises `foreign`, FileNotFoundError, and OSError where it cannot be made.
    """
    if create:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise foreign(f"{path}: not a regular file; move it away")
    if mode & 0o077:
        raise foreign(
            f"{path}: others on this machine can read or change it; close it with: chmod 600 {path}"
        )


def prepare(path: Path, database: Database, kind: Kind, *, foreign: type[Exception]) -> None:
    """Refuse what is not ours, then bring the schema up to date. Raises `foreign`."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    # Empty, or created and cut off before the first step: nothing of anybody's is in it.
    blank = set(database.table_names()) <= {kind.migrations.migrations_table}
    if application != kind.application_id and not (application == 0 and blank):
        raise foreign(f"{path}: not a file of {kind.what}; move it away")
    if {step.name for step in kind.migrations.applied(database)} - kind.steps:
        raise foreign(f"{path}: a newer version wrote it; install that version again")
    for pragma in kind.pragmas:
        database.execute(pragma)
    kind.migrations.apply(database)
