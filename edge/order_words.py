"""What an order says, in words for those who sign it, carry it or give it."""

from collections.abc import Iterator
from datetime import tzinfo

from edge.orders import (
    AnyOrder,
    CountersOrder,
    DelegateOrder,
    FireOverrideOrder,
    HoldOrder,
    LockdownOrder,
    PostureOrder,
    RaiseOrder,
    SucceedOrder,
    UnlockOrder,
)
from edge.present import local
from policies.rights import OrderKind

ENDING = {
    OrderKind.LIFT: "lift (end a lockdown, shelter or evacuation)",
    OrderKind.LOWER: "lower (end a raised level)",
    OrderKind.END_HOLD: "end a hold of exits",
    OrderKind.END_DRILL: "end a drill",
    OrderKind.END_UNLOCK: "end an unlocking",
    OrderKind.END_DELEGATION: "end a delegation or succession",
}


def words_of(order: AnyOrder, zone: tzinfo) -> Iterator[str]:
    """Lines; the first says what happens and where."""
    yield f"site {order.site}: {_what(order)}"
    for ended in getattr(order, "ends", ()):
        yield f"  {ended}"
    for known in getattr(order, "despite", ()):
        yield f"  in spite of {known}"
    yield f"reason: {order.reason}"
    until_s = getattr(order, "until_s", None)
    if until_s is not None:
        yield f"it ends at {_at(until_s, zone)}"
    accept_s = getattr(order, "accept_until_s", None)
    if accept_s is not None:
        yield f"an edge takes it until {_at(accept_s, zone)}"
    yield f"somebody looks at it again at {_at(order.review_s, zone)}"


def _what(order: AnyOrder) -> str:
    match order:
        case PostureOrder():
            return _posture(order)
        case UnlockOrder():
            return f"unlock {', '.join(order.portals)}"
        case HoldOrder():
            return f"hold exits of {', '.join(order.portals)}"
        case FireOverrideOrder():
            return f"end the latch of fire input '{order.fire}' although nobody has reset it"
        case CountersOrder():
            return f"orders count again at the edge that has drawn {order.challenge}"
        case DelegateOrder():
            kinds = ", ".join(order.kinds) or "everything that role orders"
            return f"'{order.person}' may act as {order.role}: {kinds}, {_zones(order.zones)}"
        case SucceedOrder():
            away = f"; cannot be reached: {', '.join(order.unreachable)}"
            return f"'{order.person}' acts as {order.role}{away if order.unreachable else ''}"
        case _:
            return ENDING[order.kind]


def _posture(order: PostureOrder) -> str:
    what = str(order.kind)
    if isinstance(order, RaiseOrder):
        what = f"threat level at least {order.level}"
    elif isinstance(order, LockdownOrder):
        what = f"lockdown, {order.cover}"
    told = f"{what}, {_zones(order.zones)}"
    if order.source:
        told += f", given at '{order.source}'"
    if order.drill:
        told = f"DRILL: {told}" + ("" if order.moves else "; no lock is moved")
    return told


def _zones(zones: tuple[str, ...]) -> str:
    return f"zones {', '.join(zones)}" if zones else "the whole site"


def _at(seconds: int, zone: tzinfo) -> str:
    return local(seconds * 1_000_000, zone).replace(".000", "")
