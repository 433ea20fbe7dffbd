"""A guard lets somebody through at a whole edge: a command, the control socket, a real line."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import Result

from controller import events as ev
from edge.assembly import Edge
from edge.commands.portal import portal as portal_command
from policies.codes import Code
from tests.edge.house import House, bodies
from tests.edge.test_visits import POLICE, command, gives, guarded, lines, police, scene

GUARDED = POLICE.replace('badge = { 1 = "badge" }', 'badge = { 1 = "badge | guard" }')
REASON = ("--reason", "his badge is at home")


async def release(house: House, *words: str) -> Result:
    return await command(portal_command, "release", *words, house=house)


def test_a_guard_lets_somebody_in_whom_he_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    house = guarded(tmp_path, GUARDED)

    async def what(edge: Edge) -> None:
        done = await release(house, "front", "1", *REASON, "--sealed-bag")
        assert done.exit_code == 0, (done.output, done.exception)
        assert "front: granted to '1'" in done.output
        assert "a sealed diplomatic bag is not opened (910)" in done.output
        async with asyncio.timeout(10):
            while not house.board.outputs[0]:
                await asyncio.sleep(0.01)
        (said,) = await lines(edge, "guard-vouched")
        assert "vouches for" in said
        assert said.endswith("who carries a sealed bag (entry): his badge is at home")

    scene(house, what)


def test_what_is_refused_says_why_and_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    house = guarded(tmp_path, GUARDED)

    async def what(edge: Edge) -> None:
        vault = await release(house, "vault-door", "1", *REASON, "--json")
        assert vault.exit_code == 1
        told = json.loads(vault.output)
        assert (told["granted"], told["released"]) == (False, False)
        assert told["reasons"][0][0] == Code.FACTORS_MISSING
        nobody = await release(house, "front", "nobody", *REASON)
        assert "nobody on file has the id 'nobody'" in nobody.output
        nowhere = await release(house, "frond", "1", *REASON)
        assert "no portal 'frond'" in nowhere.output
        himself = await release(house, "front", "1", "--host", "1", *REASON)
        assert "nobody escorts himself" in himself.output
        assert not await bodies(edge, ev.PortalGranted)
        assert not house.board.outputs[0]

    scene(house, what)


def test_a_delegation_comes_with_the_agent_whom_a_consent_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    house = guarded(tmp_path, GUARDED)

    async def what(edge: Edge) -> None:
        await police(edge)
        assert (await gives(edge, party=3)).accepted
        (one,) = (await edge.desk.consents()).consents
        assert one.party == 3
        crowd = await release(house, "front", "2", "--party", "4", *REASON)
        assert crowd.exit_code == 1
        assert "(403)" in crowd.output
        led = await release(house, "front", "2", "--party", "3", *REASON)
        assert led.exit_code == 0, led.output

    scene(house, what)
