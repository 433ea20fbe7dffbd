"""What an edge tells of its orders, its posture and its doors, when there is news of it.

Answers to orders go first, what is retained for whoever comes late behind them. Nothing is kept for
a wire that is down: with every connection everything is said again.
"""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import NoReturn, Protocol

from msgspec.structs import replace

from controller.ids import OrderId
from drivers.mqtt_link import CongestedError, Link, NotConnectedError, Publication
from edge import wire_orders
from edge.topics import Topics
from edge.wire_orders import (
    ACKNOWLEDGED_MAX,
    ENVELOPES_MAX,
    OrderAck,
    OrdersKept,
    OrderStanding,
    PortalNow,
    Posture,
)

ACKS_TOGETHER_S = 0.02
"""Forty doors answer within a few of it: what changes meanwhile is told together."""

STATES_TOGETHER_S = 0.25
"""Posture and portals, for whoever watches: behind the answers to an order."""

FULL_AGAIN_S = 0.02
"""Until a wire that is full is tried again."""

SPREAD_S_MIN, SPREAD_S_MAX = 0.5, 3.0
"""Nobody needs our own set at once where all it tells came over the wire: a hundred edges must not
send theirs to each other in the moment in which the doors are waited for."""


class Known(Protocol):
    """What is to be told (`edge.order_view.OrderView`)."""

    def ack(self, order: OrderId) -> OrderAck | None:
        """What is to be said of one that this edge knows."""
        ...

    def in_force(self) -> Mapping[OrderId, str]:
        """Envelopes of the orders in force, the most urgent first."""
        ...

    def lifts(self) -> Mapping[OrderId, str]:
        """Envelopes of the newest lifts, oldest first."""
        ...

    def posture(self) -> Posture: ...
    def portals(self) -> Mapping[str, PortalNow]: ...

    @property
    def mark(self) -> tuple[str, int]:
        """Of which journal, and after which of its entries, all of the above is said."""
        ...


class OrderTold:
    """One edge's. `peers`: the sets of the other edges, as far as they have been heard."""

    def __init__(
        self, topics: Topics, known: Known, peers: Mapping[str, OrdersKept], jitter: Random
    ) -> None:
        self._topics = topics
        self._known = known
        self._peers = peers
        self._jitter = jitter
        self._changed = asyncio.Event()
        self._anew = True
        """Nothing that was said before can be relied on to stand at the broker."""
        self._acks: dict[OrderId, OrderAck] = {}
        self._states: dict[str, bytes] = {}
        """What was told last, by order and by topic."""
        self._shown: set[str] = set()
        self._states_due = True
        self._states_at_s: float | None = None
        self._set_told: OrdersKept | None = None
        self._set_sent = b""
        self._set_ids: frozenset[OrderId] = frozenset()
        self._set_at_s: float | None = None
        self._over_the_wire: set[OrderId] = set()

    def connected(self) -> None:
        """Say everything again: what came in force here meanwhile, and how far it has come."""
        self._anew = True
        self.changed()

    def changed(self) -> None:
        """There may be news. Never blocks."""
        self._states_due = True
        self._changed.set()

    def peers_changed(self) -> None:
        """Others have said what they have."""
        self._changed.set()

    def came_over_wire(self, order: OrderId) -> None:
        """Whoever is there has it from where we have it."""
        self._over_the_wire.add(order)

    def stands(self, payload: bytes) -> None:
        """This is on our own `orders` now; somebody else's is overwritten within some seconds."""
        if payload != self._set_sent:
            self._set_told = None
            self._changed.set()

    async def run(self, link: Link) -> NoReturn:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            told_s = loop.time()
            try:
                again_s = self._say(link, told_s)
            except NotConnectedError:
                self._anew, again_s = True, None
            except CongestedError:
                again_s = told_s + FULL_AGAIN_S
            try:
                async with asyncio.timeout_at(again_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(max(0.0, told_s + ACKS_TOGETHER_S - loop.time()))

    def _say(self, link: Link, now_s: float) -> float | None:
        """What is news; when to look again. Raises NotConnectedError, CongestedError."""
        if not link.connected:
            raise NotConnectedError
        if self._anew:
            self._acks.clear()
            self._states.clear()
            self._set_told, self._set_ids = None, frozenset()
            self._anew, self._states_due = False, True
        self._say_acks(link)
        times = [self._say_set(link, now_s)]
        if self._states_due and self._states_at_s is None:
            self._states_at_s = now_s + STATES_TOGETHER_S
        if self._states_at_s is not None and now_s >= self._states_at_s:
            self._states_due = False
            self._say_states(link)
            self._states_at_s = None
        times.append(self._states_at_s)
        return min((one for one in times if one is not None), default=None)

    def _say_acks(self, link: Link) -> None:
        in_force = self._known.in_force()
        for order in (*in_force, *(one for one in self._acks if one not in in_force)):
            ack = self._known.ack(order)
            if ack is None or not self._is_news(ack):
                continue
            self.say_ack(ack, link)
            if ack.standing is OrderStanding.IN_FORCE:
                self._acks[order] = ack
            else:
                self._acks.pop(order, None)  # the last word on it

    def _is_news(self, ack: OrderAck) -> bool:
        told = self._acks.get(ack.order)
        return told is None or replace(told, revision=ack.revision) != ack

    def say_ack(self, ack: OrderAck, link: Link) -> None:
        """Raises NotConnectedError, CongestedError."""
        topic = self._topics.order_ack(ack.order)
        link.publish(Publication(topic=topic, payload=wire_orders.encode(ack), qos=1))

    def _say_set(self, link: Link, now_s: float) -> float | None:
        """Our own set, where it is another than at the broker: at once where it has something that
        nobody has sent us. Returns when its time comes, if that is later.
        """
        in_force, lifts = self._known.in_force(), self._known.lifts()
        handed_on = {one: text for one, text in lifts.items() if not self._all_have(one)}
        incarnation, revision = self._known.mark
        kept = OrdersKept(
            incarnation=incarnation,
            revision=revision,
            in_force=tuple(in_force.values())[:ENVELOPES_MAX],
            lifts=tuple(handed_on.values())[-ENVELOPES_MAX:],
            acknowledged=tuple(lifts)[-ACKNOWLEDGED_MAX:],
        )
        told = self._set_told
        if told is not None and replace(told, revision=revision) == kept:
            self._set_at_s = None
            return None
        ids = frozenset(in_force.keys() | handed_on.keys())
        self._over_the_wire &= ids
        urgent = ids - self._over_the_wire - self._set_ids
        if self._set_at_s is None:
            self._set_at_s = now_s + self._jitter.uniform(SPREAD_S_MIN, SPREAD_S_MAX)
        if not urgent and now_s < self._set_at_s:
            return self._set_at_s
        payload = wire_orders.encode(kept)
        link.publish(Publication(topic=self._topics.orders, payload=payload, qos=1, retain=True))
        self._set_told, self._set_sent, self._set_ids, self._set_at_s = kept, payload, ids, None
        return None

    def _all_have(self, lift: OrderId) -> bool:
        """Whether every edge that we know of has said that it has it; with none known, nobody has.

        An edge that was away has its last set at the broker, which lacks it.
        """
        peers = self._peers.values()
        return bool(peers) and all(lift in one.acknowledged for one in peers)

    def _say_states(self, link: Link) -> None:
        posture = self._known.posture()
        if self._states.get(self._topics.posture) != (bare := _bare(posture)):
            payload = wire_orders.encode(posture)
            topic = self._topics.posture
            link.publish(Publication(topic=topic, payload=payload, qos=1, retain=True))
            self._states[topic] = bare
        portals = self._known.portals()
        for name in (*portals, *(one for one in self._shown if one not in portals)):
            self._say_portal(name, portals.get(name), link)
        self._shown = set(portals)

    def _say_portal(self, name: str, portal: PortalNow | None, link: Link) -> None:
        """None: the policy has it no more, and nothing is left of it at the broker."""
        topic = self._topics.portal(name)
        bare = b"" if portal is None else _bare(portal)
        if self._states.get(topic) == bare:
            return
        payload = b"" if portal is None else wire_orders.encode(portal)
        link.publish(Publication(topic=topic, payload=payload, qos=1, retain=True))
        self._states[topic] = bare


def _bare(state: Posture | PortalNow) -> bytes:
    """What makes two of them the same."""
    return wire_orders.encode(replace(state, revision=0))
