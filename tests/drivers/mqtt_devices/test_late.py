"""A release that was held up on its way never opens: locks and brokers that were away, for real.

The locks are paho clients with a session that lasts, which ask for QoS 1: whatever a broker may
keep for them, it keeps.
"""

import asyncio
import json
import os
import signal

import pytest
from paho.mqtt.client import MQTTMessage

from drivers.api import Priority, Pulse
from drivers.mqtt_devices.family import MqttDevice
from simulators.broker_process import BrokerProcess
from tests.drivers.mqtt import until
from tests.drivers.mqtt_devices.field_rig import mapping_of
from tests.drivers.mqtt_devices.site_rig import Site, device, line, running
from tests.mqtt import Client
from tests.servers import make_broker

COMMANDS = "cmnd/gate1/Backlog0"
RELEASE = "TimedPower1;TimedPower1 200,1"
LOCK = "TimedPower1;Power1 0"


def tasmota(port: int) -> Client:
    """A Tasmota whose session lasts over its connections, which no Tasmota asks for."""

    def told(client: Client, message: MQTTMessage) -> None:
        text = message.payload.decode()
        if text == "State;Status 10":
            client.paho.publish("stat/gate1/RESULT", json.dumps({"Uptime": "0T00:10:11"}))
        else:
            power = "ON" if text == RELEASE else "OFF"
            client.paho.publish("stat/gate1/RESULT", json.dumps({"POWER": power}))

    client = Client(
        port,
        "gate1",
        clean=False,
        keepalive_s=60,
        will=("tele/gate1/LWT", b"Offline", 1, True),
        on_message=told,
    )
    client.paho.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
    client.subscribe("cmnd/gate1/#", qos=1)
    client.publish("tele/gate1/LWT", b"Online", retain=True)
    return client


BLIND = """
what = "lock that answers nothing"
silent-after-s = 3600
alive = [{ topic = "door/state" }]
[[output]]
number = 0
topic = "door/state"
on = ["open"]
off = ["shut"]
[[command]]
number = 0
topic = "door/set"
pulse = "open {ms} {until}"
on = "open"
off = "shut"
step-ms = 100
ms-max = 60000
"""


def releases(client: Client) -> int:
    return client.payloads().count(RELEASE.encode())


def site_at(broker: BrokerProcess) -> Site:
    return Site(line(broker.port, {"gate1": device("tasmota", topic="gate1", outputs=1)}))


async def marker(site: Site, client: Client) -> None:
    """A lock command of now: whatever was sent to the device before it has come before it."""
    locked = site.lock("gate1")
    await site.ended(locked, "confirmed")
    assert client.payloads()[-1] == LOCK.encode()


@pytest.fixture(params=["plain", "queueing"])
def mosquitto_that_keeps(request):
    """As Mosquitto is, and told to keep QoS 0 for sessions that last."""
    extra = ("queue_qos0_messages true",) if request.param == "queueing" else ()
    with make_broker("mosquitto", extra=extra) as broker:
        yield broker


def test_a_lock_that_was_away_with_a_session_that_lasts_never_opens_late(mosquitto_that_keeps):
    broker = mosquitto_that_keeps

    async def scene() -> None:
        site = site_at(broker)
        lock = tasmota(broker.port)
        async with running(site):
            await site.online("gate1")
            opened = site.open("gate1")
            await site.ended(opened, "confirmed")
            lock.crash()
            late = site.open("gate1", within_ms=200)
            await until(lambda: site.outcome(late) is not None, "it ended")
            assert site.outcome(late) in {"expired", "lost"}
            await site.offline("gate1")
            away = site.open("gate1")
            await site.ended(away, "lost")
            back = tasmota(broker.port)
            assert back.session_present, "it has the session of before"
            await site.online("gate1")
            await marker(site, back)
            assert releases(back) == 0
            back.leave()

    asyncio.run(scene())


@pytest.mark.parametrize("priority", [Priority.LIFE_SAFETY, Priority.PASSAGE])
def test_a_lock_whose_line_was_cut_without_anybody_noticing_never_opens_late(
    mosquitto_that_keeps, priority
):
    """The broker believes that it is there: whatever is sent lies in its connection until then."""
    broker = mosquitto_that_keeps

    async def scene() -> None:
        site = site_at(broker)
        lock = tasmota(broker.port)
        async with running(site):
            await site.online("gate1")
            site.leap(0.1)  # its answer is of earlier
            lock.fall_silent()
            late = site.tell("gate1", Pulse(0, 200), priority, within_ms=200)
            await site.ended(late, "expired")
            assert site.is_online("gate1"), "nobody has noticed"
            lock.paho.loop_start()
            await marker(site, lock)
            assert releases(lock) == 0
            lock.leave()

    asyncio.run(scene())


def test_a_broker_that_stood_still_lets_no_release_through_late(mosquitto):
    async def scene() -> None:
        site = site_at(mosquitto)
        lock = tasmota(mosquitto.port)
        async with running(site):
            await site.online("gate1")
            assert mosquitto.pid is not None
            site.leap(0.1)  # its answer is of earlier
            os.kill(mosquitto.pid, signal.SIGSTOP)
            try:
                late = site.open("gate1", within_ms=200)
                await site.ended(late, "expired")
            finally:
                os.kill(mosquitto.pid, signal.SIGCONT)
            await marker(site, lock)
            assert releases(lock) == 0
            lock.leave()

    asyncio.run(scene())


def test_a_broker_that_is_gone_takes_all_devices_with_it_and_brings_no_release_back(mosquitto):
    async def scene() -> None:
        site = site_at(mosquitto)
        lock = tasmota(mosquitto.port)
        async with running(site):
            await site.online("gate1")
            mosquitto.kill()
            late = site.open("gate1")
            await until(lambda: site.outcome(late) is not None, "it ended")
            assert site.outcome(late) in {"expired", "lost"}
            await site.offline("gate1")
            assert str(mosquitto.port) in str(site.errors[0])
            mosquitto.start()
            await until(lock.paho.is_connected, "the lock is back")
            lock.subscribe("cmnd/gate1/#", qos=1)
            lock.publish("tele/gate1/LWT", b"Online", retain=True)
            await site.online("gate1")
            await marker(site, lock)
            assert releases(lock) == 0
            lock.leave()

    asyncio.run(scene())


def test_a_broker_with_mqtt_5_drops_a_release_that_it_kept_for_too_long() -> None:
    """The lock answers nothing and its clock is not looked at: the broker is all that is left."""

    async def scene(broker: BrokerProcess) -> None:
        blind = MqttDevice(line="field", mapping=mapping_of(BLIND), outputs=1)
        site = Site(line(broker.port, {"door": blind}))
        other = Client(broker.port, "other")
        other.subscribe("door/gone")
        lock = Client(broker.port, "door", clean=False, will=("door/gone", b"", 1, False))
        lock.subscribe("door/set", qos=1)
        async with running(site):
            while not site.is_online("door"):
                lock.publish("door/state", b"shut")
                await asyncio.sleep(0.02)
            lock.crash()
            await until(lambda: bool(other.messages), "the broker has noticed")
            late = site.open("door", within_ms=900)
            other.publish("door/set", b"kept", qos=0)
            await asyncio.sleep(2.1)  # whole seconds are what a broker counts
            back = Client(broker.port, "door", clean=False)
            assert back.session_present
            back.wait_for(1)
            assert back.payloads() == [b"kept"], "what does not expire was kept"
            assert site.outcome(late) != "confirmed"
            back.leave()
            other.leave()

    with make_broker("mosquitto", extra=("queue_qos0_messages true",)) as broker:
        asyncio.run(scene(broker))
