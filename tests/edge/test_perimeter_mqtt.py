"""An alarm point at an MQTT broker: a motion sensor behind Zigbee2MQTT, and a whole edge."""

import asyncio
from pathlib import Path

from controller.events_points import PointAlarmed, PointFaulted, PointRestored, PointSettled
from simulators.broker_process import BrokerProcess
from simulators.mqtt_devices import SimulatedZigbee2Mqtt
from tests.edge.checks import ready
from tests.edge.house import POLICY, SITE, House, running, until

MORE_POLICY = """
[point.hall-pir]
kind = "pir"
zone = "hall"
always = true
debounce-ms = 20
"""

MORE_SITE = """
[line.field]
driver = "mqtt"
host = "127.0.0.1"
tcp-port = {port}

[device.motion]
line = "field"
mapping = "zigbee2mqtt-motion"
topic = "zigbee2mqtt"
name = "motion"
inputs = 1

[point.hall-pir]
input = {{ device = "motion", input = 0 }}
"""


def test_a_sensor_at_the_broker_alarms_and_its_silence_is_a_fault(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    house = House(tmp_path)
    (tmp_path / "policy.toml").write_text(POLICY + MORE_POLICY)
    more = MORE_SITE.format(port=mosquitto.port)
    (tmp_path / "site.toml").write_text(SITE.format(broker="") + more)
    zigbee = SimulatedZigbee2Mqtt(mosquitto.port, "zigbee2mqtt")

    async def scene() -> None:
        sensor = asyncio.create_task(zigbee.run())
        try:
            async with house.line(), running(house) as edge:
                await ready(edge)
                async with asyncio.timeout(20):
                    while not zigbee.link.connected:
                        await asyncio.sleep(0.01)
                zigbee.state("motion", {"occupancy": False})
                await until(edge, PointSettled)
                zigbee.state("motion", {"occupancy": True})
                (alarm,) = await until(edge, PointAlarmed)
                assert isinstance(alarm, PointAlarmed)
                assert alarm.point == "hall-pir"
                zigbee.state("motion", {"occupancy": False})
                await until(edge, PointRestored)
                before = len(await until(edge, PointFaulted, 0))
                zigbee.available("motion", "offline")
                faulted = (await until(edge, PointFaulted, before + 1))[-1]
                assert isinstance(faulted, PointFaulted)
                assert faulted.point == "hall-pir"
        finally:
            sensor.cancel()
            await asyncio.gather(sensor, return_exceptions=True)

    asyncio.run(scene())
