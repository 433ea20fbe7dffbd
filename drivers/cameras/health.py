"""Can this camera be relied on: a judge of its frames, in the camera's own process.

Time is an argument. Each fault is told within ten seconds of its beginning, and withdrawn when it
has been gone for as long; what passes by, a person, a car's headlights, a cloud, is no fault.
"""

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from drivers.cameras.api import CameraFault
from drivers.cameras.glance import Glance
from drivers.cameras.latches import Latch, Rate
from drivers.cameras.repeats import FROZEN_S, Loop, Stillness
from drivers.cameras.view import COLUMNS, ROWS, TILES, Likeness, View, edges

RATE_PER_S_MIN = 2.0
"""Below two frames a second a turn of the head (a second and a half) is not followed any more."""

SILENT_S = 5.0
"""No frame for so long is no signal."""

LOOK_S = 0.25
"""Edges are looked at so often at most: what they tell of lasts seconds."""

HOLD_S = 5.0
"""What is wrong for so long is a fault. A person close to the camera, or headlights, are there for
longer than that only where they are worth being told."""

GOOD_S = 10.0
"""A fault is over when nothing has been wrong for so long."""

LOOP_LOOK_S = 1.0
LOOP_HOLD_S = 3.0
LAG_S = 0.5
"""Whether frames repeat is asked each second, and believed after some yeses in a row that speak of
one lag, within two frames of a slow camera."""

DARK_LEVEL = 26.0
"""Where 98 of 100 pixels are below this grey level (of 255) there is nothing to recognise."""

WHITE_LEVEL = 245.0
"""Mean of a tile in which nothing but white is left."""
WHITE_LOST = 0.15
"""So much of what is known of the view being lost in white is dazzling. White by itself is none:
the sky is."""
WHITE_ALONE = 0.6
"""So much white is dazzling, whatever is known."""

FLAT_LEVEL = 1.6
"""Mean slope (levels in four pixels of 320) below which a picture shows nothing: a cloth, a hand,
paint. A white wall with one door has more."""

KEPT_MIN = 0.25
"""Of the steady tiles so many are in view, at least: somebody close to the camera hides half."""

KEPT_LEARN = 0.5
"""Only a view of which so much is there is learnt from: what hides it is not."""

SHARP_MIN = 0.62
"""Of the sharpness that is known of it a picture keeps so much, or it is blurred."""

NOISE_SHARE = 0.7
"""Noise above so much of the mean slope drowns the view."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from camera to camera."""

    rate_per_s_min: float = RATE_PER_S_MIN


class Health:
    """The judge of one camera.

    `kept`: what `kept()` gave when the process last ran, so that a camera that was turned meanwhile
    is told; ValueError where those are no such bytes. `seen`: (180, 320), where no privacy mask
    lies; None: none lies anywhere.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        kept: bytes | None = None,
        seen: NDArray[np.bool_] | None = None,
    ) -> None:
        settings = settings or Settings()
        self._seen = seen
        self._view = View(seen) if kept is None else View.from_bytes(kept, seen)
        self._rate = Rate(settings.rate_per_s_min)
        self._still, self._loop = Stillness(), Loop()
        self._latches = {fault: Latch(_hold_s(fault), GOOD_S) for fault in CameraFault}
        self._before: Glance | None = None
        self._looked_ns: int | None = None
        self._asked_ns = 0
        self._lag_s: float | None = None

    def judge(self, seen: Glance | None, at_ns: int) -> tuple[CameraFault, ...]:
        """What is wrong at this moment, in the order of definition.

        To be called with each frame, and with None about once a second where none comes. `at_ns`:
        CLOCK_MONOTONIC, never before that of the last call.
        """
        slow = self._rate.told(seen is not None, at_ns)
        silent = self._rate.silent_s(at_ns) >= SILENT_S
        self._tell(at_ns, {CameraFault.NO_SIGNAL: silent, CameraFault.SLOW: slow and not silent})
        if seen is not None:
            still_s = self._still.still_s(seen, at_ns)
            self._loop.add(seen, at_ns)
            self._look(seen, at_ns, still_s >= FROZEN_S)
        return tuple(fault for fault, latch in self._latches.items() if latch.on)

    def kept(self) -> bytes | None:
        """What is worth keeping over a restart: 3 KB, no picture; None: nothing yet."""
        return self._view.to_bytes()

    def _tell(self, at_ns: int, wrong: dict[CameraFault, bool]) -> None:
        for fault, is_wrong in wrong.items():
            self._latches[fault].tell(is_wrong, at_ns)

    def _look(self, seen: Glance, at_ns: int, frozen: bool) -> None:
        """A closer look, a few times a second."""
        before, self._before = self._before, seen
        if self._looked_ns is not None and at_ns - self._looked_ns < int(LOOK_S * 1e9):
            return
        passed_s = 0.0 if self._looked_ns is None else (at_ns - self._looked_ns) / 1e9
        self._looked_ns = at_ns
        dark = float(np.percentile(self._real(seen.view), 98)) < DARK_LEVEL
        self._tell(at_ns, {CameraFault.DARK: dark, CameraFault.FROZEN: frozen and not dark})
        if not frozen and at_ns - self._asked_ns >= int(LOOP_LOOK_S * 1e9):
            self._asked_ns = at_ns
            self._tell(at_ns, {CameraFault.LOOPED: self._looped()})
        if before is not None:
            self._look_at_view(seen, _noise(before, seen), at_ns, passed_s, dark)

    def _looped(self) -> bool:
        before_s, self._lag_s = self._lag_s, self._loop.lag_s()
        if before_s is None or self._lag_s is None:
            return False
        # By chance somebody may stand as he stood before, but not at one distance in time.
        return abs(self._lag_s - before_s) < LAG_S

    def _look_at_view(
        self, seen: Glance, noise: float, at_ns: int, passed_s: float, dark: bool
    ) -> None:
        found = edges(seen.view, noise)
        likeness = self._view.compare(found) if self._view.known else NOTHING_KNOWN
        dazzled = not dark and _dazzled(seen.view, likeness)
        flat = found.slope < FLAT_LEVEL or noise > NOISE_SHARE * found.slope
        elsewhere = likeness.kept < KEPT_MIN or likeness.shifted
        hidden = (flat or elsewhere) and not dark and not dazzled
        blurred = likeness.sharp is not None and likeness.sharp < SHARP_MIN
        self._tell(
            at_ns,
            {
                CameraFault.DAZZLED: dazzled,
                CameraFault.COVERED: hidden and flat,
                CameraFault.TURNED: hidden and not flat,
                CameraFault.BLURRED: blurred and not (hidden or dark or dazzled),
            },
        )
        wrong = hidden or dark or dazzled or blurred or likeness.kept < KEPT_LEARN
        if not (wrong or self._repeated()):
            self._view.learn(found, passed_s)

    def _repeated(self) -> bool:
        return any(self._latches[one].on for one in (CameraFault.FROZEN, CameraFault.LOOPED))

    def _real(self, view: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return view if self._seen is None else view[self._seen]


NOTHING_KNOWN = Likeness(np.zeros(TILES, np.bool_), np.zeros(TILES, np.bool_), None, False)


def _dazzled(view: NDArray[np.uint8], likeness: Likeness) -> bool:
    """Is the view, or what is known of it, lost in white."""
    levels = np.asarray(cv2.resize(view, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA))
    white = (levels >= WHITE_LEVEL).reshape(TILES)
    return float(np.mean(white)) >= WHITE_ALONE or likeness.lost(white) >= WHITE_LOST


def _noise(before: Glance, seen: Glance) -> float:
    """Standard deviation of a small picture's pixel by itself.

    Of the differences to the frame before those of neighbouring pixels are compared: light that
    came or went does not count, and what moves is not half of the picture.
    """
    apart = seen.view[::4].astype(np.int16) - before.view[::4]
    rough = np.abs(apart[:, ::4] - apart[:, 1::4])
    # 0.6745: the median of what is normally distributed, in standard deviations; four of them.
    return float(np.median(rough)) / 0.6745 / 2


def _hold_s(fault: CameraFault) -> float:
    """How long it has to be wrong. Silence, a rate and a frozen picture have lasted by then."""
    match fault:
        case CameraFault.NO_SIGNAL | CameraFault.FROZEN:
            return 0.0
        case CameraFault.SLOW | CameraFault.LOOPED:
            return LOOP_HOLD_S
        case _:
            return HOLD_S


def about_faults(faults: tuple[CameraFault, ...]) -> str:
    """For people: what is wrong, and where to look first; nothing where all is well."""
    return "; ".join(ABOUT[fault] for fault in faults)


ABOUT = {
    CameraFault.NO_SIGNAL: "no picture has come for five seconds",
    CameraFault.SLOW: "too few pictures come in a second",
    CameraFault.FROZEN: "the picture stands still, and with it the sensor's noise",
    CameraFault.LOOPED: "what comes was shown before: a recording in place of the camera",
    CameraFault.COVERED: "nothing is to be seen but what lies close to the lens, or noise",
    CameraFault.BLURRED: "the picture is less sharp than it was: the lens, its glass or its focus",
    CameraFault.TURNED: "this is not what the camera is known to look at",
    CameraFault.DARK: "too dark to recognise anything: no light, or a cap on the lens",
    CameraFault.DAZZLED: "what is to be seen is lost in white: a lamp or the sun in the lens",
}
