"""Frames of the readers that only speak, spoilt in every way, and judged beside a second opinion.

`fuzz` is what `make test` runs a slice of and `make campaign fuzz` a million frames.
"""

import random
import re
from collections.abc import Callable, Iterator

import msgspec

from drivers.api import BadgeUnread, CardRead, CodeRead, DeviceOnline, Fact
from drivers.ascii_serial.family import ID12, RDM6300, SCANNER
from drivers.ascii_serial.frames import Shown
from drivers.ascii_serial.presence import AWAY_NS, PRESENT_MAX
from drivers.ascii_serial.reader import Kind, Reader
from simulators.ascii_reader import id12_frame, rdm6300_frame
from tests.drivers.growth import Put

BUFFER_MAX = 257
"""What a decoder may hold: the longest code and one character more."""

FRAMES_A_STREAM = 40
RUN_MAX = 700


class Fuzzed(msgspec.Struct):
    """How much there was: `shown` are frames that count, in the opinion of both."""

    frames: int = 0
    shown: int = 0
    read: int = 0


class Subject(msgspec.Struct, frozen=True):
    """One kind of reader: a true frame, and what a stream shows in the eyes of somebody else."""

    kind: Kind
    frame: Callable[[random.Random], bytes]
    opinion: Callable[[bytes], list[bytes]]


def _badges(tail: bytes) -> Callable[[bytes], list[bytes]]:
    whole = re.compile(rb"\x02([0-9A-Fa-f]{12})" + re.escape(tail))

    def opinion(stream: bytes) -> list[bytes]:
        found = [bytes.fromhex(digits.decode()) for digits in whole.findall(stream)]
        return [b[:5] for b in found if b[0] ^ b[1] ^ b[2] ^ b[3] ^ b[4] == b[5]]

    return opinion


def _codes(stream: bytes) -> list[bytes]:
    lines = stream.replace(b"\r", b"\n").split(b"\n")[:-1]
    return [line for line in lines if re.fullmatch(rb"[ -~]{1,256}", line)]


def _line(source: random.Random) -> bytes:
    letters = bytes(source.choices(range(0x20, 0x7F), k=source.choice((1, 8, 40, 255, 256, 257))))
    return letters + source.choice((b"\r", b"\n", b"\r\n"))


SUBJECTS = {
    "rdm6300": Subject(RDM6300, lambda s: rdm6300_frame(s.randbytes(5)), _badges(b"\x03")),
    "id12": Subject(ID12, lambda s: id12_frame(s.randbytes(5)), _badges(b"\r\n\x03")),
    "scanner": Subject(SCANNER, _line, _codes),
}


def fuzz(name: str, seed: int, frames: int) -> Fuzzed:
    """Put so many frames to one kind of reader. Raises AssertionError."""
    subject, source, tally = SUBJECTS[name], random.Random(f"{name} {seed}"), Fuzzed()
    while tally.frames < frames:
        stream = b"".join(
            _spoilt(subject.frame(source), source)
            for _ in range(min(FRAMES_A_STREAM, frames - tally.frames))
        )
        tally.frames += min(FRAMES_A_STREAM, frames - tally.frames)
        expected = subject.opinion(stream)
        tally.shown += len(expected)
        assert _decoded(subject, stream, source) == expected
        tally.read += _read(subject, stream, set(expected), source)
    return tally


def _target(name: str) -> Callable[[int, int], str]:
    def target(seed: int, frames: int) -> str:
        tally = fuzz(name, seed, frames)
        return f"{tally.shown} whole, {tally.read} read in time"

    return target


def _lasting(name: str) -> Callable[[int], Put]:
    def lasting(seed: int) -> Put:
        subject, source = SUBJECTS[name], random.Random(f"{name} for good {seed}")
        reader, now_ns = Reader("r1", subject.kind), 0
        reader.start(now_ns, lambda command: True)

        def put(frames: int) -> None:
            nonlocal now_ns
            for _ in range(frames):
                stream = _spoilt(subject.frame(source), source)
                now_ns, _ = _heard(reader, stream, now_ns, source)

        return put

    return lasting


TARGETS = {name: _target(name) for name in SUBJECTS}
"""For `make campaign fuzz`: put so many frames of a seed, and tell what there was."""

LASTING = {name: _lasting(name) for name in SUBJECTS}
"""For the same: one reader for good, of a seed, to which so many frames more are put."""


def _pieces(stream: bytes, source: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        size = source.choice((1, 2, 7, 16, 300))
        yield stream[at : at + size]
        at += size


def _decoded(subject: Subject, stream: bytes, source: random.Random) -> list[bytes]:
    """What the decoder shows of it, however it arrives."""
    decoder, found = subject.kind.decoder(), []
    for piece in _pieces(stream, source):
        found += [heard.value for heard in decoder.feed(piece) if isinstance(heard, Shown)]
        held = getattr(decoder, "_frame", b"") or getattr(decoder, "_line", b"")
        assert len(held) <= BUFFER_MAX
    return found


def _read(subject: Subject, stream: bytes, shown: set[bytes], source: random.Random) -> int:
    """What the reader makes of it in time: nothing that was not shown, and not too much."""
    reader = Reader("r1", subject.kind)
    reader.start(0, lambda command: True)
    now_ns, facts = _heard(reader, stream, 0, source)
    values = [
        fact.data if isinstance(fact, CardRead) else fact.text.encode()
        for fact in facts
        if isinstance(fact, CardRead | CodeRead)
    ]
    assert set(values) <= shown
    assert len(values) <= PRESENT_MAX * (now_ns // AWAY_NS + 1)
    others = {type(fact) for fact in facts} - {CardRead, CodeRead}
    assert others <= {DeviceOnline, BadgeUnread}
    return len(values)


def _heard(
    reader: Reader, stream: bytes, now_ns: int, source: random.Random
) -> tuple[int, list[Fact]]:
    """What the reader tells of it, and when it was over."""
    facts = list[Fact]()
    for piece in _pieces(stream, source):
        now_ns += source.choice((0, 0, 1_000_000, 20_000_000, 300_000_000, 600_000_000))
        reader.receive(piece, now_ns)
        reader.handle_deadline(now_ns)
        while (fact := reader.next_fact()) is not None:
            facts.append(fact)
    return now_ns, facts


def _spoilt(frame: bytes, source: random.Random) -> bytes:
    """A frame as it is, or something that was one."""
    at, other = source.randrange(len(frame)), source.randrange(256)
    match source.randrange(12):
        case 0:
            return frame[:at] + bytes([frame[at] ^ 1 << source.randrange(8)]) + frame[at + 1 :]
        case 1:
            return frame[:at] + bytes([other]) + frame[at + 1 :]
        case 2:
            return frame[:at] + frame[at + 1 :]
        case 3:
            return frame[:at] + bytes([other]) + frame[at:]
        case 4:
            return frame[:at]
        case 5:
            return frame[at:]
        case 6:
            return frame[:at] + frame
        case 7:
            return frame + frame[at:]
        case 8:
            return source.randbytes(source.randrange(40))
        case 9:
            return bytes([source.choice(b"\x02\x03\r\n0AZ\xff")]) * source.randrange(RUN_MAX)
        case _:
            return frame
