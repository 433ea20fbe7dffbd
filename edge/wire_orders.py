"""The messages by which orders travel, and by which edges say what became of them.

An order is its signed envelope, the same bytes as in a file. Nothing acts because of the topic it
came on, of its arrival or of the retain flag: each envelope is verified by itself, wherever it
stood. What edges say of doors holds no name of a person.

Readers tolerate unknown fields. What does not fit raises WireError.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.arrival import Arrival
from controller.body import Name, Text
from controller.ids import OrderId
from controller.moment import Micros
from controller.orders import ENVELOPE_CHARS_MAX
from controller.portal import Contact, State
from edge.wire import Incarnation, Mark, decoded
from policies.facts import Level, Mode, UtcSeconds
from policies.rights import OrderKind

DOORS_MAX = 2_000
"""Of one edge: more than any controller has."""

ENVELOPES_MAX = 64
"""Orders in force that one node hands on, and as many lifts: with quotes escaped half of what a
receiver takes in one message."""

ACKNOWLEDGED_MAX = 256
ZONES_MAX = 1_000

Envelope = Annotated[str, msgspec.Meta(min_length=1, max_length=ENVELOPE_CHARS_MAX)]
Envelopes = Annotated[tuple[Envelope, ...], msgspec.Meta(max_length=ENVELOPES_MAX)]
Ids = Annotated[tuple[OrderId, ...], msgspec.Meta(max_length=ACKNOWLEDGED_MAX)]


class OrderSent(msgspec.Struct, frozen=True, kw_only=True):
    """An order for an edge: the signed envelope as it is in a file, as a JSON string."""

    v: int = 1
    envelope: Envelope


class OrderStanding(StrEnum):
    """`in-force`: it holds, and doors follow it. `done`: it was accepted, and acts once. `ended`:
    it holds no more, and never will again. `refused`: nothing was changed by it.
    """

    IN_FORCE = "in-force"
    DONE = "done"
    ENDED = "ended"
    REFUSED = "refused"


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order has come at one portal.

    `obeyed`: its device has confirmed, and its leaf was seen closed. `observable`: it has a
    contact; without one nobody can say more than what the device confirmed. `linked`: its device
    answers. `since_us`: wall time from which on this holds; null where that is not known.
    """

    portal: Name
    name: Text
    arrival: Arrival
    obeyed: bool
    observable: bool
    linked: bool
    since_us: Micros | None = None


class OrderAck(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order at an edge: sent when that is on disk, again whenever something of it
    changes while it is in force, at the start of every connection, and when it is sent again.

    A later word has a higher `revision`, which is the number of the entry it goes by. `reason` and
    `remedy`: why it was refused, and what to do. `recorded`: false where the journal cannot be
    written; the doors follow it nevertheless.
    """

    v: int = 1
    incarnation: Incarnation
    revision: Mark
    order: OrderId
    standing: OrderStanding
    recorded: bool = True
    reason: Text = ""
    remedy: Text = ""
    doors: Annotated[tuple[Door, ...], msgspec.Meta(max_length=DOORS_MAX)] = ()


class OrdersKept(msgspec.Struct, frozen=True, kw_only=True):
    """Every order in force at an edge, and every lift until all edges have said that they have it.

    Whoever reads several of these takes all of them together. What is missing ends nothing.
    `acknowledged`: ids of the newest lifts that this edge has, handed on or not.
    """

    v: int = 1
    incarnation: Incarnation
    revision: Mark
    in_force: Envelopes = ()
    lifts: Envelopes = ()
    acknowledged: Ids = ()


class ZonePosture(msgspec.Struct, frozen=True, kw_only=True):
    """Of one zone, where it is not that of the site."""

    zone: Name
    mode: Mode
    threat: Level


class OrderShown(msgspec.Struct, frozen=True, kw_only=True):
    """An order in force, without its words. No zones: the whole site."""

    order: OrderId
    kind: OrderKind
    drill: bool
    review_s: UtcSeconds
    zones: Annotated[tuple[Name, ...], msgspec.Meta(max_length=32)] = ()


class Posture(msgspec.Struct, frozen=True, kw_only=True):
    """What the orders in force make of the site, as this edge has them."""

    v: int = 1
    incarnation: Incarnation
    revision: Mark
    mode: Mode
    threat: Level
    fire: bool
    zones: Annotated[tuple[ZonePosture, ...], msgspec.Meta(max_length=ZONES_MAX)] = ()
    orders: Annotated[tuple[OrderShown, ...], msgspec.Meta(max_length=ENVELOPES_MAX)] = ()


class PortalNow(msgspec.Struct, frozen=True, kw_only=True):
    """One portal, as its edge knows it. `observable`: it has a contact, so that what is said of its
    leaf was measured. `bolted`: null without a bolt sensor, or before its first reading.
    """

    v: int = 1
    incarnation: Incarnation
    revision: Mark
    name: Text
    state: State
    contact: Contact
    bolted: bool | None
    linked: bool
    released: bool
    secured: bool
    leased: bool
    observable: bool


Message = OrderSent | OrderAck | OrdersKept | Posture | PortalNow

_ENCODER = msgspec.json.Encoder(order="deterministic")
_ORDER = msgspec.json.Decoder(OrderSent)
_ACK = msgspec.json.Decoder(OrderAck)
_KEPT = msgspec.json.Decoder(OrdersKept)
_POSTURE = msgspec.json.Decoder(Posture)
_PORTAL = msgspec.json.Decoder(PortalNow)


def encode(message: Message) -> bytes:
    return _ENCODER.encode(message)


def decode_order(payload: bytes) -> OrderSent:
    """Raises WireError."""
    return decoded(_ORDER, payload, "order")


def decode_order_ack(payload: bytes) -> OrderAck:
    """Raises WireError."""
    return decoded(_ACK, payload, "answer to an order")


def decode_orders(payload: bytes) -> OrdersKept:
    """Raises WireError."""
    return decoded(_KEPT, payload, "set of orders")


def decode_posture(payload: bytes) -> Posture:
    """Raises WireError."""
    return decoded(_POSTURE, payload, "posture")


def decode_portal(payload: bytes) -> PortalNow:
    """Raises WireError."""
    return decoded(_PORTAL, payload, "portal's state")
