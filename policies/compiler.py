"""From entries to the compiled policy: references resolved, meanings checked, tables built."""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from types import MappingProxyType

from policies.alarms import compiled_alarms
from policies.compile_schedules import compiled_schedules
from policies.compiled import CompiledPolicy
from policies.compiling import Compiling
from policies.document import Document, valid_id
from policies.ground import (
    asked_for,
    compiled_fire,
    compiled_portal,
    compiled_screening,
    compiled_zones,
)
from policies.model import (
    AlwaysEntry,
    DenyEntry,
    FireEntry,
    GrantEntry,
    NeverEntry,
    OrderEntry,
    PageEntry,
    PortalEntry,
    RoleEntry,
    ScreeningEntry,
    SuccessionEntry,
    WatchlistEntry,
)
from policies.passages import passages_of
from policies.permits import (
    compiled_always,
    compiled_deny,
    compiled_grant,
    compiled_never,
    compiled_order,
    compiled_page,
    compiled_role,
    compiled_succession,
    compiled_watchlist,
)
from policies.problems import Problem, did_you_mean
from policies.profiles import Profiles
from policies.rights import OrderKind, OrderRule, PageRule, Right, SuccessionRule
from policies.rule_sets import by_name
from policies.structure import structural_problems


def compile_policy(
    document: Document,
    digest: str,
    timezone: Callable[[str], tzinfo],
    tzdata_version: str,
    zone_names: Callable[[], Iterable[str]],
) -> tuple[CompiledPolicy | None, list[Problem]]:
    """The compiled policy, or None with the reasons. A document with gaps is checked all the same,
    so that everything wrong in it is said at once."""
    compiling = Compiling(document)
    zone = _time_zone(compiling, timezone, zone_names)
    schedules = compiled_schedules(compiling)
    profiles = Profiles(compiling)
    zones = compiled_zones(compiling, profiles)
    portals = tuple(compiled_portal(compiling, entry) for entry in document.of(PortalEntry))
    asked = {entry.id: asked_for(profiles, entry) for entry in document.of(PortalEntry)}
    fires = tuple(compiled_fire(compiling, entry) for entry in document.of(FireEntry))
    screenings = {e.id: compiled_screening(e) for e in document.of(ScreeningEntry)}
    roles = {entry.id: compiled_role(compiling, entry) for entry in document.of(RoleEntry)}
    grants = tuple(
        compiled_grant(compiling, profiles, schedules, e) for e in document.of(GrantEntry)
    )
    denies = tuple(compiled_deny(compiling, entry) for entry in document.of(DenyEntry))
    watchlists = {entry.id: compiled_watchlist(entry) for entry in document.of(WatchlistEntry)}
    nevers = tuple(compiled_never(compiling, entry) for entry in document.of(NeverEntry))
    always = tuple(compiled_always(compiling, entry) for entry in document.of(AlwaysEntry))
    armings, points = compiled_alarms(compiling, zones)
    orders, successions, pages = _orders(compiling), _successions(compiling), _pages(compiling)
    compiling.problems += structural_problems(zones, portals, fires, document)
    if compiling.problems or zone is None or not document.whole:
        return None, compiling.problems
    return CompiledPolicy(
        site=document.header.site,
        name=document.header.name or document.header.site,
        version=document.header.version,
        digest=digest,
        timezone=document.header.timezone,
        portraits=document.header.portraits,
        tzdata_version=tzdata_version,
        zone=zone,
        zones=zones,
        portals=portals,
        fire_inputs=fires,
        points=MappingProxyType(points),
        armings=MappingProxyType(armings),
        roles=MappingProxyType(roles),
        grants=grants,
        denies=denies,
        watchlists=MappingProxyType(watchlists),
        screenings=MappingProxyType(screenings),
        orders=MappingProxyType(orders),
        successions=MappingProxyType(successions),
        pages=MappingProxyType(pages),
        nevers=nevers,
        always=always,
        schedules=MappingProxyType(schedules),
        passages=MappingProxyType(passages_of(zones, portals, asked, grants, denies)),
        zones_by_id=MappingProxyType({rule.id: rule for rule in zones}),
        portals_by_id=MappingProxyType({rule.id: rule for rule in portals}),
        grants_of=MappingProxyType(by_name(rule.roles for rule in grants)),
        denies_of=MappingProxyType(by_name(rule.roles for rule in denies)),
        offsets={},
        standings={},
    ), []


def _orders(compiling: Compiling) -> dict[OrderKind, OrderRule]:
    rules = (compiled_order(compiling, entry) for entry in compiling.document.of(OrderEntry))
    return {rule.kind: rule for rule in rules if rule is not None}


def _successions(compiling: Compiling) -> dict[str, SuccessionRule]:
    entries = compiling.document.of(SuccessionEntry)
    return {entry.id: compiled_succession(compiling, entry) for entry in entries}


def _pages(compiling: Compiling) -> dict[Right, PageRule]:
    rules = (compiled_page(compiling, entry) for entry in compiling.document.of(PageEntry))
    return {rule.right: rule for rule in rules if rule is not None}


def _time_zone(
    compiling: Compiling,
    timezone: Callable[[str], tzinfo],
    zone_names: Callable[[], Iterable[str]],
) -> tzinfo | None:
    document = compiling.document
    header = document.header
    if not valid_id(header.site):
        compiling.problems.append(
            document.place("site").problem(
                f"'{header.site}' is not an id of a-z, 0-9, '-' and '_'",
                "put the full name under 'name'",
            )
        )
    try:
        return timezone(header.timezone)
    except (LookupError, ValueError, OSError):
        place = document.place("timezone")
        hint = did_you_mean(header.timezone, zone_names()) or "for example Europe/Vienna"
        compiling.problems.append(place.problem(f"unknown time zone '{header.timezone}'", hint))
        return None
