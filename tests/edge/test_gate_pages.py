"""The gate's feed at the pages' socket: what a session is told, and under whose name it acts."""

import asyncio
from pathlib import Path

import pytest

from edge.assembly import Edge
from edge.control.messages import Refusal
from edge.control.messages_gate import (
    FollowGate,
    GateHello,
    GatePassage,
    GateReleaseReply,
    ReleaseAtGate,
    Stage,
)
from edge.control.messages_guard import ListComparisons
from edge.control.messages_pages import LockSession, SignedIn
from edge.web.daemon import DaemonRefusedError
from policies.codes import Code
from policies.facts import Direction
from tests.edge.checks import ready
from tests.edge.house import ADA, running
from tests.edge.signins.gatehouse import Gatehouse

WITHIN_S = 20.0


def test_a_session_is_told_of_its_own_terminal_and_acts_under_its_own_name(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await at_the_lodge(house, edge)

    asyncio.run(run())


async def at_the_lodge(house: Gatehouse, edge: Edge) -> None:
    token = await house.session(edge, "gil", terminal="lodge")
    async with house.page() as page, house.page() as other:
        await page.sign(token)
        await other.sign(token)
        told = page.follow(FollowGate(portals=("front", "vault-door")))
        hello = await anext(told)
        assert isinstance(hello, GateHello)
        assert [portal.id for portal in hello.portals] == ["front"]
        house.badge("front-in", ADA)
        async with asyncio.timeout(WITHIN_S):
            async for message in told:
                if isinstance(message, GatePassage) and message.stage is Stage.DECIDED:
                    break
        assert message.name == "Ada L"
        asked = ReleaseAtGate(portal="front", direction=Direction.ENTRY, reason="on my round")
        done = await other.ask(asked, GateReleaseReply)
        assert done.verdict is not None
        assert done.verdict.reasons[0][0] == Code.NO_GRANT, "his role opens nothing"
        stored = await edge.daemon.writer.read(1, 10_000, 2**26)
        (entry,) = [one for one in stored if b'"guard-vouched"' in one.entry]
        assert {one.field: one.value for one in entry.personal}["operator"] == "gil"
        with pytest.raises(DaemonRefusedError) as refused:
            await other.ask(ListComparisons(), GateReleaseReply)
        assert refused.value.refused.code is Refusal.NO_RIGHT
    async with house.page() as page, house.page() as other:
        await page.sign(token)
        await other.sign(token)
        told = page.follow(FollowGate())
        unlocked = await anext(told)
        assert isinstance(unlocked, GateHello)
        seen = {passage.name for passage in unlocked.recent}
        async with asyncio.timeout(WITHIN_S):
            while seen != {"Ada L", "Gil Moreau"}:  # what was just decided may come behind it
                message = await anext(told)
                seen |= {message.name} if isinstance(message, GatePassage) else set()
        await other.ask(LockSession(), SignedIn)
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(DaemonRefusedError):
                async for _ in told:
                    pass
    async with house.page() as page:
        await page.sign(token)
        locked = await anext(page.follow(FollowGate()))
        assert isinstance(locked, GateHello)
        assert ([portal.id for portal in locked.portals], locked.recent) == (["front"], ())
    async with house.page() as page:
        await page.sign(await house.session(edge, "cleo"))
        whole = await anext(page.follow(FollowGate()))
        assert isinstance(whole, GateHello)
        assert [portal.id for portal in whole.portals] == ["front", "vault-door"]
