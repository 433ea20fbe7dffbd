"""Payloads that nobody should send: dropped, on record, and without effect on what comes next."""

import random

import pytest

from drivers.api import (
    CardRead,
    CommandEnded,
    KeysPressed,
    ProtocolViolated,
)
from drivers.mqtt_devices.mapping import ready_mappings
from drivers.mqtt_devices.payload import PAYLOAD_BYTES_MAX, readings
from tests.drivers.mqtt_devices.field_rig import Rig, plan, tasmota

SENSOR = "tele/gate1/SENSOR"
GOOD = '{"Time":"2026-11-20T10:00:00","RC522":{"UID":"BA839D07"}}'
DEEP = "[" * 8_000 + "]" * 8_000
ACTING = (CardRead, KeysPressed)


def violations(rig: Rig) -> list[str]:
    return [fact.reason for fact in rig.facts(ProtocolViolated)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\0" * 1_048_576, "a message larger than any of its kind"),
        (b" " * PAYLOAD_BYTES_MAX + b"{}", "a message larger than any of its kind"),
        (b"\xff\xfe", "a message that is not the JSON that it has to be"),
        ("{", "a message that is not the JSON that it has to be"),
        ("NaN", "a message that is not the JSON that it has to be"),
        ('{"RC522":{"UID":NaN}}', "a message that is not the JSON that it has to be"),
        ('{"RC522":{"UID":"\ud800"}}'.encode("utf-8", "surrogatepass"), "not the JSON"),
        (DEEP, "a message that is not the JSON that it has to be"),
        ('{"RC522":{"UID":17}}', "a badge that is none"),
        ('{"RC522":{"UID":["BA839D07"]}}', "a badge that is none"),
        ('{"RC522":{"UID":"BA839D0"}}', "a badge that is none"),
        ('{"RC522":{"UID":"BA839D07\\n"}}', "a badge that is none"),
        ('{"RC522":{"UID":"%s"}}' % ("AB" * 33), "a badge that is none"),
        ('{"RC522":{"UID":"BA839D０７"}}', "a badge that is none"),
        ('{"Wiegand":{"UID":16777216,"Size":26}}', "a badge that is none"),
        ('{"Wiegand":{"UID":-1,"Size":26}}', "a badge that is none"),
        ('{"Wiegand":{"UID":1.0,"Size":26}}', "a badge that is none"),
        ('{"Wiegand":{"UID":true,"Size":26}}', "a badge that is none"),
        ('{"Wiegand":{"UID":1e400,"Size":26}}', "not the JSON"),
        ('{"Wiegand":{"UID":%s,"Size":26}}' % ("9" * 5_000), "not the JSON"),
        ('{"Wiegand":{"UID":12,"Size":4}}', "keys that are none"),
        ('{"Wiegand":{"UID":"1","Size":4}}', "keys that are none"),
    ],
)
def test_what_is_no_message_of_a_reader(payload, reason):
    rig = tasmota(keypad=True)
    rig.hear(SENSOR, payload)
    assert not any(rig.facts(kind) for kind in ACTING)
    assert len(violations(rig)) == 1
    assert reason in violations(rig)[0]
    rig.hear(SENSOR, GOOD)
    assert len(rig.facts(CardRead)) == 1


@pytest.mark.parametrize(
    "payload",
    ['{"Wiegand":{"UID":1,"Size":27}}', '{"Wiegand":7}', '{"RC522":{}}', "[]", "7", "null", '""'],
)
def test_what_is_about_something_else_says_nothing(payload):
    rig = tasmota()
    rig.hear(SENSOR, payload)
    assert not rig.said


def test_a_flood_becomes_no_flood_of_records():
    rig = tasmota()
    for _ in range(1_000):
        rig.hear(SENSOR, "{")
        rig.wait(11)
    assert len(violations(rig)) == 2
    assert "(" in violations(rig)[1]


@pytest.mark.parametrize(
    "topic", ["$SYS/broker/uptime", "", "/", "tele", "tele/gate1", "tele/gate10/SENSOR", "é" * 500]
)
def test_topics_of_others_are_nobodys(topic):
    rig = tasmota()
    rig.hear(topic, GOOD)
    assert not rig.said


OPTIONS = {
    "tasmota": {"inputs": 2, "outputs": 2, "keypad": True},
    "esphome": {"inputs": 2, "outputs": 2, "keypad": True},
    "esp-rfid": {"inputs": 2, "name": "gate1"},
    "shelly-gen2": {"inputs": 2, "outputs": 2},
    "zigbee2mqtt-contact": {"inputs": 1, "name": "door"},
    "zigbee2mqtt-motion": {"inputs": 1, "name": "pir"},
    "zigbee2mqtt-button": {"inputs": 1, "name": "exit"},
    "zigbee2mqtt-relay": {"outputs": 1, "name": "strike"},
    "zigbee2mqtt-lock": {"outputs": 1, "name": "lock", "relock_ms": 5_000},
}
SCRAPS = (
    '"Online"',
    "Online",
    "online",
    "true",
    "false",
    '{"state":"online"}',
    '{"uptime":1,"inputs":[true,false],"outputs":[true,false]}',
    '{"id":7,"done":true}',
    '{"id":7,"src":"gate1","result":{"sys":{},"switch:0":{"output":true}}}',
    '{"Uptime":"0T","POWER":"ON","POWER1":"ON","Switch1":{"Action":"ON"}}',
    '{"Command":"Unknown"}',
    GOOD,
    '{"Wiegand":{"UID":7,"Size":4}}',
    '{"uid":"74-10-37-94","count":1}',
    '{"type":"access","uid":"a1b2c3d4","access":"Denied","hostname":"gate1","time":1}',
    '{"params":{"ts":1,"input:0":{"state":true},"switch:0":{"output":true}}}',
    '{"contact":false,"occupancy":true,"action":"single","state":"UNLOCK","tamper":true}',
)


def mutant(rng: random.Random) -> bytes:
    """A message of some kind of device, or two of them, with a few bytes of it wrong."""
    data = bytearray(rng.choice(SCRAPS).encode())
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[place:place] = rng.randbytes(rng.randrange(1, 4))
            case 1:
                del data[place : place + rng.randrange(1, 8)]
            case 2:
                data[place:place] = rng.choice(SCRAPS).encode()
            case _:
                data[place:place] = rng.choice((b"[" * 50, b"9" * 400, b"\xff", b"\\u0000", b"e9"))
    return bytes(data)


@pytest.mark.parametrize("name", OPTIONS)
def test_mutants_crash_nothing_and_confirm_nothing(name, seed):
    assert OPTIONS.keys() == ready_mappings().keys()
    rng = random.Random(seed)
    made = plan(name, **OPTIONS[name])
    topics = sorted(made.filters)
    rig = Rig(made)
    rig.connect()
    for _ in range(300):
        topic, payload = rng.choice(topics), mutant(rng)
        readings(made, topic, payload)
        rig.hear(topic, payload, retained=rng.random() < 0.3)
        rig.wait(rng.choice((0, 10, 2_000)))
    assert not rig.facts(CommandEnded), "nothing was sent"
    asked = set() if made.ask is None else {made.ask.topic}
    assert {one.topic for one in rig.sent} <= asked, "nobody ordered anything"
