"""The engine beside the second reading: where they differ, and the smallest case that shows it."""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any, NamedTuple

from msgspec.structs import replace

from policies import Code, Decision, Direction, PolicyError, Request, decide
from tests.policies.reference import Expected, expected
from tests.policies.support import compiled
from tests.policies.worlds import CALM, Tree, policy, questions, text_of, tree


class Compared(NamedTuple):
    """What a comparison met: `codes` are all that the engine answered, `differences` tell in what
    and on which question the two differ.
    """

    questions: int
    entry_grants: int
    codes: frozenset[Code]
    differences: tuple[str, ...]


def compared(seeds: Iterable[int], each: int) -> Compared:
    """`each` questions to each of the random policies."""
    asked = entry_grants = 0
    codes: set[Code] = set()
    differences = []
    for seed, ask in questions(seeds, each):
        decision = decide(policy(seed), ask)
        asked += 1
        entry_grants += decision.granted and ask.direction is Direction.ENTRY
        codes |= {decision.code, *(o.code for o in (*decision.objections, *decision.notes))}
        if wrong := difference(decision, expected(tree(seed), ask)):
            differences.append(f"{wrong}: policy {seed}, {plainly(ask)}")
    return Compared(asked, entry_grants, frozenset(codes), tuple(differences))


def difference(decision: Decision, wanted: Expected) -> str:
    """How the decision differs from what is wanted; empty when it agrees."""
    objections = {objection.code for objection in decision.objections}
    notes = {note.code for note in decision.notes} - {Code.NOTE_OVERRIDDEN}
    overridden = decision.code is Code.GRANTED_BY_OVERRIDE
    if overridden is not any(note.code is Code.NOTE_OVERRIDDEN for note in decision.notes):
        return "an override and its note do not go together"
    if decision.granted is bool(wanted.objections):
        told = ["granted" if decision.granted else "refused"]
    elif decision.granted and wanted.carriers.get(decision.rule) is not decision.code:
        told = [f"{decision.code.name} by {decision.rule}, wanted {dict(wanted.carriers)}"]
    elif not decision.granted and decision.code not in _first(wanted.objections):
        told = [f"{decision.code.name} is not the first of {sorted(wanted.objections)}"]
    else:
        told = []
    told += _unequal("objections", objections, wanted.objections)
    told += _unequal("notes", notes, wanted.notes)
    return ", ".join(told)


def _first(objections: frozenset[Code]) -> set[Code]:
    """Those of the first gate that objects."""
    gate = min(objections) // 100
    return {code for code in objections if code // 100 == gate}


def _unequal(what: str, found: set[Code], wanted: frozenset[Code]) -> list[str]:
    signs = [f"+{code.name}" for code in sorted(found - wanted)]
    signs += [f"-{code.name}" for code in sorted(wanted - found)]
    return [f"{what} {' '.join(signs)}"] if signs else []


def plainly(ask: Request) -> str:
    """The question by what is not calm about it."""
    told = {name: getattr(ask, name) for name in ask.__struct_fields__}
    return repr({name: value for name, value in told.items() if value != CALM.get(name, "")})


def smallest(policy_tree: Tree, ask: Request) -> tuple[Tree, Request]:
    """A smaller policy and a calmer question on which the two still differ in the same way."""
    wrong = difference(decide(compiled(text_of(policy_tree)), ask), expected(policy_tree, ask))

    def still(candidate: Tree, question: Request) -> bool:
        try:
            decision = decide(compiled(text_of(candidate)), question)
        except PolicyError:
            return False
        return difference(decision, expected(candidate, question)) == wrong

    for name, value in CALM.items():
        calmer = replace(ask, **{name: value})
        ask = calmer if still(policy_tree, calmer) else ask
    for table, place, key in _parts(policy_tree):
        smaller = _without(policy_tree, table, place, key)
        policy_tree = smaller if still(smaller, ask) else policy_tree
    return policy_tree, ask


def _parts(policy_tree: Tree) -> Iterator[tuple[str, Any, str | None]]:
    """Entries of lists from the last on, then keys of entries."""
    for table in ("grant", "deny"):
        yield from ((table, place, None) for place in reversed(range(len(policy_tree[table]))))
    for table in ("zone", "portal", "role"):
        for name, entry in policy_tree[table].items():
            yield from ((table, name, key) for key in entry)


def _without(policy_tree: Tree, table: str, place: Any, key: str | None) -> Tree:
    entries = copy(policy_tree[table])
    if key is None:
        del entries[place]
    else:
        entries[place] = {name: value for name, value in entries[place].items() if name != key}
    return policy_tree | {table: entries}
