"""Comparisons that wait for a guard: whoever is at the door beside the picture on file."""

from collections import deque
from collections.abc import Callable

from controller.effects import AskGuard
from controller.ids import QuestionId, ReaderId

ATTENDED_S = 10.0
"""A guard's terminal asks at least every few seconds what waits for him. One that has not asked for
so long is nobody: people at the door are not made to wait for him."""

OVER_MAX = 32
"""Comparisons that have ended and are still known by name: a guard who is late is told so, and that
he was is on record."""


class GuardPost:
    """One edge's. `now_s`: of a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._asked_s: float | None = None
        self._open: dict[ReaderId, AskGuard] = {}
        self._over: deque[AskGuard] = deque(maxlen=OVER_MAX)

    @property
    def attended(self) -> bool:
        """Whether a guard looks at what waits for him."""
        return self._asked_s is not None and self._now_s() - self._asked_s <= ATTENDED_S

    def ask(self, asked: AskGuard) -> None:
        """Let it wait for a guard; an older one at the same reader is over."""
        self.forget(asked.reader)
        self._open[asked.reader] = asked

    def forget(self, reader: ReaderId) -> None:
        """The attempt at this reader has ended."""
        ended = self._open.pop(reader, None)
        if ended is not None:
            self._over.append(ended)

    def attend(self) -> None:
        """A guard looks now."""
        self._asked_s = self._now_s()

    def waiting(self) -> tuple[AskGuard, ...]:
        """What a guard is shown, oldest first."""
        return tuple(self._open.values())

    def named(self, question: str) -> AskGuard | None:
        """The comparison of this name, while it waits."""
        return next((a for a in self._open.values() if a.question == QuestionId(question)), None)

    def over(self, question: str) -> AskGuard | None:
        """The comparison of this name, where it has ended not long ago."""
        return next((a for a in self._over if a.question == QuestionId(question)), None)
