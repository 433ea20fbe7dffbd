"""A lockdown at an edge that is killed with SIGKILL, and one whose broker was never there."""

import asyncio
from pathlib import Path

from controller import events as ev
from controller.events_points import SourceLetGo
from edge.control.client import Client
from edge.control.messages_orders import Carrier, OrderReply
from policies.codes import Code
from policies.facts import Mode
from tests.edge.compound import Compound, played
from tests.edge.house import ADA, House, running, until
from tests.edge.ordering import lift, lockdown, ordered_house
from tests.edge.process import FRONT_STRUCK, PATIENCE_S, EdgeProcess, told
from tests.edge.test_order_desk import come

NOBODY_LISTENS = 9


def gives(house: House, envelope: bytes) -> OrderReply:
    with Client(house.folder / "state") as client:
        return client.give_order(envelope, Carrier.CONTROL)


def mode(house: House) -> Mode:
    with Client(house.folder / "state") as client:
        return client.posture().mode


def decided(house: House) -> list[Code]:
    """What was decided so far, by the running edge's own journal."""
    with Client(house.folder / "state") as client:
        entries = [ev.decode_entry(one.entry.encode()) for one in client.entries(1)]
    found = [ev.decode_body(entry) for entry in entries]
    return [body.decision.code for body in found if isinstance(body, ev.DecisionMade)]


async def badge(house: House, count: int) -> list[Code]:
    """Ada's badge at the front door; what was decided then, as the `count`th."""
    house.badge("front-in", ADA)
    async with asyncio.timeout(PATIENCE_S):
        while len(found := await asyncio.to_thread(decided, house)) < count:
            await asyncio.sleep(0.02)
    return found


def test_a_lockdown_outlives_a_kill_and_nobody_enters_meanwhile(tmp_path: Path) -> None:
    house = ordered_house(tmp_path)

    async def run() -> None:
        async with house.line():
            edge = await EdgeProcess.start(house)
            given = await asyncio.to_thread(gives, house, lockdown())
            assert given.accepted
            assert given.recorded
            await edge.kill()
            edge = await EdgeProcess.start(house, check=False)
            for _ in range(3):  # somebody tries while it starts; a reader keeps a badge
                house.badge("front-in", ADA)
            await edge.ready()
            assert await asyncio.to_thread(mode, house) is Mode.LOCKDOWN
            found = await badge(house, 1)
            assert set(found) == {Code.LOCKDOWN}
            assert FRONT_STRUCK not in told(house)
            lifted = await asyncio.to_thread(gives, house, lift(given.order))
            assert lifted.accepted, lifted
            await edge.badge_opens()
            await edge.stop()

    asyncio.run(run())


def test_the_key_switch_needs_neither_broker_nor_central(tmp_path: Path) -> None:
    compound = Compound(tmp_path)
    with (tmp_path / "site.toml").open("a") as file:
        file.write(f'\n[broker]\nhost = "127.0.0.1"\nport = {NOBODY_LISTENS}\n')

    async def run() -> None:
        async with played(compound) as site, running(compound) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, SourceLetGo, 2)
            site.does("trip", "source.guard-key")
            (given,) = await until(edge, ev.OrderAccepted)
            assert isinstance(given, ev.OrderAccepted)
            await come(
                edge,
                given.order.id,
                lambda reply: any(one.portal == "front" and one.obeyed for one in reply.portals),
            )
            uplink = edge.desk.status().uplink
            assert uplink is not None
            assert not uplink.connected

    asyncio.run(run())
