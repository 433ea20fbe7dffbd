"""A module or a scanner at a port of its own, as the people of a scenario use it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from drivers.badges import Badge, Code
from simulators.ascii_reader import Scanner, TagModule, id12, rdm6300
from simulators.serial_line import SerialLine, paced

HELD_S = 0.4
"""How long somebody holds a badge to a module."""

EM4100_BITS = 40
"""What a module can hear; any other card is nothing to it."""

DEVICES: Mapping[str, Callable[[], TagModule | Scanner]] = {
    "rdm6300": rdm6300,
    "id12": id12,
    "scanner": Scanner,
}
"""By the name of the driver."""


class Speaking:
    """`silent`: nobody hears it any more."""

    def __init__(self, driver: str, port: Path, baud: int) -> None:
        self._device = DEVICES[driver]()
        self._device.say = self._say
        self.line = SerialLine(port, self._device)
        self.line.treatment = paced(baud)
        self.silent = False

    def present(self, shown: Badge | Code) -> None:
        """Somebody holds something to it; what it cannot read does nothing."""
        match self._device, shown:
            case TagModule(), Badge(bits=bits, data=data) if bits == EM4100_BITS:
                self._device.hold(data, time.monotonic_ns())
                self.line.set_timer()
                asyncio.get_running_loop().call_later(HELD_S, self._remove, data)
            case Scanner(), Code(text=text):
                self._device.scan(text)
            case _:
                pass

    def press_keys(self, _keys: str) -> None:
        """It has none."""

    def color(self, _now_ns: int) -> int:
        """It has no light."""
        return 0

    def _say(self, said: bytes) -> None:
        if not self.silent:
            self.line.say(said)

    def _remove(self, badge: bytes) -> None:
        assert isinstance(self._device, TagModule), "it was held to one"
        self._device.remove(badge, time.monotonic_ns())
        self.line.set_timer()
