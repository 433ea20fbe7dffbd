"""Serves the wall's socket. Nothing that comes here is believed without a session: each request is
checked against its operator, as he stands at that moment, and goes on record under his id.
"""

import asyncio
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, cast

from central import operator_desk, wall_streams
from central.control_messages_order import FollowOrders, ListOrders, SendOrder
from central.incidents import IncidentError
from central.operator_messages import OperatorRequest
from central.operator_rights import GIVEN, TABLE
from central.operator_signins import WallHeld
from central.operator_words import OperatorRight
from central.order_serving import send_order
from central.wall_archive import NotFoundOutError
from central.wall_desk import WallDesk
from central.wall_messages import (
    AcknowledgeAt,
    AdminRequest,
    AskCounts,
    AskIncident,
    AskSeries,
    AskWall,
    FollowEntries,
    FollowWall,
    ListIncidents,
    NotDone,
    NoteIncident,
    Search,
    SessionRequest,
    SignInRequest,
    WallRequest,
    decode_request,
)
from edge.control.conversation import Conversation, Listener, opened
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.control.messages_pages import SignedIn
from edge.control.needs import ANYBODY, Following, admitted, while_it_stands
from edge.control.parts import Parts

WALL_CLIENTS_MAX = 128
"""A wall that is open has a stream or two, and each click a conversation of its own."""

Asked = AskCounts | AskSeries | Search | ListIncidents | AskIncident | NoteIncident
"""What the archive is asked."""


class WallServer(Listener):
    """The wall's socket of one central."""

    clients_max = WALL_CLIENTS_MAX

    def __init__(self, desk: WallDesk, path: Path, listening: socket.socket) -> None:
        """Not for callers: see `open`."""
        super().__init__(path, listening)
        self._desk = desk
        self._following = Following()

    @classmethod
    def open(cls, desk: WallDesk, path: Path) -> Self:
        """Bind and listen at `path`. A socket that nobody answers on is replaced.

        Raises ControlInUseError, ControlError.
        """
        return cls(desk, path, opened(path))

    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Conversation[WallRequest]:
        return _WallClient(self._desk, self._following, parts, reader, writer)


class _WallClient(Conversation[WallRequest]):
    """The wall's process, speaking for an operator who is signed in or wants to be."""

    def __init__(
        self,
        desk: WallDesk,
        following: Following,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(parts, reader, writer)
        self._desk = desk
        self._following = following
        self._session: WallHeld | None = None

    def _decoded(self, body: bytes) -> WallRequest:
        return decode_request(body)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(last_seq=0)

    async def _answer(self, request: WallRequest) -> None:
        needs, signing = TABLE[type(request)], self._desk.sign_ins
        if needs is ANYBODY:
            entered = signing.enter(cast(SignInRequest, request))
            answer, session = await self._patiently(entered)
            if isinstance(answer, SignedIn):
                self._session = session
            await self._send(answer)
            return
        held = admitted(self._session, needs, GIVEN)
        if needs.signed_in:
            own = signing.of_session(cast(SessionRequest, request), held)
            await self._send(await self._patiently(own))
        elif isinstance(request, FollowWall | FollowEntries | FollowOrders):
            with self._following.one_more(held.person):
                stream = self._until_gone(self._stream(request, held))
                await while_it_stands(held, stream)
        elif isinstance(request, SendOrder):
            await self._patiently(self._desk.sends(request, held))
            await send_order(self._desk.orders, request, self._send)
        elif isinstance(request, ListOrders):
            await self._send_frame(self._desk.orders_now.frame())
        else:
            await self._send(await self._patiently(self._replied(request, held)))

    def _stream(
        self, request: FollowWall | FollowEntries | FollowOrders, held: WallHeld
    ) -> Coroutine[Any, Any, None]:
        desk, send = self._desk, self._send_frame
        match request:
            case FollowWall(site=site):
                return wall_streams.follow_wall(desk.book, site, send)
            case FollowEntries():
                names = OperatorRight.NAMES in held.rights
                return wall_streams.follow_entries(desk.book.entries, request, send, names=names)
            case FollowOrders():
                return wall_streams.follow_orders(desk.orders_now, send)

    async def _replied(self, request: WallRequest, held: WallHeld) -> Message:
        desk = self._desk
        match request:
            case AskWall():
                return desk.about()
            case AcknowledgeAt():
                return await desk.acknowledge(request, held)
            case AskCounts() | AskSeries() | Search() | ListIncidents() | AskIncident():
                return await self._asked(request, held)
            case NoteIncident():
                return await self._asked(request, held)
        if isinstance(request, OperatorRequest):
            return await operator_desk.answer(desk.sign_ins, request, held.person)
        return await desk.sign_ins.of_others(cast(AdminRequest, request), held.person, own=held)

    async def _asked(self, request: Asked, held: WallHeld) -> Message:
        desk = self._desk
        try:
            match request:
                case AskCounts():
                    return await desk.archive.counts(request)
                case AskSeries():
                    return await desk.archive.series(request)
                case Search():
                    return await desk.search(request, held)
                case ListIncidents():
                    return await desk.archive.incidents(request)
                case AskIncident():
                    return await desk.archive.incident(request)
                case NoteIncident():
                    return await desk.note(request, held)
        except NotFoundOutError as error:
            return NotDone(reason=str(error), remedy=error.remedy)
        except IncidentError as error:
            message, _, remedy = str(error).partition("; ")
            return NotDone(reason=message, remedy=remedy)
