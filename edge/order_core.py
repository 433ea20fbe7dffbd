"""From what was signed to what the core judges."""

import msgspec

from controller.ids import HolderId
from controller.orders import Order
from edge.orders import AnyOrder, DelegateOrder, SucceedOrder
from edge.signed_orders import SignedOrder


def core_order(signed: SignedOrder, envelope: bytes, holder: HolderId | None) -> Order:
    """The order in the core's words; fields have the same names in both. `holder`: under which id
    the person that it names is on file.
    """
    fields = msgspec.to_builtins(signed.order)
    known = fields | {
        "id": signed.id,
        "kind": signed.order.kind,
        "holder": holder,
        "envelope": envelope.strip().decode(),
    }
    return msgspec.convert(known, Order)


def person_named(order: AnyOrder) -> str | None:
    """The integrator's id of whoever takes somebody's place by this order."""
    return order.person if isinstance(order, DelegateOrder | SucceedOrder) else None
