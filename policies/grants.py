"""Gates 6 and 7: which grants hold, and which factors they ask for.

What a grant does not hold without, hours apart, is an integer with a bit for each need; so is what
the question does not bring. A grant holds where the two have no bit in common.
"""

from functools import cache

from policies.case import Case, Objections
from policies.codes import Code
from policies.compiled import LEVELS
from policies.factors import FactorTable
from policies.facts import Mode, Objection
from policies.rights import GrantRule, Override
from policies.schedule import Schedule, Wall, active_at

_LEVEL = [1 << level for level in range(LEVELS)]
"""Needed: that the level in force is none of these, which are above the ceiling."""
_MODE = {mode: 1 << LEVELS + place for place, mode in enumerate(Mode)}
"""Needed: that the mode in force is none of these, which the grant does not list."""
_LENT = {mode: bit << len(Mode) for mode, bit in _MODE.items()}
"""The same for somebody who may pass in spite of the mode: grants for normal hold as well."""
_ESCORT, _SECOND_PERSON = (1 << LEVELS + 2 * len(Mode) + place for place in range(2))

_ANY_MODE = sum(_MODE.values()) + sum(_LENT.values())
_SAID: tuple[tuple[int, Code], ...] = (
    (sum(_LEVEL), Code.THREAT_CEILING),
    (_ANY_MODE, Code.MODE_NOT_LISTED),
    (_ESCORT, Code.NOT_ESCORTED),
    (_SECOND_PERSON, Code.TWO_PERSON),
)

_OVERRIDE: dict[Mode, Override] = {
    Mode.LOCKDOWN: Override.LOCKDOWN,
    Mode.SHELTER: Override.SHELTER,
    Mode.EVACUATE: Override.EVACUATE,
}
_NORMAL = Mode.NORMAL
_CLOCK_UNTRUSTED, _HORIZON = Code.CLOCK_UNTRUSTED, Code.SCHEDULE_HORIZON
_OUT_OF_SCHEDULE = Code.OUT_OF_SCHEDULE
_ASSURANCE_TOO_LOW, _FACTORS_MISSING = Code.ASSURANCE_TOO_LOW, Code.FACTORS_MISSING
_NO_GRANT = Objection(Code.NO_GRANT)
_FACTOR_FAILED = Objection(Code.FACTOR_FAILED)

_Near = tuple[GrantRule, Code | None, int]
"""A grant that does not hold: what the clock has against it, and which needs are not met."""


@cache
def needs_of(threat_max: int, modes: frozenset[Mode], *, escorted: bool, two_person: bool) -> int:
    """The needs of a grant. An override never makes it hold in a mode that its author left out
    beside others: a grant for shelter alone stays shut in an evacuation."""
    needs = sum(_LEVEL[threat_max:])
    for mode in frozenset(Mode) - modes:
        needs |= _MODE[mode]
        if _NORMAL not in modes:
            needs |= _LENT[mode]
    return needs | _ESCORT * escorted | _SECOND_PERSON * two_person


def _lacks(case: Case) -> int:
    """What the question does not bring."""
    request, standing = case.request, case.concerned.standing
    mode = case.mode
    if case.sheltering:  # nobody is kept from a refuge because he is alone, or because it is late
        return _LEVEL[case.level] | _LENT[mode]
    lent = mode is not _NORMAL and _OVERRIDE[mode] in standing.overrides
    lacks = _LEVEL[case.level] | (_LENT if lent else _MODE)[mode]
    if not request.escorted:
        lacks |= _ESCORT
    if standing.visitor or not request.second_person:
        lacks |= _SECOND_PERSON
    return lacks


def permit(case: Case, against: Objections) -> list[GrantRule]:
    """Gate 6: the grants that hold; where none does, against the passage is what keeps the nearest
    ones from it."""
    held: list[GrantRule] = []
    if not case.concerned.grants:
        against.append(_NO_GRANT)
        return held
    near: list[_Near] = []
    lacks = _lacks(case)
    of_visitors = _ESCORT if case.concerned.standing.visitor else 0
    wall: Wall | None = None  # read once, and only where some rule has hours
    for grant in case.concerned.grants:
        wrong = (grant.needs | of_visitors) & lacks
        late = None
        if grant.hours is not None and not case.sheltering:
            if wall is None:
                wall = case.policy.wall(case.request.utc_s)
            late = _late(case, grant.hours, wall)
        if wrong or late is not None:
            near.append((grant, late, wrong))
        else:
            held.append(grant)
    if not held:
        _tell_nearest(near, against)
    elif case.mode is not _NORMAL:
        held.sort(key=lambda grant: by_override(case, grant))  # a rule of its own comes first
    return held


def _late(case: Case, hours: Schedule, wall: Wall | None) -> Code | None:
    """What the clock has against a rule with these hours."""
    if not case.request.clock_trusted:
        return _CLOCK_UNTRUSTED
    active = active_at(hours, wall)
    if active is None:
        return _HORIZON
    return None if active else _OUT_OF_SCHEDULE


def _tell_nearest(near: list[_Near], against: Objections) -> None:
    """The reasons of those with the fewest."""
    nearest = min(_distance(late, wrong) for _, late, wrong in near)
    for grant, late, wrong in near:
        if _distance(late, wrong) == nearest:
            if late is not None:
                against.append(Objection(late, grant.id, grant.line))
            for needs, code in _SAID:
                if needs & wrong:
                    against.append(Objection(code, grant.id, grant.line))


def _distance(late: Code | None, wrong: int) -> tuple[bool, int]:
    """How far a rule is from holding: one for another mode is further than any for this one."""
    return wrong & _ANY_MODE != 0, wrong.bit_count() + (late is not None)


def by_override(case: Case, grant: GrantRule) -> bool:
    """Whether a grant that holds does so only because the holder overrides the mode in force."""
    return not case.sheltering and grant.needs & _MODE[case.mode] != 0


def factors(case: Case, held: list[GrantRule], against: Objections) -> GrantRule | None:
    """Gate 7: of the grants that hold, the one that carries the passage."""
    if case.failed:
        against.append(_FACTOR_FAILED)
        return None
    if not held:  # no rule, no question: what would be asked for is not known
        return None
    base = case.table(case.passage.factors)
    for grant in held:
        if (base & case.table(grant.factors)) >> case.passed & 1:
            return grant
    weak = wanted(case, held) >> case.shown & 1  # enough, had it come over a better line
    code = _ASSURANCE_TOO_LOW if weak else _FACTORS_MISSING
    against.append(Objection(code, held[0].id, held[0].line))
    return None


def wanted(case: Case, held: list[GrantRule]) -> FactorTable:
    """What passage and any one of the grants ask this person for."""
    base = case.table(case.passage.factors)
    table = 0
    for grant in held:
        table |= base & case.table(grant.factors)
    return table
