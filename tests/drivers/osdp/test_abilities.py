"""What a reader lists, and what it is therefore told: osdp_PDCAP, osdp_TEXT and osdp_FMT."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import (
    Action,
    BadgeUnread,
    Beep,
    CardRead,
    CodeRead,
    Color,
    CommandEnded,
    DeviceOnline,
    Hold,
    Light,
    Priority,
    ProtocolViolated,
    Pulse,
    Show,
)
from drivers.osdp import messages as osdp
from drivers.osdp.abilities import RECEIVE_SIZE_MIN, Abilities, Ability, parse_abilities
from drivers.osdp.frame import MARK
from drivers.osdp.messages import Capability
from drivers.osdp.translate import READ_BACKWARDS
from drivers.telling import STORED
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.test_bus import codes_sent
from tests.drivers.osdp.world import World, key_of

# A keypad reader's own list, from OSDP.Net: src/OSDP.Net.Tests/Model/ReplyData/
# DeviceCapabilitiesTest.cs, `_rawCapsFromDennisBrivoKeypad`; what it means is asserted there too.
BRIVO = bytes.fromhex(
    "030101 040401 050201 060000 070000 080100 090101 0ac201 0e0000 0f0000 100100"
)


def world_with(listed: osdp.Message | None = None, **options: int) -> World:
    """A panel and one reader, made with these options; `listed`: what it says that it can."""
    world = World(1)
    reader = SimulatedReader(1, key_of(1), random.Random(7).randbytes, **options)
    world.readers[1] = reader
    if listed is not None:
        obey = reader._obey

        def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
            return listed if isinstance(command, osdp.CapabilityRequest) else obey(command, now_ns)

        reader._obey = instead  # type: ignore[method-assign]
    return world


def end_of(world: World, command: str) -> CommandEnded:
    return next(fact for fact in world.of(CommandEnded) if fact.command == command)


def test_a_list_from_a_real_reader() -> None:
    abilities = parse_abilities(osdp.Capabilities(BRIVO))
    assert abilities is not None
    assert [ability.code for ability in abilities.listed] == [3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16]
    assert abilities.get(Capability.LED) == Ability(4, 4, 1)
    assert abilities.speaks_securely
    assert abilities.default_key_in_use
    assert abilities.receive_size == 450
    assert not abilities.has(Capability.TEXT)
    assert abilities.get(Capability.OUTPUTS) == Ability(2, 0, 0)


def test_equal_lists_are_equal_whatever_their_order() -> None:
    turned = b"".join(BRIVO[at : at + 3] for at in range(len(BRIVO) - 3, -1, -3))
    assert parse_abilities(osdp.Capabilities(turned)) == parse_abilities(osdp.Capabilities(BRIVO))


@pytest.mark.parametrize(
    "records", [BRIVO[:-1], BRIVO + b"\x04\x00\x00", bytes(n % 256 for n in range(65 * 3))]
)
def test_a_list_that_contradicts_itself_is_none(records: bytes) -> None:
    assert parse_abilities(osdp.Capabilities(records)) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_none(records: bytes) -> None:
    abilities = parse_abilities(osdp.Capabilities(records))
    assert abilities is None or abilities.listed == tuple(sorted(abilities.listed))


@pytest.mark.parametrize(("size", "told"), [(0, None), (127, None), (128, 128), (1440, 1440)])
def test_receive_size(size: int, told: int | None) -> None:
    assert Abilities((Ability(10, size & 0xFF, size >> 8),)).receive_size == told


@pytest.mark.parametrize(
    ("action", "options", "reason"),
    [
        (Light(0, Color.RED, 1_000), {"lights": 0}, "no light"),
        (Beep(0, 2), {"sounders": 0}, "no sounder"),
        (Show(0, "wait", 1_000), {}, "no display"),
        (Pulse(1, 300), {"outputs": 1}, "no output 1"),
    ],
)
def test_what_a_reader_does_not_list_is_not_sent(
    action: Action, options: dict[str, int], reason: str
) -> None:
    world = world_with(**options).online()
    first = world.submit(action)
    second = world.submit(action)
    world.run(100)
    assert [world.outcome(command) for command in (first, second)] == ["refused", "refused"]
    assert reason in end_of(world, first).reason
    assert end_of(world, first).sent_ns is None
    assert {code for code in codes_sent(world) if code >= 0x68} == set(), "only polls went out"


@pytest.mark.parametrize("priority", [Priority.LIFE_SAFETY, Priority.SECURE])
def test_what_frees_or_secures_is_tried_whatever_is_listed(priority: Priority) -> None:
    """The list may be wrong; the reader's own answer is the truth."""
    no_outputs = osdp.Capabilities(bytes([4, 1, 1]))
    world = world_with(no_outputs).online()
    passage = world.submit(Pulse(0, 300))
    urgent = world.submit(Hold(0, True), priority=priority, within_ms=None)
    world.run(100)
    assert world.outcome(urgent) == "confirmed"
    assert world.outcome(passage) == "refused"
    assert world.readers[1].outputs == (True, False)


@pytest.mark.parametrize("listed", [osdp.Nak(3), osdp.Capabilities(b"\x04\x01")])
def test_a_reader_that_lists_nothing_is_tried(listed: osdp.Message) -> None:
    world = world_with(listed, text_columns=16).online()
    light, show = world.submit(Light(0, Color.RED, 1_000)), world.submit(Show(0, "wait", 1_000))
    world.run(100)
    assert world.outcome(light) == "confirmed"
    assert world.outcome(show) == "refused", "few readers have a display"


def test_a_list_that_contradicts_itself_is_recorded() -> None:
    world = world_with(osdp.Capabilities(b"\x04\x01")).run(500)
    assert "contradicts" in world.of(ProtocolViolated)[0].reason
    assert not world.of(DeviceOnline)[0].display


def test_text_stands_on_the_display_for_its_time() -> None:
    world = world_with(text_columns=16)
    assert world.run(100).of(DeviceOnline)[0].display
    command = world.submit(Show(0, "One moment, please, for the guard", 1_500))
    world.run(100)
    assert world.outcome(command) == "confirmed"
    assert world.readers[1].text(world.now_ns) == "One moment, plea"
    world.run(1_800)
    assert world.readers[1].text(world.now_ns), "a display counts in seconds, rounded up"
    world.run(200)
    assert world.readers[1].text(world.now_ns) == ""


@pytest.mark.parametrize("text", ["", "caf\xe9", "two\nlines", "\x1b[2J"])
def test_what_no_display_shows_is_refused_when_it_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        world_with(text_columns=16).online().submit(Show(0, text, 1_000))


@pytest.mark.parametrize("for_ms", [0, 255_001])
def test_time_of_a_text_is_limited(for_ms: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.255000"):
        world_with(text_columns=16).online().submit(Show(0, "wait", for_ms))


@pytest.mark.parametrize(
    ("sent", "read"),
    [("1234567890", "1234567890"), ("\x0242\x03", "42"), ("\x0242\r\n\x03", "42"), ("4 2", "4 2")],
)
def test_a_formatted_card_is_a_code(sent: str, read: str) -> None:
    world = World(1).online()
    world.readers[1].present_code(sent)
    fact = world.run(100).of(CodeRead)[0]
    assert (fact.reader, fact.text) == (0, read)
    assert read not in repr(fact)
    assert world.of(CardRead) == [], "nobody knows which bits the characters were"


@pytest.mark.parametrize(
    "impossible",
    [
        osdp.FormattedCard(0, 1, 0, b""),
        osdp.FormattedCard(0, 1, 3, b"12"),
        osdp.FormattedCard(0, 1, 1, b"12"),
        osdp.FormattedCard(0, 1, 2, b"\x02\x03"),
        osdp.FormattedCard(0, 1, 3, b"1\x002"),
        osdp.FormattedCard(0, 1, 2, b"\xe9\xe9"),
    ],
)
def test_what_is_no_code_is_recorded_and_never_read(impossible: osdp.Message) -> None:
    world = World(1).online()
    world.readers[1]._events.append(impossible)
    world.run(100)
    assert world.of(CodeRead) == []
    assert "contradicts" in world.of(ProtocolViolated)[0].reason


def test_a_card_read_backwards_is_unread() -> None:
    """Its characters may stand the other way round: another card's number, perhaps."""
    world = World(1).online()
    world.readers[1].present_code("4711", direction=2)
    world.run(100)
    assert world.of(CodeRead) == []
    assert world.of(BadgeUnread)[0].reason == READ_BACKWARDS


def test_a_code_shown_while_the_reader_was_away_is_unread() -> None:
    world = World(1)
    world.readers[1].present_code("4711")
    world.run(100)
    assert world.of(CodeRead) == []
    assert world.of(BadgeUnread)[0].reason == STORED


@pytest.mark.parametrize(
    "action",
    [
        Light(0, Color.RED, 1_000, blink=True),
        Light(0, Color.RED, 0),
        Beep(0, 255),
        Show(0, "W" * 200, 255_000),
        Pulse(1, 6_553_500),
        Hold(1, True),
    ],
)
def test_nothing_but_a_file_needs_a_longer_frame_than_every_reader_takes(action: Action) -> None:
    """So no reader is ever sent more than it takes: pieces of a file are cut to what it tells."""
    world = world_with(text_columns=16).online()
    command = world.submit(action)
    assert world.run(100).outcome(command) == "confirmed"
    assert max(len(data) - len(MARK) for _, data in world.sent) <= RECEIVE_SIZE_MIN
