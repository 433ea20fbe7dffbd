"""The face process: the engine, the questions that stand, and two threads that work on them.

`python -m drivers.faces.worker` is started by `faces.Faces` and by nobody else. Questions take
turns, frame by frame, so that a slow camera or a long challenge holds no other question up. Without
a question nothing is computed and no frame is looked at.
"""

import os
import sys
import threading
import time
from collections import deque
from pathlib import Path

from drivers.children import ParentPipe, begin
from drivers.faces.api import FaceAnswer, FaceAsked, FaceOutcome, Turn
from drivers.faces.comparison import Comparison
from drivers.faces.engine import FastEngine
from drivers.faces.interfaces import FaceEngine
from drivers.faces.liveness import TurnChallenge
from drivers.faces.messages import (
    Answered,
    Ask,
    FaceSettings,
    Forget,
    Prompted,
    Ready,
    ToProcess,
)
from drivers.faces.recognition import open_recognition
from drivers.frames import FrameReader

DATA_BYTES_MAX = 1 << 30
"""Two engines take 160 MB (make bench), and the check against dlib 100 MB more for a moment."""

THREADS = min(2, os.cpu_count() or 1)
"""Detector and network let each other run; two keep up with four cameras, and more would take from
the cameras' own processes.
"""

LOOK_EVERY_S = 0.01
"""How often a question looks whether there is another frame: cameras give one each 30 to 100 ms."""

END_BEFORE_NS = 300_000_000
"""So long before its time is up a question is answered: one more frame takes up to 100 ms where
others want the processors as well, and an answer that comes late is none.
"""

BEAT_EVERY_S = 1.0
STUCK_S = 5.0
"""A thread that was in one frame for so long does not come back; nothing more is said then, and the
edge starts another process.
"""


class Run:
    """One question while it stands."""

    def __init__(self, ask: Ask, reader: FrameReader, begun_ns: int) -> None:
        self.number = ask.number
        self.asked: FaceAsked = ask.asked
        self.reader = reader
        self.comparison = Comparison(ask.asked, begun_ns, TurnChallenge)
        self.due_s = 0.0
        self.frame = 0
        self.prompt: Turn | None = None


class Service:
    """The questions, and the threads that work on them in turn."""

    def __init__(
        self,
        pipe: ParentPipe[ToProcess],
        readers: dict[str, FrameReader],
        engines: list[FaceEngine],
    ) -> None:
        self._pipe, self._readers, self._engines = pipe, readers, engines
        self._runs: deque[Run] = deque()
        self._standing: set[int] = set()
        self._changed = threading.Condition()
        self._turned_s = [time.monotonic()] * len(engines)

    def serve(self) -> None:
        """Until the parent is gone, which ends the process."""
        threading.Thread(target=self._listen, name="questions", daemon=True).start()
        for place in range(len(self._engines)):
            threading.Thread(target=self._work, args=(place,), daemon=True).start()
        while True:
            if time.monotonic() - min(self._turned_s) < STUCK_S:
                self._pipe.beat()
            time.sleep(BEAT_EVERY_S)

    def _listen(self) -> None:
        """Takes questions in, and out again."""
        while True:
            message = self._pipe.read()
            if isinstance(message, Ask):
                self._take(message)
            elif isinstance(message, Forget):
                with self._changed:
                    self._standing.discard(message.number)

    def _take(self, ask: Ask) -> None:
        """A new question; one that cannot be worked on is answered at once."""
        reader = self._readers.get(ask.asked.camera)
        model = self._engines[0].model
        if reader is None or ask.asked.template.model != model:
            why = "no such camera" if reader is None else "the template is of another model"
            self._answer(ask.number, _unavailable(ask.asked, why))
            return
        with self._changed:
            self._standing.add(ask.number)
            self._runs.append(Run(ask, reader, time.monotonic_ns()))
            self._changed.notify()

    def _work(self, place: int) -> None:
        """One thread: takes the question whose turn it is, looks at one frame, puts it back."""
        while True:
            self._turned_s[place] = time.monotonic()
            run = self._next()
            if run is not None and not self._step(run, self._engines[place]):
                with self._changed:
                    self._runs.append(run)
                    self._changed.notify()

    def _next(self) -> Run | None:
        """The question that waited longest and is due; None after a while without one."""
        with self._changed:
            now_s = time.monotonic()
            for run in list(self._runs):
                if run.number not in self._standing:
                    self._runs.remove(run)
                elif run.due_s <= now_s:
                    self._runs.remove(run)
                    return run
            due_s = min((run.due_s for run in self._runs), default=now_s + BEAT_EVERY_S)
            self._changed.wait(max(0.001, due_s - now_s))
            return None

    def _step(self, run: Run, engine: FaceEngine) -> bool:
        """One frame of one question. True: it is answered."""
        now_ns = time.monotonic_ns()
        answer: FaceAnswer | None = None
        if now_ns >= run.asked.not_after_ns - END_BEFORE_NS:
            answer = run.comparison.end(now_ns)
        elif (frame := run.reader.newest(run.frame)) is not None:
            run.frame = frame.number
            answer = run.comparison.look(engine, frame.image, frame.at_ns)
        if (turn := run.comparison.asks()) != run.prompt and answer is None:
            run.prompt = turn
            self._pipe.send(Prompted(number=run.number, turn=turn))
        run.due_s = time.monotonic() + LOOK_EVERY_S
        if answer is not None:
            self._answer(run.number, answer)
        return answer is not None

    def _answer(self, number: int, answer: FaceAnswer) -> None:
        with self._changed:
            self._standing.discard(number)
        self._pipe.send(Answered(number=number, answer=answer))


def _unavailable(asked: FaceAsked, why: str) -> FaceAnswer:
    return FaceAnswer(question=asked.question, outcome=FaceOutcome.UNAVAILABLE, reason=why)


def main() -> None:
    """The process from its start to its end."""
    _, wire, fds = begin(sys.argv[1:], DATA_BYTES_MAX)
    pipe: ParentPipe[ToProcess] = ParentPipe(wire, ToProcess)
    settings = pipe.read()
    assert isinstance(settings, FaceSettings)
    readers = {name: FrameReader(fd) for name, fd in zip(settings.cameras, fds, strict=True)}
    recognition = open_recognition(Path(settings.folder) if settings.folder else None)
    engines: list[FaceEngine] = [FastEngine(recognition) for _ in range(THREADS)]
    pipe.send(Ready(model=engines[0].model, about=recognition.about))
    del recognition  # 22 MB of weights, which the engines have taken in
    Service(pipe, readers, engines).serve()


if __name__ == "__main__":
    main()
