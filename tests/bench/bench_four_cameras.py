"""Four cameras at once: pictures per second of each, and what each process takes.

Each sends thirty pictures a second over HTTP, drawn beforehand, of a person who stands there. Every
camera has its own process of the edge, which decodes, masks, judges and keeps them; then a face is
asked about at all four again and again beside that. What sends them takes a share of the same
processors.
"""

import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import NamedTuple

import cv2
import msgspec
import numpy as np

from drivers.cameras.api import CameraReported, CameraSpec
from drivers.cameras.camera import CameraProcess
from drivers.faces.api import Template
from drivers.faces.engine import FastEngine
from drivers.faces.enrolment import enrol
from drivers.faces.faces import Faces
from drivers.faces.recognition import open_recognition
from drivers.frames import FrameReader
from simulators.gate.family import SimulatedCamera, family
from simulators.people.portrait import render
from simulators.people.views import views
from tests.bench import Figure
from tests.bench.bench_cameras import cpu_s
from tests.bench.bench_faces import HER, READY_S, one_question
from tests.drivers.cameras.http_camera import HttpCamera

CAMERAS = 4
SENT_FPS = 30
SIZES = {"640x480": ((640, 480), 200), "1280x720": ((1280, 720), 240)}
"""Width and height, and how large the face is."""

PICTURES = 16
LASTS_S = 15.0
MEMORY_AFTER_S = 35.0
"""Longer than the 30 s of pictures that a camera's process keeps."""


class Run(NamedTuple):
    """What four cameras made of `LASTS_S`: pictures per second of each, and shares of a core."""

    fps: list[float]
    shares: list[float]


def film(size: tuple[int, int], face_px: int) -> list[bytes]:
    """Pictures that differ by their noise, as JPEGs."""
    random = np.random.default_rng(1)
    still = render(HER, size_px=face_px, frame=size)
    out = []
    for _ in range(PICTURES):
        noisy = np.clip(still + random.integers(-6, 7, still.shape, np.int16), 0, 255)
        out.append(cv2.imencode(".jpg", noisy.astype(np.uint8))[1].tobytes())
    return out


class Sent:
    """An endless film; each viewer has one of its own."""

    def __init__(self, pictures: list[bytes]) -> None:
        self._pictures = pictures

    def __iter__(self) -> Iterator[bytes]:
        began_s = time.monotonic()
        for number, picture in enumerate(itertools.cycle(self._pictures)):
            # To the clock, and not each so long behind the one before it.
            time.sleep(max(0.0, began_s + number / SENT_FPS - time.monotonic()))
            yield picture


def process_of(number: int, url: str, folder: Path) -> CameraProcess:
    options = {"driver": "simulated", "portal": "gate", "url": url}
    spec = CameraSpec(
        name=f"camera-{number}",
        folder=str(folder),
        options=msgspec.convert(options, SimulatedCamera),
    )
    return CameraProcess(spec, family.source(spec), jitter=Random(number))


async def measured(cameras: list[CameraProcess], readers: list[FrameReader]) -> Run:
    before, worked = [one.latest for one in readers], [cpu_s(one.pid) for one in cameras]
    began_s = time.monotonic()
    await asyncio.sleep(LASTS_S)
    took_s = time.monotonic() - began_s
    fps = [(one.latest - was) / took_s for one, was in zip(readers, before, strict=True)]
    shares = [(cpu_s(one.pid) - was) / took_s for one, was in zip(cameras, worked, strict=True)]
    return Run(fps, shares)


async def asked(faces: Faces, template: Template, cameras: list[CameraProcess]) -> None:
    """A question at each camera at once, again and again."""
    while True:
        await asyncio.gather(*(one_question(faces, template, one.name) for one in cameras))


def _nothing(_reported: CameraReported) -> None:
    """Sixteen pictures again and again are a loop, and are said to be one."""


async def four(size: str, template: Template, folder: Path) -> list[Figure]:
    pictures = film(*SIZES[size])
    with ExitStack() as stack:
        sends = [
            stack.enter_context(HttpCamera(parts=Sent(pictures), interval_s=0.0))
            for _ in range(CAMERAS)
        ]
        cameras = [process_of(number, one.url, folder) for number, one in enumerate(sends)]
        faces = Faces({one.name: one.memory for one in cameras}, folder, jitter=Random(1))
        readers = [FrameReader(one.memory) for one in cameras]
        tasks = [asyncio.create_task(one.run(_nothing)) for one in cameras]
        tasks.append(asyncio.create_task(faces.run()))
        try:
            async with asyncio.timeout(READY_S):
                while faces.model is None or not all(one.latest for one in readers):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(MEMORY_AFTER_S - LASTS_S)
            alone = await measured(cameras, readers)
            own_mib = [private_mib(one.pid) for one in cameras]
            tasks.append(asyncio.create_task(asked(faces, template, cameras)))
            beside = await measured(cameras, readers)
            assert not tasks[-1].done(), tasks[-1]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for camera in cameras:
                camera.close()
    load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    note = f"four of {size} at once, each sends {SENT_FPS} a second; the slowest; {load}"
    busy = "the same, while a face is asked about at each of them"
    picture_ms = sum(alone.shares) / sum(alone.fps) * 1_000
    return [
        Figure(f"pictures per second and core, {size}", 1_000 / picture_ms, "/s", "processor time"),
        Figure(f"pictures per second and camera, {size}", min(alone.fps), "/s", note),
        Figure(f"pictures per second and camera, {size}, asked", min(beside.fps), "/s", busy),
        Figure(f"share of a core per camera, {size}", max(alone.shares) * 100, "%", "the largest"),
        Figure(f"own memory per camera, {size}", max(own_mib), "MiB", "the largest of the four"),
    ]


def private_mib(pid: int | None) -> float:
    """A process's own memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    private = [line.split() for line in text.splitlines() if line.startswith("Private_")]
    return sum(int(words[1]) for words in private) / 1024


def run() -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        engine = FastEngine(open_recognition(Path(folder)))
        enrolled = enrol(engine, list(views(HER, 4, seed=1, strength=0.5)))
        assert enrolled.template is not None, enrolled.refusal
        for size in SIZES:
            figures += asyncio.run(four(size, enrolled.template, Path(folder)))
    return figures
