"""What passes over the control socket about orders and postures."""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.arrival import Arrival
from controller.ids import OrderId
from controller.moment import Micros
from controller.orders import ENVELOPE_CHARS_MAX
from edge.control.message import Count, Message, Part
from policies.facts import Level, Mode, UtcSeconds

CODE_CHARS_MAX = 64
"""Of a break-glass code, however somebody spaces it."""

FILES_MAX = 100
"""Orders of one reply: as many as fit into a frame with the longest envelopes."""

ORDERS_SHOWN_MAX = 500


class Carrier(StrEnum):
    """How an order came to whoever gives it here."""

    FILE = "file"  # on a stick
    CONTROL = "control"  # made on the spot, or pasted


class GiveOrder(Message, frozen=True, kw_only=True):
    """A signed order acts, or nothing of it; answered by OrderReply.

    `code`: a break-glass code, in the place of one signature. No repr shows it.
    """

    envelope: Annotated[bytes, msgspec.Meta(max_length=ENVELOPE_CHARS_MAX)]
    carrier: Carrier
    code: Annotated[str, msgspec.Meta(max_length=CODE_CHARS_MAX)] = ""

    def __repr__(self) -> str:
        return f"GiveOrder(envelope=<{len(self.envelope)} bytes>, carrier={self.carrier!s})"


class FollowOrder(Message, frozen=True, kw_only=True):
    """How far has an order come? Answered by ArrivalReply now and again at each change, with
    Heartbeats in between, until the order is in force no more. Nothing else is asked on this
    connection.
    """

    order: OrderId


class ListOrders(Message, frozen=True, kw_only=True):
    """Which orders are in force? Answered by OrdersReply."""


class AskPosture(Message, frozen=True, kw_only=True):
    """What do the orders make of the site, and who does not obey? Answered by PostureReply."""


class ConfirmEvacuation(Message, frozen=True, kw_only=True):
    """An evacuation that came late is meant: ways out are freed. Answered by OrderReply."""

    order: OrderId


class AskChallenge(Message, frozen=True, kw_only=True):
    """What two people sign so that orders count here again. Answered by ChallengeReply."""


class ReadOrderFiles(Message, frozen=True, kw_only=True):
    """What another edge has to be given: orders in force and the newest ends, each as its signed
    file. `after`: go on behind this id. Answered by OrderFiles.
    """

    after: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""


class PortalArrival(Part, frozen=True, kw_only=True):
    """How far an order, or all that are in force, came at one portal.

    `obeyed`: its device has confirmed and its leaf was seen closed. `observable`: it has a contact;
    without one it never counts as obeyed. `linked`: its device answers. `released`: for the way
    out. `since_utc_us`: since when what is said is so. `device`: what works its lock.
    """

    portal: str
    name: str
    device: str
    arrival: Arrival
    obeyed: bool
    observable: bool
    linked: bool
    released: bool
    since_utc_us: Micros


class ArrivalReply(Message, frozen=True, kw_only=True):
    """`in_force`: the order holds. `took_ms`: from its acceptance to the last portal that obeyed,
    None before the first. `portals`: those that it is about, in the order of the policy.
    """

    order: OrderId
    in_force: bool
    timezone: str
    utc_us: Micros
    took_ms: Count | None = None
    portals: tuple[PortalArrival, ...] = ()


class OrderReply(Message, frozen=True, kw_only=True):
    """`accepted`: it holds or was carried out, and `reason` says what; otherwise why not, with a
    `remedy`. `already`: it had been given before. `order`: its id, empty where it is no order.
    `standing`: it is in force from here on, so that its arrival can be followed. `late`: an
    evacuation that frees nothing yet. `recorded`: that is on disk.
    """

    accepted: bool
    reason: str
    remedy: str = ""
    order: str = ""
    order_kind: str = ""
    already: bool = False
    standing: bool = False
    late: bool = False
    recorded: bool = True


class OrderShown(Part, frozen=True, kw_only=True):
    """An order in force. Who gave it, how and when is empty and None where the journal does not
    tell. `signed_by`: the names by which the site file knows them. `person`: the integrator's id
    of who takes somebody's place. `obeyed` of `portals` obey it.
    """

    order: OrderId
    order_kind: str
    zones: tuple[str, ...]
    portals_named: tuple[str, ...]
    cover: str
    level: Level | None
    drill: bool
    moves: bool
    late: bool
    reason: str
    review_s: UtcSeconds
    until_s: UtcSeconds | None
    role: str
    person: str
    source: str
    seq: Count
    given_utc_us: Micros | None
    signed_by: str
    path: str
    operator: str
    break_glass: bool
    obeyed: Count
    portals: Count


class OrdersReply(Message, frozen=True, kw_only=True):
    """Orders in force, oldest first. `quarantined`: what was ordered may be missing here, and
    nothing that takes protection away is believed until `challenge` was signed by two people.
    `ended`: how many never act again.
    """

    timezone: str
    utc_us: Micros
    clock_trusted: bool
    quarantined: bool
    ended: Count
    orders: Annotated[tuple[OrderShown, ...], msgspec.Meta(max_length=ORDERS_SHOWN_MAX)]


class ZoneStands(Part, frozen=True, kw_only=True):
    """What is in force in one zone, and by which orders."""

    zone: str
    name: str
    public: bool
    mode: Mode
    threat: Level
    orders: tuple[OrderId, ...]


class Acts(Part, frozen=True, kw_only=True):
    """`person`, by the integrator's id, acts for `role` by this order: for which kinds of orders
    (none: all) and zones (none: the whole site). `unreachable`: the roles of which he said that
    they cannot be reached; none: it was lent to him.
    """

    role: str
    person: str
    order: str
    until_s: UtcSeconds
    kinds: tuple[str, ...]
    zones: tuple[str, ...]
    unreachable: tuple[str, ...]


class PostureReply(Message, frozen=True, kw_only=True):
    """`mode` and `threat`: of the whole site. `fires`: latched fire inputs. `portals`: those that
    an order in force is about. `acting`: who acts for whom now.
    """

    site: str
    edge: str
    timezone: str
    utc_us: Micros
    mode: Mode
    threat: Level
    quarantined: bool
    fires: tuple[str, ...]
    zones: tuple[ZoneStands, ...]
    portals: tuple[PortalArrival, ...]
    acting: tuple[Acts, ...] = ()


class ChallengeReply(Message, frozen=True, kw_only=True):
    """`challenge`: what `sentrypost order new counters` takes; empty where it is not to be had."""

    challenge: str
    reason: str = ""
    remedy: str = ""


class OrderFile(Part, frozen=True, kw_only=True):
    """`order_kind`: of an order in force; empty of an end."""

    order: OrderId
    order_kind: str
    envelope: Annotated[str, msgspec.Meta(max_length=ENVELOPE_CHARS_MAX)]


class OrderFiles(Message, frozen=True, kw_only=True):
    """In the order of their ids. `more`: ask again behind the last."""

    files: Annotated[tuple[OrderFile, ...], msgspec.Meta(max_length=FILES_MAX)]
    more: bool


OrderRequest = (
    GiveOrder
    | FollowOrder
    | ListOrders
    | AskPosture
    | ConfirmEvacuation
    | AskChallenge
    | ReadOrderFiles
)

OrderAnswer = OrderReply | ArrivalReply | OrdersReply | PostureReply | ChallengeReply | OrderFiles
