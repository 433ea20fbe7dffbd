"""A line is brought to another speed, in virtual time: all of its readers, or none."""

import random

import pytest

from drivers.api import CardRead, DeviceOnline
from drivers.osdp import messages as osdp
from drivers.osdp.bus import Bus
from drivers.upkeep import ChangeSpeed, RecallSpeed, SpeedHeard, SpeedSettled
from tests.drivers.osdp.world import MS, World

NEW = 38400


def line(*addresses: int, seed: int = 1, baud: int = 115200) -> World:
    world = World(*addresses, seed=seed)
    for reader in world.readers.values():
        reader.baud = baud
    world.run(2_000)
    return world


def change(world: World, baud: int = NEW) -> World:
    return world.upkeep(ChangeSpeed(device="r1", baud=baud))


def restarted(world: World, other: int | None, *, baud: int = 115200) -> World:
    """The panel had a power cut, and begins with what is kept of the line."""
    world._arrivals.clear()
    world.bus = Bus(world.config, world.entropy)
    world.facts.clear()
    world.upkeep(RecallSpeed(device="r1", baud=baud, other=other))
    world.bus.start(world.now_ns, lambda command: True)
    return world


def settled(world: World) -> tuple[int, tuple[str, ...]]:
    """How the change has ended, in at most two minutes."""
    for _ in range(120):
        if world.run(1_000).of(SpeedSettled):
            break
    world.run(3_000)
    (fact,) = world.of(SpeedSettled)
    return fact.baud, fact.missing


def all_at(world: World, baud: int) -> bool:
    speeds = {reader.baud for reader in world.readers.values()}
    states = {link.state.value for link in world.bus._links}
    return speeds == {baud, world.bus.baud} and states == {"online"}


def test_all_readers_go_to_another_speed() -> None:
    world = change(line(1, 2, 3))
    assert settled(world) == (NEW, ())
    assert all_at(world, NEW)
    world.run(2_000)
    world.readers[2].present_card(26, b"\x12\x34\x56\x40")
    assert world.run(500).of(CardRead)


def test_a_reader_that_stays_where_it_is_brings_the_others_back() -> None:
    """It says that it will, and does not."""
    world = line(1, 2, 3)
    world.readers[2]._obey = keeps_its_speed(world, 2)  # type: ignore[method-assign]
    assert settled(change(world)) == (115200, ())
    assert all_at(world, 115200)


def keeps_its_speed(world: World, address: int):  # type: ignore[no-untyped-def]
    obey = world.readers[address]._obey

    def instead(command: osdp.Message | None, now_ns: int) -> osdp.Message:
        if isinstance(command, osdp.CommunicationSet):
            return osdp.Communication(address, command.baud)
        return obey(command, now_ns)

    return instead


@pytest.mark.parametrize("reply", [osdp.Nak(3), osdp.Communication(3, 115200), osdp.Ack()])
def test_a_reader_that_will_not_brings_the_others_back(reply: osdp.Message) -> None:
    world = line(1, 2, 3)
    obey = world.readers[3]._obey
    world.readers[3]._obey = lambda command, now_ns: (  # type: ignore[method-assign]
        reply if isinstance(command, osdp.CommunicationSet) else obey(command, now_ns)
    )
    assert settled(change(world)) == (115200, ())
    assert all_at(world, 115200)


def test_a_reader_that_dies_on_the_way_is_named_and_the_others_are_together() -> None:
    world = line(1, 2, 3)
    world.to_reader = lambda data: dies(world, data)
    assert settled(change(world)) == (115200, ("r2",))
    assert {world.readers[address].baud for address in (1, 3)} == {115200}


def dies(world: World, data: bytes) -> bytes:
    if data[6 + data[6]] == 0x6E if data[5] & 8 else False:
        world.readers[2].silent = True
    return data


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_of_the_panel_anywhere_in_it_ends_at_the_old_speed_with_all(seed: int) -> None:
    source = random.Random(seed)
    world = change(line(1, 2, 3, seed=seed + 1))
    world.run(source.choice([0, 2, 5, 8, 11, 14, 20, 30, 60, 100, 200, 400]) + source.random())
    assert settled(restarted(world, NEW)) == (115200, ())
    assert all_at(world, 115200)


def test_an_adapter_that_is_pulled_out_in_the_middle_ends_well_too() -> None:
    world = change(line(1, 2, 3)).run(6)
    world.bus.stop(world.now_ns, "unplugged")
    world._arrivals.clear()
    world.facts.clear()
    world.bus.start(world.now_ns + 5_000 * MS, lambda command: True)
    assert settled(world) == (115200, ())
    assert all_at(world, 115200)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_lossy_line_all_end_at_one_speed(seed: int) -> None:
    world, source = line(1, 2, seed=seed), random.Random(seed)
    world.to_reader = world.to_panel = lambda data: b"" if source.random() < 0.2 else data
    try:
        change(world)
    except ValueError:
        return  # one of them was just away
    world.run(20_000)
    world.to_reader = world.to_panel = lambda data: data
    baud, missing = settled(world)
    assert all_at(world, baud)
    assert missing == ()


def test_what_cannot_be_is_refused_before_anybody_is_told() -> None:
    world = line(1, 2)
    for baud, words in ((12345, "one of"), (115200, "is at")):
        with pytest.raises(ValueError, match=words):
            change(world, baud)
    world.readers[2].silent = True
    world.run(4_000)
    with pytest.raises(ValueError, match="r2 would be lost"):
        change(world)
    assert world.readers[1].baud == 115200
    with pytest.raises(ValueError, match="at most 4"):
        change(line(1, 2, 3, 4, 5), 9600)


def test_one_change_at_a_time() -> None:
    world = change(line(1, 2))
    with pytest.raises(ValueError, match="on its way"):
        change(world, 57600)


def test_who_answers_at_another_speed_is_heard_and_not_believed() -> None:
    world = World(1, 2)
    for reader in world.readers.values():
        reader.baud = 9600
    world.run(150_000)
    assert [fact.baud for fact in world.of(SpeedHeard)] == [9600]
    assert world.of(DeviceOnline) == [], "it is said and nothing else"
    assert world.bus.baud == 115200


def test_a_line_on_which_anybody_answers_is_left_at_its_speed() -> None:
    world = World(1, 2)
    world.readers[1].baud, world.readers[2].baud = 115200, 9600
    speeds = set()
    for _ in range(1_000):
        world.run(100)
        speeds.add(world.bus.baud)
    assert speeds == {115200}
    assert world.of(SpeedHeard) == []


def test_nothing_spins_while_a_speed_is_looked_for() -> None:
    world = World(1)
    world.readers[1].silent = True
    calls = 0
    deadline = world.bus.deadline

    def counted() -> int | None:
        nonlocal calls
        calls += 1
        return deadline()

    world.bus.deadline = counted  # type: ignore[method-assign]
    world.run(60_000)
    assert calls < 60_000 / 20
    assert world.now_ns % MS == 0
