"""The compiled policy: immutable values that the controller and `decide()` read, nothing to parse.

Built by `policies.load`; by nothing else, because the loader's checks are what makes a policy safe.
Times are seconds since the epoch, durations carry their unit in the name.
"""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from enum import StrEnum

import msgspec

from policies.codes import Code
from policies.factors import Profile
from policies.facts import Assurance, Direction, Objection
from policies.points import ArmingRule, PointRule
from policies.rights import (
    AlwaysRule,
    DenyRule,
    GrantRule,
    NeverRule,
    OrderKind,
    OrderRule,
    PageRule,
    Right,
    RoleRule,
    Standing,
    SuccessionRule,
    WatchlistRule,
    standing_of,
)
from policies.rule_sets import RuleSet, in_order, naming
from policies.schedule import (
    HOUR_S,
    Schedule,
    Wall,
    active_at,
    next_change,
    offset_of_hour,
    wall_at,
    wall_under,
)

LEVELS = 5
"""Threat levels are 1 to 5; tables per level are tuples of this length, level 1 first."""

MEMO_MAX = 128
"""Sets of roles whose rules one passage remembers: more than that hardly come to one door."""
OFFSETS_MAX = 10_000
"""Hours whose offset from UTC is remembered: more than a year."""
STANDINGS_MAX = 20_000
"""Sets of roles that are remembered; 100,000 holders have some 3,000."""


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


class Pictures(StrEnum):
    """What is kept of a portal's cameras; none unless the policy says so."""

    NONE = "none"
    ALARMS = "alarms"  # the seconds around an alarm
    DECISIONS = "decisions"  # these, and a picture beside each decision


class Severity(StrEnum):
    """Whether a limit refuses entry or is noted alone."""

    HARD = "hard"
    SOFT = "soft"


class PassbackKind(StrEnum):
    """Soft is noted alone; timed is forgiven some time after the person was seen."""

    HARD = "hard"
    SOFT = "soft"
    TIMED = "timed"


class Passback(msgspec.Struct, frozen=True):
    """Who is known inside one of the zones of `region` does not enter it again from outside."""

    kind: PassbackKind
    region: frozenset[str]
    forgiven_s: int | None  # timed alone


class Occupancy(msgspec.Struct, frozen=True):
    """How many people a zone holds."""

    least: int | None
    most: int | None
    severity: Severity


class FaceRule(msgspec.Struct, frozen=True):
    """How a face is compared: per level, never looser above. `distance_max`: between it and the
    holder's template; `turns`: of the head, so many, in an order that nobody knows before.
    """

    distance_max: tuple[float, ...]
    turns: tuple[int, ...]


class ScreeningRule(msgspec.Struct, frozen=True, kw_only=True):
    """A station; its word counts for `valid_s`."""

    id: str
    name: str
    line: int
    valid_s: int


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
    factors: Profile
    assurance: Assurance  # the least a factor must have to count here
    occupancy: Occupancy | None
    passback: Passback | None
    two_person: bool
    first_person: bool  # until a grant with `first_person` was used, no other opens
    screening: tuple[str, ...]  # stations, any one of which must have cleared the person
    knowledge_max_s: int | None
    face: FaceRule


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
    loop: bool  # driven over vehicles, and never closed while its safety loop is not seen free
    open_ms: int  # one timed release
    held_ms: int  # may stand open this long, at least `open_ms`
    pre_alarm_ms: int | None  # so long before that whoever is there is asked to close it
    open_extended_ms: int | None  # for who needs more time; None: as for everybody
    held_extended_ms: int | None
    stuck_ms: int  # an open portal is reported as never closing
    debounce_ms: int
    emergency: bool  # may be entered while the journal cannot be written
    refuge_route: bool  # lies on a declared way into a refuge
    release_by_two: bool  # on a guard's own word alone nobody is let in here
    interlock: str | None
    open_schedule: str | None
    open_threat_max: int
    may_hold: str | None  # the authority's document that allows a hold-egress
    pictures: Pictures

    def release_ms(self, *, extended: bool) -> int:
        """How long one timed release takes."""
        longer = self.open_extended_ms if extended else None
        return self.open_ms if longer is None else longer

    def patience_ms(self, *, extended: bool) -> int:
        """How long the leaf may stand open."""
        longer = self.held_extended_ms if extended else None
        return self.held_ms if longer is None else longer

    @property
    def way_out(self) -> Direction:
        """The direction that leads out: exit, unless the policy's egress-route says entry.

        Portals that never count as an escape route (lifts, barriers) still have one: nobody is
        asked for identity there in a fire either.
        """
        return self.egress_route or Direction.EXIT

    @property
    def way_in(self) -> Direction:
        """The other direction."""
        return Direction.ENTRY if self.way_out is Direction.EXIT else Direction.EXIT


class FireInput(msgspec.Struct, frozen=True, kw_only=True):
    """One fire alarm input. It covers `zones` and all zones inside them; empty: every zone."""

    id: str
    line: int
    zones: tuple[str, ...]

    def covers(self, zone: ZoneRule) -> bool:
        return not self.zones or any(ancestor in self.zones for ancestor in zone.lineage)


class Concerned(msgspec.Struct, frozen=True, gc=False):
    """What one passage and one set of roles have to do with each other, whoever has them and
    whenever it is; rules in the order of the file."""

    standing: Standing
    grants: tuple[GrantRule, ...]
    denied: tuple[Objection, ...]  # one for each denial


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One direction through one portal with everything that concerns it, looked up beforehand.

    `judged` is the zone whose rules count: the one entered; on the way out the one being left,
    and then only for notes.
    """

    portal: PortalRule
    way_out: bool
    source: ZoneRule
    target: ZoneRule
    judged: ZoneRule
    entered: tuple[ZoneRule, ...]  # from the judged zone outwards: those that are newly entered
    limited: bool  # any of these has limits that depend on who is where
    first_person: bool  # any of these waits for its first person
    factors: Profile  # zone AND portal; on the way out what the exit reader asks
    grants: tuple[GrantRule, ...]  # in the order of the file
    denies: tuple[DenyRule, ...]
    grants_set: RuleSet  # the same
    denies_set: RuleSet
    refuge: bool  # leads from inside towards a refuge
    memo: dict[tuple[str, ...], Concerned]  # of `CompiledPolicy.concerned`; only saves time


class CompiledPolicy(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A policy ready to decide. `digest` covers the source bytes and the tzdata version."""

    site: str
    name: str
    version: int
    digest: str
    timezone: str
    portraits: bool  # of whoever is enrolled one picture is kept, for guards to compare
    tzdata_version: str
    zone: tzinfo
    zones: tuple[ZoneRule, ...]
    portals: tuple[PortalRule, ...]
    fire_inputs: tuple[FireInput, ...]
    points: Mapping[str, PointRule]
    armings: Mapping[str, ArmingRule]
    roles: Mapping[str, RoleRule]
    grants: tuple[GrantRule, ...]
    denies: tuple[DenyRule, ...]
    watchlists: Mapping[str, WatchlistRule]
    screenings: Mapping[str, ScreeningRule]
    orders: Mapping[OrderKind, OrderRule]
    successions: Mapping[str, SuccessionRule]
    pages: Mapping[Right, PageRule]
    nevers: tuple[NeverRule, ...]
    always: tuple[AlwaysRule, ...]
    schedules: Mapping[str, Schedule]
    passages: Mapping[tuple[str, Direction], Passage]
    zones_by_id: Mapping[str, ZoneRule]
    portals_by_id: Mapping[str, PortalRule]
    grants_of: Mapping[str, RuleSet]  # by the roles that they name
    denies_of: Mapping[str, RuleSet]
    offsets: dict[int, int]  # of `wall`; only saves time
    standings: dict[tuple[str, ...], Standing]  # of `standing`; only saves time

    def standing(self, names: tuple[str, ...]) -> Standing:
        """What these roles come to; those that the policy does not know count for nothing."""
        found = self.standings.get(names)
        if found is None:
            found = standing_of([self.roles[name] for name in names if name in self.roles])
            if len(self.standings) >= STANDINGS_MAX:
                self.standings.clear()
            self.standings[names] = found
        return found

    def page_rights(self, names: Iterable[str]) -> frozenset[Right]:
        """What whoever has these roles may do at the pages."""
        held = frozenset(names)
        return frozenset(right for right, rule in self.pages.items() if held & rule.roles)

    def concerned(self, names: tuple[str, ...], passage: Passage) -> Concerned:
        """What `passage`, one of this policy, is to a holder with these roles."""
        found = passage.memo.get(names)
        if found is None:
            grants = naming(self.grants_of, names) & passage.grants_set
            denies = naming(self.denies_of, names) & passage.denies_set
            denials = [self.denies[position] for position in in_order(denies)]
            found = Concerned(
                self.standing(names),
                tuple([self.grants[position] for position in in_order(grants)]),
                tuple([Objection(Code.DENIED_BY_RULE, deny.id, deny.line) for deny in denials]),
            )
            if len(passage.memo) >= MEMO_MAX:
                passage.memo.clear()
            passage.memo[names] = found
        return found

    def wall(self, utc_s: int) -> Wall | None:
        """What the wall at the site reads; see `wall_at`."""
        hour = utc_s // HOUR_S
        offset_s = self.offsets.get(hour)
        if offset_s is None:
            offset_s = offset_of_hour(self.zone, hour)
            if offset_s is None:
                return wall_at(self.zone, utc_s)
            if len(self.offsets) >= OFFSETS_MAX:
                self.offsets.clear()
            self.offsets[hour] = offset_s
        return wall_under(offset_s, utc_s)

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
        return None if schedule is None else active_at(schedule, self.wall(utc_s))

    def next_change(self, schedule_id: str, utc_s: int) -> int | None:
        """The first second after `utc_s` at which the schedule's answer differs; None: no change
        within 15 days, with holidays within 400, or no such schedule."""
        schedule = self.schedules.get(schedule_id)
        return None if schedule is None else next_change(schedule, self.zone, utc_s)

    def opening(self, portal_id: str, utc_s: int) -> bool:
        """Whether the portal's opening schedule is active; posture is judged by `decide()`."""
        portal = self.portals_by_id.get(portal_id)
        if portal is None or portal.open_schedule is None:
            return False
        return self.is_open(portal.open_schedule, utc_s) is True
