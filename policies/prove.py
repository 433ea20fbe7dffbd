"""`prove()`: every invariant of a policy, declared and built in, by asking `decide()` itself.

Nothing here knows what a rule means: people, hours and states that stand for all others are put to
the production `decide()`, and locks do what the policy says of their hardware. What must never be
is looked for in the most permissive state, what must always be possible in the most adverse one.
"""

from collections.abc import Callable, Iterator, Sequence

from policies.compiled import CompiledPolicy, Lock, OnFire, PortalRule
from policies.facts import Direction
from policies.places import Places
from policies.problems import Problem, SourceFile
from policies.proof import entering, leaving, reaching
from policies.proof.movement import World
from policies.proof.people import SUBSETS_MAX, tried_in_pairs
from policies.proof.results import Opened, Proof, Proofs, Story
from policies.proof.stories import told

Check = Callable[[World], Story | None]

BUILT_IN: tuple[tuple[str, str, Check], ...] = (
    ("fire-frees", "in a fire every way out is free, whoever it is", leaving.free_in_fire),
    (
        "evacuation-frees",
        "in an evacuation every way out is free, whoever it is",
        leaving.free_in_evacuation,
    ),
    ("free-exit-always", "a free exit is free in every posture, always", leaving.free_exit),
    ("protected-leaves", "a protected person is never kept in", leaving.protected_leave),
    (
        "nobody-kept-in",
        "whose badge opened an entry is kept in by the five causes alone",
        leaving.nobody_kept_in,
    ),
    (
        "way-out-in-fire",
        "a way that counts leads anybody out of every zone in a fire",
        leaving.way_out_in_fire,
    ),
    (
        "way-out-without-power",
        "a way that counts leads anybody out of every zone with all power off",
        leaving.way_out_without_power,
    ),
    (
        "badge-reaches-safety",
        "from each zone that staff get into, their badge leads to a refuge or outside, in every"
        " posture",
        leaving.badge_reaches_safety,
    ),
    (
        "no-entry-without-consent",
        "no agent of the host state gets into premises without recorded consent",
        reaching.no_consent,
    ),
    (
        "no-visitor-alone",
        "a visitor without an escort gets no further than anybody, but into a refuge",
        reaching.no_escort,
    ),
    (
        "visitor-escorted",
        "a visitor's badge opens nothing without an escort, but a refuge to flee into",
        entering.visitor_alone,
    ),
    (
        "good-standing",
        "nobody enters whose credential or record is not in good standing, whoever vouches for him",
        entering.bad_standing,
    ),
    ("two-people", "nobody enters a zone of two people alone", entering.alone),
    (
        "no-fire-entry",
        "in a fire a badge opens no entry, but to those who override it",
        entering.fire_entry,
    ),
    ("open-in-calm", "a portal stands open in calm times alone", entering.open_in_calm),
    ("threat-never-opens", "a higher threat level never opens an entry", entering.threat_opens),
    (
        "mode-opens-by-name",
        "a stricter mode opens an entry only by a rule that names it",
        entering.mode_opens,
    ),
    (
        "hours-need-a-clock",
        "no rule with hours holds while the clock is not trusted",
        entering.timed_without_clock,
    ),
    (
        "interlock-holds",
        "no entry is released while another portal of its interlock is not secured",
        entering.interlock_opens,
    ),
    (
        "all-recorded",
        "nobody enters unrecorded, but through an emergency portal",
        entering.unrecorded,
    ),
    ("duress-is-silent", "duress changes no verdict", entering.duress_tells),
)

_ASSUMPTIONS = (
    "a visitor has no other role, and an escort stays with his visitor",
    "locks, contacts and the hard-wired release do what the policy says of them",
    "nobody forces a door, tailgates or lends a badge",
)
_PAIRS = (
    f"of the roles that a denial names or that are host-state, if more than {SUBSETS_MAX},"
    " nobody has three"
)


def prove(policy: CompiledPolicy) -> Proofs:
    """All invariants with the shortest story against each that does not hold."""
    return proofs_of(policy, tuple(proofs(policy)))


def proofs(policy: CompiledPolicy) -> Iterator[Proof]:
    """One invariant after the other: the declared ones first, then those that always stand."""
    world = World(policy)
    for never in policy.nevers:
        says = f"nobody who is {_any(never.roles)} gets into {_any(never.reach)}"
        if never.unless:
            says += f", unless {_any(never.unless)}"
        story = reaching.never(world, never)
        yield _proof(world, never.id, says, never.line, story)
    for always in policy.always:
        says = (
            f"whoever is {_any(always.roles)} gets from each of {', '.join(sorted(always.sources))}"
            f" into {_any(always.reach)}"
        )
        story = reaching.always(world, always)
        yield _proof(world, always.id, says, always.line, story)
    for name, says, check in BUILT_IN:
        yield _proof(world, name, says, None, check(world))


def count(policy: CompiledPolicy) -> int:
    """How many invariants `proofs` goes through."""
    return len(policy.nevers) + len(policy.always) + len(BUILT_IN)


def proofs_of(policy: CompiledPolicy, found: tuple[Proof, ...]) -> Proofs:
    """The invariants, with what else there is to know about the policy."""
    return Proofs(
        policy=policy.name,
        version=policy.version,
        digest=policy.digest,
        proofs=found,
        opened_by_fire=_opened(policy, lambda portal: portal.on_fire is OnFire.RELEASE),
        opened_without_power=_opened(policy, lambda portal: portal.lock is Lock.POWER_TO_LOCK),
        assumptions=(*_ASSUMPTIONS, *((_PAIRS,) if tried_in_pairs(policy) else ())),
    )


def refusals(policy: CompiledPolicy, sources: Sequence[SourceFile]) -> list[Problem]:
    """Why this policy must not be loaded: a problem for each invariant that does not hold.

    `sources` are the files that spell it.
    """
    places = Places(sources)
    return [_problem(proof, places) for proof in proofs(policy) if not proof.holds]


def _problem(proof: Proof, places: Places) -> Problem:
    assert proof.story is not None, "asked of what does not hold"
    place = places.top
    if proof.line is not None:
        place = places.of("never", proof.id) or places.of("always", proof.id) or place
    elif proof.story.steps:
        last = proof.story.steps[-1]
        place = places.of("grant", last.rule or "") or places.of("portal", last.portal) or place
    _, *story = told(proof)
    message = f"does not hold: {proof.statement}; {'; '.join(line.strip() for line in story)}"
    return place.at_key(f"{proof.id} {message}", "see `sentrypost policy prove`")


def _proof(world: World, name: str, says: str, line: int | None, story: Story | None) -> Proof:
    asked, world.asked = world.asked, 0
    return Proof(id=name, statement=says, line=line, asked=asked, story=story)


def _any(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))


def _opened(policy: CompiledPolicy, lets_go: Callable[[PortalRule], bool]) -> tuple[Opened, ...]:
    """Portals that open from the side from which nobody gets out."""
    found = []
    for portal in policy.portals:
        if lets_go(portal):
            inward = portal.way_out is Direction.EXIT
            source, target = portal.outer, portal.inner
            if not inward:
                source, target = target, source
            found.append(Opened(portal=portal.id, line=portal.line, source=source, target=target))
    return tuple(found)


__all__ = ["BUILT_IN", "Proof", "Proofs", "count", "proofs", "proofs_of", "prove", "refusals"]
