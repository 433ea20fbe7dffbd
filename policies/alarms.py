"""Alarm points and arming sets: entries to rules."""

from collections.abc import Iterator, Mapping, Sequence

from policies.compiled import ZoneRule
from policies.compiling import Compiling
from policies.document import EntryAt
from policies.model import ArmingEntry, PointEntry
from policies.points import SUPPLIES, ArmingRule, PointRule

STUCK_S = 300.0
"""Activity that lasts so long is no activity: a thing stands in the beam, or a relay has welded."""


def compiled_alarms(
    compiling: Compiling, zones: Sequence[ZoneRule]
) -> tuple[dict[str, ArmingRule], dict[str, PointRule]]:
    """Every arming set and every point, by id."""
    document = compiling.document
    armings = {e.id: _arming(compiling, e) for e in document.of(ArmingEntry)}
    _named_twice(compiling)
    by_id = {zone.id: zone for zone in zones}
    points = {e.id: _point(compiling, by_id, armings, e) for e in document.of(PointEntry)}
    return armings, points


def _arming(compiling: Compiling, entry: EntryAt[ArmingEntry]) -> ArmingRule:
    """One set."""
    value, place = entry.value, entry.place
    compiling.all_known("zone", value.zones, place.child("zones"))
    compiling.all_known("role", value.roles, place.child("roles"))
    if value.schedule is not None:
        compiling.known("schedule", value.schedule, place.child("schedule"))
    if not value.zones:
        compiling.problems.append(place.child("zones").problem("arms nothing", "name a zone"))
    if value.schedule is None and not value.roles:
        hint = "give a schedule, or the roles that may arm"
        compiling.problems.append(place.at_key("nothing ever arms it", hint))
    return ArmingRule(
        id=entry.id,
        name=value.name or entry.id,
        line=place.line,
        zones=value.zones,
        schedule=value.schedule,
        roles=frozenset(value.roles),
    )


def _named_twice(compiling: Compiling) -> None:
    """A zone that two sets name would be armed by one and disarmed by the other."""
    first: dict[str, str] = {}
    for entry in compiling.document.of(ArmingEntry):
        for index, zone in enumerate(entry.value.zones):
            other = first.setdefault(zone, entry.id)
            if other != entry.id or zone in entry.value.zones[:index]:
                at = entry.place.child("zones", index)
                hint = "a zone inside another may have a set of its own"
                compiling.problems.append(at.problem(f"'{other}' arms '{zone}' already", hint))


def _point(
    compiling: Compiling,
    zones: Mapping[str, ZoneRule],
    armings: Mapping[str, ArmingRule],
    entry: EntryAt[PointEntry],
) -> PointRule:
    """One point."""
    value, place = entry.value, entry.place
    compiling.known("zone", value.zone, place.child("zone"))
    compiling.all_known("role", value.roles, place.child("roles"))
    supply = value.kind in SUPPLIES
    always = value.always or supply
    if always and value.entry_delay_s:
        message = "nobody disarms a point that alarms at any hour"
        compiling.problems.append(place.child("entry-delay-s").problem(message, "leave it out"))
    stuck_s = value.stuck_s
    if stuck_s is None and not supply:
        stuck_s = STUCK_S
    if stuck_s is not None and stuck_s <= value.entry_delay_s:
        at = place.child("stuck-s" if value.stuck_s is not None else "entry-delay-s")
        compiling.problems.append(at.problem("'stuck-s' must be longer than 'entry-delay-s'"))
    zone = zones.get(value.zone)
    return PointRule(
        id=entry.id,
        name=value.name or entry.id,
        line=place.line,
        kind=value.kind,
        zone=value.zone,
        arming=None if zone is None else next(_armed_by(zone, armings), None),
        always=always,
        entry_delay_ms=round(value.entry_delay_s * 1_000),
        stuck_ms=None if stuck_s is None else round(stuck_s * 1_000),
        debounce_ms=value.debounce_ms,
        roles=frozenset(value.roles),
    )


def _armed_by(zone: ZoneRule, armings: Mapping[str, ArmingRule]) -> Iterator[str]:
    """The sets that name the zone or one around it, the nearest first."""
    for name in zone.lineage:
        yield from (rule.id for rule in armings.values() if name in rule.zones)
