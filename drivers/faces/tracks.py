"""Points on a face, followed from picture to picture: unbroken or not, and flat or not.

Whatever is flat, a print or a screen, moves by a homography: all its points at once fit one,
however it is turned. A head's nose, cheeks and brow do not (face.md section 6). Heavy.
"""

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.faces.interfaces import FoundFace, Image
from drivers.faces.quality import eyes_px

Grey = NDArray[np.uint8]
Places = NDArray[np.float32]
"""(n, 2), x and y in pixels."""

EYES_PX: Final = 56.0
"""Between the outer corners of the eyes once a picture was scaled: a face of some 130 pixels, at
which face.md section 6 measured. What is smaller stays as it is.
"""

ROOM: Final = 1.2
"""Of the face's width, on each side of it: how far a head may move while it is followed."""

POINTS_MOST: Final = 120
POINTS_LEAST: Final = 15
"""Fewer points than this say nothing of a shape (face.md section 6)."""

CORNER_QUALITY: Final = 0.005
CORNER_APART_PX: Final = 4
WINDOW_PX: Final = 17
LEVELS: Final = 3
"""As measured in face.md section 6; three levels follow what moves by up to some 60 pixels."""

BACK_PX_MOST: Final = 1.0
"""A point that is followed to the next picture and back ends where it began, or was lost."""

RESIDUAL_PERCENTILE: Final = 75.0


class Shape(NamedTuple):
    """`residual`: how far the points are from any flat thing that moved: the 75th percentile of
    what the best homography leaves, as a part of the distance between the eyes.

    `slant`: how far what they are on has turned away, however it was rolled, tipped, moved or
    brought nearer: the sine of the angle by which something flat would look so narrow.
    """

    residual: float
    slant: float


class Tracks:
    """Points of one face, from the picture in which it was found on.

    Keeps one grey picture of the face and its surroundings, scaled to a set size.
    """

    def __init__(self, image: Image, face: FoundFace) -> None:
        width = face.box.width
        room = int(ROOM * width)
        self._top, self._bottom = _within(face.box.top, face.box.bottom, room, image.shape[0])
        self._left, self._right = _within(face.box.left, face.box.right, room, image.shape[1])
        self._scale = min(1.0, EYES_PX / max(1.0, eyes_px(face.points)))
        self._eyes_px = max(1.0, eyes_px(face.points) * self._scale)
        self._last = self._grey(image)
        self._began: Places = _corners(self._last, self._masked(face))
        self._now: Places = self._began.copy()

    @property
    def count(self) -> int:
        """How many points were followed without a break from the first picture to the latest."""
        return len(self._now)

    def follow(self, image: Image) -> float:
        """Goes on to the next picture; says what share of the points was found again, 0 to 1."""
        grey, before = self._grey(image), self._last
        self._last = grey
        if not len(self._now):
            return 0.0
        found = _followed(before, grey, self._now)
        back = _followed(grey, before, found)
        same = np.abs(back - self._now).max(axis=1) < BACK_PX_MOST
        inside = (found >= 0).all(axis=1) & (found < (grey.shape[1], grey.shape[0])).all(axis=1)
        kept = same & inside
        self._began, self._now = self._began[kept], found[kept]
        return float(kept.mean())

    def shape(self) -> Shape:
        """What the points say of the thing that they are on; nothing with too few of them."""
        if self.count < POINTS_LEAST:
            return Shape(0.0, 0.0)
        residual = _unlike_flat(self._began, self._now) / self._eyes_px
        affine, _ = cv2.estimateAffine2D(self._began, self._now, method=cv2.LMEDS)
        if np.shape(affine) != (2, 3):  # None without a fit
            return Shape(0.0, 0.0)
        long, short = np.linalg.svd(affine[:, :2], compute_uv=False)
        return Shape(residual, math.sqrt(max(0.0, 1 - float(short / long) ** 2)))

    def _grey(self, image: Image) -> Grey:
        part = image[self._top : self._bottom, self._left : self._right]
        grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        if self._scale < 1:
            size = (max(1, round(grey.shape[1] * self._scale)), 0)
            size = (size[0], max(1, round(grey.shape[0] * self._scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        return np.asarray(grey, np.uint8)

    def _masked(self, face: FoundFace) -> Grey:
        """The inside of the face: at its edge points slide along what stands behind it."""
        mask: Grey = np.zeros_like(self._last)
        box, width, scale = face.box, face.box.width, self._scale
        top = int((box.top + width / 10 - self._top) * scale)
        bottom = int((box.bottom - width / 12 - self._top) * scale)
        left = int((box.left + width / 8 - self._left) * scale)
        right = int((box.right - width / 8 - self._left) * scale)
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 255
        return mask


def _within(low: int, high: int, room: int, size: int) -> tuple[int, int]:
    return max(0, min(low - room, size - 1)), max(1, min(high + room, size))


def _corners(grey: Grey, mask: Grey) -> Places:
    found = cv2.goodFeaturesToTrack(grey, POINTS_MOST, CORNER_QUALITY, CORNER_APART_PX, mask=mask)
    if np.size(found) < 2:  # None without a corner
        return np.zeros((0, 2), np.float32)
    return np.asarray(found, np.float32).reshape(-1, 2)


def _unlike_flat(before: Places, after: Places) -> float:
    """Pixels by which the points miss the best homography; 0 with too few of them."""
    if len(before) < POINTS_LEAST:
        return 0.0
    homography, _ = cv2.findHomography(before, after, cv2.LMEDS)
    if np.shape(homography) != (3, 3):  # None without a fit
        return 0.0
    flat = cv2.perspectiveTransform(before[None], homography)[0]
    missed = float(np.percentile(np.linalg.norm(flat - after, axis=1), RESIDUAL_PERCENTILE))
    return missed if math.isfinite(missed) else 0.0


def _followed(before: Grey, after: Grey, places: Places) -> Places:
    """Where the points of one picture are in the other; far outside where they were lost."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        places[:, None],
        np.empty((0, 0), np.float32),
        winSize=(WINDOW_PX, WINDOW_PX),
        maxLevel=LEVELS,
    )
    result = np.asarray(found, np.float32).reshape(-1, 2).copy()
    result[np.asarray(status).reshape(-1) == 0] = -1e4
    return result
