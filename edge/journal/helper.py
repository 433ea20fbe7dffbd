"""A process that reads a journal ahead of its verification: `verify_ahead.py` starts it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge.journal import tables
from edge.journal.closed import opened_segment
from edge.journal.disk import Connection
from edge.journal.errors import UNREADABLE, JournalError
from edge.journal.proving import (
    BEFORE_ALL,
    Identity,
    Proven,
    Prover,
    Stretch,
    beside_of,
    rows_of,
)
from edge.journal.verify_ahead import Task, heard, send


class Reading:
    """Of one journal, a segment at a time."""

    def __init__(self, identity: Identity) -> None:
        self._prover = Prover(identity)
        self._path: str | None = None
        self._connection: Connection | None = None

    def proven(self, task: Task) -> Iterator[Proven | None]:
        """Of each stretch, if nothing is wrong in it."""
        for stretch in task.stretches:
            try:
                connection = self._opened(task.path)
                first = 1 + (task.begin if stretch.after == BEFORE_ALL else stretch.after)
                sizes = _sizes(connection, stretch, sealed=task.sealed)
                rows, beside = rows_of(connection, stretch), beside_of(connection, stretch)
                yield self._prover.prove(rows, beside, first, sizes)
            # Why it cannot be read the verification says, which comes to it.
            except (JournalError, *UNREADABLE, OSError):
                yield None

    def _opened(self, path: str) -> Connection:
        """Raises JournalError, sqlite3.Error, OSError."""
        if self._connection is not None and self._path == path:
            return self._connection
        if self._connection is not None:
            self._connection.close()
        self._path, self._connection = path, None
        connection = opened_segment(Path(path))
        try:
            tables.refuse_schema(Path(path), connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection


def _sizes(connection: Connection, stretch: Stretch, *, sealed: bool) -> list[int] | None:
    """See `Prover.prove`. Raises sqlite3.Error."""
    if tables.version_of(connection) < tables.CHECKPOINTS_VERSION:
        return None
    last: int | None = connection.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
    if not sealed and (last is None or last <= stretch.after):
        return None
    found = connection.execute(
        "SELECT size FROM checkpoint WHERE size > ? AND size <= ? ORDER BY size", stretch
    ).fetchall()
    return [size for (size,) in found]


def main() -> None:
    """Answer until nobody asks any more."""
    asks, answers = sys.stdin.buffer, sys.stdout.buffer
    first = heard(asks)
    if first is None:
        return
    reading = Reading(msgspec.msgpack.decode(first, type=Identity))
    while (data := heard(asks)) is not None:
        task = msgspec.msgpack.decode(data, type=Task)
        try:
            send(answers, tuple(reading.proven(task)))
        except OSError:
            return


if __name__ == "__main__":
    main()
