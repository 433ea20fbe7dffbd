"""Somebody who comes up to a camera, stands, turns when asked, and goes: a state machine in time.

It says which frame of which move is to be seen; `clips.py` has the pictures.
"""

from collections import deque
from enum import Enum, auto

from drivers.faces.api import Turn
from simulators.people.moves import Move
from simulators.people.scenes import How, Scene, length


class Wish(Enum):
    """What somebody is about to do."""

    COME = auto()
    TURN_LEFT = auto()
    TURN_RIGHT = auto()
    GO = auto()


REACTION_S = 0.4
"""From a prompt to the first movement, where somebody stands and waits for it."""

WISHES_MAX = 8
"""More than anybody remembers; further ones are not heard."""

_TURNS = {Turn.LEFT: Wish.TURN_LEFT, Turn.RIGHT: Wish.TURN_RIGHT}

AFTER = {
    Move.AWAY: Move.AWAY,
    Move.COMES: Move.STANDS,
    Move.STANDS: Move.STANDS,
    Move.LEFT: Move.STANDS,
    Move.RIGHT: Move.STANDS,
    Move.GOES: Move.AWAY,
}
"""What follows when a move is over and nothing is wished for."""

ON = {
    (Move.AWAY, Wish.COME): Move.COMES,
    (Move.AWAY, Wish.TURN_LEFT): Move.AWAY,
    (Move.AWAY, Wish.TURN_RIGHT): Move.AWAY,
    (Move.AWAY, Wish.GO): Move.AWAY,
    (Move.STANDS, Wish.COME): Move.STANDS,
    (Move.STANDS, Wish.TURN_LEFT): Move.LEFT,
    (Move.STANDS, Wish.TURN_RIGHT): Move.RIGHT,
    (Move.STANDS, Wish.GO): Move.GOES,
}
"""What a wish leads to. All other moves are finished first."""

_RESTS = (Move.AWAY, Move.STANDS)
assert AFTER.keys() == set(Move)
assert ON.keys() == {(move, wish) for move in _RESTS for wish in Wish}


class Walker:
    """Times are seconds of whatever clock drives it, and never go back.

    A photo obeys as its holder tilts it. A telephone and a frozen frame obey nobody: they come, are
    there, and go.
    """

    def __init__(self, scene: Scene, now_s: float = 0.0) -> None:
        self.scene = scene
        self._move, self._since_s = Move.AWAY, now_s
        self._wishes: deque[tuple[float, Wish]] = deque()

    @property
    def move(self) -> Move:
        """What was to be seen last."""
        return self._move

    def come(self, now_s: float) -> None:
        """Up to the camera, from out of the picture."""
        self._wish(now_s, Wish.COME)

    def prompt(self, turn: Turn, now_s: float) -> None:
        """Asked to turn; done a moment later, one turn after the other."""
        if self.scene.how in {How.LIVE, How.PHOTO}:
            self._wish(now_s + REACTION_S, _TURNS[turn])

    def go(self, now_s: float) -> None:
        """Out of the picture, when all that was asked is done."""
        self._wish(now_s, Wish.GO)

    def at(self, now_s: float) -> tuple[Move, int]:
        """Which move is to be seen, and which of its frames."""
        while self._advance(now_s):
            pass
        frames = int((now_s - self._since_s) * self.scene.fps + 1e-6)
        return self._move, min(frames, length(self.scene, self._move) - 1)

    def _wish(self, at_s: float, wish: Wish) -> None:
        if len(self._wishes) < WISHES_MAX:
            self._wishes.append((at_s, wish))

    def _advance(self, now_s: float) -> bool:
        """One step, of a wish or of a move that is over; whether there was one."""
        over_s = self._since_s + length(self.scene, self._move) / self.scene.fps
        if self._move in _RESTS and self._wishes:
            at_s, wish = self._wishes[0]
            at_s = max(at_s, self._since_s)
            if at_s <= min(now_s, over_s):
                self._wishes.popleft()
                after = ON[self._move, wish]
                if after is not self._move:
                    self._move, self._since_s = after, at_s
                return True
        if now_s < over_s:
            return False
        self._move, self._since_s = AFTER[self._move], over_s
        return True
