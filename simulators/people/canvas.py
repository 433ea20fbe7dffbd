"""The flat sheet on which a face is painted before it is laid around the head.

Units: 1.0 is half the width of a face, about 70 mm. x goes right in the picture, y goes down, the
eyes lie at y = 0. Colours are BGR, 0..255, as floats.
"""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.floating]
Whole: TypeAlias = NDArray[np.int32]
Image: TypeAlias = NDArray[np.uint8]
"""(height, width, 3), BGR."""

PIXELS_PER_UNIT = 150
"""Finer than the largest face that is drawn (face.md section 4: up to 240 px wide)."""

LEFT, TOP, WIDTH, HEIGHT = -1.35, -1.9, 2.7, 3.8
SHAPE = (int(HEIGHT * PIXELS_PER_UNIT), int(WIDTH * PIXELS_PER_UNIT))
_ROWS, _COLUMNS = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
X: Floats = _COLUMNS / PIXELS_PER_UNIT + LEFT
Y: Floats = _ROWS / PIXELS_PER_UNIT + TOP
ACROSS: Floats = np.abs(X)

_SHIFT = 4
"""Points are handed to OpenCV in sixteenths of a pixel."""


def bump(x: Floats, y: Floats, wide: float, high: float) -> Floats:
    """A hill of height 1 at (0, 0)."""
    return np.asarray(np.exp(-((x / wide) ** 2) - (y / high) ** 2))


def ramp(values: Floats, start: float, over: float) -> Floats:
    """0 up to `start`, rising to 1 within `over`; a negative `over` falls."""
    return np.asarray(np.clip((values - start) / over, 0, 1))


def spread_noise(
    random: np.random.Generator, shape: tuple[int, int], cell: tuple[int, int]
) -> Floats:
    """Smooth noise of deviation about 1, its grains `cell` (height, width) in size."""
    coarse = (max(2, shape[0] // max(1, cell[0])), max(2, shape[1] // max(1, cell[1])))
    drawn = random.normal(0, 1, coarse).astype(np.float32)
    return np.asarray(
        cv2.resize(drawn, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32
    )


def fixed_point(points: ArrayLike) -> Whole:
    """Points of the sheet as OpenCV takes them, with `_SHIFT`."""
    units = np.asarray(points, np.float64)
    sixteenths = np.round((units - [LEFT, TOP]) * PIXELS_PER_UNIT * 2**_SHIFT)
    return np.asarray(sixteenths, np.int32)


def fill(sheet: Floats, outline: ArrayLike, colour: Sequence[float]) -> None:
    """Paint the inside of an outline."""
    cv2.fillPoly(sheet, [fixed_point(outline)], colour, cv2.LINE_AA, _SHIFT)


def stroke(sheet: Floats, points: ArrayLike, colour: Sequence[float], width: float) -> None:
    """Paint a line, at least one pixel wide."""
    pixels = max(1, round(width * PIXELS_PER_UNIT))
    cv2.polylines(sheet, [fixed_point(points)], False, colour, pixels, cv2.LINE_AA, _SHIFT)


def dot(sheet: Floats, centre: ArrayLike, radius: float, colour: Sequence[float]) -> None:
    """Paint a disc."""
    x, y = (int(value) for value in fixed_point(centre))
    pixels = int(radius * PIXELS_PER_UNIT * 2**_SHIFT)
    cv2.circle(sheet, (x, y), pixels, colour, -1, cv2.LINE_AA, _SHIFT)


def mask(outline: ArrayLike, soft: float) -> Floats:
    """1 inside of an outline and 0 outside, the edge blurred by `soft`."""
    inside = np.zeros(SHAPE, np.float32)
    fill(inside, outline, (1.0,))
    if not soft:
        return inside
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), soft * PIXELS_PER_UNIT), np.float32)


def columns(x: Floats, y: Floats) -> Floats:
    """Points, one to a row."""
    return np.column_stack([x, y])


def ring(upper: Floats, lower: Floats) -> Floats:
    """The outline between two lines that go the same way."""
    return np.concatenate([upper, lower[::-1]])


def laid_over(sheet: Floats, cover: Floats, colour: Floats) -> Floats:
    """The sheet with a colour (or a sheet of colours) where the cover is 1."""
    opaque = cover[..., None]
    return sheet * (1 - opaque) + opaque * colour


def darkened(sheet: Floats, share: Floats) -> Floats:
    """The sheet with that share of its light taken away."""
    return sheet * (1 - share)[..., None]
