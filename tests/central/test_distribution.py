"""A revocation reaches every edge that is there, the others are named, and nobody can forge one."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from central.control_client import NotDistributedError
from central.distribution import Standing
from controller import events as ev
from edge import wire
from edge.requests import OPERATOR
from edge.topics import PREFIX, Topics
from simulators.broker_process import BrokerProcess
from tests.central.fleet import EDGES, PATIENCE_S, RESTORED, SITE, Fleet, bodies, operators
from tests.edge.signed import ANNA, BEN, STRANGER, bundle, shut
from tests.mqtt import clients


def scene(fleet: Fleet, what: Callable[[], Awaitable[None]], *names: str) -> None:
    """`what` happens while these edges run, and central."""

    async def run() -> None:
        with fleet.central():
            async with fleet.running(*names):
                await fleet.known(*names)
                await what()

    asyncio.run(run())


def test_a_revocation_is_in_force_everywhere_and_who_is_away_is_named(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    fleet = Fleet(tmp_path, mosquitto.port)
    here, away = ("annex", "gate"), "villa"

    async def what() -> None:
        async with fleet.running(away):
            await fleet.known(*EDGES)
            assert await fleet.opens(*EDGES) == dict.fromkeys(EDGES, True)
        await fleet.known(*here)
        file = fleet.file("revoked.set", fleet.revocation())
        said = await fleet.command("distribute", str(file), "--wait", "30")
        assert said.code == 3, said.err
        assert said.out.startswith("2 of 3 edges have it (")
        assert f"; missing: {SITE}/{away} (last seen " in said.out
        assert await fleet.opens(*here) == dict.fromkeys(here, False)
        for name in here:
            (body,) = [
                one
                for one in bodies(fleet.houses[name])
                if isinstance(one, ev.HoldersReplaced) and one.provenance.change_set
            ]
            assert body.version == 2
            assert operators(fleet.houses[name]) == {OPERATOR}
        async with asyncio.timeout(PATIENCE_S):
            # What an edge goes by stands in its status, a second after its answer at most.
            while [(rows := await fleet.rows())[name].people for name in here] != [2, 2]:
                await asyncio.sleep(0.02)
        assert rows[away].lacks[0].standing is Standing.AWAY
        assert rows[away].people == 1
        text = await fleet.command("edges")
        assert f"{SITE}/{away}  AWAY, last seen " in text.out
        async with fleet.running(away):
            await fleet.reaches(2, away)
            assert await fleet.opens(away) == {away: False}
            again = await fleet.command("distribute", str(file), "--wait", "30", "--json")
            assert (again.code, again.json["have"]) == (0, 3)

    scene(fleet, what, *here)


def test_a_policy_travels_the_same_way(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    fleet = Fleet(tmp_path, mosquitto.port)

    async def what() -> None:
        said = await fleet.distribute(bundle(shut(2), ANNA, BEN))
        assert (said.kind, said.have, said.edges) == (wire.SetKind.POLICY, 3, 3)
        assert await fleet.opens(*EDGES) == dict.fromkeys(EDGES, False)
        alone = await fleet.distribute(bundle(shut(3), ANNA))
        assert {one.standing for one in alone.lacking} == {Standing.REFUSED}
        assert all("1 of 2 people" in one.reason for one in alone.lacking)

    scene(fleet, what, *EDGES)


def test_a_broker_that_is_killed_and_a_central_that_is_killed_lose_nothing(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    fleet = Fleet(tmp_path, mosquitto.port)

    async def run() -> None:
        async with fleet.running(*EDGES):
            with fleet.central() as central:
                await fleet.known(*EDGES)
                mosquitto.kill()
                said = await fleet.distribute(fleet.revocation(), wait_s=0.1)
                assert (said.have, said.on_wire) == (0, False)
                central.kill()
            mosquitto.restart()
            with fleet.central():
                await fleet.reaches(2, *EDGES)
                async with asyncio.timeout(PATIENCE_S):
                    while any(row.lacks for row in (await fleet.rows()).values()):
                        await asyncio.sleep(0.05)
                assert await fleet.opens(*EDGES) == dict.fromkeys(EDGES, False)

    asyncio.run(run())


def test_what_is_forged_old_or_out_of_line_changes_nothing(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    fleet = Fleet(tmp_path, mosquitto.port)

    async def what() -> None:
        version = fleet.change(RESTORED.replace(b"active", b"suspended"))
        forged = await fleet.distribute(fleet.change_set(1, STRANGER))
        assert [one.standing for one in forged.lacking] == [Standing.REFUSED] * 3
        assert all("nobody has signed this" in one.reason for one in forged.lacking)
        assert await fleet.version("gate") == 1
        old = fleet.change_set(1)
        fleet.change(RESTORED)
        good = fleet.change_set(1)
        assert (await fleet.distribute(good)).have == 3
        older = await fleet.distribute(old)
        assert [one.standing for one in older.lacking] == [Standing.REFUSED] * 3
        assert all(f"version {version + 1} is on file" in one.reason for one in older.lacking)
        assert await fleet.version("gate") == version + 1
        assert await fleet.opens(*EDGES) == dict.fromkeys(EDGES, True)
        with pytest.raises(NotDistributedError):
            await fleet.distribute(b"no set at all")

    scene(fleet, what, *EDGES)


def test_without_central_the_file_is_named_as_the_way(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 1)

    async def run() -> None:
        file = fleet.file("all.set", fleet.change_set(None))
        said = await fleet.command("distribute", str(file))
        assert said.code == 1
        assert "no central runs here" in said.err
        assert "`sentrypost person take`" in said.err

    asyncio.run(run())


def test_what_anybody_says_on_a_request_topic_does_no_harm(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Garbage, parts that are missing, of two sets mixed, retained: the edge goes by whom it knew,
    and then takes a large set whole.
    """
    fleet = Fleet(tmp_path, mosquitto.port)
    topic = Topics(SITE, "gate").request

    # The devices of the houses answer on this loop: work that held it up for three seconds would be
    # a fire loop that is gone, a fire, and nobody would be let in.
    fleet.change(b"id,name,roles\n" + b"".join(b"x%d,Some One,staff\n" % n for n in range(4_000)))
    large = fleet.change_set(1)
    parts = list(wire.request_parts(wire.SetKind.PEOPLE, large))
    assert len(parts) >= 3
    swapped = msgspec.structs.replace(parts[1], data=parts[0].data)
    (small,) = wire.request_parts(wire.SetKind.PEOPLE, b"no signed file")

    async def what() -> None:
        with clients(mosquitto.port) as make:
            forger = await asyncio.to_thread(make, "forger")
            forger.subscribe(Topics(SITE, "gate").request_ack)
            for said in (b"", b"\xff" * 1000, b"[" * 5000, b'{"v":1}', bytes(500_000)):
                forger.publish(topic, said)
            for part in (parts[0], *parts[2:], swapped, small):
                forger.publish(topic, wire.encode_request(part))
            forger.publish(topic, wire.encode_request(small), retain=True)
            await asyncio.to_thread(forger.wait_for, 1)
            ack = wire.decode_request_ack(forger.payloads()[0])
            assert (ack.set, ack.outcome) == (small.set, wire.SetOutcome.REFUSED)
            assert await fleet.version("gate") == 1
            for part in (*parts[::-1], *parts):
                forger.publish(topic, wire.encode_request(part))
            await fleet.reaches(2, "gate")
            await fleet.reaches(1, "annex")
        done = await fleet.distribute(large)
        assert (done.have, done.edges) == (2, 2)
        assert await fleet.opens("annex", "gate") == {"annex": True, "gate": True}

    scene(fleet, what, "annex", "gate")


class PeerOfFive:
    """A client that speaks MQTT 5, with what 3.1.1 has no place for in every message."""

    def __init__(self, port: int) -> None:
        self.heard: list[paho.MQTTMessage] = []
        self._subscribed = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, "five", protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.on_message = lambda _client, _data, message: self.heard.append(message)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", port, clean_start=True)
        self.client.loop_start()

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)
        assert self._subscribed.wait(PATIENCE_S)

    def publish(self, topic: str, payload: bytes) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("from", "five")]
        properties.ContentType = "application/json"
        properties.MessageExpiryInterval = 60
        properties.ResponseTopic = "elsewhere"
        self.client.publish(topic, payload, qos=1, properties=properties).wait_for_publish(30)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_peer_that_speaks_mqtt_5_and_an_edge_understand_each_other(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """The edge speaks 3.1.1, which every broker does; versions differ from connection to connection
    and messages are the same.
    """
    fleet = Fleet(tmp_path, mosquitto.port)
    topics = Topics(SITE, "gate")

    async def run() -> None:
        async with fleet.running("gate"):
            peer = await asyncio.to_thread(PeerOfFive, mosquitto.port)
            peer.subscribe(f"{PREFIX}/{SITE}/gate/#")
            async with asyncio.timeout(PATIENCE_S):
                while not any(one.topic == topics.status for one in peer.heard):
                    await asyncio.sleep(0.01)
                for part in wire.request_parts(wire.SetKind.PEOPLE, fleet.revocation()):
                    peer.publish(topics.request, wire.encode_request(part))
                while not any(one.topic == topics.request_ack for one in peer.heard):
                    await asyncio.sleep(0.01)
            said = {one.topic: one.payload for one in peer.heard}
            ack = wire.decode_request_ack(said[topics.request_ack])
            assert (ack.outcome, ack.version) == (wire.SetOutcome.APPLIED, 2)
            assert wire.decode_status(said[topics.status]).incarnation == ack.incarnation
            peer.close()
            assert await fleet.opens("gate") == {"gate": False}

    asyncio.run(run())
