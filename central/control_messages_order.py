"""What passes over central's control socket about orders."""

from typing import Annotated

import msgspec

from central.orders import Reached
from controller.arrival import Arrival
from controller.ids import OrderId
from controller.moment import Micros
from controller.orders import ENVELOPE_CHARS_MAX
from edge.control.message import Count, Message, Part
from policies.facts import UtcSeconds

EDGES_SHOWN_MAX = 500
MISSING_SHOWN_MAX = 2_000
"""Doors of one reply that are named; more are counted."""

ORDERS_SHOWN_MAX = 200
FOLLOW_S_MAX = 24 * 3600.0

EdgeName = Annotated[str, msgspec.Meta(max_length=64)]


class SendOrder(Message, frozen=True, kw_only=True):
    """Send a signed order to `edges` of its site; none: to all. Answered by NotSent, or by
    OrderProgress, again at each change, until one has `final`: all have answered and no device is
    awaited, or `wait_s` is over. With `follow` it goes on after that, until `follow_s`. Nothing is
    sent any more when the connection ends.
    """

    envelope: Annotated[bytes, msgspec.Meta(max_length=ENVELOPE_CHARS_MAX)]
    edges: Annotated[tuple[EdgeName, ...], msgspec.Meta(max_length=EDGES_SHOWN_MAX)] = ()
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 1.0
    follow: bool = False


class ListOrders(Message, frozen=True, kw_only=True):
    """Which orders are in force, as far as edges have said so? Answered by OrdersInForce."""


class FollowOrders(Message, frozen=True, kw_only=True):
    """As ListOrders, again whenever it changes: OrdersInForce and Heartbeat without end."""


class MissingDoor(Part, frozen=True, kw_only=True):
    """A door that does not obey, or of which nobody can see whether it does. `since_us`: wall time
    at its edge.
    """

    portal: str
    name: str
    arrival: Arrival
    observable: bool
    linked: bool
    since_us: Micros | None


class EdgeReached(Part, frozen=True, kw_only=True):
    """One edge and the order. `took_s`: until its last door obeyed, or it answered where it has
    none. `seen_utc_us`: when its connection last began or ended.
    """

    edge: str
    reached: Reached
    recorded: bool
    reason: str
    remedy: str
    seen_utc_us: Micros
    took_s: float | None
    doors: Count
    obeyed: Count
    missing: tuple[MissingDoor, ...]


class OrderProgress(Message, frozen=True, kw_only=True):
    """How far an order has come. `obeyed` of `doors` at the edges that answered, the last after
    `took_s`.
    """

    site: str
    order: OrderId
    kind: str
    on_wire: bool
    after_s: float
    took_s: float | None
    doors: Count
    obeyed: Count
    final: bool
    edges: Annotated[tuple[EdgeReached, ...], msgspec.Meta(max_length=EDGES_SHOWN_MAX)]
    more: Count = 0


class NotSent(Message, frozen=True, kw_only=True):
    """It is sent to nobody."""

    reason: str
    remedy: str


class OrderInForce(Part, frozen=True, kw_only=True):
    """An order that edges hand on as in force. `reason`, `review_s`: as it was signed."""

    site: str
    order: OrderId
    kind: str
    drill: bool
    reason: str
    review_s: UtcSeconds
    doors: Count
    obeyed: Count
    edges: Annotated[tuple[EdgeReached, ...], msgspec.Meta(max_length=EDGES_SHOWN_MAX)]


class OrdersInForce(Message, frozen=True, kw_only=True):
    """`more`: orders that are not shown."""

    on_wire: bool
    orders: Annotated[tuple[OrderInForce, ...], msgspec.Meta(max_length=ORDERS_SHOWN_MAX)]
    more: Count = 0
