"""An order named on the command line by the beginning of its id."""

import re
from collections.abc import Sequence

from edge.commands.common import Failed
from edge.control.messages_orders import OrderShown

ID_SIGNS_MIN = 4


def order_named(orders: Sequence[OrderShown], text: str) -> str:
    """The whole id. One that is whole is taken as it is, known here or not. Raises Failed."""
    if re.fullmatch("[0-9a-f]{64}", text):
        return text
    found = [one.order for one in orders if one.order.startswith(text)]
    if len(text) >= ID_SIGNS_MIN and len(found) == 1:
        return found[0]
    known = ", ".join(one.order[:12] for one in orders) or "none"
    if len(found) > 1:
        raise Failed(f"several orders in force begin with '{text}'", f"in force are: {known}")
    raise Failed(f"no order in force begins with '{text}'", f"in force are: {known}")
