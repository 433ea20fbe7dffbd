"""Alarm points, local sources, loops and limits: from the inputs they hang on to the core's words.

Every line is debounced as a whole, faults included: a relay that bounces is no cut cable. A safety
loop alone is believed at once where it does not say that it is free.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from controller.barrier import Loop
from controller.events_points import SourceLine
from controller.ids import InputId, PortalId
from controller.inputs import Input as Fact
from controller.inputs_barriers import LimitHeard, LoopHeard
from controller.inputs_points import PointHeard, SourceHeard
from controller.point import Line
from drivers.api import InputsReported, InputState
from edge.config import Config
from edge.debounce import Debounced
from edge.site_file import Input, PortalEntry
from policies.compiled import CompiledPolicy

_FAULTS = {InputState.CUT: Line.CUT, InputState.SHORTED: Line.SHORTED}
_SOURCES = {
    Line.QUIET: SourceLine.QUIET,
    Line.ACTIVE: SourceLine.ACTIVE,
    Line.CUT: SourceLine.CUT,
    Line.SHORTED: SourceLine.SHORTED,
    Line.GONE: SourceLine.GONE,
}

POINT, SOURCE, LOOP, UP = "point", "source", "loop", "up"

Key = tuple[str, str]
"""What kind of thing, and its name."""


class _Wired(NamedTuple):
    """`mask`: a second line, on which a sensor says that it is masked."""

    input: Input
    mask: Input | None = None


class Perimeter:
    """One site file's points, sources and barriers."""

    def __init__(self, config: Config, new_id: Callable[[], InputId]) -> None:
        self._new_id = new_id
        self._policy = config.policy
        self._wired = dict(_wired(config))
        self._by_device: dict[str, list[Key]] = {}
        for key, wired in self._wired.items():
            inputs = (wired.input,) if wired.mask is None else (wired.input, wired.mask)
            for device in dict.fromkeys(one.device for one in inputs):
                self._by_device.setdefault(device, []).append(key)
        self._fixed_us = {
            (SOURCE, name): source.debounce_ms * 1_000
            for name, source in config.local_sources.items()
        }
        self._debounced = {key: Debounced[Line](self._settle_us(key)) for key in self._wired}
        self._read: dict[tuple[Key, str], tuple[InputState, ...]] = {}
        """By what hangs there and its device: what that reported last."""

    def follow(self, policy: CompiledPolicy) -> None:
        """Another policy for the same points."""
        self._policy = policy
        for key, point in self._debounced.items():
            point.settle_us = self._settle_us(key)

    def reported(self, fact: InputsReported, now_us: int) -> Iterator[Fact]:
        """What a report of a device's inputs means."""
        for key in self._by_device.get(fact.device, ()):
            self._read[key, fact.device] = fact.states
            line = self._line(key)
            if line is None or (line is Line.ACTIVE and self._is_of_before(key, fact)):
                continue
            point = self._debounced[key]
            # What stands under a barrier counts at once; that it has gone has to last.
            taken = key[0] == LOOP and line is not Line.QUIET
            point.settle_us = 0 if taken else self._settle_us(key)
            news = point.feed(line, now_us)
            if news is not None:
                yield self._fact(key, news)

    def _is_of_before(self, key: Key, fact: InputsReported) -> bool:
        """Nobody turns a key or presses a button in the past: what is remembered orders nothing."""
        return key[0] == SOURCE and self._wired[key].input.input in fact.remembered

    def lost(self, device: str) -> Iterator[Fact]:
        """What is seen no more when a device goes away; its next readings are news again."""
        for key in self._by_device.get(device, ()):
            self._read.pop((key, device), None)
            self._debounced[key].reset()
            yield self._fact(key, Line.GONE)

    def settled(self, now_us: int) -> Iterator[Fact]:
        """Points whose time has come."""
        for key, point in self._debounced.items():
            news = point.due(now_us)
            if news is not None:
                yield self._fact(key, news)

    def deadline_us(self) -> int | None:
        """When `settled` has to be asked."""
        due = (point.deadline_us() for point in self._debounced.values())
        return min((moment for moment in due if moment is not None), default=None)

    def _settle_us(self, key: Key) -> int:
        what, name = key
        if what == SOURCE:
            return self._fixed_us[key]
        if what == POINT:
            rule = self._policy.points.get(name)
            return 0 if rule is None else rule.debounce_ms * 1_000
        portal = self._policy.portal(name)
        return 0 if portal is None else portal.debounce_ms * 1_000

    def _line(self, key: Key) -> Line | None:
        """What both lines say together; None while one of them was not read yet."""
        wired = self._wired[key]
        states = self._read.get((key, wired.input.device))
        if states is None:
            return None
        line = line_of(wired.input, states)
        if wired.mask is None or line in {Line.CUT, Line.SHORTED}:
            return line
        masks = self._read.get((key, wired.mask.device))
        if masks is None:
            return None
        mask = line_of(wired.mask, masks)
        if mask is Line.QUIET:
            return line
        return Line.MASKED if mask is Line.ACTIVE else mask

    def _fact(self, key: Key, line: Line) -> Fact:
        what, name = key
        match what:
            case "point":
                return PointHeard(id=self._new_id(), point=name, line=line)
            case "source":
                return SourceHeard(id=self._new_id(), source=name, line=_SOURCES[line])
            case "loop":
                return LoopHeard(id=self._new_id(), portal=PortalId(name), loop=_loop(line))
            case _:
                up = line is Line.ACTIVE
                return LimitHeard(id=self._new_id(), portal=PortalId(name), up=up)


def line_of(point: Input, states: tuple[InputState, ...]) -> Line:
    """What a line says; one that the device does not report is as good as cut."""
    state = states[point.input] if point.input < len(states) else InputState.CUT
    if state in _FAULTS:
        return _FAULTS[state]
    return Line.ACTIVE if (state is InputState.ACTIVE) is not point.inverted else Line.QUIET


def _loop(line: Line) -> Loop:
    """Only a good line that says so is a free loop."""
    if line is Line.QUIET:
        return Loop.FREE
    return Loop.TAKEN if line is Line.ACTIVE else Loop.FAULTED


def _wired(config: Config) -> Iterator[tuple[Key, _Wired]]:
    for name, point in config.points.items():
        yield (POINT, name), _Wired(point.input, point.mask)
    for name, source in config.local_sources.items():
        yield (SOURCE, name), _Wired(source.input)
    yield from _driven(config.portals)


def _driven(portals: Mapping[str, PortalEntry]) -> Iterator[tuple[Key, _Wired]]:
    for name, portal in portals.items():
        if portal.loop is not None:
            yield (LOOP, name), _Wired(portal.loop)
        if portal.up is not None:
            yield (UP, name), _Wired(portal.up)
