"""The segments of one journal: where each begins, and the connections to their rows.

The one with the highest number is written on. Every other one is sealed: opened when somebody asks
for its rows, and written to for an erasure or a late cosignature alone. Segments are pruned from
the oldest on, so that those that are there follow one another.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from edge.journal import tables
from edge.journal.disk import Connection
from edge.journal.errors import (
    UNREADABLE,
    JournalClosed,
    JournalForeign,
    JournalMissing,
    JournalPruned,
    failed,
)
from edge.journal.folder import SEGMENT, missing, segment_name, segments_among
from edge.journal.tables import Boundary, Meta

OPEN_MAX = 4
"""Sealed segments that are open at a time: what is being read, and what it is compared with."""

Connect = Callable[[Path], Connection]
"""Opens a segment that must be there. Raises JournalError, sqlite3.Error, OSError."""


def present(folder: Path, names: list[str]) -> tuple[int, ...]:
    """The numbers of the segments in a folder. Raises JournalMissing where one between is not."""
    numbers = segments_among(names)
    for before, after in pairwise(numbers):
        if after != before + 1:
            raise missing(folder / segment_name(before + 1))
    return numbers


class Segments:
    """Of an open journal. Used on one thread only."""

    def __init__(
        self, folder: Path, numbers: tuple[int, ...], active: Connection, connect: Connect
    ) -> None:
        """`numbers`: those that are there; `active`: the last one, whose schema is ours.

        Raises JournalForeign where the last one is not the segment that its name says,
        sqlite3.Error.
        """
        self.folder = folder
        self._connect = connect
        self._active: Connection | None = active
        self._sealed: OrderedDict[int, Connection] = OrderedDict()
        path = folder / segment_name(numbers[-1])
        self.meta: Meta = tables.read_meta(path, active)
        """As it was when the journal was opened, but for `gone`."""
        self.boundaries = tables.boundaries(active, self.meta)
        if self.boundaries[-1].number != numbers[-1]:
            raise JournalForeign(
                f"{path} says of itself that it is segment {self.boundaries[-1].number}; give it "
                "back the name that it had"
            )
        created = tables.meta_value(active, tables.CREATED) or ""
        self.began_utc_us = int(created[:18]) if created.isascii() and created.isdigit() else 0
        """When the active one began."""
        self.oldest = numbers[0]
        """The number of the oldest one that is there."""
        self.changes: dict[int, int] = {}
        """How often each sealed one was written to."""

    @property
    def active(self) -> Boundary:
        """Where the segment begins that is written on."""
        return self.boundaries[-1]

    @property
    def begun(self) -> Boundary:
        """Where the oldest segment begins that is there; before it everything was pruned."""
        return self.boundaries[self.oldest - 1]

    @property
    def there(self) -> tuple[Boundary, ...]:
        """Where each segment begins that is there, the oldest first."""
        return self.boundaries[self.oldest - 1 :]

    def path(self, number: int) -> Path:
        return self.folder / segment_name(number)

    def end(self, number: int) -> int | None:
        """The last entry of a sealed segment; None of the active one."""
        return None if number == self.active.number else self.boundaries[number].seq

    def holding(self, seq: int) -> Boundary:
        """Where the segment begins that has entry `seq`, or will have it. Raises JournalPruned."""
        boundary = self.place(seq)
        if boundary.number < self.oldest:
            raise JournalPruned(seq, self.begun.seq)
        return boundary

    def place(self, seq: int) -> Boundary:
        """As `holding`, whether the segment is there or not."""
        return self.boundaries[max(0, bisect_left(self.boundaries, seq, key=_seq) - 1)]

    def connection(self, number: int) -> Connection:
        """To the rows of a segment that is there; of a sealed one it changes nothing.

        Raises JournalError where that is not this journal's segment, sqlite3.Error, OSError.
        """
        if self._active is None:
            raise JournalClosed(f"{self.folder}: the journal was closed; open it again")
        if number == self.active.number:
            return self._active
        found = self._sealed.get(number)
        if found is None:
            found = self._sealed[number] = self._opened(number)
            while len(self._sealed) > OPEN_MAX:
                self._sealed.popitem(last=False)[1].close()
        self._sealed.move_to_end(number)
        return found

    def connection_to(self, seq: int) -> Connection:
        """To the segment that has entry `seq`. Raises as `connection`, JournalPruned."""
        return self.connection(self.holding(seq).number)

    def ranges(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Entries `first` to `last` by the segments that are there: number, first, last of each."""
        for boundary in self.there:
            end = self.end(boundary.number)
            low, high = max(first, boundary.seq + 1), last if end is None else min(last, end)
            if low <= high:
                yield boundary.number, low, high

    @contextmanager
    def changing(self, number: int) -> Iterator[Connection]:
        """One durable transaction on a sealed segment, of which no log is left behind.

        Raises JournalFailed: the outcome is unknown; appends go on. JournalError as `connection`.
        """
        try:
            connection = self.connection(number)
            connection.execute("PRAGMA query_only = OFF")
            connection.execute("BEGIN IMMEDIATE")
            self.changes[number] = self.changes.get(number, 0) + 1
            yield connection
            connection.execute("COMMIT")
            fold(connection)
            connection.execute("PRAGMA query_only = ON")
        except (*UNREADABLE, OSError) as error:
            self.close(number)
            raise failed(error, self.folder) from error

    def close(self, number: int) -> None:
        """Let go of a sealed segment, whose log goes with that."""
        connection = self._sealed.pop(number, None)
        if connection is not None:
            connection.close()

    def go_on(self, boundary: Boundary, active: Connection) -> None:
        """The active one is sealed, and this one is written on from here."""
        if self._active is not None:
            self._active.close()
        self._active = active
        self.boundaries = (*self.boundaries, boundary)
        self.began_utc_us = boundary.began_utc_us

    def note_cosigned(self, size: int, cosigned: str) -> None:
        """The final checkpoint of that size is cosigned; stored by who calls."""
        self.boundaries = tuple(
            one._replace(cosigned=cosigned) if one.seq == size and one.note else one
            for one in self.boundaries
        )

    def begin_at(self, number: int, by: int) -> None:
        """Segments before this one are there no more, as entry `by` says."""
        self.meta = self.meta._replace(gone=by)
        for gone in range(self.oldest, number):
            self.close(gone)
        self.oldest = number

    def close_sealed(self) -> None:
        """Let go of every sealed segment."""
        while self._sealed:
            self._sealed.popitem()[1].close()

    def shut(self) -> None:
        """Close everything."""
        self.close_sealed()
        if self._active is not None:
            self._active.close()
            self._active = None

    def _opened(self, number: int) -> Connection:
        path, known = self.path(number), self.boundaries[number - 1]
        connection = self._connect(path)
        try:
            tables.refuse_schema(path, connection)
            meta = tables.read_meta(path, connection)
            own = tables.boundaries(connection, meta)[-1]
            if meta[:3] != self.meta[:3] or own[:4] != known[:4]:
                raise JournalForeign(
                    f"{path} is not the segment that stood here: it begins at {own.seq + 1} of "
                    f"{meta.incarnation}; keep it as evidence, and put the right one back"
                )
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection


def fold(connection: Connection) -> None:
    """Bring everything into the segment, and cut its write-ahead log to nothing.

    Raises sqlite3.Error.
    """
    (busy, *_), *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert not busy, "nobody else can have the segment open"


def none_there(folder: Path) -> JournalMissing:
    """What is wrong with a folder without segments."""
    return missing(folder / SEGMENT)


def _seq(boundary: Boundary) -> int:
    return boundary.seq
