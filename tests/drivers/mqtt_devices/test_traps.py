"""What must never act: retained, doubled, overtaken and late messages; and releases that may come
late, come to a device that is away, or come again.
"""

import json

import pytest

from drivers.api import (
    BadgeUnread,
    CardRead,
    Color,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Hold,
    InputsReported,
    InputState,
    KeysPressed,
    Light,
    OutputsReported,
    Priority,
    ProtocolViolated,
    Pulse,
)
from tests.drivers.mqtt_devices.field_rig import (
    WALL_S,
    Rig,
    answer_state,
    mapping_of,
    plan,
    tasmota,
)

ACTIVE, INACTIVE = InputState.ACTIVE, InputState.INACTIVE
BADGE = '{"Time":"2026-11-20T10:00:%02d","RC522":{"UID":"BA839D07"}}'
BACKLOG = "cmnd/gate1/Backlog0"
OPEN = "TimedPower1;TimedPower1 5000,1"
LOCK = "TimedPower1;Power1 0"

TIMED = """
what = "reader with a clock"
silent-after-s = 3600
[[badge]]
topic = "reader/tag"
path = "uid"
form = "hex"
time = { path = "at", form = "%s"%s }
[[input]]
number = 0
topic = "reader/button"
path = "on"
active = [true]
inactive = [false]
time = { path = "at", form = "%s"%s }
"""


def timed(form: str = "unix", max_age: str = "") -> Rig:
    rig = Rig(plan(mapping_of(TIMED % (form, max_age, form, max_age)), topic=None, inputs=1))
    rig.connect()
    rig.hear("reader/button", {"on": False, "at": WALL_S})
    rig.wait(2_000)
    rig.said.clear()
    return rig


def reasons(rig: Rig, kind=BadgeUnread) -> list[str]:
    return [fact.reason for fact in rig.facts(kind)]


# --- in: retained -----------------------------------------------------------------------------


def test_a_badge_that_the_broker_had_kept_is_none_and_is_told():
    rig = tasmota()
    rig.hear("tele/gate1/SENSOR", BADGE % 1, retained=True)
    assert not rig.facts(CardRead)
    assert not rig.facts(BadgeUnread)
    assert "retained" in reasons(rig, ProtocolViolated)[0]


def test_keys_that_the_broker_had_kept_are_none():
    rig = tasmota(keypad=True)
    rig.hear("tele/gate1/SENSOR", {"Wiegand": {"UID": 1, "Size": 4}}, retained=True)
    assert not rig.facts(KeysPressed)


def test_what_the_broker_had_kept_says_how_an_input_is_and_that_nobody_asks_by_it():
    rig = tasmota(inputs=1)
    rig.hear("tele/gate1/SENSOR", {"Switch1": "ON"}, retained=True)
    assert [(one.states, one.remembered) for one in rig.facts(InputsReported)] == [
        ((ACTIVE,), (0,))
    ]
    rig.hear("stat/gate1/RESULT", {"Switch1": {"Action": "ON"}})
    last = rig.facts(InputsReported)[-1]
    assert (last.states, last.remembered) == ((ACTIVE,), ())


def test_a_button_that_the_broker_had_kept_was_not_pressed():
    rig = Rig(plan("zigbee2mqtt-button", topic="z", name="exit", inputs=1))
    rig.connect()
    for name in ("bridge/state", "exit/availability"):
        rig.hear(f"z/{name}", "online", retained=True)
    rig.wait(2_000)
    rig.hear("z/exit", {"action": "single"}, retained=True)
    assert [one.states for one in rig.facts(InputsReported)] == [(INACTIVE,)]


def test_an_answer_that_the_broker_had_kept_confirms_nothing():
    rig = esphome()
    command = rig.lock()
    number = json.loads(rig.payloads("gate1/output_0")[-1])["id"]
    rig.hear("gate1/done", {"id": number, "done": True}, retained=True)
    assert command not in rig.ends()
    rig.hear("gate1/done", {"id": number, "done": True})
    assert rig.ends()[command] == "confirmed"


def test_a_state_that_the_broker_had_kept_confirms_nothing():
    rig = tasmota(outputs=1)
    command = rig.lock()
    rig.hear("stat/gate1/RESULT", {"POWER": "OFF"}, retained=True)
    assert command not in rig.ends()
    rig.wait(2_500)
    assert rig.ends()[command] == "lost"


# --- in: twice, overtaken, late ----------------------------------------------------------------


def test_a_message_that_comes_twice_acts_once():
    rig = tasmota()
    rig.hear("tele/gate1/SENSOR", BADGE % 1)
    rig.wait(5_000)
    rig.hear("tele/gate1/SENSOR", BADGE % 9)
    rig.wait(5_000)
    rig.hear("tele/gate1/SENSOR", BADGE % 1)  # QoS 1 of the device, sent again with DUP
    assert len(rig.facts(CardRead)) == 2
    assert not rig.facts(BadgeUnread)


def test_a_badge_that_lies_at_the_reader_is_one_presentation():
    rig = tasmota()
    for second in range(4):
        rig.hear("tele/gate1/SENSOR", BADGE % second)
        rig.wait(1_000)
    assert len(rig.facts(CardRead)) == 1
    rig.wait(1_000)
    rig.hear("tele/gate1/SENSOR", BADGE % 30)
    assert len(rig.facts(CardRead)) == 2


@pytest.mark.parametrize("form", ["unix", "unix-ms", "counter"])
def test_a_message_that_was_overtaken_does_not_act(form):
    rig, scale = timed(form), 1000 if form == "unix-ms" else 1
    rig.hear("reader/tag", {"uid": "0102", "at": (WALL_S + 20) * scale})
    rig.hear("reader/tag", {"uid": "0304", "at": (WALL_S + 10) * scale})
    assert [card.data for card in rig.facts(CardRead)] == [b"\x01\x02"]
    assert reasons(rig) == ["it came behind a later message of the reader"]
    rig.hear("reader/button", {"on": True, "at": (WALL_S + 20) * scale})
    rig.hear("reader/button", {"on": False, "at": (WALL_S + 10) * scale})
    assert rig.facts(InputsReported)[-1].states == (ACTIVE,)


def test_a_clock_that_was_set_back_is_followed_after_three_messages():
    rig = timed()
    rig.hear("reader/tag", {"uid": "0102", "at": WALL_S + 3_600})
    for second in (5, 4, 3, 10, 20):  # out of order, and then in a row: the third in it is 20
        rig.wait(2_000)
        rig.hear("reader/tag", {"uid": "0102", "at": WALL_S + second})
    assert len(rig.facts(CardRead)) == 1
    rig.wait(2_000)
    rig.hear("reader/tag", {"uid": "0102", "at": WALL_S + 30})
    assert len(rig.facts(CardRead)) == 2


def test_a_message_of_a_trusted_clock_is_not_acted_on_when_it_is_old_or_ahead_or_without_time():
    rig = timed(max_age=", max-age-s = 10")
    for late in (-11, 11):
        rig.hear("reader/tag", {"uid": "0102", "at": rig.wall_s + late})
    rig.hear("reader/tag", {"uid": "0102"})
    assert not rig.facts(CardRead)
    assert len(reasons(rig)) == 3
    rig.hear("reader/tag", {"uid": "0102", "at": rig.wall_s - 9})
    assert len(rig.facts(CardRead)) == 0, "older than the one that was ahead"


def test_a_device_that_comes_back_speaks_of_now_a_second_later():
    rig = tasmota(keypad=True, inputs=1)
    rig.hear("tele/gate1/LWT", "Offline")
    rig.hear("tele/gate1/LWT", "Online")
    answer_state(rig)
    rig.said.clear()
    rig.hear("tele/gate1/SENSOR", BADGE % 1)
    rig.hear("tele/gate1/SENSOR", {"Wiegand": {"UID": 1, "Size": 4}})
    rig.hear("stat/gate1/RESULT", {"Switch1": {"Action": "ON"}})
    assert not rig.facts(CardRead)
    assert not rig.facts(KeysPressed)
    assert reasons(rig) == ["shown while the reader was away"]
    assert rig.facts(InputsReported)[-1].remembered == (0,)
    rig.wait(1_000)
    rig.hear("tele/gate1/SENSOR", BADGE % 3)
    rig.hear("tele/gate1/SENSOR", {"Wiegand": {"UID": 2, "Size": 4}})
    assert len(rig.facts(KeysPressed)) == 1
    rig.wait(2_000)
    rig.hear("tele/gate1/SENSOR", BADGE % 5)
    assert len(rig.facts(CardRead)) == 1


def test_a_device_whose_clock_is_trusted_is_believed_as_soon_as_it_is_back():
    rig = Rig(plan(mapping_of(TIMED % (("unix", ", max-age-s = 10") * 2)), topic=None, inputs=1))
    rig.connect()
    rig.hear("reader/tag", {"uid": "0102", "at": rig.wall_s})
    assert len(rig.facts(CardRead)) == 1


def test_a_counter_that_begins_anew_with_the_device_is_followed():
    """A restart so fast that the last will was never said."""
    rig = esphome()
    rig.hear("gate1/tag", {"uid": "74-10-37-94", "count": 900})
    rig.wait(2_000)
    rig.hear("gate1/tag", {"uid": "74-10-37-94", "count": 1})
    assert len(rig.facts(CardRead)) == 1
    rig.hear("gate1/status", "online")
    rig.hear("gate1/answer", {"uptime": 1})
    rig.wait(2_000)
    rig.hear("gate1/tag", {"uid": "74-10-37-94", "count": 2})
    assert len(rig.facts(CardRead)) == 2


# --- there or away ------------------------------------------------------------------------------


def test_a_last_will_that_the_broker_kept_wrongly_does_not_make_a_dead_device_live():
    """A broker that was down itself gives out the `Online` of before: the device has to answer."""
    rig = Rig(plan("tasmota", outputs=1))
    rig.connect()
    rig.hear("tele/gate1/LWT", "Online", retained=True)
    rig.wait(60_000)
    assert not rig.facts(DeviceOnline)
    assert reasons(rig, DeviceOffline) == ["it does not answer"]
    assert len(rig.payloads(BACKLOG)) > 5, "it is asked again and again"


def test_a_device_that_stops_answering_is_away_and_comes_back_by_an_answer():
    rig = tasmota(outputs=1)
    rig.wait(16_000)
    assert reasons(rig, DeviceOffline) == ["it does not answer"]
    answer_state(rig)
    assert rig.facts(DeviceOnline)


def test_what_a_device_said_before_it_went_is_forgotten():
    rig = tasmota(inputs=1)
    rig.hear("stat/gate1/RESULT", {"Switch1": {"Action": "OFF"}})
    rig.hear("tele/gate1/LWT", "Offline")
    rig.hear("tele/gate1/LWT", "Online")
    answer_state(rig)
    rig.said.clear()
    rig.wait(2_000)
    assert [one.states for one in rig.facts(InputsReported)] == [(InputState.CUT,)]


def test_noise_keeps_nobody_alive():
    rig = timed()
    rig.wait(3_590_000)
    rig.hear("reader/tag", "{")
    rig.wait(20_000)
    assert reasons(rig, DeviceOffline) == ["it is silent for 3600 s"]


def test_no_device_is_asked_that_is_not_there():
    rig = Rig(plan("tasmota", outputs=1))
    rig.connect()
    rig.wait(60_000)
    rig.hear("tele/gate1/LWT", "Offline", retained=True)
    rig.wait(60_000)
    assert not rig.sent
    assert len(rig.facts(DeviceOffline)) == 1


def test_without_the_broker_all_are_away_for_one_reason_and_what_was_sent_is_lost():
    rig = Rig(plan("tasmota", outputs=1), plan("esphome", device="gate2", topic="gate2"))
    rig.connect()
    rig.hear("tele/gate1/LWT", "Online", retained=True)
    answer_state(rig)
    rig.said.clear()
    sent, waits = rig.lock(), rig.open()
    rig.field.stop(rig.now_ns, "broker 10.0.0.1:1883: the connection is gone")
    rig.turn()
    assert rig.ends() == {sent: "lost", waits: "lost"}
    told = [(fact.device, fact.reason) for fact in rig.facts(DeviceOffline)]
    assert told == [
        ("gate1", "broker 10.0.0.1:1883: the connection is gone"),
        ("gate2", "broker 10.0.0.1:1883: the connection is gone"),
    ]


def test_a_new_connection_sends_nothing_of_before():
    rig = tasmota(outputs=1)
    rig.open()
    rig.lock()
    rig.field.stop(rig.now_ns, "gone")
    rig.sent.clear()
    rig.connect()
    rig.hear("tele/gate1/LWT", "Online", retained=True)
    answer_state(rig)
    rig.wait(5_000)
    assert set(rig.payloads(BACKLOG)) == {"State;Status 10"}


# --- out ----------------------------------------------------------------------------------------


def test_a_release_is_sent_right_behind_an_answer_and_confirmed_by_the_state():
    rig = tasmota(outputs=1)
    command = rig.open()
    assert rig.payloads(BACKLOG) == ["State;Status 10"]
    rig.wait(30)
    answer_state(rig)
    assert rig.payloads(BACKLOG) == ["State;Status 10", OPEN]
    assert command not in rig.ends()
    rig.hear("stat/gate1/RESULT", {"POWER": "ON"})
    assert rig.ends() == {command: "confirmed"}
    [ended] = rig.facts(CommandEnded)
    assert ended.sent_ns == rig.now_ns


def test_a_release_to_a_device_that_answers_too_late_is_never_sent():
    rig = tasmota(outputs=1)
    command = rig.open()
    rig.wait(3_000)
    answer_state(rig)
    rig.wait(3_000)
    answer_state(rig)
    assert rig.ends() == {command: "expired"}
    assert OPEN not in rig.payloads(BACKLOG)


def test_an_answer_to_an_old_question_does_not_let_a_release_go():
    rig = tasmota(outputs=1)
    rig.wait(8_000)  # asked, and held up on the way
    assert len(rig.payloads(BACKLOG)) == 1
    rig.wait(3_000)
    rig.open()
    answer_state(rig)
    assert OPEN not in rig.payloads(BACKLOG)
    assert len(rig.payloads(BACKLOG)) == 2, "it is asked once more"
    answer_state(rig)
    assert OPEN in rig.payloads(BACKLOG)


def test_what_locks_or_frees_for_good_waits_for_no_answer():
    rig = tasmota(outputs=1)
    rig.lock()
    rig.tell(Hold(0, on=True), Priority.LIFE_SAFETY, within_ms=None)
    assert rig.payloads(BACKLOG) == [LOCK, "TimedPower1;Power1 1"]


def test_locking_goes_before_a_release_that_waits():
    rig = tasmota(outputs=1)
    rig.open()
    rig.lock()
    answer_state(rig)
    assert rig.payloads(BACKLOG) == ["State;Status 10", LOCK, OPEN]


def test_a_release_that_is_not_wanted_any_more_is_withdrawn_at_the_wire():
    rig = tasmota(outputs=1)
    command = rig.open()
    rig.wanted = False
    answer_state(rig)
    assert rig.ends() == {command: "withdrawn"}
    assert OPEN not in rig.payloads(BACKLOG)


def test_a_device_that_is_away_is_told_nothing():
    rig = tasmota(outputs=1)
    waits = rig.open()
    rig.hear("tele/gate1/LWT", "Offline")
    late = rig.open()
    locked = rig.lock()
    assert rig.ends() == {waits: "lost", late: "lost", locked: "lost"}
    rig.hear("tele/gate1/LWT", "Online")
    answer_state(rig)
    rig.wait(10_000)
    assert set(rig.payloads(BACKLOG)) == {"State;Status 10"}


def test_what_the_device_does_not_confirm_is_lost():
    rig = tasmota(outputs=1)
    command = rig.lock()
    rig.hear("stat/gate1/RESULT", {"POWER": "ON"})
    rig.wait(1_900)
    assert command not in rig.ends()
    rig.wait(200)
    assert rig.ends() == {command: "lost"}
    rig.hear("stat/gate1/RESULT", {"POWER": "OFF"})
    assert len(rig.facts(CommandEnded)) == 1


def test_a_device_that_does_not_know_the_command_refuses_it():
    rig = tasmota(outputs=1)
    command = rig.lock()
    rig.hear("stat/gate1/RESULT", {"Command": "Unknown"})
    assert rig.ends() == {command: "refused"}


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (Pulse(0, 3_600_050), "it times 50 to 3600000 ms"),
        (Pulse(0, 75), "it times 50 to 3600000 ms"),
        (Pulse(0, 0), "it times 50 to 3600000 ms"),
        (Pulse(1, 5_000), "no output 1"),
        (Light(0, Color.GREEN, 500), "says nothing of lights"),
    ],
)
def test_what_a_device_cannot_time_or_do_is_refused_and_never_split(action, what):
    rig = tasmota(outputs=1)
    command = rig.tell(action)
    assert rig.ends() == {command: "refused"}
    assert what in rig.facts(CommandEnded)[0].reason
    assert not rig.sent


def test_a_lock_with_a_time_of_its_own_opens_for_that_time_and_no_other():
    rig = Rig(plan("zigbee2mqtt-lock", topic="z", name="lock", outputs=1, relock_ms=5_000))
    rig.connect()
    for name in ("bridge/state", "lock/availability"):
        rig.hear(f"z/{name}", "online", retained=True)
    rig.hear("z/lock", {"state": "LOCK"})
    rig.wait(2_000)
    refused = rig.open(30_000)
    opened = rig.open(5_000)
    rig.hear("z/lock", {"state": "LOCK"})
    assert rig.payloads("z/lock/set") == ['{"state":"UNLOCK"}']
    rig.hear("z/lock", {"state": "UNLOCK"})
    assert rig.ends() == {refused: "refused", opened: "confirmed"}
    assert "open for 5000 ms each time" in rig.facts(CommandEnded)[0].reason
    assert [one.states for one in rig.facts(OutputsReported)] == [(False,), (True,)]


def test_a_device_that_cannot_cut_current_for_a_time_refuses_to():
    rig = Rig(plan("zigbee2mqtt-relay", topic="z", name="magnet", outputs=1))
    rig.connect()
    for name in ("bridge/state", "magnet/availability"):
        rig.hear(f"z/{name}", "online", retained=True)
    rig.hear("z/magnet", {"state": "ON"})
    command = rig.tell(Pulse(0, 5_000, on=False))
    assert rig.ends() == {command: "refused"}
    assert "`pulse-off`" in rig.facts(CommandEnded)[0].reason


def test_current_that_is_cut_for_a_time_is_told_so():
    rig = tasmota(outputs=1)
    command = rig.tell(Pulse(0, 5_000, on=False))
    answer_state(rig, power="ON")
    assert rig.payloads(BACKLOG)[-1] == "TimedPower1;TimedPower1 5000,0"
    rig.hear("stat/gate1/RESULT", {"POWER": "OFF"})
    assert rig.ends() == {command: "confirmed"}


def esphome() -> Rig:
    rig = Rig(plan("esphome", outputs=1))
    rig.connect()
    rig.hear("gate1/status", "online", retained=True)
    rig.hear("gate1/answer", {"uptime": 12, "outputs": [False]})
    rig.wait(2_000)
    rig.said.clear()
    rig.sent.clear()
    return rig


def test_a_release_names_when_it_ends_and_a_number_that_its_answer_repeats():
    rig = esphome()
    command = rig.open(2_500)
    rig.hear("gate1/answer", {"uptime": 13})
    [payload] = rig.payloads("gate1/output_0")
    until = int(rig.wall_s) + 2
    assert payload.endswith(f',"on":true,"ms":2500,"until":{until}}}')
    number = json.loads(rig.payloads("gate1/output_0")[-1])["id"]
    rig.hear("gate1/done", {"id": number + 1, "done": True})
    assert command not in rig.ends()
    rig.hear("gate1/done", {"id": number, "refused": "late"})
    assert rig.ends() == {command: "refused"}


def test_everything_sent_expires():
    rig = esphome()
    rig.lock()
    rig.open()
    rig.hear("gate1/answer", {"uptime": 13})
    assert [one.expires_s for one in rig.sent] == [2, 5, 2]
