"""A database of the edge's own: one process has it at a time, and nobody but its owner touches it.

Each of them says what is wrong in errors of its own; the words are the same for all.
"""

import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edge.sqlite_library import Database, Migrations

FILE_MODE = 0o600


class Kind(NamedTuple):
    """What a file of this kind is told by; `what`: what it is a file of, for people."""

    what: str
    application_id: int
    migrations: Migrations
    steps: frozenset[str]
    pragmas: Sequence[str]


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


def look(path: Path, *, foreign: type[Exception]) -> None:
    """See that the file is one that only its owner can touch, before SQLite sees it.

    Raises `foreign`, and FileNotFoundError.
    """
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
