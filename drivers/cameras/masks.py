"""Privacy masks: what a camera must not see is black before anything else is done with a frame."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivers.cameras.api import Masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivers.frames import Image

BLACK = (0, 0, 0)

EDGE_PIXELS = 3
"""A line along the border of a mask: scaling down has mixed a pixel there with its neighbours."""


class Mask:
    """The masks of one camera, for frames of any size."""

    def __init__(self, polygons: Masks) -> None:
        self._polygons = polygons
        self._size: tuple[int, int] = (0, 0)
        self._corners: list[NDArray[np.int32]] = []

    def blacken(self, image: "Image") -> None:
        """Fill every polygon, in place."""
        if not self._polygons:
            return
        height, width = image.shape[:2]
        if (width, height) != self._size:
            self._size = width, height
            self._corners = [_corners(one, width, height) for one in self._polygons]
        for corners in self._corners:
            cv2.fillPoly(image, [corners], BLACK)
            cv2.polylines(image, [corners], isClosed=True, color=BLACK, thickness=EDGE_PIXELS)

    def seen(self, width: int, height: int) -> "NDArray[np.bool_]":
        """(height, width): where no mask lies in a picture of this size."""
        view = np.full((height, width, 3), 255, np.uint8)
        self.blacken(view)
        return view[:, :, 0] > 0


def _corners(
    polygon: tuple[tuple[float, ...], ...], width: int, height: int
) -> "NDArray[np.int32]":
    scaled = np.array(polygon) * (width - 1, height - 1)
    return np.rint(scaled).astype(np.int32)
