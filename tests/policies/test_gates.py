"""Single rules of the gates, each on the smallest policy that shows it."""

import pytest

from policies import Code, CredentialStatus, Factor, Mode, decide
from tests.policies.support import (
    FRIDAY_10H,
    IN,
    OUT,
    ask,
    changed,
    compiled,
    embassy,
    embassy_text,
    holder,
    shown,
    vienna,
)
from tests.policies.test_embassy_decisions import codes_of

AT_23H = vienna("2026-11-20 23:00")

HOLDABLE = compiled(changed("open-s  = 4", 'may-hold = "order of 2026-03-01"\nopen-s  = 4'))

CONSULATE = compiled(
    changed(
        'factors   = "standard"\nclearance = { 4 = 3 } ',
        'factors   = "standard"\nregime = "consular"\nconsent-presumed-in-fire = true\n'
        "clearance = { 4 = 3 } ",
    )
)


@pytest.mark.parametrize("status", [CredentialStatus.LOST, CredentialStatus.REVOKED])
def test_a_free_exit_asks_nobody_even_with_a_bad_badge(status: CredentialStatus) -> None:
    decision = decide(embassy(), ask("front-door", OUT, "staff", credential=status))
    assert decision.code is Code.FREE_EXIT
    assert [note.code // 100 for note in decision.notes][:1] == [3]


def test_a_hold_keeps_an_identified_exit_shut_where_the_portal_declares_it() -> None:
    request = ask("archive-door", OUT, "guard", hold_egress=True, utc_s=AT_23H)
    assert codes_of(decide(HOLDABLE, request)) == [Code.EGRESS_HELD]
    assert decide(embassy(), request).code is Code.GRANTED


@pytest.mark.parametrize("mode", [Mode.LOCKDOWN, Mode.SHELTER])
def test_nobody_is_kept_from_a_refuge_because_he_is_alone(mode: Mode) -> None:
    """A visitor who lost his host, a rule for two, a zone that waits for its first person."""
    text = changed('id    = "g50-refuge" ', 'two-person = true\nid    = "g50-refuge" ')
    text = changed('kind    = "refuge" ', 'first-person = true\nkind = "refuge" ', text)
    text = changed('id    = "g40', 'first-person = true\nid    = "g40', text)
    policy = compiled(text)
    calm = {"utc_s": FRIDAY_10H, "first_person_in": False}
    for role in ("visitor", "staff"):
        assert decide(policy, ask("safe-room-door", IN, role, mode=mode, **calm)).granted
        late = calm | {"utc_s": AT_23H, "clock_trusted": False}
        assert decide(policy, ask("safe-room-door", IN, role, mode=mode, **late)).granted
    kept_out = codes_of(decide(policy, ask("safe-room-door", IN, "staff", **calm)))
    assert kept_out == [Code.TWO_PERSON, Code.FIRST_PERSON_OUT]


@pytest.mark.parametrize("mode", [Mode.LOCKDOWN, Mode.SHELTER])
def test_who_flees_is_not_asked_for_more_because_nobody_is_in_the_refuge_yet(mode: Mode) -> None:
    """In calm times the first person comes by the rule for first persons and by none beside it."""
    text = changed('kind    = "refuge" ', 'first-person = true\nkind = "refuge" ')
    opens = '[[grant]]\nid = "opens"\nroles = ["staff"]\nzones = ["safe-room"]\n'
    policy = compiled(f'{text}\n{opens}first-person = true\nfactors = "high"\n')
    fleeing = ask("safe-room-door", IN, "staff", mode=mode, first_person_in=False)
    decision = decide(policy, fleeing)
    assert (decision.granted, decision.rule) == (True, "g50-refuge")
    assert Code.FIRST_PERSON_OUT in {note.code for note in decision.notes}
    calm = ask("safe-room-door", IN, "staff", utc_s=FRIDAY_10H, first_person_in=False)
    assert codes_of(decide(policy, calm)) == [Code.FACTORS_MISSING]


def test_a_rule_of_its_own_carries_an_entry_before_one_that_an_override_lends_the_mode() -> None:
    own = '[[grant]]\nid = "own"\nroles = ["guard"]\nzones = ["lobby"]\nin = ["shelter"]\n'
    first = changed('[[grant]]\nid    = "g10', own + '[[grant]]\nid    = "g10')
    for text in (first, f"{embassy_text()}\n{own}"):
        decision = decide(compiled(text), ask("front-door", IN, "guard", mode=Mode.SHELTER))
        assert (decision.code, decision.rule) == (Code.GRANTED, "own")


def test_who_finds_a_portal_shut_because_its_hours_are_not_known_is_told_so() -> None:
    beyond = decide(embassy(), ask("front-door", IN, None, utc_s=2**40))
    assert Code.SCHEDULE_HORIZON in codes_of(beyond)


@pytest.mark.parametrize("portal", ["front-door", "archive-door"])
@pytest.mark.parametrize("interlock_clear", [True, False])
def test_a_failed_factor_that_nobody_needed_is_noted_at_every_exit(
    portal: str, interlock_clear: bool
) -> None:
    shut = {"interlock_clear": interlock_clear}
    decision = decide(embassy(), ask(portal, OUT, "guard", "badge+face!", **shut))
    assert Code.FACTOR_FAILED in [note.code for note in decision.notes]
    assert Code.FACTOR_FAILED not in codes_of(decision)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"fire": True}, Code.LIFE_SAFETY),
        ({"mode": Mode.EVACUATE}, Code.EVACUATION),
    ],
)
def test_a_hold_ends_where_life_begins(facts: dict[str, object], code: Code) -> None:
    assert decide(HOLDABLE, ask("archive-door", OUT, None, hold_egress=True, **facts)).code is code


def test_a_protected_person_is_not_held_and_that_is_noted() -> None:
    decision = decide(HOLDABLE, ask("archive-door", OUT, "diplomat", hold_egress=True))
    assert decision.code is Code.PROTECTED_EXIT
    assert [note.code for note in decision.notes] == [Code.EGRESS_HELD, Code.NOTE_PROTECTED]


def test_the_guard_recognises_a_protected_person_without_a_badge() -> None:
    person = holder("diplomat")
    none = {"credential": CredentialStatus.UNKNOWN}
    known = ask("archive-door", OUT, person, "guard", **none)
    unknown = ask("archive-door", OUT, person, "", **none)
    assert decide(embassy(), known).code is Code.PROTECTED_EXIT
    assert not decide(embassy(), unknown).granted


def test_an_interlock_holds_a_reader_exit_but_no_life_safety() -> None:
    shut = ask("archive-door", OUT, "guard", interlock_clear=False)
    assert codes_of(decide(embassy(), shut)) == [Code.INTERLOCK]
    fire = decide(embassy(), ask("archive-door", OUT, None, fire=True, interlock_clear=False))
    assert fire.code is Code.LIFE_SAFETY
    assert [note.code for note in fire.notes] == [Code.INTERLOCK]


def test_a_failed_factor_that_was_not_needed_keeps_nobody_in() -> None:
    decision = decide(embassy(), ask("archive-door", OUT, "guard", "badge+face!"))
    assert decision.granted
    assert Code.FACTOR_FAILED in [note.code for note in decision.notes]


def test_an_exit_reader_asks_for_what_is_missing() -> None:
    decision = decide(embassy(), ask("archive-door", OUT, "guard", ""))
    assert (decision.code, decision.missing) == (Code.FACTORS_MISSING, ((Factor.BADGE,),))


def test_leaving_outside_the_rules_is_noted_and_never_refused() -> None:
    person = holder("visitor", suspended=True, watchlisted=True, locked_out=True, valid_until_s=5)
    decision = decide(embassy(), ask("archive-door", OUT, person, operable=False, recorded=False))
    assert decision.granted
    assert [note.code for note in decision.notes] == [
        Code.NOT_RECORDED,
        Code.EXPIRED,
        Code.SUSPENDED,
        Code.LOCKED_OUT,
        Code.DENIED_BY_RULE,
        Code.NO_GRANT,
        Code.INOPERABLE,
        Code.NOTE_WATCHLISTED,
        Code.NOTE_OUTSIDE_RULES,
    ]


def test_consent_is_presumed_in_a_fire_for_consular_premises_that_say_so() -> None:
    fire = ask("staff-door", IN, "host-police", fire=True)
    assert codes_of(decide(CONSULATE, fire)) == [Code.FIRE_ENTRY]
    assert codes_of(decide(embassy(), fire)) == [Code.NO_CONSENT, Code.FIRE_ENTRY]
    calm = ask("staff-door", IN, "host-police")
    assert codes_of(decide(CONSULATE, calm)) == [Code.NO_CONSENT]


def test_an_override_lifts_exactly_the_posture_it_names() -> None:
    person = holder("head-of-mission")
    both = ask("main-gate", IN, person, mode=Mode.LOCKDOWN, fire=True)
    assert codes_of(decide(embassy(), both)) == [Code.FIRE_ENTRY]
    lockdown = decide(embassy(), ask("main-gate", IN, person, mode=Mode.LOCKDOWN))
    assert lockdown.code is Code.GRANTED_BY_OVERRIDE
    assert [note.code for note in lockdown.notes] == [Code.NOTE_OVERRIDDEN]


def test_an_override_does_not_stretch_a_grant_for_other_modes() -> None:
    """Found by properties in the groundwork: a grant for shelter alone is none for evacuation."""
    policy = compiled(changed('in    = ["normal", "shelter"]', 'in    = ["shelter"]'))
    request = ask("staff-door", IN, "guard", mode=Mode.EVACUATE)
    assert codes_of(decide(policy, request)) == [Code.MODE_NOT_LISTED]


def test_the_threat_override_leaves_the_clearance_of_calm_times() -> None:
    text = changed("clearance = { 1 = 4 } ", "clearance = { 1 = 7, 3 = 8 } ")
    policy = compiled(changed("clearance = 6\n", "clearance = 7\n", text))
    below = compiled(text)
    request = ask("archive-door", IN, "guard", "badge+pin", threat=3, utc_s=AT_23H)
    assert decide(policy, request).code is Code.GRANTED_BY_OVERRIDE
    assert codes_of(decide(below, request)) == [Code.THREAT_LEVEL]


def test_shelter_lets_people_move_inside_by_rules_that_list_it() -> None:
    inside = ask("staff-door", IN, "staff", mode=Mode.SHELTER)
    assert decide(embassy(), inside).code is Code.GRANTED
    front = ask("front-door", IN, "staff", mode=Mode.SHELTER)
    assert codes_of(decide(embassy(), front)) == [Code.MODE_NOT_LISTED]
    guard = ask("front-door", IN, "guard", mode=Mode.SHELTER)
    assert decide(embassy(), guard).code is Code.GRANTED_BY_OVERRIDE


def test_flight_into_the_refuge_still_needs_a_good_badge_and_no_deny() -> None:
    flee = {"mode": Mode.LOCKDOWN, "threat": 5}
    lost = ask("safe-room-door", IN, "staff", credential=CredentialStatus.LOST, **flee)
    assert codes_of(decide(embassy(), lost)) == [Code.CREDENTIAL_LOST]
    police = ask("safe-room-door", IN, "host-police", **flee)
    assert codes_of(decide(embassy(), police)) == [Code.NO_CONSENT, Code.NO_GRANT]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"first_person_in": False}, Code.FIRST_PERSON_OUT),
        ({"clock_trusted": False}, Code.CLOCK_UNTRUSTED),
    ],
)
def test_an_open_portal_says_what_still_keeps_it_shut(facts: dict[str, object], code: Code) -> None:
    waiting = compiled(changed("[zone.lobby]\n", "[zone.lobby]\nfirst-person = true\n"))
    decision = decide(waiting, ask("front-door", IN, None, **facts))
    assert not decision.granted
    assert code in codes_of(decision)


@pytest.mark.parametrize(
    "facts",
    [
        {"fire": True},
        {"mode": Mode.SHELTER},
        {"threat": 2},
        {"operable": False},
        {"recorded": False},
        {"interlock_clear": False},
        {"utc_s": AT_23H},
    ],
)
def test_nothing_stands_open_in_anything_but_calm(facts: dict[str, object]) -> None:
    assert not decide(embassy(), ask("front-door", IN, None, **facts)).granted


def test_a_deny_covers_the_zones_inside_the_one_it_names() -> None:
    policy = compiled(changed('zones  = ["archive"]\nreason', 'zones  = ["chancery"]\nreason'))
    assert decide(policy, ask("archive-door", IN, "cleaner")).code is Code.DENIED_BY_RULE
    assert decide(policy, ask("staff-door", IN, "cleaner")).code is Code.DENIED_BY_RULE
    assert decide(policy, ask("front-door", OUT, "cleaner")).granted


def test_a_visitor_with_another_role_is_still_a_visitor() -> None:
    person = holder("visitor", "guard")
    alone = ask("staff-door", IN, person)
    assert Code.NOT_ESCORTED in codes_of(decide(embassy(), alone))
    lockdown = ask("main-gate", IN, person, mode=Mode.LOCKDOWN, escorted=True)
    assert Code.LOCKDOWN in codes_of(decide(embassy(), lockdown))


def test_an_untrusted_clock_is_told_beside_what_else_stands_against_the_rule() -> None:
    request = ask("staff-door", IN, "visitor", clock_trusted=False)
    assert codes_of(decide(embassy(), request)) == [Code.CLOCK_UNTRUSTED, Code.NOT_ESCORTED]


def test_beyond_the_calendar_timed_rules_do_not_hold() -> None:
    request = ask("staff-door", IN, "local-staff", utc_s=2**40)
    assert codes_of(decide(embassy(), request)) == [Code.SCHEDULE_HORIZON]


def test_validity_is_half_open_at_the_second() -> None:
    person = holder("staff", valid_from_s=FRIDAY_10H, valid_until_s=FRIDAY_10H + 60)
    answers = [
        codes_of(decide(embassy(), ask("staff-door", IN, person, utc_s=FRIDAY_10H + shift)))
        for shift in (-1, 0, 59, 60)
    ]
    assert answers == [[Code.NOT_YET_VALID], [Code.GRANTED], [Code.GRANTED], [Code.EXPIRED]]


def test_all_factors_of_zone_and_grant_are_asked_for() -> None:
    policy = compiled(
        changed(
            'factors = "high"\n\n[[grant]]\nid    = "g40',
            'factors = "alarm"\n\n[[grant]]\nid    = "g40',
            changed(
                'badge    = { 1 = "badge" }',
                'alarm = { 1 = "badge+face" }\nbadge    = { 1 = "badge" }',
            ),
        )
    )
    decision = decide(policy, ask("archive-door", IN, "guard", utc_s=AT_23H))
    assert decision.missing == ((Factor.PIN, Factor.FACE),)
    complete = ask("archive-door", IN, "guard", "badge+pin+face", utc_s=AT_23H)
    assert decide(policy, complete).granted


def test_a_portal_may_ask_for_more_than_the_zone_behind_it() -> None:
    policy = compiled(changed("refuge-route = true ", 'factors = "high" '))
    decision = decide(policy, ask("staff-door", IN, "staff"))
    assert decision.missing == ((Factor.PIN,),)
    assert decide(policy, ask("staff-door", IN, "staff", "badge+pin")).granted


def test_the_badge_counts_as_a_factor_only_where_it_was_presented() -> None:
    decision = decide(embassy(), ask("staff-door", IN, "staff", ""))
    assert decision.missing == ((Factor.BADGE,),)


def test_duress_changes_nothing_but_a_note() -> None:
    calm = decide(embassy(), ask("archive-door", IN, "diplomat", "badge+pin"))
    forced = decide(embassy(), ask("archive-door", IN, "diplomat", "badge+pin", duress=True))
    assert (forced.granted, forced.code, forced.objections) == (True, calm.code, ())
    assert [note.code for note in forced.notes] == [Code.NOTE_DURESS]


def test_the_way_out_by_the_entry_direction_is_free_in_a_fire_and_guarded_back() -> None:
    stairs = changed(
        "# --- Fire ---",
        '[zone.stairs]\ninside="forecourt"\nkind="premises"\nfactors="high"\n'
        '[portal.stairs]\nfrom="chancery"\nto="stairs"\negress-route="entry"\nkind="door"\n'
        'lock="power-to-unlock"\negress="electric"\nexit="reader"\nhard-wired-release=true\n'
        '[portal.stairs-foot]\nfrom="street"\nto="stairs"\nkind="door"\n'
        'lock="power-to-unlock"\negress="mechanical"\nexit="free"\n'
        "# --- Fire ---",
    )
    policy = compiled(stairs)
    assert decide(policy, ask("stairs", IN, None, fire=True)).code is Code.LIFE_SAFETY
    assert not decide(policy, ask("stairs", OUT, None, fire=True)).granted
    assert decide(policy, ask("stairs", OUT, "staff")).rule == "g20-chancery"


def test_a_request_outside_its_own_bounds_is_answered() -> None:
    for threat, utc_s in ((0, -5), (99, 2**60)):
        decide(embassy(), ask("staff-door", IN, "local-staff", threat=threat, utc_s=utc_s))
    assert shown("") == ()


def test_objections_stand_in_gate_order_whichever_gate_found_them() -> None:
    person = holder("local-staff", watchlisted=True)
    decision = decide(embassy(), ask("staff-door", IN, person, clock_trusted=False))
    assert codes_of(decision) == [Code.CLOCK_UNTRUSTED, Code.WATCHLISTED]
    assert decision.rule == "g21-local-staff"


def test_a_fire_input_covers_the_zones_inside_those_it_names_and_both_sides_of_a_door() -> None:
    policy = compiled(changed("zones = []", 'zones = ["lobby"]'))
    covered = [portal.id for portal in policy.portals if policy.fire_inputs_of(portal.id)]
    assert covered == ["front-door", "staff-door", "archive-door", "safe-room-door"]
    assert policy.fire_inputs_of("no-such-door") == ()


def test_the_portals_of_an_interlock_know_each_other() -> None:
    text = changed("bolt   = true\nrefuge-route", 'interlock = "trap"\nrefuge-route')
    text = changed(
        "hard-wired-release = true ", 'interlock = "trap"\nhard-wired-release = true ', text
    )
    policy = compiled(text)
    assert policy.interlock_partners("staff-door") == ("archive-door",)
    assert policy.interlock_partners("main-gate") == ()
