"""What holds when the policy changes or is read again; P01 to P43 are the numbers of the
specification.
"""

import tomllib
from collections.abc import Iterator
from copy import deepcopy
from random import Random

import pytest
from msgspec.structs import replace

from policies import Code, CompiledPolicy, CredentialStatus, Decision, Mode, Request, decide
from tests.policies.comparison import plainly
from tests.policies.support import (
    IN,
    OUT,
    ask,
    changed,
    compiled,
    embassy,
    holder,
    problems,
    vienna,
)
from tests.policies.worlds import GROUND, ROLES, Tree, policy, questions, text_of, tree

POLICIES, EACH = range(40, 70), 20


def worlds(outward: bool | None = None) -> Iterator[tuple[int, Tree, list[Request]]]:
    """Each policy with its questions; the tree is the caller's to change."""
    for seed in POLICIES:
        yield seed, deepcopy(tree(seed)), [asked for _, asked in questions([seed], EACH, outward)]


def read(changed_tree: Tree) -> CompiledPolicy:
    return compiled(text_of(changed_tree))


def backwards(table: Tree) -> Tree:
    """The same with its keys in the opposite order, all the way down."""
    return {
        key: backwards(value) if isinstance(value, dict) else value
        for key, value in reversed(table.items())
    }


def told(decision: Decision) -> tuple[bool, set[Code]]:
    """What must not depend on how the policy is written."""
    return decision.granted, {objection.code for objection in decision.objections}


def test_the_same_question_has_the_same_answer_warm_or_cold() -> None:
    """P01. P43: a clock that jumps back changes nothing."""
    for seed, world, asked in worlds():
        warm = [decide(policy(seed), request) for request in asked]
        cold = read(world)
        backwards = [decide(cold, request) for request in reversed(asked)]
        assert warm == backwards[::-1]
        assert warm == [decide(policy(seed), request) for request in asked]


def test_adding_a_deny_never_grants() -> None:
    """P05."""
    for seed, world, asked in worlds():
        dice = Random(seed)
        role, zone = dice.choice(ROLES), dice.choice(GROUND)
        world["deny"].append({"id": "more", "roles": [role], "zones": [zone]})
        stricter = read(world)
        for request in asked:
            before = decide(policy(seed), request).granted
            assert before or not decide(stricter, request).granted, plainly(request)


def test_removing_a_grant_never_grants() -> None:
    """P06."""
    for seed, world, asked in worlds():
        del world["grant"][seed % len(world["grant"])]
        fewer = read(world)
        for request in asked:
            before = decide(policy(seed), request).granted
            assert before or not decide(fewer, request).granted, plainly(request)


def test_the_order_of_grants_decides_nothing() -> None:
    """P07."""
    for seed, world, asked in worlds():
        world["grant"].reverse()
        world["deny"].reverse()
        turned = read(world)
        for request in asked:
            assert told(decide(turned, request)) == told(decide(policy(seed), request))


def test_the_names_and_the_order_of_roles_decide_nothing() -> None:
    """P08."""
    names = {role: f"r{number}" for number, role in enumerate(reversed(ROLES))}
    for seed, world, asked in worlds():
        world["role"] = {names[role]: world["role"][role] for role in sorted(world["role"])}
        for rule in (*world["grant"], *world["deny"]):
            rule["roles"] = [names[role] for role in rule["roles"]]
        renamed = read(world)
        for request in asked:
            other = request
            if request.holder is not None:
                roles = tuple(names.get(role, role) for role in reversed(request.holder.roles))
                other = replace(request, holder=replace(request.holder, roles=roles))
            assert told(decide(renamed, other)) == told(decide(policy(seed), request))


def test_a_policy_that_was_written_and_read_again_decides_alike() -> None:
    """P09: from the last table to the first, and each of their entries likewise."""
    for seed, world, asked in worlds():
        tables = tomllib.loads(text_of(world))
        for key in ("schema", "site", "version", "timezone"):
            del tables[key]
        again = read(backwards(tables))
        for request in asked:
            assert told(decide(again, request)) == told(decide(policy(seed), request))


def test_one_more_role_refuses_only_by_a_deny() -> None:
    """P21; visitors and agents of the host state are told apart by their role, and so refused."""
    for seed, _, asked in worlds():
        for request in asked:
            person = request.holder
            if person is None or not decide(policy(seed), request).granted:
                continue
            for role in ("boss", "staff", "guard", "cook", "courier"):
                more = replace(request, holder=replace(person, roles=(*person.roles, role)))
                granted, against = told(decide(policy(seed), more))
                assert granted or Code.DENIED_BY_RULE in against, plainly(more)


@pytest.mark.parametrize(
    ("moment", "granted"),
    [
        (vienna("2026-11-20 07:30") - 1, False),
        (vienna("2026-11-20 07:30"), True),
        (vienna("2026-11-20 18:30") - 1, True),
        (vienna("2026-11-20 18:30"), False),
    ],
)
def test_hours_begin_and_end_at_the_second(moment: int, granted: bool) -> None:
    """P23; nights, holidays and clock changes are in test_schedule.py."""
    asked = ask("main-gate", IN, "local-staff", utc_s=moment)
    assert decide(embassy(), asked).granted is granted


def test_a_zone_without_a_way_out_in_a_fire_is_refused() -> None:
    """P37: a vehicle barrier is no way out, and here it would be the only one."""
    door = 'to     = "forecourt"\nkind   = "gate"'
    barrier = changed(door, door.replace('"gate"', '"vehicle-barrier"'))
    assert "no way leads out of this zone into a public one" in {
        problem.message for problem in problems(barrier)
    }


def test_a_policy_without_grants_denies_every_entry_and_frees_every_exit() -> None:
    """P38: a reader exit takes any badge that is known."""
    for _, world, _ in worlds():
        world["grant"], world["deny"] = [], []
        world["portal"] = {
            name: {
                key: value for key, value in portal.items() if key not in {"open", "exit-factors"}
            }
            for name, portal in world["portal"].items()
        }
        empty = read(world)
        for name, portal in world["portal"].items():
            inward, outward = (OUT, IN) if portal.get("egress-route") == "entry" else (IN, OUT)
            for role in ROLES:
                entry = ask(name, inward, role, "badge+pin+face+finger+guard", escorted=True)
                assert Code.NO_GRANT in told(decide(empty, entry))[1]
                assert decide(empty, ask(name, outward, role)).granted
            for way in (inward, outward):
                nobody = ask(name, way, None, fire=True)
                assert decide(empty, nobody).granted is (way is outward)


def test_what_a_policy_names_must_exist() -> None:
    """P39, of references: each kind of them, each with a suggestion."""
    for old, new, message in (
        ('when  = "cleaning"', 'when  = "cleanin"', "unknown schedule 'cleanin'"),
        ('zones = ["safe-room"]', 'zones = ["save-room"]', "unknown zone 'save-room'"),
        (
            'zones = ["safe-room"]\n\n[[grant]]',
            'portals = ["staf-door"]\n\n[[grant]]',
            "unknown portal 'staf-door'",
        ),
        ('roles = ["host-police"]', 'roles = ["host-polize"]', "unknown role 'host-polize'"),
        (
            'factors = "high"\n\n[[grant]]',
            'factors = "hihg"\n\n[[grant]]',
            "unknown factors profile 'hihg'",
        ),
    ):
        (problem,) = problems(changed(old, new))
        assert problem.message == message
        assert problem.hint.startswith("did you mean ")


def test_a_holder_who_is_a_visitor_and_staff_has_the_rights_of_a_visitor() -> None:
    """P42: whoever wrote the record, no door opens that is shut to a visitor alone."""
    both = holder("visitor", "head-of-mission", "guard")
    shut = ask("archive-door", IN, both, "badge+pin", escorted=True)
    assert Code.DENIED_BY_RULE in told(decide(embassy(), shut))[1]
    alone = ask("main-gate", IN, both, escorted=False)
    assert told(decide(embassy(), alone)) == (False, {Code.NOT_ESCORTED})
    lockdown = ask("main-gate", IN, both, escorted=True, mode=Mode.LOCKDOWN)
    assert Code.LOCKDOWN in told(decide(embassy(), lockdown))[1]
    unknown = replace(alone, escorted=True, credential=CredentialStatus.UNKNOWN)
    assert not decide(embassy(), unknown).granted
