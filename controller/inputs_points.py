"""Facts about alarm points, their arming, and local sources of orders."""

from controller.events_points import SourceLine
from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal
from controller.moment import Micros
from controller.point import Line


class PointHeard(Input, frozen=True, kw_only=True):
    """The debounced line of an alarm point."""

    point: str
    line: Line


class ArmAsked(Input, frozen=True, kw_only=True):
    """Somebody on file wants a set armed, or disarmed. `operator.field` is `operator`."""

    arming: str
    armed: bool
    holder: HolderId
    operator: Personal


class ShuntAsked(Input, frozen=True, kw_only=True):
    """Somebody on file wants a point's activity silenced for `for_us`; `reason` names nobody."""

    point: str
    reason: str
    for_us: Micros
    holder: HolderId
    operator: Personal


class ShuntEndAsked(Input, frozen=True, kw_only=True):
    """Somebody wants a shunt ended before its time. `operator.field` is `operator`."""

    point: str
    operator: Personal


class PanicAsked(Input, frozen=True, kw_only=True):
    """Somebody who has signed in calls for help. Fields of the personal values: `reason`,
    `operator`.
    """

    terminal: str
    reason: Personal
    operator: Personal


class SourceHeard(Input, frozen=True, kw_only=True):
    """The debounced line of a key switch or panic input."""

    source: str
    line: SourceLine
