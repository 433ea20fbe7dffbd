"""A door with its lock, leaf, contact, request to exit and bolt, as a person meets it.

Times are seconds of whatever clock drives `elapse`. The door knows nothing of who may pass: its
lock is worked by the controller's output, its leaf by people.
"""

from collections.abc import Callable
from enum import StrEnum

SWING_S = 0.6
"""From the handle to a leaf that stands open."""

CLOSER_S = 1.5
"""What the closer needs once nobody holds the leaf."""

HANDLE_S = 0.5
"""How long a hand stays on the panic bar."""


class Lock(StrEnum):
    POWER_TO_UNLOCK = "power-to-unlock"
    POWER_TO_LOCK = "power-to-lock"


def _ignore(_: bool) -> None: ...


class Door:
    """One leaf. The callbacks are told of every change of what a sensor sees."""

    def __init__(
        self,
        name: str,
        lock: Lock,
        *,
        panic_bar: bool,
        on_contact: Callable[[bool], None] = _ignore,
        on_exit_request: Callable[[bool], None] = _ignore,
        on_bolt: Callable[[bool], None] = _ignore,
    ) -> None:
        self.name = name
        self.panic_bar = panic_bar
        self._lock = lock
        self._energised = False
        self._open = False
        self._held = False
        self._closes_at_s: float | None = None
        self._handle_ends_s: float | None = None
        self._on_contact = on_contact
        self._on_exit_request = on_exit_request
        self._on_bolt = on_bolt
        self._bolted: bool | None = None
        self.unlocked_since_s: float | None = None if lock is Lock.POWER_TO_UNLOCK else 0.0
        self._sense_bolt()

    @property
    def unlocked(self) -> bool:
        """Whether the lock lets go of the leaf now."""
        return self._energised is (self._lock is Lock.POWER_TO_UNLOCK)

    @property
    def open(self) -> bool:
        return self._open

    def energise(self, on: bool, now_s: float) -> None:
        """The controller's output changed."""
        was_unlocked = self.unlocked
        self._energised = on
        if self.unlocked and not was_unlocked:
            self.unlocked_since_s = now_s
        elif not self.unlocked:
            self.unlocked_since_s = None
        self._sense_bolt()

    def push(self, now_s: float) -> bool:
        """Somebody outside pulls the handle; False: it does not give."""
        if not (self.unlocked or self._open):
            return False
        self._swing(now_s)
        return True

    def leave(self, now_s: float) -> bool:
        """Somebody inside works the panic bar, or pulls where there is none."""
        if self.panic_bar:
            self._on_exit_request(True)
            self._handle_ends_s = now_s + HANDLE_S
            self._swing(now_s)
            return True
        return self.push(now_s)

    def force(self, now_s: float) -> None:
        """Somebody breaks it open."""
        self._swing(now_s)

    def hold(self, held: bool, now_s: float) -> None:
        """A wedge under the leaf, or its removal."""
        self._held = held
        if self._open:
            self._closes_at_s = None if held else now_s + CLOSER_S

    def deadline(self) -> float | None:
        """When `elapse` has something to do."""
        times = [t for t in (self._handle_ends_s, self._closes_at_s) if t is not None]
        return min(times, default=None)

    def elapse(self, now_s: float) -> None:
        """Let time pass: the hand lets go, the closer does its work."""
        if self._handle_ends_s is not None and now_s >= self._handle_ends_s:
            self._handle_ends_s = None
            self._on_exit_request(False)
        if self._closes_at_s is not None and now_s >= self._closes_at_s:
            self._closes_at_s = None
            self._open = False
            self._on_contact(False)
            self._sense_bolt()

    def _swing(self, now_s: float) -> None:
        if not self._open:
            self._open = True
            self._on_contact(True)
            self._sense_bolt()
        self._closes_at_s = None if self._held else now_s + SWING_S + CLOSER_S

    def _sense_bolt(self) -> None:
        bolted = not self._open and not self.unlocked
        if bolted is not self._bolted:
            self._bolted = bolted
            self._on_bolt(bolted)
