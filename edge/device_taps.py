"""Who listens to what passes on the lines. A driver tells one; here several may listen."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from drivers.api import Driver, Spoken

WAITING_MAX = 1_000
"""Messages kept for a listener that is slow: some seconds of the fastest line."""


class Listening:
    """One listener. What it does not take in time is counted and gone: the line waits for nobody.

    `device`: of whom it hears; empty for everybody on the line.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._waiting: deque[Spoken] = deque(maxlen=WAITING_MAX)
        self._missed = 0
        self._news = asyncio.Event()

    def hear(self, spoken: Spoken) -> None:
        """Neither blocks nor raises."""
        if self._device and spoken.device != self._device:
            return
        if len(self._waiting) == WAITING_MAX:
            self._missed += 1
        self._waiting.append(spoken)
        self._news.set()

    async def some(self) -> None:
        """Return as soon as there is something to take."""
        await self._news.wait()

    def take(self, most: int) -> tuple[list[Spoken], int]:
        """The oldest, and how many before them were missed."""
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        missed, self._missed = self._missed, 0
        if not self._waiting:
            self._news.clear()
        return taken, missed


class Taps:
    """The lines of one daemon, by their names."""

    def __init__(self, drivers: Mapping[str, Driver]) -> None:
        self._drivers = drivers
        self._listeners: dict[str, list[Listening]] = {}

    @contextmanager
    def listening(self, line: str, device: str) -> Iterator[Listening]:
        """Hear what passes on a line; the driver is bothered for as long as anybody does."""
        one = Listening(device)
        listeners = self._listeners.setdefault(line, [])
        listeners.append(one)
        if len(listeners) == 1:
            self._drivers[line].watch(lambda spoken: self._tell(line, spoken))
        try:
            yield one
        finally:
            listeners.remove(one)
            if not listeners:
                self._drivers[line].watch(None)

    def _tell(self, line: str, spoken: Spoken) -> None:
        for one in self._listeners[line]:
            one.hear(spoken)
