"""Another policy comes into force: what is remembered of it, and what goes on under the old."""

from controller.effects import SecurePortal
from controller.events import DecisionMade, EdgeStarted, PolicyActivated
from controller.ids import InputId
from controller.inputs import PinOutcome, PolicyReplaced, Started
from controller.ledger import Personal, commitment
from controller.site import Site
from controller.state import SiteState, restore, snapshot
from tests.controller.support import POLICY, SECOND_POLICY, Rig, calm, compiled, of_type
from tests.controller.test_company import vault

THIRD_POLICY = SECOND_POLICY.replace("version = 2", "version = 3")
OPERATOR = Personal("operator", "smith", "0f" * 16)


def versions(state: SiteState) -> tuple[int, int]:
    return state.policy_version, state.policy_version_max


def returned(rig: Rig, text: str) -> PolicyReplaced:
    return PolicyReplaced(
        id=InputId(rig.new_id()), policy=compiled(text), operator=OPERATOR, returned=True
    )


def test_the_state_knows_what_is_in_force_since_when_and_what_was_before() -> None:
    rig = calm()
    first = compiled(POLICY).digest
    state = rig.site.state
    assert (state.policy, *versions(state), state.policy_before) == (first, 1, 1, "")
    assert state.policy_seq == 1, "the start said it"
    outcome = rig.policy(SECOND_POLICY)
    state = rig.site.state
    (event,) = [e for e in outcome.events if isinstance(e.body, PolicyActivated)]
    assert (state.policy, *versions(state)) == (compiled(SECOND_POLICY).digest, 2, 2)
    assert (state.policy_before, state.policy_seq) == (first, event.header.seq)
    assert restore(snapshot(state)) == state


def test_one_step_leads_back_and_no_further_and_the_highest_version_stays() -> None:
    rig = calm()
    rig.policy(SECOND_POLICY)
    outcome = rig.feed(returned(rig, POLICY))
    (body,) = of_type(PolicyActivated, outcome)
    assert (body.returned, body.operator) == (True, commitment(OPERATOR))
    (event,) = [e for e in outcome.events if e.body is body]
    assert event.personal == (OPERATOR,)
    state = rig.site.state
    assert (*versions(state), state.policy_before) == (1, 2, "")
    rig.policy(THIRD_POLICY)
    assert rig.site.state.policy_before == compiled(POLICY).digest


def test_a_start_under_another_version_can_be_taken_back_and_new_time_zones_are_no_version() -> (
    None
):
    rig = calm()
    first = compiled(POLICY).digest
    for text, digest, before in (
        (POLICY, first, ""),
        (POLICY + "\n", compiled(POLICY + "\n").digest, ""),
        (SECOND_POLICY, compiled(SECOND_POLICY).digest, compiled(POLICY + "\n").digest),
    ):
        rig.site = Site(rig.site.origin, compiled(text), rig.site.state)
        (body,) = of_type(EdgeStarted, rig.start())
        state = rig.site.state
        assert (body.policy, body.policy_version) == (digest, compiled(text).version)
        assert (state.policy, state.policy_before) == (digest, before)


def test_a_start_with_a_kept_copy_decides_by_it_and_changes_nobodys_choice() -> None:
    rig = calm()
    rig.policy(SECOND_POLICY)
    chosen = rig.site.state
    rig.site = Site(rig.site.origin, compiled(POLICY), rig.site.state)
    rig.feed(Started(id=InputId(rig.new_id()), version="test", safe_mode=True, kept_copy=True))
    state = rig.site.state
    assert (state.policy, state.policy_chosen) == (compiled(POLICY).digest, chosen.policy)
    assert (*versions(state), state.policy_seq) == (2, 2, chosen.policy_seq)
    assert state.policy_before == compiled(POLICY).digest


def test_who_waits_for_a_second_person_is_judged_by_the_rules_he_came_under() -> None:
    """Also where the second one is asked for something himself, after the change."""
    at = POLICY.index("[zone.vault]")
    asks_pin = POLICY[:at] + POLICY[at:].replace('factors = "badge"', 'factors = "high"', 1)
    rig = vault("ann", "cora")
    rig.badge("vault", "ann")
    began_under = rig.site.policy.digest
    rig.policy(asks_pin.replace("version = 1", "version = 2"))
    rig.badge("vault", "cora")
    (pending,) = rig.site.state.attempts.values()
    assert pending.first is not None
    assert pending.question is not None, "the second one is asked for a PIN"
    outcome = rig.pin(pending.question, PinOutcome.MATCHED)
    second, first = of_type(DecisionMade, outcome)
    assert (second.policy, first.policy) == (rig.site.policy.digest, began_under)
    assert began_under != rig.site.policy.digest


def secured(rig: Rig, text: str) -> set[str]:
    effects = rig.policy(text).effects
    return {effect.portal for effect in effects if isinstance(effect, SecurePortal)}


def test_a_lock_of_the_other_type_is_locked_anew_and_no_other_is_touched() -> None:
    rig = calm()
    assert secured(rig, POLICY.replace("version = 1", "version = 2")) == set()
    at = POLICY.index("[portal.archive]")
    other = POLICY[:at] + POLICY[at:].replace("power-to-lock", "power-to-unlock", 1)
    assert secured(rig, other.replace("version = 1", "version = 3")) == {"archive"}
