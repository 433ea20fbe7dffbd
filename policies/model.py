"""The policy as its files say it: one struct per kind of entry, keys in kebab-case.

Only the shape is judged here (names, types, ranges of single values); what entries mean together is
judged by the compiler.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

from policies.calendar import DATES_MAX
from policies.compiled import (
    Egress,
    ExitKind,
    Lock,
    OnFire,
    PassbackKind,
    Pictures,
    PortalKind,
    Regime,
    Rex,
    Severity,
    ZoneKind,
)
from policies.facts import Assurance, Level, Mode
from policies.points import PointKind
from policies.rights import Override, ProtectedShown, Unless, WatchAction

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=100)]
"""An input that settles later than 100 ms would hide a short opening from the log."""
Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Clearance = Annotated[int, msgspec.Meta(ge=0, le=9)]
Distance = Annotated[float, msgspec.Meta(ge=0.1, le=0.6)]
"""Between two faces. Above 0.6 strangers pass as each other; two pictures of the same person are
hardly ever nearer than 0.1 (docs/biometrics.md)."""
Turns = Annotated[int, msgspec.Meta(ge=0, le=4)]
"""More turns of the head than four take longer than anybody is given."""
Text = Annotated[str, msgspec.Meta(max_length=200)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What all entries share: unknown keys are mistakes, never ignored."""


class Header(Entry, frozen=True, kw_only=True):
    schema: Annotated[int, msgspec.Meta(ge=1, le=1)]
    site: Text
    version: Version
    timezone: Text
    name: Text = ""
    portraits: bool = False


class CalendarEntry(Entry, frozen=True, kw_only=True):
    dates: Annotated[tuple[date, ...], msgspec.Meta(max_length=DATES_MAX)] = ()
    file: Text | None = None


class ScheduleEntry(Entry, frozen=True, kw_only=True):
    daily: tuple[str, ...] = ()
    mon: tuple[str, ...] = ()
    tue: tuple[str, ...] = ()
    wed: tuple[str, ...] = ()
    thu: tuple[str, ...] = ()
    fri: tuple[str, ...] = ()
    sat: tuple[str, ...] = ()
    sun: tuple[str, ...] = ()
    mon_fri: tuple[str, ...] = ()
    sat_sun: tuple[str, ...] = ()
    except_: str | None = msgspec.field(name="except", default=None)
    holiday: tuple[str, ...] = ()


People = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ZoneEntry(Entry, frozen=True, kw_only=True):
    kind: ZoneKind
    name: Text = ""
    inside: str | None = None
    regime: Regime = Regime.MISSION
    consent_presumed_in_fire: bool = False
    clearance: dict[str, Clearance] = {}
    factors: str | None = None
    assurance: Assurance = Assurance.WEAK
    occupancy_max: People | None = None
    occupancy_min: People | None = None
    occupancy: Severity = Severity.HARD
    anti_passback: PassbackKind | None = None
    anti_passback_s: Seconds | None = None
    anti_passback_region: str | None = None
    two_person: bool = False
    first_person: bool = False
    screening: tuple[str, ...] = ()
    knowledge_max_s: Seconds | None = None
    face_distance_max: dict[str, Distance] = {}
    face_turns: dict[str, Turns] = {}


class EgressRoute(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    NONE = "none"


class PortalEntry(Entry, frozen=True, kw_only=True):
    """The hardware facts have no defaults: what nobody stated about a door is not assumed."""

    from_: str = msgspec.field(name="from")
    to: str
    kind: PortalKind
    lock: Lock
    egress: Egress
    exit: ExitKind
    name: Text = ""
    egress_route: EgressRoute | None = None
    on_fire: OnFire | None = None
    hard_wired_release: bool = False
    drop_arm: bool = False
    rex: Rex | None = None
    contact: bool = True
    bolt: bool = False
    loop: bool | None = None
    open_s: Seconds = 5.0
    held_s: Seconds = 20.0
    pre_alarm_s: Seconds | None = None
    open_extended_s: Seconds | None = None
    held_extended_s: Seconds | None = None
    stuck_s: Seconds = 300.0
    debounce_ms: Milliseconds = 50
    emergency: bool = False
    refuge_route: bool = False
    release_by_two: bool = False
    interlock: str | None = None
    open: str | None = None
    open_threat_max: Level = 2
    may_hold: Text | None = None
    factors: str | None = None
    exit_factors: str | None = None
    pictures: Pictures = Pictures.NONE


class FireEntry(Entry, frozen=True, kw_only=True):
    zones: tuple[str, ...] = ()


class PointEntry(Entry, frozen=True, kw_only=True):
    """An alarm point: a sensor on the perimeter, in a room, or on the power supply."""

    kind: PointKind
    zone: str
    name: Text = ""
    always: bool = False
    entry_delay_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = 0.0
    stuck_s: Seconds | None = None
    debounce_ms: Milliseconds = 50
    roles: tuple[str, ...] = ()


class ArmingEntry(Entry, frozen=True, kw_only=True):
    """Zones that are armed and disarmed together."""

    zones: tuple[str, ...]
    name: Text = ""
    schedule: str | None = None
    roles: tuple[str, ...] = ()


class ScreeningEntry(Entry, frozen=True, kw_only=True):
    """A station at which people are screened; what it said of somebody is valid for `valid-s`."""

    name: Text = ""
    valid_s: Seconds = 28_800.0


class RoleKind(StrEnum):
    REGULAR = "regular"
    VISITOR = "visitor"


class Screening(StrEnum):
    REQUIRED = "required"
    EXEMPT = "exempt"


class RoleEntry(Entry, frozen=True, kw_only=True):
    clearance: Clearance = 0
    kind: RoleKind = RoleKind.REGULAR
    protected: bool = False
    host_state: bool = False
    emergency: bool = False
    overrides: tuple[Override, ...] = ()
    screening: Screening = Screening.REQUIRED
    escort: bool = False
    per_host: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    stay_max_s: Seconds | None = None
    extended: bool = False
    protocol: bool = False


class GrantEntry(Entry, frozen=True, kw_only=True):
    id: str
    roles: tuple[str, ...]
    zones: tuple[str, ...] = ()
    portals: tuple[str, ...] = ()
    when: str | None = None
    threat_max: Level = 5
    in_: tuple[Mode, ...] = msgspec.field(name="in", default=(Mode.NORMAL,))
    factors: str | None = None
    escorted: bool = False
    two_person: bool = False
    first_person: bool = False


class DenyEntry(Entry, frozen=True, kw_only=True):
    id: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    reason: Text = ""


class WatchlistEntry(Entry, frozen=True, kw_only=True):
    action: WatchAction
    reason: Text = ""


class OrderEntry(Entry, frozen=True, kw_only=True):
    """Who may give an order; `people`: how many of them have to sign it together."""

    roles: tuple[str, ...]
    people: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None


class SuccessionEntry(Entry, frozen=True, kw_only=True):
    """Who takes the place of the role that it is called by, in order, where nobody of it can be
    reached. It is written down by a signed order of the deputy himself.
    """

    deputies: tuple[str, ...]


class PageEntry(Entry, frozen=True, kw_only=True):
    """Who may use the pages that it is called by; a policy without such a table lets nobody in."""

    roles: tuple[str, ...]
    protected: ProtectedShown | None = None


class NeverEntry(Entry, frozen=True, kw_only=True):
    """Nobody with one of `roles` gets into `reach`, in any posture and at any time, `unless`…"""

    id: str
    roles: tuple[str, ...]
    reach: tuple[str, ...]
    unless: tuple[Unless, ...] = ()
    reason: Text = ""


class AlwaysEntry(Entry, frozen=True, kw_only=True):
    """Whoever has one of `roles` gets from each zone of `from` into one of `reach`, in every mode
    of `in`, at every threat level up to `threat-max`, at any time.
    """

    id: str
    roles: tuple[str, ...]
    from_: tuple[str, ...] = msgspec.field(name="from")
    reach: tuple[str, ...]
    in_: tuple[Mode, ...] = msgspec.field(name="in", default=(Mode.NORMAL,))
    threat_max: Level = 5
    reason: Text = ""
