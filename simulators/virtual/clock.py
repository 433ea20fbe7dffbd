"""The clocks of a virtual machine: monotonic since its boot, and a wall clock that can be wrong."""

from controller.moment import MILLISECOND_US, Moment
from edge.clock import STEP_US
from simulators.virtual.loop import virtual_loop


class VirtualClock:
    """`edge.daemon.Clock` of one machine, which goes on while its daemon is dead."""

    def __init__(self, utc_us: int, boot_us: int) -> None:
        """What a right wall clock and the monotonic clock show when the loop is at zero."""
        self._loop = virtual_loop()
        self._start_us = utc_us
        self._boot_us = boot_us
        self._wrong_us = 0
        self._seen_wrong_us = 0
        self.disciplined = True
        """Whether a time service says that the wall clock is right."""

    def mono_ns(self) -> int:
        return self._loop.now_ns() + self._boot_us * 1_000

    def moment(self) -> Moment:
        utc_us = self._start_us + self._loop.now_ns() // 1_000 + self._wrong_us
        return Moment(
            mono_us=self.mono_ns() // 1_000, utc_us=max(0, utc_us), trusted=self.disciplined
        )

    def trusted(self) -> bool:
        return self.disciplined

    def stepped_ms(self) -> int:
        """As `edge.clock.SystemClock.stepped_ms`."""
        jump_us, self._seen_wrong_us = self._wrong_us - self._seen_wrong_us, self._wrong_us
        return jump_us // MILLISECOND_US if abs(jump_us) >= STEP_US else 0

    def step(self, by_us: int) -> None:
        """Somebody sets the wall clock, right if `by_us` is 0."""
        self._wrong_us = by_us

    def reboot(self, boot_us: int) -> None:
        """The machine starts again: its monotonic clock begins anew."""
        self._boot_us = boot_us - self._loop.now_ns() // 1_000
