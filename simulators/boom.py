"""A vehicle barrier with its motor, its limits, its safety loop, and cars.

Times are seconds of whatever clock drives `elapse`. It obeys whoever raises and lowers it, and
counts what it comes down on: the one thing that must never happen.
"""

from collections.abc import Callable

from simulators.door import Door, Lock

TRAVEL_S = 1.0
"""From one limit to the other."""

DRIVE_S = 0.8
"""What a car needs over the loop."""

WAIT_S = 6.0
"""How long a driver waits for the arm to be up."""


class Boom(Door):
    """The arm is what a door's leaf is: `open` until it lies in its lower limit.

    `on_loop` and `on_up` are told what loop and upper limit see.
    """

    def __init__(
        self,
        name: str,
        *,
        on_contact: Callable[[bool], None],
        on_loop: Callable[[bool], None],
        on_up: Callable[[bool], None],
    ) -> None:
        self._on_loop, self._on_up = on_loop, on_up
        self._height = 0.0
        self._moves = 0.0
        self._seen_s: float | None = None
        self._wants_s: float | None = None
        self._leaves_s: float | None = None
        self.occupied = False
        self.struck = 0
        """How often it came down on a car."""
        super().__init__(name, Lock.POWER_TO_UNLOCK, panic_bar=False, on_contact=on_contact)
        on_loop(False)
        on_up(False)

    @property
    def unlocked(self) -> bool:
        """Whether it goes up or is there: what a driver waits for."""
        return self._moves > 0 or self._height >= 1

    @property
    def open(self) -> bool:
        return self._height > 0

    def energise(self, on: bool, now_s: float) -> None:
        """The raise output changed; its end closes nothing."""
        if on:
            self.unlocked_since_s = now_s
            self._drive(1.0, now_s)

    def lower(self, on: bool, now_s: float) -> None:
        """The lower output changed."""
        if on:
            self.unlocked_since_s = None
            self._drive(-1.0, now_s)

    def push(self, now_s: float) -> bool:
        """A driver wants through; False: it stays down."""
        if not self.unlocked:
            return False
        self._wants_s = now_s + WAIT_S
        return True

    def leave(self, now_s: float) -> bool:
        return self.push(now_s)

    def force(self, now_s: float) -> None:
        """Somebody lifts it by hand."""
        self._moves, self._height, self._seen_s = 0.0, 1.0, now_s
        self._on_contact(True)
        self._on_up(True)

    def hold(self, held: bool, now_s: float) -> None:
        """A car stops on the loop, or drives on."""
        self.park(held)

    def park(self, there: bool) -> None:
        """A car stands on the loop, or is gone."""
        self.occupied, self._leaves_s = there, None
        self._on_loop(there)

    def elapse(self, now_s: float) -> None:
        """Let time pass: the arm travels, a car drives."""
        self._travel(now_s)
        if self._wants_s is not None and self._height >= 1:
            self._wants_s, self._leaves_s = None, now_s + DRIVE_S
            self.occupied = True
            self._on_loop(True)
        if self._wants_s is not None and now_s >= self._wants_s:
            self._wants_s = None
        if self._leaves_s is not None and now_s >= self._leaves_s:
            self.park(False)

    def _drive(self, direction: float, now_s: float) -> None:
        self._travel(now_s)
        self._moves, self._seen_s = direction, now_s

    def _travel(self, now_s: float) -> None:
        if not self._moves:
            return
        was = self._height
        since_s = now_s if self._seen_s is None else self._seen_s
        self._seen_s = now_s
        self._height = min(1.0, max(0.0, was + self._moves * (now_s - since_s) / TRAVEL_S))
        if (was > 0) is not (self._height > 0):
            self._on_contact(self._height > 0)
        if (was < 1) is not (self._height < 1):
            self._on_up(self._height >= 1)
        if self._height in {0.0, 1.0} and was != self._height:
            self._moves = 0.0
            if self._height == 0 and self.occupied:
                self.struck += 1
