"""Examples of events of alarm points, sources and barriers, every field filled."""

from controller.barrier import Barrier, Loop
from controller.barrier import State as BarrierState
from controller.body import Body
from controller.events import KINDS
from controller.events_barriers import BarrierChange, InterlockOverridden
from controller.events_points import (
    Armed,
    ArmingChange,
    ArmingRefused,
    PanicRaised,
    PointChange,
    ShuntRefused,
    Source,
    SourceChange,
    SourceLine,
)
from controller.ids import HolderId, PortalId
from controller.ledger import Personal, commitment
from controller.point import Line, Point, State

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))
REASON = commitment(Personal("reason", "somebody has a knife", "1f" * 16))
POINT = Point(
    state=State.ALARM, line=Line.ACTIVE, deadline_us=5_000_000, shunted_until_us=9_000_000
)
BARRIER = Barrier(
    state=BarrierState.WAITING,
    loop=Loop.TAKEN,
    used=True,
    down=False,
    up=True,
    deadline_us=5_000_000,
)
_SAYING_MORE = {
    "reason": "a tree has fallen on the fence",
    "holder": HolderId("h1"),
    "operator": OPERATOR,
    "unquiet": ("hall-pir",),
}
_WHOLE: tuple[tuple[type[Body], dict[str, object]], ...] = (
    (PointChange, {"point": "north-fence", "after": POINT}),
    (ArmingChange, {"arming": "house", "after": Armed(armed=True, scheduled=False)}),
    (
        SourceChange,
        {"source": "guard-key", "after": Source(line=SourceLine.ACTIVE, active=True)},
    ),
    (BarrierChange, {"portal": PortalId("gate"), "after": BARRIER}),
)


def _made(kind: type[Body], fields: dict[str, object]) -> Body:
    more = {name: value for name, value in _SAYING_MORE.items() if name in kind.__struct_fields__}
    return kind(**fields, **more)


PERIMETER: tuple[Body, ...] = (
    ShuntRefused(point="north-fence", reason="nobody may", operator=OPERATOR),
    ArmingRefused(arming="house", armed=False, reason="nobody may", operator=OPERATOR),
    PanicRaised(terminal="front-desk", reason=REASON, operator=OPERATOR),
    InterlockOverridden(interlock="sally-port", portals=(PortalId("inner"), PortalId("outer"))),
    *(
        _made(kind, fields)
        for base, fields in _WHOLE
        for kind in KINDS.values()
        if issubclass(kind, base)
    ),
)
