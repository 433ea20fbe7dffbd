"""Orders: which are in force, how far each has come at every portal, and a signed one sent."""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from central.control_messages_order import (
    EdgeReached,
    FollowOrders,
    MissingDoor,
    NotSent,
    OrderInForce,
    OrderProgress,
    OrdersInForce,
    SendOrder,
)
from central.operator_words import OperatorRight
from central.orders import Reached
from central.web.asking import operator
from central.web.wall_words import day_and_moment
from controller.orders import ENVELOPE_CHARS_MAX
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.web.console_words import KINDS
from edge.web.daemon import DaemonAwayError
from edge.web.forms import Form, form_of
from edge.web.gate_words import ARRIVALS, UNSEEN, Look
from edge.web.live import BEAT, Told, stream
from edge.web.pages import Said, Visit, why_not, zone_named
from edge.web.words import Words, marked

NAME_MAX = 64
EDGES_CHARS_MAX = 4096

WAIT_S = 30.0
"""For edges and their doors, where nobody follows it on the page."""

REACHED: Final = {
    Reached.IN_FORCE: Look(marked("in force"), "✓", "granted"),
    Reached.DONE: Look(marked("done"), "✓", "granted"),
    Reached.ENDED: Look(marked("ended"), "■", "notice"),
    Reached.REFUSED: Look(marked("REFUSED"), "✕", "alarm"),
    Reached.WAITING: Look(marked("no answer yet"), "…", "denied"),
    Reached.AWAY: Look(marked("NOT REACHED"), "✕", "alarm"),
}
assert set(REACHED) == set(Reached), "every standing has its word"

watch = operator(OperatorRight.WATCH)
sends = operator(OperatorRight.ORDERS)


class DoorView(msgspec.Struct, frozen=True, kw_only=True):
    """A door that does not obey, or that nobody sees."""

    name: str
    word: str
    tone: str
    since: str


class ReachedView(msgspec.Struct, frozen=True, kw_only=True):
    """One edge and the order."""

    id: str
    edge: str
    word: str
    tone: str
    doors: int
    obeyed: int
    took: str
    why: str
    missing: tuple[DoorView, ...]


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """One order. `came`: in words how far it is; `missing`: edges whose doors are named."""

    id: str
    site: str
    kind: str
    reason: str
    drill: bool
    review: str
    came: str
    tone: str
    doors: int
    obeyed: int
    edges: tuple[ReachedView, ...]
    more: int


@watch
async def orders(visit: Visit) -> Response:
    """The page; what stands on it comes by the stream."""
    return visit.page("orders.html")


@watch
async def live(visit: Visit) -> Response:
    timezone = visit.session.timezone
    return stream(visit.request, FollowOrders(), drawer(visit.words, timezone))


def drawer(words: Words, timezone: str) -> Callable[[Message], Iterable[Told]]:
    """Draws all orders in force at each change, or one that is sent from here."""
    zone = zone_named(timezone)

    def draw(message: Message) -> Iterable[Told]:
        match message:
            case OrdersInForce():
                shown = [order_view(one, words, zone) for one in message.orders]
                yield Told(
                    "orders", {"orders": shown, "more": message.more, "on_wire": message.on_wire}
                )
                yield BEAT
            case OrderProgress():
                yield Told("sent", progress_view(message, words, zone))
                yield BEAT
            case NotSent(reason=reason, remedy=remedy):
                text = why_not(reason, remedy, words)
                yield Told("refused", Said(text=text, tone="denied", done=False))
            case Heartbeat():
                yield BEAT

    return draw


@sends
async def send(visit: Visit) -> Response:
    """An order that was signed elsewhere goes to its site. A script is told each change as it
    comes, and central sends for as long as it listens; without one the answer waits for the doors.
    """
    form = await form_of(visit.request)
    wished = _order_of(form)
    if "text/event-stream" in visit.request.headers.get("accept", ""):
        following = msgspec.structs.replace(wished, follow=True)
        return stream(visit.request, following, drawer(visit.words, visit.session.timezone))
    async for reply in visit.daemon.follow(wished):
        match reply:
            case OrderProgress(final=True):
                view = progress_view(reply, visit.words, visit.zone)
                return visit.page("order.html", order=view)
            case NotSent(reason=reason, remedy=remedy):
                return visit.refused(reason, remedy)
    raise DaemonAwayError("central has not said the last of it")


def _order_of(form: Form) -> SendOrder:
    edges = form.text("edges", EDGES_CHARS_MAX).replace(",", " ").split()
    return SendOrder(
        envelope=form.lines("file", ENVELOPE_CHARS_MAX).encode(),
        edges=tuple(one[:NAME_MAX] for one in dict.fromkeys(edges)),
        wait_s=WAIT_S,
    )


def order_view(told: OrderInForce, words: Words, zone: tzinfo) -> OrderView:
    came, tone = _came(told.obeyed, told.doors, told.edges, words)
    return OrderView(
        id=str(told.order),
        site=told.site,
        kind=_kind(told.kind, words),
        reason=told.reason,
        drill=told.drill,
        review=day_and_moment(told.review_s * 1_000_000, zone) if told.review_s else "",
        came=came,
        tone=tone,
        doors=told.doors,
        obeyed=told.obeyed,
        edges=tuple(reached_view(one, words, zone) for one in told.edges),
        more=0,
    )


def progress_view(told: OrderProgress, words: Words, zone: tzinfo) -> OrderView:
    came, tone = _came(told.obeyed, told.doors, told.edges, words)
    if not told.on_wire:
        came, tone = words("Central has no broker: it is sent to nobody yet."), "alarm"
    return OrderView(
        id=str(told.order),
        site=told.site,
        kind=_kind(told.kind, words),
        reason="",
        drill=False,
        review="",
        came=came,
        tone=tone,
        doors=told.doors,
        obeyed=told.obeyed,
        edges=tuple(reached_view(one, words, zone) for one in told.edges),
        more=told.more,
    )


def reached_view(told: EdgeReached, words: Words, zone: tzinfo) -> ReachedView:
    look = REACHED[told.reached]
    why = [why_not(told.reason, told.remedy, words)] if told.reason else []
    if not told.recorded:
        why.append(words("It is not on disk yet."))
    if told.reached is Reached.AWAY:
        since = day_and_moment(told.seen_utc_us, zone)
        why.append(words("Not connected since %(since)s.", since=since))
    took = "" if told.took_s is None else words("%(seconds).1f s", seconds=told.took_s)
    return ReachedView(
        id=told.edge,
        edge=told.edge,
        word=f"{look.sign} {words(look.word)}",
        tone=look.tone,
        doors=told.doors,
        obeyed=told.obeyed,
        took=took,
        why=" ".join(why),
        missing=tuple(_door(one, words, zone) for one in told.missing),
    )


def _door(told: MissingDoor, words: Words, zone: tzinfo) -> DoorView:
    look = ARRIVALS[told.arrival]
    word = f"{look.sign} {words(look.word)}"
    if not told.linked:
        word += f", {words('no connection')}"
    elif not told.observable:
        word += f", {words(UNSEEN)}"
    since = "" if told.since_us is None else day_and_moment(told.since_us, zone)
    return DoorView(name=told.name or told.portal, word=word, tone=look.tone, since=since)


def _came(obeyed: int, doors: int, edges: Iterable[EdgeReached], words: Words) -> tuple[str, str]:
    """How far it is, and how much that matters."""
    missed = any(one.reached in {Reached.REFUSED, Reached.AWAY} for one in edges)
    said = words("%(obeyed)d of %(doors)d doors obey", obeyed=obeyed, doors=doors)
    if missed:
        return f"{said}; {words('not every edge has it')}", "alarm"
    return said, "granted" if obeyed == doors else "denied"


def _kind(name: str, words: Words) -> str:
    return words({str(kind): word for kind, word in KINDS.items()}.get(name, name))


ROUTES = (
    Route("/orders", orders, methods=["GET"]),
    Route("/orders/live", live, methods=["GET"]),
    Route("/orders", send, methods=["POST"]),
)
