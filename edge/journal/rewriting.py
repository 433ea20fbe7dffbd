"""Writes anew what lies about values that were erased, so that no page has a copy of them.

`remnants` says why. A row is only ever moved between neighbouring pages, so some pages' worth of
rows on either side is enough: somebody who was here twice costs two short stretches.
"""

from collections.abc import Iterable
from typing import NamedTuple

from controller.events_people import Range
from edge.journal.disk import Connection
from edge.journal.remnants import STEP_ROWS, Key, Rows, rewritten
from edge.journal.segments import Segments
from edge.journal.store import Journal

PERSONAL = Rows("personal", ("seq", "field"), 4)

BESIDE_ROWS = 2 * STEP_ROWS
"""Seven pages of the smallest rows there are. SQLite moves rows between three."""

STEPS_BEHIND = 4
"""As many rows behind the last erased one: each step goes on some 300."""


class _Place(NamedTuple):
    """Where to go on: in which segment, from which row on, and how many steps are left unless
    another erased one comes.
    """

    number: int
    key: Key
    left: int


class Rewriting:
    """About the entries in `gone`; `step` until it says that it is done."""

    def __init__(self, gone: Iterable[Range]) -> None:
        self._ahead = sorted(gone, reverse=True)
        self._place: _Place | None = None

    def step(self, journal: Journal) -> bool:
        """Write some rows anew; True when there is nothing left.

        Raises JournalFailed: journal stopped, or, where a sealed segment does not take it, not.
        """
        journal.refuse_stopped()
        segments = journal.segments
        place = self._place or self._next(journal)
        if place is None:
            return True
        self._place = None
        if place.number < segments.oldest:
            return False  # pruned meanwhile, and with it whatever was there
        sealed = place.number != segments.active.number
        with segments.changing(place.number) if sealed else journal.writing() as connection:
            after = rewritten(connection, PERSONAL, place.key)
        if after is None:
            self._passed(_end(segments, place.number))
            return False
        came = self._passed(int(after[0]))
        left = STEPS_BEHIND if came else place.left - 1
        if left:
            self._place = _Place(place.number, after, left)
        return False

    def _passed(self, seq: int) -> bool:
        """Whether some of what is gone began up to this entry."""
        came = False
        while self._ahead and self._ahead[-1][0] <= seq:
            _, last = self._ahead.pop()
            if last > seq:
                self._ahead.append((seq + 1, last))
            came = True
        return came

    def _next(self, journal: Journal) -> _Place | None:
        while self._ahead:
            first, last = self._ahead[-1]
            with journal.reading() as segments:
                for number, begin, _ in segments.ranges(first, last):
                    return _Place(number, _before(segments.connection(number), begin), STEPS_BEHIND)
            self._ahead.pop()  # pruned: nothing of it is there
        return None


def _end(segments: Segments, number: int) -> int:
    end = segments.end(number)
    return 2**62 if end is None else end


def _before(connection: Connection, seq: int) -> Key:
    """The row so many in front of an entry's."""
    row = connection.execute(
        "SELECT seq, field FROM personal WHERE seq < ? ORDER BY seq DESC, field DESC"
        " LIMIT 1 OFFSET ?",
        (seq, BESIDE_ROWS),
    ).fetchone()
    return (0, "") if row is None else (int(row[0]), str(row[1]))
