"""Inputs that bounce: a state counts once the settled one has been left for its time."""

from typing import Generic, TypeVar

S = TypeVar("S")


class Debounced(Generic[S]):
    """One input point. `settle_us` 0: every change counts at once.

    Times are monotonic microseconds and come from outside. Whatever holds for 400 ms is reported
    (IEC 60839-11-1), because no settling time is longer than 100 ms. A point that wanders between
    other states than the settled one does not rest there either: the newest is reported in time.
    """

    def __init__(self, settle_us: int) -> None:
        self.settle_us = settle_us
        self._settled: S | None = None
        self._candidate: S | None = None
        self._since_us = 0

    def feed(self, state: S, now_us: int) -> S | None:
        """Take a reading; the state when it is news, else None. The first reading always is."""
        if self._settled is None or self.settle_us == 0:
            self._candidate = None
            if state == self._settled:
                return None
            self._settled = state
            return state
        if state == self._settled:
            self._candidate = None
        else:
            if self._candidate is None:
                self._since_us = now_us
            self._candidate = state
        return self.due(now_us)

    def due(self, now_us: int) -> S | None:
        """The candidate once the settled state has been left for long enough."""
        if self._candidate is None or now_us < self._since_us + self.settle_us:
            return None
        self._settled, self._candidate = self._candidate, None
        return self._settled

    def deadline_us(self) -> int | None:
        """When `due` has to be asked, or None."""
        return None if self._candidate is None else self._since_us + self.settle_us

    def reset(self) -> None:
        """Forget everything: the device went away and its next reading is news again."""
        self._settled = self._candidate = None
