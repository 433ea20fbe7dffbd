"""Files that somebody supplies as pictures, good and bad."""

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.faces import picture_file
from drivers.faces.picture_file import PictureFileError, read_picture

SHADES = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)


def saved(path: Path, image: np.ndarray = SHADES) -> Path:
    done, data = cv2.imencode(".jpg" if path.suffix != ".png" else ".png", image)
    assert done
    path.write_bytes(data.tobytes())
    return path


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be of that size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    start = picture_file.PNG_START + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_picture_is_read_whatever_it_is_called(tmp_path: Path):
    assert np.array_equal(read_picture(saved(tmp_path / "one.png")), SHADES)
    renamed = saved(tmp_path / "two.jpg").rename(tmp_path / "three.txt")
    assert read_picture(renamed).shape == (60, 80, 3)


def test_a_large_one_comes_smaller(tmp_path: Path):
    large = saved(tmp_path / "large.jpg", np.zeros((1200, 4800, 3), np.uint8))
    assert read_picture(large).shape == (480, 1920, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"Dear colleagues,\n", "neither a JPEG nor a PNG picture"),
        (b"GIF89a" + bytes(60), "neither a JPEG nor a PNG picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(40), "damaged"),
        (picture_file.PNG_START + bytes(40), "damaged"),
        (bomb(60_000, 60_000), "60000 x 60000 pixels: at most"),
        (bomb(16_000, 16_000), "16000 x 16000 pixels: at most"),
        (bomb(0, 100), "0 x 100 pixels"),
        (b"\xff\xd8\xff\xc3" + bytes(60), "a rare kind"),
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
):
    monkeypatch.setattr(picture_file.cv2, "imdecode", None)
    path = tmp_path / "passport.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureFileError, match=words) as refused:
        read_picture(path)
    assert "passport" not in str(refused.value)


def test_a_file_that_ends_in_the_middle_is_refused_or_read_without_a_crash(tmp_path: Path):
    whole = saved(tmp_path / "whole.jpg").read_bytes()
    for length in range(0, len(whole), 97):
        path = tmp_path / "part.jpg"
        path.write_bytes(whole[:length])
        try:
            assert read_picture(path).shape == (60, 80, 3)
        except PictureFileError:
            continue


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(PictureFileError, match=r"ordinary|cannot be read"):
            read_picture(path)


def test_a_link_is_followed_only_where_somebody_named_it(tmp_path: Path):
    (tmp_path / "link.png").symlink_to(saved(tmp_path / "there.png"))
    assert read_picture(tmp_path / "link.png").shape == (60, 80, 3)
    with pytest.raises(PictureFileError, match="cannot be read"):
        read_picture(tmp_path / "link.png", follow_links=False)


def test_a_file_of_too_many_bytes_is_refused(tmp_path: Path):
    path = tmp_path / "film.jpg"
    with path.open("wb") as file:
        file.write(picture_file.JPEG_START)
        file.truncate(picture_file.BYTES_MOST + 1)
    with pytest.raises(PictureFileError, match="more than 32 MB"):
        read_picture(path)
