"""RTSP, from GStreamer's server."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from drivers.cameras import video
from drivers.cameras.settings import RtspSettings
from drivers.cameras.source import SourceError
from drivers.cameras.video import open_rtsp
from tests.drivers.cameras.reading import read_on
from tests.servers import skip_or_fail

SERVER = Path(__file__).parent / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
USER, PASSWORD = "gate user", "s:cr%41/t@+ü"


@contextlib.contextmanager
def serving(*known: str, size=("320", "240")):
    """The server's process and its address."""
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(SERVER), *size, *known],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = process.stdout.readline().strip()
        if not port:
            skip_or_fail(
                "GStreamer's RTSP server is missing: "
                "apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good python3-gi"
            )
        yield process, f"rtsp://127.0.0.1:{port}/gate"
    finally:
        process.kill()
        process.communicate()


def opened(url: str, **known):
    return open_rtsp(msgspec.msgpack.encode(RtspSettings(url=url, **known)))


def test_user_and_password_are_given_and_never_told_and_one_that_hangs_is_told_in_time(
    monkeypatch, capfd
):
    monkeypatch.setattr(video, "_LIMITS", (*video._LIMITS[:3], 500, *video._LIMITS[4:]))
    with serving("digest", USER, PASSWORD) as (process, url):
        for wrong in ({}, {"username": USER, "password": "other:/"}):
            with pytest.raises(SourceError) as caught:
                opened(url, **wrong)
            assert str(caught.value) == "it cannot be reached, or refuses user and password"
        source = opened(url, username=USER, password=PASSWORD)
        assert source.read().shape == (240, 320, 3)
        assert source.read().mean() > 20
        os.kill(process.pid, signal.SIGSTOP)
        _, why = read_on(source)
        source.close()
    assert why == "it sends no pictures any more"
    said = "".join(capfd.readouterr())
    assert "s:cr" not in said
    assert "other" not in said
