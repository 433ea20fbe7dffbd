"""OSDP replies spoilt in every way, put to a panel at every moment of a link's life.

The reader stays as it is: nobody shows a card, presses a key or gives a command. So whatever else
the panel tells than that the reader came and went was made of noise. Only that it does not prove
its key can anybody on the line make up, twice: it alarms, and the reader comes back by itself.
"""

import random
from collections.abc import Callable, Iterator

import msgspec

from drivers.api import (
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Hold,
    InputsReported,
    InputState,
    Outcome,
    OutputsReported,
    ProtocolViolated,
    Spoken,
    TamperReported,
)
from drivers.osdp.frame import BUFFER_MAX, Block, Frame, carries_mac, crc16, encode
from drivers.upkeep import DeviceChanged
from tests.drivers.growth import Put
from tests.drivers.osdp.moments import (
    KNOWN,
    between_polls,
    command_on_the_wire,
    offline,
    stopped_after,
)
from tests.drivers.osdp.world import World

STREAM = 120
RUN_EVERY = 12
LIVELY_EVERY = 10
SECONDS_TO_RETURN = 4
TAPE_MAX = 60
OTHER_FACTS = (DeviceOnline, DeviceOffline, ProtocolViolated, CommandEnded)

MOMENTS: tuple[Callable[[], World], ...] = (
    *(lambda number=number: stopped_after(number) for number in range(12)),  # type: ignore[misc]
    command_on_the_wire,
    between_polls,
    offline,
)


class Fuzzed(msgspec.Struct):
    """How much there was, and how often the panel said that it did not believe it."""

    frames: int = 0
    shown: int = 0
    violations: int = 0
    sessions: int = 0


def fuzz(seed: int, frames: int) -> Fuzzed:
    """Put so many spoilt frames to panels. Raises AssertionError."""
    source, tally, streams = random.Random(f"osdp {seed}"), Fuzzed(), 0
    while tally.frames < frames:
        world = source.choice(MOMENTS)()
        seen: list[Spoken] = []
        world.bus.tap = seen.append
        number = min(STREAM, frames - tally.frames)
        _put(world, number, source)
        _check(world)
        streams += 1
        if streams % LIVELY_EVERY == 0 or world.of(DeviceChanged):
            _is_well_again(world)
        tally.frames += number
        tally.shown += len(seen)
        tally.violations += len(world.of(ProtocolViolated))
        tally.sessions += len(world.of(DeviceOnline))
    return tally


def _target(seed: int, frames: int) -> str:
    tally = fuzz(seed, frames)
    return f"{tally.shown} seen, {tally.violations} violations, {tally.sessions} true sessions"


TARGETS = {"osdp": _target}
"""For `make campaign fuzz`."""


def lasting(seed: int) -> Put:
    """One panel for good. Between the noise its reader is there again, and obeys."""
    source, world = random.Random(f"osdp for good {seed}"), between_polls()
    world.bus.tap = lambda spoken: None

    def put(frames: int) -> None:
        for done in range(0, frames, STREAM):
            world.submit(Hold(1, on=source.random() < 0.5))
            _put(world, min(STREAM, frames - done), source)
            _check(world)
            if done // STREAM % LIVELY_EVERY == 0 or world.of(DeviceChanged):
                _is_well_again(world)
            _forget(world)

    return put


LASTING = {"osdp": lasting}
"""For the same: what has heard all frames of before, of which it has to keep nothing."""


def _forget(world: World) -> None:
    """What the world keeps for tests; of the tape the latest, which is of this session."""
    for kept in (world.facts, world.kept, world.sent, world.asked, world.readers[1].executed):
        kept.clear()
    del world.heard[:-TAPE_MAX]


def _put(world: World, number: int, source: random.Random) -> None:
    tape = [raw.lstrip(b"\xff") for raw in world.heard]
    for place in range(number):
        for piece in _pieces(_spoilt(tape, source), source):
            world.bus.receive(piece, world.now_ns)
            assert len(world.bus._decoder) <= BUFFER_MAX
        if place % RUN_EVERY == RUN_EVERY - 1:
            world.run(source.choice((1, 5, 60, 250)))


def _check(world: World) -> None:
    """Nothing but the coming and going of a reader at rest."""
    world.run(1)
    confirmed = [end for end in world.of(CommandEnded) if end.outcome is Outcome.CONFIRMED]
    # What the reader did say is on the tape as well, and true wherever it comes late.
    assert len(confirmed) <= len(world.readers[1].executed) <= 2
    for fact in world.facts:
        if isinstance(fact, InputsReported):
            assert set(fact.states) <= {InputState.INACTIVE}, fact
        elif isinstance(fact, OutputsReported):
            assert fact.states in {(False, False), (False, True), (True, True)}, fact
        elif isinstance(fact, TamperReported):
            assert not fact.tampered, fact
        elif isinstance(fact, DeviceChanged):
            assert fact.reason.endswith("pair it again"), fact
        else:
            assert isinstance(fact, OTHER_FACTS), fact


def _is_well_again(world: World) -> None:
    """When the noise is over a card is read."""
    world.readers[1].silent = False
    world.to_panel = lambda data: data
    world.run(1_000 * SECONDS_TO_RETURN)
    world.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    before = len(world.facts)
    world.run(500)
    assert any(getattr(fact, "data", b"") == b"\xde\xad\xbe\xc0" for fact in world.facts[before:])


def _pieces(raw: bytes, source: random.Random) -> Iterator[bytes]:
    size = source.choice((len(raw) or 1, len(raw) or 1, 1, 5))
    return (raw[at : at + size] for at in range(0, len(raw), size))


def _spoilt(tape: list[bytes], source: random.Random) -> bytes:
    """Something that was a reply, or never was one."""
    if not tape or source.random() < 0.3:
        return _built(source)
    raw = source.choice(tape)
    at = source.randrange(len(raw))
    match source.randrange(10):
        case 0:
            return _flipped(raw, at, source)
        case 1:
            return raw[:at]
        case 2:
            return raw[at:]
        case 3:
            return raw[:at] + source.randbytes(1) + raw[at:]
        case 4:
            return raw[:at] + raw
        case 5:
            return source.randbytes(source.randrange(60))
        case 6:
            return b"\x53" * source.randrange(1, 400)
        case 7:
            return b"\x53\x81" + source.randbytes(3) + raw
        case 8:
            return raw
        case _:
            return _checked(_flipped(raw, at, source))


def _flipped(raw: bytes, at: int, source: random.Random) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1 << source.randrange(8)]) + raw[at + 1 :]


def _checked(raw: bytes) -> bytes:
    """With the check that these bytes have: no noise, but somebody's doing."""
    return raw[:-2] + crc16(raw[:-2]).to_bytes(2, "little")


def _built(source: random.Random) -> bytes:
    """A whole reply as somebody without a key builds it."""
    block = source.choice((None, None, *Block, source.randrange(256)))
    code, data = source.choice(KNOWN)
    if source.random() < 0.3:
        code = source.randrange(256)
    if source.random() < 0.3:
        data = source.randbytes(source.choice((0, 1, 2, 7, 12, 16, 32, 1_000)))
    return encode(
        Frame(
            address=source.choice((1, 1, 1, 2, 0x7F)),
            is_reply=source.random() < 0.97,
            sequence=source.randrange(4),
            code=code,
            data=data,
            block=block,
            block_data=b"" if block is None else source.choice((b"", b"\x00", b"\x01")),
            mac=source.randbytes(4) if carries_mac(block) else b"",
            uses_crc=source.random() < 0.9,
        )
    )
