"""Nobody is kept in: what frees a way out, and what must never take it back."""

import pytest

from controller.effects import FreeEgress, FreeExit, LeasePortal, ReleasePortal, SecurePortal
from controller.events import DecisionMade, GrantAborted, PortalForced
from controller.portal import State
from policies.facts import Mode
from tests.controller.support import ENTRY, EXIT, FRIDAY_0728_UTC_US, Rig, bodies, calm, of_type


def securing(rig: Rig, portal: str) -> list[SecurePortal]:
    """What still stands of all wishes to lock the portal."""
    wishes = [e for e in rig.effects if isinstance(e, SecurePortal) and e.portal == portal]
    return [wish for wish in wishes if rig.stands(wish)]


@pytest.mark.parametrize("mode", [Mode.LOCKDOWN, Mode.SHELTER])
def test_a_granted_exit_outlives_a_lockdown_wherever_the_way_out_is_called_entry(
    mode: Mode,
) -> None:
    rig = calm()
    for portal, out in (("archive", EXIT), ("back", ENTRY)):
        (release,) = of_type(ReleasePortal, rig.badge(portal, "ann", out))
        outcome = rig.posture(mode)
        assert GrantAborted not in bodies(outcome)
        assert rig.stands(release)
        assert not securing(rig, portal)
        rig.posture(Mode.NORMAL)
        rig.later(10)


def test_a_granted_entry_is_aborted_by_lockdown_wherever_the_way_in_is_called_exit() -> None:
    rig = calm()
    (release,) = of_type(ReleasePortal, rig.badge("back", "ann", EXIT))
    assert GrantAborted in bodies(rig.posture(Mode.LOCKDOWN))
    assert not rig.stands(release)
    assert securing(rig, "back")


def test_a_pending_exit_outlives_a_lockdown_where_the_way_out_is_called_entry() -> None:
    rig = calm()
    rig.posture(Mode.NORMAL, threat=3)
    rig.badge("archive", "ann", EXIT)
    assert rig.site.state.attempts
    rig.posture(Mode.LOCKDOWN, threat=3)
    assert rig.site.state.attempts


def test_a_newer_entry_takes_no_exit_with_it_when_it_is_aborted() -> None:
    rig = calm()
    (release,) = of_type(ReleasePortal, rig.badge("trap-b", "ann", EXIT))
    (entry,) = of_type(ReleasePortal, rig.badge("trap-b", "bob", ENTRY))
    rig.posture(Mode.LOCKDOWN)
    assert rig.stands(release)
    assert not rig.stands(entry)
    assert not securing(rig, "trap-b")
    rig.later(10)
    assert rig.portal("trap-b").state is State.SECURED


def test_a_granted_exit_outlives_a_first_reading_and_a_cut_contact() -> None:
    rig = calm()
    rig.link("archive", up=False)
    rig.link("archive")
    (release,) = of_type(ReleasePortal, rig.badge("archive", "ann", EXIT))
    rig.closes("archive")
    assert rig.stands(release)
    assert rig.portal("archive").state is State.GRANTED


def test_an_exit_button_at_a_released_portal_has_the_release_repeated_and_not_pulsed() -> None:
    rig = calm()
    rig.fire("alarm")
    outcome = rig.rex("mag")
    assert of_type(FreeEgress, outcome)
    assert not of_type(FreeExit, outcome)


def test_a_pulse_on_its_way_never_ends_a_release_for_fire() -> None:
    rig = calm()
    (pulse,) = of_type(FreeExit, rig.rex("mag"))
    (timed,) = of_type(ReleasePortal, rig.badge("archive", "ann", EXIT))
    rig.fire("alarm")
    assert not rig.stands(pulse)
    assert not rig.stands(timed)
    assert rig.portal("mag").released


def test_an_exit_button_unlocks_even_where_the_portal_should_stand_open() -> None:
    # The lease waits for the disk; who wants out does not.
    rig = calm(utc_us=FRIDAY_0728_UTC_US)
    outcome = rig.later(200)
    lease = of_type(LeasePortal, outcome)[-1]
    assert rig.portal("hall").state is State.LEASED
    (free,) = of_type(FreeExit, rig.rex("hall"))
    assert free.for_ms >= lease.for_ms


def test_an_exit_button_counts_again_after_its_device_was_away() -> None:
    rig = calm()
    rig.rex("mag")
    rig.later(5)
    rig.link("mag", up=False)
    rig.link("mag")
    assert of_type(FreeExit, rig.rex("mag"))


def test_exits_are_decided_before_the_start_is_settled_and_without_a_journal() -> None:
    rig = Rig()
    rig.start()
    rig.people()
    assert of_type(FreeExit, rig.rex("mag"))
    rig = calm()
    rig.journal(working=False)
    (decision,) = of_type(DecisionMade, rig.badge("archive", "ann", EXIT))
    assert decision.decision.granted


def test_an_opening_near_the_end_of_a_late_strike_is_no_force() -> None:
    # The strike may begin up to two seconds late and then runs for its whole time.
    rig = calm()
    rig.badge("gate")
    rig.later(6.5)
    assert PortalForced not in bodies(rig.opens("gate"))


def test_the_second_of_two_people_may_open_the_door_that_closed_before_him() -> None:
    rig = calm()
    rig.badge("gate", "ann")
    rig.later(1)
    rig.opens("gate")
    rig.later(1)
    rig.badge("gate", "bob")
    rig.later(1)
    rig.closes("gate")
    rig.later(1)
    assert PortalForced not in bodies(rig.opens("gate"))


def test_a_badge_at_an_open_door_keeps_it_from_being_locked_for_its_time_only() -> None:
    rig = calm()
    rig.rex("gate")
    rig.opens("gate")
    rig.badge("gate", "ann", EXIT)
    rig.later(12)
    rig.posture(Mode.LOCKDOWN)
    assert securing(rig, "gate")


def test_a_request_to_exit_explains_one_opening_and_no_later_one() -> None:
    rig = calm()
    rig.rex("gate")
    rig.opens("gate")
    rig.closes("gate")
    assert PortalForced in bodies(rig.opens("gate"))
