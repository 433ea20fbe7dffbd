"""A journal copied row by row while it is written on: a step at a time, between its appends.

The files themselves are held exclusively, and a copy of their bytes would hold up every door. What
is copied is what the rows say: the same entries, leaves and chain, so that the copy verifies as the
journal does. Where an erasure was carried out or something pruned meanwhile it is begun anew: no
value is in a copy that was gone when the copy was said to be whole.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.journal import folder as files
from edge.journal import tables
from edge.journal.erasure import DONE
from edge.journal.segments import Segments

STEP_ENTRIES = 500
STEP_BYTES = 256 * 1024
"""Of entries in one step: some milliseconds of the journal's thread."""


class Mark(msgspec.Struct, frozen=True):
    """What changes when rows that were copied are changed: as it was before and after, or anew."""

    erased: str
    pruned: tuple[int, ...]
    oldest: int


class Rows(msgspec.Struct, frozen=True):
    """The next rows of segment `number`, of `last_seq` entries in the journal. With `ends` they are
    its last, and bring what stands beside the entries; with `whole` there is no segment behind it.
    """

    number: int
    last_seq: int
    entries: list[tuple[int, bytes, bytes, bytes]]
    personal: list[tuple[int, str, str, bytes]]
    ends: bool = False
    whole: bool = False
    meta: list[tuple[str, str]] = []
    segments: list[tuple[int, int, bytes, bytes, int, str, str | None]] = []
    checkpoints: list[tuple[int, int, bytes, str, str | None]] = []
    snapshots: list[tuple[int, int, bytes, bytes]] = []


class Place(NamedTuple):
    """How far a copy is: everything up to entry `seq` of segment `number`."""

    number: int
    seq: int


def mark_of(segments: Segments) -> Mark:
    """Raises sqlite3.Error."""
    active = segments.connection(segments.active.number)
    changes = tuple(count for _, count in sorted(segments.changes.items()))
    return Mark(tables.meta_value(active, DONE) or "", changes, segments.oldest)


def first_place(segments: Segments) -> Place:
    """Where a copy begins: at the oldest segment that is there."""
    return Place(segments.oldest, segments.begun.seq)


def next_rows(segments: Segments, place: Place) -> Rows:
    """What comes behind `place`. Raises sqlite3.Error, JournalError as `Segments.connection`."""
    connection = segments.connection(place.number)
    entries: list[tuple[int, bytes, bytes, bytes]] = []
    size = 0
    for row in connection.execute(
        "SELECT seq, entry, leaf, chain FROM entry WHERE seq > ? ORDER BY seq LIMIT ?",
        (place.seq, STEP_ENTRIES),
    ):
        entries.append(row)
        size += len(row[1])
        if size > STEP_BYTES:
            break
    reached = entries[-1][0] if entries else place.seq
    (newest,) = connection.execute("SELECT max(seq) FROM entry").fetchone()
    personal = connection.execute(
        "SELECT seq, field, value, salt FROM personal WHERE seq > ? AND seq <= ?",
        (place.seq, reached),
    ).fetchall()
    last_seq = _last_seq(segments)
    if newest is not None and reached < newest:
        return Rows(place.number, last_seq, entries, personal)
    return Rows(
        place.number,
        last_seq,
        entries,
        personal,
        ends=True,
        whole=place.number == segments.active.number,
        meta=connection.execute("SELECT key, value FROM meta").fetchall(),
        segments=connection.execute("SELECT * FROM segment ORDER BY number").fetchall(),
        checkpoints=connection.execute("SELECT * FROM checkpoint").fetchall(),
        snapshots=connection.execute("SELECT * FROM snapshot").fetchall(),
    )


def place_behind(rows: Rows, place: Place) -> Place:
    """Where the copy goes on behind these rows, of which some are left."""
    reached = rows.entries[-1][0] if rows.entries else place.seq
    return Place(rows.number + 1, reached) if rows.ends else Place(rows.number, reached)


def _last_seq(segments: Segments) -> int:
    active = segments.active
    connection = segments.connection(active.number)
    (seq,) = connection.execute("SELECT max(seq) FROM entry").fetchone()
    return active.seq if seq is None else int(seq)


class CopyWriter:
    """Writes the rows into segments of a new folder, which is nobody's journal until it is whole.

    Every method may raise sqlite3.Error and OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: sqlite3.Connection | None = None
        self._number = 0

    def put(self, rows: Rows) -> None:
        """The next rows; the segment is closed behind its last ones."""
        connection = self._segment(rows.number)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", rows.entries)
        connection.executemany("INSERT INTO personal VALUES (?, ?, ?, ?)", rows.personal)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows.meta)
        connection.executemany("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)", rows.segments)
        connection.executemany("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", rows.checkpoints)
        connection.executemany("INSERT INTO snapshot VALUES (?, ?, ?, ?)", rows.snapshots)
        connection.execute("COMMIT")
        if rows.ends:
            self.close()

    def close(self) -> None:
        """May be repeated."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _segment(self, number: int) -> sqlite3.Connection:
        if self._open is not None and self._number == number:
            return self._open
        self.close()
        path = self._folder / files.segment_name(number)
        with closing(files.draft(path)) as fresh:
            tables.fill_segment(fresh, ())
        Path(f"{path}{files.DRAFT}").rename(path)
        self._open = sqlite3.connect(path, isolation_level=None)
        self._number = number
        return self._open
