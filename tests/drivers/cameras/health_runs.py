"""Runs of a judge of cameras over drawn gates, in virtual time.

`TUNED` are the seeds that its limits were chosen on; what is reported is of others.
"""

import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import cv2

from drivers.cameras.api import CameraFault
from drivers.cameras.glance import Glance, glance
from drivers.cameras.health import Health, Settings
from simulators.gate.failures import Failing, Failure, Source
from simulators.gate.scene import Image, Scene

SIZE = (320, 180)
TUNED = range(1, 20)
HELD_OUT = range(1000, 1100)

FAULTS = {
    Failure.COVER: CameraFault.COVERED,
    Failure.PAINT: CameraFault.COVERED,
    Failure.BLUR: CameraFault.BLURRED,
    Failure.TURN: CameraFault.TURNED,
    Failure.FREEZE: CameraFault.FROZEN,
    Failure.LOOP: CameraFault.LOOPED,
    Failure.NOISE: CameraFault.COVERED,
    Failure.DARK: CameraFault.DARK,
    Failure.DAZZLE: CameraFault.DAZZLED,
    Failure.SLOW: CameraFault.SLOW,
    Failure.SILENT: CameraFault.NO_SIGNAL,
}
"""What each failure has to be called."""

WITHIN_S = 10.0


class Judge(Protocol):
    def judge(self, seen: Glance | None, at_ns: int, /) -> tuple[CameraFault, ...]: ...


class Always:
    """A control: everything is wrong, all the time."""

    def judge(self, _seen: Glance | None, _at_ns: int) -> tuple[CameraFault, ...]:
        return tuple(CameraFault)


class Never:
    """A control: all is well, whatever comes."""

    def judge(self, _seen: Glance | None, _at_ns: int) -> tuple[CameraFault, ...]:
        return ()


class Begun(NamedTuple):
    """A camera that has been looked at for a while: `frames` are the last of it."""

    seed: int
    source: Source
    judge: Judge
    frames: list[tuple[float, Image]]
    fps: float
    now: int  # frames so far

    @property
    def now_s(self) -> float:
        return self.now / self.fps


def settings(fps: float) -> Settings:
    """For a source of so many frames: fewer than half of them are too few."""
    return Settings(rate_per_s_min=fps / 2)


def begin(
    seed: int, hour: float, judge: Judge | None = None, *, fps: float = 2.5, lasts_s: float = 25.0
) -> Begun:
    """A camera at a gate, `lasts_s` after its start."""
    cv2.setNumThreads(1)
    scene = Scene(seed, size=SIZE, hour=hour)
    judge = judge or Health(settings(fps))
    frames = []
    count = int(lasts_s * fps)
    for number in range(count):
        frames.append((number / fps, scene.at(number / fps)))
        judge.judge(glance(frames[-1][1]), to_ns(number / fps))
    return Begun(seed, scene.at, judge, frames[-64:], fps, count)


def failing(begun: Begun, failure: Failure, **how: float) -> Failing:
    """The camera's source from then on, which knows what was seen before."""
    source = Failing(begun.source, failure, from_s=begun.now_s, seed=begun.seed, **how)
    for at_s, frame in begun.frames:
        source.remember(at_s, frame)
    return source


class Told(NamedTuple):
    after_s: float
    faults: tuple[CameraFault, ...]


def follow(begun: Begun, source: Source, lasts_s: float = WITHIN_S) -> Iterator[Told]:
    """What a copy of the camera's judge says from then on, frame by frame."""
    judge = copy.deepcopy(begun.judge)
    for number in range(begun.now, begun.now + int(lasts_s * begun.fps) + 1):
        at_s = number / begun.fps
        frame = source(at_s)
        faults = judge.judge(None if frame is None else glance(frame), to_ns(at_s))
        yield Told(at_s - begun.now_s, faults)


def found_after(begun: Begun, failure: Failure, **how: float) -> tuple[float | None, set[str]]:
    """When the fault was told, None: not in time; and whatever else was told until then."""
    others: set[str] = set()
    for told in follow(begun, failing(begun, failure, **how)):
        if FAULTS[failure] in told.faults:
            return told.after_s, others
        others.update(told.faults)
    return None, others


def alarms(
    seed: int,
    judge: Judge,
    *,
    fps: float,
    hour: float,
    lasts_s: float,
    pace: float = 1.0,
    progress: Callable[[float], None] = lambda _at_s: None,
) -> list[Told]:
    """Every change of what a judge says of a gate at which nothing is wrong."""
    cv2.setNumThreads(1)
    scene = Scene(seed, size=SIZE, hour=hour, pace=pace)
    told: list[Told] = [Told(0.0, ())]
    for number in range(int(lasts_s * fps)):
        at_s = number / fps
        faults = judge.judge(glance(scene.at(at_s)), to_ns(at_s))
        if faults != told[-1].faults:
            told.append(Told(at_s, faults))
        progress(at_s)
    return told[1:]


def to_ns(at_s: float) -> int:
    return round(at_s * 1e9)
