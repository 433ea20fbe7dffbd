"""What a wall follows: messages at a steady pace, however much happens. Nobody who follows has a
queue: each takes what there is when the next moment comes, one message on its way at a time.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from central.control_messages_order import OrdersInForce
from central.order_desk import OrderDesk
from central.told_entries import TellingEntries
from central.wall_book import Seen, WallBook
from central.wall_messages import FollowEntries
from edge.control.conversation import refusal
from edge.control.frames import FrameError, frame
from edge.control.messages import Heartbeat, Refusal

TICK_S = 0.25
"""Between two messages of one stream: an eye sees no more. What comes to somebody who was told
nothing for so long is told at once; after that all streams go at the same moments, so that those
that show the same are told by one message.
"""

HEARTBEAT_S = 2.0
"""A page says that it is not live when it was told nothing for five."""

ALARMS_IN_A_ROW = 3
"""Messages of alarms before one of edges has its turn: an alarm waits for no long list of edges."""

LOOK_S = 1.0
"""Between two looks at what tells nobody of its changes: whether there is a broker."""

Send = Callable[[bytes], Awaitable[None]]

_HEARTBEAT = frame(Heartbeat(last_seq=0))


class _Paced:
    """One stream's messages, and heartbeats where there are none."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._said_s = 0.0

    async def send(self, data: bytes) -> None:
        """Then wait for the next moment at which it may be done again."""
        loop = asyncio.get_running_loop()
        await self._send(data)
        self._said_s = loop.time()
        soonest_s = self._said_s + 0.9 * TICK_S  # a loop that is a little late loses no turn
        await asyncio.sleep(TICK_S * math.ceil(soonest_s / TICK_S) - self._said_s)

    async def wait(self, event: asyncio.Event) -> None:
        """Until it is set, or it is time to look again."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await event.wait()
        if not event.is_set() and loop.time() - self._said_s >= HEARTBEAT_S:
            await self.send(_HEARTBEAT)


async def follow_wall(book: WallBook, site: str, send: Send) -> None:
    """Without end. Raises Ended where too much has changed to be told."""
    paced = _Paced(send)
    seen, on_wire = book.now, book.on_wire
    for page in book.everything(site):
        await send(page)
    in_a_row = 0
    while True:
        event = book.edges.next
        if book.missed(seen):
            raise refusal(Refusal.SLOW, "more has changed than can be told", "follow anew")
        edges = book.changed_edges(site, seen.edges)
        alarms = book.changed_alarms(site, seen.alarms)
        if alarms.rows and (in_a_row < ALARMS_IN_A_ROW or not edges.rows):
            seen, in_a_row = Seen(seen.edges, alarms.upto), in_a_row + 1
            await paced.send(alarms.frame)
        elif edges.rows or on_wire is not book.on_wire:
            seen, on_wire, in_a_row = Seen(edges.upto, seen.alarms), book.on_wire, 0
            await paced.send(edges.frame)
        else:
            seen = Seen(edges.upto, alarms.upto)  # it was of other sites
            await paced.wait(event)


async def follow_entries(
    entries: TellingEntries, asked: FollowEntries, send: Send, *, names: bool
) -> None:
    """Without end."""
    paced = _Paced(send)
    number = entries.begin(asked)
    while True:
        event = entries.next
        told, number = entries.behind(number, asked, names=names)
        if told.entries or told.left_out:
            await paced.send(frame(told))
        else:
            await paced.wait(event)


class OrdersNow:
    """What is in force, as one message, made once for all who follow: with a thousand edges it is
    milliseconds of work.
    """

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk
        self._made_s = -math.inf
        self._frame = b""
        self._event: asyncio.Event | None = None

    @property
    def is_stale(self) -> bool:
        """Whether an edge has said something since the message was made."""
        return self._event is not self.change

    @property
    def change(self) -> asyncio.Event:
        """Set with the next word of an edge about an order."""
        return self._desk.orders.change

    def frame(self) -> bytes:
        """As of now, or of less than a moment ago. Orders that do not fit are counted."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._made_s >= 0.9 * TICK_S:
            self._made_s, self._event = now_s, self.change
            self._frame = _fitting(self._desk.in_force())
        return self._frame


def _fitting(now: OrdersInForce) -> bytes:
    while True:
        try:
            return frame(now)
        except FrameError:
            shown = now.orders[: len(now.orders) // 2]
            more = now.more + len(now.orders) - len(shown)
            now = msgspec.structs.replace(now, orders=shown, more=more)


async def follow_orders(orders: OrdersNow, send: Send) -> None:
    """Without end: what is in force whenever that is otherwise."""
    paced = _Paced(send)
    said = b""
    while True:
        event = orders.change
        now = orders.frame()
        if now != said:
            said = now
            await paced.send(now)
        else:
            if not orders.is_stale:
                await paced.wait(event)
            await asyncio.sleep(TICK_S)  # one word seldom comes alone
