"""Orders that the edge makes and signs itself, in one turn: for a key switch, a panic button, or
somebody who has signed in at a page. They raise protection, and nothing else.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from controller.orders import Order
from edge.config import Config
from edge.daemon import Daemon
from edge.order_core import core_order
from edge.orders import PAYLOAD_TYPE, Payload, Stamp, bounded, decoded, encoded, stamp
from edge.signatures import SigningKey, Verified, sign
from edge.signed_orders import SignedOrder

REVIEW_S = 4 * 3600
"""Somebody has to look at it again within a shift."""


class OwnOrder(NamedTuple):
    """In the words of the core, and as it was signed."""

    order: Order
    signed: SignedOrder


class OwnOrders:
    """One edge's, by its own key."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        key: SigningKey,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._key = key
        self._entropy = entropy

    def head(self, reason: str) -> Stamp:
        """For an order made now."""
        now = self._daemon.now()
        return stamp(
            self._config.site,
            self._key.id,
            reason,
            now_ms=max(1, now.utc_us // 1_000),
            review_s=now.utc_s + REVIEW_S,
            entropy=self._entropy,
        )

    def signed(self, order: Payload) -> OwnOrder:
        """With the edge's signature. Takes a millisecond. Raises OrderError for one that no edge
        would take.
        """
        payload = encoded(order)
        by = Verified(payload, (), (self._key.id,))
        digest = hashlib.sha256(payload).hexdigest()
        signed = SignedOrder(decoded(payload), digest, by, True, ())
        envelope = bounded(sign(payload, PAYLOAD_TYPE, (self._key,)))
        return OwnOrder(core_order(signed, envelope, None), signed)
