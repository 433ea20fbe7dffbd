"""What a camera's own process costs: judging its frames, and memory."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import cv2
import msgspec

from drivers.cameras.api import CameraReported, CameraSpec
from drivers.cameras.camera import CameraProcess
from drivers.cameras.glance import Glance, glance
from drivers.cameras.health import LOOK_S, Health
from drivers.cameras.repeats import REMEMBERED, Loop
from simulators.gate.family import SimulatedCamera, family
from simulators.gate.scene import Scene
from simulators.gate.server import CameraServer
from simulators.gate.stage import Stage
from simulators.people.clips import Clips
from tests.bench import Figure

FRAMES = 60
FPS = 15
LASTS_S = 40.0
"""Longer than the 30 s of pictures that a camera's process keeps."""

MEBI = 1 << 20


def run() -> list[Figure]:
    cv2.setNumThreads(1)
    full = cv2.resize(Scene(1, size=(640, 360)).at(1.0), (1920, 1080))
    scene = Scene(1, size=(320, 180))
    frames = [glance(scene.at(number / FPS)) for number in range(FRAMES)]
    looked = judged_ms(frames, LOOK_S)
    between = judged_ms(frames, 1 / FPS / 10)
    loop = Loop()
    for number in range(REMEMBERED):
        loop.add(frames[number % FRAMES], round(number / FPS * 1e9))
    with TemporaryDirectory() as folder:
        own_mib, share = asyncio.run(process(Path(folder)))
    return [
        Figure("making a Full HD frame small", cpu_ms(lambda: glance(full)), "ms", "each frame"),
        Figure("judging a frame, looked at closely", looked, "ms", "four in a second"),
        Figure("judging a frame in between", between, "ms", "the others"),
        Figure("asking whether frames repeat", cpu_ms(loop.lag_s), "ms", "each second, of 16,384"),
        Figure("a camera's process, own memory", own_mib, "MiB", "640x480, 10 frames a second"),
        Figure("a camera's process, share of a core", share * 100, "%", "the same"),
    ]


def judged_ms(frames: list[Glance], apart_s: float) -> float:
    """CPU time of a frame; before it everything is warm."""
    health = Health()
    times = []
    for number, seen in enumerate(frames):
        began = time.thread_time_ns()
        health.judge(seen, round(number * apart_s * 1e9))
        times.append(time.thread_time_ns() - began)
    return statistics.median(times[len(times) // 2 :]) / 1e6


def cpu_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(20):
        began = time.thread_time_ns()
        call()
        times.append(time.thread_time_ns() - began)
    return statistics.median(times) / 1e6


async def process(folder: Path) -> tuple[float, float]:
    """Own memory of a camera's process in MiB, and the share of a core that it takes."""
    server = CameraServer(Stage(1, Clips(folder)))
    ready, well = asyncio.Event(), asyncio.Event()

    def tell(reported: CameraReported) -> None:
        assert reported.faults == (), reported.about
        well.set()

    serving = asyncio.create_task(server.run(ready.set))
    await ready.wait()
    options = {"driver": "simulated", "portal": "gate", "url": server.url}
    spec = CameraSpec(
        name="gate", folder=str(folder), options=msgspec.convert(options, SimulatedCamera)
    )
    camera = CameraProcess(spec, family.source(spec), jitter=Random(1))
    running = asyncio.create_task(camera.run(tell))
    try:
        await well.wait()
        began_s, before_s = time.monotonic(), cpu_s(camera.pid)
        await asyncio.sleep(LASTS_S)
        share = (cpu_s(camera.pid) - before_s) / (time.monotonic() - began_s)
        text = Path(f"/proc/{camera.pid}/smaps_rollup").read_text()
    finally:
        running.cancel()
        serving.cancel()
        await asyncio.gather(running, serving, return_exceptions=True)
        camera.close()
    private = [line.split() for line in text.splitlines() if line.startswith("Private_")]
    return sum(int(words[1]) for words in private) * 1024 / MEBI, share


def cpu_s(pid: int | None) -> float:
    """Of a process: fields 14 and 15 of proc(5)'s stat, in ticks of a hundredth."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100
