"""An explanation is the verdict in other words: nothing in it may say otherwise."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace as but

from policies import Code, CredentialStatus, Factor, Mode, Request, decide
from policies.asked import Asked, Way, asked_for, unhindered
from policies.explain import GATES, Answer, Gate, explain
from policies.factors import BITS
from tests.policies.support import IN, OUT, ask, changed, compiled, embassy, holder, shown, vienna
from tests.policies.worlds import SEEDS, policy, requests

many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SUNDAY_09H = vienna("2026-11-22 09:00")


def gates(request: Request) -> dict[str, Gate]:
    return {gate.number: gate for gate in explain(embassy(), request).gates}


# --- what holds for every question ----------------------------------------------------------------


@many
@given(SEEDS, requests())
def test_the_table_is_the_decision_and_nothing_else(seed: int, request: Request) -> None:
    decision = decide(policy(seed), request)
    answer = explain(policy(seed), request)
    assert answer.decision == decision
    assert [gate.number for gate in answer.gates] == list(GATES)
    objections = [objection for gate in answer.gates for objection in gate.objections]
    notes = [note for gate in answer.gates for note in gate.notes]
    assert Counter(objections) == Counter(decision.objections)
    told = [note for note in decision.notes if note.code is not Code.NOTE_DURESS]
    assert Counter(notes) == Counter(told)
    for gate in answer.gates:
        assert (gate.answer is Answer.OBJECTS) == bool(gate.objections), gate
        assert gate.answer is not Answer.NOT_ASKED or not gate.notes, gate
    opened = [gate for gate in answer.gates if gate.answer is Answer.GRANTS]
    by_itself = decision.granted and Code.GRANTED < decision.code < Code.GRANTED_BY_OVERRIDE
    assert len(opened) == by_itself
    may = " may not " not in answer.sentence and not answer.sentence.startswith("No such")
    assert may == decision.granted


@many
@given(SEEDS, requests())
def test_the_carrying_rule_and_the_overrides_are_those_of_the_verdict(
    seed: int, request: Request
) -> None:
    decision = decide(policy(seed), request)
    found = {gate.number: gate for gate in explain(policy(seed), request).gates}
    if decision.code in (Code.GRANTED, Code.GRANTED_BY_OVERRIDE) and found["6"].rule is not None:
        named = {grant.id: grant.line for grant in policy(seed).grants}
        assert named[found["6"].rule] == found["6"].line
        assert found["7"].answer is Answer.PASSED
    if decision.code is Code.GRANTED_BY_OVERRIDE and found["5"].answer is Answer.PASSED:
        # The posture was no obstacle by itself: the rule held in this mode by override alone.
        assert request.mode is not Mode.NORMAL
    if found["5"].overrides:
        calm = but(request, mode=Mode.NORMAL, fire=False, threat=1)
        assert not {gate.overrides for gate in explain(policy(seed), calm).gates} - {()}


@few
@given(SEEDS, requests())
def test_what_is_asked_for_is_what_every_set_of_factors_says(seed: int, request: Request) -> None:
    """`asked_for` asks once; this asks for every set there is."""
    request = but(request, presented=())
    asked = asked_for(policy(seed), request)
    for mask in range(1 << len(BITS)):
        presented = shown("+".join(factor for factor, bit in BITS.items() if mask & bit))
        enough = any(all(mask & BITS[f] for f in factors) for factors in asked.sets)
        granted = decide(policy(seed), but(request, presented=presented)).granted
        assert granted == (enough or asked.way in (Way.OPEN, Way.FREE)), presented


@few
@given(SEEDS, requests(outward=False))
def test_the_next_grant_opens_and_nothing_before_it_does(seed: int, request: Request) -> None:
    following = explain(policy(seed), request).next_grant
    if following is None:
        return
    assert request.utc_s < following.utc_s
    at = but(request, utc_s=following.utc_s)
    assert asked_for(policy(seed), at) == following.asked != Asked(Way.NEVER)
    for utc_s in range(request.utc_s, following.utc_s, 900):
        assert asked_for(policy(seed), but(request, utc_s=utc_s)) == Asked(Way.NEVER)
    assert asked_for(policy(seed), but(at, utc_s=following.utc_s - 1)) == Asked(Way.NEVER)


def test_a_protected_person_without_a_good_badge_may_also_be_recognised() -> None:
    suspended = ask("archive-door", OUT, "diplomat", "", credential=CredentialStatus.SUSPENDED)
    assert str(asked_for(embassy(), suspended)) == "guard or badge"
    lost = but(suspended, credential=CredentialStatus.LOST)
    assert str(asked_for(embassy(), lost)) == "guard"


# --- questions as people ask them ---------------------------------------------------------------


def test_could_she_enter_there_on_sunday_at_level_three() -> None:
    request = ask("archive-door", IN, "diplomat", "badge+pin", utc_s=SUNDAY_09H, threat=3)
    answer = explain(embassy(), request)
    line = next(g.line for g in embassy().grants if g.id == "g40-archive")
    assert answer.sentence == (
        "Diplomat may not enter archive through archive-door on Sun 2026-11-22 09:00, normal, "
        "threat level 3: outside the hours of every rule that would grant it "
        f"(602, g40-archive, line {line}). "
        "The next time that it opens is Mon 2026-11-23 07:30: badge+pin."
    )
    found = {gate.number: gate.answer for gate in answer.gates}
    assert found == {
        "0": Answer.PASSED,
        "1": Answer.NOT_ASKED,
        "1b": Answer.NOT_ASKED,
        "2": Answer.NOT_ASKED,
        "3": Answer.PASSED,
        "4": Answer.PASSED,
        "5": Answer.PASSED,
        "6": Answer.OBJECTS,
        "7": Answer.NOT_ASKED,
        "8": Answer.PASSED,
        "9": Answer.PASSED,
    }


def test_what_is_missing_is_said() -> None:
    answer = explain(embassy(), ask("staff-door", IN, "staff", "badge", threat=3))
    assert "may not enter chancery" in answer.sentence
    assert answer.sentence.endswith("; pin is still to be presented.")
    assert answer.asked == Asked(Way.ASKED, ((Factor.BADGE, Factor.PIN),))
    assert answer.next_grant is None


def test_an_override_is_named_with_the_posture_that_it_lifts() -> None:
    found = gates(ask("main-gate", IN, "guard", mode=Mode.LOCKDOWN, fire=True))
    assert found["5"].answer is Answer.OVERRIDDEN
    assert found["5"].overrides == ("lockdown", "fire")
    assert found["6"].rule == "g10-perimeter"
    assert [note.code for note in found["9"].notes] == [Code.NOTE_OVERRIDDEN]


def test_a_refusal_tells_the_override_that_did_not_suffice() -> None:
    """Head of mission: a lockdown he passes, fire he does not."""
    found = gates(ask("main-gate", IN, "head-of-mission", mode=Mode.LOCKDOWN, fire=True))
    assert found["5"].answer is Answer.OBJECTS
    assert [objection.code for objection in found["5"].objections] == [Code.FIRE_ENTRY]
    assert found["5"].overrides == ("lockdown",)


def test_an_untrusted_clock_stands_with_the_rule_that_needs_the_time() -> None:
    found = gates(ask("archive-door", IN, "diplomat", "badge+pin", clock_trusted=False))
    assert found["0"].answer is Answer.PASSED
    assert [objection.code for objection in found["6"].objections] == [Code.CLOCK_UNTRUSTED]
    assert found["7"].answer is Answer.NOT_ASKED


def test_a_rule_for_two_objects_as_a_permit_and_a_zone_for_two_as_state() -> None:
    grant = compiled(changed('id    = "g50-refuge" ', 'two-person = true\nid    = "g50-refuge" '))
    zone = compiled(changed("[zone.lobby]", "[zone.lobby]\ntwo-person = true"))
    by_rule = explain(grant, ask("safe-room-door", IN, "staff"))
    by_zone = explain(zone, ask("front-door", IN, "staff", threat=2))
    assert [gate.number for gate in by_rule.gates if gate.objections] == ["6"]
    assert [gate.number for gate in by_zone.gates if gate.objections] == ["8"]


def test_an_open_portal_asks_nobody_and_the_gates_behind_it_are_not_asked() -> None:
    found = gates(ask("front-door", IN, None))
    assert (found["1b"].answer, found["1b"].rule) == (Answer.GRANTS, "office")
    assert {found[number].answer for number in "345678"} == {Answer.NOT_ASKED}
    nobody_waits = gates(ask("front-door", IN, None, first_person_in=False))
    assert nobody_waits["1b"].answer is Answer.GRANTS
    shut = gates(ask("front-door", IN, None, clock_trusted=False))
    assert [o.code for o in shut["1b"].objections] == [Code.CLOCK_UNTRUSTED]
    assert gates(ask("front-door", IN, "staff", threat=2))["1b"].answer is Answer.CLOSED


def test_on_the_way_out_rules_of_entry_are_notes() -> None:
    found = gates(ask("archive-door", OUT, holder("guard", suspended=True), ""))
    assert found["1"].answer is Answer.CLOSED
    assert found["3"].answer is Answer.NOTED
    assert found["6"].answer is Answer.NOTED
    assert [objection.code for objection in found["7"].objections] == [Code.FACTORS_MISSING]
    free = gates(ask("front-door", OUT, None))
    assert free["1"].answer is Answer.GRANTS
    assert free["2"].answer is Answer.NOT_ASKED
    protected = gates(ask("archive-door", OUT, "diplomat", ""))
    assert protected["2"].answer is Answer.GRANTS


def test_nothing_tells_of_duress() -> None:
    calm = ask("main-gate", IN, "staff")
    assert gates(calm) == gates(but(calm, duress=True))
    assert explain(embassy(), calm).sentence == explain(embassy(), but(calm, duress=True)).sentence


def test_a_portal_that_the_policy_does_not_have() -> None:
    answer = explain(embassy(), ask("cellar-door", IN, "staff"))
    assert answer.sentence == "No such portal in the policy: cellar-door (201)."
    assert [gate.answer for gate in answer.gates].count(Answer.NOT_ASKED) == len(GATES) - 1


@pytest.mark.parametrize("duress", [False, True])
def test_a_sealed_bag_is_noted_at_a_portal_that_the_policy_does_not_have(duress: bool) -> None:
    found = gates(ask("cellar-door", IN, "staff", sealed_bag=True, duress=duress))
    assert found["0"].answer is Answer.OBJECTS
    assert found["9"].answer is Answer.NOTED
    assert [note.code for note in found["9"].notes] == [Code.NOTE_SEALED_BAG]
    bare = gates(ask("cellar-door", IN, "staff", duress=duress))
    assert (bare["9"].answer, bare["9"].notes) == (Answer.NOT_ASKED, ())


def test_people_without_a_standing_are_named_as_such() -> None:
    lost = ask("main-gate", IN, None, credential=CredentialStatus.UNKNOWN)
    assert explain(embassy(), lost).sentence.startswith("Nobody known may not enter forecourt")
    clock = explain(embassy(), ask("main-gate", IN, "staff", clock_trusted=False)).sentence
    assert "10:00 (clock not trusted), normal" in clock


def test_the_unhindered_state_meets_every_limit_of_people() -> None:
    """Otherwise a minimum of two would hide whatever else is asked for there."""
    limited = compiled(
        changed(
            "[zone.lobby]",
            "[screening.gate]\n[zone.lobby]\noccupancy-min = 2\noccupancy-max = 2\n"
            'screening = ["gate"]',
        )
    )
    request = ask("front-door", IN, "staff", threat=2)
    assert asked_for(limited, request) == Asked(Way.NEVER)
    for person in (request, but(request, second_person=True)):
        assert str(asked_for(limited, unhindered(limited).before(person))) == "badge"
