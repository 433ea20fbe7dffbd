"""Other processes read a long journal ahead of the verification, as many as there are cores.

Each reads stretches of a segment over its own connection, and says of which nothing is wrong by
itself (`proving.py`); whether they go on from one another is the verification's to see, and what is
wrong it reads itself. A helper that ends, or never started, costs time and nothing else.

A frame between the two is a length of four bytes, big endian, and so many bytes of msgpack: to a
helper first the journal's identity and then `Task`s; from it what is proven of each stretch of a
task, task by task.
"""

import os
import selectors
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, NamedTuple, Self

import msgspec

from edge.journal.proving import Identity, Proven, Stretch
from edge.journal.segments import Segments

HELPED_ENTRIES_MIN = 200_000
"""A helper takes some third of a second to start, in which one process reads half as many."""

PROCESSES_MAX = 16
"""More would wait for the disk, and for this process."""

TASK_STRETCHES = 8
"""Some tenth of a second's work."""

TASKS_AHEAD = 2
"""For each helper, so that none waits for the next one."""

KNOWN_MAX = 4_096
"""Answers that may wait to be asked for, where one helper is much slower than the others: some
megabytes.
"""

_LENGTH = struct.Struct(">I")

Ahead = Callable[[int, Stretch], Proven | None]
"""What is known of a stretch of the segment with that number; None: nothing."""


def nobody_ahead(_number: int, _stretch: Stretch) -> None:
    """Where this process is alone."""


def processes_for(entries: int) -> int:
    """How many read a journal of so many entries; 1: nobody but the one that asks."""
    if entries < HELPED_ENTRIES_MIN:
        return 1
    return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


class Task(msgspec.Struct, frozen=True, array_like=True):
    """Stretches of the segment at `path`, whose entries go from behind `begin` on. `sealed`: the
    tree at its end is asked for in any case.
    """

    path: str
    begin: int
    sealed: bool
    stretches: tuple[Stretch, ...]


class Place(NamedTuple):
    """A stretch of a segment."""

    number: int
    stretch: Stretch


def send(wire: IO[bytes], message: object) -> None:
    """Raises OSError."""
    data = msgspec.msgpack.encode(message)
    wire.write(_LENGTH.pack(len(data)) + data)
    wire.flush()


def heard(wire: IO[bytes]) -> bytes | None:
    """The next frame; None where there is no more. Raises OSError."""
    length = _exactly(wire, _LENGTH.size)
    return None if length is None else _exactly(wire, *_LENGTH.unpack(length))


def _exactly(wire: IO[bytes], count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        part = wire.read(count - len(data))
        if not part:
            return None
        data += part
    return data


class Helper:
    """One process, and what it was asked."""

    def __init__(self, identity: Identity) -> None:
        """Raises OSError."""
        self._process = subprocess.Popen(
            # Modules come from where ours come from, and never from the working folder.
            [sys.executable, "-P", "-m", "edge.journal.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # what is read beyond a frame no selector would see
            start_new_session=True,  # a Ctrl-C at our terminal is ours
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self.wire = self._process.stdin, self._process.stdout
        self.asked: deque[tuple[Place, ...]] = deque()
        try:
            send(self._to, identity)
        except OSError:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, places: tuple[Place, ...], task: Task) -> None:
        """Raises OSError."""
        send(self._to, task)
        self.asked.append(places)

    def answer(self) -> Iterator[tuple[Place, Proven | None]]:
        """To what was asked first, as soon as it is there. Raises OSError, EOFError where there is
        none, msgspec.DecodeError.
        """
        data = heard(self.wire)
        if data is None:
            raise EOFError("the helper ended")
        proven = msgspec.msgpack.decode(data, type=tuple[Proven | None, ...])
        return zip(self.asked.popleft(), proven, strict=False)

    def forget(self) -> None:
        """Nobody needs any more what it was asked."""
        self.asked = deque(() for _ in self.asked)

    def end(self) -> None:
        """At once."""
        self._process.kill()
        self._to.close()
        self.wire.close()
        self._process.wait()


class Helpers:
    """Those of one verification; called, they are its `Ahead`."""

    def __init__(self, segments: Segments, last_seq: int, entries: int, processes: int) -> None:
        """`entries`: how many a stretch has. Of one process there are no helpers."""
        self._segments, self._last_seq, self._entries = segments, last_seq, entries
        self._count = processes if processes > 1 else 0
        self._helpers: list[Helper] = []
        self._tasks: Iterator[tuple[tuple[Place, ...], Task]] = iter(())
        self._awaited: set[Place] = set()
        """What somebody was asked, or has answered."""
        self._known: dict[Place, Proven | None] = {}
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                helper = Helper(self._segments.meta[:3])
                self._helpers.append(helper)
                self._selector.register(helper.wire, selectors.EVENT_READ, helper)
        except OSError:
            self._dismiss()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss()
        self._selector.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Of those that are at work."""
        return tuple(helper.pid for helper in self._helpers)

    def __call__(self, number: int, stretch: Stretch) -> Proven | None:
        """What is known of the stretch, waited for where somebody reads it."""
        place = Place(number, stretch)
        try:
            if self._helpers and place not in self._awaited:
                # The first one of all, or the next one behind numbers that no entry has.
                self._begin_at(place)
            self._deal()
            while place in self._awaited and place not in self._known:
                for key, _ in self._selector.select():
                    self._known.update(key.data.answer())
                self._deal()
        except (OSError, EOFError, msgspec.DecodeError):
            # A loss of time only; and who knows what the others will do.
            self._dismiss()
        self._awaited.discard(place)
        return self._known.pop(place, None)

    def _begin_at(self, place: Place) -> None:
        for helper in self._helpers:
            helper.forget()
        self._awaited.clear()
        self._known.clear()
        self._tasks = self._tasks_from(place)

    def _deal(self) -> None:
        """Everybody has something to do. Raises OSError."""
        for helper in self._helpers:
            while len(helper.asked) < TASKS_AHEAD and len(self._known) < KNOWN_MAX:
                task = next(self._tasks, None)
                if task is None:
                    return
                helper.ask(*task)
                self._awaited.update(task[0])

    def _tasks_from(self, place: Place) -> Iterator[tuple[tuple[Place, ...], Task]]:
        """What is to be read, from this stretch on."""
        for part in self._segments.there:
            if part.number < place.number:
                continue
            sealed = self._segments.end(part.number)
            end = self._last_seq if sealed is None else sealed
            path = str(self._segments.path(part.number))
            after = max(part.seq, place.stretch.after) if part.number == place.number else part.seq
            stretches = self._stretches(part.seq, after + 1, end)
            while some := tuple(islice(stretches, TASK_STRETCHES)):
                places = tuple(Place(part.number, stretch) for stretch in some)
                yield places, Task(path, part.seq, sealed is not None, some)

    def _stretches(self, begin: int, seq: int, end: int) -> Iterator[Stretch]:
        while seq <= end:
            stretch = Stretch.holding(begin, seq, end, self._entries)
            yield stretch
            seq = stretch.last + 1

    def _dismiss(self) -> None:
        """All helpers end."""
        for helper in self._helpers:
            self._selector.unregister(helper.wire)
            helper.end()
        self._helpers.clear()
        self._awaited.clear()
