"""What is wrong for long enough becomes a fault, what is right for long enough ends it."""

from collections import deque

WINDOW_S = 5.0
"""Over which the rate is counted."""


class Latch:
    """`hold_s`: wrong for so long, on the whole, turns it on. `good_s`: right all the time for so
    long turns it off."""

    def __init__(self, hold_s: float, good_s: float) -> None:
        self.on = False
        self._hold_s, self._good_s = hold_s, good_s
        self._wrong_s = self._right_s = 0.0
        self._last_ns: int | None = None
        self._was_wrong = False

    def tell(self, wrong: bool, at_ns: int) -> None:
        """How it is at a moment."""
        passed_s = 0.0 if self._last_ns is None else (at_ns - self._last_ns) / 1e9
        self._last_ns = at_ns
        if wrong:
            # Time counts between two looks that both saw it.
            self._wrong_s += passed_s if self._was_wrong else 0.0
            self._right_s = 0.0
            self.on = self.on or self._wrong_s >= self._hold_s
        else:
            # One good look in between does not start it over.
            self._wrong_s = max(0.0, self._wrong_s - 2 * passed_s)
            self._right_s += passed_s
            self.on = self.on and self._right_s < self._good_s
        if not self.on and not wrong and self._right_s >= self._good_s:
            self._wrong_s = 0.0
        self._was_wrong = wrong


class Rate:
    """How many frames come."""

    def __init__(self, per_s_min: float) -> None:
        self._per_s_min = per_s_min
        self._came_ns: deque[int] = deque()
        self._began_ns: int | None = None
        self._last_ns = 0

    def told(self, came: bool, at_ns: int) -> bool:
        """A frame came, or time passed; are there too few."""
        if self._began_ns is None:
            self._began_ns = self._last_ns = at_ns
        if came:
            self._came_ns.append(at_ns)
            self._last_ns = at_ns
        window_ns = int(WINDOW_S * 1e9)
        while self._came_ns and self._came_ns[0] <= at_ns - window_ns:
            self._came_ns.popleft()
        if at_ns - self._began_ns < window_ns:
            return False
        return len(self._came_ns) < self._per_s_min * WINDOW_S

    def silent_s(self, at_ns: int) -> float:
        """For how long none came, since the first question at the most."""
        return (at_ns - self._last_ns) / 1e9
