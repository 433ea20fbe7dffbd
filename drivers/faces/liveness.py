"""The challenge: she is asked to turn her head, left or right, and a head it must be that turns.

A machine in time: pictures with their times in, what is asked and the verdict out. It knows no
clock. Whatever changes its state stands in TABLE and nowhere else.

What must be true for a turn to count (face.md section 6): the nose moved far enough between the
eyes, in the direction that was asked, and the points of the face, followed from picture to picture
without a break since she looked straight ahead, moved as no flat thing could. The order is drawn by
whoever asks. What this does not stop stands in docs/biometrics.md. Heavy.
"""

import statistics
from enum import StrEnum
from typing import Final, NamedTuple

from drivers.faces.api import Turn
from drivers.faces.hints import Hint, Hints
from drivers.faces.interfaces import FoundFace, Image, Liveness
from drivers.faces.quality import turn_of
from drivers.faces.tracks import Shape, Tracks

SECOND_NS: Final = 1_000_000_000

TURN_LEAST: Final = 0.12
"""Between the outer corners of the eyes, as `turn_of` has it: 8 degrees (face.md section 6)."""

RESIDUAL_LEAST: Final = 0.02
"""A head that turns by 15 degrees leaves 0.025 (p5) to 0.04 (p50); measured on drawn people."""

RESIDUAL_PER_SLANT: Final = 0.08
"""The points drift where something flat turns away far: at 45 degrees a print leaves 0.016 (p50),
so that no residual alone tells it from a head. Per slant a head leaves 0.15, a print 0.02, one bent
by 90 degrees 0.05. Figures in docs/biometrics.md, `make campaign liveness`.
"""

STRICTER: Final = 1.5
"""What a hint at a screen multiplies both by."""

REST_RESIDUAL_MOST: Final = 0.012
REST_MOST: Final = 0.12
"""At rest a head's points leave less than this, as at 4 degrees, and the nose moves by no more than
a turn takes: the five points of one picture are worth 0.05.
"""

REST_NS: Final = SECOND_NS * 4 // 10
"""So long she looks ahead before a turn is asked for, and so that what turns by itself, a film
that runs, is not taken for an answer.
"""

TOO_SOON_NS: Final = SECOND_NS // 4
"""Nobody sees a sign, understands it and has turned her head by then."""

TURN_WITHIN_NS: Final = 4 * SECOND_NS
"""From the sign to the turn; who needs longer is asked again with another order."""

FACE_LOST_NS: Final = SECOND_NS * 7 // 10
"""A turned head is not found in each picture; its points are followed meanwhile."""

AHEAD_MOST: Final = 0.25
"""How far off the middle the nose of somebody may be who looks ahead: no face is even, and a camera
hangs at the side.
"""

BACK_MOST: Final = 0.1
"""How near to where she looked at first she must come back between two turns."""

AGREEING: Final = 2
"""Pictures after each other: one alone may be a mistake of the five points."""

KEPT_LEAST: Final = 0.6
"""Of the points from one picture to the next. A head that turns by five degrees keeps eight of ten
at least, another picture in its place few.
"""


UNDER_WAY: Final = (0.25, 0.75)
"""Of what a turn leaves: a picture between these must have shown the head under way. Another
picture of the same head, put in the place of the first to the pixel, can be followed and shows
none.
"""


class State(StrEnum):
    """Where the challenge stands."""

    WATCHING = "watching"
    ASKED = "asked"
    BACK = "back"
    PASSED = "passed"
    FAILED = "failed"


class Signal(StrEnum):
    """What a picture shows."""

    RESTED = "rested"
    TURNED = "turned"
    LAST_TURNED = "last-turned"
    OTHER_WAY = "other-way"
    TOO_SOON = "too-soon"
    TOO_LATE = "too-late"
    BROKEN = "broken"
    REPEATED = "repeated"


class Move(NamedTuple):
    """What follows; `why`: for people."""

    state: State
    why: str = ""


_STAYS_PASSED = dict.fromkeys(Signal, Move(State.PASSED))
_STAYS_FAILED = dict.fromkeys(Signal, Move(State.FAILED))
_REPEATED = Move(State.FAILED, "the same pictures came again")

TABLE: Final[dict[State, dict[Signal, Move]]] = {
    # Nothing was asked yet: whoever stands there may move, come closer, or be replaced.
    State.WATCHING: {
        **dict.fromkeys(Signal, Move(State.WATCHING)),
        Signal.RESTED: Move(State.ASKED),
        Signal.REPEATED: _REPEATED,
    },
    State.ASKED: {
        Signal.RESTED: Move(State.ASKED),
        Signal.TURNED: Move(State.BACK),
        Signal.LAST_TURNED: Move(State.PASSED),
        Signal.OTHER_WAY: Move(State.FAILED, "the head turned the other way"),
        Signal.TOO_SOON: Move(State.FAILED, "the head turned before it could know where to"),
        Signal.TOO_LATE: Move(State.FAILED, "no head was seen to turn in time"),
        Signal.BROKEN: Move(State.FAILED, "the face was lost from sight on the way"),
        Signal.REPEATED: _REPEATED,
    },
    State.BACK: {
        **dict.fromkeys(Signal, Move(State.BACK)),
        Signal.RESTED: Move(State.ASKED),
        Signal.TOO_LATE: Move(State.FAILED, "the face did not come back to look ahead"),
        Signal.BROKEN: Move(State.FAILED, "the face was lost from sight on the way"),
        Signal.REPEATED: _REPEATED,
    },
    State.PASSED: _STAYS_PASSED,
    State.FAILED: _STAYS_FAILED,
}
assert set(TABLE) == set(State), "every state has its row"
for _row in TABLE.values():
    assert set(_row) == set(Signal), "every state answers every signal"

WAITING: Final = {
    State.WATCHING: "nobody looked into the camera at rest",
    State.ASKED: "no head was seen to turn in time",
    State.BACK: "the face did not come back to look ahead",
}


ENDS: Final = {State.PASSED: Liveness.PASSED, State.FAILED: Liveness.FAILED}


class TurnChallenge:
    """One face and the turns that are asked of it, in this order: a `Challenge`.

    Not for two threads. `since_ns` says from when on the pictures show the one thing that was
    judged: whoever compares a face compares pictures of then or later.
    """

    def __init__(self, turns: tuple[Turn, ...]) -> None:
        if not turns:
            raise ValueError("a challenge asks for a turn at least")
        self._left = list(turns)
        self._state = State.WATCHING
        self._why = ""
        self._hints = Hints()
        self._tracks: Tracks | None = None
        self._rest: list[float] = []
        self._residuals: list[float] = []
        self._rested_ns = 0
        self._straight: float | None = None
        self._state_ns = 0
        self._unbroken_ns: int | None = None
        self._seen_ns = 0
        self._latest_ns = -1
        self._agreeing = 0

    @property
    def state(self) -> State:
        return self._state

    @property
    def since_ns(self) -> int | None:
        """Since when the points of this face were followed without a break; None: not at all."""
        return self._unbroken_ns

    @property
    def hints(self) -> frozenset[Hint]:
        """What hints at a screen or a film. Each only makes the challenge stricter."""
        return self._hints.seen

    @property
    def reason(self) -> str:
        """Why it failed or is not through yet, and what hints at an attack."""
        said = self._why or WAITING.get(self._state, "")
        return "; ".join(dict.fromkeys((*((said,) if said else ()), *sorted(self.hints))))

    def asks(self) -> Turn | None:
        """What she is to do now; None: look ahead."""
        return self._left[0] if self._state is State.ASKED else None

    def judge(self, image: Image, face: FoundFace | None, at_ns: int) -> Liveness:
        """Looks at the next picture. One that is no later than the last counts for nothing, and so
        does the very same picture once more, but that time runs.
        """
        if self._state not in {State.PASSED, State.FAILED} and at_ns > self._latest_ns:
            self._latest_ns = at_ns
            new = self._hints.look(image, face, at_ns)
            signal = self._signal(image, face if new else None, at_ns, new=new)
            if signal is not None:
                self._take(signal, at_ns)
            if signal is Signal.BROKEN:
                self._start(image, face, at_ns)
            elif signal is not None and face is not None:
                self._tracks = Tracks(image, face)
        return ENDS.get(self._state, Liveness.RUNNING)

    def _take(self, signal: Signal, at_ns: int) -> None:
        move = TABLE[self._state][signal]
        if signal is Signal.RESTED:
            self._straight = statistics.median(self._rest)
        if signal in {Signal.TURNED, Signal.LAST_TURNED}:
            del self._left[0]
        self._state, self._why = move.state, move.why
        self._state_ns = at_ns
        self._agreeing = 0
        self._rest, self._residuals = [], []

    def _signal(
        self, image: Image, face: FoundFace | None, at_ns: int, *, new: bool
    ) -> Signal | None:
        if Hint.REPEATED in self._hints.seen:
            return Signal.REPEATED
        if self._state is not State.WATCHING and at_ns - self._state_ns > TURN_WITHIN_NS:
            return Signal.TOO_LATE
        if face is not None:
            self._seen_ns = at_ns
        if self._tracks is None:
            return Signal.BROKEN if face is not None else None
        kept = self._tracks.follow(image) if new else 1.0
        if kept < KEPT_LEAST or at_ns - self._seen_ns > FACE_LOST_NS:
            return Signal.BROKEN
        if face is None:
            return None
        if self._state is State.ASKED:
            return self._asked(self._tracks, turn_of(face.points), at_ns)
        return self._resting(self._tracks, image, face, at_ns)

    def _asked(self, tracks: Tracks, at: float, at_ns: int) -> Signal | None:
        """A turn counts, the wrong one as well, when two pictures after each other show it."""
        moved = at - (self._straight or 0.0)
        if self._left[0] is Turn.RIGHT:
            moved = -moved
        shape = tracks.shape()
        self._residuals.append(shape.residual)
        stricter = STRICTER if self._hints.seen and moved > 0 else 1.0
        if abs(moved) < TURN_LEAST * stricter or not solid(shape, stricter):
            self._agreeing = 0
            return None
        low, high = (part * shape.residual for part in UNDER_WAY)
        self._agreeing += any(low <= before <= high for before in self._residuals)
        if self._agreeing < AGREEING:
            return None
        if moved < 0:
            return Signal.OTHER_WAY
        if at_ns - self._state_ns < TOO_SOON_NS:
            return Signal.TOO_SOON
        return Signal.TURNED if len(self._left) > 1 else Signal.LAST_TURNED

    def _resting(self, tracks: Tracks, image: Image, face: FoundFace, at_ns: int) -> Signal | None:
        self._rest.append(turn_of(face.points))
        middle = statistics.median(self._rest)
        ahead, slack = (0.0, AHEAD_MOST) if self._straight is None else (self._straight, BACK_MOST)
        over = at_ns - self._rested_ns >= REST_NS
        moves = abs(self._rest[-1] - middle) > REST_MOST
        if (
            moves
            or tracks.shape().residual > REST_RESIDUAL_MOST
            or (over and abs(middle - ahead) > slack)
        ):
            self._settle(image, face, at_ns)
        elif over:
            return Signal.RESTED
        return None

    def _start(self, image: Image, face: FoundFace | None, at_ns: int) -> None:
        """Nothing that was seen before belongs to what is seen from here on."""
        self._unbroken_ns, self._tracks, self._rest = None, None, []
        if face is not None:
            self._unbroken_ns = at_ns
            self._settle(image, face, at_ns)

    def _settle(self, image: Image, face: FoundFace, at_ns: int) -> None:
        """Waits for rest from this picture on, and follows the face anew from it: the picture
        before led to it unbroken.
        """
        self._tracks = Tracks(image, face)
        self._rest = [turn_of(face.points)]
        self._rested_ns = at_ns


def solid(shape: Shape, stricter: float = 1.0) -> bool:
    """Whether what moved so is no flat thing, nor one that is somewhat bent."""
    least = max(RESIDUAL_LEAST, RESIDUAL_PER_SLANT * shape.slant)
    return shape.residual >= least * stricter
