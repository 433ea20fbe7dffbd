"""A bus that has more to say than time for it: what frees and what locks goes first."""

import random
from itertools import pairwise

import pytest

from drivers.api import Action, Beep, Color, Hold, Light, Priority
from drivers.osdp import messages as osdp
from tests.drivers.osdp.world import MS, World

READERS = tuple(range(1, 9))
DEAD = (2, 4, 6, 8)
FLOOD_EVERY_MS = 5
LATE_NS = 500 * MS
"""One unanswered reader of a dead half (three tries of a command, 220 ms each, are let go of in
between), and the exchange that was on the wire: longer than that nothing urgent may wait."""


def flooded(seed: int) -> World:
    """Eight readers, half of them dead, and lights and beeps for all, faster than they can go."""
    world = World(*READERS, seed=seed)
    world.run(2_000)
    for address in DEAD:
        world.readers[address].silent = True
    world.run(4_000)
    world.latency_ms = 8.0
    return world


def flood(world: World, source: random.Random, ms: int) -> None:
    for _ in range(ms // FLOOD_EVERY_MS):
        address = source.choice(READERS)
        action: Action = source.choice([Light(0, Color.GREEN, 500), Beep(0, 1)])
        priority = source.choice([Priority.SIGNAL, Priority.PASSAGE])
        world.submit(action, address=address, priority=priority, within_ms=10_000)
        world.run(FLOOD_EVERY_MS)


def obeyed_ns(world: World, address: int) -> int:
    """When the reader did what an output command told it."""
    (at_ns,) = [
        at_ns
        for at_ns, message in world.readers[address].executed
        if isinstance(message, osdp.Output)
    ]
    return at_ns


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("urgent", [Priority.LIFE_SAFETY, Priority.SECURE])
def test_what_frees_or_locks_overtakes_everything_that_waits(seed: int, urgent: Priority) -> None:
    world, source = flooded(seed), random.Random(seed)
    flood(world, source, 3_000)
    waiting = sum(len(link._queue) for link in world.bus._links)
    assert waiting > 50, "there is a flood"
    asked_ns = world.now_ns
    sent = {
        address: world.submit(Hold(0, True), address=address, priority=urgent, within_ms=None)
        for address in (1, 3, 5, 7)
    }
    said = len(world.sent)
    flood(world, source, 2_000)
    for address, command in sent.items():
        assert world.outcome(command) == "confirmed"
        assert obeyed_ns(world, address) - asked_ns <= LATE_NS
    # At most what was on the wire, and a sign of life, went out before the four of them.
    first = [data for _, data in world.sent[said : said + 8]]
    assert sum(_is_output(data) for data in first) == len(sent)


def test_life_safety_goes_before_locking_and_both_before_a_door_for_somebody() -> None:
    """Given in the wrong order to one reader each, at the same moment."""
    world, source = flooded(0), random.Random(0)
    flood(world, source, 1_000)
    order = (Priority.PASSAGE, Priority.SECURE, Priority.LIFE_SAFETY)
    for address, priority in zip((1, 3, 5), order, strict=True):
        world.submit(Hold(0, True), address=address, priority=priority, within_ms=None)
    world.run(3_000)
    times = [obeyed_ns(world, address) for address in (5, 3, 1)]
    assert all(one < other for one, other in pairwise(times)), times


def test_a_reader_that_fell_silent_does_not_hold_up_what_frees_at_another() -> None:
    """It has commands of the same urgency, which nobody answers."""
    world = World(*READERS)
    world.run(2_000)
    for address in DEAD:
        world.readers[address].silent = True
    lost = [
        world.submit(Hold(0, True), address=address, priority=Priority.LIFE_SAFETY, within_ms=None)
        for address in DEAD
    ]
    asked_ns = world.now_ns
    freed = world.submit(Hold(0, True), priority=Priority.LIFE_SAFETY, within_ms=None)
    world.run(6_000)
    assert world.outcome(freed) == "confirmed"
    assert obeyed_ns(world, 1) - asked_ns <= 1_000 * MS
    assert {world.outcome(command) for command in lost} == {"lost"}


def _is_output(data: bytes) -> bool:
    return data[6 + data[6]] == 0x68 if data[5] & 8 else data[6] == 0x68
