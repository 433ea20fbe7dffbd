"""Orders: what was ordered, what of it is in force, and what never acts again.

An order is known by the hash of what was signed. The set of those in force decides the posture
(`controller.posture`), never the way by which they came or in which order. Whoever takes protection
away is counted: each issuer's orders bear a rising number, and a number acts once.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec.structs import replace

from controller.body import Name, Text
from controller.holders import KeyId
from controller.ids import HolderId, OrderId, PortalId
from controller.moment import Micros
from policies.facts import Level, UtcSeconds
from policies.rights import OrderKind

ENVELOPE_CHARS_MAX = 4096
"""Of an order as it is signed and carried."""

ENDS_MAX = 16
"""So many ids fit beside the signatures."""

COUNTER_MAX = 2**48 - 1
"""Milliseconds since 1970 until the year 10889."""

COUNTERS_KEPT = 1024
"""Numbers of one issuer that are remembered: so far apart may his orders be carried."""

Counter = Annotated[int, msgspec.Meta(ge=1, le=COUNTER_MAX)]
Challenge = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32})?\Z")]
"""What an edge has drawn so that a file answers it and nothing else; empty: nothing."""


class Cover(StrEnum):
    """What a lockdown shuts: the ways into its zones from outside them, or every door in them."""

    PERIMETER = "perimeter"
    FULL = "full"


POSTURES = frozenset({OrderKind.LOCKDOWN, OrderKind.SHELTER, OrderKind.EVACUATE})
"""They last until they are lifted."""

LEADERSHIP = frozenset({OrderKind.DELEGATE, OrderKind.SUCCEED})

ENDED_BY: dict[OrderKind, frozenset[OrderKind]] = {
    OrderKind.LIFT: POSTURES,
    OrderKind.LOWER: frozenset({OrderKind.RAISE}),
    OrderKind.END_HOLD: frozenset({OrderKind.HOLD}),
    OrderKind.END_UNLOCK: frozenset({OrderKind.UNLOCK}),
    OrderKind.END_DRILL: POSTURES | {OrderKind.RAISE},
    OrderKind.END_DELEGATION: LEADERSHIP,
}
"""What each kind can end; `end-drill` only what is marked as a drill."""

RAISING = POSTURES | {
    OrderKind.RAISE,
    OrderKind.END_HOLD,
    OrderKind.END_DRILL,
    OrderKind.END_UNLOCK,
}
"""One person gives them, and no clock is needed. Given twice they are what they were."""

BY_SOURCE = POSTURES | {OrderKind.RAISE}
"""What a key switch or a panic input can give."""

STANDING = POSTURES | LEADERSHIP | {OrderKind.RAISE, OrderKind.HOLD, OrderKind.UNLOCK}
"""What is in force for a while. The others act once."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed, in the words of the core. Each kind has the fields that it needs.

    `zones`: these and all inside them; none: the whole site, which is every zone that is not
    public. `moves`: of a drill, whether locks are worked. `accept_until_s`: until when it can be
    given; `until_s`: until when it holds. `role`, `holder`, `kinds`: whose place is taken by whom,
    for which orders (none: all). `unreachable`: roles that a deputy says cannot be reached.
    `despite`: postures in which a door is unlocked nevertheless, by whoever knew of them.
    `reason` names no person. `envelope`: the signed bytes, so that others can be given them.
    """

    id: OrderId
    kind: OrderKind
    issuer: KeyId
    counter: Counter
    reason: Text
    review_s: UtcSeconds
    zones: Annotated[tuple[Name, ...], msgspec.Meta(max_length=32)] = ()
    portals: Annotated[tuple[PortalId, ...], msgspec.Meta(max_length=32)] = ()
    cover: Cover = Cover.FULL
    level: Level | None = None
    drill: bool = False
    moves: bool = True
    ends: Annotated[tuple[OrderId, ...], msgspec.Meta(max_length=ENDS_MAX)] = ()
    despite: Annotated[tuple[OrderId, ...], msgspec.Meta(max_length=ENDS_MAX)] = ()
    accept_until_s: UtcSeconds | None = None
    until_s: UtcSeconds | None = None
    role: str = ""
    holder: HolderId | None = None
    kinds: tuple[OrderKind, ...] = ()
    unreachable: tuple[str, ...] = ()
    challenge: Challenge = ""
    fire: str = ""
    source: str = ""
    envelope: Annotated[str, msgspec.Meta(max_length=ENVELOPE_CHARS_MAX)] = ""


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """`seq`: the entry that tells of it. `until_us`: when it ends by itself. `late`: an evacuation
    that came too late to free anything, until somebody on the spot confirms it.
    """

    order: Order
    seq: int
    until_us: Micros | None = None
    late: bool = False

    @property
    def acts(self) -> bool:
        """Whether doors follow it: a drill may leave them alone."""
        return not self.order.drill or self.order.moves

    @property
    def frees(self) -> bool:
        """Whether ways out are released by it."""
        return self.acts and self.order.kind is OrderKind.EVACUATE and not self.late


class Window(msgspec.Struct, frozen=True):
    """One issuer's numbers. None at or below `floor` acts any more, and none of `seen`."""

    floor: int = 0
    seen: tuple[int, ...] = ()


class EndCause(StrEnum):
    ORDERED = "ordered"  # by an order of its own
    TIME = "time"
    RESTART = "restart"
    FIRE = "fire"
    JOURNAL = "journal"
    REAL = "real"  # a drill, by what is none
    POSTURE = "posture"  # an unlocked portal, by an order that shuts it


class Lift(msgspec.Struct, frozen=True):
    """What ended others: its id, and its envelope as it is handed on."""

    order: OrderId
    envelope: str


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Mappings are replaced, never changed; a snapshot sorts them, so none depends on its order.

    `ended`: ids that never act again, by the kinds that ended them, for good, whether or not their
    orders have come. `lifts_kept`: what ended them, the latest last, until every edge has it.
    `quarantined`: what was ordered may be missing here, and nothing that takes protection away is
    believed until `challenge` is answered. `used_codes`: each acts once. `refused_us`: the latest.
    """

    in_force: dict[OrderId, InForce] = {}
    ended: dict[OrderId, tuple[OrderKind, ...]] = {}
    lifts_kept: tuple[Lift, ...] = ()
    counters: dict[KeyId, Window] = {}
    counters_floor: int = 0
    quarantined: bool = False
    challenge: Challenge = ""
    used_codes: tuple[str, ...] = ()
    refused_us: tuple[Micros, ...] = ()

    @property
    def lifts(self) -> dict[OrderId, str]:
        """The envelopes of what ended others by their ids, the latest last."""
        return {one.order: one.envelope for one in self.lifts_kept}


REFUSALS_ALARM = 3
"""Order after order that is refused: somebody tries."""

LIFTS_KEPT = 64
"""Envelopes of ends that are still handed on; their ids stay for good."""


def is_over(orders: Orders, order: Order) -> bool:
    """Whether an end that names this order came before it."""
    return any(
        order.kind in ENDED_BY[kind] and (kind is not OrderKind.END_DRILL or order.drill)
        for kind in orders.ended.get(order.id, ())
    )


def ended_by(orders: Orders, ending: Order) -> list[OrderId]:
    """Which orders in force this one ends."""
    kinds = ENDED_BY.get(ending.kind, frozenset())
    return [
        order_id
        for order_id in dict.fromkeys(ending.ends)
        if (found := orders.in_force.get(order_id)) is not None
        and found.order.kind in kinds
        and (ending.kind is not OrderKind.END_DRILL or found.order.drill)
    ]


def why_not_counted(orders: Orders, order: Order, *, trusted: bool) -> str | None:
    """Why this order's number does not act; None where it does. Without a clock that somebody
    vouches for a number has to be above every one seen: nothing else tells old from new.
    """
    window = orders.counters.get(order.issuer, Window())
    if order.counter <= max(window.floor, orders.counters_floor):
        return "its number is too old: make the order anew"
    if order.counter in window.seen:
        return "its number was used: an order acts once"
    if not trusted and window.seen and order.counter < window.seen[-1]:
        return "a newer order of its issuer was seen, and no trusted clock tells which counts"
    return None


def after_accepted(
    orders: Orders, order: Order, seq: int, until_us: Micros | None, code: str, *, late: bool
) -> Orders:
    """Accepted: in force, or done. What it ends is told by events of its own."""
    if order.kind not in RAISING:
        orders = replace(orders, counters=_with_counter(orders.counters, order))
    if code:
        orders = replace(orders, used_codes=(*orders.used_codes, code))
    if order.kind in STANDING:
        one = InForce(order=order, seq=seq, until_us=until_us, late=late)
        return replace(orders, in_force=orders.in_force | {order.id: one}, refused_us=())
    if order.kind is OrderKind.COUNTERS:
        return replace(
            orders,
            quarantined=False,
            challenge="",
            counters_floor=order.counter,
            refused_us=(),
        )
    if order.kind in ENDED_BY:
        ended = {one: tuple(sorted({*orders.ended.get(one, ()), order.kind})) for one in order.ends}
        lifts = [one for one in orders.lifts_kept if one.order != order.id]
        kept = (*lifts, Lift(order.id, order.envelope))[-LIFTS_KEPT:]
        orders = replace(orders, ended=orders.ended | ended, lifts_kept=kept)
    return replace(orders, refused_us=())


def after_order_ended(orders: Orders, ended: OrderId) -> Orders:
    """In force no more. A posture is over for good: what was given once is not given again."""
    left = {one: found for one, found in orders.in_force.items() if one != ended}
    found = orders.in_force.get(ended)
    if found is None:
        return orders
    over = _ending_kind(found.order)
    kinds = tuple(sorted({*orders.ended.get(ended, ()), over}))
    return replace(orders, in_force=left, ended=orders.ended | {ended: kinds})


def after_confirmed(orders: Orders, confirmed: OrderId) -> Orders:
    """Somebody on the spot says that the late evacuation is meant."""
    found = orders.in_force.get(confirmed)
    if found is None:
        return orders
    return replace(orders, in_force=orders.in_force | {confirmed: replace(found, late=False)})


def after_refused(orders: Orders, at_us: Micros) -> Orders:
    """One more refusal, of which the latest are remembered."""
    return replace(orders, refused_us=(*orders.refused_us, at_us)[-REFUSALS_ALARM:])


def after_doubt(orders: Orders) -> Orders:
    """What was lifted, and which numbers were used, may be missing here."""
    return replace(orders, quarantined=True)


def after_restart(orders: Orders) -> Orders:
    """Whatever was counted by a clock that began anew."""
    in_force = {one: replace(found, until_us=None) for one, found in orders.in_force.items()}
    return replace(orders, in_force=in_force, refused_us=())


def in_order(orders: Iterable[InForce]) -> list[InForce]:
    """As they were accepted."""
    return sorted(orders, key=lambda one: (one.seq, one.order.id))


def _with_counter(counters: dict[KeyId, Window], order: Order) -> dict[KeyId, Window]:
    window = counters.get(order.issuer, Window())
    seen = tuple(sorted({*window.seen, order.counter}))
    dropped, kept = seen[:-COUNTERS_KEPT], seen[-COUNTERS_KEPT:]
    floor = max((window.floor, *dropped))
    return counters | {order.issuer: Window(floor, kept)}


def _ending_kind(order: Order) -> OrderKind:
    return next(kind for kind, kinds in ENDED_BY.items() if order.kind in kinds)
