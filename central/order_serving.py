"""Orders in a conversation with somebody, at the control socket or at the wall."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from central.control_desk import NotGivenError
from central.control_messages_order import FOLLOW_S_MAX, NotSent, SendOrder
from central.order_desk import OrderDesk
from central.orders import Sending
from edge.control.message import Message

PROGRESS_S = 0.5
"""How often somebody who waits is told how far it is; no heartbeat is needed beside that."""

FOLLOWED_S = 0.1
"""To somebody who watches an order."""

Send = Callable[[Message], Awaitable[None]]


async def send_order(desk: OrderDesk, request: SendOrder, send: Send) -> None:
    """Send it to the edges, and say how far it is until the last word."""
    now_s = asyncio.get_running_loop().time()
    try:
        sending = desk.begin(request.envelope, request.edges, now_s)
    except NotGivenError as error:
        await send(NotSent(reason=str(error), remedy=error.remedy))
        return
    until_s = now_s + (FOLLOW_S_MAX if request.follow else request.wait_s)
    await _carry(desk, sending, until_s, send, follow=request.follow)


async def _carry(
    desk: OrderDesk, sending: Sending, until_s: float, send: Send, *, follow: bool
) -> None:
    """Send it to whoever has not answered, and say how far it is at each change."""
    loop = asyncio.get_running_loop()
    said_s = -math.inf  # who is away is known at once
    while True:
        change = desk.orders.change
        again_s = desk.orders.send(sending)
        now_s = loop.time()
        over = now_s >= until_s or (not follow and desk.settled(sending))
        if over or now_s - said_s >= (FOLLOWED_S if follow else PROGRESS_S):
            said_s = now_s
            await send(desk.progress(sending, now_s, final=over))
        if over:
            return
        try:
            async with asyncio.timeout_at(min(until_s, again_s, now_s + PROGRESS_S)):
                await change.wait()
        except TimeoutError:
            continue
