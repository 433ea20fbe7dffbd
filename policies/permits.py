"""Who may what: roles, grants, denials, watchlists, orders and what is declared never to happen."""

from collections.abc import Mapping

from policies.compiling import Compiling
from policies.document import EntryAt, Place
from policies.grants import needs_of
from policies.model import (
    AlwaysEntry,
    DenyEntry,
    GrantEntry,
    NeverEntry,
    OrderEntry,
    PageEntry,
    RoleEntry,
    RoleKind,
    Screening,
    SuccessionEntry,
    WatchlistEntry,
)
from policies.problems import did_you_mean
from policies.profiles import ASKS_NOTHING, Profiles
from policies.rights import (
    TWO_PEOPLE,
    AlwaysRule,
    DenyRule,
    GrantRule,
    NeverRule,
    OrderKind,
    OrderRule,
    PageRule,
    ProtectedShown,
    Right,
    RoleRule,
    SuccessionRule,
    WatchlistRule,
)
from policies.schedule import Schedule


def compiled_role(compiling: Compiling, entry: EntryAt[RoleEntry]) -> RoleRule:
    """One role."""
    value, place = entry.value, entry.place
    visitor = value.kind is RoleKind.VISITOR
    if visitor and value.overrides:
        compiling.problems.append(place.child("overrides").problem("a visitor overrides nothing"))
    if visitor and value.escort:
        compiling.problems.append(place.child("escort").problem("a visitor escorts nobody"))
    for key, given in (("per-host", value.per_host), ("stay-max-s", value.stay_max_s)):
        if given is not None and not visitor:
            message = "concerns visitors alone"
            compiling.problems.append(place.child(key).at_key(message, 'kind = "visitor"'))
    return RoleRule(
        id=entry.id,
        line=place.line,
        clearance=value.clearance,
        protected=value.protected,
        host_state=value.host_state,
        emergency=value.emergency,
        visitor=visitor,
        exempt=value.screening is Screening.EXEMPT,
        escort=value.escort,
        per_host=value.per_host,
        stay_max_s=None if value.stay_max_s is None else int(value.stay_max_s),
        extended=value.extended,
        protocol=value.protocol,
        overrides=frozenset(value.overrides),
    )


def compiled_grant(
    compiling: Compiling,
    profiles: Profiles,
    schedules: Mapping[str, Schedule],
    entry: EntryAt[GrantEntry],
) -> GrantRule:
    """One grant."""
    value, place = entry.value, entry.place
    _roles(compiling, value.roles, place)
    compiling.all_known("zone", value.zones, place.child("zones"))
    compiling.all_known("portal", value.portals, place.child("portals"))
    if bool(value.zones) == bool(value.portals):
        message = "opens nothing" if not value.zones else "names zones and portals"
        hint = "give either 'zones' (every way in) or 'portals' (these only)"
        compiling.problems.append(place.at_key(message, hint))
    hours = None
    if value.when is not None:
        compiling.known("schedule", value.when, place.child("when"))
        hours = schedules.get(value.when)
    if not value.in_:
        compiling.problems.append(place.child("in").problem("holds in no mode", 'in = ["normal"]'))
    profile = profiles.named(value.factors, place.child("factors"))
    modes = frozenset(value.in_)
    return GrantRule(
        id=entry.id,
        line=place.line,
        roles=frozenset(value.roles),
        zones=frozenset(value.zones),
        portals=frozenset(value.portals),
        hours=hours,
        threat_max=value.threat_max,
        modes=modes,
        escorted=value.escorted,
        two_person=value.two_person,
        first_person=value.first_person,
        factors=profile or ASKS_NOTHING,
        needs=needs_of(
            value.threat_max,
            modes,
            escorted=value.escorted,
            two_person=value.two_person,
        ),
    )


def compiled_deny(compiling: Compiling, entry: EntryAt[DenyEntry]) -> DenyRule:
    """One denial."""
    value, place = entry.value, entry.place
    _roles(compiling, value.roles, place)
    compiling.all_known("zone", value.zones, place.child("zones"))
    if not value.zones:
        compiling.problems.append(place.child("zones").problem("forbids nothing: name a zone"))
    return DenyRule(
        id=entry.id,
        line=place.line,
        roles=frozenset(value.roles),
        zones=frozenset(value.zones),
        reason=value.reason,
    )


def compiled_watchlist(entry: EntryAt[WatchlistEntry]) -> WatchlistRule:
    """One watchlist."""
    return WatchlistRule(
        id=entry.id,
        line=entry.place.line,
        action=entry.value.action,
        reason=entry.value.reason,
    )


def compiled_order(compiling: Compiling, entry: EntryAt[OrderEntry]) -> OrderRule | None:
    """Who may give one kind of order; None where there is no such kind."""
    value, place = entry.value, entry.place
    if entry.id not in set(OrderKind):
        hint = did_you_mean(entry.id, list(OrderKind)) or f"one of {', '.join(OrderKind)}"
        compiling.problems.append(place.at_key(f"unknown order '{entry.id}'", hint))
        return None
    kind = OrderKind(entry.id)
    _roles(compiling, value.roles, place)
    least = 2 if kind in TWO_PEOPLE else 1
    if value.people is not None and value.people < least:
        message = f"the order '{kind}' takes protection away: two people sign it"
        compiling.problems.append(place.child("people").problem(message, "people = 2"))
    return OrderRule(
        kind=kind,
        line=place.line,
        roles=frozenset(value.roles),
        people=least if value.people is None else value.people,
    )


def compiled_succession(compiling: Compiling, entry: EntryAt[SuccessionEntry]) -> SuccessionRule:
    """The deputies of one role."""
    deputies, place = entry.value.deputies, entry.place
    compiling.known("role", entry.id, place)
    compiling.all_known("role", deputies, place.child("deputies"))
    if not deputies:
        compiling.problems.append(place.child("deputies").problem("names nobody"))
    if entry.id in deputies or len(set(deputies)) < len(deputies):
        message = "names a role twice: nobody takes his own place"
        compiling.problems.append(place.child("deputies").problem(message))
    return SuccessionRule(id=entry.id, line=place.line, deputies=deputies)


def compiled_page(compiling: Compiling, entry: EntryAt[PageEntry]) -> PageRule | None:
    """Who has one right at the pages; None where there is no such right."""
    value, place = entry.value, entry.place
    if entry.id not in set(Right):
        hint = did_you_mean(entry.id, list(Right)) or f"one of {', '.join(Right)}"
        compiling.problems.append(place.at_key(f"unknown page '{entry.id}'", hint))
        return None
    right = Right(entry.id)
    _roles(compiling, value.roles, place)
    if value.protected is not None and right is not Right.GATE:
        message = "concerns the guard's terminal alone"
        compiling.problems.append(place.child("protected").at_key(message, "[page.gate]"))
    return PageRule(
        right=right,
        line=place.line,
        roles=frozenset(value.roles),
        protected=value.protected or ProtectedShown.STATUS,
    )


def compiled_never(compiling: Compiling, entry: EntryAt[NeverEntry]) -> NeverRule:
    """What is declared never to happen."""
    value, place = entry.value, entry.place
    _roles(compiling, value.roles, place)
    _zones(compiling, "reach", value.reach, place)
    return NeverRule(
        id=entry.id,
        line=place.line,
        roles=frozenset(value.roles),
        reach=frozenset(value.reach),
        unless=frozenset(value.unless),
        reason=value.reason,
    )


def compiled_always(compiling: Compiling, entry: EntryAt[AlwaysEntry]) -> AlwaysRule:
    """What is declared always to be possible."""
    value, place = entry.value, entry.place
    _roles(compiling, value.roles, place)
    _zones(compiling, "reach", value.reach, place)
    _zones(compiling, "from", value.from_, place)
    return AlwaysRule(
        id=entry.id,
        line=place.line,
        roles=frozenset(value.roles),
        sources=frozenset(value.from_),
        reach=frozenset(value.reach),
        modes=frozenset(value.in_),
        threat_max=value.threat_max,
        reason=value.reason,
    )


def _roles(compiling: Compiling, roles: tuple[str, ...], place: Place) -> None:
    compiling.all_known("role", roles, place.child("roles"))
    if not roles:
        compiling.problems.append(place.child("roles").problem("concerns nobody: name a role"))


def _zones(compiling: Compiling, key: str, zones: tuple[str, ...], place: Place) -> None:
    compiling.all_known("zone", zones, place.child(key))
    if not zones:
        compiling.problems.append(place.child(key).problem("names no zone"))
