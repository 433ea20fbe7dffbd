"""Serves central's control socket: signed files and orders for the edges, and what they say."""

import asyncio
import socket
from pathlib import Path
from typing import Self

from central import operator_desk
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
from central.control_messages_order import ListOrders, SendOrder
from central.operator_signins import OperatorSignIns
from central.order_desk import OrderDesk
from central.order_serving import PROGRESS_S, send_order
from central.sets import KeptSet, SetsError
from edge.control.conversation import Conversation, Listener, opened, refusal
from edge.control.messages import FilePart, Heartbeat, Refusal
from edge.control.messages_pages import Invite, MakeLink, ReadSignIns
from edge.control.parts import Parts
from edge.control.peer import owns

SignInsComing = asyncio.Future[OperatorSignIns | None]
"""Central serves while what operators have done is still verified."""


class CentralServer(Listener):
    """The socket of one central."""

    def __init__(
        self, desk: CentralDesk, orders: OrderDesk, path: Path, listening: socket.socket
    ) -> None:
        """Not for callers: see `open`."""
        super().__init__(path, listening)
        self._desk = desk
        self._orders = orders
        self.sign_ins: SignInsComing | None = None
        """None, now or when it has come: nobody can sign in at the wall."""

    @classmethod
    def open(cls, desk: CentralDesk, orders: OrderDesk, path: Path) -> Self:
        """Bind and listen at `path`. A socket that nobody answers on is replaced.

        Raises ControlInUseError, ControlError.
        """
        return cls(desk, orders, path, opened(path))

    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Conversation[Request]:
        return _Client(self._desk, self._orders, self.sign_ins, parts, reader, writer)


class _Client(Conversation[Request]):
    def __init__(
        self,
        desk: CentralDesk,
        orders: OrderDesk,
        sign_ins: SignInsComing | None,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(parts, reader, writer)
        self._desk = desk
        self._orders = orders
        self._sign_ins = sign_ins

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
                await send_order(self._orders, request, self._send)
            case ListOrders():
                await self._send(self._orders.in_force())
            case MakeLink() | Invite() | ReadSignIns():
                operators = await self._operators()
                asked = operators.of_others(request, self._account, may_link=True)
                await self._send(await self._patiently(asked))
            case _:
                operators = await self._operators()
                answered = operator_desk.answer(operators, request, self._account)
                await self._send(await self._patiently(answered))

    @property
    def _account(self) -> str:
        """As it goes on record; no operator is called that."""
        return f"account {self._peer.name}"

    async def _operators(self) -> OperatorSignIns:
        """Raises Ended where nobody may ask about them, or there are none."""
        if not owns(self._peer):
            raise refusal(
                Refusal.NOT_ALLOWED,
                "who the operators are is for central's own account alone",
                "ask as that account, or as root",
            )
        found = None
        if self._sign_ins is not None:
            found = await self._patiently(_come(self._sign_ins))
        if found is None:
            raise refusal(
                Refusal.NOT_ALLOWED,
                "nobody can sign in at the wall",
                "what central said at its start names the file and what to do",
            )
        return found

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


async def _come(sign_ins: SignInsComing) -> OperatorSignIns | None:
    return await asyncio.shield(sign_ins)
