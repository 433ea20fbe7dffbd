"""JPEG pictures over HTTP, from a real server."""

import socket
import ssl
import threading
import time
from random import Random

import msgspec
import pytest

from drivers.cameras import mjpeg as subject
from drivers.cameras import source
from drivers.cameras.api import PICTURE_BYTES_MAX
from drivers.cameras.mjpeg import open_mjpeg
from drivers.cameras.settings import HttpSettings
from drivers.cameras.source import PictureError, SourceError
from tests.drivers.cameras.http_camera import HttpCamera
from tests.drivers.cameras.pictures import claiming, jpeg
from tests.drivers.cameras.reading import read_on
from tests.drivers.certificate import certificate

USER, PASSWORD = "gate", "s:cr/t@ ü"


def opened(camera: HttpCamera, **settings):
    return open_mjpeg(msgspec.msgpack.encode(HttpSettings(url=camera.url, **settings)))


@pytest.mark.parametrize("has_length", [True, False])
def test_pictures_come_one_after_the_other(has_length):
    with HttpCamera(has_length=has_length) as camera:
        stream = opened(camera)
        first, second = stream.read(), stream.read()
        stream.close()
    assert first.shape == second.shape == (240, 320, 3)
    assert (first != second).any()


@pytest.mark.parametrize("has_length", [True, False])
def test_none_is_lost_between_two(has_length, monkeypatch):
    monkeypatch.setattr(source, "FRAME_NS_MIN", 0)
    pictures = [jpeg(number) for number in range(4)]
    with HttpCamera(parts=pictures, has_length=has_length) as camera:
        taken, why = read_on(opened(camera))
    # Where no length is said a picture ends with the next boundary, and the last has none.
    assert (taken, why) == (4 if has_length else 3, "it has ended its stream")


@pytest.mark.parametrize("sent_fps", [20, 25, 30, 60])
def test_of_what_comes_in_a_second_fifteen_are_taken(sent_fps):
    """As they come: some a little late, none early."""
    late, due_ns, taken = Random(sent_fps), 0, 0
    for number in range(10 * sent_fps):
        now_ns = 10**15 + number * 10**9 // sent_fps + late.randrange(5_000_000)
        if now_ns >= due_ns:
            due_ns, taken = source.due_after(due_ns, now_ns), taken + 1
    assert 145 <= taken <= 151


def test_more_than_are_due_are_passed_over():
    with HttpCamera(interval_s=0, parts=[jpeg(number) for number in range(40)]) as camera:
        stream = opened(camera)
        began = time.monotonic()
        taken, why = read_on(stream)
    assert why == "it has ended its stream"
    assert taken <= 1 + (time.monotonic() - began) * 15


@pytest.mark.parametrize("how", ["basic", "digest"])
def test_user_and_password_are_given_where_they_are_asked_for(how):
    with HttpCamera(known=(how, USER, PASSWORD)) as camera:
        opened(camera, username=USER, password=PASSWORD).read()
        for wrong in ({}, {"username": USER, "password": "other"}):
            with pytest.raises(SourceError) as caught:
                opened(camera, **wrong)
            assert str(caught.value) == "it refuses user and password"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"status": 404}, "there is nothing at this address of it"),
        ({"status": 503}, "it serves as many viewers as it can"),
        (
            {"kind": "text/html"},
            "it sends 'text/html' where multipart/x-mixed-replace was expected",
        ),
        ({"kind": "multipart/x-mixed-replace"}, "it sends 'multipart/x-mixed-replace' where"),
    ],
)
def test_what_is_no_stream_is_told(options, why):
    with HttpCamera(**options) as camera, pytest.raises(SourceError) as caught:
        opened(camera)
    assert str(caught.value).startswith(why)


def test_a_camera_that_sends_us_elsewhere_is_another_one():
    with HttpCamera() as other, HttpCamera(status=302, location=other.url) as camera:
        with pytest.raises(SourceError, match="it answers with 302"):
            opened(camera)
        assert other.viewers == 0


@pytest.mark.parametrize(
    ("part", "kind", "why"),
    [
        (b"this is a text that is called .jpg" * 9, "image/jpeg", "it is no JPEG"),
        (jpeg(1)[:-100], "image/jpeg", "a JPEG that is cut off"),
        (claiming(jpeg(1), 65535, 65535), "image/jpeg", "is too large"),
        (claiming(jpeg(1), 0, 0), "image/jpeg", "is too small"),
        (jpeg(1), "text/plain", "it sends parts that are no JPEG"),
    ],
)
@pytest.mark.parametrize("has_length", [True, False])
def test_one_bad_part_is_refused_and_the_next_is_taken(part, kind, why, has_length):
    parts = [part, *[jpeg(number) for number in range(30)]]
    with HttpCamera(parts=parts, has_length=has_length, part_kind=kind) as camera:
        stream = opened(camera)
        with pytest.raises(PictureError, match=why):
            stream.read()
        if kind == "image/jpeg":
            assert stream.read().shape == (240, 320, 3)


def test_a_part_that_is_too_long_ends_it():
    endless = b"\xff\xd8" + bytes(PICTURE_BYTES_MAX * 4 + 100_000)
    for has_length in (True, False):
        with HttpCamera(parts=[endless], has_length=has_length) as camera:
            stream = opened(camera)
            with pytest.raises(SourceError, match="it sends parts that are too long"):
                stream.read()


def test_a_stream_that_stops_is_told_within_its_time(monkeypatch):
    monkeypatch.setattr(subject, "READ_S_MAX", 0.3)
    with HttpCamera() as camera:
        stream = opened(camera)
        camera.shows.clear()
        assert read_on(stream)[1] == "it sends no pictures any more"


def test_a_stream_that_drips_is_told_within_its_time(monkeypatch):
    monkeypatch.setattr(subject, "READ_S_MAX", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            wire, _ = server.accept()
            with wire:
                wire.recv(1000)
                head = (
                    "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n"
                )
                wire.sendall(head.encode() + b"--x\r\nContent-Length: 1000\r\n\r\n")
                try:
                    while True:
                        wire.sendall(b"x")
                        time.sleep(0.05)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        stream = open_mjpeg(msgspec.msgpack.encode(HttpSettings(url=url)))
        with pytest.raises(SourceError, match="it sends its pictures too slowly"):
            stream.read()
        stream.close()


def test_nobody_there_is_told_without_the_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError) as caught:
        open_mjpeg(msgspec.msgpack.encode(HttpSettings(url=f"http://127.0.0.1:{port}/x?key=1")))
    assert str(caught.value) == "it cannot be reached"


def test_https_is_believed_where_the_authority_vouches_for_it(tmp_path):
    certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with HttpCamera(tls=context) as camera:
        opened(camera, ca=(tmp_path / "server.pem").read_bytes()).read()
        with pytest.raises(SourceError, match="nobody whom `ca` names vouches"):
            opened(camera)
