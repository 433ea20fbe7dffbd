"""A picture out of a file that somebody supplied: its header is judged before anything is decoded.

A few kilobytes can claim to be a picture of gigabytes, and a file can be anything. What a file is
says its content; its name counts for nothing. Heavy.
"""

import os
import stat
import struct
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from drivers.faces.interfaces import Image

BYTES_MOST: Final = 32_000_000
"""A camera's largest JPEG has some 20 MB."""

SIDE_MOST: Final = 16_384
PIXELS_MOST: Final = 50_000_000
"""What cameras and telephones take; as colours 150 MB, which a command may have for a moment."""

SHOWN_SIDE_MOST: Final = 1920
"""As large as a camera's frame: more of a face tells the engine nothing."""

PNG_START: Final = b"\x89PNG\r\n\x1a\n"
JPEG_START: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Markers of frames that OpenCV decodes: baseline, extended, progressive (ITU-T T.81, B.1.1.3)."""
_OTHER_FRAMES: Final = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN: Final = 0xDA


class PictureFileError(Exception):
    """Why a file gives no picture, for people; the file is not named in it."""


class Size(NamedTuple):
    width: int
    height: int


def read_picture(path: Path, *, follow_links: bool = True) -> Image:
    """The picture, (height, width, 3) BGR, upright as its camera was held, and no side longer than
    SHOWN_SIDE_MOST. Raises PictureFileError.
    """
    content = _content(path, follow_links=follow_links)
    size = picture_size(content)
    if not 0 < min(size) <= max(size) <= SIDE_MOST or size.width * size.height > PIXELS_MOST:
        raise PictureFileError(
            f"a picture of {size.width} x {size.height} pixels: at most {SIDE_MOST} on a side and "
            f"{PIXELS_MOST // 1_000_000} million in all are read"
        )
    image = cv2.imdecode(np.frombuffer(content, np.uint8), _flag(size))
    if image is None:
        raise PictureFileError("a picture that is damaged")
    longest = max(image.shape[:2])
    if longest > SHOWN_SIDE_MOST:
        part = SHOWN_SIDE_MOST / longest
        smaller = (max(1, round(image.shape[1] * part)), max(1, round(image.shape[0] * part)))
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, np.uint8)


def picture_size(content: bytes) -> Size:
    """What the header says. Raises PictureFileError for what is neither JPEG nor PNG."""
    if content.startswith(PNG_START):
        if len(content) < 24 or content[12:16] != b"IHDR":
            raise PictureFileError("a picture that is damaged")
        return Size(*struct.unpack_from(">II", content, 16))
    if content.startswith(JPEG_START):
        return _jpeg_size(content)
    raise PictureFileError("neither a JPEG nor a PNG picture, whatever its name says")


def _jpeg_size(content: bytes) -> Size:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return Size(width, height)
        if marker in _OTHER_FRAMES:
            raise PictureFileError("a JPEG of a rare kind: save it as an ordinary one")
        if marker == _SCAN:
            break
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    raise PictureFileError("a picture that is damaged")


def _content(path: Path, *, follow_links: bool) -> bytes:
    """The bytes of an ordinary file; anything else could wait for ever or never end."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise PictureFileError("not an ordinary file")
            if found.st_size > BYTES_MOST:
                raise PictureFileError(f"more than {BYTES_MOST // 1_000_000} MB")
            content = file.read(BYTES_MOST + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise PictureFileError(f"it cannot be read: {said}") from error
    if not content:
        raise PictureFileError("an empty file")
    return content


def _flag(size: Size) -> int:
    """A large JPEG is decoded at a part of its size, which costs a part of time and memory."""
    for part, flag in _REDUCED:
        if max(size) >= part * SHOWN_SIDE_MOST:
            return flag
    return cv2.IMREAD_COLOR


_REDUCED: Final = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
