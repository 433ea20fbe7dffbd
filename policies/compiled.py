"""The compiled policy: immutable values that the controller and `decide()` read, nothing to parse.

Built by `policies.load`; by nothing else, because the loader's checks are what makes a policy safe.
Times are seconds since the epoch, durations carry their unit in the name.
"""

from collections.abc import Mapping
from datetime import tzinfo
from enum import StrEnum

import msgspec

from policies.facts import Direction, Mode
from policies.schedule import Schedule, active, next_change

LEVELS = 5
"""Threat levels are 1 to 5; tables per level are tuples of this length, level 1 first."""


class ZoneKind(StrEnum):
    PUBLIC = "public"
    PREMISES = "premises"
    REFUGE = "refuge"


class Regime(StrEnum):
    """Which convention protects the zone: VCDR art. 22 (mission) or VCCR art. 31 (consular)."""

    MISSION = "mission"
    CONSULAR = "consular"


class PortalKind(StrEnum):
    DOOR = "door"
    GATE = "gate"
    TURNSTILE = "turnstile"
    VEHICLE_BARRIER = "vehicle-barrier"
    LIFT = "lift"


class Lock(StrEnum):
    POWER_TO_UNLOCK = "power-to-unlock"  # fail-secure: without power it stays locked
    POWER_TO_LOCK = "power-to-lock"  # fail-safe: without power it is open, from both sides


class Egress(StrEnum):
    """How the way out is opened when nothing is asked."""

    MECHANICAL = "mechanical"  # panic bar or lever: works without power and without us
    ELECTRIC = "electric"  # somebody must switch the lock: us, or the hard-wired release
    NONE = "none"


class OnFire(StrEnum):
    RELEASE = "release"
    LEAVE = "leave"


class ExitKind(StrEnum):
    FREE = "free"
    READER = "reader"


class Rex(StrEnum):
    """What a request-to-exit contact does: only silences the forced alarm, or unlocks as well."""

    SHUNT = "shunt"
    UNLOCK = "unlock"


class Override(StrEnum):
    """The posture that a role may pass in spite of; exactly the one named, nothing else."""

    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"
    FIRE = "fire"
    THREAT = "threat"


FactorTable = int
"""Bit s is set when the set of factors s (a bit per `Factor`, see `policies.factors`) suffices."""


class ZoneRule(msgspec.Struct, frozen=True, kw_only=True):
    """One area. `lineage` is the zone itself, then every zone around it, innermost first."""

    id: str
    name: str
    line: int
    inside: str | None
    lineage: tuple[str, ...]
    kind: ZoneKind
    regime: Regime
    consent_presumed_in_fire: bool
    clearance: tuple[int, ...]  # per level, never falling
    factors: tuple[FactorTable, ...]  # per level, never weaker


class PortalRule(msgspec.Struct, frozen=True, kw_only=True):
    """One portal with its hardware facts; `outer` is the policy's `from`, `inner` its `to`."""

    id: str
    name: str
    line: int
    outer: str
    inner: str
    kind: PortalKind
    lock: Lock
    egress: Egress
    egress_route: Direction | None  # None: never counts as a way out
    on_fire: OnFire
    exit: ExitKind  # of the way out, see `way_out`
    hardwired_release: bool
    drop_arm: bool
    rex: Rex | None
    contact: bool
    bolt: bool
    open_ms: int  # one timed release
    held_ms: int  # may stand open this long, at least `open_ms`
    stuck_ms: int  # an open portal is reported as never closing
    debounce_ms: int
    emergency: bool  # may be entered while the journal cannot be written
    refuge_route: bool  # lies on a declared way into a refuge
    interlock: str | None
    open_schedule: str | None
    open_threat_max: int
    may_hold: str | None  # the authority's document that allows a hold-egress

    @property
    def way_out(self) -> Direction:
        """The direction that leads out: exit, unless the policy's egress-route says entry.

        Portals that never count as an escape route (lifts, barriers) still have one: nobody is
        asked for identity there in a fire either.
        """
        return self.egress_route or Direction.EXIT


class FireInput(msgspec.Struct, frozen=True, kw_only=True):
    """One fire alarm input. It covers `zones` and all zones inside them; empty: every zone."""

    id: str
    line: int
    zones: tuple[str, ...]

    def covers(self, zone: ZoneRule) -> bool:
        return not self.zones or any(ancestor in self.zones for ancestor in zone.lineage)


class RoleRule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    line: int
    clearance: int
    protected: bool  # inviolable, VCDR art. 29: never detained
    host_state: bool  # an agent of the receiving State, VCDR art. 22
    emergency: bool
    visitor: bool
    overrides: frozenset[Override]


class GrantRule(msgspec.Struct, frozen=True, kw_only=True):
    """One permission; it opens the ways into `zones`, or the `portals`, exactly one of the two."""

    id: str
    line: int
    roles: frozenset[str]
    zones: frozenset[str]
    portals: frozenset[str]
    when: str | None
    threat_max: int
    modes: frozenset[Mode]
    escorted: bool
    factors: tuple[FactorTable, ...]


class DenyRule(msgspec.Struct, frozen=True, kw_only=True):
    """One prohibition for `zones` and everything inside them; it beats every grant."""

    id: str
    line: int
    roles: frozenset[str]
    zones: frozenset[str]
    reason: str


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One direction through one portal with everything that concerns it, looked up beforehand.

    `judged` is the zone whose rules count: the one entered; on the way out the one being left,
    and then only for notes.
    """

    portal: PortalRule
    way_out: bool
    source: ZoneRule
    judged: ZoneRule
    factors: tuple[FactorTable, ...]  # zone AND portal; on the way out what the exit reader asks
    grants: tuple[GrantRule, ...]  # in the order of the file
    denies: tuple[DenyRule, ...]
    refuge: bool  # leads from inside towards a refuge


class CompiledPolicy(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A policy ready to decide. `digest` covers the source bytes and the tzdata version."""

    site: str
    name: str
    version: int
    digest: str
    timezone: str
    tzdata_version: str
    zone: tzinfo
    zones: tuple[ZoneRule, ...]
    portals: tuple[PortalRule, ...]
    fire_inputs: tuple[FireInput, ...]
    roles: Mapping[str, RoleRule]
    grants: tuple[GrantRule, ...]
    denies: tuple[DenyRule, ...]
    schedules: Mapping[str, Schedule]
    passages: Mapping[tuple[str, Direction], Passage]
    zones_by_id: Mapping[str, ZoneRule]
    portals_by_id: Mapping[str, PortalRule]

    def portal(self, portal_id: str) -> PortalRule | None:
        return self.portals_by_id.get(portal_id)

    def passage(self, portal_id: str, direction: Direction) -> Passage | None:
        return self.passages.get((portal_id, direction))

    def fire_inputs_of(self, portal_id: str) -> tuple[str, ...]:
        """Fire inputs that cover either side of the portal; none for an unknown portal."""
        portal = self.portals_by_id.get(portal_id)
        if portal is None:
            return ()
        sides = (self.zones_by_id[portal.outer], self.zones_by_id[portal.inner])
        return tuple(f.id for f in self.fire_inputs if any(f.covers(side) for side in sides))

    def interlock_partners(self, portal_id: str) -> tuple[str, ...]:
        """The other portals of the same interlock, in the order of the file."""
        portal = self.portals_by_id.get(portal_id)
        if portal is None or portal.interlock is None:
            return ()
        return tuple(
            p.id for p in self.portals if p.interlock == portal.interlock and p.id != portal.id
        )

    def is_open(self, schedule_id: str, utc_s: int) -> bool | None:
        """Whether the schedule is active; None: no such schedule, or no calendar that far."""
        schedule = self.schedules.get(schedule_id)
        return None if schedule is None else active(schedule, self.zone, utc_s)

    def next_change(self, schedule_id: str, utc_s: int) -> int | None:
        """The first second after `utc_s` at which the schedule's answer differs; None: no change
        within eight days, or no such schedule."""
        schedule = self.schedules.get(schedule_id)
        return None if schedule is None else next_change(schedule, self.zone, utc_s)

    def opening(self, portal_id: str, utc_s: int) -> bool:
        """Whether the portal's opening schedule is active; posture is judged by `decide()`."""
        portal = self.portals_by_id.get(portal_id)
        if portal is None or portal.open_schedule is None:
            return False
        return self.is_open(portal.open_schedule, utc_s) is True
