"""Answers what somebody asks about orders at a page, for the conversation that knows who asks."""

from collections.abc import AsyncGenerator

from edge.control.desk_page_orders import AtPage, PageOrders
from edge.control.message import Message
from edge.control.messages_page_orders import (
    AddSignedFile,
    ArmHold,
    DraftConsent,
    DraftOrder,
    FollowConsole,
    ListDrafts,
    PageOrderOnce,
    Panic,
    RaiseFromPage,
    ReadConsole,
    ReadDraftFile,
    ReadDrillReport,
    ReadDrills,
    SignDraft,
    WithdrawDraft,
)


async def answer(orders: PageOrders, asked: PageOrderOnce, by: AtPage) -> Message:
    """The reply to what is answered once. Raises JournalError."""
    match asked:
        case ArmHold():
            return orders.arm(by)
        case RaiseFromPage():
            return await orders.raised(asked, by)
        case Panic(reason=reason):
            return await orders.panic(reason, by)
        case DraftOrder():
            return await orders.draft(asked, by)
        case DraftConsent():
            return await orders.draft_consent(asked, by)
        case ListDrafts():
            return await orders.drafts(by)
        case SignDraft():
            return await orders.sign(asked, by)
        case AddSignedFile():
            return await orders.add(asked, by)
        case ReadDraftFile(draft=draft):
            return orders.file(draft)
        case WithdrawDraft(draft=draft):
            return orders.withdraw(draft, by)
        case ReadConsole():
            return await orders.console(by)
        case ReadDrills():
            return await orders.drills()


def follow(
    orders: PageOrders, asked: FollowConsole | ReadDrillReport, by: AtPage
) -> AsyncGenerator[Message, None]:
    """What is answered by more than one, in its order. May be left at any time. Raises
    JournalError.
    """
    match asked:
        case FollowConsole():
            return orders.follow_console(by)
        case ReadDrillReport():
            return orders.drill_report(asked)
