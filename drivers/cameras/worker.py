"""The process of one camera: reads, blackens, judges, and hands frames on.

`python -m drivers.cameras.worker NAME WIRE MEMORY`, started by `drivers.cameras.camera`. One thread
reads the source, which may block; another answers questions. Nothing but black ever leaves this
process where a privacy mask lies: the mask comes before everything that looks at a frame.
"""

import importlib
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2

from drivers.cameras import jpeg
from drivers.cameras.api import CameraFault, Picture, SourceSpec
from drivers.cameras.glance import HEIGHT, WIDTH, glance
from drivers.cameras.health import Health, about_faults
from drivers.cameras.masks import Mask
from drivers.cameras.messages import (
    Begin,
    ClipAsked,
    ClipPart,
    Down,
    PictureAsked,
    PictureTold,
    Seen,
    ViewKept,
)
from drivers.cameras.ring import Ring
from drivers.cameras.source import READ_S_MAX, PictureError, Source, SourceError, fitted
from drivers.children import ParentPipe, begin
from drivers.frames import FrameWriter

if TYPE_CHECKING:
    from drivers.frames import Image

DATA_BYTES_MAX = 1 << 30
"""Four pictures of 8K, a ring and a decoder have room in it; a bomb has not."""

PAUSE_S_MIN, PAUSE_S_MAX = 0.5, 4.0
"""Before a source is opened again, growing: an unplugged camera is back within seconds."""

TOLD_NS = 1_000_000_000
"""How it is, is told so often, and at each change."""

VIEW_KEPT_NS = 600 * 1_000_000_000
"""What its view is known by is handed on so often, and first after a tenth of it: each time is a
write to a card."""

STALLED_NS = int((READ_S_MAX + 1) * 1e9)
"""Who waited so long for a frame was stopped: what comes then has lain in some buffer."""


class Shown:
    """The newest frame and the kept ones, for whoever asks."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._lock = threading.Lock()
        self._newest: tuple[Image, int] | None = None
        self._ring = Ring()

    def show(self, image: "Image", at_ns: int) -> None:
        """A masked frame, which nobody changes any more."""
        with self._lock:
            self._newest = image, at_ns
        if self._ring.due(at_ns):
            self._ring.add(self._picture(image, at_ns))

    def nearest(self, asked: PictureAsked) -> Picture | None:
        """As `PictureAsked` has it."""
        with self._lock:
            newest = self._newest
        kept = self._ring.nearest(asked.at_ns)
        away = None if kept is None else abs(kept.at_ns - asked.at_ns)
        if newest is not None and (away is None or abs(newest[1] - asked.at_ns) < away):
            kept, away = self._picture(*newest), abs(newest[1] - asked.at_ns)
        return kept if away is not None and away <= asked.within_ns else None

    def between(self, asked: ClipAsked) -> tuple[Picture, ...]:
        """As `ClipAsked` has it."""
        return self._ring.between(asked.from_ns, asked.to_ns)

    def _picture(self, image: "Image", at_ns: int) -> Picture:
        height, width = image.shape[:2]
        return Picture(
            camera=self._camera,
            at_ns=at_ns,
            jpeg=jpeg.encoded(image),
            width=width,
            height=height,
        )


class Watch:
    """The thread that reads the source."""

    def __init__(
        self, told: Begin, pipe: ParentPipe[Down], frames: FrameWriter, shown: Shown
    ) -> None:
        self._open = opener(told.source)
        self._pipe, self._frames, self._shown = pipe, frames, shown
        self._mask = Mask(told.masks)
        self._health = health(told, self._mask)
        self._faults: tuple[CameraFault, ...] = ()
        self._last_ns: int | None = None
        self._told_ns = time.monotonic_ns()
        self._view_ns = self._told_ns - VIEW_KEPT_NS * 9 // 10
        self._pause_s = PAUSE_S_MIN

    def run(self) -> None:
        """Open the source, follow it, and open it again, for good."""
        while True:
            self._pipe.beat()
            try:
                source = self._open()
            except SourceError as error:
                self._rest(str(error))
                continue
            try:
                self._follow(source)
            except SourceError as error:
                why = str(error)
            finally:
                source.close()
            self._rest(why)

    def _follow(self, source: Source) -> None:
        """Raises SourceError."""
        good_ns = time.monotonic_ns()
        while True:
            began_ns = time.monotonic_ns()
            try:
                image = fitted(source.read())
            except PictureError as error:
                if time.monotonic_ns() - good_ns > READ_S_MAX * 1e9:
                    raise SourceError(f"it sends {error}") from None
                self._tell_when_due("")
                continue
            good_ns = time.monotonic_ns()
            if good_ns - began_ns > STALLED_NS:
                raise SourceError("it was held up: what it has sent is old")
            self._take(image, good_ns)
            self._pause_s = PAUSE_S_MIN

    def _take(self, image: "Image", at_ns: int) -> None:
        self._mask.blacken(image)
        self._frames.put(image, at_ns)
        self._shown.show(image, at_ns)
        self._last_ns = at_ns
        self._judge(self._health.judge(glance(image), at_ns), "")

    def _judge(self, faults: tuple[CameraFault, ...], about: str) -> None:
        changed, self._faults = faults != self._faults, faults
        if changed or time.monotonic_ns() - self._told_ns >= TOLD_NS:
            self._tell(about)

    def _rest(self, why: str) -> None:
        """Say why there are no pictures, and wait."""
        until = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, PAUSE_S_MAX)
        self._tell(why)
        while (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, 1.0))
            self._judge(self._health.judge(None, time.monotonic_ns()), why)

    def _tell_when_due(self, about: str) -> None:
        if time.monotonic_ns() - self._told_ns >= TOLD_NS:
            self._tell(about)

    def _tell(self, about: str) -> None:
        self._told_ns = now = time.monotonic_ns()
        about = about or about_faults(self._faults)
        self._pipe.send(Seen(last_ns=self._last_ns, faults=self._faults, about=about))
        if now - self._view_ns >= VIEW_KEPT_NS:
            self._view_ns = now
            view = self._health.kept()
            if view is not None:
                self._pipe.send(ViewKept(view=view))


def opener(source: SourceSpec) -> Callable[[], Source]:
    """What opens it."""
    module, _, function = source.opener.partition(":")
    opens = getattr(importlib.import_module(module), function)
    return lambda: opens(source.settings)


def health(told: Begin, mask: Mask) -> Health:
    """Its judge, with what was kept of its view where that can be read."""
    seen = mask.seen(WIDTH, HEIGHT) if told.masks else None
    try:
        return Health(kept=told.view, seen=seen)
    except ValueError:  # of another version, or damaged: it is learnt anew
        return Health(seen=seen)


def answer(pipe: ParentPipe[Down], shown: Shown) -> None:
    """The thread that answers; ends with the parent."""
    while True:
        match pipe.read():
            case PictureAsked() as asked:
                pipe.send(PictureTold(question=asked.question, picture=shown.nearest(asked)))
            case ClipAsked() as asked:
                for picture in (*shown.between(asked), None):
                    pipe.send(ClipPart(question=asked.question, picture=picture))
            case Begin():
                raise AssertionError("it has begun already")


def main() -> None:
    """The whole process."""
    _, wire, (memory,) = begin(sys.argv[1:], DATA_BYTES_MAX)
    cv2.setNumThreads(1)
    pipe = ParentPipe[Down](wire, Down)
    told = pipe.read()
    assert isinstance(told, Begin), "the first message"
    shown = Shown(told.camera)
    threading.Thread(target=answer, args=(pipe, shown), daemon=True).start()
    Watch(told, pipe, FrameWriter(memory), shown).run()


if __name__ == "__main__":
    main()
