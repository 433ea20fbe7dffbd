"""A simulated LCUS USB relay board, with the firmware that answers or with the one that never does.

Sans-I/O. It takes bytes as they come and forgets a command whose sum is wrong.
"""

from collections.abc import Callable
from pathlib import Path

from drivers.family import LineSpec
from drivers.family import SerialLine as SerialOptions
from drivers.lcus.family import LcusDevice
from simulators.serial_line import SerialLine

_START, _QUERY = 0xA0, 0xFF
_LENGTH = 4


def _ignore_output(number: int, on: bool) -> None:
    """Nothing is wired to the relay."""


class SimulatedBoard:
    """One board. `stuck`: relays that do not move. `on_output(number, on)`: at every change."""

    def __init__(
        self,
        relays: int,
        *,
        answers: bool = True,
        on_output: Callable[[int, bool], None] = _ignore_output,
    ) -> None:
        self.outputs = [False] * relays
        self.stuck: set[int] = set()
        self.on_output = on_output
        self._answers = answers
        self._heard = bytearray()

    def deadline(self) -> int | None:
        """It has no timers."""
        return None

    def handle_deadline(self, now_ns: int) -> None:
        """It has no timers."""

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """What it answers, if it is one that does."""
        answer = b""
        for byte in data:
            if not self._heard and byte == _QUERY:
                answer += self._states()
            elif self._heard or byte == _START:
                self._heard.append(byte)
            if len(self._heard) == _LENGTH:
                self._obey(bytes(self._heard))
                self._heard.clear()
        return answer

    def _states(self) -> bytes:
        if not self._answers:
            return b""
        lines = [f"CH{n}:{'ON' if on else 'OFF'} \r\n" for n, on in enumerate(self.outputs, 1)]
        return "".join(lines).encode()

    def _obey(self, command: bytes) -> None:
        number, on = command[1] - 1, command[2] == 1
        if sum(command[:3]) & 0xFF != command[3] or not 0 <= number < len(self.outputs):
            return
        if self.outputs[number] is not on and number not in self.stuck:
            self.outputs[number] = on
            self.on_output(number, on)


def board_line(spec: LineSpec) -> SerialLine:
    """The board of a site file's line, at its port; nothing hangs on its relays."""
    (device,) = spec.devices
    options, line = device.options, spec.options
    assert isinstance(options, LcusDevice), "the family's own device"
    assert isinstance(line, SerialOptions), "the family's own line"
    return SerialLine(Path(line.port), SimulatedBoard(options.outputs, answers=options.answers))
