"""From entries to the compiled policy: references resolved, meanings checked, tables built."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from types import MappingProxyType

from policies.compile_schedules import compiled_schedule
from policies.compiled import (
    LEVELS,
    CompiledPolicy,
    DenyRule,
    Egress,
    ExitKind,
    FireInput,
    GrantRule,
    OnFire,
    PortalKind,
    PortalRule,
    RoleRule,
    ZoneKind,
    ZoneRule,
)
from policies.compiling import Compiling
from policies.document import Document, EntryAt, Place, valid_id
from policies.factors import (
    ANYTHING,
    FactorSyntaxError,
    described,
    mask_of,
    minimal_sets,
    parse,
    suffices,
    table_of,
)
from policies.facts import Direction, Factor
from policies.model import (
    DenyEntry,
    EgressRoute,
    FireEntry,
    GrantEntry,
    PortalEntry,
    RoleEntry,
    RoleKind,
    ScheduleEntry,
    ZoneEntry,
)
from policies.passages import passages_of
from policies.problems import Problem, did_you_mean
from policies.structure import structural_problems

NO_FACTORS = (ANYTHING,) * LEVELS
BADGE_ONLY = (table_of((mask_of((Factor.BADGE,)),)),) * LEVELS
"""What an exit reader asks for where the policy does not say: who it is."""

_COUNTS = (PortalKind.DOOR, PortalKind.GATE, PortalKind.TURNSTILE)
"""Kinds that may be a way out; a turnstile needs a drop-arm on top."""


def compile_policy(
    document: Document,
    digest: str,
    timezone: Callable[[str], tzinfo],
    tzdata_version: str,
) -> tuple[CompiledPolicy | None, list[Problem]]:
    """The compiled policy, or None with the reasons. A document with gaps is checked all the same,
    so that everything wrong in it is said at once."""
    compiler = _Compiler(document)
    zone = compiler.time_zone(timezone)
    schedules = {
        entry.id: compiled_schedule(compiler, entry) for entry in document.of(ScheduleEntry)
    }
    compiler.read_profiles()
    zones = compiler.zones()
    portals = tuple(compiler.portal(entry) for entry in document.of(PortalEntry))
    fires = tuple(compiler.fire(entry) for entry in document.of(FireEntry))
    roles = {entry.id: compiler.role(entry) for entry in document.of(RoleEntry)}
    grants = tuple(compiler.grant(entry) for entry in document.of(GrantEntry))
    denies = tuple(compiler.deny(entry) for entry in document.of(DenyEntry))
    problems = compiler.problems
    problems += structural_problems(zones, portals, document)
    header = document.header
    if problems or header is None or zone is None or not document.whole:
        return None, problems
    portal_factors = {
        entry.id: (compiler.factors(entry), compiler.exit_factors(entry))
        for entry in document.of(PortalEntry)
    }
    return CompiledPolicy(
        site=header.site,
        name=header.name or header.site,
        version=header.version,
        digest=digest,
        timezone=header.timezone,
        tzdata_version=tzdata_version,
        zone=zone,
        zones=zones,
        portals=portals,
        fire_inputs=fires,
        roles=MappingProxyType(roles),
        grants=grants,
        denies=denies,
        schedules=MappingProxyType(schedules),
        passages=MappingProxyType(passages_of(zones, portals, portal_factors, grants, denies)),
        zones_by_id=MappingProxyType({rule.id: rule for rule in zones}),
        portals_by_id=MappingProxyType({rule.id: rule for rule in portals}),
    ), []


class _Compiler(Compiling):
    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self.profiles: dict[str, tuple[int, ...]] = {}

    def time_zone(self, timezone: Callable[[str], tzinfo]) -> tzinfo | None:
        header = self.document.header
        if header is None:
            return None
        if not valid_id(header.site):
            self.problems.append(
                self.document.places["site"].problem(
                    f"'{header.site}' is not an id of a-z, 0-9, '-' and '_'",
                    "put the full name under 'name'",
                )
            )
        try:
            return timezone(header.timezone)
        except (LookupError, ValueError, OSError):
            place = self.document.places["timezone"]
            self.problems.append(
                place.problem(f"unknown time zone '{header.timezone}'", "for example Europe/Vienna")
            )
            return None

    def read_profiles(self) -> None:
        for entry in self.document.profiles:
            self.profiles[entry.id] = self._profile(entry)

    def _profile(self, entry: EntryAt[Mapping[str, str]]) -> tuple[int, ...]:
        tables: dict[int, int] = {}
        for key, text in entry.value.items():
            place = entry.place.child(key)
            level = self.level(key, place)
            table = self._expression(text, place)
            if level is not None and table is not None:
                tables[level] = table
        if "1" not in entry.value:
            self.problems.append(entry.place.at_key("level 1 is missing", 'write 1 = "badge"'))
        profile = [tables.get(1, ANYTHING)]
        for level in range(2, LEVELS + 1):
            table = tables.get(level, profile[-1])
            self._strict_enough(entry.place.child(str(level)), level, profile[-1], table)
            profile.append(table)
        return tuple(profile)

    def _strict_enough(self, place: Place, level: int, below: int, table: int) -> None:
        """A higher threat level must never accept what a lower one refuses: raising the level
        would open a door."""
        for mask in minimal_sets(table):
            if not suffices(below, mask):
                self.problems.append(
                    place.problem(
                        f"level {level} accepts {described(mask)}, which level {level - 1} refuses",
                        "each level must be at least as strict as the one below",
                    )
                )

    def _expression(self, text: str, place: Place) -> int | None:
        try:
            alternatives = parse(text)
        except FactorSyntaxError as error:
            hint = did_you_mean(error.word, list(Factor)) if error.word else None
            known = f"one of {', '.join(Factor)}" if error.word else None
            self.problems.append(place.problem(str(error), hint or known))
            return None
        if mask_of((Factor.FACE,)) in alternatives:
            hint = "add a badge: badge+face"
            self.problems.append(place.problem("a face is never the only factor", hint))
        return table_of(alternatives)

    def _named_profile(self, name: str | None, place: Place) -> tuple[int, ...] | None:
        if name is None or not self.known("factors", name, place):
            return None
        return self.profiles.get(name)

    def zones(self) -> tuple[ZoneRule, ...]:
        inside = {entry.id: entry.value.inside for entry in self.document.of(ZoneEntry)}
        return tuple(self._zone(entry, inside) for entry in self.document.of(ZoneEntry))

    def _zone(self, entry: EntryAt[ZoneEntry], inside: Mapping[str, str | None]) -> ZoneRule:
        value, place = entry.value, entry.place
        lineage = [entry.id]
        parent = value.inside
        if parent is not None:
            self.known("zone", parent, place.child("inside"))
        while parent is not None and parent not in lineage:
            lineage.append(parent)
            parent = inside.get(parent)
        if parent == entry.id:
            chain = " in ".join([*lineage, entry.id])
            self.problems.append(place.child("inside").problem(f"a zone inside itself: {chain}"))
        profile = self._named_profile(value.factors, place.child("factors"))
        if value.factors is None and value.kind is not ZoneKind.PUBLIC:
            hint = "name a profile of [factors]"
            self.problems.append(place.at_key("'factors' is missing", hint))
        return ZoneRule(
            id=entry.id,
            name=value.name or entry.id,
            line=place.line,
            inside=value.inside,
            lineage=tuple(lineage),
            kind=value.kind,
            regime=value.regime,
            consent_presumed_in_fire=value.consent_presumed_in_fire,
            clearance=self._clearance(value.clearance, place.child("clearance")),
            factors=profile or NO_FACTORS,
        )

    def _clearance(self, levels: Mapping[str, int], place: Place) -> tuple[int, ...]:
        stated = {self.level(key, place.child(key)): value for key, value in levels.items()}
        clearance = [stated.get(1, 0)]
        for level in range(2, LEVELS + 1):
            value = stated.get(level, clearance[-1])
            if value < clearance[-1]:
                self.problems.append(
                    place.child(str(level)).problem(
                        f"level {level} needs less clearance than level {level - 1}",
                        "each level must be at least as strict as the one below",
                    )
                )
            clearance.append(value)
        return tuple(clearance)

    def portal(self, entry: EntryAt[PortalEntry]) -> PortalRule:
        value, place = entry.value, entry.place
        self.known("zone", value.from_, place.child("from"))
        self.known("zone", value.to, place.child("to"))
        if value.open is not None:
            self.known("schedule", value.open, place.child("open"))
        for name, key in ((value.factors, "factors"), (value.exit_factors, "exit-factors")):
            self._named_profile(name, place.child(key))
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
            open_ms=self._milliseconds(value.open_s, place.child("open-s")),
            held_ms=self._milliseconds(value.held_s, place.child("held-s")),
            stuck_ms=self._milliseconds(value.stuck_s, place.child("stuck-s")),
            debounce_ms=value.debounce_ms,
            emergency=value.emergency,
            refuge_route=value.refuge_route,
            interlock=value.interlock,
            open_schedule=value.open,
            open_threat_max=value.open_threat_max,
            may_hold=value.may_hold,
        )

    def _milliseconds(self, seconds: float, place: Place) -> int:
        tenths = round(seconds * 10, 6)  # 1.1 * 10 is a little more than 11
        if not tenths.is_integer():
            self.problems.append(place.problem("is not a whole number of tenths of a second"))
            return 100
        return int(tenths) * 100

    def factors(self, entry: EntryAt[PortalEntry]) -> tuple[int, ...]:
        """What the portal asks for on top of the zone entered."""
        profile = entry.value.factors
        return NO_FACTORS if profile is None else self.profiles[profile]

    def exit_factors(self, entry: EntryAt[PortalEntry]) -> tuple[int, ...]:
        """What the reader on the way out asks for."""
        profile = entry.value.exit_factors
        return BADGE_ONLY if profile is None else self.profiles[profile]

    def fire(self, entry: EntryAt[FireEntry]) -> FireInput:
        self.all_known("zone", entry.value.zones, entry.place.child("zones"))
        return FireInput(id=entry.id, line=entry.place.line, zones=entry.value.zones)

    def role(self, entry: EntryAt[RoleEntry]) -> RoleRule:
        value = entry.value
        visitor = value.kind is RoleKind.VISITOR
        if visitor and value.overrides:
            place = entry.place.child("overrides")
            self.problems.append(place.problem("a visitor overrides nothing"))
        return RoleRule(
            id=entry.id,
            line=entry.place.line,
            clearance=value.clearance,
            protected=value.protected,
            host_state=value.host_state,
            emergency=value.emergency,
            visitor=visitor,
            overrides=frozenset(value.overrides),
        )

    def grant(self, entry: EntryAt[GrantEntry]) -> GrantRule:
        value, place = entry.value, entry.place
        self._roles(value.roles, place)
        self.all_known("zone", value.zones, place.child("zones"))
        self.all_known("portal", value.portals, place.child("portals"))
        if bool(value.zones) == bool(value.portals):
            message = "opens nothing" if not value.zones else "names zones and portals"
            hint = "give either 'zones' (every way in) or 'portals' (these only)"
            self.problems.append(place.at_key(message, hint))
        if value.when is not None:
            self.known("schedule", value.when, place.child("when"))
        if not value.in_:
            self.problems.append(place.child("in").problem("holds in no mode", 'in = ["normal"]'))
        profile = self._named_profile(value.factors, place.child("factors"))
        return GrantRule(
            id=entry.id,
            line=place.line,
            roles=frozenset(value.roles),
            zones=frozenset(value.zones),
            portals=frozenset(value.portals),
            when=value.when,
            threat_max=value.threat_max,
            modes=frozenset(value.in_),
            escorted=value.escorted,
            factors=profile or NO_FACTORS,
        )

    def deny(self, entry: EntryAt[DenyEntry]) -> DenyRule:
        value, place = entry.value, entry.place
        self._roles(value.roles, place)
        self.all_known("zone", value.zones, place.child("zones"))
        if not value.zones:
            self.problems.append(place.child("zones").problem("forbids nothing: name a zone"))
        return DenyRule(
            id=entry.id,
            line=place.line,
            roles=frozenset(value.roles),
            zones=frozenset(value.zones),
            reason=value.reason,
        )

    def _roles(self, roles: tuple[str, ...], place: Place) -> None:
        self.all_known("role", roles, place.child("roles"))
        if not roles:
            self.problems.append(place.child("roles").problem("concerns nobody: name a role"))


def _route(value: PortalEntry) -> Direction | None:
    """Which direction counts as a way out; None for what cannot be one (see `structure`)."""
    counts = value.kind in _COUNTS and (value.kind is not PortalKind.TURNSTILE or value.drop_arm)
    released = value.exit is ExitKind.FREE or value.hard_wired_release
    if value.egress_route is EgressRoute.ENTRY:  # which side is out is true of any kind
        return Direction.ENTRY
    if value.egress is Egress.NONE or not counts or not released:
        return None
    return None if value.egress_route is EgressRoute.NONE else Direction.EXIT
