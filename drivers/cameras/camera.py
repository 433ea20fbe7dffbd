"""A camera as the edge has it: its process, its memory, and what is asked of it."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from random import Random

from drivers.cameras.api import (
    CameraFault,
    CameraOptions,
    CameraReported,
    CameraSpec,
    Picture,
    SourceSpec,
)
from drivers.cameras.messages import (
    Begin,
    ClipAsked,
    ClipPart,
    PictureAsked,
    PictureTold,
    Seen,
    Up,
    ViewKept,
)
from drivers.children import Child, ChildSpec
from drivers.frames import new_memory

WORKER = "drivers.cameras.worker"

NO_SIGNAL_S = 5.0
"""No frame for so long is no signal; with a report each second it is told within seven."""

SILENT_S_MAX = 8.0
"""A process that says nothing for so long hangs: it tells how it is each second, and opening a
source takes five seconds at most."""

LOOK_S = 0.5
ANSWER_S_MAX = 3.0
"""A clip of 30 s are 120 pictures, half a second on a small board."""
ASK_AGAIN_S = 0.1

CLIP_PICTURES_MAX = 256
"""Twice as many as its process keeps."""

QUESTIONS_MAX = 32
"""Waiting at once; beyond it nobody gets a picture, and nothing piles up."""


class CameraProcess:
    """One camera; see `drivers.cameras.api.Camera`.

    `view`: what `keep` was given in an earlier run, by which a camera that was turned meanwhile is
    found out; it is no picture. Raises OSError where there is no memory for its frames.
    """

    def __init__(
        self,
        spec: CameraSpec,
        source: SourceSpec,
        *,
        jitter: Random,
        view: bytes | None = None,
        keep: Callable[[bytes], None] | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name: str = spec.name
        self.options: CameraOptions = spec.options
        self.memory: int = new_memory(spec.name)
        self._source, self._view, self._keep, self._clock_ns = source, view, keep, clock_ns
        self._last_ns = self._clock_ns()
        self._seen: Seen | None = None
        self._why = ""
        self._told: tuple[CameraFault, ...] | None = None
        self._report: Callable[[CameraReported], None] = lambda _reported: None
        self._asked = 0
        self._pictures: dict[int, asyncio.Future[Picture | None]] = {}
        self._clips: dict[int, tuple[list[Picture], asyncio.Future[None]]] = {}
        self._child = Child[Up](
            ChildSpec(
                name=f"camera {spec.name}",
                module=WORKER,
                fds=(self.memory,),
                silent_s_max=SILENT_S_MAX,
            ),
            Up,
            first=self._begin,
            heard=self._hear,
            ended=self._ended,
            jitter=jitter,
        )

    def close(self) -> None:
        """Let the memory go, once it does not run any more."""
        os.close(self.memory)

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return self._child.pid

    @property
    def why(self) -> str:
        """What its process last said of a source that gives no pictures; empty where it does."""
        return self._why

    async def run(self, report: Callable[[CameraReported], None]) -> None:
        """As `Camera.run`."""
        self._report, self._told = report, None
        self._last_ns = self._clock_ns()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._child.run(), name=f"process of camera {self.name}")
            group.create_task(self._look(), name=f"signal of camera {self.name}")

    async def picture(self, at_ns: int, within_s: float) -> Picture | None:
        """As `Camera.picture`. A moment that is only coming is waited for."""
        until_ns = at_ns + int(within_s * 1e9)
        while True:
            found = await self._nearest(at_ns, within_s)
            if found is not None or self._clock_ns() >= until_ns:
                return found
            await asyncio.sleep(ASK_AGAIN_S)

    async def _nearest(self, at_ns: int, within_s: float) -> Picture | None:
        if len(self._pictures) >= QUESTIONS_MAX:
            return None
        number = self._next()
        waiting: asyncio.Future[Picture | None] = asyncio.get_running_loop().create_future()
        self._pictures[number] = waiting
        within_ns = int(within_s * 1e9)
        try:
            if not self._child.send(
                PictureAsked(question=number, at_ns=at_ns, within_ns=within_ns)
            ):
                return None
            async with asyncio.timeout(ANSWER_S_MAX):
                return await waiting
        except TimeoutError:
            return None
        finally:
            del self._pictures[number]

    async def clip(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        """As `Camera.clip`."""
        if len(self._clips) >= QUESTIONS_MAX:
            return ()
        number, pictures = self._next(), list[Picture]()
        whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clips[number] = pictures, whole
        try:
            if self._child.send(ClipAsked(question=number, from_ns=from_ns, to_ns=to_ns)):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_S_MAX):
                        await whole
            return tuple(pictures)
        finally:
            del self._clips[number]

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    # --- its process ---

    def _begin(self) -> Begin:
        return Begin(
            camera=self.name, source=self._source, masks=self.options.masks, view=self._view
        )

    def _hear(self, message: Up) -> None:
        match message:
            case Seen():
                self._see(message)
            case PictureTold(question=question, picture=picture):
                waiting = self._pictures.get(question)
                if waiting is not None and not waiting.done():
                    waiting.set_result(picture)
            case ClipPart(question=question, picture=picture) if question in self._clips:
                pictures, whole = self._clips[question]
                if picture is not None and len(pictures) < CLIP_PICTURES_MAX:
                    pictures.append(picture)
                elif picture is None and not whole.done():
                    whole.set_result(None)
            case ViewKept(view=view):
                self._view = view
                if self._keep is not None:
                    self._keep(view)

    def _see(self, seen: Seen) -> None:
        if seen.last_ns is not None:
            # What a process says of the future would hide its silence.
            self._last_ns = max(self._last_ns, min(seen.last_ns, self._clock_ns()))
            self._seen = seen
        self._why = seen.about
        self._tell()

    def _ended(self, why: str) -> None:
        """Nobody is left who could answer."""
        self._why = why
        for waiting in self._pictures.values():
            if not waiting.done():
                waiting.set_result(None)
        for _, whole in self._clips.values():
            if not whole.done():
                whole.set_result(None)

    # --- how it is ---

    async def _look(self) -> None:
        """Tell of silence, which nobody else would."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._tell()

    def _tell(self) -> None:
        now = self._clock_ns()
        if now - self._last_ns >= NO_SIGNAL_S * 1e9:
            faults: tuple[CameraFault, ...] = (CameraFault.NO_SIGNAL,)
            about = self._why or f"no picture for {NO_SIGNAL_S:g} s"
        elif self._seen is not None:
            faults, about = self._seen.faults, self._seen.about
        else:
            return  # a process that has just begun: there is nothing to say yet
        if faults != self._told:
            self._told = faults
            self._report(CameraReported(camera=self.name, at_ns=now, faults=faults, about=about))
