"""The ground plan: zones, portals with their hardware, fire inputs, screening stations."""

from collections.abc import Mapping
from itertools import pairwise

from policies.compiled import (
    Egress,
    ExitKind,
    FireInput,
    Occupancy,
    OnFire,
    Passback,
    PassbackKind,
    PortalKind,
    PortalRule,
    ScreeningRule,
    Severity,
    ZoneKind,
    ZoneRule,
)
from policies.compiling import Compiling
from policies.document import EntryAt, Place
from policies.faces import compiled_face
from policies.factors import Profile
from policies.facts import Direction
from policies.model import EgressRoute, FireEntry, PortalEntry, ScreeningEntry, ZoneEntry
from policies.profiles import ASKS_NOTHING, BADGE_ALONE, Profiles

NESTED_MAX = 32
"""Zones inside each other, from a safe to the street; a hostile file nests thousands."""
TOGETHER_MAX = 2
"""So many people enter at once: two, where a second person presents."""
_COUNTS = (PortalKind.DOOR, PortalKind.GATE, PortalKind.TURNSTILE)
"""Kinds that may be a way out; a turnstile needs a drop-arm on top."""


def compiled_zones(compiling: Compiling, profiles: Profiles) -> tuple[ZoneRule, ...]:
    """Every zone, in the order of the files."""
    entries = compiling.document.of(ZoneEntry)
    inside = {entry.id: entry.value.inside for entry in entries}
    regions: dict[str, set[str]] = {}
    for entry in entries:
        regions.setdefault(_region(entry), set()).add(entry.id)
    return tuple(_zone(compiling, profiles, entry, inside, regions) for entry in entries)


def _region(entry: EntryAt[ZoneEntry]) -> str:
    """Zones of one region share its name; a zone without one is a region of its own."""
    name = entry.value.anti_passback_region
    return f"zone {entry.id}" if name is None else f"region {name}"


def _zone(
    compiling: Compiling,
    profiles: Profiles,
    entry: EntryAt[ZoneEntry],
    inside: Mapping[str, str | None],
    regions: Mapping[str, set[str]],
) -> ZoneRule:
    value, place = entry.value, entry.place
    profile = profiles.named(value.factors, place.child("factors"))
    if value.factors is None and value.kind is not ZoneKind.PUBLIC:
        hint = "name a profile of [factors]"
        compiling.problems.append(place.at_key("'factors' is missing", hint))
    compiling.all_known("screening", value.screening, place.child("screening"))
    knowledge_s = value.knowledge_max_s
    return ZoneRule(
        id=entry.id,
        name=value.name or entry.id,
        line=place.line,
        inside=value.inside,
        lineage=_lineage(compiling, entry, inside),
        kind=value.kind,
        regime=value.regime,
        consent_presumed_in_fire=value.consent_presumed_in_fire,
        clearance=_clearance(compiling, value.clearance, place.child("clearance")),
        factors=profile or ASKS_NOTHING,
        assurance=value.assurance,
        occupancy=_occupancy(compiling, value, place),
        passback=_passback(compiling, entry, frozenset(regions[_region(entry)])),
        two_person=value.two_person,
        first_person=value.first_person,
        screening=value.screening,
        knowledge_max_s=None if knowledge_s is None else int(knowledge_s),
        face=compiled_face(compiling, value, place),
    )


def _lineage(
    compiling: Compiling, entry: EntryAt[ZoneEntry], inside: Mapping[str, str | None]
) -> tuple[str, ...]:
    lineage = [entry.id]
    parent = entry.value.inside
    place = entry.place.child("inside")
    if parent is not None:
        compiling.known("zone", parent, place)
    while parent is not None and parent not in lineage and len(lineage) < NESTED_MAX:
        lineage.append(parent)
        parent = inside.get(parent)
    if parent == entry.id:
        chain = " in ".join([*lineage, entry.id])
        compiling.problems.append(place.problem(f"a zone inside itself: {chain}"))
    elif len(lineage) == NESTED_MAX and parent is not None:
        compiling.problems.append(place.problem(f"more than {NESTED_MAX} zones inside each other"))
    return tuple(lineage)


def _clearance(compiling: Compiling, levels: Mapping[str, int], place: Place) -> tuple[int, ...]:
    clearance = compiling.levels(levels, 0, place)
    for level, (below, needed) in enumerate(pairwise(clearance), start=2):
        if needed < below:
            compiling.looser(place, level, "needs less clearance")
    return clearance


def _occupancy(compiling: Compiling, value: ZoneEntry, place: Place) -> Occupancy | None:
    least, most = value.occupancy_min, value.occupancy_max
    if least is None and most is None:
        if value.occupancy is not Severity.HARD:
            at = place.child("occupancy")
            compiling.problems.append(at.at_key("limits nothing", "give occupancy-max"))
        return None
    at = place.child("occupancy-min")
    if least is not None and most is not None and least > most:
        compiling.problems.append(at.problem("is more than 'occupancy-max'"))
    if least is not None and value.occupancy is Severity.HARD and least > TOGETHER_MAX:
        message = f"nobody could ever be the first: at most {TOGETHER_MAX} people enter together"
        compiling.problems.append(at.problem(message, "occupancy = 'soft'"))
    return Occupancy(least, most, value.occupancy)


def _passback(
    compiling: Compiling, entry: EntryAt[ZoneEntry], region: frozenset[str]
) -> Passback | None:
    value, place = entry.value, entry.place
    kind, after_s = value.anti_passback, value.anti_passback_s
    if (kind is PassbackKind.TIMED) != (after_s is not None):
        message = "'timed' and 'anti-passback-s' belong together"
        at = place.child("anti-passback" if after_s is None else "anti-passback-s")
        compiling.problems.append(at.problem(message, "after how many seconds it is forgiven"))
    if kind is None:
        if value.anti_passback_region is not None:
            at = place.child("anti-passback-region")
            compiling.problems.append(at.at_key("without 'anti-passback'", "'hard' or 'soft'"))
        return None
    return Passback(kind, region, None if after_s is None else int(after_s))


def compiled_portal(compiling: Compiling, entry: EntryAt[PortalEntry]) -> PortalRule:
    """One portal; what it asks for is looked up by `asked_for`."""
    value, place = entry.value, entry.place
    compiling.known("zone", value.from_, place.child("from"))
    compiling.known("zone", value.to, place.child("to"))
    if value.open is not None:
        compiling.known("schedule", value.open, place.child("open"))
    on_fire = value.on_fire
    if on_fire is None:
        on_fire = OnFire.RELEASE if value.egress is Egress.ELECTRIC else OnFire.LEAVE
    return PortalRule(
        id=entry.id,
        name=value.name or entry.id,
        line=place.line,
        outer=value.from_,
        inner=value.to,
        kind=value.kind,
        lock=value.lock,
        egress=value.egress,
        egress_route=_route(value),
        on_fire=on_fire,
        exit=value.exit,
        hardwired_release=value.hard_wired_release,
        drop_arm=value.drop_arm,
        rex=value.rex,
        contact=value.contact,
        bolt=value.bolt,
        loop=value.kind is PortalKind.VEHICLE_BARRIER if value.loop is None else value.loop,
        open_ms=_milliseconds(compiling, value.open_s, place.child("open-s")),
        held_ms=_milliseconds(compiling, value.held_s, place.child("held-s")),
        pre_alarm_ms=_optional_ms(compiling, value.pre_alarm_s, place.child("pre-alarm-s")),
        open_extended_ms=_optional_ms(
            compiling, value.open_extended_s, place.child("open-extended-s")
        ),
        held_extended_ms=_optional_ms(
            compiling, value.held_extended_s, place.child("held-extended-s")
        ),
        stuck_ms=_milliseconds(compiling, value.stuck_s, place.child("stuck-s")),
        debounce_ms=value.debounce_ms,
        emergency=value.emergency,
        refuge_route=value.refuge_route,
        release_by_two=value.release_by_two,
        interlock=value.interlock,
        open_schedule=value.open,
        open_threat_max=value.open_threat_max,
        may_hold=value.may_hold,
        pictures=value.pictures,
    )


def asked_for(profiles: Profiles, entry: EntryAt[PortalEntry]) -> tuple[Profile, Profile]:
    """What the portal asks for on top of the zone entered, and its reader on the way out."""
    on_top = profiles.named(entry.value.factors, entry.place.child("factors"))
    on_exit = profiles.named(entry.value.exit_factors, entry.place.child("exit-factors"))
    return on_top or ASKS_NOTHING, on_exit or BADGE_ALONE


def compiled_fire(compiling: Compiling, entry: EntryAt[FireEntry]) -> FireInput:
    """One fire input."""
    compiling.all_known("zone", entry.value.zones, entry.place.child("zones"))
    return FireInput(id=entry.id, line=entry.place.line, zones=entry.value.zones)


def compiled_screening(entry: EntryAt[ScreeningEntry]) -> ScreeningRule:
    """One screening station."""
    value = entry.value
    return ScreeningRule(
        id=entry.id,
        name=value.name or entry.id,
        line=entry.place.line,
        valid_s=int(value.valid_s),
    )


def _milliseconds(compiling: Compiling, seconds: float, place: Place) -> int:
    tenths = round(seconds * 10, 6)  # 1.1 * 10 is a little more than 11
    if not tenths.is_integer():
        compiling.problems.append(place.problem("is not a whole number of tenths of a second"))
        return 100
    return int(tenths) * 100


def _optional_ms(compiling: Compiling, seconds: float | None, place: Place) -> int | None:
    return None if seconds is None else _milliseconds(compiling, seconds, place)


def _route(value: PortalEntry) -> Direction | None:
    """Which direction counts as a way out; None for what cannot be one (see `structure`)."""
    counts = value.kind in _COUNTS and (value.kind is not PortalKind.TURNSTILE or value.drop_arm)
    released = value.exit is ExitKind.FREE or value.hard_wired_release
    if value.egress_route is EgressRoute.ENTRY:  # which side is out is true of any kind
        return Direction.ENTRY
    if value.egress is Egress.NONE or not counts or not released:
        return None
    return None if value.egress_route is EgressRoute.NONE else Direction.EXIT
