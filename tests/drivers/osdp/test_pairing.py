"""Pairing, new keys and swapped readers: the panel against simulated readers, in virtual time."""

import random
from collections.abc import Callable

import msgspec
import pytest

from drivers.api import (
    CardRead,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Hold,
    InputsReported,
    Priority,
    ProtocolViolated,
    TamperReported,
)
from drivers.osdp import messages as osdp
from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig
from drivers.osdp.frame import NEED_MORE, Block, Frame, FrameDecoder, encode
from drivers.osdp.keys import SETTLES_NS, KeyKind, Keyring
from drivers.osdp.secure import DEFAULT_KEY, SCBK_DEFAULT
from drivers.upkeep import (
    Accept,
    DeviceChanged,
    DeviceProfiled,
    KeyProven,
    Pair,
    PairingEnded,
    Recall,
    Rekey,
)
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.world import MS, World, key_of, reader_config

NEW = bytes(range(100, 116))
BOX_MS = 60_000
KEYSET = 0x75


def frames(data: bytes, *, replies: bool = False) -> list[Frame]:
    decoder = FrameDecoder(replies=replies)
    decoder.feed(data)
    found = []
    while (frame := decoder.take()) is not NEED_MORE:
        assert isinstance(frame, Frame)
        found.append(frame)
    return found


def sent(world: World) -> list[Frame]:
    return [frame for _, data in world.sent for frame in frames(data)]


def fresh(address: int = 1, *, own: bytes | None = None, installing: bool = True) -> World:
    """A reader as it comes out of its box, at a panel that has `own` for it."""
    world = World(address, key_file=None if own is None else own.hex().encode())
    world.readers[address] = SimulatedReader(address, None, world.entropy, installing=installing)
    return world


def pair(world: World, key: bytes = NEW, for_ms: int = BOX_MS) -> None:
    world.upkeep(Pair(device="r1", key=key, until_ns=world.now_ns + for_ms * MS))


def wrong_keys(world: World) -> list[ProtocolViolated]:
    return [fact for fact in world.of(ProtocolViolated) if "key" in fact.reason]


# --- pairing --------------------------------------------------------------------------------------


def test_a_reader_without_a_key_is_paired() -> None:
    world = fresh().run(3_000)
    assert "pair it" in world.of(DeviceOffline)[0].reason
    pair(world)
    world.run(5_000)
    assert world.of(KeyProven) == [
        KeyProven(device="r1", at_ns=world.of(KeyProven)[0].at_ns, successor=True)
    ]
    assert len(world.of(DeviceOnline)) == 1
    assert world.readers[1].key == NEW
    assert not world.readers[1].installing
    assert world.of(DeviceProfiled)
    assert world.of(PairingEnded) == []
    command = world.submit(Hold(0, True))
    assert world.run(100).outcome(command) == "confirmed"


def test_the_published_key_is_used_in_the_box_alone_and_for_keyset_alone() -> None:
    """Whatever else is said under it, anybody on the line could have said or heard."""
    world = fresh().run(10_000)
    assert not [frame for frame in sent(world) if frame.block_data == DEFAULT_KEY]
    world.sent.clear()
    began_ns = world.now_ns
    pair(world)
    world.run(5_000)
    challenges = [frame for frame in sent(world) if frame.code == 0x76]
    assert [frame.block_data for frame in challenges] == [DEFAULT_KEY, b"\x01"]
    codes = [frame.code for frame in sent(world)]
    under_default = codes[codes.index(0x77) + 1 : codes.index(0x61, codes.index(0x77))]
    assert under_default == [KEYSET], "one session under the published key, one command in it"
    keyset = next(frame for frame in sent(world) if frame.code == KEYSET)
    assert keyset.block == Block.COMMAND_ENCRYPTED
    assert NEW not in b"".join(data for _, data in world.sent)
    assert world.of(KeyProven)[0].at_ns > began_ns


def test_nothing_is_believed_of_a_reader_under_the_published_key() -> None:
    """It answers osdp_KEYSET with a card, and then with whatever else it has; it is not heard."""
    world = fresh()
    reader = world.readers[1]
    said = [osdp.RawCard(0, 0, 8, b"\x01"), osdp.Keypad(0, 1, b"1"), osdp.InputStatus(b"\x01\x01")]

    def instead(command: osdp.KeySet) -> osdp.Message:
        return said.pop() if said else osdp.Nak(3)

    reader._take_key = instead  # type: ignore[method-assign]
    pair(world, for_ms=20_000)
    for _ in range(100):
        reader.present_card(26, b"\x12\x34\x56\x40")
        reader.set_local(tampered=True)
        world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY, within_ms=None)
        world.run(200)
    assert not said
    assert 5 <= [frame.code for frame in sent(world)].count(KEYSET) <= 21, "once a second"
    assert {type(fact) for fact in world.facts} == {DeviceOffline, CommandEnded}
    assert {fact.outcome.value for fact in world.of(CommandEnded)} == {"lost"}
    assert not reader.executed


def test_a_reader_that_answers_under_the_published_key_alone_is_never_online() -> None:
    """It takes KEYSET and forgets it: its pairing ends with the box, and so does SCBK-D."""
    world = fresh()
    reader = world.readers[1]

    def forgets(data: bytes) -> bytes:
        reader.key, reader.installing = None, True
        return data

    world.to_reader = forgets
    pair(world, for_ms=5_000)
    world.run(4_900)
    assert world.of(DeviceOnline) == []
    assert world.of(PairingEnded) == []
    world.run(2_000)
    assert [fact.is_out for fact in world.of(PairingEnded)] == [True]
    world.sent.clear()
    world.run(20_000)
    assert not [frame for frame in sent(world) if frame.block_data == DEFAULT_KEY]
    assert world.of(DeviceOnline) == []


def test_a_box_in_which_nobody_came_leaves_no_key_behind() -> None:
    world = fresh(installing=False)
    pair(world, for_ms=5_000)
    world.run(6_000)
    ended = world.of(PairingEnded)
    assert [fact.is_out for fact in ended] == [False]
    assert "install mode" in ended[0].reason
    world.readers[1] = SimulatedReader(1, NEW, world.entropy)
    world.run(10_000)
    assert world.of(DeviceOnline) == [], "the key never left, and is not tried"


def test_the_box_ends_in_the_middle_of_a_handshake() -> None:
    """A session under the published key that stands when the time is over is worth nothing."""
    world = fresh()
    pair(world, for_ms=3_000)
    held: list[bytes] = []

    def hold_back(data: bytes) -> bytes:
        if any(frame.code == KEYSET for frame in frames(data)):
            held.append(data)
            return b""
        return data

    world.to_reader = hold_back
    world.run(3_100)
    assert held, "it was on its way"
    world.to_reader = lambda data: data
    world.sent.clear()
    world.run(10_000)
    assert KEYSET not in [frame.code for frame in sent(world)]
    assert world.of(DeviceOnline) == []


def test_a_reader_that_has_its_own_key_is_not_paired_again_because_it_asks() -> None:
    world = World(1).online()
    world.readers[1].installing = True
    world.readers[1].reboot()
    world.run(20_000)
    assert not [frame for frame in sent(world) if frame.block_data == DEFAULT_KEY]
    with pytest.raises(ValueError, match="key of its own"):
        pair(world)
    assert world.readers[1].key == key_of(1)


def test_a_reader_that_proves_its_own_key_in_the_box_keeps_it() -> None:
    """It was only away: nothing is to be changed."""
    world = World(1)
    world.readers[1].silent = True
    world.readers[1].installing = True
    world.run(3_000)
    pair(world)
    world.readers[1].silent = False
    world.run(5_000)
    assert [fact.successor for fact in world.of(KeyProven)] == [False]
    assert KEYSET not in [frame.code for frame in sent(world)]
    assert world.readers[1].key == key_of(1)


def test_a_neighbour_is_not_paired_with_it() -> None:
    """The box is for one reader: another in install mode hears nothing of the published key."""
    world = World(1, 2, key_file=None)
    for address in (1, 2):
        world.readers[address] = SimulatedReader(address, None, world.entropy, installing=True)
    pair(world)
    world.run(10_000)
    assert world.readers[1].key == NEW
    assert world.readers[2].key is None
    assert {frame.address for frame in sent(world) if frame.block_data == DEFAULT_KEY} == {1}


def test_a_factory_reset_reader_needs_somebody_to_pair_it() -> None:
    world = World(1).online()
    world.readers[1] = SimulatedReader(1, None, world.entropy, installing=True)
    world.run(20_000)
    assert len(world.of(DeviceOffline)) == 1
    assert len(world.of(DeviceChanged)) == 1, "no Secure Channel under its key any more: an alarm"
    assert "Secure Channel" in world.of(DeviceChanged)[0].reason
    pair(world)
    world.run(5_000)
    assert [fact.successor for fact in world.of(KeyProven)] == [True]
    assert world.of(DeviceOnline)


def test_keys_show_in_no_text() -> None:
    digits = NEW.hex()
    ring = Keyring(NEW)
    ring.order(NEW)
    orders = Pair(device="r1", key=NEW, until_ns=1), Rekey(device="r1", key=NEW)
    for thing in (*orders, Recall(device="r1", successor=NEW), osdp.KeySet(1, 16, NEW), ring):
        assert digits not in repr(thing)
        assert repr(NEW) not in repr(thing)
        assert repr(NEW)[2:-1] not in str(thing)


# --- another key ----------------------------------------------------------------------------------


def test_a_new_key_in_the_session_that_stands() -> None:
    world = World(1).online()
    world.upkeep(Rekey(device="r1", key=NEW)).run(2_000)
    assert [fact.successor for fact in world.of(KeyProven)] == [True]
    assert world.readers[1].key == NEW
    world.readers[1].reboot()
    world.facts.clear()
    world.run(2_000)
    assert world.of(InputsReported), "and it is the one that serves from here on"
    assert wrong_keys(world) == []


def test_a_new_key_for_a_reader_that_is_away_is_refused() -> None:
    world = World(1).online()
    world.readers[1].silent = True
    world.run(4_000)
    with pytest.raises(ValueError, match="does not answer"):
        world.upkeep(Rekey(device="r1", key=NEW))


def test_what_frees_or_locks_goes_before_a_new_key() -> None:
    world = World(1).online()
    free = world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.upkeep(Rekey(device="r1", key=NEW)).run(2_000)
    assert world.outcome(free) == "confirmed"
    codes = [frame.code for frame in sent(world)]
    assert codes.index(0x68) < codes.index(KEYSET)


def _swallow_the_command(world: World) -> None:
    def gone(data: bytes) -> bytes:
        if any(frame.code == KEYSET for frame in frames(data)):
            world.readers[1].reboot()
            return b""
        return data

    world.to_reader = gone


def _swallow_the_answer(world: World) -> None:
    def gone(data: bytes) -> bytes:
        if world.readers[1].key == NEW and [f.code for f in sent(world)][-1:] == [KEYSET]:
            world.readers[1].reboot()
            return b""
        return data

    world.to_panel = gone


def _refuse(world: World) -> None:
    take = world.readers[1]._take_key
    world.readers[1]._take_key = lambda command: osdp.Nak(3)  # type: ignore[method-assign]
    assert take


def _answer_in_clear(world: World) -> None:
    """libosdp's reader is like that: it ends its session before it answers."""

    def clear(data: bytes) -> bytes:
        if [frame.code for frame in sent(world)][-1:] != [KEYSET]:
            return data
        reply = frames(data, replies=True)[0]
        plain = msgspec.structs.replace(reply, block=None, block_data=b"", data=b"", mac=b"")
        return encode(plain)

    world.to_panel = clear


@pytest.mark.parametrize(
    ("fault", "winner"),
    [
        (_swallow_the_command, key_of(1)),
        (_swallow_the_answer, NEW),
        (_refuse, key_of(1)),
        (_answer_in_clear, NEW),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_whatever_happens_to_a_new_key_the_reader_is_online_under_one(
    fault: Callable[[World], None], winner: bytes, restart: bool
) -> None:
    """And the panel knows which, though it may have been started anew in between."""
    world = World(1).online()
    fault(world)
    world.upkeep(Rekey(device="r1", key=NEW))
    if restart:
        while KEYSET not in [frame.code for frame in sent(world)]:
            world.run(1)
        world.bus = Bus(world.config, world.entropy)
        world.upkeep(Recall(device="r1", successor=NEW))
        world.bus.start(world.now_ns, lambda command: True)
    world.run(SETTLES_NS / MS + 5_000)
    assert world.readers[1].key == winner
    assert [fact.successor for fact in world.of(KeyProven)] == [winner == NEW]
    given = {encode(frame) for frame in sent(world) if frame.code == KEYSET}
    assert len(given) == 1, "repeated, never given anew"
    world.facts.clear()
    world.readers[1].reboot()
    world.run(3_000)
    assert world.of(InputsReported)
    assert wrong_keys(world) == []


@pytest.mark.parametrize("ends_its_session", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_a_reader_that_writes_its_new_key_later_than_it_says_so_is_not_lost(
    ends_its_session: bool, restart: bool
) -> None:
    """It acknowledges, proves its old key once more, and has the new one 0.8 s later."""
    world = World(1).online()
    reader = world.readers[1]

    def later(command: osdp.KeySet) -> osdp.Message:
        reader._session = None
        return osdp.Ack()

    reader._take_key = later  # type: ignore[method-assign]
    world.upkeep(Rekey(device="r1", key=NEW)).run(800)
    assert world.of(KeyProven) == [], "its old key decides nothing yet"
    assert world.bus._links[0].is_online
    if restart:
        world.bus.stop(world.now_ns, "stopped")
        world.bus = Bus(world.config, world.entropy)
        world.upkeep(Recall(device="r1", successor=NEW))
        world.bus.start(world.now_ns, lambda command: True)
        world.run(500)
    reader.key = NEW
    if ends_its_session:
        reader.reboot()
    world.run(SETTLES_NS / MS + 3_000)
    assert [fact.successor for fact in world.of(KeyProven)] == [True]
    world.facts.clear()
    reader.reboot()
    world.run(3_000)
    assert world.of(InputsReported)


def test_while_it_is_open_which_key_a_reader_has_it_can_be_given_once_more() -> None:
    world = World(1).online()
    take = world.readers[1]._take_key
    _refuse(world)
    world.upkeep(Rekey(device="r1", key=NEW)).run(1_000)
    world.readers[1]._take_key = take  # type: ignore[method-assign]
    world.upkeep(Rekey(device="r1", key=NEW)).run(1_000)
    assert [fact.successor for fact in world.of(KeyProven)] == [True]
    assert world.readers[1].key == NEW


def test_a_reader_with_neither_key_stays_away() -> None:
    world = World(1)
    world.readers[1] = SimulatedReader(1, key_of(9), world.entropy)
    world.upkeep(Recall(device="r1", successor=NEW))
    world.run(10_000)
    assert world.of(DeviceOnline) == []
    assert world.of(KeyProven) == []


def test_two_keys_are_tried_within_the_time_of_a_return() -> None:
    for key in (key_of(1), NEW):
        world = World(1)
        world.readers[1] = SimulatedReader(1, key, world.entropy)
        world.upkeep(Recall(device="r1", successor=NEW))
        world.run(200)
        assert world.of(DeviceOnline), "the second one follows at once"


@pytest.mark.parametrize("seed", range(8))
def test_keys_on_a_lossy_line(seed: int) -> None:
    """Whatever is lost, the two sides end under one key that is the panel's old or its new one."""
    world = World(1, seed=seed)
    source = random.Random(seed)
    world.run(300)

    def lossy(data: bytes) -> bytes:
        return b"" if source.random() < 0.3 else data

    world.to_reader = world.to_panel = lossy
    given = 0
    for number in range(5):
        key = bytes([number + 1]) * 8 + bytes(range(8))
        for _ in range(100):
            try:
                world.upkeep(Rekey(device="r1", key=key))
            except ValueError:
                world.run(500)
                continue
            given += 1
            break
        world.run(source.randrange(5_000))
    world.to_reader = world.to_panel = lambda data: data
    world.run(10_000)
    world.facts.clear()
    world.readers[1].reboot()
    world.run(3_000)
    assert given
    assert world.of(TamperReported), "a session stands"


# --- who it is ------------------------------------------------------------------------------------

OTHER = osdp.Identity(b"\x00\x51\x7e", 1, 1, 99, b"\x01\x00\x00")


def less(reader: SimulatedReader) -> None:
    reader._outputs.pop()


def other(reader: SimulatedReader) -> None:
    reader._identity = OTHER


def silent_about_itself(reader: SimulatedReader) -> None:
    obey = reader._obey

    def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        if isinstance(command, osdp.CapabilityRequest):
            return osdp.Nak(3)
        return obey(command, now_ns)

    reader._obey = instead  # type: ignore[method-assign]


def test_a_pairing_that_comes_to_nothing_forgets_nobody() -> None:
    """Else it would be a way to have another reader believed, under the key of the one it was."""
    world = World(1).online()
    world.readers[1].silent = True
    world.run(4_000)
    pair(world, for_ms=5_000)
    world.run(6_000)
    assert [fact.is_out for fact in world.of(PairingEnded)] == [False]
    other(world.readers[1])
    world.readers[1].silent = False
    world.facts.clear()
    world.kept.clear()
    world.run(20_000)
    assert len(world.of(DeviceChanged)) == 1
    assert world.of(DeviceOnline) == []
    assert world.of(DeviceProfiled) == []


def test_another_reader_under_the_old_key_is_none_that_was_paired() -> None:
    """It proves it in the box: no key was given, and somebody has to look at it."""
    world = World(1).online()
    world.readers[1].silent = True
    world.run(4_000)
    pair(world)
    other(world.readers[1])
    world.readers[1].silent = False
    world.facts.clear()
    world.run(20_000)
    assert [fact.successor for fact in world.of(KeyProven)] == [False]
    assert len(world.of(DeviceChanged)) == 1
    assert world.of(DeviceOnline) == []


def test_another_reader_that_was_given_its_key_in_the_box_is_the_one_from_there_on() -> None:
    world = World(1).online()
    world.readers[1] = SimulatedReader(1, None, world.entropy, installing=True)
    other(world.readers[1])
    world.run(4_000)
    world.facts.clear()
    world.kept.clear()
    pair(world)
    world.run(5_000)
    assert len(world.of(DeviceOnline)) == 1
    assert world.of(DeviceChanged) == []
    world.readers[1]._identity = SimulatedReader(1, None, world.entropy)._identity
    world.readers[1].reboot()
    world.run(10_000)
    assert len(world.of(DeviceChanged)) == 1, "and the former one is another now"


@pytest.mark.parametrize("change", [less, other, silent_about_itself])
@pytest.mark.parametrize("restart", [False, True])
def test_a_reader_that_is_another_than_it_was_is_offline_until_it_is_accepted(
    change: Callable[[SimulatedReader], None], restart: bool
) -> None:
    world = World(1).online()
    known = world.of(DeviceProfiled)[0].profile
    change(world.readers[1])
    world.readers[1].reboot()
    if restart:
        world.bus.stop(world.now_ns, "stopped")
        world.bus = Bus(world.config, world.entropy)
        world.upkeep(Recall(device="r1", profile=known))
        world.facts.clear()
        world.kept.clear()
        world.bus.start(world.now_ns, lambda command: True)
    world.readers[1].present_card(26, b"\x12\x34\x56\x40")
    world.run(30_000)
    assert len(world.of(DeviceChanged)) == 1
    assert [type(f) for f in world.facts if isinstance(f, DeviceOnline | DeviceOffline)] == [
        DeviceOffline
    ]
    assert world.of(CardRead) == []
    world.facts.clear()
    world.kept.clear()
    world.upkeep(Accept(device="r1")).run(2_000)
    assert len(world.of(DeviceOnline)) == 1
    assert len(world.of(DeviceProfiled)) == 1
    assert world.of(DeviceProfiled)[0].profile != known


def test_more_than_before_and_other_firmware_speak_against_nobody() -> None:
    world = World(1).online()
    world.readers[1]._inputs.append(0)
    firmware = msgspec.structs.replace(world.readers[1]._identity, firmware=b"\x02\x00\x00")
    world.readers[1]._identity = firmware
    world.readers[1].reboot()
    world.run(5_000)
    assert world.of(DeviceChanged) == []
    assert world.of(InputsReported)


def test_one_odd_answer_speaks_against_nobody() -> None:
    """A reader that is starting up may not know yet what it can."""
    world = World(1).online()
    reader = world.readers[1]
    obey, odd = reader._obey, [osdp.Nak(3)]

    def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        secured = isinstance(command, osdp.CapabilityRequest) and reader._session is not None
        return odd.pop() if secured and odd else obey(command, now_ns)

    reader._obey = instead  # type: ignore[method-assign]
    reader.reboot()
    world.run(3_000)
    assert not odd
    assert world.of(DeviceChanged) == []
    assert world.of(InputsReported)


def test_the_right_reader_back_in_its_place_needs_nobody() -> None:
    world = World(1).online()
    own = world.readers[1]._identity
    world.readers[1]._identity = OTHER
    world.readers[1].reboot()
    world.run(10_000)
    world.readers[1]._identity = own
    world.facts.clear()
    world.run(15_000)
    assert len(world.of(DeviceOnline)) == 1
    assert world.of(DeviceChanged) == []


def test_nothing_speaks_against_a_reader_that_is_there() -> None:
    world = World(1).online()
    with pytest.raises(ValueError, match="nothing speaks"):
        world.upkeep(Accept(device="r1"))


def test_a_forged_refusal_of_the_handshake_alarms_once_and_the_reader_comes_back() -> None:
    """Anybody on the line can refuse; a reader that proves its key after all is the right one."""
    world = World(1).online()
    refusal = encode(Frame(address=1, is_reply=True, sequence=2, code=0x41, data=b"\x06"))
    world.to_panel = lambda data: refusal if frames(data, replies=True)[0].code == 0x76 else data
    world.readers[1].reboot()
    world.run(60_000)
    assert len(world.of(DeviceChanged)) == 1
    world.to_panel = lambda data: data
    world.facts.clear()
    world.run(3_000)
    assert len(world.of(DeviceOnline)) == 1


# --- the order of keys ----------------------------------------------------------------------------


def test_which_keys_are_tried() -> None:
    ring = Keyring(b"own")
    assert ring.current(0) == (KeyKind.OWN, b"own")
    assert not ring.refused(0)
    ring.open_box(NEW, until_ns=10)
    assert ring.current(0) == (KeyKind.OWN, b"own")
    assert ring.refused(0)
    assert ring.current(0) == (KeyKind.DEFAULT, SCBK_DEFAULT)
    assert ring.current(10) == (KeyKind.OWN, b"own"), "its time is over, whoever closes it"
    ring.given(10)
    assert ring.current(10) == (KeyKind.SUCCESSOR, NEW)
    ring.close_box()
    assert ring.proven(KeyKind.OWN, 20) is None, "it may be about to write the other"
    assert ring.current(20) == (KeyKind.SUCCESSOR, NEW)
    settled = 10 + SETTLES_NS
    assert ring.proven(KeyKind.OWN, settled) is KeyKind.OWN
    assert ring.current(settled) == (KeyKind.OWN, b"own")
    assert not ring.refused(settled)
    assert ring.proven(KeyKind.OWN, settled) is None


def test_readers_without_keys_share_none() -> None:
    config = LineConfig(
        port="memory",
        baud=115200,
        readers=(reader_config(1, key_file=None), reader_config(2, key_file=None)),
    )
    assert [reader.key for reader in config.readers] == [None, None]
