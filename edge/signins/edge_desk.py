"""Signing in at an edge's pages, answered: `edge.control.desk_pages.SignIns`."""

from controller.ids import CredentialRef, HolderId
from edge.control.desk_page_orders import AtPage
from edge.control.desk_pages import PageSession
from edge.control.message import Message
from edge.control.messages_pages import SignInByPin, SignInRequest, WaitsForBadge
from edge.gate_sight import Guard, sight_of
from edge.signins.badge_entrance import BadgeEntrance
from edge.signins.desk import SignInDesk
from edge.signins.edge_premises import EdgePremises
from edge.signins.first import FirstCode
from edge.signins.held import Held
from edge.signins.parts import Parts
from edge.signins.premises import Known
from edge.signins.sessions import Open
from edge.signins.store import SignInsError
from edge.still_there import StillThereError
from policies.rights import Right


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
        return AtPage(session.id, self.person, self.who.holder, session.terminal)


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

    async def sign_in(self, asked: SignInRequest) -> tuple[Message, PageSession | None]:
        """As `edge.control.desk_pages.SignIns`."""
        match asked:
            case WaitsForBadge():
                return self._badges.awaited(asked), None
            case SignInByPin():
                return self._let(await self._badges.by_pin(asked))
        return await self.enter(asked)

    def at_terminal(self, terminal: str, ref: CredentialRef) -> None:
        """A badge was held to a terminal's own reader."""
        self._badges.at_terminal(terminal, ref)

    async def erased(self, holder: HolderId) -> None:
        """Somebody is erased: what is kept of his signing in goes. Raises StillThereError."""
        try:
            await self.take_away(holder)
        except SignInsError as error:
            raise StillThereError(str(error)) from error

    def _hold(self, opened: Open, who: Known) -> PageHeld:
        return PageHeld(self._parts, self._premises, opened, who)
