"""Simulated readers that only ever speak: 125 kHz modules and a scanner. Sans-I/O.

Made from the data sheets and not from the driver's decoder; `serial_line` puts one on a pty. What
it says goes to `say`, as soon as it says it.
"""

from collections.abc import Callable

MS = 1_000_000

RDM6300_REPEAT_NS = 65 * MS  # measured: every 50 to 65 ms while the badge is in the field

Say = Callable[[bytes], object]


def rdm6300_frame(badge: bytes) -> bytes:
    """STX, ten digits, two of the checksum, ETX."""
    return b"\x02" + _digits(badge) + b"\x03"


def id12_frame(badge: bytes) -> bytes:
    """The same with CR and LF in front of the ETX (ID-12LA data sheet)."""
    return b"\x02" + _digits(badge) + b"\r\n\x03"


def _digits(badge: bytes) -> bytes:
    if len(badge) != 5:
        raise ValueError("an EM4100 badge has 5 bytes")
    checksum = 0
    for byte in badge:
        checksum ^= byte
    return (badge + bytes([checksum])).hex().upper().encode()


def _to_nobody(_said: bytes) -> None:
    """Nothing is connected."""


class TagModule:
    """A module with a field. `repeat_ns` None: it says a badge once, when it comes.

    Of several badges in the field it reads none: their answers collide.
    """

    def __init__(self, frame: Callable[[bytes], bytes], repeat_ns: int | None) -> None:
        self.say: Say = _to_nobody
        self._frame = frame
        self._repeat_ns = repeat_ns
        self._field: list[bytes] = []
        self._due_ns: int | None = None

    def hold(self, badge: bytes, now_ns: int) -> None:
        """A badge comes into the field."""
        self._field.append(badge)
        self._look(now_ns)

    def remove(self, badge: bytes, now_ns: int) -> None:
        """It is taken away."""
        self._field.remove(badge)
        self._look(now_ns)

    def receive(self, _data: bytes, _now_ns: int) -> bytes:
        """It hears nothing: its input is not connected."""
        return b""

    def deadline(self) -> int | None:
        """When it repeats itself."""
        return self._due_ns

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed."""
        if self._due_ns is not None and now_ns >= self._due_ns:
            self._look(now_ns)

    def _look(self, now_ns: int) -> None:
        alone = len(self._field) == 1
        repeats = alone and self._repeat_ns is not None
        self._due_ns = now_ns + (self._repeat_ns or 0) if repeats else None
        if alone:
            self.say(self._frame(self._field[0]))


def rdm6300() -> TagModule:
    """It repeats what is in its field."""
    return TagModule(rdm6300_frame, RDM6300_REPEAT_NS)


def id12() -> TagModule:
    """It says a badge once."""
    return TagModule(id12_frame, None)


class Scanner:
    """A scanner that ends every code by `end`, as it was set to."""

    def __init__(self, end: bytes = b"\r\n") -> None:
        self.say: Say = _to_nobody
        self._end = end

    def scan(self, code: str) -> None:
        """A code is held before it."""
        self.say(code.encode() + self._end)

    def receive(self, _data: bytes, _now_ns: int) -> bytes:
        """It could be set up so; nobody does."""
        return b""

    def deadline(self) -> int | None:
        """It has no timer."""
        return None

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed."""
