"""What a peer may try, and what the panel must not do because of it."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers.osdp
from drivers.api import (
    CardRead,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Hold,
    InputsReported,
    KeysPressed,
    Outcome,
    Priority,
    ProtocolViolated,
    Pulse,
    Stands,
)
from drivers.osdp import messages as osdp
from drivers.osdp import reporting
from drivers.osdp.config import LineConfig, ReaderConfig
from drivers.osdp.frame import NEED_MORE, Block, Frame, FrameDecoder, carries_mac, crc16, encode
from drivers.osdp.handshake import Handshake, Proof
from drivers.osdp.secure import Session, derive_keys, reader_cryptogram
from drivers.queueing import unwanted
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.world import MS, World, key_of, reader_config

CARD = osdp.encode(osdp.RawCard(0, 0, 32, b"\xde\xad\xbe\xc0"))


def forged(asked: bytes, block: int | None, code: int, data: bytes) -> bytes:
    """A reply to the transmission `asked` as somebody on the line without any key can build it."""
    return encode(
        Frame(
            address=asked[2] & 0x7F,
            is_reply=True,
            sequence=asked[5] & 3,
            code=code,
            data=data,
            block=block,
            block_data=b"" if block is None or carries_mac(block) else b"\x01",
            mac=b"\x00\x00\x00\x00" if carries_mac(block) else b"",
        )
    )


def answer_everything_with(world: World, block: int | None, code: int, data: bytes) -> None:
    """The forged reply comes first to every command; the true one follows."""

    def before(asked: bytes) -> bytes:
        world.inject(forged(asked, block, code, data))
        return asked

    world.to_reader = before


BLOCKS = [None, *range(0x11, 0x19), 0x00, 0x20]


@pytest.mark.parametrize("block", BLOCKS)
def test_forged_card_inside_the_session_is_never_believed(block: int | None) -> None:
    world = World(1).online()
    answer_everything_with(world, block, *CARD)
    world.run(5_000)
    assert world.of(CardRead) == []
    assert world.of(DeviceOffline) == [], "and it does not take the session down"
    assert world.of(ProtocolViolated)
    world.facts.clear()
    world.readers[1].press_keys("1")
    assert world.run(200).of(KeysPressed), "the true replies are still heard"


@pytest.mark.parametrize("block", BLOCKS)
def test_forged_reply_before_the_session_leads_to_nothing(block: int | None) -> None:
    world = World(1)
    answer_everything_with(world, block, *CARD)
    world.run(3_000)
    assert world.of(CardRead) == []
    assert world.of(DeviceOnline), "and the true handshake goes through"


def test_card_in_clear_from_a_reader_without_session_is_never_believed() -> None:
    world = World(1)
    world.readers[1] = SimulatedReader(1, None, world.entropy)
    world.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    world.run(20_000)
    assert [type(fact) for fact in world.facts] == [DeviceOffline]
    assert "Secure Channel" in world.of(DeviceOffline)[0].reason


@pytest.mark.parametrize("reason", [1, 3, 4, 5, 6, 9])
def test_forged_nak_does_not_end_the_session(reason: int) -> None:
    world = World(1).online()
    answer_everything_with(world, None, 0x41, bytes([reason]))
    command = world.submit(Pulse(0, 300))
    world.run(5_000)
    assert world.outcome(command) == "confirmed"
    assert world.of(DeviceOffline) == []
    assert not any(data[5] & 3 == 0 for _, data in world.sent), "no new session was begun"


def test_forged_busy_does_no_harm() -> None:
    world = World(1).online()

    def before(asked: bytes) -> bytes:
        busy = Frame(address=1, is_reply=True, sequence=0, code=0x79)
        world.inject(encode(busy))
        return asked

    world.to_reader = before
    command = world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(60)
    assert world.outcome(command) == "confirmed", "the true answer is still listened for"
    world.run(5_000)
    assert [done for _, done in world.readers[1].executed] == [osdp.Output(0, 2, 0)]
    assert world.of(DeviceOffline) == []


def test_violations_of_a_flood_are_thinned() -> None:
    world = World(1).online()
    answer_everything_with(world, None, *CARD)
    world.run(30_000)
    records = world.of(ProtocolViolated)
    assert 2 <= len(records) <= 4
    assert re.search(r"\(\d+ more", records[1].reason)


def test_wrong_key_is_never_online_and_said_so() -> None:
    world = World(1)
    world.readers[1] = SimulatedReader(1, key_of(2), world.entropy)
    world.run(10_000)
    assert world.of(DeviceOnline) == []
    assert len(world.of(DeviceOffline)) == 1
    assert "key" in world.of(DeviceOffline)[0].reason
    assert world.of(ProtocolViolated)


def test_default_key_is_neither_configured_nor_accepted() -> None:
    with pytest.raises(ValueError, match="published"):
        reader_config(1, key_file=b"303132333435363738393a3b3c3d3e3f")
    world = World(1)

    def claim_default_key(data: bytes) -> bytes:
        decoder = FrameDecoder(replies=True)
        decoder.feed(data)
        frame = decoder.take()
        if isinstance(frame, Frame) and frame.block == Block.READER_CRYPTOGRAM:
            return encode(msgspec.structs.replace(frame, block_data=b"\x00"))
        return data

    world.to_panel = claim_default_key
    world.run(5_000)
    assert world.of(DeviceOnline) == []


def change_handshake(code: int, **changes: object) -> World:
    """A world whose reader's answer of this code arrives changed, with its check put right."""
    world = World(1)

    def change(data: bytes) -> bytes:
        decoder = FrameDecoder(replies=True)
        decoder.feed(data)
        frame = decoder.take()
        if isinstance(frame, Frame) and frame.code == code:
            return encode(msgspec.structs.replace(frame, **changes))
        return data

    world.to_panel = change
    return world


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (0x45, {"sequence": 2}),
        (0x45, {"address": 2}),
        (0x45, {"data": b""}),
        (0x76, {"block": None, "block_data": b""}),
        (0x76, {"block": 0x14}),
        (0x76, {"sequence": 1}),
        (0x78, {"block": None, "block_data": b""}),
        (0x78, {"data": bytes(16)}),
        (0x78, {"address": 2}),
    ],
)
def test_handshake_takes_nothing_but_the_right_reply(code: int, changes: dict[str, object]) -> None:
    world = change_handshake(code, **changes)
    world.run(5_000)
    assert world.of(DeviceOnline) == []
    assert len(world.of(DeviceOffline)) == 1


def test_reader_that_returns_our_own_nonce_is_not_believed() -> None:
    handshake = Handshake(lambda size: b"\x11" * size)
    nonce = handshake.challenge(key_of(1))
    assert nonce is not None
    keys = derive_keys(key_of(1), nonce)
    reply = osdp.ReaderCryptogram(bytes(8), nonce, reader_cryptogram(keys, nonce, nonce))
    assert handshake.check_reader(reply) is Proof.WRONG
    other = osdp.ReaderCryptogram(bytes(8), bytes(8), reader_cryptogram(keys, nonce, bytes(8)))
    assert handshake.check_reader(other) is Proof.GOOD


def test_replayed_session_is_refused() -> None:
    """Everything the reader ever said, with a card in it, played to the panel again."""
    recorded = World(1)
    recorded.run(500)
    recorded.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    recorded.run(500)
    assert recorded.of(CardRead)
    tape = list(recorded.heard)
    victim = World(1, seed=99)
    victim.readers[1].silent = True

    def replay(asked: bytes) -> bytes:
        if asked[5] & 3 == 0:
            replay.left = list(tape)  # type: ignore[attr-defined]
        if replay.left:  # type: ignore[attr-defined]
            victim.inject(replay.left.pop(0))  # type: ignore[attr-defined]
        return asked

    victim.to_reader = replay
    victim.run(10_000)
    assert victim.of(DeviceOnline) == []
    assert victim.of(CardRead) == []
    assert victim.of(ProtocolViolated)


def test_constant_random_source_of_our_own_ends_at_one_session() -> None:
    world = World(1)
    world.entropy = lambda size: b"\x42" * size
    world.run(1_000)
    assert world.of(DeviceOnline)
    world.bus.stop(world.now_ns, "unplugged")
    world.bus.start(world.now_ns, lambda command: True)
    world.facts.clear()
    world.run(5_000)
    assert world.of(DeviceOnline) == []
    assert "random source" in world.of(DeviceOffline)[-1].reason


def test_constant_random_source_of_the_reader_is_recorded() -> None:
    world = World(1)
    world.readers[1]._entropy = lambda size: b"\x42" * size
    world.run(500)
    assert world.of(ProtocolViolated) == []
    world.readers[1].reboot()
    world.run(2_000)
    assert "random number came before" in world.of(ProtocolViolated)[-1].reason


def authenticate_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on readers sign their replies and send them in clear."""

    def seal_in_clear(session: Session, frame: Frame) -> Frame:
        sealed, session._reply_mac = session._seal(
            msgspec.structs.replace(frame, data=b""), Block.REPLY_MAC, session._command_mac
        )
        clear = msgspec.structs.replace(sealed, data=frame.data)
        session._reply_mac = session._mac(clear, session._command_mac)
        return msgspec.structs.replace(clear, mac=session._reply_mac[:4])

    monkeypatch.setattr(Session, "seal_reply", seal_in_clear)


def test_data_that_is_only_authenticated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1).online()
    authenticate_only(monkeypatch)
    world.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    world.run(500)
    assert world.of(CardRead) == []
    assert "not encrypted" in world.of(ProtocolViolated)[0].reason
    assert world.of(DeviceOffline) == []


def test_inputs_that_are_only_authenticated_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not believed, but the reader has said that what it said before is over."""
    world = World(1).online()
    authenticate_only(monkeypatch)
    world.readers[1].set_input(0, True)
    world.run(500)
    assert [fact.states for fact in world.of(InputsReported)] == [()]


# --- who it is -----------------------------------------------------------------------------------

OTHER = osdp.Identity(b"\xba\xdb\xad", 9, 9, 999, b"\x01\x00\x00")


def change_identity_in_clear(world: World) -> None:
    """Somebody on the line answers the question that comes before the session."""

    def change(data: bytes) -> bytes:
        decoder = FrameDecoder(replies=True)
        decoder.feed(data)
        frame = decoder.take()
        if isinstance(frame, Frame) and frame.code == 0x45 and frame.block is None:
            return encode(msgspec.structs.replace(frame, data=osdp.encode(OTHER)[1]))
        return data

    world.to_panel = change


def answer_identity_in_session_with(world: World, reply: osdp.Message) -> None:
    reader = world.readers[1]
    obey = reader._obey

    def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        asked = isinstance(command, osdp.IdentityRequest) and reader._session is not None
        return reply if asked else obey(command, now_ns)

    reader._obey = instead  # type: ignore[method-assign]


def test_identity_in_clear_is_not_told() -> None:
    world = World(1)
    change_identity_in_clear(world)
    world.run(500)
    assert "serial 1 " in world.of(DeviceOnline)[0].identity


def test_identity_in_clear_does_not_put_another_device_in_its_place() -> None:
    world = World(1, outputs=0).online()
    change_identity_in_clear(world)
    world.readers[1].reboot()
    world.run(2_000)
    assert world.of(InputsReported), "there is a new session"
    assert world.of(DeviceOffline) == []


@pytest.mark.parametrize(
    "reply", [osdp.Nak(3), osdp.Nak(6), osdp.Ack(), osdp.Busy(), osdp.RawCard(0, 0, 8, b"\x01")]
)
def test_a_reader_that_does_not_say_who_it_is_inside_the_session(reply: osdp.Message) -> None:
    world = World(1)
    answer_identity_in_session_with(world, reply)
    world.run(500)
    told = [fact for fact in world.facts if not isinstance(fact, ProtocolViolated)]
    assert isinstance(told[0], DeviceOnline)
    assert told[0].identity == "not told"
    assert len(world.of(DeviceOnline)) == 1
    assert world.of(CardRead) == [], "a card is no answer to that"
    assert bool(world.of(ProtocolViolated)) is isinstance(reply, osdp.RawCard)
    command = world.submit(Hold(0, True), priority=Priority.SECURE, within_ms=None)
    assert world.run(100).outcome(command) == "confirmed"


def test_identity_that_is_only_authenticated_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    authenticate_only(monkeypatch)
    world = World(1).run(500)
    assert world.of(DeviceOnline)[0].identity == "not told"
    assert "not encrypted" in world.of(ProtocolViolated)[0].reason


def test_nothing_is_told_before_the_first_answer_inside_the_session() -> None:
    world = World(1)
    world.to_reader = lambda data: b"" if data[5] & 8 and data[7] == 0x17 else data
    world.run(10_000)
    assert [type(fact) for fact in world.facts] == [DeviceOffline]


@pytest.mark.parametrize(
    "impossible",
    [
        osdp.RawCard(0, 0, 0, b""),
        osdp.RawCard(0, 0, 26, b"\x12\x34\x56"),
        osdp.RawCard(0, 0, 26, b"\x12\x34\x56\x40\x00"),
        osdp.RawCard(0, 0, 26, b"\x12\x34\x56\x41"),
        osdp.RawCard(0, 0, 1025, bytes(129)),
        osdp.Keypad(0, 0, b""),
        osdp.Keypad(0, 3, b"12"),
        osdp.Keypad(0, 2, b"1\x00"),
        osdp.Keypad(0, 33, b"1" * 33),
        osdp.OutputStatus(b"\x00"),
    ],
)
def test_content_that_contradicts_itself_is_refused(impossible: osdp.Message) -> None:
    world = World(1).online()
    world.readers[1]._events.append(impossible)
    world.run(200)
    assert [type(fact) for fact in world.facts] == [ProtocolViolated]


def test_unknown_input_state_counts_as_cut() -> None:
    world = World(1).online()
    world.readers[1]._events.append(osdp.InputStatus(b"\x00\x07"))
    assert [str(state) for state in world.run(200).of(InputsReported)[0].states] == [
        "inactive",
        "cut",
    ]


# --- commands that must not come late -----------------------------------------------------------


def test_expired_between_submit_and_wire() -> None:
    world = World(1, 2).online()
    world.readers[2].silent = True
    world.run(60)  # the line waits for reader 2
    command = world.submit(Pulse(0, 300), within_ms=1)
    world.run(1_000)
    assert world.outcome(command) == "expired"
    assert not world.readers[1].executed
    assert world.of(CommandEnded)[0].sent_ns is None


def test_withdrawn_between_submit_and_wire() -> None:
    world = World(1).online()
    command = world.submit(Pulse(0, 300))
    world.stands = False
    world.run(500)
    assert world.outcome(command) == "withdrawn"
    assert world.asked == [command]
    assert not world.readers[1].executed


def test_confirmed_carries_when_it_was_sent() -> None:
    world = World(1).online()
    command = world.submit(Pulse(0, 300))
    world.run(100)
    end = world.of(CommandEnded)[0]
    assert world.outcome(command) == "confirmed"
    assert end.sent_ns in [sent_ns for sent_ns, data in world.sent if data[8] == 0x68]


def lose_replies_to_outputs(world: World) -> None:
    asked: list[bytes] = []

    def remember(data: bytes) -> bytes:
        asked.append(data)
        return b"" if data[8] == 0x68 else data

    world.to_reader = remember


@pytest.mark.parametrize("how", ["expired", "withdrawn"])
def test_no_repetition_after_its_time(how: str) -> None:
    world = World(1).online()
    lose_replies_to_outputs(world)
    command = world.submit(Pulse(0, 300), within_ms=100 if how == "expired" else 10_000)
    world.run(20)
    assert len([1 for _, data in world.sent if data[8] == 0x68]) == 1
    world.stands = how == "expired"
    world.run(300)
    assert world.outcome(command) == "lost"
    assert len([1 for _, data in world.sent if data[8] == 0x68]) == 1
    assert world.of(DeviceOffline) == []
    world.to_reader = lambda data: data
    world.run(500)
    assert not world.readers[1].executed
    world.readers[1].press_keys("1")
    assert world.run(100).of(KeysPressed), "a new session stands"


def test_repetition_within_its_time_executes_once() -> None:
    world = World(1).online()
    swallowed = [1]

    def lose_one_reply(data: bytes) -> bytes:
        if world.readers[1].executed and swallowed:
            swallowed.pop()
            return b""
        return data

    world.to_panel = lose_one_reply
    command = world.submit(Pulse(0, 300), within_ms=1_000)
    world.run(600)
    assert not swallowed
    assert world.outcome(command) == "confirmed"
    assert len(world.readers[1].executed) == 1


def test_late_reply_is_no_fact() -> None:
    world = World(1).online()
    kept: list[bytes] = []
    world.to_panel = lambda data: kept.append(data) or b""  # type: ignore[func-returns-value]
    world.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    world.run(3_000)
    assert world.of(DeviceOffline)
    for data in kept:
        world.inject(data)
    world.run(400)
    assert world.of(CardRead) == []


# --- planted bugs: each check is what holds its test up ------------------------------------------


def test_planted_mac_bug_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1).online()
    monkeypatch.setattr(Session, "verify", lambda *arguments: True)
    monkeypatch.setattr(reporting, "is_encrypted", lambda frame: True)
    answer_everything_with(world, None, *CARD)
    world.run(100)
    assert world.of(CardRead), "without the checks the forged card is believed"


@pytest.mark.parametrize("planted", [False, True])
def test_forged_acknowledgement(monkeypatch: pytest.MonkeyPatch, planted: bool) -> None:
    world = World(1).online()
    if planted:
        monkeypatch.setattr(Session, "verify", lambda *arguments: True)

    def swallow_and_acknowledge(asked: bytes) -> bytes:
        if asked[8] != 0x68:
            return asked
        world.inject(forged(asked, Block.REPLY_MAC, 0x40, b""))
        return b""

    world.to_reader = swallow_and_acknowledge
    command = world.submit(Hold(0, False), priority=Priority.SECURE, within_ms=None)
    world.run(3_000)
    assert world.outcome(command) == ("confirmed" if planted else "lost")


@pytest.mark.parametrize("seam", ["in_time", "stands"])
def test_planted_lateness_bug_shows(monkeypatch: pytest.MonkeyPatch, seam: str) -> None:
    def careless(command: Command, now_ns: int, stands: Stands | None) -> Outcome | None:
        if seam == "in_time":
            return unwanted(command, 0, stands)
        return unwanted(command, now_ns, lambda _: True)

    monkeypatch.setattr("drivers.osdp.bus.unwanted", careless)
    world = World(1, 2).online()
    world.readers[2].silent = True
    world.run(60)
    world.submit(Pulse(0, 300), within_ms=1 if seam == "in_time" else 10_000)
    world.stands = seam == "in_time"
    world.run(1_000)
    assert world.readers[1].executed, "without the check the door opens late"


# --- what must not be there ----------------------------------------------------------------------


def test_no_wall_clock_no_thread_no_module_state() -> None:
    forbidden = re.compile(
        r"time\.time|datetime|gettimeofday|threading|import random|global |logging|CLOCK_REALTIME"
    )
    sources = list(Path(drivers.osdp.__file__).parent.glob("*.py"))
    assert len(sources) >= 10
    for source in sources:
        assert not forbidden.search(source.read_text()), source.name
        if source.name not in ("driver.py", "scan.py"):  # they hold a real port
            assert not re.search(r"import (time|os|asyncio)\b", source.read_text()), source.name


def test_secrets_do_not_show() -> None:
    world = World(1).online()
    world.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    world.readers[1].press_keys("4711")
    world.run(200)
    shown = repr(world.facts) + repr(world.config) + repr(reader_config(1))
    assert "4711" not in shown
    assert "\\xde" not in shown
    assert key_of(1).hex() not in shown
    with pytest.raises(ValueError, match="hexadecimal") as refusal:
        reader_config(1, key_file=b"not a key at all")
    assert "not a key" not in str(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [{"address": 127}, {"address": -1}, {"key_file": b"00" * 16}, {"key_file": b"0102"}],
)
def test_bad_configuration_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="device r1"):
        reader_config(1, **changes)


def test_readers_of_a_line_have_own_keys_and_addresses() -> None:
    one = reader_config(1)
    for other in (
        ReaderConfig(name="other", address=2, key_file=one.key_file),
        ReaderConfig(name="other", address=1, key_file=key_of(2).hex().encode()),
        ReaderConfig(name="r1", address=2, key_file=key_of(2).hex().encode()),
    ):
        with pytest.raises(ValueError, match="the same"):
            LineConfig(port="x", readers=(one, other))
    with pytest.raises(ValueError, match="baud"):
        LineConfig(port="x", baud=1200, readers=(one,))


def test_decoder_of_the_panel_survives_its_own_echo() -> None:
    """A two-wire adapter may echo what is sent: commands are never taken for replies."""
    world = World(1).online()

    def echo(asked: bytes) -> bytes:
        world.inject(asked)
        return asked

    world.to_reader = echo
    world.readers[1].present_card(32, b"\xde\xad\xbe\xc0")
    world.run(500)
    assert world.of(CardRead)
    assert FrameDecoder(replies=True).take() is NEED_MORE
    assert world.now_ns > 500 * MS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=10), st.integers(0, 2**32))
def test_arbitrary_bytes_never_crash_nor_become_facts(pieces: list[bytes], seed: int) -> None:
    world = World(1, seed=seed)
    world.run(20)
    world.facts.clear()
    for piece in pieces:
        body = b"\x53\x81" + (len(piece) + 6).to_bytes(2, "little") + piece
        world.inject(piece)
        world.inject(body + crc16(body).to_bytes(2, "little"))
        world.run(30)
    assert world.of(CardRead) == []
    assert world.of(KeysPressed) == []
    assert world.of(DeviceOffline) == []
