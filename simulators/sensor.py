"""A sensor, switch or button at an input of a device, with all that can go wrong with its cable.

Times are seconds of whatever clock drives `elapse`. A sensor knows nothing of zones: it says what
it sees, on a line of four states, and on a second one where it can tell that somebody covers it.
"""

from collections.abc import Callable
from enum import StrEnum

CUT, SHORTED = 3, 2
"""What a supervised input reports, next to 0 and 1 (`simulators.osdp_reader`)."""

PULSE_S = {
    "fence": 2.0,
    "pir": 3.0,
    "glass-break": 1.0,
    "buried-line": 2.0,
}
"""How long a sensor that sees events, and not states, holds its relay after each."""


class Fault(StrEnum):
    CUT = "cut"
    SHORTED = "shorted"
    STUCK = "stuck"  # its relay stays as it is, whatever happens


def _ignore(_: int) -> None: ...


class Sensor:
    """`on_line` and `on_mask` get what the board's inputs are to read, `inverted` lines turned."""

    def __init__(
        self,
        on_line: Callable[[int], None],
        *,
        kind: str = "",
        inverted: bool = False,
        on_mask: Callable[[int], None] | None = None,
        mask_inverted: bool = False,
    ) -> None:
        self._on_line = on_line
        self._on_mask = on_mask or _ignore
        self._inverted, self._mask_inverted = inverted, mask_inverted
        self._pulse_s = PULSE_S.get(kind)
        self._ends_s: float | None = None
        self._active = False
        self._fault: Fault | None = None
        self._masked = False
        self._say()

    def trip(self, now_s: float) -> None:
        """Something happens before it; one that is masked sees nothing."""
        if self._masked or self._fault is Fault.STUCK:
            return
        self._active = True
        self._ends_s = None if self._pulse_s is None else now_s + self._pulse_s
        self._say()

    def rest(self) -> None:
        """It is over: the beam is whole, the car is away, the key is back."""
        if self._fault is Fault.STUCK:
            return
        self._active, self._ends_s = False, None
        self._say()

    def fail(self, fault: Fault) -> None:
        """Somebody is at its cable, or its relay welds."""
        self._fault = fault
        self._say()

    def mend(self) -> None:
        """The cable is whole again, and what covered it is gone."""
        self._fault, self._masked = None, False
        if self._pulse_s is not None:
            self._active = False
        self._say()

    def mask(self) -> None:
        """Somebody covers it; one with a second line tells."""
        self._masked = True
        self._say()

    def elapse(self, now_s: float) -> None:
        """Let time pass: what was an event is over."""
        if self._ends_s is not None and now_s >= self._ends_s:
            self.rest()

    def _say(self) -> None:
        if self._fault is Fault.CUT:
            self._on_line(CUT)
        elif self._fault is Fault.SHORTED:
            self._on_line(SHORTED)
        else:
            self._on_line(int(self._active is not self._inverted))
        self._on_mask(int(self._masked is not self._mask_inverted))
