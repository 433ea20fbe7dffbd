"""The retained `muster` topic: a whole edge, a real broker, and whoever reads it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from controller import events as ev
from controller.muster import Confidence, roll
from controller.sightings import Doubt
from controller.state import SiteState
from drivers.mqtt_link import CongestedError, Publication
from edge import muster_told
from edge.assembly import Edge
from edge.control.messages_muster import BeginMuster, CheckPerson
from edge.topics import Topics
from edge.wire_muster import MusterNow, muster_now
from simulators.broker_process import BrokerProcess
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT_REX, House, running, until
from tests.edge.test_muster import opens
from tests.mqtt import Client

TOPIC = "sentrypost/v1/house/gate/muster"
WITHIN_S = 20.0


class Reader:
    """Anybody who reads the topic."""

    def __init__(self, port: int, name: str = "wall") -> None:
        self.client = Client(port, name)
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
    tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that comes late, or back, has it; without one the edge knows it as well."""
    monkeypatch.setattr(muster_told, "TOGETHER_S", 0.01)
    house = at(mosquitto, tmp_path)
    mosquitto.stop()

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ada_is_in(edge, house)
            assert (await edge.desk.muster(0)).head.listed == 1, "the edge alone knows it"
            await asyncio.to_thread(mosquitto.start)
            reader = Reader(mosquitto.port)
            seen = await reader.until(lambda now: now.listed == 1)
            (ada,) = seen.people
            assert (ada.holder, ada.zone) == ("a" * 16, "hall")
            assert ada.confidence is Confidence.PASSAGE
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
            late = Reader(mosquitto.port, "late")
            assert await late.until(lambda now: now.checked == 1) == found
            assert late.client.messages[0].retain
            for message in reader.client.messages:
                assert b"Ada" not in message.payload
                assert b"smith" not in message.payload
            reader.client.leave()
            late.client.leave()

    asyncio.run(run())


class Wire:
    """A wire that is up, down or full, and remembers what it took."""

    connected = True

    def __init__(self) -> None:
        self.taken: list[MusterNow] = []
        self.full = False

    def publish(self, publication: Publication) -> None:
        if self.full:
            raise CongestedError
        self.taken.append(msgspec.json.decode(publication.payload, type=MusterNow))


def test_it_is_told_once_and_again_with_a_connection_or_when_the_wire_was_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(muster_told, "TOGETHER_S", 0.0)
    monkeypatch.setattr(muster_told, "FULL_AGAIN_S", 0.0)
    rolled = [muster_now(roll(SiteState(), None), "0" * 16)]

    async def run() -> None:
        wire = Wire()

        async def newest() -> MusterNow:
            return rolled[0]

        told = muster_told.MusterTold(Topics("house", "gate"), newest)
        task = asyncio.create_task(told.run(wire))  # type: ignore[arg-type]

        async def settled() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        told.connected()
        await settled()
        told.changed()
        rolled[0] = replace(rolled[0], revision=7)
        told.changed()
        await settled()
        assert len(wire.taken) == 1, "another entry is no news"
        told.connected()
        await settled()
        assert [said.revision for said in wire.taken] == [0, 7]
        wire.full = True
        rolled[0] = replace(rolled[0], revision=8, missing=1)
        told.changed()
        await settled()
        wire.full = False
        await settled()
        assert wire.taken[-1].missing == 1
        task.cancel()

    asyncio.run(run())
