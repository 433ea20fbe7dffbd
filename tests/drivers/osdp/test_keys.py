"""Keys of a keypad behind a reader: osdp_KEYPAD in any grouping, and Wiegand bursts as cards."""

import pytest

from drivers.api import CardRead, KeysPressed, ProtocolViolated
from drivers.osdp import messages as osdp
from tests.drivers.osdp.world import World, reader_config

# Four bits are the key's number, 10 is the star and 11 the hash; eight bits have them twice, the
# first time each bit turned over: how keypads with a Wiegand output are set (HID's formats 10
# and 14, "4-bit" and "8-bit Dorado" bursts).
FOUR = {"0": "00", "1": "10", "5": "50", "9": "90", "*": "a0", "#": "b0"}
EIGHT = {"0": "f0", "1": "e1", "5": "a5", "9": "69", "*": "5a", "#": "4b"}


def pressed(world: World) -> str:
    return "".join(fact.keys for fact in world.of(KeysPressed))


@pytest.mark.parametrize("size", [1, 3, 8, 12])
def test_any_grouping_is_the_same_keys(size: int) -> None:
    world = World(1).online()
    keys = "0123456789*#"
    for at in range(0, len(keys), size):
        world.readers[1].press_keys(keys[at : at + size])
    assert pressed(world.run(1_000)) == keys


@pytest.mark.parametrize(("bits", "table"), [(4, FOUR), (8, EIGHT)])
def test_bursts_are_keys_where_that_is_set(bits: int, table: dict[str, str]) -> None:
    world = World(1, key_bits=bits).online()
    for code in table.values():
        world.readers[1].present_card(bits, bytes.fromhex(code))
    world.run(1_000)
    assert pressed(world) == "".join(table)
    assert world.of(CardRead) == []
    world.readers[1].present_card(26, b"\x12\x34\x56\x40")
    assert world.run(100).of(CardRead), "a card is a card"


@pytest.mark.parametrize(("bits", "code"), [(4, "50"), (8, "a5")])
def test_a_short_card_is_no_key_where_nothing_is_set(bits: int, code: str) -> None:
    """It is not guessed."""
    world = World(1).online()
    world.readers[1].present_card(bits, bytes.fromhex(code))
    world.run(100)
    assert world.of(KeysPressed) == []
    assert world.of(CardRead)[0].bits == bits


@pytest.mark.parametrize(("bits", "code"), [(4, "c0"), (4, "f0"), (8, "a4"), (8, "55"), (8, "3c")])
def test_what_is_no_key_is_recorded_and_no_card_either(bits: int, code: str) -> None:
    world = World(1, key_bits=bits).online()
    world.readers[1]._events.append(osdp.RawCard(0, 0, bits, bytes.fromhex(code)))
    world.run(100)
    assert world.of(KeysPressed) + world.of(CardRead) == []
    assert "contradicts" in world.of(ProtocolViolated)[0].reason


@pytest.mark.parametrize("bits", [0, 1, 5, 26])
def test_other_bursts_do_not_exist(bits: int) -> None:
    with pytest.raises(ValueError, match="key-bits must be 4 or 8"):
        reader_config(1, key_bits=bits)
