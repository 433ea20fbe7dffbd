"""Serves central's control socket: signed files and orders for the edges, and what they say."""

import asyncio
import math
import socket
from pathlib import Path
from typing import Self

from central.control_desk import CentralDesk, NotGivenError
from central.control_messages import (
    AcknowledgeAlarm,
    AskAlarms,
    AskEdges,
    Distribute,
    ForgetEdge,
    Forgotten,
    NotDistributed,
    Request,
    decode_request,
)
from central.control_messages_order import FOLLOW_S_MAX, ListOrders, NotSent, SendOrder
from central.order_desk import OrderDesk
from central.orders import Sending
from central.sets import KeptSet, SetsError
from edge.control.conversation import Conversation, Listener, opened, refusal
from edge.control.messages import FilePart, Heartbeat, Refusal
from edge.control.parts import Parts

PROGRESS_S = 0.5
"""How often somebody who waits is told how far it is; no heartbeat is needed beside that."""

FOLLOWED_S = 0.1
"""To somebody who watches an order."""


class CentralServer(Listener):
    """The socket of one central."""

    def __init__(
        self, desk: CentralDesk, orders: OrderDesk, path: Path, listening: socket.socket
    ) -> None:
        """Not for callers: see `open`."""
        super().__init__(path, listening)
        self._desk = desk
        self._orders = orders

    @classmethod
    def open(cls, desk: CentralDesk, orders: OrderDesk, path: Path) -> Self:
        """Bind and listen at `path`. A socket that nobody answers on is replaced.

        Raises ControlInUseError, ControlError.
        """
        return cls(desk, orders, path, opened(path))

    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Conversation[Request]:
        return _Client(self._desk, self._orders, parts, reader, writer)


class _Client(Conversation[Request]):
    def __init__(
        self,
        desk: CentralDesk,
        orders: OrderDesk,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(parts, reader, writer)
        self._desk = desk
        self._orders = orders

    def _decoded(self, body: bytes) -> Request:
        return decode_request(body)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(last_seq=0)

    async def _answer(self, request: Request) -> None:
        match request:
            case FilePart(data=data):
                await self._parts.add(data)
                await self._send(self._heartbeat())
            case Distribute(site=site, wait_s=wait_s):
                await self._distribute(site, wait_s)
            case AskEdges(after=after):
                await self._send(self._desk.edges(after))
            case AskAlarms():
                await self._send(self._desk.alarms(request))
            case AcknowledgeAlarm():
                try:
                    done = await self._patiently(self._desk.acknowledge(request))
                except NotGivenError as error:
                    await self._send(NotDistributed(reason=str(error), remedy=error.remedy))
                else:
                    await self._send(done)
            case ForgetEdge(site=site, edge=edge):
                try:
                    known = await self._desk.distributor.forget(site, edge)
                except SetsError as error:
                    raise refusal(Refusal.JOURNAL, str(error), error.remedy) from None
                await self._send(Forgotten(known=known))
            case SendOrder():
                await self._send_order(request)
            case ListOrders():
                await self._send(self._orders.in_force())

    async def _distribute(self, site: str, wait_s: float) -> None:
        began_s = asyncio.get_running_loop().time()
        envelope = self._parts.whole()
        self._parts.close()
        try:
            kept = await self._patiently(self._desk.give(envelope, site, self._peer.name))
        except (NotGivenError, SetsError) as error:
            await self._send(NotDistributed(reason=str(error), remedy=error.remedy))
            return
        await self._follow(kept, began_s, began_s + wait_s)

    async def _follow(self, kept: KeptSet, began_s: float, until_s: float) -> None:
        """Say how far it is now and then, and the last word."""
        desk, loop = self._desk, asyncio.get_running_loop()
        had, took_s, said_s = 0, 0.0, began_s
        while True:
            now_s, change = loop.time(), desk.distributor.change
            have = desk.have(kept)
            if have != had:
                had, took_s = have, now_s - began_s
            if desk.settled(kept) or now_s >= until_s:
                await self._send(desk.standing(kept, took_s, final=True))
                return
            if now_s - said_s >= PROGRESS_S:
                said_s = now_s
                await self._send(desk.standing(kept, took_s, final=False))
            try:
                async with asyncio.timeout(min(until_s - now_s, PROGRESS_S)):
                    await change.wait()
            except TimeoutError:
                continue

    async def _send_order(self, request: SendOrder) -> None:
        now_s = asyncio.get_running_loop().time()
        try:
            sending = self._orders.begin(request.envelope, request.edges, now_s)
        except NotGivenError as error:
            await self._send(NotSent(reason=str(error), remedy=error.remedy))
            return
        until_s = now_s + (FOLLOW_S_MAX if request.follow else request.wait_s)
        await self._carry(sending, until_s, follow=request.follow)

    async def _carry(self, sending: Sending, until_s: float, *, follow: bool) -> None:
        """Send it to whoever has not answered, and say how far it is at each change."""
        desk, loop = self._orders, asyncio.get_running_loop()
        said_s = -math.inf  # who is away is known at once
        while True:
            change = desk.orders.change
            again_s = desk.orders.send(sending)
            now_s = loop.time()
            over = now_s >= until_s or (not follow and desk.settled(sending))
            if over or now_s - said_s >= (FOLLOWED_S if follow else PROGRESS_S):
                said_s = now_s
                await self._send(desk.progress(sending, now_s, final=over))
            if over:
                return
            try:
                async with asyncio.timeout_at(min(until_s, again_s, now_s + PROGRESS_S)):
                    await change.wait()
            except TimeoutError:
                continue
