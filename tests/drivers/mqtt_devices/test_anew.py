"""A device that was away or restarted, and nobody was told: what it had kept does not act, and the
edge hears that it was gone, so that it says again what is in force.
"""

import json

import pytest

from drivers.api import (
    BadgeUnread,
    CardRead,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Hold,
    InputsReported,
    InputState,
    KeysPressed,
    Priority,
)
from tests.drivers.mqtt_devices.field_rig import Rig, answer_state, plan, tasmota

ACTIVE, INACTIVE = InputState.ACTIVE, InputState.INACTIVE
BADGE = {"Time": "2026-11-20T10:00:01", "RC522": {"UID": "BA839D07"}}
KEY = {"Wiegand": {"UID": 1, "Size": 4}}
WILL = "tele/gate1/LWT"


def links(rig: Rig) -> list[type]:
    return [type(fact) for fact in rig.said if isinstance(fact, DeviceOffline | DeviceOnline)]


def result(rig: Rig, **said: object) -> None:
    rig.hear("stat/gate1/RESULT", said)


def test_a_device_that_comes_twice_was_away_in_between():
    """A session that is taken over says no last will."""
    rig = tasmota(keypad=True, inputs=1, outputs=1)
    result(rig, Switch1={"Action": "OFF"})
    waits = rig.open()
    rig.said.clear()
    rig.hear(WILL, "Online")
    rig.hear("tele/gate1/SENSOR", BADGE)  # it empties its queues
    rig.hear("tele/gate1/SENSOR", KEY)
    result(rig, Switch1={"Action": "ON"})
    answer_state(rig)
    assert links(rig) == [DeviceOffline, DeviceOnline]
    assert rig.ends() == {waits: "lost"}
    assert not rig.facts(CardRead)
    assert not rig.facts(KeysPressed)
    assert [one.reason for one in rig.facts(BadgeUnread)] == ["shown while the reader was away"]
    last = rig.facts(InputsReported)[-1]
    assert (last.states, last.remembered) == ((ACTIVE,), (0,))
    rig.wait(1_600)
    rig.hear("tele/gate1/SENSOR", KEY)
    assert len(rig.facts(KeysPressed)) == 1


def test_a_sensor_that_comes_twice_is_as_it_was_and_asks_for_nothing():
    """A contact on a battery says nothing for hours: that is no cut line."""
    rig = Rig(plan("zigbee2mqtt-contact", topic="z", name="door", inputs=1))
    rig.connect()
    for name in ("bridge/state", "door/availability"):
        rig.hear(f"z/{name}", "online", retained=True)
    rig.wait(2_000)
    rig.hear("z/door", {"contact": False})
    rig.said.clear()
    rig.hear("z/bridge/state", "online")
    assert links(rig) == [DeviceOffline, DeviceOnline]
    rig.wait(5_000)
    told = [(one.states, one.remembered) for one in rig.facts(InputsReported)]
    assert told == [((ACTIVE,), (0,))]


def test_what_the_broker_says_twice_is_no_coming_back():
    rig = tasmota()
    rig.hear(WILL, "Online", retained=True)
    assert not links(rig)


def test_a_first_word_behind_the_kept_one_is_no_coming_back():
    rig = Rig(plan("tasmota"))
    rig.connect()
    rig.hear(WILL, "Online", retained=True)
    rig.hear(WILL, "Online")
    answer_state(rig)
    assert links(rig) == [DeviceOnline]


def held(rig: Rig, *, on: bool) -> None:
    rig.tell(Hold(0, on=on), Priority.LIFE_SAFETY, within_ms=None)
    result(rig, POWER="ON" if on else "OFF")
    rig.said.clear()


@pytest.mark.parametrize("on", [True, False])
def test_a_board_that_restarted_is_told_to_have_been_away(on):
    """Its output rests, or is as a switch of its own has set it, and only the edge knows better."""
    rig = tasmota(outputs=1)
    held(rig, on=on)
    answer_state(rig, power="ON" if on else "OFF")
    assert not links(rig)
    answer_state(rig, power="OFF" if on else "ON")
    assert links(rig) == [DeviceOffline, DeviceOnline]
    assert "not what it was told" in rig.facts(DeviceOffline)[0].reason
    held(rig, on=on)
    answer_state(rig, power="ON" if on else "OFF")
    assert not links(rig)


def test_what_a_pulse_does_to_an_output_is_no_restart():
    rig = tasmota(outputs=1)
    rig.lock()
    rig.open()
    answer_state(rig)  # the release goes out before the lock is confirmed
    result(rig, POWER="OFF")
    result(rig, POWER="ON")
    rig.wait(4_900)
    answer_state(rig, power="ON")
    rig.wait(200)
    result(rig, POWER="OFF")
    assert not links(rig)
    assert [one.outcome for one in rig.facts(CommandEnded)] == ["confirmed", "confirmed"]
    rig.wait(5_000)
    result(rig, POWER="ON")
    assert links(rig) == [DeviceOffline, DeviceOnline]


def test_orders_one_behind_the_other_are_no_restart():
    rig = Rig(plan("esphome", outputs=1))
    rig.connect()
    rig.hear("gate1/status", "online", retained=True)
    rig.hear("gate1/answer", {"uptime": 12, "outputs": [False]})
    rig.said.clear()
    for on in (False, True):
        rig.tell(Hold(0, on=on), Priority.SECURE, within_ms=None)
    first, second = (json_id(text) for text in rig.payloads("gate1/output_0"))
    rig.hear("gate1/done", {"id": first, "done": True})
    rig.hear("gate1/answer", {"uptime": 13, "outputs": [True]})
    rig.hear("gate1/done", {"id": second, "done": True})
    assert not links(rig)
    rig.hear("gate1/answer", {"uptime": 1, "outputs": [False]})
    assert links(rig) == [DeviceOffline, DeviceOnline]


def json_id(text: str) -> int:
    number = json.loads(text)["id"]
    assert isinstance(number, int)
    return number


def test_a_lock_that_somebody_turns_by_hand_is_there_all_the_time():
    rig = Rig(plan("zigbee2mqtt-lock", topic="z", name="lock", outputs=1, relock_ms=5_000))
    rig.connect()
    for name in ("bridge/state", "lock/availability"):
        rig.hear(f"z/{name}", "online", retained=True)
    rig.hear("z/lock", {"state": "LOCK"})
    rig.lock()
    rig.hear("z/lock", {"state": "LOCK"})
    rig.said.clear()
    rig.hear("z/lock", {"state": "UNLOCK"})
    assert not links(rig)
