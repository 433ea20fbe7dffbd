"""Answers that come late, because the line or the machine is starved: no badge is lost over it."""

import random

import pytest

from drivers.api import BadgeUnread, CardRead, DeviceOffline
from tests.drivers.osdp.world import MS, World

ON_THE_WAY_NS = MS
STALLS = 12
STALL_MS_MAX = 1_200  # a session is given up after 1.4 s


class StarvedWorld(World):
    """Nothing comes through during a stall, in either direction; then all of it does, in order."""

    def __init__(self, *addresses: int, seed: int = 1) -> None:
        super().__init__(*addresses, seed=seed)
        self.stalls: list[tuple[int, int]] = []
        self._there: list[tuple[int, bytes]] = []

    def stall(self, after_ms: int, for_ms: int) -> int:
        """Behind the last one. When it is over."""
        begins_ns = max([self.now_ns, *(end for _, end in self.stalls)]) + after_ms * MS
        self.stalls.append((begins_ns, begins_ns + for_ms * MS))
        return self.stalls[-1][1]

    def run(self, ms: float) -> "StarvedWorld":
        end_ns = self.now_ns + int(ms * MS)
        while self.now_ns < end_ns:
            self._arrive()
            self._turn()
            self.now_ns += MS
        return self

    def _deliver(self, data: bytes) -> None:
        self._there.append((self._through_ns(), data))

    def _arrive(self) -> None:
        while self._there and self._there[0][0] <= self.now_ns:
            _, data = self._there.pop(0)
            for reader in self.readers.values():
                if reply := reader.receive(data, self.now_ns):
                    self.inject(reply, (self._through_ns() - self.now_ns) / MS)

    def _through_ns(self) -> int:
        at_ns = self.now_ns + ON_THE_WAY_NS
        for begins_ns, ends_ns in self.stalls:
            if begins_ns <= at_ns < ends_ns:
                at_ns = ends_ns
        return at_ns


def card(number: int) -> bytes:
    return bytes([number, 0, 0, 64])


@pytest.mark.parametrize("late_ms", [150, 250, 450, 650, 900, 1_150])
def test_a_badge_in_an_answer_that_comes_late_is_heard_once(late_ms: int) -> None:
    world = World(1).online()
    held: list[bytes] = []

    def late(reply: bytes) -> bytes:
        if world.now_ns >= shown_ns + late_ms * MS:
            return reply
        held.append(reply)
        return b""

    shown_ns = world.now_ns
    world.to_panel = late
    assert world.readers[1].present_card(26, card(1))
    world.run(3_000)
    assert len(set(held)) == 1, "the reader repeats itself, and tells the badge in one answer only"
    assert [fact.data for fact in world.of(CardRead)] == [card(1)]
    assert world.of(BadgeUnread) == []
    assert world.of(DeviceOffline) == []


@pytest.mark.parametrize("readers", [1, 4])
def test_no_badge_is_lost_on_a_line_that_stalls_again_and_again(readers: int, seed: int) -> None:
    chance = random.Random(seed)
    world = StarvedWorld(*range(1, readers + 1), seed=seed)
    world.run(1_000)
    world.facts.clear()
    for _ in range(STALLS):
        end_ns = world.stall(chance.randint(1_500, 2_500), chance.randint(20, STALL_MS_MAX))
    shown = 0
    while world.now_ns < end_ns:
        shown += 1
        assert world.readers[1].present_card(26, card(shown))
        world.run(chance.randint(50, 300))
    world.run(2_000)
    assert [fact.data for fact in world.of(CardRead)] == [card(n + 1) for n in range(shown)]
    assert world.of(DeviceOffline) == []


@pytest.mark.parametrize("readers", [1, 2, 4])
@pytest.mark.parametrize("for_ms", [600, 2_600, 5_000])
def test_a_process_that_stood_still_asks_before_it_says_that_somebody_is_gone(
    readers: int, for_ms: int, seed: int
) -> None:
    """A fire loop that is gone is a fire, and whoever stood still himself has not looked."""
    world = World(*range(1, readers + 1), seed=seed).online()
    chance = random.Random(seed)
    for _ in range(20):
        world.run(chance.uniform(200, 400))
        world.now_ns += for_ms * MS
    world.run(3_000)
    assert world.of(DeviceOffline) == []


@pytest.mark.parametrize("for_ms", [600, 2_600, 5_000])
def test_who_was_gone_all_the_while_is_told_soon_after(for_ms: int) -> None:
    world = World(1, 2).online()
    world.readers[1].silent = True
    world.run(100)
    world.now_ns += for_ms * MS
    world.run(max(600, 2_600 - for_ms))
    assert [fact.device for fact in world.of(DeviceOffline)] == ["r1"]
