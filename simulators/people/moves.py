"""How people move before a gate's camera: short tracks that begin and end where somebody stands.

So any of them can follow any other. `walker.py` says which one follows.
"""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from simulators.people.layers import Pose
from simulators.people.portrait import AHEAD
from simulators.people.views import HOLD_S, TURN_DEG, TURN_S


class Move(StrEnum):
    AWAY = "away"
    """Nobody is there."""
    COMES = "come"
    STANDS = "stand"
    LEFT = "turn-left"
    """To the person's own left, and back."""
    RIGHT = "turn-right"
    GOES = "go"


class Stance(NamedTuple):
    """How somebody is there: `across` in widths of the picture from where he stands, right above 0;
    `near` is the size of the face, 1 where he stands."""

    pose: Pose = AHEAD
    across: float = 0.0
    near: float = 1.0


WALK_S = 1.4
"""From out of the picture to the gate."""

STAND_S = 2.0
"""Nobody stands still: one round of swaying."""

AWAY_S = 1.0

OUT = 0.75
"""Widths of the picture: shoulders and all are out of it there."""

SWAY = Pose(2.0, 1.2, 0.8)
"""Degrees to either side."""

SECONDS = {
    Move.AWAY: AWAY_S,
    Move.COMES: WALK_S,
    Move.STANDS: STAND_S,
    Move.LEFT: 2 * TURN_S + HOLD_S,
    Move.RIGHT: 2 * TURN_S + HOLD_S,
    Move.GOES: WALK_S,
}


def frames_of(move: Move, fps: float) -> int:
    """How many frames a move has."""
    return max(1, round(SECONDS[move] * fps))


def stance(move: Move, number: int, fps: float) -> Stance | None:
    """Where somebody is in that frame of a move; None: not there."""
    if move is Move.AWAY:
        return None
    at_s = number / fps
    if move is Move.COMES:
        return _walking(1 - at_s / WALK_S, -OUT)
    if move is Move.GOES:
        return _walking(at_s / WALK_S, OUT)
    if move is Move.STANDS:
        return _swaying(at_s)
    side = TURN_DEG if move is Move.LEFT else -TURN_DEG
    times = [0, TURN_S, TURN_S + HOLD_S, 2 * TURN_S + HOLD_S]
    yaw = float(np.interp(at_s, times, [0, side, side, 0]))
    return Stance(Pose(yaw, SWAY.pitch * np.sin(np.pi * yaw / side / 2), 0.0))


def _walking(way: float, out: float) -> Stance:
    """`way`: 0 where somebody stands, 1 out of the picture."""
    step = float(np.sin(4 * np.pi * way))
    turned = float(np.clip(way * 3, 0, 1)) * 12
    return Stance(Pose(turned if out < 0 else turned * 1.5, 0, step), out * way, 1 - 0.4 * way)


def _swaying(at_s: float) -> Stance:
    round_ = 2 * np.pi * at_s / STAND_S
    yaw, pitch = SWAY.yaw * np.sin(round_), SWAY.pitch * np.sin(2 * round_)
    return Stance(Pose(float(yaw), float(pitch), float(SWAY.roll * np.sin(round_))))
