"""Passages as entries tell them, one after the other: who was asked, what was decided, who went.

A fold over the journal's entries and the core's state, with nobody's name in it: whoever shows it
to somebody joins the names that are on file in that moment, so that nobody who was erased stays.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from controller.attempt import Attempt, State
from controller.body import Body
from controller.events import (
    AttemptAbandoned,
    DecisionMade,
    Entry,
    EntryError,
    GrantAborted,
    GrantUnused,
    GuardVouched,
    PassageMade,
    decode_body,
    kind_of,
)
from controller.ids import HolderId, ReaderId
from edge.control.messages_gate import Awaited, Stage
from policies.codes import Code
from policies.facts import Direction, Factor

PASSAGES_MAX = 500
"""That are known: what fifty doors show of themselves on a busy morning."""

VOUCHED_MAX = 32
"""A decision follows its guard's word in the same outcome."""

_ENDS: dict[type[Body], Stage] = {
    AttemptAbandoned: Stage.ABANDONED,
    PassageMade: Stage.PASSED,
    GrantUnused: Stage.UNUSED,
    GrantAborted: Stage.ABORTED,
}

_BODIES: tuple[type[Body], ...] = (DecisionMade, GuardVouched, *_ENDS)

KINDS = frozenset(kind_of(body) for body in _BODIES)
"""What is read; of every other entry no body is looked at."""

_AWAITED = {
    State.AWAITING_PIN: Awaited.PIN,
    State.AWAITING_FACE: Awaited.FACE,
    State.AWAITING_FINGER: Awaited.FINGER,
    State.AWAITING_GUARD: Awaited.GUARD,
    State.AWAITING_SECOND: Awaited.SECOND,
}


class Passage(NamedTuple):
    """One attempt as of entry `seq`. `decided_seq`: the entry of its decision, 0 before one.
    `until_us`: until when something is waited for, by the monotonic clock. `roles`: those that the
    decision was made by. `beside`: for whom, or with whom, this one comes.
    """

    seq: int
    utc_us: int
    attempt: str
    portal: str
    direction: Direction
    stage: Stage
    holder: HolderId | None
    granted: bool | None = None
    roles: tuple[str, ...] = ()
    code: Code | None = None
    reasons: tuple[Code, ...] = ()
    notes: tuple[Code, ...] = ()
    factors: tuple[Factor, ...] = ()
    awaited: Awaited = Awaited.NOTHING
    question: str = ""
    until_us: int | None = None
    beside: HolderId | None = None
    party: int = 0
    vouched: bool = False
    drill: bool = False
    decided_seq: int = 0
    decided_us: int | None = None
    """When, by the monotonic clock; None of what an earlier run decided."""


class Passages:
    """The newest of them. `take` is called with every entry, in order."""

    def __init__(self) -> None:
        self._known: dict[str, Passage] = {}
        self._vouched: dict[str, GuardVouched] = {}

    def take(self, entry: Entry, *, live: bool) -> Passage | None:
        """What the entry makes of a passage; None where it is about none. `live`: it was written by
        this run. One that cannot be read tells nothing here: whoever verifies the journal says so.
        """
        if entry.kind not in KINDS:
            return None
        try:
            body = decode_body(entry)
        except EntryError:
            return None
        return self._note(self._after(entry, body, live=live))

    def look(
        self, attempts: Mapping[ReaderId, Attempt], seq: int, utc_us: int
    ) -> Iterator[Passage]:
        """Each attempt in which something else is waited for than was known."""
        for attempt in attempts.values():
            known = self._known.get(attempt.id)
            found = _waiting(attempt, seq, utc_us if known is None else known.utc_us)
            if found is None or (known is not None and _asks_the_same(known, found)):
                continue
            if known is None or known.stage is Stage.ASKED:
                self._note(found)
                yield found

    def of(self, attempt: str) -> Passage | None:
        """The attempt of this id, as long as it is known."""
        return self._known.get(attempt)

    def newest_first(self) -> Iterator[Passage]:
        """All that are known, those that began last before the others."""
        return reversed(self._known.values())

    def _note(self, found: Passage | None) -> Passage | None:
        if found is not None:
            self._known[found.attempt] = found  # where it stood: a list that jumps is read wrongly
            if len(self._known) > PASSAGES_MAX:
                del self._known[next(iter(self._known))]
        return found

    def _after(self, entry: Entry, body: Body | None, *, live: bool) -> Passage | None:
        match body:
            case GuardVouched():
                self._vouched[body.attempt] = body
                if len(self._vouched) > VOUCHED_MAX:
                    del self._vouched[next(iter(self._vouched))]
            case DecisionMade():
                word = self._vouched.pop(body.attempt, None)
                return _decided(entry, body, word, live=live)
            case AttemptAbandoned() | PassageMade() | GrantUnused() | GrantAborted():
                known = None if body.attempt is None else self._known.get(body.attempt)
                if known is not None:
                    return known._replace(seq=entry.seq, stage=_ENDS[type(body)])
        return None


def _decided(entry: Entry, body: DecisionMade, word: GuardVouched | None, *, live: bool) -> Passage:
    request, decision = body.request, body.decision
    who = request.holder
    return Passage(
        seq=entry.seq,
        utc_us=entry.utc_us,
        attempt=body.attempt,
        portal=body.portal,
        direction=body.direction,
        stage=Stage.DECIDED,
        granted=decision.granted,
        holder=None if who is None else HolderId(who.id),
        roles=() if who is None else who.roles,
        code=decision.code,
        reasons=tuple(one.code for one in decision.objections),
        notes=tuple(one.code for one in decision.notes),
        factors=tuple(one.factor for one in request.presented if one.passed),
        beside=None if word is None else word.host,
        party=0 if word is None else word.party,
        vouched=word is not None,
        drill=entry.drill,
        decided_seq=entry.seq,
        decided_us=entry.mono_us if live else None,
    )


def _asks_the_same(known: Passage, found: Passage) -> bool:
    return known._replace(seq=found.seq) == found


def _waiting(attempt: Attempt, seq: int, utc_us: int) -> Passage | None:
    """`utc_us`: when it was first seen. None where nothing is waited for."""
    awaited = _AWAITED.get(attempt.state)
    if awaited is None:
        return None
    asks_guard = awaited is Awaited.GUARD and attempt.question is not None
    return Passage(
        seq=seq,
        utc_us=utc_us,
        attempt=attempt.id,
        portal=attempt.portal,
        direction=attempt.direction,
        stage=Stage.ASKED,
        holder=attempt.holder,
        factors=tuple(one.factor for one in attempt.presented if one.passed),
        awaited=awaited,
        question=str(attempt.question) if asks_guard else "",
        until_us=attempt.deadline_us,
        beside=None if attempt.first is None else attempt.first.holder,
    )
