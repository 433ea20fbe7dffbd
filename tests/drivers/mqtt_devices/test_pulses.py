"""Whatever has an end goes out behind an answer, however urgent, and holds up nothing else."""

import pytest

from drivers.api import Priority, Pulse
from tests.drivers.mqtt_devices.field_rig import answer_state, tasmota

BACKLOG = "cmnd/gate1/Backlog0"
OPEN = "TimedPower1;TimedPower1 5000,1"
LOCK = "TimedPower1;Power1 0"


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("within_ms", [2_000, None])
def test_a_pulse_waits_for_an_answer_however_urgent_it_is(priority, within_ms):
    """Somebody pressed exit; who stands there when a lock wakes up is somebody else."""
    rig = tasmota(outputs=1)
    command = rig.tell(Pulse(0, 5_000), priority, within_ms=within_ms)
    assert rig.payloads(BACKLOG) == ["State;Status 10"]
    rig.wait(6_000)
    assert rig.ends() == {command: "lost" if within_ms is None else "expired"}
    answer_state(rig)
    rig.wait(100)
    answer_state(rig)
    assert set(rig.payloads(BACKLOG)) == {"State;Status 10"}


def test_an_exit_that_waits_holds_up_no_locking_and_is_sent_behind_the_answer():
    rig = tasmota(outputs=1)
    rig.tell(Pulse(0, 5_000), Priority.LIFE_SAFETY)
    rig.lock()
    answer_state(rig)
    assert rig.payloads(BACKLOG) == ["State;Status 10", LOCK, OPEN]
