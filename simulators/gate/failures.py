"""What goes wrong with a camera, put around any source of frames.

A source is a function of seconds; it gives the frame of that moment, or None where there is none.
What happens in front of the sensor (a cover, another direction, too much light) is grained anew, as
the sensor behind it still works.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum

import cv2
import numpy as np

from simulators.gate.scene import Image

Source = Callable[[float], Image | None]

GRAIN_SIGMA = 2.0
"""The sensor's noise behind a cover, in grey levels."""

LOOP_S = 6.0
"""How much of the past a loop shows again and again, unless told otherwise."""

SLOW_PER_S = 0.5
"""Frames a second where the rate is low."""


class Failure(StrEnum):
    """What `sentrypost sim camera --fail` takes."""

    COVER = "cover"
    PAINT = "paint"  # something bright over the lens instead of something dark
    BLUR = "blur"
    TURN = "turn"
    FREEZE = "freeze"
    LOOP = "loop"
    NOISE = "noise"
    DARK = "dark"
    DAZZLE = "dazzle"
    SLOW = "slow"
    SILENT = "silent"


class Failing:
    """`source` with one failure from `from_s` until `to_s`. Moments have to be asked for in order.

    `strength`: 1.0 is what is described at each; less is milder. `loop_s`: what a loop repeats.
    """

    def __init__(
        self,
        source: Source,
        failure: Failure | None,
        *,
        from_s: float = 0.0,
        to_s: float = float("inf"),
        strength: float = 1.0,
        loop_s: float = LOOP_S,
        seed: int = 0,
    ) -> None:
        self._source, self.failure = source, failure
        self._from_s, self._to_s, self._strength = from_s, to_s, strength
        self._loop_s = loop_s
        self._random = np.random.default_rng([seed, 7])
        self._past: deque[tuple[float, Image]] = deque()
        self._sent_s = float("-inf")

    def __call__(self, at_s: float) -> Image | None:
        """The frame of that moment, None where no frame comes."""
        failure = self.failure if self._from_s <= at_s < self._to_s else None
        if failure is Failure.SILENT:
            return None
        if failure is Failure.SLOW:
            if at_s < self._sent_s + 1 / SLOW_PER_S:
                return None
            self._sent_s = at_s
        if failure in {Failure.FREEZE, Failure.LOOP} and self._past:
            return self._again(failure)
        frame = self._source(at_s)
        if frame is None or failure is None:
            self.remember(at_s, frame)
            return frame
        return self._spoilt(frame, failure)

    def remember(self, at_s: float, frame: Image | None) -> None:
        """A frame from before the failure, of which a freeze or a loop is made."""
        if frame is None or self.failure not in {Failure.FREEZE, Failure.LOOP}:
            return
        self._past.append((at_s, frame))
        while self._past[0][0] <= at_s - self._loop_s:
            self._past.popleft()

    def _again(self, failure: Failure) -> Image:
        """The last frame, or the oldest of the past, which goes to the end of the row."""
        if failure is Failure.LOOP:
            self._past.rotate(-1)
        return self._past[-1][1]

    def _spoilt(self, frame: Image, failure: Failure) -> Image:
        match failure:
            case Failure.COVER:
                return self._behind(frame, level=22.0)
            case Failure.PAINT:
                return self._behind(frame, level=150.0)
            case Failure.BLUR:
                sigma = self._strength * frame.shape[1] / 130
                return self._grained(cv2.GaussianBlur(frame, (0, 0), sigma).astype(np.float32))
            case Failure.TURN:
                return self._turned(frame)
            case Failure.NOISE:
                drowned = frame * (1 - 0.85 * self._strength) + 60.0
                return self._grained(drowned.astype(np.float32), 70.0 * self._strength)
            case Failure.DARK:
                return self._grained(frame * np.float32(0.03) + 1.0)
            case Failure.DAZZLE:
                return self._dazzled(frame)
            case _:
                return frame

    def _behind(self, frame: Image, level: float) -> Image:
        """A hand, cloth or paint close to the lens: all that comes through is a glow, unsharp."""
        size = (frame.shape[1], frame.shape[0])
        spots = cv2.resize(frame, (8, 6), interpolation=cv2.INTER_AREA)
        glow = cv2.resize(spots, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
        through = 1 - 0.95 * min(self._strength, 1.0)
        return self._grained(glow * through + level * (1 - through))

    def _turned(self, frame: Image) -> Image:
        """The camera looks elsewhere: at strength 1 by a quarter of what it sees, and tilted."""
        height, width = frame.shape[:2]
        tilt = cv2.getRotationMatrix2D((width / 2, height / 2), 4.0 * self._strength, 1.0)
        tilt[:, 2] += (0.25 * self._strength * width, 0.07 * self._strength * height)
        moved = cv2.warpAffine(frame, tilt, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        return self._grained(moved.astype(np.float32), 1.0)

    def _dazzled(self, frame: Image) -> Image:
        """A lamp into the lens: a white disc, and a veil over everything else."""
        height, width = frame.shape[:2]
        across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
        far = np.hypot((across - 0.45) * width / height, down - 0.45)
        veil = 320.0 * np.exp(-((far / 0.5) ** 2)) + 60.0
        return self._grained((frame * 0.5 + veil[..., None]).astype(np.float32))

    def _grained(
        self, lit: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]", sigma: float = GRAIN_SIGMA
    ) -> Image:
        noise = self._random.standard_normal(lit.shape, np.float32) * np.float32(sigma)
        return np.asarray(np.clip(lit + noise, 0, 255), np.uint8)
