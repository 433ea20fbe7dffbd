"""One alarm point: what its line says, and what that comes to.

Whatever changes a point's state stands in TABLE, and nowhere else. Whether its zone is armed, and
whether it is shunted, is the site's business: activity comes here as SEEN, ENTERED or TRIPPED. What
is wrong with the line itself is an alarm of its own, armed or not.

TABLE is complete: every state answers every signal, checked when the module is imported.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.mermaid import state_diagram
from controller.moment import MILLISECOND_US, Micros
from policies.points import PointRule


class Line(StrEnum):
    """What the line of a point says; `gone`: the device on which it hangs does not answer."""

    UNKNOWN = "unknown"
    QUIET = "quiet"
    ACTIVE = "active"
    CUT = "cut"
    SHORTED = "shorted"
    MASKED = "masked"
    GONE = "gone"


FAULTS = frozenset({Line.CUT, Line.SHORTED, Line.GONE})


class State(StrEnum):
    UNKNOWN = "unknown"
    QUIET = "quiet"
    SEEN = "seen"  # active, and nobody is to be told of it
    ENTERING = "entering"  # active, and somebody has until the deadline to disarm
    ALARM = "alarm"
    STUCK = "stuck"
    FAULT = "fault"  # cut, shorted or gone, see `line`
    MASKED = "masked"


class Signal(StrEnum):
    QUIETED = "quieted"
    SEEN = "seen"  # active, not armed or shunted
    ENTERED = "entered"  # active, armed, with an entry delay
    TRIPPED = "tripped"  # active, armed
    FAULTED = "faulted"
    MASKED = "masked"
    PATIENCE_ENDED = "patience-ended"  # the state's deadline has come
    STOOD_DOWN = "stood-down"  # its zone was disarmed
    SHUNTED = "shunted"
    SHUNT_ENDED = "shunt-ended"


class Note(StrEnum):
    """What is recorded of a move; each is an event of its own."""

    SETTLED = "settled"
    SEEN = "seen"
    ENTERED = "entered"
    ALARMED = "alarmed"
    RESTORED = "restored"
    FAULTED = "faulted"
    MASKED = "masked"
    STUCK = "stuck"
    STOOD_DOWN = "stood-down"
    SHUNTED = "shunted"
    SHUNT_ENDED = "shunt-ended"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one point. A restart keeps nothing of it but a delay that ran.

    `deadline_us`: when its entry delay, or the patience with activity that does not end, is over.
    `shunted_until_us`: until when activity alarms nobody.
    """

    state: State = State.UNKNOWN
    line: Line = Line.UNKNOWN
    deadline_us: Micros | None = None
    shunted_until_us: Micros | None = None


class Move(NamedTuple):
    """Where a signal leads (`settle`: to what the line alone says) and what is recorded."""

    target: State | None
    note: Note | None
    settle: bool = False


IGNORED = Move(None, None)


def _to(target: State, note: Note) -> Move:
    return Move(target, note)


_ALWAYS: dict[Signal, Move] = {
    Signal.QUIETED: _to(State.QUIET, Note.RESTORED),
    Signal.SEEN: _to(State.SEEN, Note.SEEN),
    Signal.ENTERED: _to(State.ENTERING, Note.ENTERED),
    Signal.TRIPPED: _to(State.ALARM, Note.ALARMED),
    # Each fault is told: what was cut and is shorted now is somebody at work.
    Signal.FAULTED: _to(State.FAULT, Note.FAULTED),
    Signal.MASKED: _to(State.MASKED, Note.MASKED),
    Signal.PATIENCE_ENDED: IGNORED,
    Signal.STOOD_DOWN: IGNORED,
    Signal.SHUNTED: Move(None, Note.SHUNTED),
    Signal.SHUNT_ENDED: Move(None, Note.SHUNT_ENDED),
}

_SILENCED: dict[Signal, Move] = {
    Signal.STOOD_DOWN: Move(None, Note.STOOD_DOWN, settle=True),
    Signal.SHUNTED: Move(None, Note.SHUNTED, settle=True),
}

TABLE: dict[State, dict[Signal, Move]] = {
    State.UNKNOWN: _ALWAYS | {Signal.QUIETED: _to(State.QUIET, Note.SETTLED)},
    State.QUIET: _ALWAYS | {Signal.QUIETED: IGNORED},
    State.SEEN: _ALWAYS
    | {
        Signal.SEEN: IGNORED,
        Signal.PATIENCE_ENDED: _to(State.STUCK, Note.STUCK),
    },
    State.ENTERING: _ALWAYS
    | _SILENCED
    | {
        # Whoever came in has closed the door behind him: he still has to disarm.
        Signal.QUIETED: Move(None, Note.RESTORED),
        Signal.SEEN: Move(None, Note.ENTERED),
        Signal.ENTERED: Move(None, Note.ENTERED),
        Signal.TRIPPED: Move(None, Note.ENTERED),
        Signal.PATIENCE_ENDED: _to(State.ALARM, Note.ALARMED),
    },
    State.ALARM: _ALWAYS
    | _SILENCED
    | {
        # The line went quiet after an entry delay that nobody ended, and is active again.
        Signal.SEEN: Move(None, Note.ALARMED),
        Signal.ENTERED: Move(None, Note.ALARMED),
        Signal.TRIPPED: Move(None, Note.ALARMED),
        Signal.PATIENCE_ENDED: _to(State.STUCK, Note.STUCK),
    },
    State.STUCK: _ALWAYS | {Signal.SEEN: IGNORED},
    State.FAULT: _ALWAYS,
    State.MASKED: _ALWAYS | {Signal.MASKED: IGNORED},
}

assert set(TABLE) == set(State), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(Signal), f"{_state} must answer {set(Signal) ^ set(_row)}"


def move(
    point: Point,
    signal: Signal,
    rule: PointRule,
    now_us: Micros,
    *,
    shunted_until_us: Micros | None = None,
) -> tuple[Point, Note | None]:
    """The point after `signal`, and what is to be recorded; `point.line` is what was read.

    An ignored signal gives back the very state and None. `shunted_until_us`: with SHUNTED alone.
    """
    step = TABLE[point.state][signal]
    if step.note is None:
        return point, None
    state = settled(point) if step.settle else (step.target or point.state)
    after = replace(point, state=state)
    if signal in {Signal.SHUNTED, Signal.SHUNT_ENDED}:
        after = replace(after, shunted_until_us=shunted_until_us)
    if state is not point.state or step.note is Note.ALARMED:
        after = replace(after, deadline_us=_deadline_us(point, state, rule, now_us))
    return after, step.note


def points_after_start(points: Mapping[str, Point], now_us: Micros) -> dict[str, Point]:
    """What a start leaves: a delay that ran is over, and nobody has disarmed meanwhile. An edge
    that is stopped just then must not let anybody in unseen.
    """
    over = Point(state=State.ENTERING, deadline_us=now_us)
    return {name: over for name, one in points.items() if one.state is State.ENTERING}


def settled(point: Point) -> State:
    """What the line alone calls for, where nobody is to be told of activity."""
    match point.line:
        case Line.QUIET:
            return State.QUIET
        case Line.ACTIVE:
            return State.SEEN
        case Line.MASKED:
            return State.MASKED
        case Line.UNKNOWN:
            return State.UNKNOWN
        case Line.CUT | Line.SHORTED | Line.GONE:
            return State.FAULT


def _deadline_us(point: Point, state: State, rule: PointRule, now_us: Micros) -> Micros | None:
    if state is State.ENTERING:
        return now_us + rule.entry_delay_ms * MILLISECOND_US
    if state in {State.SEEN, State.ALARM} and rule.stuck_ms is not None:
        if point.line is not Line.ACTIVE:
            return None
        return now_us + rule.stuck_ms * MILLISECOND_US
    return None


def diagram() -> str:
    """The table as a Mermaid state diagram; ignored signals and notes that stay are left out."""
    moves: list[tuple[str, str, str]] = []
    for state, row in TABLE.items():
        for signal, step in row.items():
            if step.settle:
                moves.append((state, "settled", signal))
            elif step.target is not None and step.target is not state:
                moves.append((state, step.target, signal))
    return state_diagram([*State, "settled"], moves)
