"""The engine answers as the second reading of the policy's source does: in `make campaign policy`
a hundred thousand questions, here the first tenth and a few that nobody has asked before.
"""

import sys
from random import SystemRandom

import pytest
from msgspec.structs import replace

from policies import Code, Mode, Objection, Request, decide
from tests.policies import comparison
from tests.policies.comparison import compared, difference, plainly, smallest
from tests.policies.reading import Expected, Tree
from tests.policies.reference import WayIn, expected
from tests.policies.worlds import policy, questions, tree

POLICIES, QUESTIONS = 100, 100
ENTRY_GRANTS_MIN = 0.10


def test_the_engine_agrees_and_the_questions_are_aimed_well() -> None:
    found = compared(range(POLICIES), QUESTIONS)
    assert found.differences == ()
    assert found.questions == POLICIES * QUESTIONS
    assert found.entry_grants >= ENTRY_GRANTS_MIN * found.questions
    assert found.codes == set(Code), "every code is met"


def test_the_engine_agrees_on_new_policies() -> None:
    first = SystemRandom().randrange(10_000, 2**32)
    sys.stdout.write(f"policies {first} to {first + 9}\n")
    assert compared(range(first, first + 10), QUESTIONS).differences == ()


def test_a_visitor_is_none_of_the_two_who_enter_together() -> None:
    """P31. `two-person`: two entitled people, no visitors."""
    for seed, ask in questions(range(POLICIES), QUESTIONS, outward=False):
        if ask.portal == "trapdoor" or ask.holder is None:
            continue
        way = WayIn(tree(seed), ask, set())
        two = any(tree(seed)["zone"][name].get("two-person") for name in way.newly_entered)
        decision = decide(policy(seed), ask)
        if two and way.visitor and not way.fleeing and decision.code is not Code.OPEN_PORTAL:
            assert not decision.granted, plainly(ask)


def test_whatever_is_answered_otherwise_is_a_difference() -> None:
    for seed, ask in questions(range(20), 20):
        decision, wanted = decide(policy(seed), ask), expected(tree(seed), ask)
        assert difference(decision, wanted) == ""
        others = [
            replace(decision, granted=not decision.granted),
            replace(decision, code=Code.SCHEDULE_HORIZON if decision.granted else Code.GRANTED),
            replace(decision, notes=(*decision.notes, Objection(Code.UNKNOWN_PORTAL))),
            replace(decision, objections=(*decision.objections, Objection(Code.GRANTED))),
        ]
        if decision.code is Code.GRANTED:
            overridden = (*decision.notes, Objection(Code.NOTE_OVERRIDDEN))
            others.append(replace(decision, notes=overridden))
        others += [replace(decision, rule="of-nobody")] if decision.granted else []
        others += [replace(decision, objections=())] if decision.objections else []
        assert all(difference(other, wanted) for other in others), plainly(ask)


def test_a_difference_is_shown_on_its_smallest_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second reading that knows nothing of interlocks differs by nothing else."""

    def careless(policy_tree: Tree, ask: Request) -> Expected:
        return expected(policy_tree, replace(ask, interlock_clear=True))

    monkeypatch.setattr(comparison, "expected", careless)
    seed, ask = next(
        (seed, ask)
        for seed, ask in questions(range(10), 100, outward=False)
        if ask.mode is Mode.NORMAL
        and not ask.presented
        and not ask.interlock_clear
        and ask.portal in tree(seed)["portal"]
    )
    small, asked = smallest(tree(seed), ask)
    assert (small["grant"], small["deny"], asked.interlock_clear) == ([], [], False)
    told = {"portal", "direction", "holder", "interlock_clear"}
    assert {name for name in ask.__struct_fields__ if f"'{name}'" in plainly(asked)} == told
