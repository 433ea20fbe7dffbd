"""What commands ask of the running daemon about visits and deliveries."""

from edge.control.client import Client
from edge.control.messages_visitors import (
    CancelVisit,
    CorrectPresence,
    DeliveriesReply,
    DeliveryReply,
    DeliveryShown,
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
    VisitShown,
    VisitsReply,
)
from edge.control.messages_visits import VisitReply

VisitStep = (
    ExpectVisitor | SignInVisitor | GiveVisitorCode | SignOutVisitor | ExtendVisit | CancelVisit
)
DeliveryStep = TakeDelivery | HandOverDelivery | RefuseDelivery


class VisitorClient(Client):
    """As `Client`, for visits and deliveries."""

    def visit(self, asked: VisitStep) -> VisitorReply:
        return self._ask(asked, VisitorReply)

    def correct(self, asked: CorrectPresence) -> VisitReply:
        return self._ask(asked, VisitReply)

    def delivery(self, asked: DeliveryStep) -> DeliveryReply:
        return self._ask(asked, DeliveryReply)

    def visits(self, day: str = "") -> tuple[VisitsReply, list[VisitShown]]:
        """The last reply's head, and all of them."""
        return self._ask_all(ReadVisits(day=day), VisitsReply, lambda one: (one.visits, one.total))

    def deliveries(self, day: str = "") -> tuple[DeliveriesReply, list[DeliveryShown]]:
        """The same for deliveries."""
        asked = ReadDeliveries(day=day)
        return self._ask_all(asked, DeliveriesReply, lambda one: (one.deliveries, one.total))
