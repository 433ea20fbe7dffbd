"""What one simulated camera shows: its gate, whoever stands there, and what is wrong with it.

The gate goes on by itself. People come when they are told to, and turn when they are asked; they
are drawn in front of a plain backdrop, kept as clips, and cut out of it for every frame. The
sensor's noise comes last and is never the same twice: clips alone would be found out as a loop.
"""

import threading
from typing import NamedTuple

import cv2
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from drivers.faces.api import Turn
from simulators.gate.drawing import Picture
from simulators.gate.failures import Failing, Failure
from simulators.gate.scene import NOISE_BANK, Image, Scene
from simulators.people.clips import Clip, Clips, as_jpeg
from simulators.people.moves import Move
from simulators.people.portrait import Lens
from simulators.people.scenes import How
from simulators.people.scenes import Scene as Person
from simulators.people.walker import Walker

SIZE = (640, 480)

BACKDROP = (128, 128, 128)
BACKDROP_DIFFERS = 8
"""What is cut away: as grey as the backdrop, within what JPEG makes of it, joined to a corner."""

GRAIN_SIGMA = 2.2
"""Of the sensor, in grey levels."""

LOOP_S = 4.0
"""A loop is recorded for so long, and then shown instead of what is."""

CLEAN = Lens(blur_px=0.6, noise=0.0)


class _Actor(NamedTuple):
    """`clips`: what was drawn of it so far, by move."""

    walker: Walker
    clips: dict[Move, Clip]


class Stage:
    """`fps`: what its server shows in a second. Times are seconds and never go back.

    May be told things on one thread while another asks for frames.
    """

    def __init__(
        self,
        seed: int,
        clips: Clips,
        *,
        size: tuple[int, int] = SIZE,
        hour: float = 14.0,
        busy: float = 0.7,
        fps: float = 10.0,
    ) -> None:
        self.fps = fps
        self._size, self._clips = size, clips
        # Half as large is enough for what is far away, and out of focus.
        self._gate = Scene(seed, size=(size[0] // 2, size[1] // 2), hour=hour, busy=busy)
        self._random = np.random.default_rng([seed, 9])
        sheet = (size[1] + NOISE_BANK, size[0] + NOISE_BANK, 3)
        self._noise = self._random.standard_normal(sheet, np.float32) * np.float32(GRAIN_SIGMA)
        self._actor: _Actor | None = None
        self._failing: Failing | None = None
        self._lock = threading.Lock()

    def prepare(self, person: Person) -> None:
        """Draw whatever this person may do, which takes seconds the first time."""
        for move in Move:
            self._clip(self._dressed(person), move)

    def come(self, person: Person, now_s: float) -> None:
        """Somebody comes up to the camera; whoever stood there is gone."""
        walker = Walker(self._dressed(person), now_s)
        walker.come(now_s)
        with self._lock:
            self._actor = _Actor(walker, {})

    def turn(self, turn: Turn, now_s: float) -> None:
        """A display or voice asks whoever is there to turn."""
        with self._lock:
            if self._actor is not None:
                self._actor.walker.prompt(turn, now_s)

    def go(self, now_s: float) -> None:
        """Whoever is there walks off."""
        with self._lock:
            if self._actor is not None:
                self._actor.walker.go(now_s)

    def fail(self, failure: Failure | None, now_s: float) -> None:
        """From now on; None: the camera is whole again."""
        if failure is None:
            self._failing = None
            return
        begins_s = now_s + LOOP_S if failure is Failure.LOOP else now_s
        failing = Failing(self._whole, failure, from_s=begins_s, loop_s=LOOP_S)
        if failure is Failure.FREEZE:
            failing.remember(now_s, self._whole(now_s))
        self._failing = failing

    def frame(self, now_s: float) -> Image | None:
        """What the camera sends at that moment; None: nothing."""
        failing = self._failing
        return self._whole(now_s) if failing is None else failing(now_s)

    def jpeg(self, now_s: float) -> bytes | None:
        """The same as a JPEG picture."""
        frame = self.frame(now_s)
        return None if frame is None else as_jpeg(frame)

    def _dressed(self, person: Person) -> Person:
        return replace(person, frame=self._size, fps=self.fps, lens=CLEAN)

    def _clip(self, person: Person, move: Move) -> Clip:
        width, height = self._size
        backdrop = np.full((height, width, 3), BACKDROP, np.uint8)
        return self._clips.clip(person, move, backdrop)

    def _whole(self, now_s: float) -> Image:
        """What there is to be seen."""
        far = self._gate.before_sensor(now_s)
        lit = np.asarray(cv2.resize(far, self._size, interpolation=cv2.INTER_LINEAR), np.float32)
        with self._lock:
            actor = self._actor
            moment = None if actor is None else actor.walker.at(now_s)
        if actor is not None and moment is not None and moment[0] is not Move.AWAY:
            if moment[0] not in actor.clips:
                actor.clips[moment[0]] = self._clip(actor.walker.scene, moment[0])
            shown = actor.clips[moment[0]].frame(moment[1])
            put(lit, shown)
            if actor.walker.scene.how is How.FROZEN:
                # A frame that somebody else feeds into the line: no sensor adds anything to it.
                return shown
        return self._grained(lit)

    def _grained(self, lit: Picture) -> Image:
        down, right = self._random.integers(0, NOISE_BANK, 2)
        height, width = lit.shape[:2]
        noisy = lit + self._noise[down : down + height, right : right + width]
        return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def put(lit: Picture, shown: Image) -> None:
    """What stands before the backdrop comes into the picture."""
    cover = _cover(shown)
    box = cv2.boundingRect(cover)
    left, top, width, height = box
    if not width:
        return
    part = slice(top, top + height), slice(left, left + width)
    alpha = cv2.blur(cover[part], (3, 3)).astype(np.float32)[..., None] / 255
    lit[part] += alpha * (shown[part] - lit[part])


def _cover(shown: Image) -> NDArray[np.uint8]:
    """(height, width): 255 where there is somebody. Grey that no corner is joined to is clothes."""
    height, width = shown.shape[:2]
    filled = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
    differs = (BACKDROP_DIFFERS,) * 3
    for corner in ((0, 0), (width - 1, 0)):
        cv2.floodFill(shown, filled, corner, (0,), differs, differs, flags)
    return np.asarray(255 - filled[1:-1, 1:-1], np.uint8)
