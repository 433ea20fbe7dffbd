"""Payloads that nobody should send: dropped, on record, and without effect on what comes next."""

import pytest

from drivers.api import (
    CardRead,
    KeysPressed,
    ProtocolViolated,
)
from drivers.mqtt_devices.payload import PAYLOAD_BYTES_MAX
from tests.drivers.mqtt_devices.field_rig import Rig, tasmota
from tests.drivers.mqtt_devices.fuzzing import TARGETS

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


@pytest.mark.parametrize("target", TARGETS)
def test_a_slice_of_the_fuzzing(target, seed):
    """At length: `make campaign fuzz`."""
    for one in (20_261_122, seed):
        TARGETS[target](one, 500)
