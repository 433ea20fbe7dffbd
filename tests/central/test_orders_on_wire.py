"""Orders over a real Mosquitto: who is there obeys, who is not is named, and has it afterwards."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from central.control_client import CentralClient
from central.orders import Reached
from controller.events import OrderRefused
from controller.ids import PortalId
from controller.portal import Contact
from drivers.api import InputState
from edge import wire_orders
from edge.control.messages_orders import Carrier
from edge.control.place import SOCKET
from edge.orders import EndHoldOrder
from edge.topics import PREFIX, Topics
from policies.facts import Mode
from simulators.broker_process import BrokerProcess
from tests.central.many import SITE, Modelled, modelled, write_edge
from tests.central.many_process import Wire
from tests.central.orders import Made, lift, lockdown, made
from tests.central.rig import CentralProcess, until
from tests.edge.house import bodies
from tests.edge.signed import ANNA, BEN, STRANGER
from tests.mqtt import clients

DOORS = 4
NAMES = ("annex", "gate", "villa")
PATIENCE_S = 30.0


class Site:
    """Three edges in this process, the annex behind a wire that can be cut; a central process."""

    def __init__(self, folder: Path, broker: BrokerProcess) -> None:
        self.folder, self.broker = folder, broker
        self.edges: dict[str, Modelled] = {}
        self.wire = Wire(broker.port)
        self.central: CentralProcess

    def in_force(self, order: Made, *names: str) -> bool:
        """Exactly there."""
        return {n for n, e in self.edges.items() if order.id in orders_of(e).in_force} == set(names)

    def secured(self, name: str) -> int:
        portals = self.edges[name].edge.daemon.site.state.portals.values()
        return sum(portal.secured for portal in portals)

    def over(self, order: Made) -> bool:
        return all(order.id in orders_of(edge).ended for edge in self.edges.values())

    async def wait(self, holds: Callable[[], bool], what: str) -> None:
        await until(holds, what, PATIENCE_S)

    async def refusals(self, name: str) -> list[OrderRefused]:
        """On record there."""
        return await bodies(self.edges[name].edge, OrderRefused)

    async def give(self, name: str, order: Made) -> bool:
        """From a stick."""
        desk = self.edges[name].edge.desk.orders
        return (await desk.give(order.envelope, Carrier.FILE, "", "a guard")).accepted

    async def send(self, order: Made, wait_s: float = PATIENCE_S):
        return await self.asked(lambda c: c.send_order(order.envelope, (), wait_s, lambda _: None))

    async def asked(self, ask):
        def run():
            with CentralClient(self.folder / "archive.state") as client:
                return ask(client)

        return await asyncio.to_thread(run)

    async def shows(self, holds: Callable[[CentralClient], bool]) -> None:
        """Wait until central says so."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.asked(holds):
                await asyncio.sleep(0.02)

    async def connected(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                on_wire, rows = await self.asked(lambda client: client.edges())
                if on_wire and {row.edge for row in rows if row.connected} == set(names):
                    return
                await asyncio.sleep(0.02)


def orders_of(edge: Modelled):
    return edge.edge.daemon.site.state.orders


def contact(edge: Modelled, portal: str) -> Contact:
    return edge.edge.daemon.site.state.portals[PortalId(portal)].contact


@asynccontextmanager
async def site(folder: Path, broker: BrokerProcess) -> AsyncIterator[Site]:
    found = Site(folder, broker)
    found.central = CentralProcess(broker.port, folder / "archive.db", "--json")
    await found.wire.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            stop = asyncio.Event()
            for name in NAMES:
                path = write_edge(folder, name, broker.port, DOORS)
                tasks.create_task(_run(found, name, path, stop))
            try:
                await found.wait(lambda: len(found.edges) == len(NAMES), "edges")
                socket = folder / "archive.state" / SOCKET
                await found.wait(socket.exists, "central")
                await found.connected(*NAMES)
                yield found
            finally:
                stop.set()
    finally:
        await found.wire.close()
        found.central.kill()


async def _run(found: Site, name: str, path: Path, stop: asyncio.Event) -> None:
    port = found.wire.port if name == "annex" else None
    async with modelled(path, port) as edge:
        found.edges[name] = edge
        await stop.wait()


def played(folder: Path, broker: BrokerProcess, story: Callable[[Site], Awaitable[None]]) -> None:
    async def run() -> None:
        async with site(folder, broker) as found:
            await story(found)

    asyncio.run(run())


def test_an_order_from_central_tells_of_each_door(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    async def story(found: Site) -> None:
        gate = found.edges["gate"]
        gate.bus_of("board-1").goes("board-1")
        gate.bus_of("board-2").door("board-2", InputState.ACTIVE)
        await found.wait(lambda: contact(gate, "door-2") is Contact.OPEN, "its contact")
        order = lockdown(SITE, ANNA)
        done = await found.send(order)
        assert {one.edge: one.reached for one in done.edges} == dict.fromkeys(
            NAMES, Reached.IN_FORCE
        )
        assert (done.doors, done.obeyed, done.on_wire) == (12, 10, True)
        (missing,) = [one.missing for one in done.edges if one.edge == "gate"]
        assert [(door.portal, door.linked, str(door.arrival)) for door in missing] == [
            ("door-1", False, "unknown"),
            ("door-2", True, "open"),
        ]
        # Both are mended: whoever asks hears of it, and what came back was locked again.
        gate.bus_of("board-1").comes("board-1")
        gate.bus_of("board-2").door("board-2", InputState.INACTIVE)

        def all_obey(client: CentralClient) -> bool:
            listed = client.orders_in_force().orders
            return [(one.order, one.obeyed) for one in listed] == [(order.id, 12)]

        await found.shows(all_obey)
        again = await found.send(order)
        assert (again.obeyed, again.doors) == (12, 12)
        assert all(len(orders_of(edge).refused_us) == 0 for edge in found.edges.values())
        lifted = await found.send(lift(SITE, (order.id,), ANNA, BEN))
        assert {one.reached for one in lifted.edges} == {Reached.DONE}
        assert found.over(order)
        await found.shows(lambda client: client.orders_in_force().orders == ())
        refused = await found.send(lift(SITE, (order.id, "ab" * 32), ANNA))
        assert {one.reached for one in refused.edges} == {Reached.REFUSED}
        assert all("1 of 2 people" in one.reason and one.remedy for one in refused.edges)

    played(tmp_path, mosquitto, story)


def test_without_a_broker_it_acts_where_it_is_carried_and_later_everywhere(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def story(found: Site) -> None:
        mosquitto.kill()
        order = lockdown(SITE, ANNA)
        async with asyncio.timeout(PATIENCE_S):
            while (await found.asked(lambda client: client.edges()))[0]:
                await asyncio.sleep(0.02)
        done = await found.send(order, 0.2)
        assert not done.on_wire
        assert {one.reached for one in done.edges} == {Reached.AWAY}
        assert found.in_force(order)
        assert await found.give("gate", order)
        assert found.in_force(order, "gate")
        assert await found.give("villa", order)
        assert found.in_force(order, "gate", "villa")
        # What ends another kind ends no lockdown, and does not hide it where it comes later.
        assert await found.give("annex", made(EndHoldOrder, SITE, ANNA, ends=(order.id,)))
        # A lift that comes before its lockdown: at the annex it never acts.
        early = lockdown(SITE, ANNA)
        assert await found.give("annex", lift(SITE, (early.id,), ANNA, BEN))
        assert await found.give("gate", early)
        mosquitto.start()
        await found.wait(lambda: found.in_force(order, *NAMES), "the union")
        await found.wait(lambda: found.over(early), "the lift")
        assert found.in_force(early)
        assert [found.secured(name) for name in NAMES] == [DOORS] * 3
        assert all(len(orders_of(edge).refused_us) == 0 for edge in found.edges.values())
        # Whoever was away longest hears of a lift from the others.
        await found.connected(*NAMES)
        found.wire.cut()
        await found.connected("gate", "villa")
        assert await found.give("gate", lift(SITE, (order.id,), ANNA, BEN))
        await found.wait(lambda: found.in_force(order, "annex"), "lifted at the others")
        found.wire.mend()
        await found.wait(lambda: found.over(order), "lifted at the annex")

    played(tmp_path, mosquitto, story)


def handed_on(in_force: tuple[str, ...], lift: Made) -> bytes:
    """The set of some edge."""
    return wire_orders.encode(
        wire_orders.OrdersKept(
            incarnation="0" * 16,
            revision=1,
            in_force=in_force,
            lifts=(lift.envelope.decode(),),
        )
    )


def test_what_stands_at_the_broker_never_acts_by_itself(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Retained orders, forged sets, garbage; and a set that was cleared ends nothing."""
    kept, true, forged = lockdown(SITE, ANNA), lockdown(SITE, BEN), lockdown(SITE, STRANGER)
    late = lift(SITE, ("cd" * 32,), ANNA, BEN, late_s=60)

    async def story(found: Site) -> None:
        order = lockdown(SITE, ANNA)
        assert (await found.send(order)).obeyed == 12
        gate = Topics(SITE, "gate")
        with clients(mosquitto.port) as connect:
            outsider = connect("outsider")
            sent = wire_orders.OrderSent(envelope=kept.envelope.decode())
            for name, payload in {
                "x-garbage": b"\xff" * 1000,
                "x-huge": b"[" * 500_000,
                "x-empty": b"",
                "x-forged": handed_on((forged.envelope.decode(), "{}", "no order"), late),
            }.items():
                outsider.publish(Topics(SITE, name).orders, payload, retain=True)
            outsider.publish(gate.orders, b"", retain=True)
            found.wire.cut()
            await found.connected("gate", "villa")
            # Whoever is there would take it for one that is sent now; the annex finds it kept.
            annex = Topics(SITE, "annex").order
            outsider.publish(annex, wire_orders.encode(sent), retain=True)
            found.wire.mend()
            await found.connected(*NAMES)
            await found.wait(
                lambda: all(len(orders_of(e).refused_us) == 2 for e in found.edges.values()),
                "the forged one and the late one refused, once each",
            )
            # The same again changes nothing and is not judged again: what follows it is in force.
            sets = handed_on((forged.envelope.decode(), true.envelope.decode()), late)
            outsider.publish(Topics(SITE, "x-forged").orders, sets)
            await found.wait(lambda: found.in_force(true, *NAMES), "a true one behind them")
        for name in NAMES:
            assert len(await found.refusals(name)) == 2
        assert found.in_force(order, *NAMES)
        assert found.in_force(kept)
        assert found.in_force(forged)
        assert [found.secured(name) for name in NAMES] == [DOORS] * 3
        assert sum(edge.opened for edge in found.edges.values()) == 0
        assert (await found.send(order)).obeyed == 12

    played(tmp_path, mosquitto, story)


def test_states_are_retained_and_hold_no_person(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    async def story(found: Site) -> None:
        order = lockdown(SITE, ANNA, zones=("hall",))
        assert await found.give("villa", order)
        villa = Topics(SITE, "villa")

        def newest(client, topic: str) -> bytes:
            return next((m.payload for m in reversed(client.messages) if m.topic == topic), b"")

        with clients(mosquitto.port) as connect:
            late = connect("late")
            late.subscribe(f"{PREFIX}/#")

            def shown() -> bool:
                payload = newest(late, villa.posture)
                return bool(payload) and any(
                    zone.mode is Mode.LOCKDOWN for zone in wire_orders.decode_posture(payload).zones
                )

            await found.wait(shown, "the posture")
            await found.wait(
                lambda: (
                    bool(newest(late, villa.portal("door-3")))
                    and wire_orders.decode_portal(newest(late, villa.portal("door-3"))).secured
                ),
                "the portal",
            )

            def handed() -> bool:
                payload = newest(late, villa.orders)
                kept = wire_orders.decode_orders(payload).in_force if payload else ()
                return kept == (order.envelope.decode(),)

            await found.wait(handed, "what it hands on")
            await found.wait(lambda: found.in_force(order, *NAMES), "the others have it of villa")
            later = connect("later")
            later.subscribe(f"{PREFIX}/#")
            await found.wait(lambda: bool(newest(later, villa.orders)), "what stands there")
            kept_topics = {m.topic for m in later.messages if m.retain}
            assert {villa.posture, villa.orders, villa.portal("door-0")} <= kept_topics
            assert not any("/order/" in topic or topic.endswith("/order") for topic in kept_topics)
            words = b" ".join(m.payload for m in late.messages if "/journal" not in m.topic)
            assert b"Anna" not in words
            assert base64.b64encode(ANNA.private.private_bytes_raw()) not in words

    played(tmp_path, mosquitto, story)
