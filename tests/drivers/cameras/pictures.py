"""Pictures as a sensor gives them, and JPEG bytes that are not what they say."""

import struct

import cv2
import numpy as np


def image(number: int, width: int = 320, height: int = 240):
    """Never the same twice, and bright everywhere: what is black was blackened."""
    noise = np.random.default_rng(number).integers(0, 40, (height, width, 3), np.uint8)
    ramp = np.linspace(80, 180, width, dtype=np.uint8)[None, :, None]
    return noise + ramp


def jpeg(number: int, width: int = 320, height: int = 240) -> bytes:
    """The same as a camera sends it."""
    done, data = cv2.imencode(".jpg", image(number, width, height))
    assert done
    return data.tobytes()


def claiming(data: bytes, width: int, height: int) -> bytes:
    """The picture, with another size in its header (the frame's marker, ITU-T T.81, B.2.2)."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]
