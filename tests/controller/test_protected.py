"""Protected persons: never kept in, and nothing but a call follows where one is refused."""

import pytest

from controller.effects import ReleasePortal, ShowAtReader
from controller.events import DecisionMade, ProtocolOfficerCalled
from controller.ids import HolderId, PortalId
from policies.codes import Code
from policies.facts import Direction, Mode
from tests.controller.support import ENTRY, EXIT, POLICY, calm, of_type

CALLED = POLICY.replace("[role.guard]\n", "[role.guard]\nprotocol = true\n")
READER_EXITS = ("archive", "vault", "trap-b")


@pytest.mark.parametrize("portal", READER_EXITS)
@pytest.mark.parametrize("mode", Mode)
def test_a_protected_person_with_a_good_badge_is_never_kept_in(portal: str, mode: Mode) -> None:
    """Whatever the posture; at the archive without the PIN that its exit reader asks for."""
    rig = calm(CALLED)
    rig.posture(mode, threat=5)
    outcome = rig.badge(portal, "cora", EXIT)
    assert of_type(DecisionMade, outcome)[0].decision.granted
    assert not of_type(ProtocolOfficerCalled, outcome)


def test_where_a_protected_person_is_refused_the_protocol_officer_is_called() -> None:
    rig = calm(CALLED)
    rig.posture(Mode.LOCKDOWN)
    outcome = rig.badge("gate", "cora")
    (called,) = of_type(ProtocolOfficerCalled, outcome)
    assert called == ProtocolOfficerCalled(
        holder=HolderId("h-cora"),
        portal=PortalId("gate"),
        direction=ENTRY,
        code=Code.LOCKDOWN,
        roles=("guard",),
    )
    kinds = [type(event.body) for event in outcome.events]
    assert kinds.index(DecisionMade) + 1 == kinds.index(ProtocolOfficerCalled)


def test_nothing_else_follows_than_what_anybody_sees_who_is_refused() -> None:
    """No effect on any door or device but the sign at the reader: the same as for staff."""
    wished = {}
    for who in ("cora", "ann"):
        rig = calm(CALLED)
        rig.posture(Mode.LOCKDOWN)
        effects = rig.badge("gate", who).effects
        wished[who] = [(type(effect), getattr(effect, "sign", None)) for effect in effects]
    assert wished["cora"] == wished["ann"]
    assert {kind for kind, _ in wished["cora"]} == {ShowAtReader}


def test_a_lost_badge_of_a_protected_person_on_the_way_out_calls_him_too() -> None:
    """Nobody knows who shows it; whoever it is may be the one whom nobody keeps in."""
    rig = calm(CALLED)
    outcome = rig.badge("vault", "hal", EXIT)
    (called,) = of_type(ProtocolOfficerCalled, outcome)
    assert (called.code, called.direction) == (Code.CREDENTIAL_LOST, Direction.EXIT)


@pytest.mark.parametrize("who", ["ann", "fay", "nobody"])
def test_for_anybody_else_nobody_is_called(who: str) -> None:
    rig = calm(CALLED)
    rig.posture(Mode.LOCKDOWN)
    assert not of_type(ProtocolOfficerCalled, rig.badge("gate", who))


def test_without_a_protocol_officer_in_the_policy_the_alarm_names_no_role() -> None:
    rig = calm()
    rig.posture(Mode.LOCKDOWN)
    (called,) = of_type(ProtocolOfficerCalled, rig.badge("gate", "cora"))
    assert called.roles == ()


def test_who_is_let_in_calls_nobody() -> None:
    rig = calm(CALLED)
    outcome = rig.badge("gate", "cora")
    assert of_type(ReleasePortal, outcome)
    assert not of_type(ProtocolOfficerCalled, outcome)
