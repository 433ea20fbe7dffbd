"""Key switches and panic inputs: the edge itself makes, signs and gives the order of one.

All of it happens in the turn in which the input was heard. What the input said and what is ordered
go to disk in one commit, and after that the doors are told; nothing else is waited for.
"""

import hashlib
from collections.abc import Callable

from controller.ids import OrderId
from controller.moment import SECOND_US
from controller.orders import Cover, Order
from edge.config import Config
from edge.daemon import Daemon
from edge.order_core import core_order
from edge.orders import (
    ACCEPT_S,
    PAYLOAD_TYPE,
    AnyOrder,
    EvacuateOrder,
    LockdownOrder,
    RaiseOrder,
    ShelterOrder,
    Stamp,
    encoded,
    stamp,
    stamped,
)
from edge.signatures import SigningKey, Verified, sign
from edge.signed_orders import SignedOrder
from edge.site_file import SourceEntry, SourceOrder

REVIEW_S = 4 * 3600
"""Somebody has to look at what a switch has ordered within a shift."""

SAME_US = 5 * SECOND_US
"""A contact that bounces, or a button that is hammered, gives one order within this time. Later it
gives another: the first may be about to be lifted by somebody who does not know of the second."""

Offer = Callable[[Order, SignedOrder], None]


class LocalSources:
    """Those of one edge. `offer` gives an order to the core at once."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        key: SigningKey,
        entropy: Callable[[int], bytes],
        offer: Offer,
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._key = key
        self._entropy = entropy
        self._offer = offer
        self._given: dict[str, tuple[OrderId, int]] = {}

    def acted(self, name: str) -> None:
        """The source was worked now."""
        now = self._daemon.now()
        order, given_us = self._given.get(name, ("", 0))
        if order in self._daemon.site.state.orders.in_force and now.mono_us < given_us + SAME_US:
            return
        signed, envelope = self._signed(name, self._config.local_sources[name])
        self._given[name] = (signed.id, now.mono_us)
        self._offer(core_order(signed, envelope, None), signed)

    def _signed(self, name: str, source: SourceEntry) -> tuple[SignedOrder, bytes]:
        now = self._daemon.now()
        head = stamp(
            self._config.site,
            self._key.id,
            source.reason,
            now_ms=max(1, now.utc_us // 1_000),
            review_s=now.utc_s + REVIEW_S,
            entropy=self._entropy,
        )
        made = _made(name, source, head, now.utc_s)
        payload = encoded(made)
        signed = Verified(payload, (), (self._key.id,))
        order = hashlib.sha256(payload).hexdigest()
        return SignedOrder(made, order, signed, True, ()), sign(payload, PAYLOAD_TYPE, (self._key,))


def _made(name: str, source: SourceEntry, head: Stamp, now_s: int) -> AnyOrder:
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
