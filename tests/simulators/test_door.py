"""The simulated door behaves as doors do."""

import pytest

from simulators.door import CLOSER_S, HANDLE_S, SWING_S, Door, Lock

SHUT_AGAIN_S = SWING_S + CLOSER_S


class Sensors:
    def __init__(self, lock: Lock, *, panic_bar: bool = True) -> None:
        self.seen: list[tuple[str, bool]] = []
        self.door = Door(
            "door",
            lock,
            panic_bar=panic_bar,
            on_contact=lambda on: self.seen.append(("contact", on)),
            on_exit_request=lambda on: self.seen.append(("rex", on)),
            on_bolt=lambda on: self.seen.append(("bolt", on)),
        )


@pytest.mark.parametrize(
    ("lock", "energised", "gives"),
    [
        (Lock.POWER_TO_UNLOCK, False, False),
        (Lock.POWER_TO_UNLOCK, True, True),
        (Lock.POWER_TO_LOCK, False, True),
        (Lock.POWER_TO_LOCK, True, False),
    ],
)
def test_the_lock_does_what_its_kind_does_with_and_without_power(
    lock: Lock, energised: bool, gives: bool
) -> None:
    door = Sensors(lock).door
    door.energise(energised, 0.0)
    assert door.push(0.1) is gives
    assert door.open is gives


def test_the_closer_shuts_the_leaf_and_the_contact_sees_it() -> None:
    sensors = Sensors(Lock.POWER_TO_UNLOCK)
    sensors.door.energise(True, 0.0)
    sensors.door.push(1.0)
    sensors.door.elapse(1.0 + SHUT_AGAIN_S - 0.01)
    assert sensors.door.open
    sensors.door.elapse(1.0 + SHUT_AGAIN_S)
    assert not sensors.door.open
    assert [on for what, on in sensors.seen if what == "contact"] == [True, False]


def test_the_bolt_is_out_only_while_the_leaf_is_shut_and_the_lock_holds() -> None:
    sensors = Sensors(Lock.POWER_TO_UNLOCK)
    assert sensors.seen == [("bolt", True)]
    sensors.door.energise(True, 0.0)
    sensors.door.energise(False, 5.0)
    assert sensors.seen == [("bolt", True), ("bolt", False), ("bolt", True)]


def test_a_panic_bar_opens_without_power_and_is_felt_for_as_long_as_a_hand_is_on_it() -> None:
    sensors = Sensors(Lock.POWER_TO_UNLOCK)
    assert sensors.door.leave(0.0)
    sensors.door.elapse(HANDLE_S - 0.01)
    assert [seen for seen in sensors.seen if seen[0] == "rex"] == [("rex", True)]
    sensors.door.elapse(HANDLE_S)
    assert [seen for seen in sensors.seen if seen[0] == "rex"] == [("rex", True), ("rex", False)]


def test_without_a_panic_bar_a_magnet_that_holds_keeps_the_leaf() -> None:
    door = Sensors(Lock.POWER_TO_LOCK, panic_bar=False).door
    door.energise(True, 0.0)
    assert not door.leave(0.1)
    door.energise(False, 0.2)
    assert door.leave(0.3)


def test_a_wedged_leaf_stays_open_until_the_wedge_goes() -> None:
    door = Sensors(Lock.POWER_TO_UNLOCK).door
    door.hold(True, 0.0)
    door.force(1.0)
    door.elapse(100.0)
    assert door.open
    door.hold(False, 101.0)
    door.elapse(101.0 + CLOSER_S)
    assert not door.open
