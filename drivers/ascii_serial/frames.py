"""What readers that only ever speak put on the wire: bytes in, badges and codes out.

EM4100 modules: STX, ten hexadecimal digits, two of a checksum, then ETX (RDM6300) or CR LF ETX
(ID-12LA data sheet, "output data structure - ASCII"). The checksum is the XOR of the five bytes.
Scanners: a line of characters with CR, LF or both behind it, and no checksum.
"""

import re
from functools import reduce
from operator import xor
from typing import Protocol

import msgspec

from drivers.api import CODE_CHARACTERS_MAX

STX, ETX = b"\x02", b"\x03"
RDM6300_TAIL = b"\x03"
ID12_TAIL = b"\r\n\x03"

_DIGITS = 12
_TELLING = 6  # so many digits behind a start are no noise: somebody has shown a badge
_MASK = b"*"

_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")
_LINE_END = re.compile(rb"[\r\n]")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_EDGE = re.compile(rb"[\x02\x03]")
_CONTENT = re.compile(rb"[^\x02\x03\r\n]")


class Heard(msgspec.Struct, frozen=True):
    """Something that was said. `masked`: its bytes with the frame's alone to be seen."""

    masked: bytes


class Shown(Heard, frozen=True):
    """A badge's five bytes, or a code's characters. Secret: no repr shows them."""

    value: bytes

    def __repr__(self) -> str:
        return "Shown(value=…)"


class Spoilt(Heard, frozen=True):
    """Somebody has shown something and it did not arrive whole. `reason` is for people to read."""

    reason: str


class Noise(Heard, frozen=True):
    """Bytes that nobody's badge or code was in."""


CHECKSUM = "its checksum is wrong: interference on the cable, or the badge was moved too fast"
BROKEN = "its frame is broken: interference on the cable, or the reader lost its power"
NO_END = "the code has no end: set the scanner to end each by CR, LF or both"
TOO_LONG = f"the code has more than {CODE_CHARACTERS_MAX} characters"
STRANGE = "the code has characters other than printable ASCII"


class Decoder(Protocol):
    """One reader's bytes. It keeps what has begun, bounded, and nothing that was handed out."""

    @property
    def is_open(self) -> bool:
        """Whether something has begun that has not ended."""
        ...

    def feed(self, data: bytes) -> list[Heard]:
        """What these bytes have ended, in order."""
        ...

    def cut(self) -> list[Heard]:
        """Nothing will go on with what has begun: forget it and say what it was."""
        ...


class TagDecoder:
    """Frames of an EM4100 module. `tail`: what stands behind the digits.

    A start ends whatever began before it. A digit may be of either case.
    """

    def __init__(self, tail: bytes) -> None:
        self._tail = tail
        self._frame = bytearray()

    @property
    def is_open(self) -> bool:
        return bool(self._frame)

    def feed(self, data: bytes) -> list[Heard]:
        """See `Decoder.feed`."""
        found: list[Heard] = []
        noise = b""
        while data:
            if self._frame:
                data = self._go_on(data, found)
            else:
                silence, start, data = data.partition(STX)
                noise += silence
                self._frame += start
        return [*found, Noise(_masked(noise))] if noise else found

    def _go_on(self, data: bytes, found: list[Heard]) -> bytes:
        """Take what belongs to the frame that has begun; returns the rest."""
        room = 1 + _DIGITS + len(self._tail) - len(self._frame)
        edge = _EDGE.search(data, 0, room)
        if edge is None:
            self._frame += data[:room]
            if len(data) >= room:
                found += self.cut()
            return data[room:]
        if edge[0] == ETX:
            self._frame += data[: edge.end()]
            found.append(self._ended())
            return data[edge.end() :]
        self._frame += data[: edge.start()]
        found += self.cut()
        return data[edge.start() :]

    def cut(self) -> list[Heard]:
        """See `Decoder.cut`."""
        frame = self._take()
        if not frame:
            return []
        digits = frame[1 : 1 + _TELLING]
        told = len(digits) == _TELLING and _HEXADECIMAL.fullmatch(digits)
        return [Spoilt(_masked(frame), BROKEN) if told else Noise(_masked(frame))]

    def _ended(self) -> Heard:
        digits, tail = self._frame[1 : 1 + _DIGITS], self._frame[1 + _DIGITS :]
        if tail != self._tail:
            return self.cut()[0]
        masked = _masked(self._take())
        if not _HEXADECIMAL.fullmatch(digits):
            return Spoilt(masked, BROKEN)
        *value, checksum = bytes.fromhex(digits.decode("ascii"))
        if reduce(xor, value) != checksum:
            return Spoilt(masked, CHECKSUM)
        return Shown(masked, bytes(value))

    def _take(self) -> bytes:
        frame = bytes(self._frame)
        self._frame.clear()
        return frame


class CodeDecoder:
    """Lines of a scanner. One that is too long is dropped whole."""

    def __init__(self) -> None:
        self._line = bytearray()

    @property
    def is_open(self) -> bool:
        return bool(self._line)

    def feed(self, data: bytes) -> list[Heard]:
        """See `Decoder.feed`."""
        *ended, rest = _LINE_END.split(data)
        found: list[Heard] = []
        for part in ended:
            self._append(part)
            found += self._close(has_end=True)
        self._append(rest)
        return found

    def cut(self) -> list[Heard]:
        """See `Decoder.cut`."""
        return self._close(has_end=False)

    def _append(self, part: bytes) -> None:
        """One character too many is kept, to know that there were too many."""
        self._line += part[: CODE_CHARACTERS_MAX + 1 - len(self._line)]

    def _close(self, *, has_end: bool) -> list[Heard]:
        line = bytes(self._line)
        self._line.clear()
        if not line:
            return []  # between CR and LF
        masked = _masked(line)
        if not _UNPRINTABLE.sub(b"", line):
            return [Noise(masked)]
        if len(line) > CODE_CHARACTERS_MAX:
            return [Spoilt(masked, TOO_LONG)]
        if not has_end:
            return [Spoilt(masked, NO_END)]
        if _UNPRINTABLE.search(line):
            return [Spoilt(masked, STRANGE)]
        return [Shown(masked, line)]


def _masked(data: bytes | bytearray) -> bytes:
    """Everything but what frames can be made of: a digit of a broken frame is a badge's as well."""
    return _CONTENT.sub(_MASK, data)
