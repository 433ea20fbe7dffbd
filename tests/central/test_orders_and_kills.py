"""What a lockdown has to survive: real edges killed and started, and a site of several."""

import asyncio
from pathlib import Path
from random import Random

from central.control_client import CentralClient
from central.control_messages_order import OrderProgress
from central.orders import Reached
from controller import events as ev
from edge.control.client import Client
from simulators.broker_process import BrokerProcess
from tests.campaigns.lockdown import arrival_s, third_away
from tests.central.fleet import bodies
from tests.central.many_scene import scene
from tests.central.rig import CentralProcess
from tests.edge.house import ADA, House
from tests.edge.ordering import id_of, lift, lockdown, ordered_house
from tests.edge.process import FRONT_STRUCK, running_process, told

PATIENCE_S = 30.0


class Gate:
    """One edge as `sentrypost run`, and central."""

    def __init__(self, folder: Path, broker: BrokerProcess) -> None:
        where = f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        self.house: House = ordered_house(folder, broker=where)
        self.archive = folder / "archive.db"
        self.central = CentralProcess(broker.port, self.archive, "--json")

    async def send(self, envelope: bytes, wanted: Reached) -> OrderProgress:
        """Until the edge stands so to it: central may have to see it first."""

        def asked() -> OrderProgress:
            with CentralClient(self.archive.with_suffix(".state")) as client:
                return client.send_order(envelope, (), 2.0, lambda _: None)

        async with asyncio.timeout(PATIENCE_S):
            while True:
                done = await asyncio.to_thread(asked)
                if [one.reached for one in done.edges] == [wanted]:
                    return done

    async def seen(self) -> None:
        """Wait until central knows the edge."""
        state = self.archive.with_suffix(".state")

        def known() -> bool:
            if not (state / "control.sock").exists():
                return False
            with CentralClient(state) as client:
                return any(row.connected for row in client.edges()[1])

        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(known):
                await asyncio.sleep(0.02)

    async def entered(self) -> bool:
        """Whether Ada's badge lets her in, by the decision that is made now."""
        with Client(self.house.folder / "state") as client:
            following = client.status().seq + 1
        self.house.badge("front-in", ADA)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for body in await asyncio.to_thread(bodies, self.house, following):
                    if isinstance(body, ev.DecisionMade):
                        return body.decision.granted
                await asyncio.sleep(0.02)

    async def in_force(self) -> set[str]:
        """By its journal."""
        found: set[str] = set()
        for body in await asyncio.to_thread(bodies, self.house):
            if isinstance(body, ev.OrderAccepted) and body.order.kind == "lockdown":
                found.add(body.order.id)
            elif isinstance(body, ev.OrderEnded):
                found.discard(body.order)
        return found


def test_a_lockdown_outlives_the_edge_the_broker_and_central(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Killed in a lockdown, an edge starts locked and lets nobody in; what was lifted meanwhile it
    has of the broker's word from those that were there, or of central when somebody sends it.
    """
    gate = Gate(tmp_path, mosquitto)
    order = lockdown()

    async def run() -> None:
        async with gate.house.line():
            async with running_process(gate.house) as edge:
                await edge.badge_opens()
                await gate.seen()
                done = await gate.send(order, Reached.IN_FORCE)
                assert (done.doors, done.on_wire) == (2, True)
                assert not await gate.entered()
                await edge.kill()
            mosquitto.kill()
            async with running_process(gate.house) as edge:
                assert not await gate.entered()
                assert FRONT_STRUCK not in told(gate.house)
                assert await gate.in_force() == {id_of(gate.house, order)}
                mosquitto.start()
                await gate.seen()
                await gate.send(lift(id_of(gate.house, order)), Reached.DONE)
                assert await gate.in_force() == set()
                await edge.badge_opens()
                # The old file again: it was ended, and never acts any more.
                await gate.send(order, Reached.ENDED)
                assert await gate.entered()
                found = await asyncio.to_thread(bodies, gate.house)
                assert not any(isinstance(one, ev.OrderRefused) for one in found)
                assert await edge.stop() == 0

    try:
        asyncio.run(run())
    finally:
        gate.central.kill()


def test_a_small_site_is_locked_down_as_the_large_one_is(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """`make campaign lockdown` does it with a hundred edges."""

    async def run() -> None:
        async with scene(tmp_path, mosquitto, 3, 3, lambda number: number == 0) as site:
            assert await arrival_s(site) > 0
            await third_away(site, Random(1))
            assert all(one["opened"] == 0 for one in (await site.report()).values())

    asyncio.run(run())
