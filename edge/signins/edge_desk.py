"""Signing in at an edge's pages, answered: `edge.control.desk_pages.SignIns`."""

import logging

from msgspec.structs import replace

from controller.events_signins import How, SessionEnd
from controller.ids import CredentialRef, HolderId
from edge.control.desk_page_orders import AtPage
from edge.control.desk_pages import PageSession
from edge.control.message import Message
from edge.control.messages_pages import (
    BecomeTerminal,
    CodeMade,
    EdgeAdminRequest,
    MakeTerminalCode,
    RemoveTerminal,
    SignInByPin,
    SignInChanged,
    SignInRequest,
    SignInsReply,
    TakeInvitation,
    TerminalTaken,
    UseSession,
    WaitsForBadge,
)
from edge.control.messages_report import SignInsKept
from edge.gate_sight import Guard, sight_of
from edge.signins.badge_entrance import BadgeEntrance
from edge.signins.desk import SignInDesk
from edge.signins.edge_premises import EdgePremises
from edge.signins.first import FirstCode
from edge.signins.held import Held
from edge.signins.parts import SEE_LOG, UNKEPT, Parts
from edge.signins.premises import Known
from edge.signins.reported import sign_ins_kept
from edge.signins.sessions import Open
from edge.signins.store import SignInsError
from edge.signins.terminals import Terminals
from edge.still_there import StillThereError
from policies.rights import Right

NO_CODE = "no terminal has this code, or no longer"
ANOTHER = "have another one made: `sentrypost signin terminal`, or on the page of who signs in"

log = logging.getLogger(__name__)


class PageHeld(Held):
    """A page's hold of a session, as `edge.control.desk_pages.PageSession`."""

    def __init__(self, parts: Parts, premises: EdgePremises, opened: Open, who: Known) -> None:
        super().__init__(parts, opened, who)
        self._premises = premises

    @property
    def rights(self) -> frozenset[Right]:
        return frozenset(map(Right, self.who.rights))

    @property
    def portals(self) -> tuple[str, ...]:
        terminal = self._premises.config.terminals.get(self.opened.session.terminal)
        return () if terminal is None else terminal.portals

    @property
    def guard(self) -> Guard:
        policy = self._premises.daemon.site.policy
        sight = sight_of(policy, self.rights, self.portals, locked=self.locked)
        return Guard(self.person, self.who.holder, sight)

    @property
    def at_page(self) -> AtPage:
        session = self.opened.session
        return AtPage(session.id, self.person, self.who.holder, session.terminal, self.guard.sight)


class PageSignIns(SignInDesk[PageHeld]):
    """One edge's."""

    look = (
        "see who is on file, and which roles the policy lets in: [page.gate], [page.console], "
        "[page.people]"
    )

    def __init__(self, parts: Parts, first: FirstCode, premises: EdgePremises) -> None:
        super().__init__(parts, first)
        self._premises = premises
        self._badges = BadgeEntrance(parts, premises)
        self._terminals = Terminals(premises, parts.book, parts.sessions, parts.entropy)

    def kept_of(self, holder: HolderId) -> SignInsKept:
        """As `edge.control.desk_pages.SignIns`."""
        sessions = (opened.session for opened in self._parts.sessions)
        return sign_ins_kept((*self._parts.book.of(holder), *sessions), holder)

    async def sign_in(self, asked: SignInRequest) -> tuple[Message, PageSession | None]:
        """As `edge.control.desk_pages.SignIns`."""
        match asked:
            case UseSession() | TakeInvitation():
                return await self.enter(asked)
            case BecomeTerminal():
                return await self._became(asked), None
        # What the browser says it is by a token, and what it is from here on, by its name.
        asked = replace(asked, terminal=self._terminals.of(asked.terminal))
        match asked:
            case WaitsForBadge():
                return self._badges.awaited(asked), None
            case SignInByPin():
                return self._let(await self._badges.by_pin(asked))
        return await self.enter(asked)

    async def of_others(
        self,
        asked: EdgeAdminRequest,
        operator: str,
        *,
        own: object = None,
        may_link: bool = False,
    ) -> SignInsReply | SignInChanged | CodeMade:
        """As `edge.control.desk_pages.SignIns`."""
        match asked:
            case MakeTerminalCode(terminal=terminal):
                return await self._terminals.code(terminal, operator)
            case RemoveTerminal(terminal=terminal):
                return await self._terminals.removed(terminal, operator)
        reply = await super().of_others(asked, operator, own=own, may_link=may_link)
        if isinstance(reply, SignInsReply):
            return replace(reply, terminals=self._terminals.shown())
        return reply

    async def _became(self, asked: BecomeTerminal) -> TerminalTaken:
        """A browser is a terminal from here on."""
        parts = self._parts
        try:
            taken = await self._terminals.taken(asked.code)
        except SignInsError as error:
            log.error("%s: %s", UNKEPT, error)
            return TerminalTaken(reason=UNKEPT, remedy=SEE_LOG)
        if taken is None:
            wrong = parts.wrong(How.TERMINAL, None, "", parts.keys(""))
            return TerminalTaken(reason=NO_CODE, remedy=ANOTHER, wait_s=wrong.wait_s)
        return TerminalTaken(terminal=taken[0], token=taken[1])

    def at_terminal(self, terminal: str, ref: CredentialRef) -> None:
        """A badge was held to a terminal's own reader."""
        self._badges.at_terminal(terminal, ref)

    async def erased(self, holder: HolderId) -> None:
        """Somebody is erased: what is kept of his signing in goes. Raises StillThereError."""
        try:
            await self.take_away(holder)
        except SignInsError as error:
            raise StillThereError(str(error)) from error

    def _held(self, opened: Open) -> PageHeld | None:
        if not self._terminals.stands(opened.session.terminal):
            self._parts.sessions.end(opened, SessionEnd.ENDED)
        return super()._held(opened)

    def _hold(self, opened: Open, who: Known) -> PageHeld:
        return PageHeld(self._parts, self._premises, opened, who)
