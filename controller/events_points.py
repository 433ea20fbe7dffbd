"""Events of alarm points, of what arms them, and of the site's own sources of orders."""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.body import Body, Name, Text
from controller.ids import HolderId
from controller.ledger import Commitment
from controller.point import Line, Point

NAMES_MAX = 200
"""As many points as one edge has: all of them fit into one entry."""


class PointChange(Body, frozen=True, kw_only=True):
    """What a point is after this event, whole."""

    point: Name
    after: Point


class PointSettled(PointChange, frozen=True, kw_only=True):
    """The first reading after not knowing: all is quiet."""


class PointSeen(PointChange, frozen=True, kw_only=True):
    """Activity while the zone is not armed or the point is shunted; nobody is sent for it."""


class PointEntered(PointChange, frozen=True, kw_only=True):
    """Activity in an armed zone where somebody may still disarm; the deadline stands in it."""


class PointAlarmed(PointChange, frozen=True, kw_only=True):
    """Activity in an armed zone, or at a point that alarms at any hour."""


class PointRestored(PointChange, frozen=True, kw_only=True):
    """The line is quiet again."""


class PointFaulted(PointChange, frozen=True, kw_only=True):
    """The line is cut or shorted, or its device does not answer: the point sees nothing."""


class PointMasked(PointChange, frozen=True, kw_only=True):
    """The sensor says that it is covered or blinded."""


class PointStuck(PointChange, frozen=True, kw_only=True):
    """The point has been active for longer than anything happens there: it sees nothing new."""


class PointStoodDown(PointChange, frozen=True, kw_only=True):
    """The zone was disarmed; the alarm of this point, or its delay, is over."""


class PointShunted(PointChange, frozen=True, kw_only=True):
    """A named person silenced the point's activity until a moment; what is wrong with its line is
    told all the same.
    """

    reason: Text
    holder: HolderId
    operator: Commitment


class PointShuntEnded(PointChange, frozen=True, kw_only=True):
    """The point's activity counts again; `operator` where somebody ended the shunt early."""

    operator: Commitment | None = None


class ShuntRefused(Body, frozen=True, kw_only=True):
    """A shunt, or the early end of one, was not done."""

    point: Text
    reason: Text
    operator: Commitment


class Armed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a set is armed. `scheduled`: what its schedule said last; None: it has not yet."""

    armed: bool
    scheduled: bool | None = None


class ArmingChange(Body, frozen=True, kw_only=True):
    """What a set is after this event. `holder`: who wanted it; None where its schedule did."""

    arming: Name
    after: Armed
    holder: HolderId | None = None
    operator: Commitment | None = None


class ZoneArmed(ArmingChange, frozen=True, kw_only=True):
    """The zones of a set are watched from here on. `unquiet`: points that were not quiet then."""

    unquiet: Annotated[tuple[Name, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()


class ZoneDisarmed(ArmingChange, frozen=True, kw_only=True):
    """Activity in the zones of a set alarms nobody from here on."""


class ArmingRefused(Body, frozen=True, kw_only=True):
    """Somebody wanted to arm or disarm a set, and it was not done."""

    arming: Text
    armed: bool
    reason: Text
    operator: Commitment


class SourceLine(StrEnum):
    """What the line of a local source of orders says."""

    UNKNOWN = "unknown"
    QUIET = "quiet"
    ACTIVE = "active"
    CUT = "cut"
    SHORTED = "shorted"
    GONE = "gone"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A key switch or panic input. `active`: its last good reading; a start keeps that."""

    line: SourceLine = SourceLine.UNKNOWN
    active: bool | None = None


class SourceChange(Body, frozen=True, kw_only=True):
    """What a local source is after this event, whole."""

    source: Name
    after: Source


class SourceActed(SourceChange, frozen=True, kw_only=True):
    """Somebody turned the key or pressed the button: the edge gives its order."""


class SourceFoundActive(SourceChange, frozen=True, kw_only=True):
    """The key is turned, or the button pressed, as it was before: that gives no new order."""


class SourceLetGo(SourceChange, frozen=True, kw_only=True):
    """The key is back, or the button was let go; that ends nothing."""


class SourceFaulted(SourceChange, frozen=True, kw_only=True):
    """The line is cut or shorted, or its device does not answer: nobody can give the order here."""


class PanicRaised(Body, frozen=True, kw_only=True):
    """Somebody at a page has called for help. `terminal`: where, by the site file's name; empty
    where it is none of those. `reason`: what was said besides, mostly nothing.
    """

    terminal: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?\Z")] = ""
    reason: Commitment
    operator: Commitment


__all__ = [
    "NAMES_MAX",
    "Armed",
    "ArmingChange",
    "ArmingRefused",
    "Line",
    "PanicRaised",
    "Point",
    "PointAlarmed",
    "PointChange",
    "PointEntered",
    "PointFaulted",
    "PointMasked",
    "PointRestored",
    "PointSeen",
    "PointSettled",
    "PointShuntEnded",
    "PointShunted",
    "PointStoodDown",
    "PointStuck",
    "ShuntRefused",
    "Source",
    "SourceActed",
    "SourceChange",
    "SourceFaulted",
    "SourceFoundActive",
    "SourceLetGo",
    "SourceLine",
    "ZoneArmed",
    "ZoneDisarmed",
]
