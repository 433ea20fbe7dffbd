"""What became of every order, folded from the journal's entries: given when, ended how and when.

Pure, and additive: an order's row is made by the entry that accepts it, and completed by the one
that ends it. Who signed it is a personal value beside its entry, and not here.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from controller.events import Entry, OrderAccepted, OrderEnded, decode_body, kind_of
from controller.orders import STANDING

_KINDS = frozenset({kind_of(OrderAccepted), kind_of(OrderEnded)})


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was accepted. `scope`: zones, portals, role or fire that it names, by blanks;
    empty: the whole site. `standing`: it holds until something ends it; others act once. `people`:
    how many have signed it.
    """

    id: str
    kind: str
    scope: str
    reason: str
    review_s: int
    drill: bool
    standing: bool
    people: int
    path: str
    source: str
    given_seq: int
    given_utc_us: int


class OrderEndRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order is in force no more. `ended_by`: the order that ended it; empty where none did."""

    id: str
    ended_seq: int
    ended_utc_us: int
    ended_cause: str
    ended_by: str


class OrderNews(NamedTuple):
    """What some entries say of orders."""

    given: tuple[OrderRow, ...]
    ended: tuple[OrderEndRow, ...]


def orders_in(entries: Iterable[Entry]) -> OrderNews:
    """Raises EntryError where the body of one of these kinds does not fit its schema."""
    given: list[OrderRow] = []
    ended: list[OrderEndRow] = []
    for entry in entries:
        body = decode_body(entry) if entry.kind in _KINDS else None
        if isinstance(body, OrderAccepted):
            given.append(_given(entry, body))
        elif isinstance(body, OrderEnded):
            end = OrderEndRow(
                id=body.order,
                ended_seq=entry.seq,
                ended_utc_us=entry.utc_us,
                ended_cause=str(body.cause),
                ended_by=body.by,
            )
            ended.append(end)
    return OrderNews(tuple(given), tuple(ended))


def _given(entry: Entry, body: OrderAccepted) -> OrderRow:
    order = body.order
    named = (*order.zones, *order.portals, order.role, order.fire)
    return OrderRow(
        id=order.id,
        kind=str(order.kind),
        scope=" ".join(one for one in named if one),
        reason=order.reason,
        review_s=order.review_s,
        drill=order.drill,
        standing=order.kind in STANDING,
        people=body.people,
        path=body.path,
        source=order.source,
        given_seq=entry.seq,
        given_utc_us=entry.utc_us,
    )
