"""What the building must be like: mistakes in zones and doors that would endanger somebody.

Each check refuses the policy when it is loaded; none of them can be switched off by a key.
"""

from collections.abc import Iterator, Mapping

from policies.compiled import (
    Egress,
    ExitKind,
    FireInput,
    OnFire,
    PassbackKind,
    PortalKind,
    PortalRule,
    Regime,
    Rex,
    Severity,
    ZoneKind,
    ZoneRule,
)
from policies.document import Document, EntryAt, Place
from policies.facts import Direction
from policies.model import EgressRoute, PortalEntry, ZoneEntry
from policies.problems import Problem

_CANNOT_COUNT = (PortalKind.LIFT, PortalKind.VEHICLE_BARRIER)


def structural_problems(
    zones: tuple[ZoneRule, ...],
    portals: tuple[PortalRule, ...],
    fires: tuple[FireInput, ...],
    document: Document,
) -> list[Problem]:
    by_id = {zone.id: zone for zone in zones}
    zone_places = {entry.id: entry for entry in document.of(ZoneEntry)}
    entries = document.of(PortalEntry)
    problems = [p for zone in zones for p in _zone(zone, by_id, zone_places[zone.id].place)]
    for entry, portal in zip(entries, portals, strict=True):
        problems += _hardware(entry.value, portal, entry.place)
        problems += _electric_way_out(portal, by_id, fires, entry.place)
        problems += _route(entry.value, portal, by_id, entry.place)
        problems += _times_and_opening(portal, entry.place)
        problems += _unseen_passages(portal, by_id, entry.place)
    if document.is_read("portal", "interlock"):
        problems += _interlocks(entries)
    if document.is_read("zone") and document.is_read("portal", "from", "to"):
        problems += _ways_out(zones, portals, zone_places)
    if not document.declared["zone"]:
        problems.append(document.top.problem("the policy has no zones", "write [zone.street]"))
    return problems


def _zone(zone: ZoneRule, zones: Mapping[str, ZoneRule], place: Place) -> Iterator[Problem]:
    parent = zones.get(zone.inside or "")
    if zone.kind is ZoneKind.PUBLIC and parent is not None and parent.kind is not ZoneKind.PUBLIC:
        yield place.child("inside").problem(f"a public zone cannot lie inside '{parent.id}'")
    if zone.consent_presumed_in_fire and zone.regime is not Regime.CONSULAR:
        # VCCR art. 31(2) presumes consent in a fire; VCDR art. 22 knows no such case.
        yield place.child("consent-presumed-in-fire").problem(
            "mission premises have no presumed consent", "only with regime = 'consular'"
        )


def _hardware(entry: PortalEntry, portal: PortalRule, place: Place) -> Iterator[Problem]:
    if portal.egress is Egress.ELECTRIC and portal.on_fire is OnFire.LEAVE:
        yield place.child("on-fire").problem(
            "an electric way out must be released in a fire", "on-fire = 'release'"
        )
    if portal.exit is ExitKind.READER and not portal.hardwired_release:
        yield place.child("exit").problem(
            "a reader exit needs a hard-wired release", "fit one, then hard-wired-release = true"
        )
    if portal.exit is ExitKind.FREE and entry.exit_factors is not None:
        yield place.child("exit-factors").problem("a free exit asks for nothing")
    if portal.may_hold is not None and (
        portal.exit is ExitKind.FREE or portal.egress is Egress.MECHANICAL
    ):
        yield place.child("may-hold").problem("a free or mechanical exit is never held")
    if portal.kind is PortalKind.VEHICLE_BARRIER and not portal.loop:
        yield place.child("loop").problem(
            "a vehicle barrier without a safety loop closes on whoever is under it", "loop = true"
        )
    if portal.loop and not portal.contact:
        yield place.child("contact").problem(
            "nobody sees whether it is down: its contact is the lower limit", "contact = true"
        )
    if entry.drop_arm and portal.kind is not PortalKind.TURNSTILE:
        yield place.child("drop-arm").problem("only a turnstile has a drop-arm")


def _electric_way_out(
    portal: PortalRule,
    zones: Mapping[str, ZoneRule],
    fires: tuple[FireInput, ...],
    place: Place,
) -> Iterator[Problem]:
    """A lock that somebody has to switch: in a fire, and on any calm day."""
    if portal.egress is not Egress.ELECTRIC:
        return
    sides = [zones[side] for side in (portal.outer, portal.inner) if side in zones]
    if len(sides) == 2 and not any(fire.covers(side) for fire in fires for side in sides):
        yield place.child("egress").problem(
            "no fire input covers this electric way out: nothing would release it in a fire",
            "add one: [fire.NAME], with zones = [] for all of them",
        )
    if portal.exit is ExitKind.FREE and portal.rex is not Rex.UNLOCK:
        yield place.child("rex" if portal.rex is not None else "exit").problem(
            "nothing opens this electric way out for who asks for nothing",
            "rex = 'unlock', or exit = 'reader' with a hard-wired release",
        )


def _route(
    entry: PortalEntry, portal: PortalRule, zones: Mapping[str, ZoneRule], place: Place
) -> Iterator[Problem]:
    outer, inner = zones.get(portal.outer), zones.get(portal.inner)
    if portal.outer == portal.inner:
        yield place.child("to").problem("leads into the zone it comes from")
        return
    stated = place.child("egress-route")
    if entry.egress_route in (EgressRoute.ENTRY, EgressRoute.EXIT):
        if portal.kind in _CANNOT_COUNT:
            yield stated.problem(f"a {portal.kind} is never a way out", "egress-route = 'none'")
        elif portal.kind is PortalKind.TURNSTILE and not portal.drop_arm:
            yield stated.problem("a turnstile without drop-arm is never a way out")
        elif portal.egress is Egress.NONE:
            yield stated.problem("with egress = 'none' nobody gets out here")
    if outer is None or inner is None:
        return
    back, out = (outer, inner) if portal.way_out is Direction.ENTRY else (inner, outer)
    place_of_route = stated if entry.egress_route is not None else place.child("from")
    if back.kind is ZoneKind.PUBLIC and out.kind is not ZoneKind.PUBLIC:
        yield place_of_route.problem(
            f"the way out would lead from the public zone '{back.id}' into '{out.id}'",
            "'from' is the outer zone, 'to' the inner one",
        )
    elif back.id in out.lineage[1:] and back.kind is not ZoneKind.PUBLIC:
        yield place_of_route.problem(
            f"the way out would lead deeper inside, from '{back.id}' into '{out.id}'",
            "'from' is the outer zone, 'to' the inner one",
        )


def _times_and_opening(portal: PortalRule, place: Place) -> Iterator[Problem]:
    if portal.held_ms < portal.open_ms:
        yield place.child("held-s").problem("is shorter than the release itself ('open-s')")
    if portal.stuck_ms <= portal.held_ms:
        yield place.child("stuck-s").problem("must be longer than 'held-s'")
    yield from _extended_times(portal, place)
    if portal.pre_alarm_ms is not None and portal.pre_alarm_ms >= portal.held_ms:
        yield place.child("pre-alarm-s").problem("must be shorter than 'held-s'")
    if portal.pre_alarm_ms is not None and not portal.contact:
        yield place.child("pre-alarm-s").problem(
            "nobody sees a portal without a contact stand open"
        )
    if portal.open_schedule is not None and portal.interlock is not None:
        yield place.child("open").problem("a portal of an interlock never stands open")


def _extended_times(portal: PortalRule, place: Place) -> Iterator[Problem]:
    """Who needs more time is never given less."""
    release_ms, patience_ms = (portal.release_ms(extended=True), portal.patience_ms(extended=True))
    opened, held = place.child("open-extended-s"), place.child("held-extended-s")
    if release_ms < portal.open_ms:
        yield opened.problem("is shorter than 'open-s'")
    elif patience_ms < release_ms and portal.held_ms >= portal.open_ms:
        yield opened.problem("is longer than they may have it open ('held-extended-s')")
    if patience_ms < portal.held_ms:
        yield held.problem("is shorter than 'held-s'")
    if patience_ms >= portal.stuck_ms > portal.held_ms:
        yield place.child("stuck-s").problem("must be longer than 'held-extended-s'")


def _unseen_passages(
    portal: PortalRule, zones: Mapping[str, ZoneRule], place: Place
) -> Iterator[Problem]:
    """Where nobody sees whether a leaf was opened, whoever was granted the way counts as gone in;
    a limit that refuses people cannot rest on that."""
    outer, inner = zones.get(portal.outer), zones.get(portal.inner)
    if portal.contact or outer is None or inner is None:
        return
    for name in sorted(set(outer.lineage) ^ set(inner.lineage)):
        zone = zones.get(name)
        if zone is not None and _counts_people(zone):
            yield place.child("contact").problem(
                f"leads into or out of '{name}', which refuses people by who is inside",
                "fit a contact, or make the limit 'soft'",
            )


def _counts_people(zone: ZoneRule) -> bool:
    hard = zone.occupancy is not None and zone.occupancy.severity is Severity.HARD
    return hard or (zone.passback is not None and zone.passback.kind is not PassbackKind.SOFT)


def _interlocks(entries: tuple[EntryAt[PortalEntry], ...]) -> Iterator[Problem]:
    named: dict[str, list[Place]] = {}
    for entry in entries:
        if entry.value.interlock is not None:
            named.setdefault(entry.value.interlock, []).append(entry.place.child("interlock"))
    for name, places in named.items():
        if len(places) == 1:
            yield places[0].problem(f"only one portal in the interlock '{name}'", "it needs two")


def _ways_out(
    zones: tuple[ZoneRule, ...],
    portals: tuple[PortalRule, ...],
    entries: Mapping[str, EntryAt[ZoneEntry]],
) -> Iterator[Problem]:
    """From every zone some way leads to a public zone, through portals that count as ways out."""
    reached = {zone.id for zone in zones if zone.kind is ZoneKind.PUBLIC}
    growing = True
    while growing:
        growing = False
        for portal in portals:
            if portal.egress_route is None or portal.egress is Egress.NONE:
                continue
            inside_out = portal.egress_route is Direction.EXIT
            back, out = portal.inner, portal.outer
            if not inside_out:
                back, out = out, back
            if out in reached and back not in reached:
                reached.add(back)
                growing = True
    for zone in zones:
        if zone.id not in reached:
            yield entries[zone.id].place.at_key(
                "no way leads out of this zone into a public one",
                "lifts, barriers, turnstiles without drop-arm, reader exits without hard-wired"
                " release and egress = 'none' do not count",
            )
