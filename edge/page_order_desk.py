"""What people ask of the running daemon about orders at pages, each by whoever sees to it:
`edge.control.desk_page_orders.PageOrders`.
"""

from collections.abc import AsyncGenerator

from msgspec.structs import replace

from edge.config import Config
from edge.consent_drafts import ConsentDrafts
from edge.console_feed import ConsoleFeed
from edge.control.desk_page_orders import AtPage
from edge.control.messages_orders import OrderReply
from edge.control.messages_page_orders import (
    AddSignedFile,
    ConsoleHeartbeat,
    ConsoleState,
    DraftConsent,
    DraftFile,
    DraftOrder,
    DraftReply,
    DraftShown,
    DraftsReply,
    DrillReportPart,
    DrillsReply,
    HoldArmed,
    PanicReply,
    RaiseFromPage,
    ReadDrillReport,
    SignDraft,
)
from edge.daemon import Daemon
from edge.draft_desk import DraftDesk
from edge.drill_desk import DrillDesk
from edge.order_desk import OrderDesk
from edge.page_raising import Raising
from edge.uplink import Uplink
from edge.views_worker import Views
from edge.visit_desk import VisitDesk


class PageOrderDesk:
    """One daemon's."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        orders: OrderDesk,
        visits: VisitDesk,
        uplink: Uplink | None,
        views: Views | None,
    ) -> None:
        self._raising = Raising(daemon, config, orders)
        self._drafts = DraftDesk(daemon, config, orders, self._drafted)
        self._consents = ConsentDrafts(daemon, config, visits, orders.entropy, self._drafted)
        self._feed = ConsoleFeed(daemon, orders, visits, uplink, self._waiting)
        self._drills = DrillDesk(daemon, config, None if views is None else views.path)

    def _drafted(self) -> None:
        self._feed.changed()

    def _waiting(self, by: AtPage) -> tuple[DraftShown, ...]:
        drafts = (*self._drafts.shown(by), *self._consents.shown(by))
        return tuple(sorted(drafts, key=lambda one: one.made_utc_us))

    def _of(self, draft: str) -> DraftDesk | ConsentDrafts:
        """Whoever sees to this draft."""
        return self._consents if self._consents.has(draft) else self._drafts

    def arm(self, by: AtPage) -> HoldArmed:
        return self._raising.arm(by)

    async def raised(self, asked: RaiseFromPage, by: AtPage) -> OrderReply:
        return await self._raising.raised(asked, by)

    async def panic(self, reason: str, by: AtPage) -> PanicReply:
        return await self._raising.panic(reason, by)

    async def draft(self, asked: DraftOrder, by: AtPage) -> DraftReply:
        return await self._drafts.draft(asked, by)

    async def draft_consent(self, asked: DraftConsent, by: AtPage) -> DraftReply:
        return await self._consents.draft(asked, by)

    async def drafts(self, by: AtPage) -> DraftsReply:
        return replace(await self._drafts.drafts(by), drafts=self._waiting(by))

    async def sign(self, asked: SignDraft, by: AtPage) -> DraftReply:
        return await self._of(asked.draft).sign(asked, by)

    async def add(self, asked: AddSignedFile, by: AtPage) -> DraftReply:
        return await self._of(asked.draft).add(asked, by)

    def file(self, draft: str) -> DraftFile:
        return self._of(draft).file(draft)

    def withdraw(self, draft: str, by: AtPage) -> DraftReply:
        return self._of(draft).withdraw(draft, by)

    async def console(self, by: AtPage) -> ConsoleState:
        return await self._feed.state(by)

    def follow_console(self, by: AtPage) -> AsyncGenerator[ConsoleState | ConsoleHeartbeat, None]:
        return self._feed.follow(by)

    async def drills(self) -> DrillsReply:
        return await self._drills.listed()

    def drill_report(self, asked: ReadDrillReport) -> AsyncGenerator[DrillReportPart, None]:
        return self._drills.report(asked)
