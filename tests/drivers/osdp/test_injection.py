"""Somebody on the line without any key: every forged reply at every moment of a link's life.

The line is stopped at a moment, then each reply code comes with each kind of security block, as
somebody builds it who knows everything but the key. Inside a session nothing of it may count.
Before one it may do what silence and noise can: end the attempt. It never makes a fact, never a
session, and never ends a command.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from drivers.api import (
    CardRead,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    OutputsReported,
    ProtocolViolated,
    Pulse,
)
from drivers.osdp import messages as osdp
from drivers.osdp.frame import NEED_MORE, Block, Frame, FrameDecoder, carries_mac, encode
from drivers.osdp.messages import ReplyCode
from drivers.osdp.secure import Session
from drivers.osdp.states import State
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.moments import (
    KNOWN,
    between_polls,
    command_on_the_wire,
    offline,
    stopped_after,
)
from tests.drivers.osdp.world import MS, World, key_of

BLOCKS = [None, *Block, 0x00, 0x10, 0x19, 0x20, 0xFF]
BLOCK_DATA = (b"", b"\x00", b"\x01")

UNKNOWN = [(code, bytes(range(16))) for code in range(256) if code not in {c for c, _ in KNOWN}]
CONTENTS = [*KNOWN, *UNKNOWN]


def forged(sequence: int, contents: list[tuple[int, bytes]] = CONTENTS) -> Iterator[bytes]:
    """Every reply that somebody without a key can build with this sequence number."""
    for block in BLOCKS:
        for code, data in contents:
            variants = BLOCK_DATA if block is not None and (code, data) in KNOWN else (b"",)
            for block_data in variants:
                yield encode(
                    Frame(
                        address=1,
                        is_reply=True,
                        sequence=sequence,
                        code=code,
                        data=data,
                        block=block,
                        block_data=block_data if block is not None else b"",
                        mac=bytes(4) if carries_mac(block) else b"",
                    )
                )


REPLIES_BEFORE_SESSION = 4
REPLIES_BEFORE_POLLS = 11
BEFORE: dict[str, Callable[[], World]] = {
    "identity awaited": lambda: stopped_after(0),
    "capabilities awaited": lambda: stopped_after(1),
    "its cryptogram awaited": lambda: stopped_after(2),
    "its first MAC awaited": lambda: stopped_after(3),
}
# The one reply that a moment before the session can have, with its security block: whoever says it
# moves the handshake on, or ends it with a wrong proof.
FITTING: dict[str, tuple[int, int | None]] = {
    "identity awaited": (ReplyCode.PDID, None),
    "capabilities awaited": (ReplyCode.PDCAP, None),
    "its cryptogram awaited": (ReplyCode.CCRYPT, Block.READER_CRYPTOGRAM),
    "its first MAC awaited": (ReplyCode.RMAC_I, Block.INITIAL_MAC),
}
INSIDE: dict[str, Callable[[], World]] = {
    **{
        f"answer {number} of the session awaited": lambda number=number: stopped_after(number)  # type: ignore[misc]
        for number in range(REPLIES_BEFORE_SESSION, REPLIES_BEFORE_POLLS)
    },
    "a command awaits its answer": command_on_the_wire,
    "between two polls": between_polls,
    "offline": offline,
}


def standing(world: World) -> tuple[object, ...]:
    """All that a believed reply would change."""
    link, session = world.bus._links[0], world.bus._links[0]._session
    pending = link._pending
    return (
        link.state,
        link._sequence,
        link._last_good_ns,
        None if pending is None else (pending.raw, pending.sequence, pending.command),
        None if session is None else (session._reply_mac, session._command_mac),
        [command.id for _, _, command in sorted(link._queue._heap)],
        world.bus._speaking is link,
        link._tell.told_online,
    )


def facts_of(world: World) -> list[Fact]:
    found = []
    while (fact := world.bus.next_fact()) is not None:
        found.append(fact)
    return found


def awaited(world: World) -> int:
    pending = world.bus._links[0]._pending
    return 0 if pending is None else pending.sequence


@pytest.mark.parametrize("moment", INSIDE)
def test_nothing_forged_counts_inside_a_session_nor_when_nothing_is_asked(moment: str) -> None:
    world = INSIDE[moment]()
    facts_of(world)
    before = standing(world)
    assert (before[4] is not None) == (moment != "offline")
    tried = 0
    for raw in forged(awaited(world)):
        tried += 1
        world.bus.receive(raw, world.now_ns)
        assert standing(world) == before, raw.hex()
        told = [fact for fact in facts_of(world) if not isinstance(fact, ProtocolViolated)]
        assert told == [], raw.hex()
    assert tried > 3_000


@pytest.mark.parametrize("moment", [*BEFORE, *INSIDE])
def test_nothing_out_of_step_counts(moment: str) -> None:
    """With another sequence number than the one that is owed, not even a refusal counts."""
    world = (BEFORE | INSIDE)[moment]()
    facts_of(world)
    before = standing(world)
    said_before = [raw for raw in world.heard if raw != world.heard[-1]]
    for sequence in {0, 1, 2, 3} - {awaited(world)}:
        for raw in [*forged(sequence, KNOWN), *said_before]:
            world.bus.receive(raw, world.now_ns)
            assert standing(world) == before, raw.hex()
    assert all(isinstance(fact, ProtocolViolated) for fact in facts_of(world))


@pytest.mark.parametrize("moment", BEFORE)
def test_forged_before_a_session_it_ends_the_attempt_at_most(moment: str) -> None:
    world = BEFORE[moment]()
    facts_of(world)
    before = standing(world)
    moved: set[tuple[int, int | None]] = set()
    for raw in forged(awaited(world)):
        world.bus.receive(raw, world.now_ns)
        assert world.bus._links[0]._session is None
        assert world.bus._links[0].state is not State.ONLINE
        told = facts_of(world)
        assert all(isinstance(fact, ProtocolViolated | DeviceOffline) for fact in told), raw.hex()
        if standing(world) != before:
            moved.add(code_and_block(raw))
            world = BEFORE[moment]()
            facts_of(world)
            assert standing(world) == before
    assert moved == {FITTING[moment], *((int(ReplyCode.NAK), block) for block in BLOCKS)}


def code_and_block(raw: bytes) -> tuple[int, int | None]:
    decoder = FrameDecoder(replies=True)
    decoder.feed(raw)
    frame = decoder.take()
    assert isinstance(frame, Frame)
    return frame.code, frame.block


@pytest.mark.parametrize("moment", ["identity awaited", "its first MAC awaited"])
@pytest.mark.parametrize("block", [None, Block.REPLY_MAC, Block.REPLY_ENCRYPTED])
def test_what_is_forged_before_a_session_is_no_fact_within_it(
    moment: str, block: int | None
) -> None:
    """Nothing that was said before is kept and believed once the session stands."""
    world = BEFORE[moment]()
    code, data = osdp.encode(osdp.RawCard(0, 0, 32, b"\xde\xad\xbe\xc0"))
    mac = bytes(4) if carries_mac(block) else b""
    world.inject(
        encode(
            Frame(
                address=1,
                is_reply=True,
                sequence=awaited(world),
                code=code,
                data=data,
                block=block,
                mac=mac,
            )
        )
    )
    world.to_panel = lambda reply: reply
    world.run(3_000)
    assert world.of(DeviceOnline)
    assert world.of(CardRead) == []


@pytest.mark.parametrize("moment", [name for name in INSIDE if name != "offline"])
def test_true_replies_of_the_same_session_count_once(moment: str) -> None:
    """All that the reader has said so far is said again, as somebody who recorded it can."""
    world = INSIDE[moment]()
    facts_of(world)
    before = standing(world)
    late = [b""] if moment == "between two polls" else world.heard[-1:]
    said = [raw for raw in world.heard if raw not in late]
    assert len(said) >= REPLIES_BEFORE_SESSION
    for raw in said:
        world.bus.receive(raw, world.now_ns)
        assert standing(world) == before
    assert all(isinstance(fact, ProtocolViolated) for fact in facts_of(world))


def test_without_the_check_of_the_mac_the_table_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "verify", lambda *arguments: True)
    with pytest.raises(AssertionError):
        test_nothing_forged_counts_inside_a_session_nor_when_nothing_is_asked(
            "a command awaits its answer"
        )


# --- a recorded session, played again -------------------------------------------------------------


def recorded_panel(reader: SimulatedReader) -> list[bytes]:
    """All that a panel said to this reader from its first frame on, with an opening in it."""
    world = World(1)
    world.readers[1] = reader
    world.run(500)
    command = world.submit(Pulse(0, 3_000))
    world.run(500)
    assert world.outcome(command) == "confirmed"
    assert world.of(OutputsReported)
    return [data for _, data in world.sent]


def played(reader: SimulatedReader, tape: list[bytes]) -> list[Frame]:
    """What the reader answers when the tape is played to it, after it has lost its power."""
    reader.reboot()
    reader.executed.clear()
    answers = []
    decoder = FrameDecoder(replies=True)
    for place, data in enumerate(tape):
        decoder.feed(reader.receive(data, 10_000_000 * MS + place * 50 * MS))
        while (frame := decoder.take()) is not NEED_MORE:
            if isinstance(frame, Frame):
                answers.append(frame)
    return answers


def test_a_recorded_panel_opens_nothing() -> None:
    reader = SimulatedReader(1, key_of(1), random.Random(5).randbytes)
    tape = recorded_panel(reader)
    answers = played(reader, tape)
    assert not reader.executed
    assert not [frame for frame in answers if frame.code == ReplyCode.RMAC_I]


def test_a_reader_with_a_constant_nonce_would_obey_it_and_is_told_of() -> None:
    """Why a number that comes again is recorded: such a reader can be opened with a recording."""
    reader = SimulatedReader(1, key_of(1), lambda size: b"\x42" * size)
    tape = recorded_panel(reader)
    played(reader, tape)
    assert reader.executed, "the recording opens it"
    world = World(1)
    world.readers[1] = SimulatedReader(1, key_of(1), lambda size: b"\x42" * size)
    world.run(500)
    assert world.of(ProtocolViolated) == [], "once is no proof"
    world.readers[1].reboot()
    world.run(2_000)
    assert "replayed" in world.of(ProtocolViolated)[-1].reason


@pytest.mark.parametrize("seed", range(3))
def test_a_recorded_reader_is_nobody(seed: int) -> None:
    """Its replies are played to a panel that was started anew: no session, no card, no command."""
    recorded = World(1, seed=seed)
    recorded.run(300)
    recorded.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    recorded.run(300)
    assert recorded.of(CardRead)
    tape = list(recorded.heard)
    world = World(1, seed=seed + 100)
    world.readers[1].silent = True
    place = [0]

    def answer(asked: bytes) -> bytes:
        if asked[5] & 3 == 0:
            place[0] = 0
        world.inject(tape[place[0] % len(tape)])
        place[0] += 1
        return asked

    world.to_reader = answer
    world.run(10_000)
    assert world.of(DeviceOnline) == []
    assert world.of(CardRead) == []
    assert world.of(CommandEnded) == []
    assert "proof" in world.of(ProtocolViolated)[0].reason
