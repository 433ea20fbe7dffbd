"""A camera with its process: what hangs or crashes never touches the edge, and masks are black."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path
from random import Random

import cv2
import msgspec
import numpy as np
import pytest

from drivers.cameras import camera as subject
from drivers.cameras import worker
from drivers.cameras.api import CameraFault, CameraReported, CameraSpec
from drivers.cameras.camera import CameraProcess
from drivers.cameras.families import MjpegCamera, mjpeg_source
from drivers.cameras.messages import Begin, Down, Seen, Up
from drivers.children import ParentGoneError, ParentPipe
from drivers.frames import FrameReader, FrameWriter, new_memory
from tests.drivers.cameras.http_camera import HttpCamera
from tests.tidy.repository import ROOT

WAIT_S_MAX = 60
USER, PASSWORD = "gate", "a password of the site"
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


class Watched:
    """A camera of ours that looks at a server, and what it has told."""

    def __init__(self, server: HttpCamera) -> None:
        options = MjpegCamera(
            driver="mjpeg",
            portal="front",
            url=server.url,
            username=USER,
            password_file="gate.password",
            masks=(LEFT_HALF,),
        )
        files = {"password-file": PASSWORD.encode()}
        spec = CameraSpec(name="gate", options=options, files=files)
        self.camera = CameraProcess(spec, mjpeg_source(spec), jitter=Random(1))
        self.frames = FrameReader(self.camera.memory)
        self.told: list[CameraReported] = []

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.camera.run(self.told.append))
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.camera.close()

    async def until(self, holds) -> None:
        while not holds():
            await asyncio.sleep(0.02)

    async def frame(self, after: int = 0):
        await self.until(lambda: self.frames.newest(after) is not None)
        return self.frames.newest(after)

    def silent(self) -> bool:
        return bool(self.told) and self.told[-1].faults == (CameraFault.NO_SIGNAL,)

    def speaks(self) -> bool:
        return bool(self.told) and CameraFault.NO_SIGNAL not in self.told[-1].faults


def is_black(image) -> bool:
    """On the left, and nowhere else; JPEG leaves a trace of one level."""
    width = image.shape[1]
    return image[:, : width // 2].max() <= 2 and image[:, width // 2 + 12 :].min() > 40


def all_stand_still(pid: int) -> bool:
    """Every thread of it: the kernel stops one after the other."""
    states = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(file.read_text().rpartition(")")[2].split()[0] == "T" for file in states)


def decoded(picture):
    return cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)


def open_camera(**options) -> HttpCamera:
    return HttpCamera(known=("basic", USER, PASSWORD), **options)


def test_what_is_masked_is_black_everywhere_and_a_crash_costs_frames_alone(caplog):
    async def scene(server: HttpCamera) -> None:
        watched = Watched(server)
        camera = watched.camera
        began_ns = time.monotonic_ns()
        assert await camera.picture(began_ns, 0.0) is None
        assert await camera.clip(0, began_ns) == ()
        async with watched.running():
            frame = await watched.frame()
            assert is_black(frame.image)
            coming = await camera.picture(time.monotonic_ns() + 300_000_000, 0.4)
            assert coming is not None
            assert abs(coming.at_ns - time.monotonic_ns()) < WAIT_S_MAX * 1e9
            assert is_black(decoded(coming))
            assert (coming.camera, coming.width, coming.height) == ("gate", 320, 240)
            assert await camera.picture(began_ns - 10**12, 1.0) is None
            clip: tuple = ()
            while len(clip) < 3:
                clip = await camera.clip(began_ns, time.monotonic_ns())
            assert all(is_black(decoded(one)) for one in clip)
            assert [one.at_ns for one in clip] == sorted(one.at_ns for one in clip)
            await watched.until(watched.speaks)

            pid = camera.pid
            shown = [Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ")]
            os.kill(pid, signal.SIGSEGV)
            await watched.until(lambda: camera.pid not in {None, pid})
            last = watched.frames.newest().number
            assert (await watched.frame(after=last)).number > last
            assert PASSWORD.encode() not in b"".join(shown)
        said = f"{caplog.text} {watched.told} {camera._begin()!r} {camera._source!r}"
        assert "SIGSEGV" in said
        assert PASSWORD not in said

    with open_camera() as server:
        asyncio.run(scene(server))


def test_a_process_that_stands_still_is_no_signal_until_another_has_a_picture(monkeypatch):
    monkeypatch.setattr(subject, "NO_SIGNAL_S", 1.5)
    monkeypatch.setattr(subject, "SILENT_S_MAX", 2.5)
    monkeypatch.setattr(subject, "ANSWER_S_MAX", 10 * WAIT_S_MAX)  # its end answers, not the clock

    async def scene(server: HttpCamera) -> None:
        watched = Watched(server)
        async with watched.running():
            await watched.until(watched.speaks)
            pid = watched.camera.pid
            os.kill(pid, signal.SIGSTOP)
            await watched.until(lambda: all_stand_still(pid))
            asked = asyncio.create_task(watched.camera.clip(0, time.monotonic_ns()))
            await watched.until(watched.silent)
            await watched.until(watched.speaks)
            assert watched.camera.pid != pid
            assert await asked == ()  # by its end, for it never answered
        assert not Path(f"/proc/{pid}").exists()

    with open_camera() as server:
        asyncio.run(scene(server))


def test_a_camera_that_stops_sending_is_no_signal_with_its_reason_and_comes_back(monkeypatch):
    monkeypatch.setattr(subject, "NO_SIGNAL_S", 1.5)

    async def scene(server: HttpCamera) -> None:
        watched = Watched(server)
        async with watched.running():
            await watched.until(watched.speaks)
            pid = watched.camera.pid
            server.known = ("basic", USER, "another one by now")
            server.ends.set()  # all who look are sent away
            await watched.until(watched.silent)
            server.ends.clear()
            await watched.until(lambda: "refuses" in (watched.camera._why))
            server.known = ("basic", USER, PASSWORD)
            await watched.until(watched.speaks)
            assert watched.camera.pid == pid  # the process was well all the time
        assert PASSWORD not in str(watched.told)

    with open_camera() as server:
        asyncio.run(scene(server))


def test_what_lay_in_a_buffer_while_the_process_was_stopped_is_old(monkeypatch):
    monkeypatch.setattr(worker, "STALLED_NS", 0)
    ours, theirs = socket.socketpair()
    memory = new_memory("gate")
    edge, wire = ParentPipe(ours.detach(), Up), ParentPipe(theirs.detach(), Down)
    with HttpCamera() as server:
        options = MjpegCamera(driver="mjpeg", portal="front", url=server.url)
        source = mjpeg_source(CameraSpec(name="gate", options=options))
        told = Begin(camera="gate", source=source, masks=(), view=None)
        watch = worker.Watch(told, wire, FrameWriter(memory), worker.Shown("gate"))

        def watched() -> None:
            with pytest.raises(ParentGoneError):
                watch.run()

        watching = threading.Thread(target=watched)
        watching.start()
        while True:
            try:
                seen = edge.read()
            except msgspec.DecodeError:  # a sign of life
                continue
            if seen.about:
                break
        edge._socket.close()
        watching.join(WAIT_S_MAX)
    assert seen == Seen(last_ns=None, faults=(), about="it was held up: what it has sent is old")
    assert FrameReader(memory).newest() is None
    os.close(memory)


def test_silence_is_told_within_ten_seconds():
    assert subject.NO_SIGNAL_S + subject.LOOK_S < 10
