"""The last seconds of a camera as JPEG, so that an alarm has what came before it."""

import threading
from collections import deque

from drivers.cameras.api import Picture

KEPT_PER_S = 4
"""Pictures of a walking person that follow each other, and 20 ms of a core each second."""
KEPT_NS_MIN = 1_000_000_000 // KEPT_PER_S

RING_S, RING_BYTES_MAX = 30, 24 << 20
"""Whichever is reached first: 30 s of Full HD at 200 KB each. Four cameras stay below 100 MB."""

RING_NS = RING_S * 1_000_000_000


class Ring:
    """Kept pictures, oldest first. One thread adds, others ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: deque[Picture] = deque()
        self._bytes = 0

    def due(self, at_ns: int) -> bool:
        """Whether a frame of this moment is to be kept."""
        return not self._pictures or at_ns - self._pictures[-1].at_ns >= KEPT_NS_MIN

    def add(self, picture: Picture) -> None:
        """Keep it, and let go of what is too old or too much."""
        with self._lock:
            self._pictures.append(picture)
            self._bytes += len(picture.jpeg)
            while self._pictures and (
                self._bytes > RING_BYTES_MAX or picture.at_ns - self._pictures[0].at_ns > RING_NS
            ):
                self._bytes -= len(self._pictures.popleft().jpeg)

    def nearest(self, at_ns: int) -> Picture | None:
        """The one nearest to a moment; None: it is empty."""
        with self._lock:
            return min(self._pictures, key=lambda picture: abs(picture.at_ns - at_ns), default=None)

    def between(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        """Those of a time, both ends included, oldest first."""
        with self._lock:
            return tuple(one for one in self._pictures if from_ns <= one.at_ns <= to_ns)
