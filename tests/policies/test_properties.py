"""What holds for every policy and every question."""

from collections import Counter
from copy import deepcopy

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import (
    Assurance,
    Code,
    CredentialStatus,
    Direction,
    Factor,
    Mode,
    Presented,
    Request,
    decide,
)
from tests.policies.reference import expected
from tests.policies.support import compiled
from tests.policies.worlds import ROLES, SEEDS, policy, requests, text_of, tree

many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
few = settings(max_examples=150, deadline=None)
ENTRIES = requests(Direction.ENTRY)
EXITS = requests(Direction.EXIT)
KEEPS_IN = {
    Code.UNKNOWN_CREDENTIAL,
    Code.CREDENTIAL_LOST,
    Code.CREDENTIAL_REVOKED,
    Code.FACTORS_MISSING,
    Code.FACTOR_FAILED,
    Code.INTERLOCK,
    Code.EGRESS_HELD,
}


def but(request: Request, **facts: object) -> Request:
    return msgspec.structs.replace(request, **facts)


def test_the_questions_are_aimed_well_enough_to_prove_something() -> None:
    counted: Counter[str] = Counter()

    @settings(max_examples=1_500, deadline=None, database=None, derandomize=True)
    @given(SEEDS, ENTRIES)
    def ask(seed: int, request: Request) -> None:
        decision = decide(policy(seed), request)
        counted["all"] += 1
        counted["granted"] += decision.granted
        counted["override"] += decision.code is Code.GRANTED_BY_OVERRIDE
        counted["missing"] += bool(decision.missing)

    ask()
    assert counted["granted"] >= counted["all"] * 0.10, counted
    assert counted["override"] >= 5, counted
    assert counted["missing"] >= counted["all"] * 0.02, counted


@settings(many, max_examples=2_000)
@given(SEEDS, requests())
def test_the_engine_answers_as_the_slow_reading_of_the_source_does(
    seed: int, request: Request
) -> None:
    decision = decide(policy(seed), request)
    granted, codes = expected(tree(seed), request)
    assert decision.granted is granted
    if not granted:
        assert {objection.code for objection in decision.objections} == codes


@few
@given(SEEDS, requests())
def test_the_same_question_has_the_same_answer(seed: int, request: Request) -> None:
    again = compiled(text_of(tree(seed)))
    assert decide(policy(seed), request) == decide(again, request)


@many
@given(SEEDS, requests())
def test_verdict_code_and_objections_agree(seed: int, request: Request) -> None:
    decision = decide(policy(seed), request)
    gates = [objection.code // 100 for objection in decision.objections]
    assert gates == sorted(gates)
    assert all(2 <= gate <= 8 for gate in gates)
    assert decision.granted is not bool(gates)
    if decision.granted:
        assert decision.code // 100 == 1
        assert decision.missing == ()
    else:
        assert decision.code is decision.objections[0].code
        assert decision.rule == decision.objections[0].rule
    assert [n.code // 100 for n in decision.notes] == sorted(n.code // 100 for n in decision.notes)


@many
@given(SEEDS, EXITS, st.sampled_from(["fire", "evacuate", "free"]))
def test_out_is_free_in_fire_and_evacuation_and_at_free_exits_whatever_else_is_true(
    seed: int, request: Request, reason: str
) -> None:
    portal = policy(seed).portal(request.portal)
    assert portal is not None
    if reason == "free" and portal.exit != "free":
        reason = "fire"
    facts: dict[str, object] = {"fire": {"fire": True}, "evacuate": {"mode": Mode.EVACUATE}}.get(
        reason, {}
    )
    assert decide(policy(seed), but(request, **facts)).granted


@many
@given(SEEDS, EXITS)
def test_a_protected_person_with_an_active_credential_is_never_kept_in(
    seed: int, request: Request
) -> None:
    if request.holder is None:
        return
    boss = msgspec.structs.replace(request.holder, roles=("boss", *request.holder.roles))
    known = but(request, holder=boss, credential=CredentialStatus.ACTIVE)
    assert decide(policy(seed), known).granted


@many
@given(SEEDS, EXITS)
def test_nothing_but_the_five_causes_keeps_anybody_in(seed: int, request: Request) -> None:
    decision = decide(policy(seed), request)
    assert {objection.code for objection in decision.objections} <= KEEPS_IN


@many
@given(SEEDS, EXITS)
def test_the_way_out_does_not_ask_what_only_concerns_the_way_in(
    seed: int, request: Request
) -> None:
    if request.holder is None:
        return
    worst = msgspec.structs.replace(
        request.holder, suspended=True, locked_out=True, watchlisted=True, valid_until_s=0
    )
    adverse = but(
        request, holder=worst, clock_trusted=False, recorded=False, operable=False, escorted=False
    )
    assert decide(policy(seed), adverse).granted is decide(policy(seed), request).granted


@many
@given(SEEDS, ENTRIES, st.integers(1, 5))
def test_a_higher_threat_never_opens_an_entry(seed: int, request: Request, threat: int) -> None:
    low, high = sorted((request.threat, threat))
    if decide(policy(seed), but(request, threat=high)).granted:
        assert decide(policy(seed), but(request, threat=low)).granted


@many
@given(SEEDS, ENTRIES)
def test_nobody_enters_whose_credential_or_record_is_not_good(seed: int, request: Request) -> None:
    bad = [s for s in CredentialStatus if s not in (CredentialStatus.ACTIVE, CredentialStatus.NONE)]
    for status in bad:
        assert not decide(policy(seed), but(request, credential=status)).granted
    if request.holder is None:
        return
    for facts in (
        {"suspended": True},
        {"locked_out": True},
        {"watchlisted": True},
        {"valid_until_s": request.utc_s},
        {"valid_from_s": request.utc_s + 1},
    ):
        person = msgspec.structs.replace(request.holder, **facts)
        assert not decide(policy(seed), but(request, holder=person)).granted


@few
@given(SEEDS, ENTRIES, st.sampled_from(ROLES), st.sampled_from(["yard", "office", "vault"]))
def test_adding_a_deny_never_grants(seed: int, request: Request, role: str, zone: str) -> None:
    if decide(policy(seed), request).granted:
        return
    longer = deepcopy(tree(seed))
    denies = longer["deny"]
    assert isinstance(denies, list)
    denies.append({"id": "more", "roles": [role], "zones": [zone]})
    assert not decide(compiled(text_of(longer)), request).granted


@few
@given(SEEDS, ENTRIES)
def test_removing_a_grant_never_grants_and_their_order_decides_nothing(
    seed: int, request: Request
) -> None:
    before = decide(policy(seed), request)
    other = deepcopy(tree(seed))
    grants = other["grant"]
    assert isinstance(grants, list)
    grants.reverse()
    assert decide(compiled(text_of(other)), request).granted is before.granted
    grants.pop()
    assert before.granted or not decide(compiled(text_of(other)), request).granted


@many
@given(SEEDS, requests())
def test_the_factors_asked_for_suffice_and_none_of_them_is_idle(
    seed: int, request: Request
) -> None:
    decision = decide(policy(seed), request)
    for wanted in decision.missing:
        assert wanted
        more = tuple(Presented(factor, Assurance.SECURE, True) for factor in wanted)
        assert decide(policy(seed), but(request, presented=request.presented + more)).granted
        for idle in range(len(more)):
            fewer = request.presented + more[:idle] + more[idle + 1 :]
            assert not decide(policy(seed), but(request, presented=fewer)).granted


@many
@given(SEEDS, requests(), st.sampled_from(Factor))
def test_more_proof_never_refuses(seed: int, request: Request, factor: Factor) -> None:
    more = (*request.presented, Presented(factor, Assurance.WEAK, True))
    if decide(policy(seed), request).granted:
        assert decide(policy(seed), but(request, presented=more)).granted


@many
@given(SEEDS, ENTRIES)
def test_agents_of_the_host_state_enter_only_with_consent(seed: int, request: Request) -> None:
    if request.holder is None:
        return
    agent = msgspec.structs.replace(request.holder, roles=("police", *request.holder.roles))
    asked = but(request, holder=agent, consent=False, fire=False)
    assert not decide(policy(seed), asked).granted


@many
@given(SEEDS, ENTRIES)
def test_a_visitor_alone_passes_only_what_stands_open_for_all(seed: int, request: Request) -> None:
    if request.holder is None:
        return
    guest = msgspec.structs.replace(request.holder, roles=("guest", *request.holder.roles))
    decision = decide(policy(seed), but(request, holder=guest, escorted=False))
    assert not decision.granted or decision.code is Code.OPEN_PORTAL


@many
@given(SEEDS, ENTRIES)
def test_without_a_clock_no_timed_rule_lets_anybody_in(seed: int, request: Request) -> None:
    decision = decide(policy(seed), but(request, clock_trusted=False))
    timed = {grant.id for grant in policy(seed).grants if grant.when is not None}
    assert not decision.granted or decision.rule not in timed
    assert decision.code is not Code.OPEN_PORTAL


@many
@given(SEEDS, ENTRIES)
def test_nobody_enters_unrecorded_but_at_emergency_passages(seed: int, request: Request) -> None:
    portal = policy(seed).portal(request.portal)
    assert portal is not None
    decision = decide(policy(seed), but(request, recorded=False))
    assert portal.emergency or not decision.granted


@many
@given(SEEDS, requests())
def test_duress_has_the_same_answer_and_one_note_more(seed: int, request: Request) -> None:
    calm = decide(policy(seed), but(request, duress=False))
    forced = decide(policy(seed), but(request, duress=True))
    assert msgspec.structs.replace(forced, notes=calm.notes) == calm
    assert [n.code for n in forced.notes] == [*(n.code for n in calm.notes), Code.NOTE_DURESS]
