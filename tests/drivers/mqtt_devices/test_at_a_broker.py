"""Each ready mapping against its simulated device, at a real Mosquitto and the embedded broker."""

import asyncio

from drivers.api import (
    CardRead,
    Hold,
    InputsReported,
    InputState,
    Priority,
)
from simulators.broker_process import BrokerProcess
from simulators.mqtt_devices import (
    SimulatedDevice,
    SimulatedEspHome,
    SimulatedEspRfid,
    SimulatedShelly,
    SimulatedTasmota,
    SimulatedZigbee2Mqtt,
)
from tests.drivers.mqtt import until
from tests.drivers.mqtt_devices.site_rig import Site, device, line, running

ACTIVE, INACTIVE = InputState.ACTIVE, InputState.INACTIVE
SHELLY = "shellyplus1-a8032abe54dc"


def last_inputs(site: Site, name: str) -> object:
    told = [one for one in site.facts(InputsReported) if one.device == name]
    return told[-1].states if told else None


async def opens_and_locks(
    site: Site, name: str, simulated: SimulatedDevice, relay: int = 0
) -> None:
    """The device's own timer ends a release, and a lock command ends it sooner."""
    output = simulated.relays[relay]
    opened = site.open(name)
    await site.ended(opened, "confirmed")
    assert output.strokes == 1
    await until(lambda: not output.on, "it locks by itself")
    freed = site.tell(name, Hold(0, on=True), Priority.LIFE_SAFETY, within_ms=None)
    await site.ended(freed, "confirmed")
    assert output.on
    locked = site.lock(name)
    await site.ended(locked, "confirmed")
    assert not output.on


def every_mapping(port: int) -> Site:
    """A device of each ready mapping."""
    return Site(
        line(
            port,
            {
                "tasmota": device("tasmota", topic="gate1", inputs=1, outputs=1),
                "esphome": device("esphome", topic="gate2", inputs=1, outputs=1),
                "rfid": device("esp-rfid", topic="rfid", name="gate3", inputs=1),
                "shelly": device("shelly-gen2", topic=SHELLY, inputs=1, outputs=1),
                "contact": device(
                    "zigbee2mqtt-contact", topic="zigbee2mqtt", name="contact", inputs=1
                ),
                "button": device(
                    "zigbee2mqtt-button", topic="zigbee2mqtt", name="button", inputs=1
                ),
                "strike": device(
                    "zigbee2mqtt-relay", topic="zigbee2mqtt", name="strike", outputs=1
                ),
                "lock": device(
                    "zigbee2mqtt-lock",
                    topic="zigbee2mqtt",
                    name="lock",
                    outputs=1,
                    relock_ms=200,
                ),
            },
        )
    )


def test_every_ready_mapping_reads_and_drives_its_device(broker: BrokerProcess) -> None:
    async def scene() -> None:
        port = broker.port
        tasmota, esphome = SimulatedTasmota(port, "gate1"), SimulatedEspHome(port, "gate2")
        shelly, rfid = SimulatedShelly(port, SHELLY), SimulatedEspRfid(port, "gate3")
        zigbee = SimulatedZigbee2Mqtt(port, "zigbee2mqtt", relock_ms=200)
        site = every_mapping(port)
        async with running(site, tasmota, esphome, shelly, rfid, zigbee):
            await until(lambda: rfid.link.connected, "rfid is there")
            for name in ("tasmota", "esphome", "shelly", "contact", "button", "strike", "lock"):
                await site.online(name)
            rfid.heartbeat()
            await site.online("rfid")
            site.leap(2)  # a device that came back is believed a second later
            tasmota.badge("BA839D07")
            esphome.badge("74-10-37-94")
            rfid.badge("a1b2c3d4")
            await until(lambda: len(site.facts(CardRead)) == 3, "three badges")
            badges = {card.device: card.data.hex() for card in site.facts(CardRead)}
            assert badges == {"tasmota": "ba839d07", "esphome": "74103794", "rfid": "a1b2c3d4"}
            for one in (tasmota, esphome, shelly):
                one.switch(0, True)
            rfid.event("door", "Door Open")
            zigbee.state("contact", {"contact": False})
            zigbee.state("button", {"action": "single"})
            for name in ("tasmota", "esphome", "shelly", "contact", "button", "rfid"):
                await until(
                    lambda name=name: last_inputs(site, name) == (ACTIVE,), f"{name} is active"
                )
            await until(lambda: last_inputs(site, "button") == (INACTIVE,), "the button is let go")
            await asyncio.gather(
                opens_and_locks(site, "tasmota", tasmota),
                opens_and_locks(site, "esphome", esphome),
                opens_and_locks(site, "shelly", shelly),
                opens_and_locks(site, "strike", zigbee, 0),
                opens_and_locks(site, "lock", zigbee, 1),
            )

    asyncio.run(scene())
