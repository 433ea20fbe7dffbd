"""Fire: heard, latched, kept over silence, restarts and changes of policy, ended by a person."""

import pytest

from controller.effects import FreeEgress, SecurePortal
from controller.events import (
    EdgeReady,
    FireLatched,
    FireReset,
    FireResetRefused,
    PolicyActivated,
    PortalForced,
)
from controller.fires import GONE_US
from controller.moment import SECOND_US
from controller.state import digest, restore, snapshot
from drivers.osdp.link import OFFLINE_AFTER_NS
from policies.facts import Mode
from tests.controller.support import (
    POLICY,
    RELEASED_ON_FIRE,
    SECOND_POLICY,
    Rig,
    bodies,
    calm,
    of_type,
)


def freed(effects: list[FreeEgress]) -> set[str]:
    return {effect.portal for effect in effects}


@pytest.mark.parametrize("line", ["alarm", "cut", "shorted"])
def test_everything_but_a_closed_line_is_fire_at_once(line: str) -> None:
    rig = calm()
    outcome = rig.fire(line)
    assert of_type(FireLatched, outcome)
    assert freed(of_type(FreeEgress, outcome)) == RELEASED_ON_FIRE


def test_silence_of_three_seconds_is_fire_and_less_is_not() -> None:
    """Drivers call a device gone after two and a half of them."""
    assert OFFLINE_AFTER_NS // 1_000 + GONE_US == 3 * SECOND_US
    rig = calm()
    rig.fire("gone")
    assert not of_type(FireLatched, rig.later(0.4))
    rig.fire("normal")
    assert not of_type(FireLatched, rig.later(10))
    rig.fire("gone")
    assert of_type(FireLatched, rig.later(0.5))


def test_a_line_that_becomes_unknown_is_silence_and_not_peace() -> None:
    rig = calm()
    rig.fire("unknown")
    assert of_type(FireLatched, rig.later(3))


def test_a_device_that_comes_and_goes_before_the_first_reading_gains_no_time() -> None:
    rig = Rig()
    rig.start()
    rig.fire("normal", "archive-panel")
    for _ in range(11):
        rig.fire("gone")
        rig.skip(0.5)
        rig.fire("unknown")
        rig.skip(0.5)
    assert rig.site.state.fires["lobby-panel"].latched


def test_ten_seconds_without_a_reading_are_fire_and_nothing_is_secured_before() -> None:
    rig = Rig()
    rig.start()
    for portal in RELEASED_ON_FIRE:
        assert not of_type(SecurePortal, rig.link(portal))
    rig.fire("normal", "archive-panel")
    assert not of_type(EdgeReady, rig.later(9.9))
    outcome = rig.later(0.1)
    assert bodies(outcome)[0] is FireLatched
    assert EdgeReady in bodies(outcome)
    assert freed(of_type(FreeEgress, outcome)) == RELEASED_ON_FIRE
    assert not of_type(SecurePortal, outcome)


def test_a_fire_ends_by_a_person_and_a_normal_line_and_by_nothing_less() -> None:
    rig = calm()
    rig.fire("alarm")
    assert of_type(FireResetRefused, rig.reset())
    rig.fire("normal")
    rig.later(3_600)
    assert rig.portal("mag").released
    outcome = rig.reset()
    assert of_type(FireReset, outcome)
    assert not rig.portal("mag").released
    assert {e.portal for e in of_type(SecurePortal, outcome)} == RELEASED_ON_FIRE
    assert of_type(FireResetRefused, rig.reset())


def test_a_restart_keeps_the_fire_and_frees_the_way_out_before_anything_is_secured() -> None:
    rig = calm()
    rig.fire("alarm")
    again = Rig(state=restore(snapshot(rig.site.state)))
    outcome = again.start()
    assert freed(of_type(FreeEgress, outcome)) == RELEASED_ON_FIRE
    assert not of_type(SecurePortal, outcome)
    assert of_type(FireResetRefused, again.reset())
    again.fire("normal", "archive-panel")
    again.fire("normal")
    assert of_type(FireReset, again.reset())


def test_no_change_of_policy_ends_a_fire() -> None:
    rig = calm(SECOND_POLICY)
    rig.fire("alarm", "store-panel")
    assert rig.site.state.fires["store-panel"].latched
    outcome = rig.policy(POLICY)
    # Nobody can say any more what it covers: it covers everything until somebody resets it.
    assert freed(of_type(FreeEgress, outcome)) == RELEASED_ON_FIRE
    again = Rig(POLICY, state=restore(snapshot(rig.site.state)))
    assert freed(of_type(FreeEgress, again.start())) == RELEASED_ON_FIRE
    assert of_type(FireReset, again.reset("store-panel"))
    assert not again.portal("mag").released


def test_a_fire_input_that_a_new_policy_brings_is_heard_and_its_silence_is_fire() -> None:
    rig = calm()
    outcome = rig.policy(SECOND_POLICY)
    assert of_type(PolicyActivated, outcome)
    rig.fire("alarm", "store-panel")
    assert rig.site.state.fires["store-panel"].latched
    other = calm()
    other.policy(SECOND_POLICY)
    assert of_type(FireLatched, other.later(10))


def test_portals_come_and_go_with_the_policy_and_leave_no_deadline_behind() -> None:
    rig = calm()
    rig.opens("blind")
    rig.policy(SECOND_POLICY)
    assert "blind" not in rig.site.state.portals
    rig.link("annex")
    assert rig.portal("annex").linked
    rig.later(400)


def test_nothing_is_secured_where_a_new_fire_input_was_not_heard_yet() -> None:
    rig = calm()
    rig.policy(SECOND_POLICY)
    assert not of_type(SecurePortal, rig.link("annex"))
    outcome = rig.fire("normal", "store-panel")
    assert {e.portal for e in of_type(SecurePortal, outcome)} == {"annex"}


def test_an_evacuation_frees_every_electric_way_out_and_secures_the_rest() -> None:
    rig = calm()
    outcome = rig.posture(Mode.EVACUATE)
    assert freed(of_type(FreeEgress, outcome)) == RELEASED_ON_FIRE
    assert not {e.portal for e in of_type(SecurePortal, outcome)} & RELEASED_ON_FIRE
    assert {e.portal for e in of_type(SecurePortal, rig.posture(Mode.NORMAL))} >= RELEASED_ON_FIRE


def test_a_released_portal_that_comes_back_is_released_again() -> None:
    rig = calm()
    rig.fire("alarm")
    rig.link("mag", up=False)
    outcome = rig.link("mag")
    assert freed(of_type(FreeEgress, outcome)) == {"mag"}
    assert not of_type(SecurePortal, outcome)


def test_the_start_is_settled_at_once_where_there_is_no_fire_input() -> None:
    text = POLICY.split("[fire.lobby-panel]")[0] + "[role.staff]" + POLICY.split("[role.staff]")[1]
    rig = Rig(text.replace('egress = "electric"', 'egress = "mechanical"'))
    assert of_type(EdgeReady, rig.start())
    assert digest(rig.site.state) == digest(restore(snapshot(rig.site.state)))


def test_a_device_that_goes_before_its_first_reading_keeps_the_starts_deadline() -> None:
    rig = Rig()
    rig.start()
    rig.fire("normal", "archive-panel")
    rig.skip(8)
    rig.fire("gone")
    assert of_type(FireLatched, rig.later(2))


@pytest.mark.parametrize("evacuated", [False, True])
def test_who_leaves_a_fire_or_an_evacuation_forces_nothing(evacuated: bool) -> None:
    rig = calm()
    for portal in ("trap-a", "front"):
        assert PortalForced in bodies(rig.opens(portal))
        rig.closes(portal)
    if evacuated:
        rig.posture(Mode.EVACUATE)
    else:
        rig.fire("alarm")
    assert PortalForced not in bodies(rig.opens("front"))


def test_a_wish_to_lock_from_before_a_start_does_not_outlive_it() -> None:
    rig = calm()
    wishes = of_type(SecurePortal, rig.posture(Mode.LOCKDOWN))
    rig.start()
    assert wishes
    assert not any(rig.stands(wish) for wish in wishes)


def test_a_portal_that_appears_during_a_lockdown_is_secured_as_the_others() -> None:
    rig = calm()
    rig.posture(Mode.LOCKDOWN)
    again = Rig(SECOND_POLICY, state=restore(snapshot(rig.site.state)))
    again.start()
    assert again.portal("annex").secured
    rig.policy(SECOND_POLICY)
    assert rig.portal("annex").secured
