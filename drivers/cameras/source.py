"""What a camera's process reads pictures from, and what it takes of them.

The sides are looked at before anything of a picture is believed, in the header where there is one:
a few bytes that claim 65,535 by 65,535 pixels would be 12 GB.
"""

import math
from typing import TYPE_CHECKING, Protocol

import cv2

from drivers.frames import CHANNELS, LONG_SIDE_MAX, SHORT_SIDE_MAX, fits

if TYPE_CHECKING:
    from drivers.frames import Image

READ_S_MAX = 4.0
"""A source that has no frame for so long has none: the edge tells of it after five seconds."""

FRAMES_PER_S_MAX = 15
"""More are dropped as they come: tracks of a turning head need ten, and a camera sends 25 or 30."""

FRAME_NS_MIN = 1_000_000_000 // FRAMES_PER_S_MAX

SIDE_MIN = 48
"""Below it there is nothing to see, and nothing to judge a camera's health by."""

SIDE_MAX, PIXELS_MAX = 8192, 8192 * 4608
"""8K and its relatives (7680x4320, 8192x4320) are scaled down; what claims more is refused."""


class SourceError(Exception):
    """There are no pictures. The message is for people, without user, password or address."""


class PictureError(ValueError):
    """These bytes, or this picture, are none to be taken; the message says why."""


def due_after(due_ns: int, now_ns: int) -> int:
    """When the next frame is due, after one that was taken at `now_ns`, due since `due_ns`.

    A frame that comes a little late does not put off the one after it: of thirty in a second ten
    would be left, and not fifteen.
    """
    return max(due_ns, now_ns - FRAME_NS_MIN) + FRAME_NS_MIN if due_ns else now_ns + FRAME_NS_MIN


class Source(Protocol):
    """An open source. It is used by one thread."""

    def read(self) -> "Image":
        """Block until the next frame, at most READ_S_MAX. Raises SourceError."""

    def close(self) -> None:
        """Let go of whatever it holds; never raises."""


def check_size(width: int, height: int) -> None:
    """Raises PictureError for a size that no camera has."""
    if min(width, height) < SIDE_MIN:
        raise PictureError(f"a picture of {width}x{height} pixels is too small")
    if max(width, height) > SIDE_MAX or width * height > PIXELS_MAX:
        raise PictureError(f"a picture of {width}x{height} pixels is too large")


def fitted(image: "Image") -> "Image":
    """The frame as a memory takes it, scaled down where it has to be. Raises PictureError."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
    if image.ndim != 3 or image.shape[2] != CHANNELS:
        raise PictureError("a picture that is neither coloured nor grey")
    height, width = image.shape[:2]
    check_size(width, height)
    if fits(width, height):
        return image
    long, short = max(width, height), min(width, height)
    share = min(LONG_SIDE_MAX / long, SHORT_SIDE_MAX / short)
    size = max(1, math.floor(width * share)), max(1, math.floor(height * share))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
