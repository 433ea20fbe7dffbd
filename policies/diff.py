"""What another policy changes: for whom, where and when, not which lines of a file.

A cell is a passage, a set of roles, a posture, a threat level, a stretch of time and the
circumstances of the person. Each is asked of both policies; the cells that differ are put together
into as few lines as they allow, none of which says more or less than its cells.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import chain, combinations, product
from typing import NamedTuple, TypeVar

import msgspec

from policies.asked import Asked, Unhindered, asked_for, unhindered
from policies.cells import (
    OTHERWISE,
    POSTURES,
    Circumstance,
    Need,
    Posture,
    Same,
    Stretches,
    need_of,
    question,
)
from policies.changed_facts import Fact, changed_facts
from policies.compiled import LEVELS, CompiledPolicy
from policies.facts import Direction
from policies.hours import Span, hours_in_words, joined
from policies.rights import DenyRule, GrantRule, Standing

ANYBODY: tuple[str, ...] = ()
"""The subject who presents no credential."""

Names = tuple[str, ...]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Change(msgspec.Struct, frozen=True):
    """One line: who is asked for something else, where and when.

    It holds at every combination of `postures`, `levels`, `spans` and `circumstances`; a
    circumstance that is not among `relevant` makes no difference here.
    """

    portal: str
    direction: Direction
    subjects: tuple[Names, ...]
    before: Asked
    after: Asked
    postures: tuple[Posture, ...]
    levels: tuple[int, ...]
    spans: tuple[Span, ...]
    circumstances: tuple[frozenset[Circumstance], ...]
    relevant: frozenset[Circumstance]


class Difference(msgspec.Struct, frozen=True):
    """`within`: the time that was looked at, whole days in the newer policy's zone."""

    facts: tuple[Fact, ...]
    changes: tuple[Change, ...]
    within: Span


class _Cell(NamedTuple):
    posture: Posture
    level: int
    stretches: frozenset[int]
    circumstance: frozenset[Circumstance]


class _Both(msgspec.Struct, frozen=True):
    """The two policies with what every cell needs of them."""

    policies: tuple[CompiledPolicy, CompiledPolicy]
    states: tuple[Unhindered, Unhindered]
    same: tuple[Same, Same]
    stretches: Stretches

    def standings(self, names: Names) -> tuple[Standing, Standing, bool]:
        """What the roles come to in either policy; anybody else is told apart from no role."""
        return self.same[0].standing(names), self.same[1].standing(names), bool(names)

    def named(self, portal: str, direction: Direction) -> frozenset[str]:
        """Every role that a rule of the passage names."""
        passages = (policy.passage(portal, direction) for policy in self.policies)
        rules: list[tuple[GrantRule | DenyRule, ...]]
        rules = [(*passage.grants, *passage.denies) for passage in passages if passage is not None]
        return frozenset(role for rule in chain.from_iterable(rules) for role in rule.roles)


def diff(
    old: CompiledPolicy,
    new: CompiledPolicy,
    within: Span,
    *,
    together: Iterable[Names] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Difference:
    """Everything that changes for a credential in good standing and for anybody without one.

    Looked at are each role by itself and the sets `together`, in a state of the site in which no
    limit of people stands in the way. `within` is at most 400 days. `progress` is told passages
    done and their number.
    """
    policies = (old, new)
    both = _Both(
        policies,
        (unhindered(old), unhindered(new)),
        (Same(old), Same(new)),
        Stretches(policies, within),
    )
    roles = sorted({*old.roles, *new.roles})
    subjects = [ANYBODY, *((role,) for role in roles)]
    subjects += sorted({tuple(sorted(set(names))) for names in together if len(set(names)) > 1})
    numbers: dict[Hashable, int] = {}
    kinds = {names: numbers.setdefault(both.standings(names), len(numbers)) for names in subjects}
    others = [
        names for names in subjects if both.same[0].standing(names) != both.same[1].standing(names)
    ]
    places = list(dict.fromkeys((*old.passages, *new.passages)))
    changes: list[Change] = []
    for done, (portal, direction) in enumerate(places):
        if progress is not None:
            progress(done, len(places))
        # Who come to the same and are named by the same rules are asked for the same.
        named = both.named(portal, direction)
        old_place, new_place = (same.of(portal, direction) for same in both.same)
        asking = others if old_place == new_place else subjects
        alike = _gathered(((kinds[names], named.intersection(names)), names) for names in asking)
        found = [c for group in alike.values() for c in _changes(both, portal, direction, group)]
        changes += _together(found)
    return Difference(tuple(changed_facts(old, new)), tuple(changes), within)


def _changes(
    both: _Both, portal: str, direction: Direction, alike: Sequence[Names]
) -> Iterator[Change]:
    """The lines of subjects of one kind at one passage: the first is asked for all."""
    names = alike[0]
    needs = [need_of(policy, portal, direction, names) for policy in both.policies]
    need = Need(needs[0].schedules | needs[1].schedules, needs[0].flags | needs[1].flags)
    found: dict[tuple[Asked, Asked], list[_Cell]] = defaultdict(list)
    circumstances = subsets(need.flags)
    stretches = both.stretches.of(need.schedules)
    for posture, level, circumstance in product(POSTURES, range(1, LEVELS + 1), circumstances):
        for at_s, members in stretches:
            before, after = (
                asked_for(
                    policy,
                    question(portal, direction, names, at_s, posture, level, circumstance, state),
                )
                for policy, state in zip(both.policies, both.states, strict=True)
            )
            if before != after:
                found[before, after].append(_Cell(posture, level, members, circumstance))
    for (before, after), cells in found.items():
        for postures, levels, members, circumstance_sets in blocks(cells):
            yield Change(
                portal,
                direction,
                tuple(alike),
                before,
                after,
                postures,
                levels,
                both.stretches.spans(members),
                circumstance_sets,
                need.flags,
            )


def subsets(flags: frozenset[Circumstance]) -> list[frozenset[Circumstance]]:
    """Every set of them, the empty one first."""
    ordered = sorted(flags)
    return [
        frozenset(chosen)
        for count in range(len(ordered) + 1)
        for chosen in combinations(ordered, count)
    ]


_Block = tuple[
    tuple[Posture, ...], tuple[int, ...], frozenset[int], tuple[frozenset[Circumstance], ...]
]


def blocks(cells: Sequence[_Cell]) -> list[_Block]:
    """The cells as few products of postures, levels, times and circumstances; none overlap."""
    times = _gathered(((c.posture, c.level, c.circumstance), c.stretches) for c in cells)
    merged = {key: frozenset().union(*members) for key, members in times.items()}
    levels = _gathered(
        ((posture, circumstance, members), level)
        for (posture, level, circumstance), members in merged.items()
    )
    postures = _gathered(
        ((circumstance, members, tuple(at)), posture)
        for (posture, circumstance, members), at in levels.items()
    )
    circumstances = _gathered(
        ((members, at, tuple(where)), circumstance)
        for (circumstance, members, at), where in postures.items()
    )
    return [
        (where, at, members, tuple(sets)) for (members, at, where), sets in circumstances.items()
    ]


def _gathered(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    found: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def _together(changes: Iterable[Change]) -> list[Change]:
    """One line for all subjects to whom the same happens at one passage."""
    alike = _gathered(
        (msgspec.structs.replace(change, subjects=()), change.subjects) for change in changes
    )
    return [
        msgspec.structs.replace(change, subjects=tuple(sorted(chain.from_iterable(subjects))))
        for change, subjects in alike.items()
    ]


# --- in words ------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A change as an officer reads it."""

    where: str
    who: str
    before: str
    after: str
    modes: str
    threat: str
    when: str
    given: str


def line(change: Change, within: Span, zone: tzinfo) -> Line:
    """`consular-in`, `local-staff`, `never`, `badge`, `normal`, `4`, `Mon-Fri 07:30-08:00`, …"""
    way = "" if change.direction is Direction.ENTRY else f" {change.direction}"
    everywhere = len(change.postures) == len(POSTURES)
    return Line(
        change.portal + way,
        ", ".join("+".join(names) or "anybody" for names in change.subjects),
        str(change.before),
        str(change.after),
        "any" if everywhere else ", ".join(change.postures),
        levels_in_words(change.levels),
        hours_in_words(change.spans, within, zone),
        given_in_words(change.circumstances, change.relevant),
    )


def levels_in_words(levels: Sequence[int]) -> str:
    """`any`, `4`, `1-3`, `1, 3`."""
    if len(levels) == LEVELS:
        return "any"
    spans = joined((level, level + 1) for level in levels)
    return ", ".join(f"{low}" if high == low + 1 else f"{low}-{high - 1}" for low, high in spans)


def given_in_words(
    sets: Sequence[frozenset[Circumstance]], relevant: frozenset[Circumstance]
) -> str:
    """`escorted`, `not escorted`; empty where no circumstance makes a difference."""
    known = set(sets)
    matters = [
        flag for flag in sorted(relevant) if any(chosen ^ {flag} not in known for chosen in known)
    ]
    reduced = dict.fromkeys(chosen & set(matters) for chosen in sets)
    return " / ".join(
        ", ".join(flag if flag in chosen else OTHERWISE[flag] for flag in matters)
        for chosen in reduced
    )
