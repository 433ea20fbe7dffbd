"""What the control server needs of the daemon for orders that people give and sign at pages."""

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

from controller.ids import HolderId
from edge.control.messages_orders import OrderReply
from edge.control.messages_page_orders import (
    AddSignedFile,
    ConsoleHeartbeat,
    ConsoleState,
    DraftConsent,
    DraftFile,
    DraftOrder,
    DraftReply,
    DraftsReply,
    DrillReportPart,
    DrillsReply,
    HoldArmed,
    PanicReply,
    RaiseFromPage,
    ReadDrillReport,
    SignDraft,
)
from edge.gate_sight import Sight


class AtPage(NamedTuple):
    """Who asks: the person of a session that stands, looked up for this very request. `session`:
    names it, and is no secret. `person`: the integrator's id; `holder`: ours. `terminal`: where she
    sits, by the site file's name; empty where it is none. `sight`: whom of others she may see.
    """

    session: str
    person: str
    holder: HolderId
    terminal: str = ""
    sight: Sight = Sight()


class PageOrders(Protocol):
    """As `edge.control.desk.Desk`, for orders at pages."""

    def arm(self, by: AtPage) -> HoldArmed:
        """Somebody begins to hold. Never blocks."""
        ...

    async def raised(self, asked: RaiseFromPage, by: AtPage) -> OrderReply:
        """Make, sign and give it in this turn; returns when what became of it is on disk."""
        ...

    async def panic(self, reason: str, by: AtPage) -> PanicReply:
        """Tell everybody, and give what the terminal gives."""
        ...

    async def draft(self, asked: DraftOrder, by: AtPage) -> DraftReply:
        """Make an order that others sign."""
        ...

    async def draft_consent(self, asked: DraftConsent, by: AtPage) -> DraftReply:
        """Make a consent of the head of mission that people sign."""
        ...

    async def drafts(self, by: AtPage) -> DraftsReply:
        """Those that wait for signatures."""
        ...

    async def sign(self, asked: SignDraft, by: AtPage) -> DraftReply:
        """Add what a security key has signed; give the order where that was the last."""
        ...

    async def add(self, asked: AddSignedFile, by: AtPage) -> DraftReply:
        """Add what was signed elsewhere; give the order where that was the last."""
        ...

    def file(self, draft: str) -> DraftFile:
        """The draft for whoever signs it elsewhere. Never blocks."""
        ...

    def withdraw(self, draft: str, by: AtPage) -> DraftReply:
        """It is not meant any more. Never blocks."""
        ...

    async def console(self, by: AtPage) -> ConsoleState:
        """All that the console shows."""
        ...

    def follow_console(self, by: AtPage) -> AsyncGenerator[ConsoleState | ConsoleHeartbeat, None]:
        """The same, now and at each change. May be left at any time."""
        ...

    async def drills(self) -> DrillsReply:
        """The drills that the journal has."""
        ...

    def drill_report(self, asked: ReadDrillReport) -> AsyncGenerator[DrillReportPart, None]:
        """The report of one, in pieces. May be left at any time."""
        ...
