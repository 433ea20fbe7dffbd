"""The retained `muster` topic: a whole edge, a real broker, and whoever reads it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller import events as ev
from controller.muster import Confidence
from controller.sightings import Doubt
from edge.assembly import Edge
from edge.control.messages_muster import BeginMuster, CheckPerson
from edge.wire_muster import MusterNow
from simulators.broker_process import BrokerProcess
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT_REX, House, running, until
from tests.edge.test_muster import opens
from tests.mqtt import Client

TOPIC = "sentrypost/v1/house/gate/muster"
WITHIN_S = 20.0


class Reader:
    """Anybody who reads the topic."""

    def __init__(self, port: int) -> None:
        self.client = Client(port, "wall")
        self.client.subscribe(TOPIC, 1)

    @property
    def last(self) -> MusterNow | None:
        if not self.client.messages:
            return None
        return msgspec.json.decode(self.client.messages[-1].payload, type=MusterNow)

    async def until(self, holds: Callable[[MusterNow], bool]) -> MusterNow:
        async with asyncio.timeout(WITHIN_S):
            while (last := self.last) is None or not holds(last):
                await asyncio.sleep(0.02)
        return last


def at(broker: BrokerProcess, folder: Path) -> House:
    return House(folder, f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n')


async def ada_is_in(edge: Edge, house: House) -> None:
    await ready(edge)
    house.badge("front-in", ADA)
    await until(edge, ev.PortalGranted)
    await opens(edge, house, ev.PassageMade)


def test_the_roll_is_on_the_wire_by_pseudonym_and_follows_what_happens(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    house = at(broker, tmp_path)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ada_is_in(edge, house)
            reader = Reader(broker.port)  # comes late, and finds it
            seen = await reader.until(lambda now: now.listed == 1)
            (ada,) = seen.people
            assert (ada.holder, ada.zone, ada.confidence) == (
                "a" * 16,
                "hall",
                Confidence.PASSAGE,
            )
            assert reader.client.messages[0].retain
            house.board.set_input(FRONT_REX, True)
            await until(edge, ev.ExitRequested)
            await opens(edge, house, ev.PortalOpened)
            doubted = await reader.until(lambda now: now.unknown == 1)
            assert doubted.people[0].doubt is Doubt.EXIT
            assert doubted.revision > seen.revision
            await edge.desk.change_muster(BeginMuster(), "smith")
            await edge.desk.change_muster(CheckPerson(person="1", where="oak"), "smith")
            found = await reader.until(lambda now: now.checked == 1)
            assert found.muster is not None
            assert (found.missing, found.people[0].checked_at) == (0, "oak")
            for message in reader.client.messages:
                assert b"Ada" not in message.payload
                assert b"smith" not in message.payload
            reader.client.leave()

    asyncio.run(run())


def test_a_broker_that_was_away_has_the_roll_again_and_the_edge_goes_on_without(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    house = at(broker, tmp_path)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await asyncio.to_thread(broker.stop)
            await ada_is_in(edge, house)
            assert edge.desk.muster(0).head.listed == 1, "the edge alone knows it"
            await asyncio.to_thread(broker.start)
            reader = Reader(broker.port)
            assert (await reader.until(lambda now: now.listed == 1)).missing == 1
            reader.client.leave()

    asyncio.run(run())
