"""Drawn people and prints that do what a challenge asks, each view drawn once."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.faces.api import Turn
from drivers.faces.interfaces import FaceEngine, Image, Liveness
from drivers.faces.liveness import TurnChallenge
from simulators.people.held import Held, hold
from simulators.people.layers import Pose
from simulators.people.portrait import Lens, render, wall

FRAME = (300, 260)
FACE_PX = 120
SIDE = {Turn.LEFT: 1, Turn.RIGHT: -1}
STEP_DEG = 1.5
"""Views are drawn so far apart: half of what a head turns between two pictures."""

NOISE = 3.0

At = Callable[[float, Turn | None], Image]
"""What the camera shows at a time in seconds, while this is asked."""


@lru_cache(400)
def drawn(identity: int, step: int, size_px: int = FACE_PX) -> Image:
    """The person turned by so many steps, without a camera's noise."""
    return render(
        identity,
        Pose(step * STEP_DEG),
        size_px=size_px,
        frame=FRAME,
        lens=Lens(noise=0.0),
        seed=identity,
    )


def noisy(image: NDArray[np.uint8] | NDArray[np.float32], random: np.random.Generator) -> Image:
    """What a camera makes of it."""
    grain = random.standard_normal(image.shape, dtype=np.float32) * np.float32(NOISE)
    return np.clip(image.astype(np.float32) + grain, 0, 255).astype(np.uint8)


class Obeys:
    """Turns to where it is asked, when it has seen the sign, and back."""

    def __init__(self, most: float, seed: int, turn_s: float = 0.5) -> None:
        self.random = np.random.default_rng(seed)
        self._most, self._turn_s = most, turn_s
        self._asked: Turn | None = None
        self._since_s = self._last_s = self.now = 0.0
        self._wait_s = 0.0

    def angle(self, at_s: float, asked: Turn | None) -> float:
        """Degrees at this time."""
        if asked is not self._asked:
            self._asked, self._since_s = asked, at_s
            self._wait_s = float(self.random.uniform(0.35, 0.9))
        if at_s - self._since_s >= self._wait_s:
            goal = SIDE[asked] * self._most if asked else 0.0
            step = self._most / self._turn_s * (at_s - self._last_s)
            self.now += float(np.clip(goal - self.now, -step, step))
        self._last_s = at_s
        return self.now


class Person:
    """A live one: sways a little, and turns when asked."""

    def __init__(
        self,
        identity: int,
        seed: int = 1,
        most: float = 22,
        size_px: int = FACE_PX,
        turn_s: float = 0.5,
    ) -> None:
        self._obeys = Obeys(most, seed, turn_s)
        self._identity, self._size_px = identity, size_px

    def __call__(self, at_s: float, asked: Turn | None) -> Image:
        random = self._obeys.random
        angle = self._obeys.angle(at_s, asked) + float(random.normal(0, 0.4))
        return shown(self._identity, angle, random, 3 * float(np.sin(at_s)), self._size_px)


def shown(
    identity: int,
    angle: float,
    random: np.random.Generator,
    aside: float = 0,
    size_px: int = FACE_PX,
) -> Image:
    """The person turned by so many degrees and some pixels aside, as a camera sees it."""
    clean = drawn(identity, round(angle / STEP_DEG), size_px)
    moved = cv2.warpAffine(
        clean,
        np.array([[1.0, 0.0, aside], [0.0, 1.0, 0.0]]),
        FRAME,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return noisy(np.asarray(moved, np.uint8), random)


class Print:
    """A printed portrait, moved and tilted where a head would turn; `bend_deg` over its width."""

    def __init__(self, identity: int, most: float = 35, bend_deg: float = 0.0) -> None:
        self._obeys = Obeys(most, identity)
        self._bend_deg = bend_deg
        self._sheet = drawn(identity, 0, FACE_PX)[:, 60:-60]
        self._wall = wall(identity + 1, FRAME).astype(np.float32)

    def __call__(self, at_s: float, asked: Turn | None) -> Image:
        scene, random = self._wall.copy(), self._obeys.random
        pose = Pose(self._obeys.angle(at_s, asked), float(random.normal(0, 0.3)))
        middle = (FRAME[0] / 2 + 3 * float(np.sin(at_s)), FRAME[1] / 2)
        hold(scene, self._sheet, Held(pose, middle, self._sheet.shape[1], self._bend_deg))
        return noisy(scene, random)


class Swapped:
    """One picture, and from a time on another in its very place."""

    def __init__(self, before: Image, after: Image, at_s: float) -> None:
        self._before, self._after, self._at_s = before, after, at_s
        self._random = np.random.default_rng(3)

    def __call__(self, at_s: float, asked: Turn | None) -> Image:
        return noisy(self._before if at_s < self._at_s else self._after, self._random)


class Film:
    """A recording of the person, shown again and again, whatever is asked."""

    def __init__(self, identity: int, order: tuple[Turn, ...], late_s: float = 0.0) -> None:
        times, angles = [0.0, 0.9], [0.0, 0.0]
        for turn in order:
            side, now = SIDE[turn] * 22.0, times[-1]
            times += [now + 0.5, now + 0.9, now + 1.4, now + 2.3]
            angles += [side, side, 0.0, 0.0]
        self._times, self._angles, self._late_s = times, angles, late_s
        self._identity, self._random = identity, np.random.default_rng(7)

    def __call__(self, at_s: float, asked: Turn | None) -> Image:
        at = (at_s + self._late_s) % self._times[-1]
        angle = float(np.interp(at, self._times, self._angles))
        return shown(self._identity, angle, self._random)


class Judged(NamedTuple):
    """How a challenge ended, and when."""

    verdict: Liveness
    reason: str
    at_s: float
    asked: tuple[Turn, ...]
    challenge: TurnChallenge


def judge(
    engine: FaceEngine, show: At, turns: tuple[Turn, ...], fps: float = 12.0, most_s: float = 14.0
) -> Judged:
    """Puts what is shown to a challenge, picture by picture."""
    challenge, asked = TurnChallenge(turns), list[Turn]()
    verdict, before, number = Liveness.RUNNING, None, 0
    while verdict is Liveness.RUNNING and number < most_s * fps:
        at_s = number / fps
        asks = challenge.asks()
        if asks and asks is not before:
            asked.append(asks)
        before = asks
        image = show(at_s, asks)
        faces = engine.find(image)
        verdict = challenge.judge(image, faces[0] if faces else None, int(at_s * 1e9))
        number += 1
    return Judged(verdict, challenge.reason, number / fps, tuple(asked), challenge)
