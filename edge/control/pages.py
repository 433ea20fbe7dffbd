"""Serves the pages' socket. Nothing that comes here is believed without a session: each request is
checked against its person, as she stands at that moment, and recorded under her id.
"""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

from edge.control import serving_page_orders
from edge.control.conversation import Conversation, refusal
from edge.control.desk import Desk
from edge.control.desk_pages import PageSession, SignIns, no_sign_ins
from edge.control.listening import ControlError
from edge.control.messages import Refusal
from edge.control.messages_page_orders import FollowConsole, PageOrderOnce, ReadDrillReport
from edge.control.messages_pages import SessionRequest, SignedIn, SignInRequest
from edge.control.needs import ANYBODY, Following, Needs, admitted, no_session, while_it_stands
from edge.control.page_rights import TABLE, portal_of
from edge.control.parts import Parts
from edge.control.protocol import Request
from edge.control.server import ControlServer, DeskClient
from edge.gate_sight import Guard

PAGE_CLIENTS_MAX = 128
"""A page that is open has one stream, and each click a conversation of its own; they are counted
apart from the operator's, which they never crowd out."""

RIGHTS = "the policy says whose it is: [page.gate], [page.console], [page.people]"

AGAIN_S = 5.0
"""Until a socket that could not be made is tried again: its folder is another's to make."""

log = logging.getLogger(__name__)


class PagesServer(ControlServer):
    """The pages' socket of one daemon."""

    clients_max = PAGE_CLIENTS_MAX

    def __init__(self, desk: Desk, path: Path, listening: socket.socket) -> None:
        super().__init__(desk, path, listening)
        self._following = Following()

    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Conversation[Request]:
        return PageClient(self._following, self._desk, self._verifying, parts, reader, writer)


async def serve_pages(desk: Desk, path: Path) -> None:
    """Serve the pages' socket until cancelled. Where it cannot be made it is tried again: no door
    waits for a page.
    """
    said = ""
    while True:
        try:
            server = PagesServer.open(desk, path)
        except ControlError as error:
            if said != (said := str(error)):
                log.error("there are no pages: %s; %s", error, error.remedy)
            await asyncio.sleep(AGAIN_S)
            continue
        try:
            await server.run()
        finally:
            server.close()


class PageClient(DeskClient):
    """The pages' process, speaking for somebody who is signed in or wants to be."""

    def __init__(
        self,
        following: Following,
        desk: Desk,
        verifying: asyncio.Lock,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(desk, verifying, parts, reader, writer)
        self._following = following

    @property
    def _who(self) -> str:
        return "" if self._session is None else self._session.person

    @property
    def _owns(self) -> bool:
        """Nobody at a page has this machine, whichever account the pages' process runs under."""
        return False

    @property
    def _guard(self) -> Guard:
        return self._standing().guard

    async def _answer(self, request: Request) -> None:
        needs = TABLE[type(request)]
        if needs is ANYBODY:
            asked = cast(SignInRequest, request)
            answer, session = await self._patiently(self._sign_ins.sign_in(asked))
            if isinstance(answer, SignedIn):
                self._session = session
            await self._send(answer)
            return
        session = self._checked(request, needs)
        if needs.signed_in:
            own = cast(SessionRequest, request)
            await self._send(await self._patiently(self._sign_ins.of_session(own, session)))
            return
        if isinstance(request, FollowConsole | ReadDrillReport):
            told = serving_page_orders.follow(self._desk.page_orders, request, session.at_page)
            await self._until_gone(self._follow_to_end(told))
            return
        if isinstance(request, PageOrderOnce):
            orders = self._desk.page_orders
            answered = serving_page_orders.answer(orders, request, session.at_page)
            await self._send(await self._patiently(answered))
            return
        await super()._answer(request)

    async def _until_gone(self, work: Coroutine[Any, Any, None]) -> None:
        """As it is, and no longer than the session stands as it did when the stream began."""
        session = self._standing()
        try:
            with self._following.one_more(session.person):
                await while_it_stands(session, super()._until_gone(work))
        finally:
            work.close()

    @property
    def _sign_ins(self) -> SignIns:
        if self._desk.sign_ins is None:
            raise no_sign_ins()
        return self._desk.sign_ins

    def _standing(self) -> PageSession:
        """The session of this conversation, as of now. Raises Ended."""
        session = self._session
        if session is None or not session.stands():
            raise no_session()
        return session

    def _checked(self, request: Request, needs: Needs) -> PageSession:
        """The session, where its person may ask this now. Raises Ended."""
        session = admitted(self._session, needs, RIGHTS)
        portal = portal_of(request)
        if portal is not None and session.portals and portal not in session.portals:
            raise refusal(
                Refusal.NO_RIGHT,
                f"this terminal does not work the portal {portal}",
                "use the terminal that does: the site file says which",
            )
        return session
