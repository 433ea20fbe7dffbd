"""A simulated Modbus relay and input module, with timed outputs as Waveshare's have them.

Sans-I/O and on a codec of its own, so that it and the driver cannot be wrong in the same way:
Modbus application protocol 1.1b3, Modbus over serial line 1.02, and Waveshare's "Modbus RTU Relay",
development protocol V2, for the timed writes.
"""

import struct
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

MS = 1_000_000
FRAME_GAP_NS = 20 * MS  # what began and went no further is dropped before the next question
LOG_MAX = 256

_READS = {1: "outputs", 2: "inputs"}
_WRITE = 5
_FLASH = {0x0200: True, 0x0400: False}
_STEP_NS = 100 * MS
_ON, _OFF = 0xFF00, 0x0000
_NO_FUNCTION, _NO_ADDRESS, _NO_VALUE = 1, 2, 3


class _Output(msgspec.Struct):
    on: bool = False
    back_ns: int | None = None
    back_to: bool = False


def _ignore_output(number: int, on: bool) -> None:
    """Nothing is wired to the output."""


class SimulatedModule:
    """One module at an address.

    `flash` false: it has no timed writes. `timer_survives` true: setting an output for good does
    not stop a timer that runs on it; no manual says which it is. `stuck` holds outputs whose relay
    does not move though it says that it did. `on_output(number, on)` is called at every change.
    """

    def __init__(
        self,
        address: int,
        *,
        inputs: int = 8,
        outputs: int = 8,
        flash: bool = True,
        timer_survives: bool = False,
        on_output: Callable[[int, bool], None] = _ignore_output,
    ) -> None:
        self.address = address
        self.on_output = on_output
        self.inputs = [False] * inputs
        self.stuck: set[int] = set()
        self.silent = False
        self.asked: deque[tuple[int, bytes]] = deque(maxlen=LOG_MAX)
        self._outputs = [_Output() for _ in range(outputs)]
        self._flash, self._timer_survives = flash, timer_survives
        self._heard = b""
        self._heard_ns = 0

    @property
    def spoken_to(self) -> bool:
        """Whether a panel has ever asked it something."""
        return bool(self.asked)

    def set_input(self, number: int, active: bool | int) -> None:
        """A contact changes. A cut line (3) reads as an open one, a short (2) as a closed one."""
        self.inputs[number] = int(active) in {1, 2}

    @property
    def outputs(self) -> tuple[bool, ...]:
        """The relays as they are."""
        return tuple(output.on for output in self._outputs)

    def restart(self) -> None:
        """Its power was away: all relays have fallen off."""
        for number in range(len(self._outputs)):
            self._set(number, on=False)
            self._outputs[number].back_ns = None

    def deadline(self) -> int | None:
        """When its next timer ends."""
        return min((o.back_ns for o in self._outputs if o.back_ns is not None), default=None)

    def handle_deadline(self, now_ns: int) -> None:
        """Timers that have ended set their outputs back."""
        for number, output in enumerate(self._outputs):
            if output.back_ns is not None and output.back_ns <= now_ns:
                output.back_ns = None
                self._set(number, on=output.back_to)

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """What it answers; nothing to what is damaged or said to others."""
        self.handle_deadline(now_ns)
        if now_ns - self._heard_ns > FRAME_GAP_NS:
            self._heard = b""
        self._heard_ns = now_ns
        self._heard += data
        if len(self._heard) < 8:
            return b""
        frame, self._heard = self._heard[:8], b""  # all three questions have eight bytes
        if crc(frame[:6]) != frame[6:] or frame[0] != self.address or self.silent:
            return b""
        self.asked.append((now_ns, frame))
        function, address, value = struct.unpack(">BHH", frame[1:6])
        body = self._answer(function, address, value, now_ns)
        answer = bytes([self.address]) + body
        return answer + crc(answer)

    def _answer(self, function: int, address: int, value: int, now_ns: int) -> bytes:
        if function in _READS:
            states = self.outputs if _READS[function] == "outputs" else tuple(self.inputs)
            if address + value > len(states) or not value:
                return bytes([function | 0x80, _NO_ADDRESS])
            asked = states[address : address + value]
            number = sum(1 << place for place, on in enumerate(asked) if on)
            packed = number.to_bytes((value + 7) // 8, "little")
            return bytes([function, len(packed)]) + packed
        if function != _WRITE:
            return bytes([function | 0x80, _NO_FUNCTION])
        problem = self._write(address, value, now_ns)
        if problem:
            return bytes([function | 0x80, problem])
        return struct.pack(">BHH", function, address, value)

    def _write(self, address: int, value: int, now_ns: int) -> int:
        number, base = address & 0xFF, address & 0xFF00
        if number >= len(self._outputs) or (base and not (self._flash and base in _FLASH)):
            return _NO_ADDRESS
        output = self._outputs[number]
        if base:
            output.back_ns, output.back_to = now_ns + value * _STEP_NS, not _FLASH[base]
            self._set(number, on=_FLASH[base])
            return 0
        if value not in {_ON, _OFF}:
            return _NO_VALUE
        if not self._timer_survives:
            output.back_ns = None
        self._set(number, on=value == _ON)
        return 0

    def _set(self, number: int, *, on: bool) -> None:
        output = self._outputs[number]
        if output.on is not on and number not in self.stuck:
            output.on = on
            self.on_output(number, on)


class Modules:
    """Several modules on one line, `simulators.serial_line.Peer`."""

    def __init__(self, modules: Sequence[SimulatedModule]) -> None:
        self.modules = tuple(modules)

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """What the one that was asked answers."""
        return b"".join(module.receive(data, now_ns) for module in self.modules)

    def deadline(self) -> int | None:
        """When the next timer of any of them ends."""
        times = [due for module in self.modules if (due := module.deadline()) is not None]
        return min(times, default=None)

    def handle_deadline(self, now_ns: int) -> None:
        """Timers that have ended set their outputs back."""
        for module in self.modules:
            module.handle_deadline(now_ns)


def crc(data: bytes) -> bytes:
    """The two check bytes as they are sent (serial line 1.02 clause 6.2.2)."""
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xA001 if remainder & 1 else 0)
    return remainder.to_bytes(2, "little")
