"""What the control server needs of the daemon for visits and deliveries."""

from typing import Protocol

from edge.control.messages_visitors import (
    CancelVisit,
    CorrectPresence,
    DeliveriesReply,
    DeliveryReply,
    ExpectVisitor,
    ExtendVisit,
    GiveVisitorCode,
    HandOverDelivery,
    ReadDeliveries,
    ReadVisits,
    RefuseDelivery,
    SignInVisitor,
    SignOutVisitor,
    TakeDelivery,
    VisitorReply,
    VisitsReply,
)
from edge.control.messages_visits import VisitReply


class Visitors(Protocol):
    """As `edge.control.desk.Desk`, for visits. `operator`: whose word it is."""

    async def expect(self, asked: ExpectVisitor, operator: str) -> VisitorReply:
        """Somebody is to come, or why not."""
        ...

    async def sign_in(self, asked: SignInVisitor, operator: str) -> VisitorReply:
        """The visitor is there; a code is told once, here."""
        ...

    async def give_code(self, asked: GiveVisitorCode, operator: str) -> VisitorReply:
        """Another code, in the place of what was given before."""
        ...

    async def sign_out(self, asked: SignOutVisitor, operator: str) -> VisitorReply:
        """The visitor goes; what was given lets in no more."""
        ...

    async def extend(self, asked: ExtendVisit, operator: str) -> VisitorReply:
        """The visit goes on."""
        ...

    async def cancel(self, asked: CancelVisit, operator: str) -> VisitorReply:
        """Nobody is expected."""
        ...

    async def read(self, asked: ReadVisits) -> VisitsReply:
        """Visits, with names."""
        ...

    async def correct(self, asked: CorrectPresence, operator: str) -> VisitReply:
        """A guard's word on who is inside."""
        ...


class Deliveries(Protocol):
    """The same for deliveries."""

    async def take(self, asked: TakeDelivery, operator: str) -> DeliveryReply:
        """It is taken, and whoever brings it is let in where the rules let him."""
        ...

    async def hand(self, asked: HandOverDelivery, operator: str) -> DeliveryReply:
        """It goes to somebody on file."""
        ...

    async def refuse(self, asked: RefuseDelivery, operator: str) -> DeliveryReply:
        """It is not taken, or goes back."""
        ...

    async def read(self, asked: ReadDeliveries) -> DeliveriesReply:
        """Deliveries, with names."""
        ...
