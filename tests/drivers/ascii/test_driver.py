"""The readers that only speak on real ptys: names that lead elsewhere, unplugged in every state.

The edge's own supervisor runs the driver again. `tests/drivers/test_conformance.py` has the rest.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

import pytest

from drivers.api import (
    BadgeUnread,
    CardRead,
    CodeRead,
    DeviceOffline,
    DeviceOnline,
    Fact,
    LinkLostError,
)
from drivers.ascii_serial.family import ID12, RDM6300, SCANNER
from drivers.ascii_serial.frames import BROKEN
from drivers.ascii_serial.reader import WAITING, Kind, Reader
from drivers.serial_driver import SerialDriver
from edge.supervisor import supervise
from simulators.ascii_reader import Scanner, id12_frame, rdm6300, rdm6300_frame
from simulators.serial_line import Peer, SerialLine, paced
from tests.descriptors import descriptors
from tests.drivers.hasty import clock_ns, run

F = TypeVar("F", bound=Fact)
A, B = bytes.fromhex("0C000621A5"), bytes.fromhex("05AAE062B4")
PATIENCE_S = 1_000.0  # of the loop's own time, which does not wait


class Edge:
    """What hears the driver. `on_fact` is called within the driver's report."""

    def __init__(self, port: Path, kind: Kind) -> None:
        self.driver = SerialDriver(Reader("r1", kind), str(port), 9600, clock_ns)
        self.facts: list[Fact] = []
        self.on_fact: Callable[[Fact], None] = lambda fact: None
        self._heard = asyncio.Event()

    async def serve(self) -> None:
        await self.driver.run(self._report, lambda command: True)

    def _report(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.on_fact(fact)
        self._heard.set()

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def cards(self) -> list[bytes]:
        return [card.data for card in self.of(CardRead)]

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._heard.clear()
                await self._heard.wait()

    async def has_read(self, count: int) -> None:
        """Until so much of a frame was taken from the port."""
        decoder = self.driver._machine._decoder  # type: ignore[attr-defined]
        async with asyncio.timeout(PATIENCE_S):
            while len(decoder._frame) != count:
                await asyncio.sleep(0.001)

    async def online(self) -> None:
        self.facts.clear()
        await self.until(lambda: self.of(DeviceOnline))


@asynccontextmanager
async def edge_on(port: Path, kind: Kind) -> AsyncIterator[Edge]:
    edge, loop = Edge(port, kind), asyncio.get_running_loop()
    supervised = supervise("r1", edge.serve, random.Random(1), loop.time)
    task = asyncio.create_task(supervised, name="line")
    try:
        yield edge
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def plugged(folder: Path, peer: Peer, name: str = "tty") -> SerialLine:
    return SerialLine(folder / name, peer, clock_ns=clock_ns)


def test_badges_at_the_pace_of_a_real_module(tmp_path: Path) -> None:
    async def scenario() -> None:
        module = rdm6300()
        async with plugged(tmp_path, module) as line, edge_on(line.link, RDM6300) as edge:
            module.say, line.treatment = line.say, paced(9600)
            await edge.online()
            for badge in (A, B, A):
                count, began_ns = len(edge.cards), clock_ns()
                module.hold(badge, began_ns)
                line.set_timer()
                await edge.until(lambda count=count: len(edge.cards) > count)
                frame_ns = len(rdm6300_frame(badge)) * 10 * 1_000_000_000 // 9600
                assert edge.of(CardRead)[-1].at_ns - began_ns >= frame_ns
                await asyncio.sleep(1.0)
                module.remove(badge, clock_ns())
                await asyncio.sleep(0.6)
            assert edge.cards == [A, B, A]
            assert edge.of(DeviceOffline) == []

    run(scenario())


def test_codes_on_a_real_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        scanner = Scanner()
        async with plugged(tmp_path, scanner) as line, edge_on(line.link, SCANNER) as edge:
            scanner.say, line.treatment = line.say, paced(9600)
            await edge.online()
            codes = ["A", "VISIT " + "X" * 250, "Q-17"]
            for code in codes:
                scanner.scan(code)
            await edge.until(lambda: len(edge.of(CodeRead)) == 3)
            assert [code.text for code in edge.of(CodeRead)] == codes
            assert edge.of(BadgeUnread) == []

    run(scenario())


def test_what_was_said_before_anybody_listened_is_nobodys_badge(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path, rdm6300()) as line:
            line.say(id12_frame(A))  # it waits in the port, as a pty keeps it
            async with edge_on(line.link, ID12) as edge:
                await edge.online()
                line.say(id12_frame(A))
                await edge.until(lambda: edge.cards == [A])
                assert edge.of(BadgeUnread) == [], "nor is it told of: it may be a day old"

    run(scenario())


@pytest.mark.parametrize("cut", [0, 1, 7, 13, 14])
def test_unplugged_before_in_and_behind_a_frame(tmp_path: Path, cut: int) -> None:
    """What was read of a frame before never joins what comes after, and nothing is read twice."""

    async def scenario() -> None:
        frame = rdm6300_frame(A)
        async with plugged(tmp_path, rdm6300()) as line, edge_on(line.link, RDM6300) as edge:
            await edge.online()
            line.say(frame[:cut])
            if cut == len(frame):
                await edge.until(lambda: edge.cards)
            else:
                await edge.has_read(cut)
            line.unplug()
            await edge.until(lambda: edge.of(DeviceOffline))
            assert "unplugged" in edge.of(DeviceOffline)[0].reason
            assert edge.cards == ([A] if cut == len(frame) else [])
            await asyncio.sleep(1.0)
            line.replug()
            await edge.online()
            line.say(frame[cut:])
            line.say(rdm6300_frame(B))
            await edge.until(lambda: edge.cards)
            assert edge.cards == ([A, B] if cut == 0 else [B])

    run(scenario())


def test_a_rest_of_a_frame_is_noise_and_a_beginning_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        frame = rdm6300_frame(A)
        async with plugged(tmp_path, rdm6300()) as line, edge_on(line.link, RDM6300) as edge:
            await edge.online()
            line.say(frame[5:])
            line.say(frame[:9])
            await edge.until(lambda: edge.of(BadgeUnread))
            assert [unread.reason for unread in edge.of(BadgeUnread)] == [BROKEN]
            assert edge.cards == []

    run(scenario())


def test_a_badge_that_lies_in_the_field_through_an_unplug_opens_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        module = rdm6300()
        async with plugged(tmp_path, module) as line, edge_on(line.link, RDM6300) as edge:
            module.say = line.say
            await edge.online()
            module.hold(A, clock_ns())
            line.set_timer()
            await edge.until(lambda: edge.cards == [A])
            line.unplug()
            await edge.until(lambda: edge.of(DeviceOffline))
            line.replug()
            await edge.online()
            await edge.until(lambda: edge.of(BadgeUnread))
            assert edge.of(BadgeUnread)[0].reason == WAITING
            await asyncio.sleep(2.0)
            assert edge.cards == []
            module.remove(A, clock_ns())
            await asyncio.sleep(0.6)
            module.hold(A, clock_ns())
            line.set_timer()
            await edge.until(lambda: edge.cards == [A])

    run(scenario())


def test_a_name_that_leads_elsewhere_by_now_is_opened_anew(tmp_path: Path) -> None:
    """Nothing was hung up on: the old port is still there, and says what nobody believes."""

    async def scenario() -> None:
        name = tmp_path / "by-id"
        async with (
            plugged(tmp_path, rdm6300(), "one") as one,
            plugged(tmp_path, rdm6300(), "other") as other,
        ):
            name.symlink_to(one.link)
            async with edge_on(name, RDM6300) as edge:
                await edge.online()
                one.say(rdm6300_frame(A)[:9])
                fresh = tmp_path / "fresh"
                fresh.symlink_to(other.link)
                fresh.replace(name)
                await edge.until(lambda: edge.of(DeviceOffline))
                assert "leads to another port" in edge.of(DeviceOffline)[0].reason
                await edge.online()
                one.say(rdm6300_frame(A))
                other.say(rdm6300_frame(A)[9:] + rdm6300_frame(B))
                await edge.until(lambda: edge.cards)
                assert edge.cards == [B]

    run(scenario())


def test_a_name_that_is_missing_for_a_while_says_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path, rdm6300()) as line, edge_on(line.link, RDM6300) as edge:
            await edge.online()
            target = line.link.readlink()
            line.link.unlink()
            await asyncio.sleep(3.0)
            line.link.symlink_to(target)
            await asyncio.sleep(3.0)
            line.say(rdm6300_frame(A))
            await edge.until(lambda: edge.cards == [A])
            assert edge.of(DeviceOffline) == []

    run(scenario())


def test_unplugged_at_the_moment_it_is_told_online(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path, rdm6300()) as line, edge_on(line.link, RDM6300) as edge:
            edge.on_fact = lambda fact: line.unplug() if isinstance(fact, DeviceOnline) else None
            await edge.until(lambda: edge.of(DeviceOffline))
            assert [type(fact) for fact in edge.facts] == [DeviceOnline, DeviceOffline]
            edge.on_fact = lambda fact: None
            line.replug()
            await edge.online()
            line.say(rdm6300_frame(A))
            await edge.until(lambda: edge.cards == [A])

    run(scenario())


def at_step(step: int, act: Callable[[], None]) -> Callable[[], int]:
    """Do something before the so-manieth call into the system or a library from here on.

    Returns how many there were until the reader was started, and stops counting.
    """
    calls = opened = 0

    def count(frame: FrameType, event: str, _called: object) -> None:
        nonlocal calls, opened
        if event == "call" and frame.f_code is Reader.start.__code__:
            opened = calls
        if event == "c_call":
            calls += 1
            if calls == step:
                act()

    def counted() -> int:
        sys.setprofile(None)
        return opened

    sys.setprofile(count)
    return counted


def test_unplugged_at_every_step_of_opening_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path, rdm6300()) as line:
            edge, reasons, step, steps = Edge(line.link, RDM6300), set(), 0, 1
            while step <= steps:
                line.replug()
                files = descriptors()
                counted = at_step(step, line.unplug)
                task = asyncio.create_task(edge.serve())
                if step == 0:
                    await edge.until(lambda: edge.of(DeviceOnline))
                    steps = counted()
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                else:
                    with pytest.raises(LinkLostError) as caught:
                        await asyncio.wait_for(task, PATIENCE_S)
                    counted()
                    reasons.add(str(caught.value).removeprefix(f"{line.link}: "))
                    assert not descriptors() - files, "a half opened port is closed"
                step += 1
            assert steps > 20, "it was hit in the middle of opening"
            assert reasons == {
                "no such port: plug the adapter in, or correct its name",
                "unplugged; plug it in again",
            }
            line.replug()
            async with edge_on(line.link, RDM6300) as back:
                await back.online()
                line.say(rdm6300_frame(A))
                await back.until(lambda: back.cards == [A])
            assert edge.cards == []

    run(scenario())
