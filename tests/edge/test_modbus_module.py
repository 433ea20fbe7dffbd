"""The whole edge with its locks, contacts and fire loop on a Modbus module, badges over OSDP."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from controller import events as ev
from edge.config import ConfigError
from tests.edge.cabinet import Cabinet, wire_to_a_module
from tests.edge.checks import ready
from tests.edge.house import (
    ADA,
    BOB,
    FIRE_LOOP,
    FRONT,
    FRONT_CONTACT,
    VAULT,
    bodies,
    running,
    until,
)


@pytest.fixture
def cabinet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cabinet:
    wire_to_a_module(monkeypatch)
    return Cabinet(tmp_path)


async def seen(true: Callable[[], object]) -> None:
    """Wait for the hardware."""
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


def test_a_badge_opens_a_door_on_a_module_and_fire_frees_the_way_out(cabinet: Cabinet) -> None:
    async def run() -> None:
        async with cabinet.running() as edge:
            house, module = cabinet.house, cabinet.module
            house.badge("front-in", BOB)
            await until(edge, ev.DecisionMade)
            assert house.opened_at(FRONT) == []
            house.badge("front-in", ADA)
            await until(edge, ev.PortalGranted)
            await seen(lambda: module.outputs[FRONT])
            module.inputs[FRONT_CONTACT] = True
            (passage,) = await until(edge, ev.PassageMade)
            module.inputs[FRONT_CONTACT] = False
            await until(edge, ev.PortalClosed)
            await seen(lambda: not module.outputs[FRONT])
            assert isinstance(passage, ev.PassageMade)
            assert len(house.opened_at(FRONT)) == 1
            ends = {end.outcome for end in await bodies(edge, ev.EffectEnded)}  # type: ignore[attr-defined]
            assert ends == {"confirmed"}
            assert await bodies(edge, ev.PortalForced) == []
            assert module.outputs[VAULT] is True, "the magnet holds"
            module.inputs[FIRE_LOOP] = False
            await until(edge, ev.EgressReleased)
            await seen(lambda: not module.outputs[VAULT])

    asyncio.run(run())


def test_a_badge_at_the_reader_that_is_found_last_is_decided(cabinet: Cabinet) -> None:
    """The readers of a starved line are found in any order."""

    async def run() -> None:
        house = cabinet.house
        house.readers["front-in"].silent = True
        async with house.line(), cabinet.line, running(house) as edge:
            await until(edge, ev.ReaderFound, 3)
            house.readers["front-in"].silent = False
            await ready(edge)
            house.badge("front-in", BOB)
            await until(edge, ev.DecisionMade)
            assert await bodies(edge, ev.BadgeIgnored) == []

    asyncio.run(run())


def test_an_unplugged_module_is_a_fire_for_the_way_out_and_opens_no_way_in(
    cabinet: Cabinet,
) -> None:
    async def run() -> None:
        async with cabinet.running() as edge:
            house, module = cabinet.house, cabinet.module
            cabinet.line.unplug()
            await until(edge, ev.PortalLost, 2)
            module.restart()  # whoever pulled the plug pulled its power as well
            house.strikes.clear()
            house.badge("front-in", ADA)
            await until(edge, ev.DecisionMade)
            await until(edge, ev.EgressReleased)
            module.inputs[FIRE_LOOP] = True
            cabinet.line.replug()
            await until(edge, ev.PortalFound, 4)
            await asyncio.sleep(0.5)
            assert module.outputs == (False, False), "freed until somebody resets, strike at rest"
            assert house.opened_at(FRONT) == []
            assert await bodies(edge, ev.PortalForced) == []

    asyncio.run(run())


def test_a_module_without_its_own_timer_takes_no_lock(cabinet: Cabinet) -> None:
    site = cabinet.house.folder / "site.toml"
    site.write_text(site.read_text().replace("flash = true", "flash = false"))
    with pytest.raises(ConfigError, match="cannot end a release by itself"):
        cabinet.house.config()
    site.write_text(site.read_text().replace("flash = false", "flsh = true"))
    with pytest.raises(ConfigError, match="did you mean 'flash'"):
        cabinet.house.config()
