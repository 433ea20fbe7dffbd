"""Visits: each from its announcement until the visitor was seen leaving.

Every change of a visit's state stands in TABLE, and nowhere else. TABLE is complete: every state
answers every signal, checked when the module is imported. Nothing of it keeps anybody in, and none
of it opens anything: a visit only takes away from what was given for it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.events import GrantUnused, PassageMade, PortalChange, PortalOpened
from controller.events_visits import (
    Given,
    PresenceCorrected,
    VisitBadgeReturned,
    VisitBody,
    VisitEnd,
    VisitEnded,
    VisitExpected,
    VisitExtended,
    VisitId,
    VisitorGiven,
    VisitorSignedIn,
    VisitorSignedOut,
    VisitorUnaccounted,
    VisitOverdue,
)
from controller.ids import CredentialId, HolderId
from controller.mermaid import state_diagram
from policies.facts import UtcSeconds

VISITS_OPEN_MAX = 2_000
"""Announced or there at a time: more than a large conference has in a day, and the state stays
small."""

ENDED_KEPT_MAX = 2_000
"""Visits that are over and are still listed."""

ENDED_KEPT_S = 36 * 3_600
"""After the day of its end: so that whoever comes in the morning still sees yesterday's."""


class State(StrEnum):
    EXPECTED = "expected"
    SIGNED_IN = "signed-in"
    OVERDUE = "overdue"  # past the expected time, and told
    LEAVING = "leaving"  # signed out, and inside by the doors
    UNACCOUNTED = "unaccounted"  # the day is over, nobody has seen him leave, and told
    ENDED = "ended"


class Signal(StrEnum):
    SIGNED_IN = "signed-in"
    EXTENDED = "extended"
    TIME_ENDED = "time-ended"  # the expected end has come
    DAY_ENDED = "day-ended"  # the first midnight behind it has come
    SIGNED_OUT = "signed-out"  # and he is inside by no door's word
    SIGNED_OUT_INSIDE = "signed-out-inside"
    SEEN_LEAVING = "seen-leaving"
    CANCELLED = "cancelled"
    TIME_ENDED_AWAY = "time-ended-away"  # and he has not come, or was seen leaving
    VISITOR_GONE = "visitor-gone"


class Move(NamedTuple):
    """Where a signal leads; None: it has no meaning in this state and changes nothing."""

    target: State | None


IGNORED = Move(None)
_ENDS = Move(State.ENDED)

_EXPECTED: dict[Signal, Move] = dict.fromkeys(Signal, IGNORED) | {
    Signal.SIGNED_IN: Move(State.SIGNED_IN),
    Signal.EXTENDED: Move(State.EXPECTED),
    Signal.CANCELLED: _ENDS,
    Signal.TIME_ENDED_AWAY: _ENDS,
    Signal.VISITOR_GONE: _ENDS,
}
# Whoever has come is not cancelled: he is signed out, or seen leaving.
_THERE: dict[Signal, Move] = dict.fromkeys(Signal, IGNORED) | {
    Signal.EXTENDED: Move(State.SIGNED_IN),
    Signal.SIGNED_OUT: _ENDS,
    Signal.SIGNED_OUT_INSIDE: Move(State.LEAVING),
    Signal.VISITOR_GONE: _ENDS,
}
_LATE: dict[Signal, Move] = _THERE | {Signal.SEEN_LEAVING: _ENDS}

TABLE: dict[State, dict[Signal, Move]] = {
    State.EXPECTED: _EXPECTED,
    # Who goes out for a while is expected back until the time is over: SEEN_LEAVING ends nothing.
    State.SIGNED_IN: _THERE
    | {Signal.TIME_ENDED: Move(State.OVERDUE), Signal.TIME_ENDED_AWAY: _ENDS},
    State.OVERDUE: _LATE | {Signal.DAY_ENDED: Move(State.UNACCOUNTED)},
    State.LEAVING: dict.fromkeys(Signal, IGNORED)
    | {
        Signal.DAY_ENDED: Move(State.UNACCOUNTED),
        Signal.SEEN_LEAVING: _ENDS,
        Signal.VISITOR_GONE: _ENDS,
    },
    State.UNACCOUNTED: _LATE | {Signal.SIGNED_OUT_INSIDE: IGNORED},
    State.ENDED: dict.fromkeys(Signal, IGNORED),
}

assert set(TABLE) == set(State), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(Signal), f"{_state} must answer {set(Signal) ^ set(_row)}"


_WAITING = [one for one in State if TABLE[one][Signal.SEEN_LEAVING].target is not None]
assert _WAITING == [State.OVERDUE, State.LEAVING, State.UNACCOUNTED]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One visit. `expected`, `signed_in`: the entries that tell of it, 0 where there is none yet;
    values about people lie beside those. `credentials`: whatever was given for it, the newest last,
    which let nobody in from `until_s` or its end on; `returned`: they are off the file of people
    again.
    `seen_inside`: what doors, or a guard, said last since he was signed in; None: nothing. `end`
    and `ended_s`: why it is over and since when, 0 by a clock that nobody vouched for.
    """

    holder: HolderId
    host: HolderId
    from_s: UtcSeconds
    until_s: UtcSeconds
    closes_s: UtcSeconds
    state: State = State.EXPECTED
    expected: int
    signed_in: int = 0
    signed_in_s: UtcSeconds | None = None
    given: Given = Given.NOTHING
    credentials: tuple[str, ...] = ()
    returned: bool = True
    seen_inside: bool | None = None
    signed_out_s: UtcSeconds | None = None
    end: VisitEnd | None = None
    ended_s: UtcSeconds | None = None

    @property
    def due_s(self) -> UtcSeconds | None:
        """When wall time next brings something due; None: nothing."""
        match self.state:
            case State.EXPECTED | State.SIGNED_IN:
                return self.until_s
            case State.OVERDUE | State.LEAVING:
                return self.closes_s
            case _:
                return None


NEVER: UtcSeconds = 0
"""Until then a credential is worth something whose visit is over."""

Visits = dict[VisitId, Visit]
"""Open ones, and for a while those that are over. Replaced, never changed."""


def signalled(state: State, signal: Signal) -> State | None:
    """Where the signal leads; None where it has no meaning."""
    return TABLE[state][signal].target


def waits_for_exit(visit: Visit) -> bool:
    """Whether the visit is over as soon as the visitor is seen leaving. Asked of all of them
    after each change: three looks instead of two tables.
    """
    state = visit.state
    return state is State.OVERDUE or state is State.LEAVING or state is State.UNACCOUNTED


def open_of(visits: Visits, holder: HolderId) -> list[tuple[VisitId, Visit]]:
    """Somebody's visits that are not over, the next first."""
    found = [
        (name, one)
        for name, one in visits.items()
        if one.holder == holder and one.state is not State.ENDED
    ]
    return sorted(found, key=lambda named: (named[1].from_s, named[0]))


def worth_until_s(visits: Visits, credential: CredentialId) -> UtcSeconds | None:
    """Until when a credential lets in that was given for a visit; None where it was given for none.

    An end takes it away at once, long before the file of people follows. It leads out for as long
    as it is on file.
    """
    for one in visits.values():
        if not one.returned and credential in one.credentials:
            return one.until_s if one.state is State.SIGNED_IN else NEVER
    return None


# --- what entries change ------------------------------------------------------------------------


def after_visit(visits: Visits, body: VisitBody, seq: int, at_s: UtcSeconds | None) -> Visits:
    """With what this entry, number `seq`, says."""
    if isinstance(body, VisitExpected):
        fresh = Visit(
            holder=body.holder,
            host=body.host,
            from_s=body.from_s,
            until_s=body.until_s,
            closes_s=body.closes_s,
            expected=seq,
        )
        return _kept(visits, at_s) | {body.visit: fresh}
    before = visits.get(body.visit)
    if before is None:
        return visits  # of a state that begins behind its beginning
    return visits | {body.visit: _after(before, body, seq, at_s)}


def _after(visit: Visit, body: VisitBody, seq: int, at_s: UtcSeconds | None) -> Visit:
    match body:
        case VisitorSignedIn(given=given, credential=credential):
            visit = _moved(visit, Signal.SIGNED_IN)
            visit = _with_credential(visit, given, credential)
            return replace(visit, signed_in=seq, signed_in_s=at_s)
        case VisitorGiven(given=given, credential=credential):
            return _with_credential(visit, given, credential)
        case VisitExtended(until_s=until_s, closes_s=closes_s):
            return replace(_moved(visit, Signal.EXTENDED), until_s=until_s, closes_s=closes_s)
        case VisitOverdue():
            return _moved(visit, Signal.TIME_ENDED)
        case VisitorUnaccounted():
            return _moved(visit, Signal.DAY_ENDED)
        case VisitorSignedOut(waits=waits):
            signal = Signal.SIGNED_OUT_INSIDE if waits else Signal.SIGNED_OUT
            after = replace(_moved(visit, signal), signed_out_s=at_s)
            return after if waits else replace(after, end=VisitEnd.SIGNED_OUT, ended_s=at_s)
        case VisitEnded(cause=cause):
            return replace(_moved(visit, _ENDINGS[cause][visit.state]), end=cause, ended_s=at_s)
        case VisitBadgeReturned():
            return replace(visit, returned=True)
        case _:
            return visit


_ENDINGS: dict[VisitEnd, dict[State, Signal]] = {
    VisitEnd.LEFT: dict.fromkeys(State, Signal.SEEN_LEAVING)
    | {State.SIGNED_IN: Signal.TIME_ENDED_AWAY},
    VisitEnd.MISSED: dict.fromkeys(State, Signal.TIME_ENDED_AWAY),
    VisitEnd.CANCELLED: dict.fromkeys(State, Signal.CANCELLED),
    VisitEnd.VISITOR_GONE: dict.fromkeys(State, Signal.VISITOR_GONE),
    VisitEnd.SIGNED_OUT: dict.fromkeys(State, Signal.SIGNED_OUT),
}


def _moved(visit: Visit, signal: Signal) -> Visit:
    """That the entry is there is the claim that the signal had a meaning; the table decides."""
    target = signalled(visit.state, signal)
    assert target is not None, f"a visit that is {visit.state} cannot be {signal}"
    return replace(visit, state=target)


def _with_credential(visit: Visit, given: Given, credential: str) -> Visit:
    if not credential:
        return replace(visit, given=given)
    credentials = (*visit.credentials, credential)
    return replace(visit, given=given, credentials=credentials, returned=False)


def after_seen(visits: Visits, inside: Iterable[HolderId], outside: Iterable[HolderId]) -> Visits:
    """Doors, or a guard, have seen these inside, and those leave."""
    seen = dict.fromkeys(outside, False) | dict.fromkeys(inside, True)
    fresh = {
        name: replace(one, seen_inside=seen[one.holder])
        for name, one in visits.items()
        if one.holder in seen and one.state is not State.EXPECTED and one.state is not State.ENDED
    }
    return visits | fresh if fresh else visits


def after_door(visits: Visits, change: PortalChange) -> Visits:
    """Who is known by name to have gone through."""
    if not visits or not isinstance(change, PassageMade | PortalOpened | GrantUnused):
        return visits
    moved = change.moved
    if moved is None or not moved.holders:
        return visits
    return after_seen(visits, *(((), moved.holders) if moved.is_outside else (moved.holders, ())))


def without_visitor(visits: Visits, holder: HolderId) -> Visits:
    """Nothing is remembered of visits of somebody who is erased."""
    return {name: one for name, one in visits.items() if one.holder != holder}


def after_correction(visits: Visits, body: PresenceCorrected) -> Visits:
    """A guard's word counts as a door's."""
    who = (body.holder,)
    return after_seen(visits, who, ()) if body.inside else after_seen(visits, (), who)


def _kept(visits: Visits, at_s: UtcSeconds | None) -> Visits:
    """Without those that are over and not listed any more; whose badge is on file is remembered."""
    over = [
        (one.closes_s, name)
        for name, one in visits.items()
        if one.state is State.ENDED and one.returned
    ]
    old = {name for closes_s, name in over if at_s is not None and closes_s + ENDED_KEPT_S <= at_s}
    spare = sorted(set(over) - {one for one in over if one[1] in old})
    old |= {name for _, name in spare[: max(0, len(spare) - ENDED_KEPT_MAX)]}
    return {name: one for name, one in visits.items() if name not in old}


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    moves = [("[*]", str(State.EXPECTED), "announced")]
    for state, row in TABLE.items():
        for signal, step in row.items():
            if step.target is not None:
                moves.append((state, step.target, signal))
    return state_diagram(State, moves)
