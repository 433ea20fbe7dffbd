"""What a camera is known to look at: learnt slowly, kept small, and compared tile by tile.

The picture is cut into 48 tiles. Of each the edges are taken, with their direction: those of a
building stay where they are in any light. They are multiplied with 64 fixed random patterns, and of
all that only the mean over time is kept: 64 numbers for a tile of 600 values, of which nobody draws
the picture again. Whoever walks by is not in the mean; what moves all the time, as leaves and
clouds do, gives a tile without weight.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.cameras.glance import HEIGHT, WIDTH
from drivers.cameras.shift import Shift

ROWS, COLUMNS = 6, 8
TILES = ROWS * COLUMNS
PATTERNS = 64
SCHEME = b"view1"
"""At the head of kept bytes; another way to compute them gets another word."""

EDGE_SIGMA = 2.0
"""Edges are taken from a picture blurred by so many pixels of 320: a pole that sways by one pixel
changes little, a camera that was turned by a fiftieth of its width a lot."""

STEADY = 0.5
"""How long a tile's mean arrow is, at least, where its edges are the same all the time (1.0)."""

ALIKE = 0.4
"""Cosine between a tile's edges and the known ones; of unrelated ones 0 +- 0.125 (64 patterns)."""

STEADY_TILES_MIN = 6
"""Below so many steady tiles a view says nothing: a white wall looks like any other."""

LEARNT_S = 10.0
"""Until a new view counts as known."""

MEMORY_S = 240.0
"""How slowly a known view is learnt anew: shadows wander, lamps are lit, snow falls."""

FINE_FLOOR = 0.3
"""Edges below so many levels a pixel are no edges: nothing is said of how sharp they are."""


class Edges(NamedTuple):
    """Of one moment. `codes`: (TILES, PATTERNS), each of length one. `sharp`: (TILES,): how much of
    the edges is fine, nan where there are none. `slope`: of the whole, levels in two pixels.
    `field`: (90, 160, 2), the edges themselves."""

    codes: NDArray[np.float32]
    sharp: NDArray[np.float32]
    slope: float
    field: NDArray[np.float32]


class Likeness(NamedTuple):
    """`steady`, `alike`: (TILES,), where something is known, and where it is seen. `sharp`: how
    sharp that is beside what it is known to be, 1.0 the same; None where it cannot be told.
    `shifted`: the whole fits better elsewhere in the picture."""

    steady: NDArray[np.bool_]
    alike: NDArray[np.bool_]
    sharp: float | None
    shifted: bool

    @property
    def kept(self) -> float:
        """The share of what is known that is seen; all of nothing."""
        steady = int(self.steady.sum())
        return float(self.alike.sum() / steady) if steady else 1.0

    def lost(self, where: NDArray[np.bool_]) -> float:
        """The share of what is known that is not seen, and lies where `where` says (TILES,)."""
        return float((self.steady & ~self.alike & where).sum() / max(1, self.steady.sum()))


def _patterns() -> NDArray[np.float32]:
    # Fixed for ever: kept views were made with them.
    size = (HEIGHT // 2 // ROWS) * (WIDTH // 2 // COLUMNS) * 2
    return np.random.default_rng(20261122).standard_normal((size, PATTERNS)).astype(np.float32)


_PATTERNS = _patterns()


def edges(view: NDArray[np.uint8], noise: float) -> Edges:
    """Of a small picture. `noise`: its grain, in levels (standard deviation of a pixel)."""
    blurred = cv2.GaussianBlur(view.astype(np.float32), (0, 0), EDGE_SIGMA)
    coarse = np.asarray(blurred[::2, ::2], np.float32)
    right, down = _slopes(coarse)
    strength = cv2.magnitude(right, down)
    # The square root lets a lamp's rim weigh no more than ten plain edges do.
    softened = cv2.sqrt(strength + 0.5)
    field = cv2.merge((cv2.divide(right, softened), cv2.divide(down, softened)))
    tiles = field.reshape(ROWS, HEIGHT // 2 // ROWS, COLUMNS, WIDTH // 2 // COLUMNS, 2)
    codes = tiles.transpose(0, 2, 1, 3, 4).reshape(TILES, -1) @ _PATTERNS
    codes /= np.linalg.norm(codes, axis=1, keepdims=True) + 1e-6
    # A slope is the difference of two pixels, in each of two directions: four times the noise.
    fine = _energy(*_slopes(view)) - 4 * noise**2
    rough = _energy(right, down)
    told = (rough > FINE_FLOOR**2) & (fine > 0)
    sharp = np.full(TILES, np.nan, np.float32)
    sharp[told] = np.sqrt(fine[told] / rough[told])
    slope = float(strength.mean())
    return Edges(codes.astype(np.float32), sharp, slope, np.asarray(field, np.float32))


def _slopes(
    grey: NDArray[np.float32] | NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Differences between the pixels on both sides, twice the slope: to the right, and down."""
    right = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)
    return np.asarray(right, np.float32), np.asarray(down, np.float32)


def _energy(right: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean square of the slopes in each tile."""
    square = cv2.multiply(right, right) + cv2.multiply(down, down)
    tiles = cv2.resize(square, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(tiles, np.float32).reshape(TILES)


class View:
    """The known view; nothing is known at first.

    `seen`: (HEIGHT, WIDTH), where the picture is the camera's own. Tiles that a privacy mask
    touches are left out: its rim stays whatever the camera does.
    """

    def __init__(self, seen: NDArray[np.bool_] | None = None) -> None:
        whole = np.ones(TILES, np.bool_)
        if seen is not None:
            tiles = seen.reshape(ROWS, HEIGHT // ROWS, COLUMNS, WIDTH // COLUMNS)
            whole = tiles.all((1, 3)).reshape(TILES)
        self._whole = whole
        self._shift = Shift(seen)
        self._codes = np.zeros((TILES, PATTERNS), np.float32)
        self._sharp = np.full(TILES, np.nan, np.float32)
        self._known_s = 0.0

    @property
    def known(self) -> bool:
        """Has it been looked at for long enough, and is there something to know it by."""
        return self._known_s >= LEARNT_S and int(self._steady().sum()) >= STEADY_TILES_MIN

    def learn(self, seen: Edges, passed_s: float) -> None:
        """A moment, `passed_s` after the one before, in which nothing was wrong."""
        self._known_s += passed_s
        share = min(1.0, passed_s / min(self._known_s, MEMORY_S)) if passed_s else 1.0
        self._codes += share * (seen.codes - self._codes)
        self._shift.learn(seen.field, passed_s)
        told = ~np.isnan(seen.sharp)
        fresh = told & np.isnan(self._sharp)
        self._sharp[fresh] = seen.sharp[fresh]
        self._sharp[told] += share * (seen.sharp - self._sharp)[told]

    def compare(self, seen: Edges) -> Likeness:
        """How far a moment is what is known; all that is `known` first."""
        steady = self._steady()
        known = self._codes / (np.linalg.norm(self._codes, axis=1, keepdims=True) + 1e-6)
        alike = steady & (np.sum(known * seen.codes, axis=1) >= ALIKE)
        ratios = (seen.sharp / self._sharp)[alike]
        told = ratios[~np.isnan(ratios)]
        sharp = float(np.median(told)) if len(told) >= STEADY_TILES_MIN else None
        return Likeness(steady, alike, sharp, self._shift.found(seen.field))

    def _steady(self) -> NDArray[np.bool_]:
        return np.asarray(self._whole & (np.linalg.norm(self._codes, axis=1) >= STEADY))

    def to_bytes(self) -> bytes | None:
        """What is kept of it, 3 KB; None as long as nothing is known."""
        if not self.known:
            return None
        codes = np.clip(np.round(self._codes * 127), -127, 127).astype(np.int8)
        sharp = np.nan_to_num(self._sharp, nan=-1.0).astype("<f4")
        return SCHEME + codes.tobytes() + sharp.tobytes()

    @classmethod
    def from_bytes(cls, kept: bytes, seen: NDArray[np.bool_] | None = None) -> "View":
        """Raises ValueError for anything that `to_bytes` did not write."""
        codes_end = len(SCHEME) + TILES * PATTERNS
        if not kept.startswith(SCHEME) or len(kept) != codes_end + 4 * TILES:
            raise ValueError("this is no view that a camera is known by")
        view = cls(seen)
        whole = np.frombuffer(kept[len(SCHEME) : codes_end], np.int8)
        sharp = np.frombuffer(kept[codes_end:], "<f4").astype(np.float32)
        view._codes = whole.reshape(TILES, PATTERNS).astype(np.float32) / np.float32(127)
        sharp[sharp <= 0] = np.nan
        view._sharp = sharp
        view._known_s = MEMORY_S
        return view
