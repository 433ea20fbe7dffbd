"""The one place where the edge asks for the time."""

import ctypes
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from controller.moment import MILLISECOND_US, Moment

STEP_US = 2_000_000
"""Wall time that moves this far against monotonic time was set, not drifting."""

_TIME_ERROR = 5
"""adjtimex(2): the kernel's clock is not synchronised."""


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class BootTime(NamedTuple):
    """Seconds since the machine's start, sleep included, and which start: wall time may jump."""

    boot: str
    at_s: float


def boot_time() -> BootTime:
    """Now. Where the machine does not tell its starts apart, all are one."""
    try:
        boot = BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot = ""
    return BootTime(boot, time.clock_gettime(time.CLOCK_BOOTTIME))


class Trust(StrEnum):
    """When wall time is believed."""

    SYNCHRONISED = "synchronised"  # while the kernel says that a time service disciplines it
    ALWAYS = "always"  # where nothing tells, as on an isolated demonstration


class SystemClock:
    """Monotonic and wall time of this machine, and whether the latter is to be trusted."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._skew_us = self._skew()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def moment(self) -> Moment:
        return Moment(
            mono_us=time.monotonic_ns() // 1_000,
            utc_us=time.time_ns() // 1_000,
            trusted=self.trusted(),
        )

    def trusted(self) -> bool:
        if self._trust is Trust.ALWAYS:
            return True
        # struct timex is larger than this on no Linux; zeroed, it asks and changes nothing.
        state: int = self._libc.adjtimex(ctypes.create_string_buffer(256))
        return 0 <= state < _TIME_ERROR

    def stepped_ms(self) -> int:
        """How far wall time jumped since the last call, in ms; 0 for anything a drift explains."""
        skew = self._skew()
        jump_us, self._skew_us = skew - self._skew_us, skew
        return jump_us // MILLISECOND_US if abs(jump_us) >= STEP_US else 0

    @staticmethod
    def _skew() -> int:
        return (time.time_ns() - time.monotonic_ns()) // 1_000
