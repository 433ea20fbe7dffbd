"""What holds for every policy and every question; P01 to P43 are the numbers of the specification.

Those that concern a changed policy are in test_properties_of_policies.py.
"""

from collections.abc import Iterator

from msgspec import UNSET
from msgspec.structs import replace

from policies import (
    Assurance,
    Code,
    CredentialStatus,
    Decision,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
    decide,
)
from tests.policies.comparison import plainly
from tests.policies.reference import WayIn
from tests.policies.worlds import GROUND, ROLES, policy, questions, tree

POLICIES, EACH = range(40), 15
KEEPS_IN = {
    Code.UNKNOWN_CREDENTIAL,
    Code.CREDENTIAL_LOST,
    Code.CREDENTIAL_REVOKED,
    Code.FACTORS_MISSING,
    Code.FACTOR_FAILED,
    Code.INTERLOCK,
    Code.EGRESS_HELD,
}


def anything() -> Iterator[tuple[int, Request]]:
    """Questions about portals that exist, with the number of their policy."""
    return ((seed, ask) for seed, ask in questions(POLICIES, EACH) if ask.portal != "trapdoor")


def ways_in() -> Iterator[tuple[int, Request]]:
    asked = questions(POLICIES, EACH, outward=False)
    return ((seed, ask) for seed, ask in asked if ask.portal != "trapdoor")


def ways_out() -> Iterator[tuple[int, Request]]:
    asked = questions(POLICIES, EACH, outward=True)
    return ((seed, ask) for seed, ask in asked if ask.portal != "trapdoor")


def people(asked: Iterator[tuple[int, Request]]) -> Iterator[tuple[int, Request, HolderFacts]]:
    """The questions of those whom we know."""
    return ((seed, ask, ask.holder) for seed, ask in asked if ask.holder is not None)


def codes(decision: Decision) -> set[Code]:
    return {objection.code for objection in decision.objections}


def with_role(person: HolderFacts, role: str) -> HolderFacts:
    return replace(person, roles=(role, *person.roles))


def test_verdict_code_and_objections_agree() -> None:
    """P02, and objections and notes come in the order of the gates."""
    for seed, ask in anything():
        decision = decide(policy(seed), ask)
        gates = [objection.code // 100 for objection in decision.objections]
        assert gates == sorted(gates), plainly(ask)
        noted = [note.code // 100 for note in decision.notes]
        assert noted == sorted(noted), plainly(ask)
        assert all(2 <= gate <= 8 for gate in gates), plainly(ask)
        assert decision.granted is not bool(gates), plainly(ask)
        if decision.granted:
            assert (decision.code // 100, decision.missing) == (1, ()), plainly(ask)
        else:
            first = decision.objections[0]
            assert (decision.code, decision.rule) == (first.code, first.rule), plainly(ask)


def test_in_a_fire_every_way_out_is_free() -> None:
    """P03, and so it is in an evacuation and at every free exit, whoever it is."""
    for seed, ask in ways_out():
        for free in ({"fire": True}, {"mode": Mode.EVACUATE}):
            assert decide(policy(seed), replace(ask, **free)).granted, plainly(ask)
        if tree(seed)["portal"][ask.portal]["exit"] == "free":
            assert decide(policy(seed), ask).granted, plainly(ask)


def test_a_protected_person_in_good_standing_is_never_kept_in() -> None:
    """P04."""
    for seed, ask, person in people(ways_out()):
        boss = replace(ask, holder=with_role(person, "boss"))
        known = replace(boss, credential=CredentialStatus.ACTIVE)
        assert decide(policy(seed), known).granted, plainly(ask)
        guard = Presented(Factor.GUARD, Assurance.WEAK, True)
        assert decide(policy(seed), replace(boss, presented=(guard,))).granted, plainly(ask)


def test_nothing_but_the_five_causes_keeps_anybody_in() -> None:
    """P04: as the design corrects it, of all people."""
    for seed, ask in ways_out():
        assert codes(decide(policy(seed), ask)) <= KEEPS_IN, plainly(ask)


def test_more_factors_never_refuse() -> None:
    """P10."""
    for seed, ask in anything():
        if decide(policy(seed), ask).granted:
            for factor in Factor:
                more = (*ask.presented, Presented(factor, Assurance.WEAK, True))
                assert decide(policy(seed), replace(ask, presented=more)).granted, plainly(ask)


def test_a_higher_threat_never_opens_an_entry() -> None:
    """P11."""
    for seed, ask in ways_in():
        granted = [decide(policy(seed), replace(ask, threat=n)).granted for n in (1, 2, 3, 4, 5)]
        assert granted == sorted(granted, reverse=True), plainly(ask)


def test_a_stricter_mode_opens_only_by_a_grant_that_names_it() -> None:
    """P12. The way into a refuge is judged as on a calm day, at level 1."""
    for seed, ask, _ in people(ways_in()):
        if decide(policy(seed), replace(ask, mode=Mode.NORMAL)).granted:
            continue
        for mode in (Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE):
            strict = replace(ask, mode=mode)
            decision = decide(policy(seed), strict)
            if decision.granted and not WayIn(tree(seed), strict, set()).fleeing:
                grant = next(g for g in tree(seed)["grant"] if g["id"] == decision.rule)
                assert mode in grant.get("in", ()), plainly(ask)


def test_nobody_enters_whose_credential_or_record_is_not_good() -> None:
    """P13, with every override as well."""
    active = (CredentialStatus.ACTIVE, CredentialStatus.NONE)
    for seed, ask, person in people(ways_in()):
        for role in ("guard", "boss"):
            asked = replace(ask, holder=with_role(person, role))
            for status in set(CredentialStatus) - set(active):
                bad = decide(policy(seed), replace(asked, credential=status))
                assert not bad.granted, plainly(ask)
            for facts in (
                {"suspended": True},
                {"locked_out": True},
                {"valid_until_s": ask.utc_s},
                {"valid_from_s": ask.utc_s + 1},
            ):
                worse = replace(asked, holder=replace(person, **facts))
                assert not decide(policy(seed), worse).granted, plainly(ask)


def test_a_watchlist_beats_every_override() -> None:
    """P14; a list that the policy does not know denies."""
    for seed, ask, person in people(ways_in()):
        for facts in ({"watchlisted": True}, {"watchlists": ("banned",)}, {"watchlists": ("x",)}):
            for role in ROLES:
                listed = with_role(replace(person, **facts), role)
                assert not decide(policy(seed), replace(ask, holder=listed)).granted, plainly(ask)
        seen = decide(policy(seed), replace(ask, holder=replace(person, watchlists=("press",))))
        plain = decide(policy(seed), replace(ask, holder=replace(person, watchlists=())))
        assert (seen.granted, seen.objections) == (plain.granted, plain.objections), plainly(ask)


def test_a_visitor_alone_passes_only_what_stands_open_for_all() -> None:
    """P15, but for the flight into a refuge. P42: who has another role as well is a visitor."""
    for seed, ask, person in people(ways_in()):
        flees = WayIn(tree(seed), ask, set()).fleeing
        for role in ROLES:
            guest = with_role(replace(person, roles=(role,)), "guest")
            decision = decide(policy(seed), replace(ask, holder=guest, escorted=False))
            let_in = decision.granted and decision.code is not Code.OPEN_PORTAL
            assert flees or not let_in, plainly(ask)
            escorted = decide(policy(seed), replace(ask, holder=guest, escorted=True))
            assert escorted.code is not Code.GRANTED_BY_OVERRIDE, plainly(ask)


def test_agents_of_the_host_state_enter_only_with_consent() -> None:
    """P16, the fire service in a fire as well; consular premises may presume it there."""
    for seed, ask, person in people(ways_in()):
        for role in ("police", "medic"):
            agent = replace(ask, holder=with_role(person, role), consent=False)
            entered = WayIn(tree(seed), ask, set()).zone
            if entered["kind"] != "public":
                calm = replace(agent, fire=False)
                assert Code.NO_CONSENT in codes(decide(policy(seed), calm)), plainly(ask)
                presumed = entered.get("consent-presumed-in-fire", False)
                fire = codes(decide(policy(seed), replace(agent, fire=True)))
                assert (Code.NO_CONSENT in fire) is not presumed, plainly(ask)


def test_an_entry_grant_names_exactly_one_rule_that_carries_it() -> None:
    """P17."""
    for seed, ask in ways_in():
        decision = decide(policy(seed), ask)
        if not decision.granted:
            continue
        if decision.code is Code.OPEN_PORTAL:
            assert decision.rule == tree(seed)["portal"][ask.portal]["open"], plainly(ask)
            continue
        (grant,) = [g for g in tree(seed)["grant"] if g["id"] == decision.rule]
        assert ask.holder is not None
        assert set(grant["roles"]) & set(ask.holder.roles), plainly(ask)
        entered = WayIn(tree(seed), ask, set()).entered
        here = entered in grant.get("zones", ()) or ask.portal in grant.get("portals", ())
        assert here, plainly(ask)


def test_revoking_never_opens() -> None:
    """P18, in neither direction."""
    for seed, ask in anything():
        revoked = replace(ask, credential=CredentialStatus.REVOKED)
        assert decide(policy(seed), ask).granted or not decide(policy(seed), revoked).granted


def test_duress_has_the_same_answer_and_one_note_more() -> None:
    """P19."""
    for seed, ask in questions(POLICIES, EACH):
        calm = decide(policy(seed), replace(ask, duress=False))
        forced = decide(policy(seed), replace(ask, duress=True))
        assert replace(forced, notes=calm.notes) == calm, plainly(ask)
        more = [*(note.code for note in calm.notes), Code.NOTE_DURESS]
        assert sorted(note.code for note in forced.notes) == sorted(more), plainly(ask)


def test_the_factors_asked_for_suffice_and_none_of_them_is_idle() -> None:
    """P20."""
    asked_for = 0
    for seed, ask in anything():
        for wanted in decide(policy(seed), ask).missing:
            asked_for += 1
            assert wanted, plainly(ask)
            more = tuple(Presented(factor, Assurance.SECURE, True) for factor in wanted)
            whole = replace(ask, presented=ask.presented + more)
            assert decide(policy(seed), whole).granted, plainly(ask)
            for idle in range(len(more)):
                fewer = ask.presented + more[:idle] + more[idle + 1 :]
                short = decide(policy(seed), replace(ask, presented=fewer))
                assert not short.granted, plainly(ask)
    assert asked_for > 10


def test_without_a_clock_no_timed_rule_lets_anybody_in() -> None:
    """P22, but for the flight into a refuge."""
    for seed, ask in ways_in():
        decision = decide(policy(seed), replace(ask, clock_trusted=False))
        timed = {grant["id"] for grant in tree(seed)["grant"] if "when" in grant}
        flees = WayIn(tree(seed), ask, set()).fleeing
        assert flees or not decision.granted or decision.rule not in timed, plainly(ask)
        assert decision.code is not Code.OPEN_PORTAL, plainly(ask)
        person = ask.holder
        if person and (person.valid_from_s is not None or person.valid_until_s is not None):
            assert Code.CLOCK_UNTRUSTED in codes(decision), plainly(ask)


def test_fire_and_lockdown_together() -> None:
    """P26: exits free, entries shut; after the fire the lockdown is still there."""
    for seed, ask, person in people(ways_out()):
        both = replace(ask, fire=True, mode=Mode.LOCKDOWN, shut_by=UNSET)
        assert decide(policy(seed), both).granted, plainly(ask)
        plain = replace(person, roles=("staff",))
        back = Direction.EXIT if ask.direction is Direction.ENTRY else Direction.ENTRY
        entry = replace(both, direction=back, holder=plain)
        fleeing = WayIn(tree(seed), entry, set()).fleeing
        against = codes(decide(policy(seed), entry))
        assert Code.FIRE_ENTRY in against, plainly(ask)
        assert (Code.LOCKDOWN in against) is not fleeing, plainly(ask)
        after = codes(decide(policy(seed), replace(entry, fire=False)))
        assert (Code.LOCKDOWN in after) is not fleeing, plainly(ask)


def test_the_second_door_of_an_interlock_opens_for_life_alone() -> None:
    """P28: never for entry, and outwards in a fire, freely, and for a protected person."""
    for seed, ask in ways_in():
        decision = decide(policy(seed), replace(ask, interlock_clear=False))
        assert Code.INTERLOCK in codes(decision), plainly(ask)
    for seed, ask, person in people(ways_out()):
        shut = replace(ask, interlock_clear=False, credential=CredentialStatus.ACTIVE)
        boss = replace(shut, holder=with_role(person, "boss"))
        assert decide(policy(seed), replace(shut, fire=True)).granted, plainly(ask)
        assert decide(policy(seed), boss).granted, plainly(ask)
        free = tree(seed)["portal"][ask.portal]["exit"] == "free"
        cook = replace(shut, holder=replace(person, roles=("cook",)), mode=Mode.NORMAL, fire=False)
        assert decide(policy(seed), cook).granted is free, plainly(ask)


def test_whose_time_is_over_leaves_and_does_not_come_back() -> None:
    """P34."""
    for seed, ask, person in people(ways_out()):
        over = replace(ask, holder=replace(person, valid_until_s=ask.utc_s), clock_trusted=True)
        assert decide(policy(seed), over).granted is decide(policy(seed), ask).granted
        back = Direction.EXIT if ask.direction is Direction.ENTRY else Direction.ENTRY
        again = decide(policy(seed), replace(over, direction=back))
        assert Code.EXPIRED in codes(again), plainly(ask)


def test_the_way_out_asks_nothing_that_only_concerns_the_way_in() -> None:
    """P34, P35: nobody is kept in by his record, a consent that has ended, or what nobody knows."""
    for seed, ask, person in people(ways_out()):
        worst = replace(person, suspended=True, locked_out=True, watchlisted=True, valid_until_s=0)
        adverse = replace(
            ask,
            holder=worst,
            clock_trusted=False,
            recorded=False,
            operable=False,
            consent=False,
            escorted=False,
            second_person=False,
            first_person_in=False,
            inside=dict.fromkeys(GROUND, 1),
            whereabouts="street",
            screened=(),
            knowledge_age_s=2**31 - 1,
        )
        assert decide(policy(seed), adverse).granted is decide(policy(seed), ask).granted


def test_a_sealed_bag_changes_nothing_but_a_note() -> None:
    """P36: the bag is exempt from screening, who carries it from nothing."""
    for seed, ask in anything():
        bare = decide(policy(seed), replace(ask, sealed_bag=False))
        bag = decide(policy(seed), replace(ask, sealed_bag=True))
        assert replace(bag, notes=bare.notes) == bare, plainly(ask)
        assert len(bag.notes) == len(bare.notes) + 1, plainly(ask)


def test_nobody_enters_unrecorded_but_at_emergency_passages() -> None:
    for seed, ask in ways_in():
        emergency = tree(seed)["portal"][ask.portal].get("emergency", False)
        decision = decide(policy(seed), replace(ask, recorded=False))
        assert (Code.NOT_RECORDED in codes(decision)) is not emergency, plainly(ask)
        assert emergency or not decision.granted, plainly(ask)
