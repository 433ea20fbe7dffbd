"""Video that OpenCV reads: files that it has written, and no USB camera."""

import time

import cv2
import msgspec
import pytest

from drivers.cameras.settings import FileSettings, UsbSettings
from drivers.cameras.source import SourceError
from drivers.cameras.video import open_file, open_usb
from tests.drivers.cameras.pictures import image
from tests.drivers.cameras.reading import read_on

PACE = 50.0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    file = tmp_path_factory.mktemp("video") / "gate.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), PACE, (320, 240))
    assert writer.isOpened()
    for number in range(20):
        writer.write(image(number))
    writer.release()
    return file


def opened(file, *, loop: bool):
    return open_file(msgspec.msgpack.encode(FileSettings(file=str(file), loop=loop)))


def test_a_file_comes_at_its_own_pace_and_ends(video):
    began = time.monotonic()
    source = opened(video, loop=False)
    assert source.read().shape == (240, 320, 3)
    frames, why = read_on(source)
    assert why == "the file has come to its end"
    assert time.monotonic() - began >= 18 / PACE
    assert 0 <= frames <= 20
    source.close()


def test_a_file_begins_again_where_it_shall(video):
    source = opened(video, loop=True)
    until = time.monotonic() + 3 * 20 / PACE
    while time.monotonic() < until:
        assert source.read().shape == (240, 320, 3)
    source.close()


def test_what_is_no_video_is_told(tmp_path, video):
    text = tmp_path / "text.avi"
    text.write_text("this is no video\n" * 100)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/{video.name}\n")
    half = tmp_path / "half.avi"
    half.write_bytes(video.read_bytes()[:300])
    for file in (text, playlist, half, tmp_path / "none.avi", tmp_path):
        with pytest.raises(SourceError):
            opened(file, loop=True).read()


def test_a_file_that_is_garbage_from_some_place_on_ends_or_goes_on(tmp_path, video):
    data = bytearray(video.read_bytes())
    data[len(data) // 2 :] = b"\x5a" * (len(data) - len(data) // 2)
    file = tmp_path / "garbage.avi"
    file.write_bytes(data)
    source = opened(file, loop=False)
    frames, why = read_on(source)
    assert frames < 20
    assert why == "the file has come to its end"


def test_a_usb_camera_that_is_not_there_is_told():
    with pytest.raises(SourceError, match="there is no such camera"):
        open_usb(msgspec.msgpack.encode(UsbSettings(device="/dev/v4l/by-id/none")))
