"""The OSDP bus on a real serial port."""

import os
import time
from collections.abc import Callable

from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig
from drivers.serial_driver import SerialDriver


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
