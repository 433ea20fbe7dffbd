"""JPEG pictures as cameras send them: judged by their header, then decoded (ITU-T T.81)."""

import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivers.cameras.api import PICTURE_BYTES_MAX
from drivers.cameras.source import PictureError, check_size, fitted
from drivers.frames import LONG_SIDE_MAX, SHORT_SIDE_MAX

if TYPE_CHECKING:
    from drivers.frames import Image

QUALITY = 85
"""Of what is kept and shown: a face of 100 pixels shows no blocks."""

START, END = b"\xff\xd8", b"\xff\xd9"
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive with Huffman codes (table B.1): all that cameras send."""
_NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
"""Among the markers of frames, those that are none (tables, reserved, arithmetic)."""
_SCAN = 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""

_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
"""A large picture is decoded at a part of its size, which costs a part of the time."""


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height by its header. Raises PictureError for what is no whole JPEG."""
    if not jpeg.startswith(START):
        raise PictureError("it is no JPEG")
    if END not in jpeg[-64:]:  # some cameras fill up behind it
        raise PictureError("a JPEG that is cut off")
    at = len(START)
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker == _SCAN:
            break
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            return _frame_size(jpeg, at, marker)
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    raise PictureError("a JPEG without a size")


def _frame_size(jpeg: bytes, at: int, marker: int) -> tuple[int, int]:
    if marker not in _FRAMES:
        raise PictureError("a JPEG of a kind that cameras do not send")
    try:
        height, width = struct.unpack_from(">HH", jpeg, at + 5)
    except struct.error:
        raise PictureError("a JPEG that is cut off") from None
    return width, height


def decoded(jpeg: bytes) -> "Image":
    """The frame, scaled down where it has to be. Raises PictureError."""
    if len(jpeg) > PICTURE_BYTES_MAX * 4:  # 8K, before it is scaled down
        raise PictureError("a JPEG of too many bytes")
    width, height = size_of(jpeg)
    check_size(width, height)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), _flags(width, height))
    if image is None:
        raise PictureError("a JPEG that cannot be decoded")
    return fitted(image)  # type: ignore[arg-type]


def _flags(width: int, height: int) -> int:
    long, short = max(width, height), min(width, height)
    for part, flag in _REDUCED:
        if long >= part * LONG_SIDE_MAX or short >= part * SHORT_SIDE_MAX:
            return flag | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def encoded(image: "Image") -> bytes:
    """The frame as JPEG."""
    done, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    assert done, "OpenCV encodes whatever a memory takes"
    return data.tobytes()
