"""Whereto a consent reaches, and who gives it: the head of mission or whoever acts for him."""

import pytest
from msgspec.structs import replace

from controller.events import ConsentGiven, ConsentRefused, DecisionMade
from controller.holders import Directory
from controller.ids import HolderId, InputId
from controller.inputs import DirectoryReplaced
from controller.orders import Order
from controller.site import Outcome
from policies.codes import Code
from policies.rights import OrderKind
from simulators.orders import offered, order_id
from tests.controller.support import POLICY, SECOND_US, Rig, calm, directory, of_type
from tests.controller.test_visits import consent

ANN, BOB, CORA, PIA = (HolderId(f"h-{who}") for who in ("ann", "bob", "cora", "pia"))
CHIEF = '\n[order.consent]\nroles = ["diplomat"]\n[succession.diplomat]\ndeputies = ["guard"]\n'
FURTHER_IN = POLICY.replace(
    'roles = ["police"]\nzones = ["court", "lobby"]',
    'roles = ["police"]\nzones = ["court", "lobby", "office"]',
)


def gives(rig: Rig, **fields: object) -> Outcome:
    return rig.feed(consent(rig, **fields))


def refused(outcome: Outcome) -> str:
    (body,) = of_type(ConsentRefused, outcome)
    return body.reason


def lends(rig: Rig, kind: OrderKind = OrderKind.DELEGATE, **fields: object) -> None:
    """Cora is away: Ann, or whom the fields name, acts for her."""
    now_s = rig.utc_us // SECOND_US
    made = Order(
        id=order_id(f"away {kind}"),
        kind=kind,
        issuer="0d" * 16,
        counter=1,
        reason="on leave",
        review_s=now_s,
        role="diplomat",
        holder=ANN,
        until_s=now_s + 600,
    )
    fields = {"signers": (CORA,), "people": 1, **fields}
    signed = {name: fields.pop(name) for name in ("signers", "people")}
    rig.feed(replace(offered(replace(made, **fields)), **signed))  # type: ignore[arg-type]


def known(rig: Rig, who: HolderId, *roles: str) -> None:
    people: Directory = directory()
    one = people.holders[who]
    facts = replace(one.facts, roles=roles)
    changed = people.after(version=2, holders=(replace(one, facts=facts),))
    rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=changed))


def consented_at(rig: Rig, portal: str) -> bool:
    (made,) = of_type(DecisionMade, rig.badge(portal, "pia"))
    objects = Code.NO_CONSENT in {one.code for one in made.decision.objections}
    assert objects is not made.request.consent
    return made.request.consent


# --- whereto ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zones", "portals"),
    [
        ((), {"gate", "panic", "mag"}),
        (("court",), {"gate"}),
        (("lobby",), {"gate", "panic"}),
        (("office",), {"gate", "panic", "mag"}),
        (("trap",), {"gate"}),
        (("trap", "lobby"), {"gate", "panic"}),
    ],
)
def test_a_consent_reaches_its_zones_and_the_way_there(
    zones: tuple[str, ...], portals: set[str]
) -> None:
    """And none that lies inside them: a consent to the court is none to the office."""
    rig = calm(FURTHER_IN)
    (given,) = of_type(ConsentGiven, gives(rig, zones=zones))
    assert given.zones == zones
    assert {portal for portal in ("gate", "panic", "mag") if consented_at(rig, portal)} == portals


def test_a_consent_to_a_zone_that_nobody_knows_is_none() -> None:
    rig = calm()
    assert "no zone 'cellar'" in refused(gives(rig, zones=("court", "cellar")))
    assert not consented_at(rig, "gate")


def test_a_zone_that_a_new_policy_lacks_opens_nothing() -> None:
    rig = calm()
    gives(rig, zones=("store",))
    assert consented_at(rig, "panic")
    rig.policy(POLICY.replace("store", "shed"))
    assert not consented_at(rig, "panic")


def test_a_later_consent_takes_the_place_of_a_wider_one() -> None:
    rig = calm()
    gives(rig)
    gives(rig, order="ab" * 32, zones=("court",))
    assert not consented_at(rig, "panic")


# --- who gives it -------------------------------------------------------------------------------


def test_no_agent_of_the_host_state_consents_to_anybodys_entry() -> None:
    """Whatever the policy says of his roles."""
    rig = calm()
    known(rig, ANN, "police", "diplomat")
    assert "no agent" in refused(gives(rig, signers=(ANN,)))
    assert of_type(ConsentGiven, gives(rig, signers=(ANN, CORA), order="ab" * 32))
    rig = calm(POLICY + '\n[order.consent]\nroles = ["diplomat", "police"]\npeople = 2\n')
    known(rig, ANN, "police", "diplomat")
    assert "1 of 2" in refused(gives(rig, signers=(ANN, CORA)))


@pytest.mark.parametrize("kinds", [(), (OrderKind.CONSENT,)])
def test_whoever_acts_for_the_head_of_mission_consents(kinds: tuple[OrderKind, ...]) -> None:
    rig = calm(POLICY + CHIEF)
    assert "0 of 1" in refused(gives(rig, signers=(ANN,)))
    lends(rig, kinds=kinds)
    assert of_type(ConsentGiven, gives(rig, signers=(ANN,), order="ab" * 32))


def test_a_deputy_who_has_stepped_in_consents() -> None:
    rig = calm(POLICY + CHIEF)
    lends(rig, OrderKind.SUCCEED, holder=BOB, signers=(BOB,), unreachable=("diplomat",))
    assert of_type(ConsentGiven, gives(rig, signers=(BOB,)))


def test_what_was_lent_for_other_orders_is_no_consent() -> None:
    rig = calm(POLICY + CHIEF)
    lends(rig, kinds=(OrderKind.LIFT,))
    assert "0 of 1" in refused(gives(rig, signers=(ANN,)))


@pytest.mark.parametrize(
    ("zones", "given"),
    [(("lobby",), True), (("office", "lobby"), True), (("court",), False), ((), False)],
)
def test_a_delegate_consents_within_the_zones_that_were_lent(
    zones: tuple[str, ...], given: bool
) -> None:
    rig = calm(POLICY + CHIEF)
    lends(rig, zones=("lobby",))
    assert bool(of_type(ConsentGiven, gives(rig, signers=(ANN,), zones=zones))) is given


def test_a_delegation_that_is_over_gives_no_consent() -> None:
    rig = calm(POLICY + CHIEF)
    lends(rig)
    rig.skip(600)
    assert "0 of 1" in refused(gives(rig, signers=(ANN,)))
