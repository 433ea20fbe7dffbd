"""Orders on their way to the edges of a site, and what each edge says has become of them.

Nothing that acts is kept here. An order is sent for as long as the person who gave it waits, to
those who are there and have not answered; whoever comes later finds it among the orders of the
other edges, or gets it carried. What edges say is kept in memory, the newest word of each.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from central.distribution import EdgeBook
from central.distributor import Distributor
from controller.arrival import Arrival
from controller.ids import OrderId
from drivers.mqtt_link import CongestedError, Link, NotConnectedError, Publication
from edge import wire_orders
from edge.order_gist import Gist, gist_of
from edge.signatures import SignatureError
from edge.topics import Address, Topics
from edge.wire import WireError
from edge.wire_orders import Door, OrderAck, OrderSent, OrdersKept, OrderStanding

AGAIN_S_MIN, AGAIN_S_MAX = 0.4, 5.0
"""Between two sendings to an edge that is there and says nothing."""

DOORS_AGAIN_S = 1.0
"""An edge of which devices are awaited is asked again after so long a silence."""

ORDERS_MAX = 256
"""Orders of which answers are kept; the one that was heard of longest ago goes first."""

WORDS_MAX = 20_000
"""Answers in all: a bound on what a forger can fill."""


class Reached(StrEnum):
    """How an edge stands to an order. The first four are its own word."""

    IN_FORCE = "in-force"
    DONE = "done"
    ENDED = "ended"
    REFUSED = "refused"
    WAITING = "waiting"  # it is connected, and has not answered yet
    AWAY = "away"


class Word(NamedTuple):
    """What an edge said last of an order, by the loop's clock. `first_s`: when it first said as
    much of its standing; `obeyed_s`: when the last door of it obeyed; None before the first.
    """

    ack: OrderAck
    first_s: float
    at_s: float
    obeyed_s: float | None


class Row(NamedTuple):
    """One edge and an order. `doors`: none where it is not there: what it said may be over."""

    book: EdgeBook
    reached: Reached
    word: Word | None
    doors: tuple[Door, ...]

    @property
    def settled(self) -> bool:
        """Nothing more is to be expected of it soon: what is missing waits for somebody."""
        if self.reached is Reached.WAITING:
            return False
        return not any(is_awaited(door) for door in self.doors)


def is_awaited(door: Door) -> bool:
    """Its device is there and has not said that it does as it is told."""
    return door.linked and door.arrival is Arrival.ORDERED


class OrderBook:
    """What is known of the orders of all sites."""

    def __init__(self) -> None:
        self._words: OrderedDict[tuple[str, OrderId], dict[str, Word]] = OrderedDict()
        self._kept: dict[tuple[str, str], OrdersKept] = {}
        self._gists: OrderedDict[tuple[str, OrderId], Gist] = OrderedDict()
        self._count = 0

    def heard(self, site: str, edge: str, ack: OrderAck, now_s: float) -> bool:
        """Whether that is news: not older than what the same journal has said."""
        words = self._words.setdefault((site, ack.order), {})
        self._words.move_to_end((site, ack.order))
        before = words.get(edge)
        if before is not None and _is_older(ack, before.ack):
            return False
        if before is None and self._count >= WORDS_MAX:
            return False
        self._count += before is None
        same = before is not None and before.ack.standing is ack.standing
        obeyed_s = before.obeyed_s if before is not None else None
        if _obeyed(ack) > (_obeyed(before.ack) if before is not None else 0):
            obeyed_s = now_s
        first_s = before.first_s if before is not None and same else now_s
        words[edge] = Word(ack, first_s, now_s, obeyed_s)
        while len(self._words) > ORDERS_MAX:
            _, dropped = self._words.popitem(last=False)
            self._count -= len(dropped)
        return True

    def kept(self, site: str, edge: str, kept: OrdersKept) -> None:
        """The set that an edge hands on."""
        if (site, edge) in self._kept or len(self._kept) < WORDS_MAX:
            self._kept[site, edge] = kept

    def word(self, site: str, order: OrderId, edge: str) -> Word | None:
        return self._words.get((site, order), {}).get(edge)

    def given(self, gist: Gist) -> None:
        """Somebody sends it from here: what is said of it is said with its words."""
        self._gists[gist.site, gist.id] = gist
        while len(self._gists) > ORDERS_MAX:
            self._gists.popitem(last=False)

    def in_force(self, site: str) -> list[Gist]:
        """Every order that some edge of the site says is in force, by its newest word or set."""
        found: dict[OrderId, Gist] = {}
        for (of, edge), kept in sorted(self._kept.items()):
            for envelope in kept.in_force if of == site else ():
                try:
                    gist = gist_of(envelope.encode())
                except (SignatureError, WireError):
                    continue
                if self._still(site, edge, gist.id, kept):
                    found.setdefault(gist.id, gist)
        for (of, order), words in self._words.items():
            holds = any(word.ack.standing is OrderStanding.IN_FORCE for word in words.values())
            if of == site and holds and (of, order) in self._gists:
                found.setdefault(order, self._gists[of, order])
        return list(found.values())

    def _still(self, site: str, edge: str, order: OrderId, kept: OrdersKept) -> bool:
        """Whether the edge has said nothing else of it after this set."""
        word = self.word(site, order, edge)
        if word is None or word.ack.standing is OrderStanding.IN_FORCE:
            return True
        return (word.ack.incarnation, word.ack.revision) < (kept.incarnation, kept.revision)


def _is_older(ack: OrderAck, than: OrderAck) -> bool:
    return ack.incarnation == than.incarnation and ack.revision < than.revision


def _obeyed(ack: OrderAck) -> int:
    return sum(door.obeyed for door in ack.doors)


class _Asked(msgspec.Struct):
    again_s: float
    pause_s: float


class Sending:
    """One order while somebody waits for what becomes of it. `edges`: none: all of the site."""

    def __init__(self, gist: Gist, envelope: bytes, edges: Iterable[str], began_s: float) -> None:
        self.gist = gist
        self.payload = wire_orders.encode(OrderSent(envelope=envelope.decode()))
        self.edges = frozenset(edges)
        self.began_s = began_s
        self.asked: dict[str, _Asked] = {}


class Orders:
    """Central's. `on` gives it the wire; where there is none, nothing is sent."""

    def __init__(self, distributor: Distributor) -> None:
        self._distributor = distributor
        self._link: Link | None = None
        self._linked_s = 0.0
        self.book = OrderBook()
        self._changed = asyncio.Event()

    def on(self, link: Link) -> None:
        self._link = link

    def linked(self) -> None:
        """Central's own connection begins: what edges have said before may be over."""
        self._linked_s = asyncio.get_running_loop().time()

    @property
    def on_wire(self) -> bool:
        return self._distributor.on_wire

    def sites(self) -> list[str]:
        """Of which an edge is known."""
        return sorted({site for site, _ in self._distributor.books.edges})

    def edges(self, site: str) -> frozenset[str]:
        return frozenset(book.known.edge for book in self._distributor.books.at(site))

    @property
    def change(self) -> asyncio.Event:
        """Set with the next answer after this was asked for."""
        return self._changed

    def heard(self, address: Address, payload: bytes) -> None:
        """An edge's word. Called on the loop; never blocks. Raises WireError."""
        if address.leaf == "orders":
            if payload:
                kept = wire_orders.decode_orders(payload)
                self.book.kept(address.site, address.edge, kept)
            return
        ack = wire_orders.decode_order_ack(payload)
        if not address.leaf.endswith(f"/{ack.order}"):
            raise WireError("not an answer to an order: its topic names another")
        now_s = asyncio.get_running_loop().time()
        if self.book.heard(address.site, address.edge, ack, now_s):
            self._changed.set()
            self._changed = asyncio.Event()

    def rows(self, sending: Sending) -> Iterator[Row]:
        """Every edge that the order is for, by name."""
        for book in self._distributor.books.at(sending.gist.site):
            if not sending.edges or book.known.edge in sending.edges:
                yield self._row(sending.gist, book, sending.began_s)

    def rows_of(self, gist: Gist) -> Iterator[Row]:
        """Every edge of the site, and an order that some edge has. Who has not spoken of it since
        central's connection began is waited for.
        """
        for book in self._distributor.books.at(gist.site):
            yield self._row(gist, book, self._linked_s)

    def _row(self, gist: Gist, book: EdgeBook, since_s: float) -> Row:
        word = self.book.word(gist.site, gist.id, book.known.edge)
        if not book.connected:
            return Row(book, Reached.AWAY, word, ())
        if word is None or word.at_s < since_s:
            return Row(book, Reached.WAITING, word, ())
        doors = word.ack.doors if word.ack.standing is OrderStanding.IN_FORCE else ()
        return Row(book, Reached(word.ack.standing.value), word, doors)

    def send(self, sending: Sending) -> float:
        """To whoever is there and has not answered since; returns when to look again."""
        now_s = asyncio.get_running_loop().time()
        times = [now_s + AGAIN_S_MAX]
        for row in self.rows(sending):
            edge = row.book.known.edge
            if row.reached is Reached.AWAY:
                sending.asked.pop(edge, None)  # whoever is back is asked at once
            elif not row.settled:
                asked = sending.asked.get(edge)
                if asked is None:
                    asked = sending.asked[edge] = _Asked(now_s, AGAIN_S_MIN / 2)
                if row.word is not None and row.reached is not Reached.WAITING:
                    # Its last word may have been lost; sent again, the order brings a new one.
                    asked.again_s = max(asked.again_s, row.word.at_s + DOORS_AGAIN_S)
                if now_s >= asked.again_s and self._published(row.book, sending):
                    asked.pause_s = min(asked.pause_s * 2, AGAIN_S_MAX)
                    asked.again_s = now_s + asked.pause_s
                times.append(max(asked.again_s, now_s + AGAIN_S_MIN / 10))
        return min(times)

    def _published(self, book: EdgeBook, sending: Sending) -> bool:
        topic = Topics(book.known.site, book.known.edge).order
        if self._link is None:
            return False
        try:
            self._link.publish(Publication(topic=topic, payload=sending.payload, qos=1))
        except (NotConnectedError, CongestedError):
            return False
        return True
