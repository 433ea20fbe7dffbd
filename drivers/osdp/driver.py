"""The OSDP bus on a real serial port."""

import os
import time
from collections.abc import Callable

from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig
from drivers.serial_driver import SerialDriver
from drivers.serial_port import SerialPort
from drivers.upkeep import Upkeep


class OsdpDriver(SerialDriver):
    """One OSDP line, `drivers.api.Driver`. `entropy(n)` returns n unpredictable bytes."""

    def __init__(
        self,
        config: LineConfig,
        entropy: Callable[[int], bytes] = os.urandom,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._bus = Bus(config, entropy)
        super().__init__(self._bus, config.port, config.baud, clock_ns)

    def upkeep(self, order: Upkeep) -> None:
        """See `drivers.upkeep.Maintained`."""
        self._bus.upkeep(order, self._clock_ns())
        self._look()

    def _turn(self, port: SerialPort) -> None:
        port.set_baud(self._bus.baud)
        super()._turn(port)
