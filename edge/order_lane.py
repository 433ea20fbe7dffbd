"""Orders that come over the wire: one that is sent to this edge, and those that others have.

An order acts because of who signed it. It is given to the same judge as one from a stick, whatever
topic it came on; what this edge knows already is answered and not judged again. Nothing here waits
for the journal's own traffic, and nothing is kept: whoever comes late finds at every node what is
in force there.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import NamedTuple, NoReturn, Protocol

from controller.events import clipped
from controller.ids import OrderId
from drivers.mqtt_link import CongestedError, Link, Message, NotConnectedError
from edge import wire_orders
from edge.order_gist import Gist, gist_of
from edge.order_told import Known, OrderTold
from edge.signatures import SignatureError
from edge.topics import TopicError, Topics, all_orders, parse
from edge.wire import WireError
from edge.wire_orders import OrderAck, OrdersKept, OrderStanding

WIRE, UNION = "wire", "union"
"""The ways by which an order comes here, as the journal has them."""

DIRECT_MAX = 64
"""Orders sent to this edge that wait to be judged. What comes beyond is dropped, and sent again by
whoever waits for an answer."""

UNION_MAX = 256
"""Orders of other nodes that wait; they stand at the broker until they are taken."""

PEERS_MAX = 1_000
"""Edges of one site; a bound on what a forger can fill."""

REFUSED_MAX = 1_024

ANSWERED_MAX = 256
REFUSED_AGAIN_S = 10.0
"""The same file, sent again within this time, gets the same answer and is not judged again: whoever
lost the answer must not raise the alarm that three refusals raise."""

REST_S_MAX = 1.0
"""After an order that was refused as long a rest as judging it took, at most this: whoever floods
us leaves time for the doors."""


class Took(NamedTuple):
    """What the judge said."""

    accepted: bool
    recorded: bool = True
    reason: str = ""
    remedy: str = ""


class _Offered(NamedTuple):
    gist: Gist
    envelope: bytes


class _Answered(NamedTuple):
    ack: OrderAck
    accepted: bool
    again_s: float


class Judged(Known, Protocol):
    """What this edge knows of orders, and who judges one (`edge.order_view.OrderView`)."""

    async def take(self, envelope: bytes, path: str) -> Took:
        """Judge it; returns when what became of it is on disk, or the disk does not take it."""
        ...

    def knows(self, gist: Gist) -> bool:
        """It is in force here, or over for good: judging it again would change nothing."""
        ...

    @property
    def judgement(self) -> object:
        """Changes with whatever could make a refused order acceptable."""
        ...


class OrderLane:
    """One edge's. `report` is told what was not believed; it must not block."""

    def __init__(
        self,
        site: str,
        edge: str,
        judged: Judged,
        jitter: Random,
        report: Callable[[str], None],
    ) -> None:
        self._topics, self._site, self._edge = Topics(site, edge), site, edge
        self._judged = judged
        self._report = report
        self._direct: OrderedDict[bytes, _Offered] = OrderedDict()
        self._union: OrderedDict[bytes, _Offered] = OrderedDict()
        """By the hash of the whole file: one that is forged never takes the place of the true."""
        self._answered: OrderedDict[bytes, _Answered] = OrderedDict()
        self._refused: OrderedDict[bytes, None] = OrderedDict()
        """Hashes of envelopes of other nodes that were refused: they stand there for days."""
        self._refused_by: object = judged.judgement
        self._again = False
        self._peers: dict[str, OrdersKept] = {}
        self._came = asyncio.Event()
        self.told = OrderTold(self._topics, judged, self._peers, jitter)

    @property
    def filters(self) -> tuple[str, ...]:
        """What is to be subscribed to."""
        return (self._topics.order, all_orders(self._site))

    # --- what comes in ---

    def connected(self) -> None:
        """A connection begins."""
        self.told.connected()

    def changed(self) -> None:
        """Something is on disk that may be told, or judged otherwise. Never blocks."""
        self.told.changed()
        if self._judged.judgement != self._refused_by:
            self._again = True
            self._came.set()

    def heard(self, message: Message) -> bool:
        """Whether it was for us. Never blocks."""
        if message.topic == self._topics.order:
            self._sent(message)
        elif self._whose(message.topic) is not None:
            self._peer_said(message)
        else:
            return False
        return True

    def _whose(self, topic: str) -> str | None:
        try:
            address = parse(topic)
        except TopicError:
            return None
        ours = (address.site, address.leaf) == (self._site, "orders")
        return address.edge if ours else None

    def _sent(self, message: Message) -> None:
        if message.retained:
            # Who sends an order waits for its answer; what a broker has kept is somebody else's.
            self._report("an order that the broker had kept")
            return
        try:
            envelope = wire_orders.decode_order(message.payload).envelope.encode()
            gist = gist_of(envelope)
        except (WireError, SignatureError) as error:
            self._report(f"no order: {error}")
            return
        if len(self._direct) < DIRECT_MAX:
            self._direct[_digest(envelope)] = _Offered(gist, envelope)
            self._came.set()

    def _peer_said(self, message: Message) -> None:
        edge = self._whose(message.topic)
        assert edge is not None, "only asked of a set of orders"
        if edge == self._edge and not message.retained:
            self.told.stands(message.payload)
        if not message.payload:
            self._peers.pop(edge, None)  # that edge is no more: what is missing ends nothing
            return
        try:
            kept = wire_orders.decode_orders(message.payload)
        except WireError as error:
            self._report(f"orders of {edge}: {error}")
            return
        if edge != self._edge and (edge in self._peers or len(self._peers) < PEERS_MAX):
            self._peers[edge] = kept
            self.told.peers_changed()
        # Our own as well: an edge that was restored finds there what it has forgotten.
        self._take_together(kept)

    def _take_together(self, kept: OrdersKept) -> None:
        for text in (*kept.in_force, *kept.lifts):
            envelope = text.encode()
            digest = _digest(envelope)
            if digest in self._refused:
                continue
            try:
                gist = gist_of(envelope)
            except (WireError, SignatureError):
                self._refuse(digest)
                continue
            if self._judged.knows(gist):
                continue
            if len(self._union) < UNION_MAX:
                self._union[digest] = _Offered(gist, envelope)
                self._came.set()
            else:
                self._again = True

    def _look_again(self) -> None:
        """At what others have: there was no room for all of it, or it may be judged otherwise."""
        self._again = False
        if self._judged.judgement != self._refused_by:
            self._refused_by = self._judged.judgement
            self._refused.clear()
        for kept in self._peers.values():
            self._take_together(kept)

    def _refuse(self, digest: bytes) -> None:
        self._refused[digest] = None
        while len(self._refused) > REFUSED_MAX:
            self._refused.popitem(last=False)

    # --- judging ---

    async def run(self, link: Link) -> None:
        """Until cancelled. Raises ExceptionGroup with JournalClosed."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._judge(link), name="orders judged")
            tasks.create_task(self.told.run(link), name="orders told")

    async def _judge(self, link: Link) -> NoReturn:
        while True:
            if not self._direct and not self._union:
                self._came.clear()
                if not self._again:
                    await self._came.wait()
                if self._again:
                    self._look_again()
                continue
            if self._direct:
                digest, offered = self._direct.popitem(last=False)
                rest_s = await self._judge_sent(digest, offered, link)
            else:
                digest, offered = self._union.popitem(last=False)
                rest_s = await self._judge_found(digest, offered)
            await asyncio.sleep(rest_s)

    async def _judge_sent(self, digest: bytes, offered: _Offered, link: Link) -> float:
        """One that was sent to us; how long to rest after it."""
        loop, order = asyncio.get_running_loop(), offered.gist.id
        began_s, rest_s = loop.time(), 0.0
        answered = self._answered.get(digest)
        if answered is not None and (answered.accepted or began_s < answered.again_s):
            ack = answered.ack
        elif self._judged.knows(offered.gist):
            ack = self._made(order, Took(accepted=True))
        else:
            took = await self._judged.take(offered.envelope, WIRE)
            if took.accepted:
                self._accepted(order)
            else:
                rest_s = min(loop.time() - began_s, REST_S_MAX)
            ack = self._made(order, took)
            again_s = loop.time() + REFUSED_AGAIN_S
            self._answered[digest] = _Answered(ack, took.accepted, again_s)
            while len(self._answered) > ANSWERED_MAX:
                self._answered.popitem(last=False)
        try:
            self.told.say_ack(self._judged.ack(order) or ack, link)
        except (NotConnectedError, CongestedError):
            pass  # who waits for it sends the order again
        return rest_s

    async def _judge_found(self, digest: bytes, offered: _Offered) -> float:
        """One that another edge has; how long to rest after it."""
        loop, order = asyncio.get_running_loop(), offered.gist.id
        began_s = loop.time()
        if self._judged.knows(offered.gist):
            return 0.0
        took = await self._judged.take(offered.envelope, UNION)
        if took.accepted:
            self._accepted(order)
            return 0.0
        self._refuse(digest)
        self._report(f"order {order[:12]} of another edge: {took.reason}")
        return min(loop.time() - began_s, REST_S_MAX)

    def _accepted(self, order: OrderId) -> None:
        self.told.came_over_wire(order)
        self.changed()

    def _made(self, order: OrderId, took: Took) -> OrderAck:
        """Of an order that acts once, or not at all."""
        incarnation, revision = self._judged.mark
        return OrderAck(
            incarnation=incarnation,
            revision=revision,
            order=order,
            standing=OrderStanding.DONE if took.accepted else OrderStanding.REFUSED,
            recorded=took.recorded,
            reason=clipped(took.reason),
            remedy=clipped(took.remedy),
        )


def _digest(envelope: bytes) -> bytes:
    return hashlib.sha256(envelope).digest()
