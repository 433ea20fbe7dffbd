"""Gate 8, what depends on who is where: occupancy, anti-passback, two people, the first person,
screening, and how old our knowledge is. All of it keeps people from entering, nothing from leaving.
"""

from policies.case import Case, Objections
from policies.codes import Code
from policies.compiled import CompiledPolicy, Occupancy, Passback, PassbackKind, Severity, ZoneRule
from policies.facts import HolderFacts, Objection, Request, ScreeningResult
from policies.rights import GrantRule, WatchAction

_HARD = Severity.HARD
_WATCHLISTED = Objection(Code.WATCHLISTED)


def limits(case: Case, first: list[GrantRule], against: Objections, notes: Objections) -> None:
    """What the zones newly entered have against it. `first`: the grants that hold and whose holders
    may be the first.
    """
    request, standing = case.request, case.concerned.standing
    for zone in case.passage.entered:
        if zone.occupancy is not None:
            _occupancy(request, zone, zone.occupancy, against, notes)
        if zone.passback is not None and request.whereabouts is not None:
            _passback(case, request.whereabouts, zone, zone.passback, against, notes)
        if zone.screening:
            _screening(case, zone, against, notes)
        if zone.two_person and (standing.visitor or not request.second_person):
            against.append(Objection(Code.TWO_PERSON, zone.id, zone.line))
        if zone.first_person and not (request.first_person_in or first):
            against.append(Objection(Code.FIRST_PERSON_OUT, zone.id, zone.line))
        if zone.knowledge_max_s is not None and request.knowledge_age_s > zone.knowledge_max_s:
            against.append(Objection(Code.KNOWLEDGE_TOO_OLD, zone.id, zone.line))


def notes_of_leaving(case: Case, notes: Objections) -> None:
    """What the zone that is left would like to be known."""
    request, zone = case.request, case.passage.judged
    occupancy = zone.occupancy
    if occupancy is not None and occupancy.least is not None:
        left = request.inside.get(zone.id, 0) - 1 - (request.party or 0)
        if 0 < left < occupancy.least:
            notes.append(Objection(Code.NOTE_OCCUPANCY, zone.id, zone.line))
    if zone.passback is not None and request.whereabouts is not None:
        seen = case.policy.zones_by_id.get(request.whereabouts)
        if seen is not None and zone.id not in seen.lineage:
            notes.append(Objection(Code.NOTE_PASSBACK, zone.id, zone.line))


def watched(
    policy: CompiledPolicy, holder: HolderFacts, against: Objections, notes: Objections
) -> None:
    """Gate 4: lists that deny, and lists that observe. An unknown list denies."""
    if holder.watchlisted:
        against.append(_WATCHLISTED)
    for name in holder.watchlists:
        rule = policy.watchlists.get(name)
        if rule is None or rule.action is WatchAction.DENY:
            line = None if rule is None else rule.line
            against.append(Objection(Code.WATCHLISTED, name, line))
        else:
            notes.append(Objection(Code.NOTE_OBSERVED, rule.id, rule.line))


def _occupancy(
    request: Request, zone: ZoneRule, limit: Occupancy, against: Objections, notes: Objections
) -> None:
    together = 2 if request.second_person or request.escorted else 1
    after = request.inside.get(zone.id, 0) + together + (request.party or 0)
    too_many = limit.most is not None and after > limit.most
    too_few = limit.least is not None and after < limit.least
    if limit.severity is _HARD:
        if too_many:
            against.append(Objection(Code.OCCUPANCY_FULL, zone.id, zone.line))
        if too_few:
            against.append(Objection(Code.BELOW_MINIMUM, zone.id, zone.line))
    elif too_many or too_few:
        notes.append(Objection(Code.NOTE_OCCUPANCY, zone.id, zone.line))


def _passback(
    case: Case,
    whereabouts: str,
    zone: ZoneRule,
    rule: Passback,
    against: Objections,
    notes: Objections,
) -> None:
    """Whoever is known inside does not come in again from outside. Unknown is not wrong."""
    seen = case.policy.zones_by_id.get(whereabouts)
    if seen is None:
        return
    inside = zone.id in seen.lineage
    again = _within(seen, rule.region) and not _within(case.passage.source, rule.region)
    if not (inside or again):
        return
    age_s = case.request.whereabouts_age_s
    if rule.forgiven_s is not None and age_s is not None and age_s >= rule.forgiven_s:
        return
    if rule.kind is PassbackKind.SOFT:
        notes.append(Objection(Code.NOTE_PASSBACK, zone.id, zone.line))
    else:
        against.append(Objection(Code.PASSBACK, zone.id, zone.line))


def _within(zone: ZoneRule, region: frozenset[str]) -> bool:
    return not region.isdisjoint(zone.lineage)


def _screening(case: Case, zone: ZoneRule, against: Objections, notes: Objections) -> None:
    """Any one of the stations clears; one that refused, or that was declined, stands against it."""
    if case.concerned.standing.exempt:
        notes.append(Objection(Code.NOTE_NOT_SEARCHED, zone.id, zone.line))
        return
    here = [found for found in case.request.screened if found.station in zone.screening]
    said = {found.result for found in here}
    valid = {f.result for f in here if _is_valid(case.policy, f.station, f.age_s)}
    if ScreeningResult.REFUSED in said:
        against.append(Objection(Code.SCREENING_REFUSED, zone.id, zone.line))
    elif ScreeningResult.DECLINED in said:
        against.append(Objection(Code.SCREENING_DECLINED, zone.id, zone.line))
    elif not valid & {ScreeningResult.CLEARED, ScreeningResult.EXEMPT}:
        against.append(Objection(Code.NOT_SCREENED, zone.id, zone.line))


def _is_valid(policy: CompiledPolicy, station: str, age_s: int | None) -> bool:
    rule = policy.screenings.get(station)
    return rule is not None and age_s is not None and 0 <= age_s < rule.valid_s
