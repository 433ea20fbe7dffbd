"""JPEG pictures: judged by their header before a decoder sees them."""

import os
import random

import cv2
import numpy as np
import pytest

from drivers.cameras import jpeg as subject
from drivers.cameras.masks import Mask
from drivers.cameras.source import PictureError, fitted
from tests.drivers.cameras.pictures import claiming, image, jpeg

GOOD = jpeg(1)


@pytest.mark.parametrize("quality", [20, 95])
@pytest.mark.parametrize("progressive", [0, 1])
def test_the_size_stands_in_the_header(quality, progressive):
    flags = (cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    _, data = cv2.imencode(".jpg", image(3, 200, 100), flags)
    assert subject.size_of(data.tobytes()) == (200, 100)
    assert subject.decoded(data.tobytes()).shape == (100, 200, 3)


def test_fill_bytes_and_what_lies_behind_the_end_are_passed_over():
    filled = GOOD[:2] + b"\xff\xff" + GOOD[2:] + bytes(30)
    assert subject.decoded(filled).shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is no JPEG"),
        (b"this is a text that is called .jpg" * 20, "it is no JPEG"),
        (b"\x89PNG\r\n\x1a\n" + GOOD, "it is no JPEG"),
        (GOOD[:-40], "a JPEG that is cut off"),
        (GOOD[:2] + b"\xff\xd9", "a JPEG without a size"),
        (GOOD[:100] + b"\xff\xd9", "a JPEG without a size"),
        (GOOD[:2] + b"\xff\xc0\x00\x11\x08" + b"\xff\xd9", "a JPEG that is cut off"),
        (GOOD.replace(b"\xff\xc0", b"\xff\xc3", 1), "a JPEG of a kind that cameras do not send"),
        (claiming(GOOD, 0, 240), "a picture of 0x240 pixels is too small"),
        (claiming(GOOD, 320, 0), "a picture of 320x0 pixels is too small"),
        (claiming(GOOD, 65535, 65535), "a picture of 65535x65535 pixels is too large"),
        (claiming(GOOD, 8192, 8192), "a picture of 8192x8192 pixels is too large"),
        (GOOD + bytes(17 << 20) + b"\xff\xd9", "a JPEG of too many bytes"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_header(data, why, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)  # nothing of it reaches a decoder
    with pytest.raises(PictureError, match=f"^{why}$"):
        subject.decoded(data)


@pytest.mark.parametrize("seed", [1, 2, int(os.environ["SENTRYPOST_SEED"])])
def test_whatever_comes_is_a_frame_or_a_refusal(seed):
    """Of a whole picture with something changed, cut out, or written over."""
    chance = random.Random(seed)
    for _ in range(60):
        data = bytearray(jpeg(chance.randrange(3), 64, 64))
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(2, 700 if chance.random() < 0.7 else len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.choice((0, 0xFF, 0xD8, 0xDA, chance.randrange(256)))
                case 1:
                    del data[at : at + chance.randrange(1, 9)]
                case _:
                    data[at:at] = chance.randbytes(chance.randrange(1, 9))
        try:
            frame = subject.decoded(bytes(data))
        except PictureError:
            continue
        assert max(frame.shape[:2]) <= 1920, seed


def test_a_decoder_that_gives_up_is_a_refusal():
    with pytest.raises(PictureError):
        subject.decoded(
            GOOD[:4] + b"\x00" * 8 + b"\xff\xc0\x00\x11\x08\x00\xf0\x01\x40" + b"\xff\xd9"
        )


def test_8k_is_scaled_down_without_ever_being_there_whole():
    large = np.full((4320, 7680, 3), 90, np.uint8)
    _, data = cv2.imencode(".jpg", large)
    frame = subject.decoded(data.tobytes())
    assert frame.shape == (1080, 1920, 3)
    assert abs(int(frame[500, 900, 0]) - 90) <= 2


@pytest.mark.parametrize(
    ("shape", "taken"),
    [
        ((1080, 1920, 3), (1080, 1920, 3)),
        ((1920, 1080, 3), (1920, 1080, 3)),
        ((2160, 3840, 3), (1080, 1920, 3)),
        ((1200, 1600, 3), (1080, 1440, 3)),
        ((100, 8000, 3), (24, 1920, 3)),
        ((480, 640), (480, 640, 3)),
    ],
)
def test_every_frame_fits_into_a_memory(shape, taken):
    assert fitted(np.zeros(shape, np.uint8)).shape == taken


@pytest.mark.parametrize("shape", [(480, 640, 4), (10, 640, 3), (0, 0, 3), (9000, 100, 3)])
def test_a_frame_of_another_kind_is_refused(shape):
    with pytest.raises(PictureError):
        fitted(np.zeros(shape, np.uint8))


LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
CORNER = ((1.0, 1.0), (0.8, 1.0), (1.0, 0.8))


def test_what_lies_under_a_mask_is_black_and_nothing_else():
    mask = Mask((LEFT_HALF, CORNER))
    for size in ((320, 240), (1280, 720), (320, 240)):
        shown = image(1, *size)
        mask.blacken(shown)
        width, height = size
        assert shown[:, : width // 2].max() == 0
        assert shown[-1, -1].max() == 0
        assert shown[: height // 2, width // 2 + 4 :].min() > 0


def test_a_masks_place_is_known_at_any_size():
    seen = Mask((LEFT_HALF,)).seen(320, 180)
    assert seen.shape == (180, 320)
    assert not seen[:, :160].any()
    assert seen[:, 164:].all()


def test_no_mask_changes_nothing():
    shown = image(1)
    Mask(()).blacken(shown)
    assert (shown == image(1)).all()
