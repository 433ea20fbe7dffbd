"""What changes for whom, where and when: every cell that differs, and no other."""

from copy import deepcopy
from datetime import datetime
from itertools import product
from random import Random
from typing import Any, cast

import pytest

import policies.diff
from policies import CompiledPolicy, Direction
from policies.asked import asked_for, unhindered
from policies.cells import POSTURES, Circumstance, Posture, question
from policies.changed_facts import changed_facts
from policies.compiled import LEVELS
from policies.diff import ANYBODY, Change, Difference, diff, line, subsets
from policies.hours import hours_in_words, joined
from tests.policies.support import VIENNA, changed, compiled, embassy, embassy_text, vienna
from tests.policies.worlds import POLICIES, ROLES, policy, text_of, tree

WEEK = (vienna("2026-11-16 00:00"), vienna("2026-11-23 00:00"))
YEAR = (vienna("2026-11-16 00:00"), vienna("2027-11-16 00:00"))
HOUR_S = 3_600


def lines(old: CompiledPolicy, new: CompiledPolicy, within: tuple[int, int] = WEEK) -> list[str]:
    found = diff(old, new, within)
    return [" | ".join(filter(None, line(c, within, new.zone))) for c in found.changes]


def facts(old: CompiledPolicy, new: CompiledPolicy) -> list[str]:
    return [str(fact) for fact in changed_facts(old, new)]


# --- every cell ---------------------------------------------------------------------------------


def covering(
    found: Difference, names: tuple[str, ...], place: tuple[str, Direction]
) -> list[Change]:
    return [
        change
        for change in found.changes
        if (change.portal, change.direction) == place and names in change.subjects
    ]


def holds(
    change: Change, posture: Posture, level: int, utc_s: int, given: frozenset[Circumstance]
) -> bool:
    return (
        posture in change.postures
        and level in change.levels
        and any(start <= utc_s < end for start, end in change.spans)
        and given & change.relevant in change.circumstances
    )


def richer(seed: int) -> CompiledPolicy:
    """A random policy with what the random ones leave out."""
    dice, plan = Random(seed), deepcopy(tree(seed))
    zones, grants = cast(Any, plan["zone"]), cast(Any, plan["grant"])
    for zone in dice.sample(["yard", "hall", "office", "vault"], 2):
        zones[zone][dice.choice(("two-person", "first-person"))] = True
    for zone, most in zip(
        dice.sample(["yard", "hall", "office", "vault"], 3), (1, 2, 2), strict=True
    ):
        zones[zone].pop("occupancy-min", None)
        zones[zone] |= {"occupancy-max": most, "occupancy": dice.choice(("hard", "soft"))}
    for grant in dice.sample(grants, 4):
        grant[dice.choice(("two-person", "first-person"))] = True
    return compiled(text_of(plan))


@pytest.mark.parametrize("seed", range(8))
def test_the_lines_are_exactly_the_cells_that_differ(seed: int) -> None:
    """Brute force over everything that the lines leave out as making no difference."""
    dice = Random(seed)
    old, new = (richer(number) for number in dice.sample(range(POLICIES), 2))
    couple = tuple(sorted(dice.sample(ROLES, 2)))
    found = diff(old, new, WEEK, together=[couple])
    states = (unhindered(old), unhindered(new))
    given = subsets(frozenset(Circumstance))
    differing = same = 0
    for place, names in product(old.passages, [ANYBODY, couple, *((role,) for role in ROLES)]):
        changes = covering(found, names, place)
        for posture, level in product(POSTURES, range(1, LEVELS + 1)):
            utc_s = dice.randrange(*WEEK)
            circumstance = dice.choice(given)
            before, after = (
                asked_for(one, question(*place, names, utc_s, posture, level, circumstance, state))
                for one, state in zip((old, new), states, strict=True)
            )
            told = [c for c in changes if holds(c, posture, level, utc_s, circumstance)]
            if before == after:
                assert told == []
                same += 1
            else:
                assert [(change.before, change.after) for change in told] == [(before, after)]
                differing += 1
    assert differing > 200 < same, "the dice found something to compare"


@pytest.mark.parametrize("seed", range(20))
def test_a_policy_does_not_differ_from_itself(seed: int) -> None:
    moved = compiled("# one line more\n" + text_of(tree(seed)))
    assert diff(policy(seed), moved, WEEK) == Difference((), (), WEEK)


def test_where_nothing_differs_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line more, a name or a version: a site of a thousand portals is compared in seconds."""
    text = changed("[zone.lobby]", '[zone.lobby]\nname = "Lobby"')
    text = "# one line more\n" + changed("version  = 1", "version  = 2", text)
    asked: list[object] = []
    monkeypatch.setattr(policies.diff, "asked_for", lambda *question: asked.append(question))
    assert diff(embassy(), compiled(text), WEEK).changes == ()
    assert asked == []


def test_the_order_of_rules_changes_nothing() -> None:
    head, *grants = embassy_text().split("[[grant]]")
    last, mark, denies = grants[-1].partition("[[deny]]")
    turned = "[[grant]]".join([head, *reversed([*grants[:-1], last])]) + mark + denies
    assert diff(embassy(), compiled(turned), YEAR) == Difference((), (), YEAR)


# --- as an officer reads it ---------------------------------------------------------------------


def test_a_higher_ceiling_shows_as_the_level_it_opens() -> None:
    new = compiled(changed("threat-max = 3", "threat-max = 4"))
    assert lines(embassy(), new) == [
        "main-gate | local-staff | never | badge | normal | 4 | Mon-Fri 07:30-18:30",
        "front-door | local-staff | never | badge+pin | normal | 4 | Mon-Fri 07:30-18:30",
    ]


def test_shorter_hours_show_as_the_hours_that_are_lost() -> None:
    new = compiled(changed('["09:00-12:30", "14:00-16:30"]', '["09:00-12:30"]'))
    found = lines(embassy(), new)
    assert found[0] == (
        "main-gate | visitor | badge or guard | never | normal | 1-2 | Mon-Fri 14:00-16:30"
        " | escorted"
    )
    assert all("visitor" in one and "14:00-16:30" in one for one in found)


def test_what_other_gates_refuse_anyway_is_no_change() -> None:
    archive = '[[grant]]\nid = "g80"\nroles = ["visitor", "staff"]\nzones = ["archive"]\n'
    assert lines(embassy(), compiled(embassy_text() + archive)) == []  # clearance and denial
    refuge = '[[grant]]\nid = "g80"\nroles = ["cleaner"]\nzones = ["safe-room"]\n'
    assert lines(embassy(), compiled(embassy_text() + refuge + 'in = ["evacuate"]\n')) == []


def test_to_whom_the_same_happens_stand_in_one_line() -> None:
    gate = '[[grant]]\nid = "g80"\nroles = ["cleaner", "local-staff"]\nportals = ["main-gate"]\n'
    assert (
        lines(embassy(), compiled(embassy_text() + gate + 'in = ["lockdown", "shelter"]\n')) == []
    )
    text = changed('"staff", "guard"]\nzones = ["forecourt"', '"guard"]\nzones = ["forecourt"')
    new = compiled(text.replace('"head-of-mission", "diplomat", "guard"', '"guard"'))
    assert lines(embassy(), new)[:2] == [
        "main-gate | diplomat, staff | badge or guard | never | normal | 1-2 | always",
        "main-gate | diplomat, staff | badge | never | normal | 3-5 | always",
    ]


def test_a_new_role_shows_as_what_it_may() -> None:
    text = changed("[role.cleaner]", "[role.intern]\nclearance = 1\n[role.cleaner]")
    new = compiled(changed('roles = ["local-staff"]', 'roles = ["local-staff", "intern"]', text))
    assert facts(embassy(), new) == ["role intern: new"]
    line_of_it = "main-gate | intern | {} | {} | normal | 1-2 | Mon-Fri 07:30-18:30"
    assert line_of_it.format("never", "badge or guard") == lines(embassy(), new)[0]
    assert line_of_it.format("badge or guard", "never") == lines(new, embassy())[0]


def test_a_portal_that_only_one_policy_has() -> None:
    new = compiled(embassy_text().replace("archive-door", "archive-gate"))
    assert facts(embassy(), new) == ["portal archive-door: gone", "portal archive-gate: new"]
    found = lines(embassy(), new)
    who = "anybody, administrator, cleaner, local-staff, staff"
    assert f"archive-door | {who} | never | no such portal | any | any | always" in found
    assert any(one.startswith("archive-gate exit | ") and "| badge |" in one for one in found)


def test_roles_together_are_a_subject_of_their_own() -> None:
    new = compiled(
        changed('roles  = ["cleaner", "local-staff", "visitor"]', 'roles  = ["visitor"]')
    )
    assert lines(embassy(), new) == []
    found = diff(embassy(), new, WEEK, together=[("diplomat", "cleaner"), ("cleaner", "diplomat")])
    assert {change.subjects for change in found.changes} == {(("cleaner", "diplomat"),)}
    assert {(c.portal, str(c.before)) for c in found.changes} == {("archive-door", "never")}


def test_hardware_zones_orders_and_invariants_show_as_facts() -> None:
    text = changed("open-s = 8", "open-s = 9")
    text = changed("[zone.lobby]", "[zone.lobby]\noccupancy-max = 40", text)
    text = changed("version  = 1", "version  = 2", text)
    text += '[[never]]\nid = "n1"\nroles = ["visitor"]\nreach = ["archive"]\n'
    text += '[order.hold]\nroles = ["guard"]\n'
    assert facts(embassy(), compiled(text)) == [
        "policy: version 1 -> 2",
        "zone lobby: occupancy none -> least none, most 40, severity hard",
        "portal main-gate: open-ms 8000 -> 9000",
        "order hold: new",
        "never n1: new",
    ]
    assert facts(embassy(), embassy()) == []


def test_a_second_person_is_a_circumstance() -> None:
    two = compiled(changed("[zone.safe-room]", "[zone.safe-room]\ntwo-person = true"))
    found = lines(embassy(), two)
    who = "cleaner, diplomat, head-of-mission, local-staff, staff"
    assert f"safe-room-door | {who} | badge | never | normal | any | always | alone" in found
    # In lockdown and shelter a valid badge opens the way into a refuge all the same.
    assert not any("lockdown" in one for one in found)


def test_a_first_person_is_a_circumstance_where_a_zone_waits_for_one() -> None:
    """A door that stands open by schedule waits for nobody by itself."""
    longer = embassy_text().replace('mon-fri = ["07:30-18:30"]', 'mon-fri = ["07:30-19:30"]')
    waiting = changed("[zone.lobby]", "[zone.lobby]\nfirst-person = true", longer)
    assert not any("first person" in one for one in lines(embassy(), compiled(longer)))
    found = lines(compiled(longer), compiled(waiting))
    who = "anybody, administrator, diplomat, guard, head-of-mission, local-staff, staff"
    first = f"front-door | {who} | open | never | normal | 1 | Mon-Fri 07:30-19:30 | before the"
    assert f"{first} first person is in" in found
    assert all("before the first person is in" in one for one in found)


def test_what_a_role_comes_to_shows_where_no_rule_changed() -> None:
    new = compiled(changed("[role.staff]\nclearance = 3", "[role.staff]\nclearance = 2"))
    assert facts(embassy(), new) == ["role staff: clearance 3 -> 2"]
    assert lines(embassy(), new) == [
        "staff-door | staff | badge+pin | never | normal | 4-5 | always"
    ]


def test_who_gives_no_biometrics_is_a_circumstance() -> None:
    face = compiled(
        changed('3 = "badge+pin" }', '3 = "badge+face" }') + '[alternative]\nface = "pin+guard"\n'
    )
    found = lines(embassy(), face)
    who = "front-door | diplomat, staff | badge+pin |"
    assert f"{who} badge+face | normal | 3-5 | always | gives biometrics" in found
    assert (
        f"{who} badge+face or badge+pin+guard | normal | 3-5 | always | gives no biometrics"
        in found
    )


def test_another_holiday_names_the_days() -> None:
    text = embassy_text().replace("2026-12-25", "2026-12-28")
    found = lines(embassy(), compiled(text), YEAR)
    assert any("| never | badge | normal | 1-2 | 07:30-18:30 on 2026-12-25" in one for one in found)
    assert all("on 2026-12-25" in one or "on 2026-12-28" in one for one in found)


def test_progress_is_told_for_every_passage() -> None:
    told: list[tuple[int, int]] = []
    diff(embassy(), embassy(), WEEK, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, len(embassy().passages)) for done in range(len(embassy().passages))]


# --- hours in words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([("16 07:30", "16 18:30"), ("17 07:30", "17 18:30")], "Mon-Tue 07:30-18:30"),
        ([("16 00:00", "23 00:00")], "always"),
        ([("16 00:00", "17 00:00"), ("17 00:00", "18 00:00")], "Mon-Tue all day"),
        ([("16 22:00", "17 06:00")], "Mon 22:00-24:00; Tue 00:00-06:00"),
        ([("18 08:00", "18 09:00"), ("18 10:00", "18 11:00")], "Wed 08:00-09:00 and 10:00-11:00"),
        ([], "never"),
    ],
)
def test_hours_of_a_week(spans: list[tuple[str, str]], words: str) -> None:
    found = [(vienna(f"2026-11-{a}"), vienna(f"2026-11-{b}")) for a, b in spans]
    assert hours_in_words(found, WEEK, VIENNA) == words


def test_hours_of_a_year_keep_what_is_usual_and_name_what_is_not() -> None:
    """Across both clock changes, with a holiday."""
    days = [day for day in range(365) if day % 7 < 5 and day != 42]  # the 28th of December
    spans = []
    for day in days:
        noon = WEEK[0] + day * 24 * HOUR_S + 12 * HOUR_S
        date = datetime.fromtimestamp(noon, VIENNA).date()
        spans.append((vienna(f"{date} 07:30"), vienna(f"{date} 18:30")))
    assert hours_in_words(spans, YEAR, VIENNA) == "Mon-Fri 07:30-18:30; not on 2026-12-28"


def test_joined_spans_lie_apart() -> None:
    assert joined([(5, 9), (1, 3), (3, 4), (6, 7)]) == ((1, 4), (5, 9))
