"""What must be done is said again until it is: a release in a fire, and a door that has to lock."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from controller import events as ev
from controller import inputs
from controller.events import FireLine
from drivers.osdp import messages as osdp
from drivers.osdp.messages import Message, NakReason
from edge.assembly import Edge
from policies.facts import Mode
from tests.edge.checks import ready
from tests.edge.house import FIRE_LOOP, VAULT, House, bodies, posture, running, until


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def fire(edge: Edge) -> None:
    daemon = edge.daemon
    heard = inputs.FireLineHeard(id=daemon._wiring.new_id(), fire="panel", line=FireLine.ALARM)
    daemon.judge(heard)


async def vault(house: House, *, energised: bool, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while house.board.outputs[VAULT] is not energised:
            await asyncio.sleep(0.01)


def test_a_release_that_got_lost_is_said_again(house: House) -> None:
    """The board stumbles at the wrong moment, and is back at once."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.silent = True
            fire(edge)
            await asyncio.sleep(2.1)  # a session is given up before
            house.board.silent = False
            await vault(house, energised=False, within_s=3)
            outcomes = [end.outcome for end in await bodies(edge, ev.EffectEnded)]
            assert "lost" in outcomes, "what got lost is on record"

    asyncio.run(run())


def test_a_lock_that_did_not_hear_is_told_again(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FIRE_LOOP, False)
            await vault(house, energised=False, within_s=3)
            house.board.set_input(FIRE_LOOP, True)
            await until(edge, ev.FireLineRead, 3)
            house.board.silent = True
            edge.daemon.judge_fire_reset("panel", "Ada")
            await asyncio.sleep(0.9)
            house.board.silent = False
            await vault(house, energised=True, within_s=3)

    asyncio.run(run())


def test_a_stop_tells_a_lock_that_refused_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, refused = house.board._obey, 0

    def obey(command: Message | None, now_ns: int) -> Message:
        nonlocal refused
        if isinstance(command, osdp.Output) and command.number == VAULT and refused < 2:
            refused += 1
            return osdp.Nak(NakReason.RECORD)
        return honest(command, now_ns)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FIRE_LOOP, False)
            await vault(house, energised=False, within_s=3)
            house.board.set_input(FIRE_LOOP, True)
            await until(edge, ev.FireLineRead, 3)
            monkeypatch.setattr(house.board, "_obey", obey)
            edge.daemon.judge_fire_reset("panel", "Ada")
            edge.daemon.stop()
        assert refused == 2
        assert house.board.outputs[VAULT] is True, "it ended before the door was locked"

    asyncio.run(run())


def test_a_device_that_refuses_is_asked_again_ever_more_rarely(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, refused = house.board._obey, []

    def obey(command: Message | None, now_ns: int) -> Message:
        if isinstance(command, osdp.Output) and command.number == VAULT:
            refused.append(now_ns / 1e9)
            return osdp.Nak(NakReason.RECORD)
        return honest(command, now_ns)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            monkeypatch.setattr(house.board, "_obey", obey)
            fire(edge)
            await asyncio.sleep(2.2)
            monkeypatch.setattr(house.board, "_obey", honest)
            await vault(house, energised=False, within_s=4)

    asyncio.run(run())
    pauses = [later - earlier for earlier, later in pairwise(refused)]
    assert 2 <= len(pauses) <= 5
    assert pauses == sorted(pauses)


def test_a_release_that_no_longer_stands_is_not_said_again(house: House) -> None:
    """Evacuated, lost on the way, and over again: the door stays locked."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.silent = True
            for mode in (Mode.EVACUATE, Mode.NORMAL):
                posture(edge, mode)
                await asyncio.sleep(0.3)
            await asyncio.sleep(0.4)
            house.strikes.clear()
            house.board.silent = False
            await asyncio.sleep(2)
            assert house.opened_at(VAULT) == []
            assert house.board.outputs[VAULT] is True

    asyncio.run(run())
