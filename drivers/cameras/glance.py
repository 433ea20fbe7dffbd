"""What the judge of a camera's health looks at: a frame, made small."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
"""Of the small picture, whatever the shape of the frame: it is compared with itself alone."""

GRAIN = 768
"""Single pixels that are looked at as the sensor gave them, in 24 rows of 32."""
GRAIN_ROWS = 24


class Glance(NamedTuple):
    """`view`: (HEIGHT, WIDTH) grey, averaged. `grain`: (GRAIN,) grey, each a pixel by itself.

    Averaging takes the sensor's noise away, by which a picture that repeats is known from one that
    only looks the same; so a few pixels are taken beside it, noise and all.
    """

    view: NDArray[np.uint8]
    grain: NDArray[np.uint8]


def glance(image: NDArray[np.uint8]) -> Glance:
    """Of a frame (height, width, 3), BGR, of at least 32 by 24 pixels."""
    rows = _places(image.shape[0], GRAIN_ROWS)
    columns = _places(image.shape[1], GRAIN // GRAIN_ROWS)
    grain = image[np.ix_(rows, columns)].reshape(GRAIN, 1, 3)
    small = image
    if image.shape[0] > 2 * HEIGHT and image.shape[1] > 2 * WIDTH:
        # Every third pixel of Full HD is enough, and takes a third of the time.
        size = (2 * WIDTH, 2 * HEIGHT)
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    if small.shape[:2] != (HEIGHT, WIDTH):
        larger = small.shape[0] >= HEIGHT and small.shape[1] >= WIDTH
        how = cv2.INTER_AREA if larger else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=how), np.uint8)
    view = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    grey = cv2.cvtColor(np.ascontiguousarray(grain), cv2.COLOR_BGR2GRAY)
    return Glance(np.asarray(view, np.uint8), np.asarray(grey, np.uint8).reshape(GRAIN))


def _places(length: int, count: int) -> NDArray[np.intp]:
    """Spread over the length, and not at the corners of a codec's blocks of eight."""
    return ((np.arange(count) + 0.5) * length / count).astype(np.intp)
