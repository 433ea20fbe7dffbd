"""What hints at a film or a screen in front of the camera: each makes the challenge stricter only.

None of it proves anything. What was measured, on drawn people alone, stands in docs/biometrics.md.
Heavy.
"""

import hashlib
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.faces.interfaces import Box, FoundFace, Image

FROZEN_NS: Final = 1_000_000_000
"""A camera's own noise makes each picture another one. A stream may bring a picture twice where it
is slow, and not for a second.
"""

REMEMBERED_MOST: Final = 900
"""Pictures: half a minute at thirty a second, longer than any challenge lasts."""

REPEATED_LEAST: Final = 3
"""Pictures that were there before, before it counts as a film that goes round."""

PATTERN_SIDE_PX: Final = 128
PATTERN_LOWEST: Final = 0.12
"""Cycles a pixel: no face has a pattern above it, and the stripes of a screen do (face.md section
6).
"""

RING: Final = 0.025
JPEG_BLOCKS: Final = 1 / 8
"""Cycles a pixel: what is compared with each other, and where JPEG leaves peaks of its own."""

PATTERN_PEAK: Final = 15.0
"""Times the median of what is as far out: drawn faces stay below 7, saved as JPEG as well; the
stripes of a screen that was drawn have 32 and more while the camera blurs by 0.9 pixels at most.
"""

PATTERN_LEAST: Final = 3
"""Pictures that show it."""


class Hint(StrEnum):
    """In words, since they stand in what people read."""

    FROZEN = "the picture stood still"
    REPEATED = "the same pictures came again"
    SCREEN = "a pattern as of a screen was seen"


class Hints:
    """What one challenge has seen so far."""

    def __init__(self) -> None:
        self._seen: set[Hint] = set()
        self._digests: dict[bytes, None] = {}
        self._last = b""
        self._changed_ns = 0
        self._repeated = 0
        self._patterned = 0

    @property
    def seen(self) -> frozenset[Hint]:
        return frozenset(self._seen)

    def look(self, image: Image, face: FoundFace | None, at_ns: int) -> bool:
        """Whether this picture is another one than the last."""
        digest = hashlib.blake2b(image[::3, ::3].tobytes(), digest_size=16).digest()
        if digest == self._last:
            if at_ns - self._changed_ns > FROZEN_NS:
                self._seen.add(Hint.FROZEN)
            return False
        self._repeated += digest in self._digests
        if self._repeated >= REPEATED_LEAST:
            self._seen.add(Hint.REPEATED)
        self._last, self._changed_ns = digest, at_ns
        self._digests[digest] = None
        if len(self._digests) > REMEMBERED_MOST:
            del self._digests[next(iter(self._digests))]
        if face is not None and Hint.SCREEN not in self._seen:
            self._patterned += pattern(image, face.box) >= PATTERN_PEAK
            if self._patterned >= PATTERN_LEAST:
                self._seen.add(Hint.SCREEN)
        return True


def pattern(image: Image, box: Box) -> float:
    """How much the strongest regular pattern in the face stands out: a peak of its spectrum beyond
    PATTERN_LOWEST, in medians of what is as far out. Peaks of the blocks of eight pixels that JPEG
    leaves do not count. 0 where the face is too small to say.
    """
    centre_x, centre_y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    half = PATTERN_SIDE_PX // 2
    left, top = centre_x - half, centre_y - half
    part = image[max(0, top) : top + PATTERN_SIDE_PX, max(0, left) : left + PATTERN_SIDE_PX]
    if part.shape[:2] != (PATTERN_SIDE_PX, PATTERN_SIDE_PX) or box.width < PATTERN_SIDE_PX // 2:
        return 0.0
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY).astype(np.float32)
    spectrum = np.abs(np.fft.rfft2((grey - grey.mean()) * _WINDOW))
    around = [spectrum[ring] for ring in _RINGS]
    return max(float(each.max() / (np.median(each) + 1e-6)) for each in around)


def _rings() -> tuple[NDArray[np.bool_], ...]:
    """The places of the spectrum that count, those as far out together."""
    down = np.fft.fftfreq(PATTERN_SIDE_PX)[:, None]
    across = np.fft.rfftfreq(PATTERN_SIDE_PX)[None]
    out = np.hypot(down, across)
    off_down = np.abs(down - np.round(down / JPEG_BLOCKS) * JPEG_BLOCKS)
    off_across = np.abs(across - np.round(across / JPEG_BLOCKS) * JPEG_BLOCKS)
    near = 1.5 / PATTERN_SIDE_PX
    counted = (out >= PATTERN_LOWEST) & (out < 0.5) & ~((off_down < near) & (off_across < near))
    steps = np.arange(PATTERN_LOWEST, 0.5, RING)
    rings = (counted & (out >= low) & (out < low + RING) for low in steps)
    return tuple(ring for ring in rings if ring.any())


_HANN = np.hanning(PATTERN_SIDE_PX).astype(np.float32)
_WINDOW = np.outer(_HANN, _HANN)
_RINGS = _rings()
