"""A stop leaves every portal as a dead edge should."""

from controller.effects import FreeEgress, ReleasePortal, SecurePortal
from controller.events import AttemptAbandoned, BadgeIgnored, GrantAborted, LeaseEnded
from controller.ids import InputId
from controller.inputs import Stopping
from tests.controller.support import (
    ENTRY,
    FRIDAY_0728_UTC_US,
    Rig,
    calm,
    of_type,
)


def stop(rig: Rig):
    return rig.feed(Stopping(id=InputId("stop"), reason="asked to stop"))


def secured(outcome) -> set[str]:
    return {wish.portal for wish in of_type(SecurePortal, outcome)}


def test_a_stop_takes_back_an_entry_that_nobody_used() -> None:
    rig = calm()
    (strike,) = of_type(ReleasePortal, rig.badge("trap-a", "ann"))
    stopped = stop(rig)
    assert of_type(GrantAborted, stopped)
    assert "trap-a" in secured(stopped)
    assert not rig.stands(strike)


def test_a_stop_locks_no_portal_that_a_fire_released() -> None:
    rig = calm()
    freed = {wish.portal for wish in of_type(FreeEgress, rig.fire("alarm"))}
    assert freed
    assert not freed & secured(stop(rig))


def test_after_a_stop_no_badge_is_looked_at() -> None:
    rig = calm()
    stop(rig)
    late = rig.badge("trap-a", "ann")
    assert of_type(BadgeIgnored, late)
    assert not of_type(ReleasePortal, late)


def test_a_portal_that_stood_open_by_schedule_is_locked_and_stays_so() -> None:
    rig = calm(utc_us=FRIDAY_0728_UTC_US)
    rig.later(5 * 60)
    leased = [name for name, portal in rig.site.state.portals.items() if portal.leased]
    assert leased, "some portal stands open by now"
    stopped = stop(rig)
    assert len(of_type(LeaseEnded, stopped)) == len(leased)
    assert set(leased) <= secured(stopped)
    rig.later(60)
    assert not any(portal.leased for portal in rig.site.state.portals.values())


def test_a_portal_that_nothing_is_known_of_ends_no_lease_that_it_never_had() -> None:
    rig = calm()
    for portal in rig.site.state.portals:
        rig.link(portal, up=False)
    assert of_type(LeaseEnded, stop(rig)) == []


def test_a_pending_attempt_ends_with_the_edge() -> None:
    rig = calm()
    for portal in rig.site.state.portals:
        rig.badge(portal, "ann", ENTRY)
    pending = len(rig.site.state.attempts)
    assert pending, "somebody is being asked for a PIN"
    assert len(of_type(AttemptAbandoned, stop(rig))) == pending
    assert rig.site.state.attempts == {}
