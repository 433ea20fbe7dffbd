"""Orders that end without an order: by time, fire, restart, a journal that is lost."""

from collections.abc import Callable, Iterable

from controller.events_orders import OrderEnded
from controller.ids import OrderId
from controller.leadership import time_is_over
from controller.orders import LEADERSHIP, EndCause, InForce, in_order
from controller.turn import Turn
from policies.rights import OrderKind

OF_THE_MOMENT = frozenset({OrderKind.HOLD, OrderKind.UNLOCK})
"""They end with whatever else happens: what they are for has to be judged anew."""


def end(turn: Turn, orders: Iterable[OrderId], cause: EndCause, by: OrderId | None = None) -> None:
    """These are in force no more."""
    for order_id in orders:
        kind = turn.state.orders.in_force[order_id].order.kind
        turn.record(OrderEnded(order=order_id, order_kind=kind, cause=cause, by=by or ""))


def end_where(turn: Turn, ends: Callable[[InForce], bool], cause: EndCause) -> None:
    """Those of which `ends` says so, as they were accepted."""
    found = in_order(turn.state.orders.in_force.values())
    end(turn, [one.order.id for one in found if ends(one)], cause)


def end_at_fire(turn: Turn) -> None:
    """Nobody is held in a fire, nothing stands open for convenience, and no drill goes on."""
    end_where(turn, _is_passing, EndCause.FIRE)


def end_at_start(turn: Turn) -> None:
    """Nobody knows how long this edge was away."""
    end_where(turn, _is_passing, EndCause.RESTART)


def _is_passing(one: InForce) -> bool:
    return one.order.kind in OF_THE_MOMENT or one.order.drill


def end_unrecorded(turn: Turn) -> None:
    """What nobody can prove is not done to people."""
    end_where(turn, lambda one: one.order.kind in OF_THE_MOMENT, EndCause.JOURNAL)


def end_due(turn: Turn) -> None:
    """Whose time has come. Who acts for somebody does so by the wall as well."""
    moment = turn.moment

    def over(one: InForce) -> bool:
        if one.order.kind in LEADERSHIP:
            return time_is_over(one, moment)
        return one.until_us is not None and one.until_us <= moment.mono_us

    end_where(turn, over, EndCause.TIME)
