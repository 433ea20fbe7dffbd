"""The face process at work: answers in time, and UNAVAILABLE whatever becomes of it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from random import Random

import msgspec
import pytest

from drivers.faces.api import FaceAnswer, FaceAsked, FaceOutcome, Turn
from drivers.faces.faces import Faces
from drivers.faces.interfaces import Image
from drivers.frames import FrameWriter, new_memory
from tests.drivers.faces.scenes import ADA, BEN, Question, before_camera, moments
from tests.tidy.repository import ROOT

WAIT_S = 60


class House:
    """Two cameras, the face process, and the loop that serves it, which never stands still."""

    def __init__(self, folder: Path) -> None:
        self.memories = {name: new_memory(name) for name in ("gate", "yard")}
        self.shown: dict[str, Image | None] = dict.fromkeys(self.memories)
        self.faces = Faces(self.memories, folder, jitter=Random(1))
        self.prompts: list[Turn | None] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(WAIT_S)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        tasks = [asyncio.create_task(self.faces.run()), asyncio.create_task(self._film())]
        await self._over.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _film(self) -> None:
        """Both cameras at twenty frames a second."""
        writers = {name: FrameWriter(memory) for name, memory in self.memories.items()}
        seed = 0
        while True:
            seed += 1
            for name, image in self.shown.items():
                if image is not None:
                    writers[name].put(next(moments(image, seed)), time.monotonic_ns())
            await asyncio.sleep(0.05)

    def asking(self, asked: FaceAsked) -> Future[FaceAnswer]:
        work = self.faces.compare(asked, self.prompts.append)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def compare(self, asked: FaceAsked) -> FaceAnswer:
        return self.asking(asked).result(WAIT_S)

    def until(self, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < ends, "it never came to that"
            time.sleep(0.02)

    def ready(self) -> int:
        """The process's id, once it compares."""
        self.until(lambda: self.faces.model is not None)
        assert self.faces.pid is not None
        return self.faces.pid

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(WAIT_S)
        assert self.faces.pid is None
        for memory in self.memories.values():
            os.close(memory)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        house = House(tmp_path_factory.mktemp("faces"))
        with contextlib.closing(house):
            yield house


@pytest.fixture
def house(built: House) -> House:
    """With a process that is ready, and nobody before its cameras."""
    for name in built.shown:
        built.shown[name] = before_camera()
    built.prompts.clear()
    built.ready()
    return built


def test_two_cameras_at_once_and_each_has_its_own_answer(house: House, question: Question):
    house.shown.update(gate=before_camera(ADA), yard=before_camera(BEN))
    at_gate = house.asking(question.asked(within_s=WAIT_S))
    in_yard = house.asking(question.asked(within_s=WAIT_S, camera="yard"))
    assert at_gate.result(WAIT_S).outcome is FaceOutcome.MATCHED
    assert in_yard.result(WAIT_S).outcome is FaceOutcome.WRONG


def test_questions_that_go_on_hold_no_other_up_and_may_be_given_up(
    house: House, question: Question
):
    waiting = [house.asking(question.asked(within_s=WAIT_S, camera="yard")) for _ in range(4)]
    house.until(lambda: house.faces.standing == len(waiting))
    house.shown["gate"] = before_camera(ADA)
    assert house.compare(question.asked(within_s=WAIT_S)).outcome is FaceOutcome.MATCHED
    assert house.faces.standing == len(waiting)
    for one in waiting:
        one.cancel()
    house.until(lambda: not house.faces.standing)
    assert house.compare(question.asked(within_s=WAIT_S)).outcome is FaceOutcome.MATCHED


def test_that_nobody_is_there_is_told_before_the_time_is_up(house: House, question: Question):
    assert house.compare(question.asked(within_s=2)).outcome is FaceOutcome.NOBODY


def test_what_a_person_is_to_do_is_told_while_she_stands_there(house: House, question: Question):
    house.shown["gate"] = before_camera(ADA)
    answer = house.compare(question.asked(Turn.RIGHT, within_s=3))
    assert answer.outcome is FaceOutcome.NOT_LIVE
    assert house.prompts[0] is Turn.RIGHT


def test_a_template_of_another_model_is_never_compared(house: House, question: Question):
    house.shown["gate"] = before_camera(ADA)
    asked = question.asked()
    other = msgspec.structs.replace(asked.template, model="somebody-else/5pt/150px")
    answer = house.compare(msgspec.structs.replace(asked, template=other))
    assert answer.outcome is FaceOutcome.UNAVAILABLE
    assert "enrol the person again" in answer.reason


def test_a_camera_that_is_not_there_is_told(house: House, question: Question):
    answer = house.compare(question.asked(camera="roof"))
    assert answer.outcome is FaceOutcome.UNAVAILABLE
    assert answer.reason == "there is no such camera"


def test_a_camera_that_stops_in_the_middle_leaves_nothing_to_compare(
    house: House, question: Question
):
    house.shown["gate"] = None
    assert house.compare(question.asked(within_s=1)).outcome is FaceOutcome.UNAVAILABLE


def test_a_process_that_hangs_is_not_waited_for(house: House, question: Question):
    house.shown["gate"] = before_camera(ADA)
    pid = house.ready()
    os.kill(pid, signal.SIGSTOP)
    try:
        asked = question.asked(within_s=0.5)
        answer = house.compare(asked)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer.outcome is FaceOutcome.UNAVAILABLE
    assert answer.reason == "the face process did not answer in time"


def test_a_killed_process_answers_at_once_and_another_one_comes(house: House, question: Question):
    asking = house.asking(question.asked(within_s=WAIT_S))
    house.until(lambda: bool(house.faces.standing))
    pid = house.ready()
    os.kill(pid, signal.SIGKILL)
    house.shown["gate"] = before_camera(ADA)
    answer = asking.result(WAIT_S)
    assert answer.outcome is FaceOutcome.UNAVAILABLE
    assert "the face process ended" in answer.reason
    house.until(lambda: house.faces.model is None or house.faces.pid != pid)
    assert house.ready() != pid
    assert house.compare(question.asked(within_s=WAIT_S)).outcome is FaceOutcome.MATCHED


def test_nothing_of_a_face_is_in_what_is_written_of_it(question: Question):
    asked = question.asked()
    numbers = question.template.mean.hex()
    for text in (repr(asked), repr(question.template), str(asked)):
        assert "mean=…" in text
        assert numbers[:16] not in text
        assert repr(question.template.mean)[2:20] not in text


def test_the_edges_own_process_has_nothing_heavy_in_it():
    program = (
        "import sys, drivers.faces.faces\n"
        "heavy = {'numpy', 'cv2', 'dlib', 'face_recognition', 'face_recognition_models'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout == "[]\n"
