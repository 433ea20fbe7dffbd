"""What the makers' payloads mean: their own examples, with the source of each."""

import json

import pytest

from drivers.api import (
    BadgeUnread,
    CardRead,
    DeviceOffline,
    DeviceOnline,
    InputsReported,
    InputState,
    KeysPressed,
    OutputsReported,
    ProtocolViolated,
    TamperReported,
)
from tests.drivers.mqtt_devices.field_rig import Rig, answer_state, plan, tasmota

ACTIVE, INACTIVE, CUT = InputState.ACTIVE, InputState.INACTIVE, InputState.CUT


@pytest.mark.parametrize(
    ("payload", "bits", "data"),
    [
        # Comment in xsns_82_wiegand.ino: a 26-bit tag, of which the two parity bits are taken away.
        (
            '{"Time":"2021-01-21T16:04:12","Wiegand":{"UID":7748328,"Size":26}}',
            24,
            (7748328).to_bytes(3),
        ),
        # The same place: 34 bits. The number is 32 bits long, as the firmware keeps no more.
        (
            '{"Time":"2021-01-21T15:48:49","Wiegand":{"UID":4294967295,"Size":34}}',
            32,
            b"\xff\xff\xff\xff",
        ),
        # docs/RC522, docs/PN532 of tasmota.github.io.
        (
            '{"Time":"2021-01-23T13:10:50",'
            '"RC522":{"UID":"BA839D07","Data":"","Type":"MIFARE 1KB"}}',
            32,
            bytes.fromhex("BA839D07"),
        ),
        (
            '{"Time":"2023-02-24T20:05:48","PN532":{"UID":"53BB1F05110001","Data":"…","Auth":"Ok"}}',
            56,
            bytes.fromhex("53BB1F05110001"),
        ),
    ],
)
def test_a_badge_at_tasmota(payload, bits, data):
    rig = tasmota()
    rig.hear("tele/gate1/SENSOR", payload)
    [card] = rig.facts(CardRead)
    assert (card.device, card.reader, card.bits, card.data) == ("gate1", 0, bits, data)
    assert str(data.hex()) not in repr(card)


def test_tasmota_says_zero_of_a_badge_whose_parity_was_wrong():
    rig = tasmota()
    rig.hear("tele/gate1/SENSOR", {"Wiegand": {"UID": 0, "Size": 26}})
    assert not rig.facts(CardRead)
    assert [fact.reason for fact in rig.facts(BadgeUnread)] == ["it could not be read"]


def test_keys_at_tasmota_are_frames_of_four_or_eight_bits_and_only_where_a_keypad_is_declared():
    rig, deaf = tasmota(keypad=True), tasmota()
    for key, size in ((1, 4), (9, 8), (10, 4), (11, 4)):
        for one in (rig, deaf):
            one.hear("tele/gate1/SENSOR", {"Wiegand": {"UID": key, "Size": size}})
    assert "".join(fact.keys for fact in rig.facts(KeysPressed)) == "19*#"
    assert not deaf.said


def test_switches_and_relays_of_tasmota():
    rig = Rig(plan("tasmota", inputs=2, outputs=1))
    rig.connect()
    rig.hear("tele/gate1/LWT", "Online", retained=True)
    answer_state(rig)
    rig.hear(
        "stat/gate1/STATUS10",
        {"StatusSNS": {"Time": "2026-11-20T10:00:00", "Switch1": "ON", "Switch2": "OFF"}},
    )
    [online] = rig.facts(DeviceOnline)
    assert online.identity == "Tasmota, by MQTT"
    assert not online.secure
    assert rig.facts(InputsReported)[-1].states == (ACTIVE, INACTIVE)
    rig.wait(2_000)
    rig.hear("stat/gate1/RESULT", {"Switch2": {"Action": "ON"}})
    assert rig.facts(InputsReported)[-1].states == (ACTIVE, ACTIVE)
    assert rig.facts(OutputsReported)[-1].states == (False,)


def test_a_tasmota_with_several_relays_numbers_them():
    rig = tasmota(outputs=2)
    rig.hear("stat/gate1/RESULT", {"POWER1": "OFF"})
    rig.hear("stat/gate1/RESULT", {"POWER2": "ON"})
    assert rig.facts(OutputsReported)[-1].states == (False, True)


def esphome(**options) -> Rig:
    rig = Rig(plan("esphome", **options))
    rig.connect()
    rig.hear("gate1/status", "online", retained=True)
    rig.hear("gate1/answer", {"uptime": 12, "inputs": [False], "outputs": [False]})
    rig.wait(2_000)
    rig.said.clear()
    return rig


def test_a_tag_at_esphome():
    # esphome.io, RC522: the text of a tag; the sample publishes it with a counter.
    rig = esphome()
    rig.hear("gate1/tag", '{"uid":"74-10-37-94","reader":"gate1","count":1}')
    [card] = rig.facts(CardRead)
    assert (card.bits, card.data) == (32, bytes.fromhex("74103794"))


def test_inputs_and_tamper_at_esphome():
    rig = esphome(inputs=1)
    rig.hear("gate1/binary_sensor/input_0/state", "ON")
    rig.hear("gate1/binary_sensor/tamper/state", "ON")
    assert rig.facts(InputsReported)[-1].states == (ACTIVE,)
    assert [fact.tampered for fact in rig.facts(TamperReported)] == [True]


ACCESS = (
    '{"type":"access","time":1605991375,"isKnown":"false","access":"Denied","username":"Unknown",'
    '"uid":"a1b2c3d4","hostname":"gate1"}'
)


def esp_rfid(**options) -> Rig:
    rig = Rig(plan("esp-rfid", topic="rfid", name="gate1", **options))
    rig.wall_s = 1_605_991_376  # of the samples
    rig.connect()
    rig.hear(
        "rfid/send",
        '{"type":"heartbeat","time":1605991300,"uptime":999,"ip":"192.168.1.20","hostname":"gate1"}',
    )
    rig.wait(2_000)
    rig.said.clear()
    return rig


def test_a_badge_at_esp_rfid():
    rig = esp_rfid()  # README-MQTT.md of esp-rfid
    rig.hear("rfid/send", ACCESS)
    [card] = rig.facts(CardRead)
    assert card.data == bytes.fromhex("a1b2c3d4")


@pytest.mark.parametrize("late_s", [31, -40])
def test_a_badge_at_esp_rfid_that_was_held_up_does_not_act(late_s):
    rig = esp_rfid()
    rig.wall_s += late_s
    rig.hear("rfid/send", ACCESS)
    assert not rig.facts(CardRead)
    assert [one.reason for one in rig.facts(BadgeUnread)] == [
        "shown earlier, or the clock of the reader is wrong"
    ]


def test_how_old_a_message_may_be_is_said_at_the_device():
    rig = esp_rfid(max_age_s=300, inputs=1)
    rig.wall_s += 250
    rig.hear("rfid/send", ACCESS)
    assert rig.facts(CardRead)
    told = len(rig.facts(InputsReported))
    rig.wall_s += 60
    rig.hear(
        "rfid/send",
        '{"type":"INFO","src":"door","desc":"Door Open","time":1605991400,"hostname":"gate1"}',
    )
    assert len(rig.facts(InputsReported)) == told + 1
    rig.wall_s += 60
    rig.hear(
        "rfid/send",
        '{"type":"INFO","src":"door","desc":"Door Closed","time":1605991401,"hostname":"gate1"}',
    )
    assert len(rig.facts(InputsReported)) == told + 1
    assert "of earlier" in rig.facts(ProtocolViolated)[0].reason


def test_all_boards_of_esp_rfid_share_a_topic_and_each_speaks_for_itself():
    rig = esp_rfid()
    rig.hear("rfid/send", ACCESS.replace('"gate1"', '"gate2"'))
    assert not rig.said


def test_an_esp_rfid_that_opened_by_its_own_list_is_told_and_its_badge_is_no_badge():
    rig = esp_rfid()
    known = ACCESS.replace('"false"', '"true"').replace('"Denied"', '"Always"')
    rig.hear("rfid/send", known)
    [violated] = rig.facts(ProtocolViolated)
    assert "its own list" in violated.reason
    assert not rig.facts(CardRead)


def test_door_doorbell_and_tamper_of_esp_rfid():
    rig = esp_rfid(inputs=2)
    event = (
        '{"type":"INFO","src":"%s","desc":"%s","data":"","time":%d,"cmd":"event",'
        '"hostname":"gate1"}'
    )
    rig.hear("rfid/send", event % ("door", "Door Open", 1605991400))
    assert rig.facts(InputsReported)[-1].states == (ACTIVE, INACTIVE)
    rig.hear("rfid/send", event % ("doorbell", "Doorbell ringing", 1605991401))
    assert rig.facts(InputsReported)[-1].states == (ACTIVE, ACTIVE)
    rig.wait(600)
    assert rig.facts(InputsReported)[-1].states == (ACTIVE, INACTIVE)
    rig.hear("rfid/send", event % ("tamper", "Door was tampered!", 1605991402))
    assert rig.facts(TamperReported)


def test_an_esp_rfid_without_heartbeats_is_gone():
    rig = esp_rfid(silent_after_s=60)
    rig.wait(60_000)
    assert [fact.reason for fact in rig.facts(DeviceOffline)] == ["it is silent for 60 s"]


SHELLY = "shellyplus1-a8032abe54dc"


def shelly(**options) -> Rig:
    rig = Rig(plan("shelly-gen2", topic=SHELLY, **options))
    rig.connect()
    rig.hear(f"{SHELLY}/online", "true", retained=True)
    [ask] = rig.payloads(f"{SHELLY}/rpc")
    assert ask == '{"id":7,"src":"to-sentrypost/edge/gate1","method":"Shelly.GetStatus"}'
    status = {
        "sys": {"uptime": 5},
        "switch:0": {"id": 0, "output": False},
        "input:0": {"state": False},
    }
    rig.hear("to-sentrypost/edge/gate1/rpc", {"id": 7, "src": SHELLY, "result": status})
    rig.wait(2_000)
    rig.said.clear()
    rig.sent.clear()
    return rig


def test_a_shelly_answers_the_question_that_was_asked_and_no_other():
    rig = shelly(outputs=1)
    rig.open()
    [ask] = rig.payloads(f"{SHELLY}/rpc")
    number, result = json.loads(ask)["id"], {"sys": {"uptime": 5}}
    for other in (number - 1, number + 1, True, str(number), None):
        rig.hear("to-sentrypost/edge/gate1/rpc", {"id": other, "src": SHELLY, "result": result})
    assert rig.payloads(f"{SHELLY}/rpc") == [ask]
    rig.hear("to-sentrypost/edge/gate1/rpc", {"id": number, "src": SHELLY, "result": result})
    assert "Switch.Set" in rig.payloads(f"{SHELLY}/rpc")[1]
    rig.open()
    rig.wait(10)
    rig.hear("to-sentrypost/edge/gate1/rpc", {"id": number, "src": SHELLY, "result": result})
    assert len(rig.payloads(f"{SHELLY}/rpc")) == 3, "asked anew, and the old answer is none"


def test_a_shelly_tells_inputs_and_outputs_as_they_change():
    rig = shelly(inputs=1, outputs=1)
    rig.hear(
        f"{SHELLY}/events/rpc",
        '{"src":"shellyplus1-a8032abe54dc","dst":"shellyplus1-a8032abe54dc/events","method":'
        '"NotifyStatus","params":{"ts":1795171715.3,"switch:0":{"id":0,"output":true,'
        '"source":"MQTT"}}}',
    )
    assert rig.facts(OutputsReported)[-1].states == (True,)
    rig.hear(f"{SHELLY}/events/rpc", {"params": {"ts": 1795171716, "input:0": {"state": True}}})
    assert rig.facts(InputsReported)[-1].states == (ACTIVE,)
    rig.hear(f"{SHELLY}/status/input:0", {"id": 0, "state": False})
    assert rig.facts(InputsReported)[-1].states == (INACTIVE,)


@pytest.mark.parametrize("online", ['{"state":"online"}', "online"])
def test_a_contact_behind_zigbee2mqtt_is_closed_when_it_is_true(online):
    """2.x writes the state as JSON, 1.x as a bare word."""
    rig = Rig(plan("zigbee2mqtt-contact", topic="zigbee2mqtt", name="front door", inputs=1))
    rig.connect()
    rig.hear("zigbee2mqtt/bridge/state", online, retained=True)
    assert not rig.facts(DeviceOnline)
    rig.hear("zigbee2mqtt/front door/availability", online, retained=True)
    assert rig.facts(DeviceOnline)
    assert not rig.facts(ProtocolViolated)
    rig.hear(
        "zigbee2mqtt/front door",
        '{"contact":false,"battery":97,"linkquality":120,"tamper":false}',
    )
    assert rig.facts(InputsReported)[-1].states == (ACTIVE,)
    assert [fact.tampered for fact in rig.facts(TamperReported)] == [False]
    rig.hear("zigbee2mqtt/front door", {"contact": True})
    assert rig.facts(InputsReported)[-1].states == (INACTIVE,)
    rig.hear("zigbee2mqtt/bridge/state", {"state": "offline"}, retained=True)
    assert rig.facts(DeviceOffline)


def test_motion_and_buttons_behind_zigbee2mqtt():
    rig = Rig(
        plan("zigbee2mqtt-motion", device="hall", topic="z", name="pir", inputs=1),
        plan("zigbee2mqtt-button", device="exit", topic="z", name="button", inputs=1),
    )
    rig.connect()
    for name in ("bridge/state", "pir/availability", "button/availability"):
        rig.hear(f"z/{name}", "online", retained=True)
    rig.wait(2_000)
    assert [one.states for one in rig.facts(InputsReported) if one.device == "exit"] == [
        (INACTIVE,)
    ]
    rig.hear("z/pir", {"occupancy": True})
    rig.hear("z/button", {"action": "single"})
    rig.wait(600)
    rig.hear("z/button", {"action": "double"})
    told = [(one.device, one.states) for one in rig.facts(InputsReported)]
    assert told[-3:] == [("hall", (ACTIVE,)), ("exit", (ACTIVE,)), ("exit", (INACTIVE,))]


def test_an_input_that_said_nothing_is_cut_once_the_device_is_back_for_a_while():
    rig = Rig(plan("esphome", inputs=2))
    rig.connect()
    rig.hear("gate1/status", "online", retained=True)
    rig.hear("gate1/answer", {"uptime": 1, "inputs": [True]})
    assert not rig.facts(InputsReported)
    rig.wait(2_000)
    assert rig.facts(InputsReported)[-1].states == (ACTIVE, CUT)


def test_a_value_that_nobody_defined_is_a_cut_line_and_a_violation():
    rig = esphome(inputs=1)
    rig.hear("gate1/binary_sensor/input_0/state", "unavailable")
    assert rig.facts(InputsReported)[-1].states == (CUT,)
    rig.hear("gate1/answer", {"uptime": 12, "inputs": [1]})
    assert rig.facts(InputsReported)[-1].states == (CUT,), "in JSON true is not 1"
    assert rig.facts(ProtocolViolated)
