"""What the control server needs of the daemon where people sign in at pages."""

import asyncio
from typing import Protocol

from controller.ids import HolderId
from edge.control.conversation import Ended, refusal
from edge.control.desk_page_orders import AtPage
from edge.control.message import Message
from edge.control.messages import Refusal
from edge.control.messages_pages import (
    CodeMade,
    EdgeAdminRequest,
    SessionRequest,
    SessionShown,
    SignInChanged,
    SignInRequest,
    SignInsReply,
)
from edge.control.messages_report import SignInsKept
from edge.gate_sight import Guard
from policies.rights import Right


def no_sign_ins() -> Ended:
    """What is said where nobody can sign in at all."""
    return refusal(
        Refusal.NOT_ALLOWED,
        "nobody can sign in here: what is kept of that cannot be read",
        "see the log of the daemon: it names the file and what to do",
    )


class PageSession(Protocol):
    """One session, for as long as a connection speaks for it."""

    @property
    def person(self) -> str:
        """The id on file of whose it was when it was last looked at."""
        ...

    @property
    def rights(self) -> frozenset[Right]:
        """As of the last look."""
        ...

    @property
    def locked(self) -> bool: ...

    @property
    def portals(self) -> tuple[str, ...]:
        """Of its terminal; none: all."""
        ...

    @property
    def guard(self) -> Guard:
        """Who asks at a gate's screen, and what of it he may see. Right behind a look."""
        ...

    @property
    def at_page(self) -> AtPage:
        """Who gives an order at a page. Right behind a look."""
        ...

    @property
    def changed(self) -> asyncio.Event:
        """Set when it is locked, unlocked or over; then there is another one."""
        ...

    def stands(self) -> bool:
        """Look: whether its time, its person and a right of hers still stand."""
        ...

    def acted(self) -> None:
        """The person has done something: it is not locked for a while."""
        ...

    def shown(self) -> SessionShown:
        """Right behind a look."""
        ...


class SignIns(Protocol):
    """As `edge.control.desk.Desk`, for signing in."""

    async def sign_in(self, asked: SignInRequest) -> tuple[Message, PageSession | None]:
        """The answer, and the session where there is one now."""
        ...

    async def of_session(self, asked: SessionRequest, session: PageSession) -> Message:
        """What somebody with a session asks about it."""
        ...

    async def of_others(
        self,
        asked: EdgeAdminRequest,
        operator: str,
        *,
        own: PageSession | None = None,
        may_link: bool = False,
    ) -> SignInsReply | SignInChanged | CodeMade:
        """What is asked about sign-ins of others. `may_link`: the operator has this machine."""
        ...

    def kept_of(self, holder: HolderId) -> SignInsKept:
        """What is kept of somebody's signing in. Never blocks."""
        ...
