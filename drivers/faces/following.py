"""Where to look for faces in the next frame: everywhere, where one was, or nowhere.

A whole look costs three times what a look at the place of the last one does, and an empty picture
in which nothing moved needs none. What this saves, it must not hide: a second person is only seen
by a whole look, so there is one often, and what is compared was looked at whole.
"""

from typing import NamedTuple

import cv2
import numpy as np

from drivers.faces.interfaces import Box, FaceEngine, FoundFace, Image

WHOLE_EVERY_NS = 90_000_000
"""How old the last whole look may be: nobody takes another's place in that time. Of a camera with
ten frames a second every one is looked at whole, with thirty every third.
"""

MOVED_LEAST = 6.0
"""Mean difference, in steps of brightness, of the most changed tile: a camera's noise stays below
3 when averaged over a tile, a person who comes in changes tiles by tens.
"""

TILES_ACROSS = 32
"""How finely movement is looked for: a face that counts covers several tiles."""

SAMPLED_EVERY_PX = 4
"""What matters is larger, and a tile still has a hundred pixels of a picture of 720 rows."""

MARGIN = 0.5
"""How far around the last place a face is sought, in its width: at ten frames a second a face that
moves by its own width per frame is running.
"""


class Look(NamedTuple):
    """What one frame showed.

    `fresh`: another picture than the one before; a repeated one is no evidence of anything.
    `whole`: everywhere was looked, so that `faces` are all there are.
    """

    faces: tuple[FoundFace, ...]
    fresh: bool
    whole: bool


class Follower:
    """Follows the faces in one stream of frames, with whatever engine it is given."""

    def __init__(self) -> None:
        self._faces: tuple[FoundFace, ...] = ()
        self._image: Image | None = None
        self._tiles: Image | None = None
        self._seen_tiles: Image | None = None
        self._whole_at_ns: int | None = None

    def look(self, engine: FaceEngine, image: Image, at_ns: int) -> Look:
        """The faces in the next frame; `at_ns` is its time."""
        tiles = _tiles(image)
        if self._same(image, tiles):
            return Look(self._faces, fresh=False, whole=False)
        self._image, self._tiles = image, tiles
        recent = self._whole_at_ns is not None and at_ns - self._whole_at_ns < WHOLE_EVERY_NS
        if recent and not self._faces:
            return Look((), fresh=False, whole=False)
        if recent and len(self._faces) == 1:
            here = engine.find(image, _around(self._faces[0].box))
            if len(here) == 1:
                self._faces = here
                return Look(here, fresh=True, whole=False)
        self._whole_at_ns = at_ns
        if self._faces or self._seen_tiles is None or _moved(self._seen_tiles, tiles):
            self._faces = engine.find(image)
            self._seen_tiles = tiles
        return Look(self._faces, fresh=True, whole=True)

    def _same(self, image: Image, tiles: Image) -> bool:
        """Whether this is the picture of last time once more, to the last bit."""
        if self._image is None or self._tiles is None:
            return False
        return np.array_equal(tiles, self._tiles) and np.array_equal(image, self._image)


def _tiles(image: Image) -> Image:
    """The picture's brightness in few tiles, from every fourth pixel of every fourth row."""
    few = np.ascontiguousarray(image[::SAMPLED_EVERY_PX, ::SAMPLED_EVERY_PX])
    height, width = few.shape[:2]
    across = min(TILES_ACROSS, width)
    down = max(1, min(height, across * height // width))
    small = cv2.resize(few, (across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _moved(before: Image, now: Image) -> bool:
    """Whether a tile is another than when the whole picture was last looked at."""
    if before.shape != now.shape:
        return True
    return bool(cv2.absdiff(before, now).max() >= MOVED_LEAST)


def _around(box: Box) -> Box:
    """The box with room to move."""
    room = round(box.width * MARGIN)
    return Box(box.left - room, box.top - room, box.right + room, box.bottom + room)
