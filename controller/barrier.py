"""What is driven up and down over vehicles: a barrier, or a gate with a motor and a safety loop.

It is never told to close while its loop says that a vehicle is there, or cannot be read. Whatever
changes its state stands in TABLE, and nowhere else; who was granted is the portal's business.

TABLE is complete: every state answers every signal, checked when the module is imported.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.mermaid import state_diagram
from controller.moment import SECOND_US, Micros

TRAVEL_US = 30 * SECOND_US
"""From the command to the lower limit; what takes longer is jammed, or does not hear."""


RETRY_US = 300 * SECOND_US
"""A jammed one is told again, now and then: what was in its way may have gone."""


class Loop(StrEnum):
    """The safety loop. `faulted`: cut, shorted, or its device is away."""

    UNKNOWN = "unknown"
    FREE = "free"
    TAKEN = "taken"
    FAULTED = "faulted"


class State(StrEnum):
    IDLE = "idle"  # nothing is known of it, and nothing was told to it
    RAISED = "raised"  # for somebody, or for as long as a release holds it up
    WAITING = "waiting"  # to be lowered as soon as the loop is free
    LOWERING = "lowering"
    JAMMED = "jammed"  # told to go down, and not seen there
    DOWN = "down"


class Signal(StrEnum):
    RAISED = "raised"
    LOWER = "lower"  # nobody has a claim to it any more, and the loop is free
    HOLD = "hold"  # nobody has a claim to it any more, and the loop is not free
    TAKEN = "taken"  # the loop is not free any more
    REACHED = "reached"  # the lower limit
    LEFT = "left"  # the lower limit
    PATIENCE_ENDED = "patience-ended"


class Note(StrEnum):
    """What is recorded of a move; each is an event of its own."""

    RAISED = "raised"
    WAITING = "waiting"
    LOWERING = "lowering"
    REOPENED = "reopened"
    JAMMED = "jammed"
    REACHED = "reached"
    LEFT = "left"


class Barrier(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one. A restart keeps nothing of it.

    `used`: a vehicle was on the loop since it was raised. `down`, `up`: what the limits said last.
    `deadline_us`: when who it was raised for has had his time, or when it has to be down.
    """

    state: State = State.IDLE
    loop: Loop = Loop.UNKNOWN
    used: bool = False
    down: bool | None = None
    up: bool | None = None
    deadline_us: Micros | None = None


class Move(NamedTuple):
    """Where a signal leads, and what is recorded."""

    target: State | None
    note: Note | None


IGNORED = Move(None, None)

_ALWAYS: dict[Signal, Move] = {
    Signal.RAISED: Move(State.RAISED, Note.RAISED),
    Signal.LOWER: Move(State.LOWERING, Note.LOWERING),
    Signal.HOLD: Move(State.WAITING, Note.WAITING),
    Signal.TAKEN: IGNORED,
    Signal.REACHED: Move(State.DOWN, Note.REACHED),
    Signal.LEFT: Move(State.WAITING, Note.LEFT),
    Signal.PATIENCE_ENDED: IGNORED,
}

_CLOSING: dict[Signal, Move] = {
    # Somebody has driven under it: up again, at once.
    Signal.TAKEN: Move(State.WAITING, Note.REOPENED),
    Signal.HOLD: Move(State.WAITING, Note.REOPENED),
    Signal.LEFT: Move(None, Note.LEFT),
}

TABLE: dict[State, dict[Signal, Move]] = {
    State.IDLE: _ALWAYS,
    State.RAISED: _ALWAYS
    | {
        Signal.LEFT: Move(None, Note.LEFT),
        Signal.REACHED: Move(None, Note.REACHED),
    },
    State.WAITING: _ALWAYS | {Signal.HOLD: IGNORED, Signal.LEFT: Move(None, Note.LEFT)},
    State.LOWERING: _ALWAYS | _CLOSING | {Signal.PATIENCE_ENDED: Move(State.JAMMED, Note.JAMMED)},
    State.JAMMED: _ALWAYS | _CLOSING,
    # It is told once more: what raised it may not have run its course.
    State.DOWN: _ALWAYS | {Signal.LOWER: Move(None, Note.LOWERING), Signal.HOLD: IGNORED},
}

assert set(TABLE) == set(State), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(Signal), f"{_state} must answer {set(Signal) ^ set(_row)}"


def move(
    barrier: Barrier, signal: Signal, now_us: Micros, *, until_us: Micros | None = None
) -> tuple[Barrier, Note | None]:
    """The barrier after `signal`, and what is to be recorded; an ignored signal gives None.

    `until_us`: with RAISED alone, when whoever it was raised for has had his time; None: no end.
    """
    step = TABLE[barrier.state][signal]
    if step.note is None:
        return barrier, None
    state = step.target or barrier.state
    after = replace(barrier, state=state)
    match signal:
        case Signal.RAISED:
            after = replace(after, deadline_us=until_us, used=barrier.loop is Loop.TAKEN)
        case Signal.REACHED | Signal.LEFT:
            after = replace(after, down=signal is Signal.REACHED)
        case Signal.LOWER:
            lowering = state is State.LOWERING
            after = replace(after, deadline_us=now_us + TRAVEL_US if lowering else None)
        case Signal.PATIENCE_ENDED:
            after = replace(after, deadline_us=now_us + RETRY_US)
        case Signal.HOLD | Signal.TAKEN:
            pass
    if state in {State.WAITING, State.DOWN}:
        after = replace(after, deadline_us=None)
    return after, step.note


def diagram() -> str:
    """The table as a Mermaid state diagram; ignored signals and notes that stay are left out."""
    moves: list[tuple[str, str, str]] = []
    for state, row in TABLE.items():
        for signal, step in row.items():
            if step.target is not None and step.target is not state:
                moves.append((state, step.target, signal))
    return state_diagram(State, moves)
