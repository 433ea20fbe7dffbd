"""What people ask of the running central about orders."""

from collections.abc import Iterable, Iterator
from itertools import islice

from central.control_desk import NotGivenError
from central.control_messages_order import (
    EDGES_SHOWN_MAX,
    MISSING_SHOWN_MAX,
    ORDERS_SHOWN_MAX,
    EdgeReached,
    MissingDoor,
    OrderInForce,
    OrderProgress,
    OrdersInForce,
)
from central.orders import Orders, Row, Sending
from edge.order_gist import gist_of
from edge.signatures import SignatureError
from edge.wire import WireError
from edge.wire_orders import Door


class OrderDesk:
    """One central's."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    def begin(self, envelope: bytes, edges: tuple[str, ...], now_s: float) -> Sending:
        """What is to be sent. Raises NotGivenError."""
        try:
            gist = gist_of(envelope)
        except SignatureError as error:
            raise NotGivenError(str(error), error.remedy) from None
        except WireError as error:
            raise NotGivenError(str(error), "make it with `sentrypost order new`") from None
        known = self.orders.edges(gist.site)
        if not known:
            sites = ", ".join(self.orders.sites()) or "none"
            raise NotGivenError(
                f"no edge of site '{gist.site[:64]}' was ever seen here (known: {sites})",
                "carry the file to an edge: `sentrypost order send`",
            )
        if strangers := sorted(set(edges) - known):
            raise NotGivenError(
                f"no edge '{strangers[0]}' of {gist.site} is known",
                f"known are {', '.join(sorted(known))}",
            )
        self.orders.book.given(gist)
        return Sending(gist, envelope, edges, now_s)

    def settled(self, sending: Sending) -> bool:
        """Nothing more is to be expected soon."""
        return self.orders.on_wire and all(row.settled for row in self.orders.rows(sending))

    def progress(self, sending: Sending, now_s: float, *, final: bool) -> OrderProgress:
        rows = list(self.orders.rows(sending))
        reached = list(_reached(rows, sending.began_s))
        times = [one.took_s for one in reached if one.obeyed and one.took_s is not None]
        return OrderProgress(
            site=sending.gist.site,
            order=sending.gist.id,
            kind=sending.gist.kind,
            on_wire=self.orders.on_wire,
            after_s=now_s - sending.began_s,
            took_s=max(times, default=None),
            doors=sum(one.doors for one in reached),
            obeyed=sum(one.obeyed for one in reached),
            final=final,
            edges=tuple(reached[:EDGES_SHOWN_MAX]),
            more=max(0, len(reached) - EDGES_SHOWN_MAX),
        )

    def in_force(self) -> OrdersInForce:
        found = [one for site in self.orders.sites() for one in self._in_force_at(site)]
        return OrdersInForce(
            on_wire=self.orders.on_wire,
            orders=tuple(found[:ORDERS_SHOWN_MAX]),
            more=max(0, len(found) - ORDERS_SHOWN_MAX),
        )

    def _in_force_at(self, site: str) -> Iterator[OrderInForce]:
        for gist in self.orders.book.in_force(site):
            reached = list(_reached(self.orders.rows_of(gist), None))
            yield OrderInForce(
                site=site,
                order=gist.id,
                kind=gist.kind,
                drill=gist.drill,
                reason=gist.reason,
                review_s=gist.review_s,
                doors=sum(one.doors for one in reached),
                obeyed=sum(one.obeyed for one in reached),
                edges=tuple(reached[:EDGES_SHOWN_MAX]),
            )


def _reached(rows: Iterable[Row], began_s: float | None) -> Iterator[EdgeReached]:
    room = MISSING_SHOWN_MAX
    for row in rows:
        missing = tuple(
            _missing(door) for door in islice((one for one in row.doors if not one.obeyed), room)
        )
        room -= len(missing)
        ack = None if row.word is None else row.word.ack
        yield EdgeReached(
            edge=row.book.known.edge,
            reached=row.reached,
            recorded=ack is None or ack.recorded,
            reason="" if ack is None else ack.reason,
            remedy="" if ack is None else ack.remedy,
            seen_utc_us=row.book.known.seen_utc_us,
            took_s=_took_s(row, began_s),
            doors=len(row.doors),
            obeyed=sum(door.obeyed for door in row.doors),
            missing=missing,
        )


def _took_s(row: Row, began_s: float | None) -> float | None:
    """Since it was sent from here; an edge that obeyed before has taken no time."""
    if began_s is None or row.word is None or row.word.at_s < began_s:
        return None
    if not row.doors:
        heard_s = row.word.first_s if row.word.first_s >= began_s else row.word.at_s
        return heard_s - began_s
    if row.word.obeyed_s is None:
        return None
    return max(0.0, row.word.obeyed_s - began_s)


def _missing(door: Door) -> MissingDoor:
    return MissingDoor(
        portal=door.portal,
        name=door.name,
        arrival=door.arrival,
        observable=door.observable,
        linked=door.linked,
        since_us=door.since_us,
    )
