"""What is asked about visits and deliveries, answered: for both sockets alike."""

from typing import Protocol

from edge.control.desk_visitors import Deliveries, Visitors
from edge.control.message import Message
from edge.control.messages_visitors import (
    CancelVisit,
    CorrectPresence,
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
    VisitorRequest,
)


class VisitorDesks(Protocol):
    """The two desks of one daemon."""

    @property
    def visitors(self) -> Visitors:
        """Of visits."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """Of deliveries."""
        ...


async def answer(desks: VisitorDesks, request: VisitorRequest, who: str) -> tuple[Message, ...]:
    """Every reply. `who` asks: an account, or whoever has signed in."""
    visitors, deliveries = desks.visitors, desks.deliveries
    match request:
        case ExpectVisitor():
            return (await visitors.expect(request, who),)
        case SignInVisitor():
            return (await visitors.sign_in(request, who),)
        case GiveVisitorCode():
            return (await visitors.give_code(request, who),)
        case SignOutVisitor():
            return (await visitors.sign_out(request, who),)
        case ExtendVisit():
            return (await visitors.extend(request, who),)
        case CancelVisit():
            return (await visitors.cancel(request, who),)
        case ReadVisits():
            return (await visitors.read(request),)
        case CorrectPresence():
            return (await visitors.correct(request, who),)
        case TakeDelivery():
            return (await deliveries.take(request, who),)
        case HandOverDelivery():
            return (await deliveries.hand(request, who),)
        case RefuseDelivery():
            return (await deliveries.refuse(request, who),)
        case ReadDeliveries():
            return (await deliveries.read(request),)
