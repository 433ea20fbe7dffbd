"""Faces: the fast engine next to a plain loop over the `face_recognition` package, same frames.

A drawn person comes nearer, from 70 to 240 pixels, before a camera of 1280x720 with thirty frames a
second; once the one who is enrolled, once another. Both sides decode each JPEG, find the face,
describe it, and hold it against the template. What counts is the processor's time, so that the rest
of the machine makes less of a difference. Equal accuracy: both must know every one of the pictures
that they compare, and take nobody for her.

Four cameras on two cores is the face process itself: a question at each of four cameras at once,
which show what others film at fifteen frames a second.
"""

import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import cv2
import face_recognition
import msgspec
import numpy as np

from drivers.faces.api import FaceAsked, FaceOutcome, Template
from drivers.faces.engine import FastEngine
from drivers.faces.enrolment import enrol
from drivers.faces.faces import Faces
from drivers.faces.following import Follower
from drivers.faces.interfaces import Image
from drivers.faces.recognition import distance, open_recognition
from drivers.frames import MEMORY_BYTES, FrameWriter, new_memory
from simulators.people.portrait import Pose, render
from simulators.people.views import views
from tests.bench import Figure

HER, ANOTHER = 34, 151
DISTANCE_MAX = 0.42
"""For drawn people (face.md section 4)."""

FRAME = (1280, 720)
FPS = 30
SIZES_PX = range(70, 241, 34)
REPEATED = 3
"""So many frames of each size, with other noise: the plain loop takes half a second for each."""

MEBI = 1 << 20
CAMERAS, ROUNDS, FILMED_FPS = 4, 8, 15
ROUND_S, READY_S = 20.0, 120.0


class Side(NamedTuple):
    """What one side made of a clip: seconds of the processor, pictures compared, and how many of
    them fit.
    """

    cpu_s: float
    compared: int
    fitting: int


def clip(person: int) -> list[bytes]:
    """The person comes nearer, as JPEGs."""
    random = np.random.default_rng(person)
    out = []
    for size_px in SIZES_PX:
        pose = Pose(float(random.normal(0, 6)), float(random.normal(0, 3)), 0)
        image = render(person, pose, size_px=size_px, frame=FRAME, seed=person)
        for _ in range(REPEATED):
            noise = random.integers(-3, 4, image.shape, np.int16)
            noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
            out.append(cv2.imencode(".jpg", noisy)[1].tobytes())
    return out


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def ours(engine: FastEngine, frames: Sequence[bytes], template: Template) -> Side:
    """As a comparison does it: follow, and describe where the whole frame was looked at."""
    follower, compared, fitting = Follower(), 0, 0
    began = time.process_time()
    for number, jpeg in enumerate(frames):
        image = decoded(jpeg)
        look = follower.look(engine, image, number * 10**9 // FPS)
        if look.fresh and look.whole and len(look.faces) == 1:
            far = distance(template.mean, engine.describe(image, look.faces[0]))
            compared, fitting = compared + 1, fitting + (far <= DISTANCE_MAX)
    return Side(time.process_time() - began, compared, fitting)


def plain(frames: Sequence[bytes], template: Template) -> Side:
    """As the package's own examples do it, with its defaults."""
    known = np.frombuffer(template.mean, "<f4").astype(np.float64)
    compared = fitting = 0
    began = time.process_time()
    for jpeg in frames:
        image = cv2.cvtColor(decoded(jpeg), cv2.COLOR_BGR2RGB)
        places = face_recognition.face_locations(image)
        for vector in face_recognition.face_encodings(image, places, model="small"):
            compared += 1
            fits = face_recognition.compare_faces([known], vector, tolerance=DISTANCE_MAX)
            fitting += bool(fits[0])
    return Side(time.process_time() - began, compared, fitting)


def beside_each_other(engine: FastEngine, template: Template) -> list[Figure]:
    """Both on the same clips."""
    clips = {person: clip(person) for person in (HER, ANOTHER)}
    count = sum(map(len, clips.values()))
    sides: dict[str, Callable[[Sequence[bytes]], Side]] = {
        "Sentrypost": lambda frames: ours(engine, frames, template),
        "face_recognition, defaults": lambda frames: plain(frames, template),
    }
    figures, rates = [], []
    for name, side in sides.items():
        her, another = side(clips[HER]), side(clips[ANOTHER])
        rates.append(count / (her.cpu_s + another.cpu_s))
        known = f"{her.fitting} of {her.compared} pictures of her fit"
        taken = f"{another.fitting} of {another.compared} of another"
        note = f"{count} frames of 1280x720, decoding included; {known}, {taken}"
        figures.append(Figure(f"frames per second and core, {name}", rates[-1], "/s", note))
    note = "aim: 10 or more"
    return [*figures, Figure("as many times the plain loop", rates[0] / rates[1], "x", note)]


class Filmed:
    """Four cameras whose frames come as they would from their processes."""

    def __init__(self, shown: Sequence[Image]) -> None:
        self.memories = {f"camera-{number}": new_memory("bench") for number in range(CAMERAS)}
        self._shown = shown
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._film)
        self._thread.start()

    def _film(self) -> None:
        writers = [FrameWriter(memory) for memory in self.memories.values()]
        number = 0
        while not self._over.wait(1 / FILMED_FPS):
            number += 1
            for place, writer in enumerate(writers):
                image = self._shown[(number + place) % len(self._shown)]
                writer.put(image, time.monotonic_ns())

    def close(self) -> None:
        self._over.set()
        self._thread.join()


async def four_cameras(template: Template, folder: Path, filmed: Filmed) -> list[Figure]:
    """A question at each camera at once, again and again; and what the process takes."""
    faces = Faces(filmed.memories, folder, jitter=Random(1))
    running = asyncio.create_task(faces.run())
    began = time.monotonic()
    try:
        async with asyncio.timeout(READY_S):
            while faces.model is None:
                await asyncio.sleep(0.01)
        start_s = time.monotonic() - began
        one = await one_question(faces, template, "camera-0")
        alone_mib = taken_mib(faces)
        took_ms = []
        for _ in range(ROUNDS):
            asking = [one_question(faces, template, name) for name in filmed.memories]
            took_ms += await asyncio.gather(*asking)
        full_mib = taken_mib(faces)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    ranked = sorted(took_ms)
    note = f"{len(ranked)} questions, four at once on two cores; cameras of {FILMED_FPS} frames/s"
    each_mib = (full_mib - alone_mib) / (CAMERAS - 1)
    return [
        Figure("face process ready after", start_s, "s", "with the network kept from before"),
        Figure("question to MATCHED, alone", one, "ms", "no turns asked; two clear pictures"),
        Figure("question to MATCHED, median", statistics.median(ranked), "ms", note),
        Figure("question to MATCHED, p95", ranked[int(len(ranked) * 0.95)], "ms", "aim: 1,000"),
        Figure("face process, one camera", alone_mib, "MiB", "own memory, both engines"),
        Figure("face process, each more camera", each_mib, "MiB", "while it is asked about"),
        Figure("frames of a camera, at most", MEMORY_BYTES / MEBI, "MiB", "shared, of Full HD"),
    ]


async def one_question(faces: Faces, template: Template, camera: str) -> float:
    """Milliseconds until she is known. Raises AssertionError where she is not."""
    began = time.monotonic_ns()
    asked = FaceAsked(
        question=camera,
        camera=camera,
        template=template,
        distance_max=DISTANCE_MAX,
        turns=(),
        not_after_ns=began + round(ROUND_S * 1e9),
    )
    answer = await faces.compare(asked, lambda _turn: None)
    assert answer.outcome is FaceOutcome.MATCHED, msgspec.json.encode(answer)
    return (time.monotonic_ns() - began) / 1e6


def taken_mib(faces: Faces) -> float:
    """The process's own memory: what is shared with others belongs to the cameras."""
    text = Path(f"/proc/{faces.pid}/smaps_rollup").read_text()
    private = [line.split() for line in text.splitlines() if line.startswith("Private_")]
    return sum(int(words[1]) for words in private if words[0] != "Private_Hugetlb:") / 1024


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        engine = FastEngine(open_recognition(Path(folder)))
        enrolled = enrol(engine, list(views(HER, 4, seed=1, strength=0.5)))
        assert enrolled.template is not None, enrolled.refusal
        figures = beside_each_other(engine, enrolled.template)
        random = np.random.default_rng(1)
        still = render(HER, size_px=200, frame=FRAME)
        shown = [
            np.clip(still + random.integers(-3, 4, still.shape, np.int16), 0, 255).astype(np.uint8)
            for _ in range(8)
        ]
        filmed = Filmed(shown)
        try:
            figures += asyncio.run(four_cameras(enrolled.template, Path(folder), filmed))
        finally:
            filmed.close()
    return figures
