"""The edge's side of the face process: questions out, answers in, and UNAVAILABLE for all else.

Light: the models and the pictures are in the process. Nothing that happens there comes out as
MATCHED but its own word, in time, to a question that still stands.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from controller.inputs import FaceOutcome
from drivers.children import Child, ChildSpec
from drivers.faces.api import FaceAnswer, FaceAsked, Prompt
from drivers.faces.messages import (
    Ask,
    FaceSettings,
    Forget,
    FromProcess,
    Prompted,
    Ready,
)

MODULE = "drivers.faces.worker"

QUESTIONS_MAX = 16
"""At once: more than an edge has doors with cameras; what is beyond would only be late."""

SILENT_S_MAX = 15.0
"""The process gives a sign of life each second, and none while one frame takes it 5 s: on a slow
board that reads its models again from a card, or has nothing left for what gives way to the doors,
that passes. Nobody waits for it meanwhile: each question has a deadline of its own."""

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """Somebody who wants an answer."""

    asked: FaceAsked
    answer: "asyncio.Future[FaceAnswer]"
    prompt: Prompt


class Faces:
    """The face process of an edge, kept running; `api.FaceComparer`.

    `memories`: the frames of each camera (`drivers.frames`), by its name. `folder`: where the
    converted network is kept.
    """

    def __init__(
        self,
        memories: Mapping[str, int],
        folder: Path | None,
        *,
        jitter: Random,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._memories, self._folder, self._clock_ns = dict(memories), folder, clock_ns
        self._model: str | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0
        self._child: Child[FromProcess] = Child(
            ChildSpec(
                name="faces",
                module=MODULE,
                fds=tuple(self._memories.values()),
                silent_s_max=SILENT_S_MAX,
            ),
            FromProcess,
            first=self._settings,
            heard=self._heard,
            ended=self._ended,
            jitter=jitter,
        )

    @property
    def model(self) -> str | None:
        """What templates must have been made by; None until the process is ready."""
        return self._model

    @property
    def pid(self) -> int | None:
        """Of the process; None between two."""
        return self._child.pid

    @property
    def standing(self) -> int:
        """How many questions wait for their answer."""
        return len(self._waiting)

    async def run(self) -> None:
        """Keep the process at work until cancelled; questions then end UNAVAILABLE."""
        try:
            await self._child.run()
        finally:
            self._ended("it was stopped")

    async def compare(self, asked: FaceAsked, prompt: Prompt) -> FaceAnswer:
        """Answers by `asked.not_after_ns` and raises nothing: UNAVAILABLE where it cannot compare.

        `prompt` is told on the event loop what the person is to do, while the question stands.
        """
        if (why := self._refusal(asked)) is not None:
            return unavailable(asked, why)
        self._number += 1
        number = self._number
        waiting = _Waiting(asked, asyncio.get_running_loop().create_future(), prompt)
        self._waiting[number] = waiting
        try:
            if not self._child.send(Ask(number=number, asked=asked)):
                return unavailable(asked, "the face process does not listen")
            left_s = (asked.not_after_ns - self._clock_ns()) / 1e9
            async with asyncio.timeout(max(0.0, left_s)):
                answer = await waiting.answer
        except TimeoutError:
            return unavailable(asked, "the face process did not answer in time")
        finally:
            del self._waiting[number]
            if not waiting.answer.done() or waiting.answer.cancelled():
                self._child.send(Forget(number=number))
        if self._clock_ns() > asked.not_after_ns:
            return unavailable(asked, "the answer came too late")
        return answer

    def _refusal(self, asked: FaceAsked) -> str | None:
        """Why this question cannot even be asked."""
        if asked.camera not in self._memories:
            return "there is no such camera"
        if self._model is None:
            return "the face process is not ready"
        if asked.template.model != self._model:
            return "the template was made by another model: enrol the person again"
        if len(self._waiting) >= QUESTIONS_MAX:
            return "too many faces are being compared"
        if self._clock_ns() >= asked.not_after_ns:
            return "there was no time left"
        return None

    def _settings(self) -> msgspec.Struct:
        folder = None if self._folder is None else str(self._folder)
        return FaceSettings(cameras=tuple(self._memories), folder=folder)

    def _heard(self, message: FromProcess) -> None:
        if isinstance(message, Ready):
            self._model = message.model
            log.info("faces are compared: %s", message.about)
            return
        waiting = self._waiting.get(message.number)
        if waiting is None or waiting.answer.done():
            return
        if isinstance(message, Prompted):
            waiting.prompt(message.turn)
        elif message.answer.question == waiting.asked.question:
            waiting.answer.set_result(message.answer)

    def _ended(self, _why: str) -> None:
        """Why is logged by whoever started it, and is for no journal: it names files."""
        self._model = None
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_result(unavailable(waiting.asked, "the face process ended"))


def unavailable(asked: FaceAsked, why: str) -> FaceAnswer:
    """Nothing was compared."""
    return FaceAnswer(question=asked.question, outcome=FaceOutcome.UNAVAILABLE, reason=why)
