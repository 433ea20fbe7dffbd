"""The driver itself: connecting and its failures, stopping, watching, floods."""

import asyncio
from collections.abc import Iterator

import pytest

from drivers.api import (
    BadgeUnread,
    CardRead,
    DeviceOffline,
    KeysPressed,
    LinkLostError,
    Pulse,
    Spoken,
)
from drivers.mqtt_connection import EndedError, Message
from drivers.mqtt_devices import driver
from drivers.mqtt_devices.driver import INBOUND_MAX
from drivers.mqtt_link import Publication
from simulators.broker_process import BrokerProcess
from simulators.mqtt_devices import SimulatedTasmota
from tests.drivers.mqtt import Rig as Link
from tests.drivers.mqtt import connected, until
from tests.drivers.mqtt import running as linked
from tests.drivers.mqtt_devices.field_rig import Rig, answer_state, mapping_of, plan, tasmota
from tests.drivers.mqtt_devices.site_rig import Site, device, line, running
from tests.servers import make_broker


@pytest.fixture(scope="module")
def own_broker() -> Iterator[BrokerProcess]:
    """One for all tests here: none of them stops it or leaves anything at it."""
    with make_broker("embedded") as started:
        yield started


def site_at(port: int, **options: object) -> Site:
    return Site(line(port, {"gate1": device("tasmota", topic="gate1", outputs=1, **options)}))


def test_no_broker_is_told_with_its_remedy_and_devices_are_offline(silent_port):
    async def scene() -> None:
        site = site_at(silent_port)
        with pytest.raises(LinkLostError, match=f"{silent_port}.*start the broker"):
            await site.driver.run(site.said.append, lambda _: True)
        (offline,) = site.facts(DeviceOffline)
        assert str(silent_port) in offline.reason
        lost = site.open("gate1")
        await site.ended(lost, "lost")

    asyncio.run(scene())


def test_a_run_that_is_cancelled_ends_and_leaves_nothing_behind(own_broker):
    async def scene() -> None:
        site, gate = site_at(own_broker.port), SimulatedTasmota(own_broker.port, "gate1")
        playing = asyncio.create_task(gate.run())
        task = asyncio.create_task(site.driver.run(site.said.append, lambda _: True))
        await site.online("gate1")
        waits = site.open("gate1")
        task.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await task
        left = {one.get_name() for one in asyncio.all_tasks()}
        assert not left & {"mqtt connection", "mqtt devices", "mqtt connect"}
        assert not site.is_online("gate1")
        assert site.outcome(waits) is not None
        playing.cancel()

    asyncio.run(scene())


def test_a_device_that_is_not_here_cannot_be_told_anything(silent_port):
    with pytest.raises(ValueError, match="no device 'gate9'"):
        site_at(silent_port).tell("gate9", Pulse(0, 500))


def test_it_shows_signs_of_life_while_nobody_speaks(own_broker, monkeypatch):
    assert driver.REST_S_MAX <= 2, "what drivers promise"
    monkeypatch.setattr(driver, "REST_S_MAX", 0.01)

    async def scene() -> None:
        site = site_at(own_broker.port)
        async with running(site):
            await until(lambda: site.driver.turns > 10, "turns")

    asyncio.run(scene())


def test_a_flood_of_large_messages_neither_opens_nor_stops_anything(own_broker):
    async def scene() -> None:
        port = own_broker.port
        site, gate = site_at(port), SimulatedTasmota(port, "gate1")
        async with running(site, gate), linked(Link(port, client_id="flood")) as flood:
            await site.online("gate1")
            await connected(flood)
            site.leap(2)
            for size in (1_000_000, 20_000, *([200] * 200)):
                payload = b"\xff" * size
                flood.link.publish(Publication(topic="tele/gate1/SENSOR", payload=payload))
            await until(lambda: flood.link.outstanding == 0, "all was sent")
            await site.ended(site.lock("gate1"), "confirmed")
            gate.badge("BA839D07", second=1)
            await until(lambda: len(site.facts(CardRead)) == 1, "the badge")
            assert gate.relays[0].strokes == 0

    asyncio.run(scene())


def test_more_than_can_be_read_is_a_line_that_failed(silent_port):
    site = site_at(silent_port)
    message = Message(topic="tele/gate1/SENSOR", payload=b"{}", retained=False)
    for _ in range(INBOUND_MAX + 1):
        site.driver._keep_message(message)
    with pytest.raises(EndedError, match="floods"):
        site.driver._read()


# --- watching -----------------------------------------------------------------------------------


def watched(rig: Rig) -> list[Spoken]:
    heard: list[Spoken] = []
    rig.field.tap = heard.append
    return heard


def test_whoever_watches_sees_what_is_said_and_no_badge_and_no_pin():
    rig = tasmota(keypad=True, outputs=1)
    heard = watched(rig)
    rig.hear("tele/gate1/SENSOR", '{"Time":"2026-11-20T10:00:00","RC522":{"UID":"BA839D07"}}')
    rig.hear("tele/gate1/SENSOR", {"Wiegand": {"UID": 7, "Size": 4}})
    rig.hear("tele/gate1/SENSOR", {"BA839D07": 4711, "Unknown": ["BA839D07", {"PIN": "4711"}]})
    rig.hear("tele/gate1/SENSOR", "BA839D07")
    rig.hear("tele/gate1/SENSOR", 4711)
    rig.open()
    answer_state(rig)
    texts = [one.text for one in heard]
    assert len(rig.facts(KeysPressed)) == 1
    assert not any(secret in text for text in texts for secret in ("BA839D07", "4711", ":7"))
    assert texts[0] == 'tele/gate1/SENSOR {"Time":"…","RC522":{"UID":"…"}}'
    assert [one.text for one in heard if one.outgoing] == [
        "cmnd/gate1/Backlog0 State;Status 10",
        "cmnd/gate1/Backlog0 TimedPower1;TimedPower1 5000,1",
    ]
    assert all(one.device == "gate1" and not one.frame for one in heard)


KEYPAD = """
what = "keypad with eight switches"
silent-after-s = 60
[[keys]]
topic = "pad/key"
form = "text"
[[keys]]
topic = "pad/state"
path = "typed.key"
form = "text"
[[input]]
number = "each"
topic = "pad/state"
path = "inputs.{n}"
active = ["on", "7"]
inactive = ["off"]
[[input]]
number = 0
topic = "pad/first"
active = ["4", "7"]
inactive = ["off"]
"""


@pytest.mark.parametrize("keypad", [True, False])
def test_a_key_is_hidden_that_is_a_word_of_the_mapping_elsewhere(keypad):
    rig = Rig(plan(mapping_of(KEYPAD), topic=None, inputs=8, keypad=keypad))
    rig.connect()
    heard = watched(rig)
    state = {"typed": {"key": "7"}, "inputs": ["on", "7"], "4": "7", "on": ["7", {"7": "4"}]}
    for topic, payload in (
        ("pad/first", "4"),
        ("pad/first", "inputs"),
        ("pad/state", state),
        ("pad/state", {"typed": ["7", {"key": "4"}]}),
        ("pad/state", {"typed": {"key": {"inputs": "7"}}}),
        ("pad/state", "7"),
        *((("pad/key", "7"), ("pad/key", '{"inputs":["on"]}')) if keypad else ()),
    ):
        rig.hear(topic, payload)
    assert [one.text for one in heard] == [
        "pad/first 4",
        "pad/first …",
        'pad/state {"typed":{"key":"…"},"inputs":["on","7"],"…2":"…","…3":["…",{"…0":"…"}]}',
        'pad/state {"typed":["…",{"…0":"…"}]}',
        'pad/state {"typed":{"key":"…"}}',
        "pad/state …",
        *(("pad/key …", "pad/key …") if keypad else ()),
    ]


def test_watching_changes_nothing():
    plain, seen = tasmota(outputs=1), tasmota(outputs=1)
    watched(seen)
    for rig in (plain, seen):
        rig.hear("tele/gate1/SENSOR", '{"Time":"x","RC522":{"UID":"BA839D07"}}')
        rig.hear("tele/gate1/SENSOR", "[" * 20_000, retained=True)
        rig.open()
        answer_state(rig)
        rig.wait(5_000)
    assert plain.said == seen.said
    assert plain.sent == seen.sent
    assert not seen.facts(BadgeUnread)
