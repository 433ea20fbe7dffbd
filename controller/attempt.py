"""One attempt: from a credential's presentation to its decision.

TABLE is complete, as the portal's is. Fingers stand in it already; what asks for them comes with
their sensor.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.ids import AttemptId, CredentialId, HolderId, QuestionId, ReaderId
from controller.mermaid import state_diagram
from controller.moment import SECOND_US, Micros
from policies.facts import Direction, Factor, Presented

ANSWER_US = 20 * SECOND_US
"""How long a person may take for the next factor; keypads of others allow 10 to 30 seconds."""

GUARD_US = 60 * SECOND_US
"""How long a guard may take: he may have to come to his screen."""


class State(StrEnum):
    PRESENTED = "presented"
    AWAITING_PIN = "awaiting-pin"
    AWAITING_FACE = "awaiting-face"
    AWAITING_FINGER = "awaiting-finger"
    AWAITING_GUARD = "awaiting-guard"
    AWAITING_SECOND = "awaiting-second"
    DECIDED = "decided"
    ABANDONED = "abandoned"


class Signal(StrEnum):
    PIN_NEEDED = "pin-needed"
    FACE_NEEDED = "face-needed"
    FINGER_NEEDED = "finger-needed"
    GUARD_NEEDED = "guard-needed"
    SECOND_NEEDED = "second-needed"
    ANSWERED = "answered"
    DECIDED = "decided"
    PATIENCE_ENDED = "patience-ended"
    DROPPED = "dropped"  # posture, a newer badge, a lost reader, a restart


class Move(NamedTuple):
    """Where a signal leads; None: it has no meaning in this state and changes nothing."""

    target: State | None


IGNORED = Move(None)

_ENDS: dict[Signal, Move] = {
    Signal.DECIDED: Move(State.DECIDED),
    Signal.PATIENCE_ENDED: Move(State.ABANDONED),
    Signal.DROPPED: Move(State.ABANDONED),
}
_NEEDS: dict[Signal, Move] = {
    Signal.PIN_NEEDED: Move(State.AWAITING_PIN),
    Signal.FACE_NEEDED: Move(State.AWAITING_FACE),
    Signal.FINGER_NEEDED: Move(State.AWAITING_FINGER),
    Signal.GUARD_NEEDED: Move(State.AWAITING_GUARD),
    Signal.SECOND_NEEDED: Move(State.AWAITING_SECOND),
}
# An answer brings the attempt back to where it is judged anew, with the facts of that moment.
_AWAITING: dict[Signal, Move] = (
    dict.fromkeys(_NEEDS, IGNORED)
    | _ENDS
    | {
        Signal.ANSWERED: Move(State.PRESENTED),
        Signal.DECIDED: IGNORED,
    }
)
_ENDED: dict[Signal, Move] = dict.fromkeys(Signal, IGNORED)

TABLE: dict[State, dict[Signal, Move]] = {
    State.PRESENTED: _NEEDS | _ENDS | {Signal.ANSWERED: IGNORED},
    State.AWAITING_PIN: _AWAITING,
    State.AWAITING_FACE: _AWAITING,
    State.AWAITING_FINGER: _AWAITING,
    State.AWAITING_GUARD: _AWAITING,
    State.AWAITING_SECOND: _AWAITING,
    State.DECIDED: _ENDED,
    State.ABANDONED: _ENDED,
}

assert set(TABLE) == set(State), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(Signal), f"{_state} must answer {set(Signal) ^ set(_row)}"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Who presented first, where two have to, with what he has shown by then."""

    id: AttemptId
    holder: HolderId
    credential: CredentialId
    policy: str
    presented: tuple[Presented, ...]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, ended under the policy that it began under. Unknown badges have no holder.

    `first`: for whom this one comes along. `deadline_us`: until when a question or a second person
    is waited for. `missed`: factors that were asked for and could not be had.
    """

    id: AttemptId
    reader: ReaderId
    portal: str
    direction: Direction
    holder: HolderId | None
    credential: CredentialId | None
    policy: str
    state: State = State.PRESENTED
    presented: tuple[Presented, ...] = ()
    missed: tuple[Factor, ...] = ()
    first: Waiting | None = None
    question: QuestionId | None = None
    deadline_us: Micros | None = None


def move(attempt: Attempt, signal: Signal) -> Attempt | None:
    """The attempt after `signal`; None when the signal has no meaning in its state."""
    target = TABLE[attempt.state][signal].target
    return None if target is None else replace(attempt, state=target)


def ended(attempt: Attempt, signal: Signal) -> Attempt:
    """The attempt at its end. That the signal ends it is the caller's claim; the table decides."""
    after = move(attempt, signal)
    assert after is not None, f"an attempt that is {attempt.state} cannot end by {signal}"
    assert after.state in {State.DECIDED, State.ABANDONED}, f"{signal} ends no attempt"
    return after


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    moves = [("[*]", str(State.PRESENTED), "a badge")]
    for state, row in TABLE.items():
        for signal, step in row.items():
            if step.target is not None:
                moves.append((state, step.target, signal))
    return state_diagram(State, moves)
