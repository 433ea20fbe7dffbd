"""Many pictures of one person: as somebody stands at a gate, and as somebody turns when asked."""

from collections.abc import Iterator, Sequence

import numpy as np

from drivers.faces.api import Turn
from simulators.people.canvas import Image
from simulators.people.layers import Light, Pose
from simulators.people.paint import Expression
from simulators.people.portrait import FACE_PX, FRAME, ROOM, Lens, render, wall

TURN_DEG = 22.0
"""Far enough for the turn to be seen, near enough to be found on the way (face.md section 4: 96 to
100 % up to 20 degrees, 92 to 96 % at 25 to 30)."""

TURN_S = 0.7
"""From straight ahead to the side, and back."""

HOLD_S = 0.4
"""How long somebody looks to the side, and straight ahead before and after."""


def views(
    identity: int,
    count: int,
    *,
    seed: int = 0,
    strength: float = 1.0,
    frame: tuple[int, int] = FRAME,
) -> Iterator[Image]:
    """So many pictures as a gate's camera would see the person.

    Slightly turned, lit from somewhere, near or far. `strength` scales poses and the lamp's place;
    0 looks straight ahead.
    """
    random = np.random.default_rng((identity, seed))
    for number in range(count):
        pose = Pose(*(float(random.normal(0, spread)) * strength for spread in (8, 5, 3)))
        lamp = (float(random.normal(0, 0.5)) * strength, float(random.uniform(-0.8, 0)), 0.8)
        light = Light(lamp, float(random.uniform(0.35, 0.6)), float(random.uniform(0.8, 1.15)))
        smile = Expression(smile=float(random.choice([0, 0, 0.5])))
        lens = Lens(noise=float(random.uniform(1, 6)), blur_px=float(random.uniform(0.4, 1.1)))
        yield render(
            identity,
            pose,
            light,
            int(random.uniform(120, 210)),
            frame=frame,
            expression=smile,
            lens=lens,
            seed=seed * 1000 + number,
        )


def turning(
    identity: int,
    order: Sequence[Turn],
    fps: float,
    *,
    size_px: float = FACE_PX,
    light: Light = ROOM,
    frame: tuple[int, int] = FRAME,
    seed: int = 0,
) -> Iterator[Image]:
    """The frames of somebody who looks ahead and turns as asked, to the person's own side.

    So `LEFT` goes to the right in the picture. The wall behind stays the same.
    """
    behind = wall(seed, frame)
    for number, yaw in enumerate(yaws(order, fps)):
        yield render(
            identity,
            Pose(yaw, 1.5 * float(np.sin(number / 7)), 0.8 * float(np.sin(number / 11))),
            light,
            size_px,
            frame=frame,
            background=behind,
            seed=seed * 1000 + number,
        )


def yaws(order: Sequence[Turn], fps: float) -> list[float]:
    """The angle in each frame of a person who turns as asked, degrees, above 0 to the own left."""
    keys = [(0.0, 0.0), (HOLD_S, 0.0)]
    for turn in order:
        side = _SIDES[turn] * TURN_DEG
        now = keys[-1][0]
        keys += [
            (now + TURN_S, side),
            (now + TURN_S + HOLD_S, side),
            (now + 2 * TURN_S + HOLD_S, 0.0),
            (now + 2 * TURN_S + 2 * HOLD_S, 0.0),
        ]
    times = np.arange(0, keys[-1][0], 1 / fps)
    at, angle = zip(*keys, strict=True)
    return [float(each) for each in np.interp(times, at, angle)]


_SIDES = {Turn.LEFT: 1, Turn.RIGHT: -1}
