"""A guard lets through whom he knows: judged as anybody is, with his word as the factor; people
without badges come under a consent; whoever stays behind is looked for.
"""

import pytest

from controller.effects import ReleasePortal
from controller.events import (
    DecisionMade,
    GuardVouched,
    PartyLeftBehind,
    ProtocolOfficerCalled,
)
from controller.ids import AttemptId, HolderId, InputId, PortalId
from controller.inputs import DirectoryReplaced, PassAsked
from controller.ledger import Personal, commitment
from controller.muster import roll
from controller.site import Outcome
from controller.state import restore, snapshot
from policies.codes import Code
from policies.facts import CredentialStatus, Direction
from policies.rights import OrderKind
from tests.controller.support import ENTRY, EXIT, POLICY, Rig, calm, of_type
from tests.controller.test_orders import LOCKDOWN, give
from tests.controller.test_visits import gives, others, passes

GUARDED = POLICY.replace('badge = { 1 = "badge" }', 'badge = { 1 = "badge | guard" }').replace(
    'standard = { 1 = "badge", 3', 'standard = { 1 = "badge | guard", 3'
)
"""His word is enough where a badge is, and nowhere else."""
ANN, BOB, CORA, PIA, VIC = (HolderId(f"h-{w}") for w in ("ann", "bob", "cora", "pia", "vic"))
OPERATOR = Personal("operator", "Officer Smith", "ab" * 16)
REASON = Personal("reason", "his badge is at home", "cd" * 16)


def asks(
    rig: Rig,
    who: HolderId,
    portal: str = "gate",
    direction: Direction = ENTRY,
    **fields: object,
) -> Outcome:
    told: dict[str, object] = {
        "id": InputId(rig.new_id()),
        "attempt": AttemptId(rig.new_id()),
        "beside": AttemptId(rig.new_id()),
        "portal": PortalId(portal),
        "direction": direction,
        "holder": who,
        "reason": REASON,
        "operator": OPERATOR,
        "person": None,
    }
    return rig.feed(PassAsked(**(told | fields)))  # type: ignore[arg-type]


def verdict(outcome: Outcome) -> Code:
    """Of the last decision; it released the portal if it granted, and not otherwise."""
    made = of_type(DecisionMade, outcome)[-1]
    assert bool(of_type(ReleasePortal, outcome)) is made.decision.granted
    return made.decision.code


def inside(rig: Rig, zone: str = "court") -> int:
    return rig.site.state.people.inside.get(zone, 0)


def becomes(rig: Rig, **changes: object) -> None:
    rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=others(**changes)))


def with_delegation(people: int) -> Rig:
    """Pia and so many others are in the court, under a consent for four."""
    rig = calm(GUARDED)
    gives(rig, party=4)
    assert verdict(asks(rig, PIA, party=people)) is Code.GRANTED
    passes(rig)
    return rig


# --- his word -------------------------------------------------------------------------------------


def test_whom_the_guard_knows_enters_where_the_policy_takes_his_word() -> None:
    rig = calm(GUARDED)
    outcome = asks(rig, ANN)
    assert verdict(outcome) is Code.GRANTED
    (vouched,) = of_type(GuardVouched, outcome)
    (made,) = of_type(DecisionMade, outcome)
    assert (vouched.holder, vouched.operator) == (ANN, commitment(OPERATOR))
    assert vouched.reason == commitment(REASON)
    assert made.request.credential is CredentialStatus.NONE
    assert outcome.events.index(next(e for e in outcome.events if e.body is vouched)) == 0


def test_where_the_policy_asks_for_more_his_word_is_not_enough() -> None:
    assert verdict(asks(calm(), ANN)) is Code.FACTORS_MISSING
    assert verdict(asks(calm(GUARDED), ANN, "archive")) is Code.FACTORS_MISSING


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"suspended": True}, Code.SUSPENDED),
        ({"watchlisted": True}, Code.WATCHLISTED),
        ({"valid_until_s": 1}, Code.EXPIRED),
    ],
)
def test_no_word_stands_against_the_record(change: dict[str, object], code: Code) -> None:
    rig = calm(GUARDED)
    becomes(rig, ann=change)
    assert verdict(asks(rig, ANN)) is code


def test_nobody_is_let_in_whom_nobody_has_on_file() -> None:
    assert verdict(asks(calm(GUARDED), HolderId("h-nobody"))) is Code.UNKNOWN_CREDENTIAL


def test_a_lockdown_holds_against_one_guard() -> None:
    rig = calm(GUARDED)
    give(rig, LOCKDOWN, people=1)
    assert rig.site.state.orders.in_force
    assert LOCKDOWN.kind is OrderKind.LOCKDOWN
    assert verdict(asks(rig, ANN)) is Code.LOCKDOWN


def test_where_two_have_to_say_so_one_guard_lets_nobody_in() -> None:
    gate = "[portal.gate]\n"
    rig = calm(GUARDED.replace(gate, f"{gate}release-by-two = true\n"))
    assert asks(rig, ANN).events == ()
    assert verdict(asks(rig, ANN, by_two=True)) is Code.GRANTED
    assert of_type(DecisionMade, asks(rig, ANN, direction=EXIT)), "nobody is kept in by it"


def test_a_protected_person_whom_he_knows_leaves() -> None:
    assert verdict(asks(calm(), CORA, "archive", EXIT)) is Code.PROTECTED_EXIT


def test_a_protected_person_who_is_refused_meets_the_protocol_officer_and_nothing_else() -> None:
    outcome = asks(calm(), CORA)
    assert verdict(outcome) is Code.FACTORS_MISSING
    assert of_type(ProtocolOfficerCalled, outcome)


def test_a_visitor_needs_his_host_here_as_well() -> None:
    rig = calm(GUARDED)
    assert verdict(asks(rig, VIC)) is Code.NOT_ESCORTED
    outcome = asks(rig, VIC, host=BOB)
    assert [made.decision.granted for made in of_type(DecisionMade, outcome)] == [True, True]
    passes(rig)
    assert rig.site.state.people.escorts == {VIC: BOB}


def test_a_host_who_may_not_enter_brings_nobody() -> None:
    rig = calm(GUARDED)
    becomes(rig, bob={"suspended": True})
    outcome = asks(rig, VIC, host=BOB)
    (made,) = of_type(DecisionMade, outcome)
    assert made.decision.code is Code.SUSPENDED
    assert not of_type(ReleasePortal, outcome)


def test_a_sealed_bag_is_noted_and_opens_nothing_more() -> None:
    outcome = asks(calm(GUARDED), ANN, sealed_bag=True)
    (made,) = of_type(DecisionMade, outcome)
    assert [note.code for note in made.decision.notes] == [Code.NOTE_SEALED_BAG]
    refused = asks(calm(), ANN, sealed_bag=True)
    assert verdict(refused) is Code.FACTORS_MISSING


# --- a party --------------------------------------------------------------------------------------


def test_people_without_badges_enter_with_whoever_the_consent_names() -> None:
    rig = with_delegation(3)
    assert inside(rig) == 4
    assert rig.site.state.people.presences[PIA].party == 3


def test_no_more_enter_than_the_consent_says() -> None:
    rig = calm(GUARDED)
    gives(rig, party=4)
    assert verdict(asks(rig, PIA, party=5)) is Code.NO_CONSENT


def test_nobody_enters_unnamed_without_a_consent() -> None:
    """Whoever leads them may himself: they are unknown all the same."""
    assert verdict(asks(calm(GUARDED), ANN, party=1)) is Code.NO_CONSENT


def test_a_party_counts_against_the_room_that_there_is() -> None:
    """Places that a grant has reserved for it are nobody else's, whoever comes by another door."""
    small = GUARDED.replace("[zone.lobby]\n", "[zone.lobby]\noccupancy-max = 4\n")
    rig = calm(small)
    gives(rig, party=4)
    assert verdict(asks(rig, PIA, "panic", party=4)) is Code.OCCUPANCY_FULL
    assert verdict(asks(rig, PIA, "panic", party=3)) is Code.GRANTED
    (made,) = of_type(DecisionMade, rig.badge("front", "ann"))
    assert made.decision.code is Code.OCCUPANCY_FULL


def test_a_party_that_leaves_together_is_gone() -> None:
    rig = with_delegation(3)
    asks(rig, PIA, direction=EXIT, party=3)
    outcome = passes(rig)
    assert not of_type(PartyLeftBehind, outcome)
    assert inside(rig) == 0


def left_behind() -> tuple[Rig, PartyLeftBehind]:
    """Pia leaves with one of three."""
    rig = with_delegation(3)
    asks(rig, PIA, direction=EXIT, party=1)
    rig.later(1)
    (body,) = of_type(PartyLeftBehind, rig.opens("gate"))
    return rig, body


def test_whoever_stays_behind_is_told_and_looked_for() -> None:
    rig, body = left_behind()
    assert (body.holder, body.people, body.zone) == (PIA, 2, "court")
    assert inside(rig) == 2
    now = roll(rig.site.state, None)
    (one,) = now.people
    assert (one.holder, one.led, one.people, now.missing) == (PIA, False, 2, 2)
    assert restore(snapshot(rig.site.state)) == rig.site.state


def test_the_rest_of_a_party_is_let_out_under_its_leaders_name() -> None:
    rig, _ = left_behind()
    rig.closes("gate")
    rig.later(8)
    asks(rig, PIA, direction=EXIT, party=1)
    passes(rig)
    assert inside(rig) == 0
    assert roll(rig.site.state, None).people == ()


def test_nothing_of_it_happens_before_an_edge_is_ready() -> None:
    rig = Rig(GUARDED)
    outcome = asks(rig, ANN)
    assert not outcome.events
    assert not outcome.effects
