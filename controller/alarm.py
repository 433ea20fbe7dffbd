"""One alarm, from the entry that raised it until it is closed.

Whatever changes its state stands in TABLE, and nowhere else. What raises and ends it is the
business of `controller.alarm_kinds`.

TABLE is complete: every state answers every signal, checked when the module is imported.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from controller.body import Count, Name, Seq
from controller.events_alarms import AlarmCause, AlarmRefusal
from controller.ids import HolderId
from controller.mermaid import state_diagram
from controller.moment import Micros


class State(StrEnum):
    RAISED = "raised"  # it is so, and nobody has acknowledged it
    CLEARED = "cleared"  # it is so no more, and nobody has acknowledged it
    HAPPENED = "happened"  # it was a moment, and nobody has acknowledged it
    ACKNOWLEDGED = "acknowledged"  # it is still so
    IN_HAND = "in-hand"  # it was a moment, and somebody has to say what it was
    CLOSED = "closed"


class Signal(StrEnum):
    REPEATED = "repeated"  # the same again, of the same source
    ENDED = "ended"  # it is so no more
    ACKNOWLEDGED = "acknowledged"  # a person has seen it
    CLOSED = "closed"  # a person says that it is done with


class Move(NamedTuple):
    """Where a signal leads; or, of what a person asks, why it is not done."""

    target: State | None
    refused: AlarmRefusal | None = None


IGNORED = Move(None)

_UNSEEN: dict[Signal, Move] = {
    Signal.ENDED: IGNORED,
    Signal.CLOSED: Move(None, AlarmRefusal.NOT_ACKNOWLEDGED),
}
_SEEN: dict[Signal, Move] = {
    Signal.ENDED: IGNORED,
    Signal.ACKNOWLEDGED: Move(None, AlarmRefusal.ALREADY),
}

TABLE: dict[State, dict[Signal, Move]] = {
    State.RAISED: _UNSEEN
    | {
        Signal.REPEATED: Move(State.RAISED),
        Signal.ENDED: Move(State.CLEARED),
        Signal.ACKNOWLEDGED: Move(State.ACKNOWLEDGED),
    },
    State.CLEARED: _UNSEEN
    | {
        Signal.REPEATED: Move(State.RAISED),
        Signal.ACKNOWLEDGED: Move(State.CLOSED),
    },
    State.HAPPENED: _UNSEEN
    | {
        Signal.REPEATED: Move(State.HAPPENED),
        Signal.ACKNOWLEDGED: Move(State.IN_HAND),
    },
    # What was acknowledged and happens again has been seen by nobody.
    State.ACKNOWLEDGED: _SEEN
    | {
        Signal.REPEATED: Move(State.RAISED),
        Signal.ENDED: Move(State.CLOSED),
        Signal.CLOSED: Move(None, AlarmRefusal.STILL_SO),
    },
    State.IN_HAND: _SEEN
    | {
        Signal.REPEATED: Move(State.HAPPENED),
        Signal.CLOSED: Move(State.CLOSED),
    },
    State.CLOSED: {
        # The same again is another alarm.
        Signal.REPEATED: IGNORED,
        Signal.ENDED: IGNORED,
        Signal.ACKNOWLEDGED: Move(None, AlarmRefusal.CLOSED),
        Signal.CLOSED: Move(None, AlarmRefusal.CLOSED),
    },
}

ACKNOWLEDGED = frozenset({State.ACKNOWLEDGED, State.IN_HAND, State.CLOSED})
"""States in which somebody has seen the alarm as it is."""

assert set(TABLE) == set(State), "every state has its row"
for _state, _row in TABLE.items():
    assert set(_row) == set(Signal), f"{_state} must answer {set(Signal) ^ set(_row)}"

NOTES_KEPT = 20
"""Notes of one alarm that are found from it; earlier ones stay in the journal."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Entry `entry` says who did it, and what he said to it, beside the entry. `utc_us`: when."""

    entry: Seq
    utc_us: Micros


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm that entry `seq` raised; that number is its name within its journal.

    `kind` and `source`: of what, and of which portal, point, person …; `drill`: raised by one. Told
    `count` times, first at `utc_us` and last by entry `last` at `last_utc_us`; `trusted`: the clock
    could be relied on the first time. `over_utc_us`: since when it is so no more. `revision`: the
    newest entry that changed anything of this.

    `acknowledged`: since it was last told; None while nobody has. `notes`: the newest of them,
    oldest first, `noted` in all.
    """

    seq: Seq
    kind: Name
    source: str
    drill: bool = False
    state: State
    utc_us: Micros
    trusted: bool
    count: Count = 1
    last: Seq
    last_utc_us: Micros
    over_utc_us: Micros | None = None
    revision: Seq
    acknowledged: Said | None = None
    assigned: HolderId | None = None
    assignment: Said | None = None
    notes: tuple[Said, ...] = ()
    noted: Count = 0
    closing: Said | None = None
    cause: AlarmCause | None = None

    @property
    def open(self) -> bool:
        return self.state is not State.CLOSED


def diagram() -> str:
    """The table as a Mermaid state diagram; ignored and refused signals are left out."""
    moves = [
        (str(state), str(move.target), str(signal))
        for state, row in TABLE.items()
        for signal, move in row.items()
        if move.target is not None
    ]
    return state_diagram([*State], moves)
