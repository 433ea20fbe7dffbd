"""Alarm points, local sources and a barrier on real ptys, with a daemon and a journal."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller import events as ev
from controller.barrier import Loop
from controller.events_barriers import (
    BarrierDown,
    BarrierLowering,
    BarrierReopened,
    BarrierWaiting,
    LoopFaulted,
)
from controller.events_points import (
    PointAlarmed,
    PointEntered,
    PointFaulted,
    PointMasked,
    PointRestored,
    PointSeen,
    PointSettled,
    PointStuck,
    SourceActed,
    SourceFaulted,
    SourceLetGo,
    ZoneArmed,
)
from controller.ids import HolderId
from controller.inputs_points import ArmAsked
from controller.point import Line
from edge.assembly import Edge
from tests.edge.compound import Compound, Played, played
from tests.edge.house import ADA, bodies, running, until

ADA_ID = HolderId("a" * 16)


@pytest.fixture
def compound(tmp_path: Path) -> Compound:
    return Compound(tmp_path)


def at(compound: Compound, scene: Callable[[Edge, Played], Awaitable[None]]) -> None:
    """Play the scene at a compound that is up and quiet."""

    async def run() -> None:
        async with played(compound) as site, running(compound) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, PointSettled, 3)
            await until(edge, SourceLetGo, 2)
            await until(edge, BarrierDown)
            await scene(edge, site)

    asyncio.run(run())


def arm(edge: Edge, arming: str, armed: bool = True) -> None:
    daemon = edge.daemon
    daemon.judge(
        ArmAsked(
            id=daemon.new_id(),
            arming=arming,
            armed=armed,
            holder=ADA_ID,
            operator=daemon.personal("operator", "Officer Smith"),
        )
    )


def test_every_sensor_tells_activity_and_faults(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        site.does("trip", "point.fence")
        (alarm,) = await until(edge, PointAlarmed)
        assert (alarm.point, alarm.after.line) == ("fence", Line.ACTIVE)
        await until(edge, PointRestored)  # its relay lets go by itself
        site.does("cut", "point.fence")
        site.does("short", "point.beam")
        faults = {(one.point, one.after.line) for one in await until(edge, PointFaulted, 2)}
        assert faults == {("fence", Line.CUT), ("beam", Line.SHORTED)}
        site.does("mask", "point.hall-pir")
        (masked,) = await until(edge, PointMasked)
        assert masked.point == "hall-pir"
        for where in ("point.fence", "point.beam", "point.hall-pir"):
            site.does("mend", where)
        await until(edge, PointRestored, 4)

    at(compound, scene)


def test_an_armed_house_gives_the_delay_and_a_beam_that_stays_broken_is_stuck(
    compound: Compound,
) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        arm(edge, "house")
        await until(edge, ZoneArmed)
        site.does("trip", "point.hall-pir")
        site.does("trip", "point.beam")
        await until(edge, PointEntered)
        await until(edge, PointSeen)
        (alarm,) = await until(edge, PointAlarmed)
        assert alarm.point == "hall-pir"
        (stuck,) = await until(edge, PointStuck)
        assert stuck.point == "beam"

    at(compound, scene)


def test_a_board_that_goes_away_blinds_its_points_and_they_say_so(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        site.world.readers["yard"].silent = True
        faults = {one.point for one in await until(edge, PointFaulted, 3)}
        assert faults == {"fence", "beam", "hall-pir"}
        await until(edge, SourceFaulted, 2)
        await until(edge, LoopFaulted)
        site.world.readers["yard"].silent = False
        await until(edge, PointRestored, 3)

    at(compound, scene)


def test_the_key_switch_acts_once_a_turn_and_a_cut_line_never(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        acted: list[str] = []
        edge.daemon.source_acted = acted.append
        site.does("cut", "source.guard-key")
        await until(edge, SourceFaulted)
        site.does("mend", "source.guard-key")
        await until(edge, SourceLetGo, 3)
        assert acted == []
        site.does("trip", "source.guard-key")
        await until(edge, SourceActed)
        site.does("rest", "source.guard-key")
        await until(edge, SourceLetGo, 4)
        site.does("trip", "source.panic")
        await until(edge, SourceActed, 2)
        assert acted == ["guard-key", "panic"]

    at(compound, scene)


async def raised(edge: Edge, site: Played, times: int) -> None:
    """Ada's badge raises the barrier, for as many times by now."""
    assert site.world.readers["yard-in"].present_card(26, ADA)
    await until(edge, ev.PassageMade, times)


def test_the_barrier_comes_down_behind_a_car_and_never_on_one(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        down = len(await bodies(edge, BarrierDown))
        await raised(edge, site, 1)
        assert site.boom.push(time.monotonic())
        await until(edge, BarrierDown, down + 1)
        await raised(edge, site, 2)
        site.boom.park(True)
        (held,) = await until(edge, BarrierWaiting)
        assert held.after.loop is Loop.TAKEN
        assert site.boom.open
        lowered = len(await bodies(edge, BarrierLowering))
        site.boom.park(False)
        await until(edge, BarrierLowering, lowered + 1)
        site.boom.park(True)  # somebody drives under it while it comes down
        await until(edge, BarrierReopened)
        async with asyncio.timeout(10):
            while not site.boom.unlocked:
                await asyncio.sleep(0.01)
        assert site.boom.struck == 0

    at(compound, scene)
