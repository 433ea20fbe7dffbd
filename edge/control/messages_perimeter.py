"""What passes over the control socket about alarm points, arming, local sources and barriers."""

from typing import Annotated

import msgspec

from controller.barrier import Barrier
from controller.body import Name
from controller.events_points import SourceLine
from controller.moment import Micros
from controller.point import Line, State
from edge.control.message import Message, Part
from policies.points import PointKind

SHUNT_MINUTES_MAX = 24 * 60

PersonId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Arm(Part, frozen=True, kw_only=True, tag="arm"):
    """Arm or disarm a set, for somebody on file."""

    arming: Name
    armed: bool
    person: PersonId


class Shunt(Part, frozen=True, kw_only=True, tag="shunt"):
    """Silence a point, for somebody on file. The reason stands in the record and names nobody."""

    point: Name
    person: PersonId
    reason: Reason
    minutes: Annotated[int, msgspec.Meta(ge=1, le=SHUNT_MINUTES_MAX)]


class EndShunt(Part, frozen=True, kw_only=True, tag="end-shunt"):
    """Let a point watch again."""

    point: Name


PerimeterStep = Arm | Shunt | EndShunt


class ChangePerimeter(Message, frozen=True, kw_only=True):
    """Do that; answered by VisitReply."""

    step: PerimeterStep


class ReadPerimeter(Message, frozen=True, kw_only=True):
    """How everything around the house is; answered by PerimeterReply."""


class PointShown(Part, frozen=True, kw_only=True):
    """One point. `watched`: activity alarms now. `supervised`: its line has four states."""

    id: str
    name: str
    kind: PointKind
    zone: str
    arming: str | None
    state: State
    line: Line
    watched: bool
    supervised: bool
    shunted_until_utc_us: Micros | None


class ArmingShown(Part, frozen=True, kw_only=True):
    """One set of zones."""

    id: str
    name: str
    zones: tuple[str, ...]
    armed: bool
    schedule: str | None


class SourceShown(Part, frozen=True, kw_only=True):
    """A key switch or panic input, and what it gives."""

    id: str
    gives: str
    line: SourceLine
    supervised: bool


class BarrierShown(Part, frozen=True, kw_only=True):
    """What is driven at a portal."""

    portal: str
    barrier: Barrier


class PerimeterReply(Message, frozen=True, kw_only=True):
    """All of it, in the order of the files."""

    timezone: str
    points: tuple[PointShown, ...]
    armings: tuple[ArmingShown, ...]
    sources: tuple[SourceShown, ...]
    barriers: tuple[BarrierShown, ...]
