"""Signed files on their way to the edges: who has which, who is asked next, and when again.

Every edge is asked for one file of a kind at a time, the earliest that it lacks first: a change set
builds on those before it. Whoever has a later one has all before it. Silence is asked again, after
ever longer pauses; a refusal once a minute, because what was in the way may be gone; and whoever
comes back is asked at once.

Bookkeeping alone: no clock, no wire and no disk. Times are seconds of any clock that never goes
back.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from central.sets import Answer, KeptSet, KnownEdge
from edge import wire

RESEND_S_MIN, RESEND_S_MAX = 2.0, 60.0
"""Between two askings of an edge that is there and says nothing."""

PART_S = 0.25
"""A large file takes so much longer for each part, before its silence means anything."""

REFUSED_AGAIN_S = 60.0
UNRECORDED_AGAIN_S = 5.0

SETS_MAX = 64
"""Sets of each kind kept for a site. An edge that was away for more takes one of everybody."""


class Standing(StrEnum):
    """How an edge stands to a set."""

    HAS = "has"
    WAITING = "waiting"  # it is connected, and has not answered yet
    UNRECORDED = "unrecorded"  # it has it, and its journal cannot be written
    REFUSED = "refused"
    AWAY = "away"


_TAKEN = frozenset({wire.SetOutcome.APPLIED, wire.SetOutcome.ALREADY})


class _Asked(msgspec.Struct):
    """What an edge was asked for last, of one kind."""

    set_id: int
    again_s: float
    tries: int


class EdgeBook:
    """One edge: what it has said, and what it was asked for."""

    def __init__(self, known: KnownEdge) -> None:
        self.known = known
        self.connected = False
        self.answers: dict[int, Answer] = {}
        self._newest = dict.fromkeys(wire.SetKind, 0)
        self._asked: dict[wire.SetKind, _Asked] = {}
        self._not_before_s: dict[int, float] = {}

    def newest(self, kind: wire.SetKind) -> int:
        """The number of the latest set of the kind that it has; 0 where it has none."""
        return self._newest[kind]

    def remember(self, answer: Answer) -> None:
        """What it has said of a set, last."""
        self.answers[answer.set_id] = answer
        self._count(answer.ack.kind)

    def forget(self, set_id: int) -> None:
        """What it has said of a set counts no more, or the set is dropped."""
        answer = self.answers.pop(set_id, None)
        if answer is not None:
            self._count(answer.ack.kind)

    def _count(self, kind: wire.SetKind) -> None:
        taken = (
            number
            for number, answer in self.answers.items()
            if answer.ack.kind is kind and answer.ack.outcome in _TAKEN
        )
        self._newest[kind] = max(taken, default=0)

    def standing(self, kept: KeptSet) -> Standing:
        if kept.id <= self.newest(kept.kind):
            return Standing.HAS
        if not self.connected:
            return Standing.AWAY
        answer = self.answers.get(kept.id)
        if answer is None:
            return Standing.WAITING
        unrecorded = answer.ack.outcome is wire.SetOutcome.UNRECORDED
        return Standing.UNRECORDED if unrecorded else Standing.REFUSED

    def look(self, status: wire.Status) -> list[int]:
        """A status came. The numbers of the sets whose answers do not hold any more: it goes by
        older people than it had, as after the restore of a backup.
        """
        begins = status.connection != self.known.status.connection
        self.connected = status.alive
        if begins or not status.alive:
            self.ask_at_once()
        if not status.alive:
            return []
        lost = [
            number
            for number, answer in self.answers.items()
            if answer.ack.kind is wire.SetKind.PEOPLE
            and answer.ack.outcome in _TAKEN
            and answer.ack.version > status.people
        ]
        for number in lost:
            self.forget(number)
        return lost

    def ask_at_once(self) -> None:
        """Whatever was asked is gone, or may be answered otherwise now."""
        self._asked.clear()
        self._not_before_s.clear()

    def heard(self, answer: Answer, now_s: float) -> None:
        self.remember(answer)
        asked = self._asked.get(answer.ack.kind)
        if asked is not None and asked.set_id == answer.set_id:
            del self._asked[answer.ack.kind]
        if answer.ack.outcome in _TAKEN:
            self._not_before_s.clear()  # what was refused may follow now
            return
        refused = answer.ack.outcome is wire.SetOutcome.REFUSED
        pause_s = REFUSED_AGAIN_S if refused else UNRECORDED_AGAIN_S
        self._not_before_s[answer.set_id] = now_s + pause_s

    def next_of(self, sets: list[KeptSet], now_s: float) -> KeptSet | None:
        """Which of `sets`, all of one kind and in order, to ask for, if any is due."""
        lacking = [one for one in sets if one.id > self.newest(one.kind)]
        asked = None if not lacking else self._asked.get(lacking[0].kind)
        if asked is not None and now_s < asked.again_s:
            return None
        for kept in lacking:
            if now_s >= self._not_before_s.get(kept.id, now_s):
                return kept
        return None

    def sent(self, kept: KeptSet, parts: int, now_s: float) -> None:
        """All parts of it are with the wire."""
        before = self._asked.get(kept.kind)
        tries = before.tries + 1 if before is not None and before.set_id == kept.id else 0
        pause_s = min(RESEND_S_MIN * 2**tries, RESEND_S_MAX) + PART_S * parts
        self._asked[kept.kind] = _Asked(kept.id, now_s + pause_s, tries)

    def look_again_s(self, sets: list[KeptSet]) -> Iterator[float]:
        """When something may be due again."""
        lacking = [one for one in sets if one.id > self.newest(one.kind)]
        if not lacking or not self.connected:
            return
        asked = self._asked.get(lacking[0].kind)
        if asked is not None:
            yield asked.again_s
            return
        yield from (self._not_before_s.get(one.id, 0.0) for one in lacking)


class Books:
    """All sets and all edges."""

    def __init__(self) -> None:
        self.sets: dict[int, KeptSet] = {}
        self.edges: dict[tuple[str, str], EdgeBook] = {}

    def at(self, site: str) -> list[EdgeBook]:
        """The edges of a site, by name."""
        return [book for key, book in sorted(self.edges.items()) if key[0] == site]

    def of(self, site: str, kind: wire.SetKind) -> list[KeptSet]:
        """In the order in which they were given."""
        return [one for one in self.sets.values() if (one.site, one.kind) == (site, kind)]

    def found(self, site: str, kind: wire.SetKind, digest: str) -> KeptSet | None:
        return next((one for one in self.of(site, kind) if one.digest == digest), None)

    def outdated(self, site: str, kind: wire.SetKind) -> list[KeptSet]:
        """What nobody needs any more: sets that every edge has, and policies before one that an
        edge has taken. The newest of each kind stays, for edges to come.
        """
        older = self.of(site, kind)[:-1]
        newest = [book.newest(kind) for book in self.at(site)]
        any_has, all_have = max(newest, default=0), min(newest, default=0)
        had = any_has - 1 if kind is wire.SetKind.POLICY else all_have
        too_many = len(older) - (SETS_MAX - 1)
        return [one for place, one in enumerate(older) if one.id <= had or place < too_many]

    def lacking(self, book: EdgeBook) -> list[KeptSet]:
        """What an edge does not have yet."""
        site = book.known.site
        return [
            one
            for one in self.sets.values()
            if one.site == site and book.standing(one) is not Standing.HAS
        ]

    def due(self, now_s: float) -> Iterator[tuple[EdgeBook, KeptSet]]:
        """Whom to ask for what, now."""
        for site, sets in self._by_site():
            for book in self.at(site):
                if not book.connected:
                    continue
                for of_kind in sets:
                    kept = book.next_of(of_kind, now_s)
                    if kept is not None:
                        yield book, kept

    def _by_site(self) -> Iterator[tuple[str, list[list[KeptSet]]]]:
        """The sets of each site, by kind."""
        for site in {one.site for one in self.sets.values()}:
            yield site, [self.of(site, kind) for kind in wire.SetKind]

    def look_again_s(self) -> float | None:
        """When the next asking is due, if nothing happens before; None: nobody lacks anything."""
        times = [
            at
            for site, sets in self._by_site()
            for book in self.at(site)
            for of_kind in sets
            for at in book.look_again_s(of_kind)
        ]
        return min(times, default=None)
