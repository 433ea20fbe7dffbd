"""Orders as tests and virtual sites give them: without files, as if their signatures had fitted."""

import hashlib
from collections.abc import Callable, Iterator

from controller.ids import HolderId, InputId
from controller.inputs import OrderOffered
from controller.ledger import Personal
from controller.orders import POSTURES, Order, Orders
from controller.posture import MODES
from policies.facts import Mode
from policies.rights import OrderKind

HOUR_S = 3600


def offered(
    order: Order,
    *,
    people: int = 2,
    signers: tuple[HolderId | None, ...] = (),
    sourced: bool = False,
    break_glass: str = "",
    path: str = "control",
) -> OrderOffered:
    """The order as the edge gives it to the core."""
    return OrderOffered(
        id=InputId(f"order-{order.id[:12]}"),
        order=order,
        people=people,
        signers=signers,
        keys=(order.issuer,),
        sourced=sourced,
        break_glass=break_glass,
        path=path,
        signed_by=Personal("signed_by", "the chief, the deputy", "12" * 16),
        operator=Personal("operator", "the chief", "34" * 16),
        drill=order.drill,
    )


def order_id(name: str) -> str:
    """The id of an order that nobody has written down."""
    return hashlib.sha256(name.encode()).hexdigest()


def towards(
    orders: Orders,
    mode: Mode,
    threat: int,
    utc_s: int,
    name: Callable[[], str],
    *,
    drill: bool = False,
) -> Iterator[Order]:
    """What brings the whole site to this mode and level: first what is new, then the ends of what
    was before. Nothing where it is so already.
    """
    kinds = {mode: kind for kind, mode in MODES.items()}
    wanted = {(kinds.get(mode), None), (OrderKind.RAISE if threat > 1 else None, threat)}
    standing = {(one.order.kind, one.order.level) for one in orders.in_force.values()}
    for kind, level in sorted(wanted - standing, key=str):
        if kind is not None:
            yield _order(kind, name(), utc_s, level=level, drill=drill)
    for ending, ended in ((OrderKind.LIFT, POSTURES), (OrderKind.LOWER, {OrderKind.RAISE})):
        over = tuple(
            order_id
            for order_id, one in orders.in_force.items()
            if one.order.kind in ended and (one.order.kind, one.order.level) not in wanted
        )
        if over:
            yield _order(ending, name(), utc_s, ends=over)


def _order(
    kind: OrderKind,
    name: str,
    utc_s: int,
    *,
    level: int | None = None,
    drill: bool = False,
    ends: tuple[str, ...] = (),
) -> Order:
    made = order_id(name)
    return Order(
        id=made,
        kind=kind,
        issuer=made[:32],
        counter=1,
        reason="as it was played",
        review_s=utc_s + HOUR_S,
        level=level,
        drill=drill,
        ends=ends,
        accept_until_s=utc_s + HOUR_S,
    )
