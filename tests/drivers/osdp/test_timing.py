"""What half of a dead bus costs: figures of the panel on a line of real speed, in virtual time.

A reader is reported offline within three seconds of its last good reply, and is back within three
seconds of its return; nobody else is polled less than four times where it was polled five times
before, and everybody alike.
"""

import random
from itertools import pairwise
from statistics import median

import pytest

from drivers.api import DeviceOffline, DeviceOnline
from tests.drivers.osdp.world import MS, PacedWorld

WITHIN_NS = 3_000 * MS
NEIGHBOURS_MAX = 1.25
UNFAIR_MAX = 2
POLL = 0x60

# Speed and how many readers it is for: four are as many as 9600 carries.
LINES = [(9600, 2), (9600, 4), (38400, 8), (38400, 32), (115200, 6), (115200, 16)]
DRAWN = [(9600, range(2, 5)), (38400, range(2, 33)), (115200, range(2, 33))]


def polled(world: PacedWorld) -> dict[int, list[int]]:
    """When each reader was polled, since `sent` was emptied."""
    found: dict[int, list[int]] = {address: [] for address in world.readers}
    for sent_ns, data in world.sent:
        code = data[6 + data[6]] if data[5] & 8 else data[6]
        if code == POLL:
            found[data[2] & 0x7F].append(sent_ns)
    return found


def interval_ns(polls: dict[int, list[int]], address: int) -> float:
    times = polls[address]
    return median(after - before for before, after in pairwise(times))


def watched(world: PacedWorld, ms: float) -> dict[int, list[int]]:
    world.sent.clear()
    world.run(ms)
    return polled(world)


def half_dies_and_one_returns(baud: int, readers: int, dead: int, chance: random.Random) -> None:
    world = PacedWorld(*range(1, readers + 1), seed=chance.getrandbits(32), baud=baud)
    world.run(4_500)
    assert len(world.of(DeviceOnline)) == readers
    world.facts.clear()
    healthy = watched(world, 2_000)
    counts = [len(times) for times in healthy.values()]
    assert min(counts) * UNFAIR_MAX >= max(counts) > 0

    gone = chance.sample(range(1, readers + 1), dead)
    living = set(world.readers) - set(gone)
    world.run(chance.uniform(0, 500))
    for address in gone:
        world.readers[address].silent = True
    silent_ns = world.now_ns
    world.run(3_500)
    told = {fact.device: fact.at_ns for fact in world.of(DeviceOffline)}
    assert set(told) == {f"r{address}" for address in gone}, "and nobody else"
    assert all(at_ns - silent_ns <= WITHIN_NS for at_ns in told.values())

    degraded = watched(world, 3_000)
    counts = [len(degraded[address]) for address in living]
    assert min(counts) * UNFAIR_MAX >= max(counts) > 0
    before = median(interval_ns(healthy, address) for address in living)
    after = median(interval_ns(degraded, address) for address in living)
    assert after <= before * NEIGHBOURS_MAX, f"{before / MS:.0f} ms, then {after / MS:.0f} ms"

    world.facts.clear()
    back = chance.choice(gone)
    world.readers[back].silent = False
    back_ns = world.now_ns
    world.run(3_100)
    returned = [fact for fact in world.of(DeviceOnline) if fact.device == f"r{back}"]
    assert returned
    assert returned[0].at_ns - back_ns <= WITHIN_NS, f"{(returned[0].at_ns - back_ns) / MS:.0f} ms"
    assert world.of(DeviceOffline) == []


@pytest.mark.parametrize(("baud", "readers"), LINES)
def test_half_of_a_bus_dies_at_once(baud: int, readers: int) -> None:
    half_dies_and_one_returns(baud, readers, readers // 2, random.Random(readers))


@pytest.mark.parametrize("one_of", range(3))
def test_any_line_and_any_part_of_it(one_of: int, seed: int) -> None:
    chance = random.Random(f"{seed}/{one_of}")
    baud, sizes = DRAWN[one_of]
    readers = chance.choice(sizes)
    half_dies_and_one_returns(baud, readers, chance.randint(1, readers // 2), chance)


def test_everybody_returns_at_once() -> None:
    """The supply of half of the bus comes back."""
    world = PacedWorld(*range(1, 33), seed=5, baud=115200)
    world.run(2_000)
    for address in range(1, 17):
        world.readers[address].silent = True
    world.run(3_500)
    world.facts.clear()
    for address in range(1, 17):
        world.readers[address].silent = False
    back_ns = world.now_ns
    world.run(3_000)
    told = {fact.device: fact.at_ns - back_ns for fact in world.of(DeviceOnline)}
    assert len(told) == 16
    assert world.of(DeviceOffline) == []
