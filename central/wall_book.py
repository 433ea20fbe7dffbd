"""What a wall shows as it is now: every edge and every open alarm, and what of them has changed.

However many edges there are and however often they change, a follower is told four times a second,
of so many at once: each edge and alarm stands in one place of a list of changes, and a follower who
is slow finds fewer, later ones there. Walls that show the same are told by the same message.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from central.alarms import EDGES_MAX, AlarmBook
from central.changes import Changes
from central.control_desk import CentralDesk
from central.control_messages import EdgeAlarm
from central.findings import EntriesStored, Finding
from central.told_entries import Addresses, TellingEntries
from central.wall_messages import (
    ROWS_MAX,
    AlarmPlace,
    EdgePlace,
    WallAlarms,
    WallEdge,
    WallEdges,
)
from controller.alarm_kinds import Priority
from edge.control.frames import FrameError, frame
from edge.control.message import Message

ALARMS_NOTED_MAX = 20_000
"""Alarms whose change is remembered: those of a site where everything fails at once."""

TOLD_KEPT_MAX = 256
"""Messages that are kept for others who want the same; with the next change all of them go."""

EdgeKey = tuple[str, str]
AlarmKey = tuple[str, str, int]
K = TypeVar("K")


class Told(NamedTuple):
    """A message as it goes over the socket, what of it is news, and how far whoever has it has
    come.
    """

    frame: bytes
    rows: int
    upto: int


class Seen(NamedTuple):
    """How far a follower has come."""

    edges: int
    alarms: int


class WallBook:
    """One central's."""

    def __init__(self, desk: CentralDesk, alarms: AlarmBook, addresses: Addresses) -> None:
        self._desk, self._open, self._addresses = desk, alarms, addresses
        self.entries = TellingEntries(addresses)
        self.edges: Changes[EdgeKey] = Changes(EDGES_MAX)
        self.alarms: Changes[AlarmKey] = Changes(ALARMS_NOTED_MAX)
        self._stored_us: dict[EdgeKey, int] = {}
        self._rows: dict[EdgeKey, tuple[int, WallEdge]] = {}
        self._there: dict[EdgeKey, bool] = {}
        self._told: dict[tuple[str, str, int, bool], Told] = {}
        alarms.changed = self._alarm_changed

    # --- what changes ---

    def found(self, finding: Finding) -> None:
        """What the collector has found. Never blocks."""
        if not isinstance(finding, EntriesStored) or not finding.new:
            return
        self.entries.stored(finding.new)
        key = (finding.site, finding.edge)
        if key in self._desk.distributor.books.edges:
            self._stored_us[key] = time.time_ns() // 1_000
            self.touched(*key)

    def touched(self, site: str, edge: str) -> None:
        """Something of this edge may be otherwise. Never blocks."""
        key = (site, edge)
        self.edges.note(key)
        self._told.clear()
        book = self._desk.distributor.books.edges.get(key)
        if book is None:
            for kept in (self._stored_us, self._rows, self._there):
                kept.pop(key, None)
        there = book is not None and book.connected
        if self._there.get(key, False) is not there:
            if book is not None:
                self._there[key] = there
            for number in self._open.of(site, edge):
                self.alarms.note((site, edge, number))  # nobody knows how it is, or again

    def _alarm_changed(self, site: str, edge: str, alarm: int) -> None:
        self.alarms.note((site, edge, alarm))
        self.touched(site, edge)

    # --- what is shown ---

    @property
    def on_wire(self) -> bool:
        return self._desk.distributor.on_wire

    @property
    def now(self) -> Seen:
        return Seen(self.edges.version, self.alarms.version)

    def missed(self, seen: Seen) -> bool:
        """Whether something changed that cannot be told any more: begin anew."""
        return seen.edges < self.edges.forgotten or seen.alarms < self.alarms.forgotten

    def everything(self, site: str) -> Iterator[bytes]:
        """All of it as it is when it is asked for, by pages; the last of each is `final`."""
        yield from _pages(
            sorted(key for key in self._desk.distributor.books.edges if site in ("", key[0])),
            lambda some, final: self._edges_of(site, some, final=final),
        )
        yield from _pages(
            [(one.site, one.edge, one.alarm.alarm) for one in self._open.open(site)],
            lambda some, final: self._alarms_of(site, some, final=final),
        )

    def changed_edges(self, site: str, seen: int) -> Told:
        """What changed of edges, as much of it as one message holds; with none of them what is
        true of all.
        """
        return self._changed(
            ("edges", site, seen, self.on_wire),
            [one for one in self.edges.since(seen) if site in ("", one[0][0])],
            self.edges.version,
            lambda some: self._edges_of(site, some, final=True),
        )

    def changed_alarms(self, site: str, seen: int) -> Told:
        """As `changed_edges`, of alarms."""
        return self._changed(
            ("alarms", site, seen, self.on_wire),
            [one for one in self.alarms.since(seen) if site in ("", one[0][0])],
            self.alarms.version,
            lambda some: self._alarms_of(site, some, final=True),
        )

    def _changed(
        self,
        which: tuple[str, str, int, bool],
        changed: Sequence[tuple[K, int]],
        newest: int,
        make: Callable[[Sequence[K]], Message],
    ) -> Told:
        told = self._told.get(which)
        if told is None:
            keys = [key for key, _ in changed]
            made, count = _fitting(keys, make)
            upto = newest if count == len(keys) else changed[count - 1][1]
            if len(self._told) >= TOLD_KEPT_MAX:
                self._told.clear()
            told = self._told[which] = Told(made, count, upto)
        return told

    def _edges_of(self, site: str, keys: Sequence[EdgeKey], *, final: bool) -> WallEdges:
        books = self._desk.distributor.books.edges
        mine = [book for key, book in books.items() if site in ("", key[0])]
        return WallEdges(
            on_wire=self.on_wire,
            edges_known=len(mine),
            edges_connected=sum(book.connected for book in mine),
            edges=tuple(self._row(key) for key in keys if key in books),
            gone=tuple(EdgePlace(site=s, edge=e) for s, e in keys if (s, e) not in books),
            final=final,
        )

    def _row(self, key: EdgeKey) -> WallEdge:
        """As it was at its last change."""
        kept, now = self._rows.get(key), self.edges.at(key)
        if kept is not None and kept[0] == now:
            return kept[1]
        row = self._desk.row(self._desk.distributor.books.edges[key])
        alarms = self._open.of(*key).values()
        made = WallEdge(
            **msgspec.structs.asdict(row),
            alarms=len(alarms),
            urgent=sum(
                one.priority is Priority.LIFE and one.acknowledged_us is None for one in alarms
            ),
            stored_utc_us=self._stored_us.get(key),
            pages=self._addresses.get(key, ""),
        )
        self._rows[key] = (now, made)
        return made

    def _alarms_of(self, site: str, keys: Sequence[AlarmKey], *, final: bool) -> WallAlarms:
        books = self._desk.distributor.books.edges
        found, gone = [], []
        for s, e, number in keys:
            alarm = self._open.of(s, e).get(number)
            if alarm is None:
                gone.append(AlarmPlace(site=s, edge=e, alarm=number))
                continue
            there = (book := books.get((s, e))) is not None and book.connected
            found.append(EdgeAlarm(site=s, edge=e, connected=there, alarm=alarm))
        return WallAlarms(
            on_wire=self.on_wire,
            total=self._open.count(site),
            alarms=tuple(found),
            gone=tuple(gone),
            final=final,
        )


def _pages(keys: Sequence[K], make: Callable[[Sequence[K], bool], Message]) -> Iterator[bytes]:
    left = keys

    def page(some: Sequence[K]) -> Message:
        return make(some, len(some) == len(left))

    while True:
        made, count = _fitting(left, page)
        yield made
        left = left[count:]
        if not left:
            return


def _fitting(keys: Sequence[K], make: Callable[[Sequence[K]], Message]) -> tuple[bytes, int]:
    """The frame of the first ROWS_MAX of them, or of fewer where they are large; of how many."""
    some = keys[:ROWS_MAX]
    while True:
        try:
            return frame(make(some)), len(some)
        except FrameError:
            assert len(some) > 1, "one always fits"
            some = some[: len(some) // 2]
