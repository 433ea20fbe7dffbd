"""Key switches and panic inputs: the edge itself makes, signs and gives the order of one.

All of it happens in the turn in which the input was heard. What the input said and what is ordered
go to disk in one commit, and after that the doors are told; nothing else is waited for.
"""

from collections.abc import Callable
from typing import NamedTuple

from controller.moment import SECOND_US, Micros
from controller.orders import Cover, Order
from controller.site import Outcome
from edge.config import Config
from edge.daemon import Daemon
from edge.order_own import OwnOrder, OwnOrders
from edge.orders import (
    ACCEPT_S,
    EvacuateOrder,
    LockdownOrder,
    Payload,
    RaiseOrder,
    ShelterOrder,
    Stamp,
    stamped,
)
from edge.site_file import GivenEntry, SourceOrder

SWITCH = "switch"
"""The way of an order that a key switch or a panic input of this edge has given."""

SAME_US = 5 * SECOND_US
"""A contact that bounces, or a button that is hammered, gives one order within this time. Later it
gives another: the first may be about to be lifted by somebody who does not know of the second."""

Offer = Callable[[OwnOrder, str, str], Outcome]


class Worked(NamedTuple):
    """What somebody has worked, and what came of its order, given then."""

    order: Order
    outcome: Outcome
    at_us: Micros


class LocalSources:
    """Those of one edge. `offer` gives an order to the core at once: with its way, and by whom."""

    def __init__(self, daemon: Daemon, config: Config, own: OwnOrders, offer: Offer) -> None:
        self._daemon = daemon
        self._config = config
        self._own = own
        self._offer = offer
        self._worked: dict[str, Worked] = {}

    def acted(self, name: str) -> None:
        """The source was worked now."""
        self.worked(name, self._config.local_sources[name], SWITCH, f"source {name}")

    def worked(self, name: str, entry: GivenEntry, path: str, operator: str) -> tuple[Worked, bool]:
        """Give the order of what was worked now, and whether it is given anew. `name`: of the
        source or terminal; `operator`: by whom.
        """
        now = self._daemon.now()
        at = f"{path} {name}"
        before = self._worked.get(at)
        if before is not None and self._is_same(before, now.mono_us):
            return before, False
        own = self._own.signed(_made(name, entry, self._own.head(entry.reason), now.utc_s))
        outcome = self._offer(own, path, operator)
        self._worked[at] = Worked(own.order, outcome, now.mono_us)
        return self._worked[at], True

    def _is_same(self, before: Worked, now_us: Micros) -> bool:
        in_force = self._daemon.site.state.orders.in_force
        return before.order.id in in_force and now_us < before.at_us + SAME_US


def _made(name: str, source: GivenEntry, head: Stamp, now_s: int) -> Payload:
    match source.gives:
        case SourceOrder.LOCKDOWN:
            cover = Cover.FULL if source.cover is None else Cover(source.cover)
            return stamped(LockdownOrder, head)(zones=source.zones, source=name, cover=cover)
        case SourceOrder.SHELTER:
            return stamped(ShelterOrder, head)(zones=source.zones, source=name)
        case SourceOrder.EVACUATE:
            accept_until_s = now_s + ACCEPT_S
            return stamped(EvacuateOrder, head)(
                zones=source.zones, source=name, accept_until_s=accept_until_s
            )
        case SourceOrder.RAISE:
            assert source.level is not None, "the site file is refused without one"
            return stamped(RaiseOrder, head)(zones=source.zones, source=name, level=source.level)
