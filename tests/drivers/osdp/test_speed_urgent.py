"""What frees and what locks, while a line is brought to another speed: nobody waits for the end."""

import pytest

from drivers.api import Color, Hold, Light, Priority
from drivers.upkeep import SpeedSettled
from tests.drivers.osdp.test_busy_bus import obeyed_ns
from tests.drivers.osdp.test_speed import NEW, all_at, change, line, restarted, settled
from tests.drivers.osdp.world import MS, World

LATE_NS = 500 * MS
"""Where a reader can be reached at the speed of the line: as on a busy bus."""

URGENT = pytest.mark.parametrize("urgent", [Priority.LIFE_SAFETY, Priority.SECURE])


def hold(world: World, address: int, urgent: Priority = Priority.LIFE_SAFETY) -> str:
    return world.submit(Hold(0, True), address=address, priority=urgent, within_ms=None)


def told(world: World, address: int) -> World:
    """Until that reader has gone to the other speed."""
    while world.readers[address].baud != NEW:
        world.run(1)
    return world


def late_ns(world: World, address: int, since_ns: int) -> int:
    return obeyed_ns(world, address) - since_ns


@pytest.mark.parametrize("dead", [1, 2])
@pytest.mark.parametrize("after_ms", [0, 2, 8, 150, 1_000, 3_000, 6_000, 9_000, 14_000])
def test_a_reader_that_falls_silent_as_a_change_begins_holds_up_nothing(
    dead: int, after_ms: int
) -> None:
    world = line(1, 2)
    world.readers[dead].silent = True
    change(world).run(after_ms)
    lost, asked_ns = hold(world, dead), world.now_ns
    command = hold(world, 3 - dead)
    world.run(2_000)
    assert world.outcome(command) == "confirmed"
    assert late_ns(world, 3 - dead, asked_ns) <= LATE_NS
    assert settled(world) == (115200, (f"r{dead}",))
    assert world.outcome(lost) == "lost"
    assert world.readers[3 - dead].baud == 115200


@URGENT
@pytest.mark.parametrize("after_ms", [0, 4, 9, 12, 70, 120])
def test_every_reader_is_told_at_whatever_moment_of_a_change(
    urgent: Priority, after_ms: int
) -> None:
    world = change(line(*range(1, 9))).run(after_ms)
    asked_ns = world.now_ns
    commands = [hold(world, address, urgent) for address in world.readers]
    world.run(3_000)
    assert [world.outcome(command) for command in commands] == ["confirmed"] * 8
    for address in world.readers:
        assert late_ns(world, address, asked_ns) <= LATE_NS
    baud, missing = settled(world)
    assert missing == ()
    assert all_at(world, baud)


def test_half_of_32_readers_gone_to_the_other_speed_come_back() -> None:
    world = told(change(line(*range(1, 33))), 16)
    asked_ns = world.now_ns
    commands = [hold(world, address) for address in world.readers]
    assert settled(world) == (115200, ())
    assert {world.outcome(command) for command in commands} == {"confirmed"}
    assert max(late_ns(world, address, asked_ns) for address in range(17, 33)) <= LATE_NS
    assert max(late_ns(world, address, asked_ns) for address in range(1, 17)) <= 3 * LATE_NS


def test_where_nobody_was_told_a_change_ends_without_a_word() -> None:
    world = line(1, 2)
    command = hold(world, 2)
    change(world).run(100)
    (fact,) = world.of(SpeedSettled)
    assert (fact.baud, fact.missing, fact.called_off) == (115200, (), True)
    assert world.outcome(command) == "confirmed"
    assert not [reader for reader in world.readers.values() if reader.baud == NEW]


def test_what_locks_at_a_line_whose_readers_all_answer_calls_nothing_off() -> None:
    """A door that locks behind somebody is nothing out of the way."""
    world = told(change(line(1, 2, 3)), 1)
    command = hold(world, 1, Priority.SECURE)
    assert settled(world) == (NEW, ())
    assert world.outcome(command) == "confirmed"


def test_a_light_calls_nothing_off() -> None:
    world = line(1, 2)
    world.submit(Light(0, Color.GREEN, 500), within_ms=None, priority=Priority.SIGNAL)
    assert settled(change(world)) == (NEW, ())
    assert not world.of(SpeedSettled)[0].called_off


def test_a_command_that_waits_in_the_queue_survives_the_speed() -> None:
    """It was given for a reader that is told already, before the line has followed it."""
    world = told(change(line(1, 2)), 1)
    command = hold(world, 1)
    signal = world.submit(Hold(1, True), within_ms=None)
    world.run(1_000)
    assert world.outcome(command) == "confirmed"
    assert world.outcome(signal) == "lost"


def test_a_command_that_is_not_wanted_any_more_goes_out_at_no_speed() -> None:
    world = told(change(line(1, 2)), 1)
    world.readers[2].silent = True
    command = hold(world, 1)
    world.stands = False
    world.run(2_000)
    assert world.outcome(command) == "withdrawn"
    assert not world.readers[1].executed


def test_a_line_that_is_pulled_out_in_a_change_loses_what_waits() -> None:
    world = told(change(line(1, 2)), 1)
    command = hold(world, 1)
    world.bus.stop(world.now_ns, "unplugged")
    world.run(0)
    assert world.outcome(command) == "lost"


def test_after_a_power_cut_in_a_change_who_has_come_back_is_told_at_once() -> None:
    world = told(change(line(1, 2, 3)), 2)
    restarted(world, NEW).run(1_000)
    command, asked_ns = hold(world, 3), world.now_ns
    world.run(1_000)
    assert world.outcome(command) == "confirmed"
    assert late_ns(world, 3, asked_ns) <= LATE_NS
    assert settled(world) == (115200, ())
