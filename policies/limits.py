"""Gate 8, what depends on who is where: occupancy, anti-passback, two people, the first person,
screening, and how old our knowledge is. All of it keeps people from entering, nothing from leaving.
"""

from policies.codes import Code
from policies.compiled import CompiledPolicy, Passage, PassbackKind, Severity, ZoneRule
from policies.facts import HolderFacts, Objection, Request, ScreeningResult
from policies.rights import Standing, WatchAction

Found = tuple[list[Objection], list[Objection]]
"""Objections, and notes."""


def limits(
    policy: CompiledPolicy,
    request: Request,
    passage: Passage,
    standing: Standing,
    *,
    is_first: bool,
) -> Found:
    """What the zones newly entered have against it. `is_first`: a grant that may be the first holds
    for this person.
    """
    against: list[Objection] = []
    notes: list[Objection] = []
    for zone in passage.entered:
        if zone.occupancy is not None:
            _occupancy(request, zone, against, notes)
        if zone.passback is not None and request.whereabouts is not None:
            _passback(policy, request, passage, zone, against, notes)
        if zone.screening:
            _screening(policy, request, zone, standing, against, notes)
        if zone.two_person and (standing.visitor or not request.second_person):
            against.append(Objection(Code.TWO_PERSON, zone.id, zone.line))
        if zone.first_person and not (request.first_person_in or is_first):
            against.append(Objection(Code.FIRST_PERSON_OUT, zone.id, zone.line))
        if zone.knowledge_max_s is not None and request.knowledge_age_s > zone.knowledge_max_s:
            against.append(Objection(Code.KNOWLEDGE_TOO_OLD, zone.id, zone.line))
    return against, notes


def notes_of_leaving(policy: CompiledPolicy, request: Request, passage: Passage) -> list[Objection]:
    """What the zone that is left would like to be known."""
    zone, notes = passage.judged, []
    occupancy = zone.occupancy
    if occupancy is not None and occupancy.least is not None:
        left = request.inside.get(zone.id, 0) - 1
        if 0 < left < occupancy.least:
            notes.append(Objection(Code.NOTE_OCCUPANCY, zone.id, zone.line))
    if zone.passback is not None and request.whereabouts is not None:
        seen = policy.zones_by_id.get(request.whereabouts)
        if seen is not None and zone.id not in seen.lineage:
            notes.append(Objection(Code.NOTE_PASSBACK, zone.id, zone.line))
    return notes


def watched(policy: CompiledPolicy, holder: HolderFacts) -> Found:
    """Gate 4: lists that deny, and lists that observe. An unknown list denies."""
    against = [Objection(Code.WATCHLISTED)] if holder.watchlisted else []
    notes = []
    for name in holder.watchlists:
        rule = policy.watchlists.get(name)
        if rule is None or rule.action is WatchAction.DENY:
            line = None if rule is None else rule.line
            against.append(Objection(Code.WATCHLISTED, name, line))
        else:
            notes.append(Objection(Code.NOTE_OBSERVED, rule.id, rule.line))
    return against, notes


def _occupancy(
    request: Request, zone: ZoneRule, against: list[Objection], notes: list[Objection]
) -> None:
    limit = zone.occupancy
    assert limit is not None, "asked of zones that have limits"
    inside = request.inside.get(zone.id, 0)
    coming = 2 if request.second_person or request.escorted else 1
    hard = limit.severity is Severity.HARD
    found = []
    if limit.most is not None and inside + coming > limit.most:
        found.append(Code.OCCUPANCY_FULL)
    if limit.least is not None and inside + coming < limit.least:
        found.append(Code.BELOW_MINIMUM)
    if hard:
        against += [Objection(code, zone.id, zone.line) for code in found]
    elif found:
        notes.append(Objection(Code.NOTE_OCCUPANCY, zone.id, zone.line))


def _passback(
    policy: CompiledPolicy,
    request: Request,
    passage: Passage,
    zone: ZoneRule,
    against: list[Objection],
    notes: list[Objection],
) -> None:
    """Whoever is known inside does not come in again from outside. Unknown is not wrong."""
    rule, seen = zone.passback, policy.zones_by_id.get(request.whereabouts or "")
    assert rule is not None, "asked of zones that have a rule"
    if seen is None:
        return
    inside = zone.id in seen.lineage
    again = _within(seen, rule.region) and not _within(passage.source, rule.region)
    if not (inside or again):
        return
    age_s = request.whereabouts_age_s
    if rule.forgiven_s is not None and age_s is not None and age_s >= rule.forgiven_s:
        return
    if rule.kind is PassbackKind.SOFT:
        notes.append(Objection(Code.NOTE_PASSBACK, zone.id, zone.line))
    else:
        against.append(Objection(Code.PASSBACK, zone.id, zone.line))


def _within(zone: ZoneRule, region: frozenset[str]) -> bool:
    return not region.isdisjoint(zone.lineage)


def _screening(
    policy: CompiledPolicy,
    request: Request,
    zone: ZoneRule,
    standing: Standing,
    against: list[Objection],
    notes: list[Objection],
) -> None:
    """Any one of the stations clears; one that refused, or that was declined, stands against it."""
    if standing.exempt:
        notes.append(Objection(Code.NOTE_NOT_SEARCHED, zone.id, zone.line))
        return
    here = [found for found in request.screened if found.station in zone.screening]
    said = {found.result for found in here}
    valid = {f.result for f in here if _is_valid(policy, f.station, f.age_s)}
    if ScreeningResult.REFUSED in said:
        against.append(Objection(Code.SCREENING_REFUSED, zone.id, zone.line))
    elif ScreeningResult.DECLINED in said:
        against.append(Objection(Code.SCREENING_DECLINED, zone.id, zone.line))
    elif not valid & {ScreeningResult.CLEARED, ScreeningResult.EXEMPT}:
        against.append(Objection(Code.NOT_SCREENED, zone.id, zone.line))


def _is_valid(policy: CompiledPolicy, station: str, age_s: int | None) -> bool:
    rule = policy.screenings.get(station)
    return rule is not None and age_s is not None and 0 <= age_s < rule.valid_s
