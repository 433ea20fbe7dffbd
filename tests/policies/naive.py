"""What must never be and what must always be possible, found the slow way: every set of roles,
every posture, every hour and every state, one `decide()` after the other. It knows of no class of
anything, so it shows what the classes of the proofs are worth.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations, product

import msgspec

from policies import (
    Assurance,
    CompiledPolicy,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
    Screened,
    ScreeningResult,
    decide,
)
from policies.compiled import Egress, Lock, OnFire, Passage
from policies.rights import AlwaysRule, NeverRule
from tests.policies.support import vienna

HOURS = (vienna("2026-11-18 12:15"), vienna("2026-11-18 19:00"), vienna("2026-11-18 23:15"))
"""In office hours, in no hours, at night: what the random policies know."""
EVERYTHING = tuple(Presented(factor, Assurance.SECURE, True) for factor in Factor)
TWO = (True, False)
State = dict[str, object]


def holds_never(policy: CompiledPolicy, rule: NeverRule) -> bool:
    """Whether nobody with one of the roles gets there."""
    states = list(_states(policy, rule))
    anybody: dict[object, frozenset[bool]] = {}
    for role in rule.roles:
        for names in _sets_with(policy, role):
            if _gets_in(policy, rule, names, states, anybody):
                return False
    return True


def holds_always(policy: CompiledPolicy, rule: AlwaysRule) -> bool:
    """Whether everybody with one of the roles, and no other, gets there from everywhere named."""
    for role, mode, threat, source in product(
        rule.roles, rule.modes, range(1, rule.threat_max + 1), rule.sources
    ):
        for state in _calm_states(policy):
            asked = {"mode": mode, "threat": threat} | state
            if not _gets_there(policy, rule, (role,), source, asked):
                return False
    return True


def _sets_with(policy: CompiledPolicy, role: str) -> Iterator[tuple[str, ...]]:
    if policy.roles[role].visitor:
        yield (role,)
        return
    others = [r.id for r in policy.roles.values() if not r.visitor and r.id != role]
    for count in range(len(others) + 1):
        for more in combinations(others, count):
            yield (role, *more)


def _varied(policy: CompiledPolicy) -> list[tuple[str, tuple[object, ...]]]:
    """The facts about people that this policy asks for, with every value that counts."""
    zones = policy.zones
    found: list[tuple[str, tuple[object, ...]]] = []
    if any(z.two_person for z in zones) or any(g.two_person for g in policy.grants):
        found.append(("second_person", TWO))
    if any(z.first_person for z in zones) or any(p.open_schedule for p in policy.portals):
        found.append(("first_person_in", TWO))
    if policy.screenings:
        cleared = tuple(Screened(name, ScreeningResult.CLEARED, 0) for name in policy.screenings)
        found.append(("screened", (cleared, ())))
    limited = [z for z in zones if z.occupancy is not None]
    if limited:
        found.append(("inside", tuple({z.id: n for z in limited} for n in (0, 1, 2, 3))))
    if any(z.passback for z in zones):
        found.append(("whereabouts", (None, *(z.id for z in zones if z.passback))))
    return found


def _product(varied: Iterable[tuple[str, tuple[object, ...]]]) -> Iterator[State]:
    names, values = zip(*varied, strict=True)
    for chosen in product(*values):
        yield dict(zip(names, chosen, strict=True))


def _states(policy: CompiledPolicy, rule: NeverRule) -> Iterator[State]:
    unless = {unless.value for unless in rule.unless}
    facts: list[tuple[str, tuple[object, ...]]] = [
        ("mode", tuple(Mode)),
        ("fire", TWO),
        ("utc_s", HOURS),
        ("threat", (1, 4)),
        ("escorted", (False,) if "escorted" in unless else TWO),
        ("consent", (False,) if "consent" in unless else TWO),
        *(varied for varied in _varied(policy)),
    ]
    for state in _product(facts):
        if not ("second-person" in unless and state.get("second_person")):
            yield state


def _calm_states(policy: CompiledPolicy) -> Iterator[State]:
    facts: list[tuple[str, tuple[object, ...]]] = [
        ("utc_s", HOURS),
        ("clock_trusted", TWO),
        ("escorted", TWO),
        ("consent", TWO),
        *_varied(policy),
    ]
    yield from _product(facts)


def _request(key: tuple[str, Direction], names: tuple[str, ...] | None, state: State) -> Request:
    holder = None if names is None else HolderFacts("s-1", 1, names)
    plain: dict[str, object] = {
        "portal": key[0],
        "direction": key[1],
        "utc_s": HOURS[0],
        "clock_trusted": True,
        "credential": CredentialStatus.NONE if names is None else CredentialStatus.ACTIVE,
        "holder": holder,
        "presented": () if names is None else EVERYTHING,
        "knowledge_age_s": 0,
    }
    return Request(**(plain | state))  # type: ignore[arg-type]


def _target(key: tuple[str, Direction], passage: Passage) -> str:
    return passage.portal.inner if key[1] is Direction.ENTRY else passage.portal.outer


def _gets_in(
    policy: CompiledPolicy,
    rule: NeverRule,
    names: tuple[str, ...],
    states: list[State],
    anybody: dict[object, frozenset[bool]],
) -> bool:
    """A fixpoint over zones: what is reached, and whether one step of it is forbidden."""
    reached = {zone.id for zone in policy.zones if zone.kind.value == "public"}
    consent = not any(unless.value == "consent" for unless in rule.unless)
    passes: dict[object, frozenset[bool]] = {}
    growing = True
    while growing:
        growing = False
        for key, passage in policy.passages.items():
            if passage.source.id not in reached:
                continue
            if key not in anybody:
                anybody[key] = _passes(policy, key, None, states) | _by_hardware(passage)
            if key not in passes:
                passes[key] = _passes(policy, key, names, states) | anybody[key]
            zone = policy.zones_by_id[_target(key, passage)]
            wrong = passes[key]
            if not consent and zone.consent_presumed_in_fire:
                wrong = wrong - {True}
            if not consent and passage.way_out:
                wrong = frozenset()
            if wrong and rule.reach & set(zone.lineage):
                return True
            if passes[key] and zone.id not in reached:
                reached.add(zone.id)
                growing = True
    return False


def _passes(
    policy: CompiledPolicy,
    key: tuple[str, Direction],
    names: tuple[str, ...] | None,
    states: list[State],
) -> frozenset[bool]:
    """Whether he passes with fire, and without."""
    return frozenset(
        fire
        for fire in TWO
        if any(
            decide(policy, _request(key, names, state)).granted
            for state in states
            if state["fire"] is fire
        )
    )


def _by_hardware(passage: Passage) -> frozenset[bool]:
    if passage.way_out:
        return frozenset()
    released = {True} if passage.portal.on_fire is OnFire.RELEASE else set()
    return frozenset(released | ({False} if passage.portal.lock is Lock.POWER_TO_LOCK else set()))


def _gets_there(
    policy: CompiledPolicy, rule: AlwaysRule, names: tuple[str, ...], source: str, state: State
) -> bool:
    reached = {source}
    growing = True
    while growing and not reached & rule.reach:
        growing = False
        for key, passage in policy.passages.items():
            target = _target(key, passage)
            blocked = passage.way_out and passage.portal.egress is Egress.NONE
            if passage.source.id in reached and target not in reached and not blocked:
                request = _request(key, names, state)
                old = msgspec.structs.replace(request, knowledge_age_s=2**31 - 1)
                if decide(policy, old).granted:
                    reached.add(target)
                    growing = True
    return bool(reached & rule.reach)
