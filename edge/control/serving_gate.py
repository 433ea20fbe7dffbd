"""Answers what a guard's terminal asks, on whichever socket it does."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from msgspec.structs import replace

from edge.control.conversation import refusal
from edge.control.desk_gate import Gates
from edge.control.message import Message
from edge.control.messages import Refusal
from edge.control.messages_gate import (
    AskInside,
    AskPlan,
    ConfirmRelease,
    FollowGate,
    GateOnceRequest,
    GateReleaseReply,
    RefuseAtGate,
    ReleaseAtGate,
    ShowGatePicture,
)
from edge.control.messages_visits import PassReply
from edge.gate_codes import notes_told, reasons_told
from edge.gate_sight import Guard, Sight

Send = Callable[[Message], Awaitable[None]]


def shown(reply: PassReply, sight: Sight) -> PassReply:
    """What was decided, as whoever asked may see it."""
    if sight.confidential:
        return reply
    return replace(reply, reasons=reasons_told(reply.reasons), notes=notes_told(reply.notes))


def _released(reply: GateReleaseReply, sight: Sight) -> GateReleaseReply:
    verdict = reply.verdict
    return reply if verdict is None else replace(reply, verdict=shown(verdict, sight))


async def answer(gates: Gates, asked: GateOnceRequest, guard: Guard) -> tuple[Message, ...]:
    """Every reply to what is answered once."""
    match asked:
        case ShowGatePicture():
            return await gates.picture(asked, guard)
        case ReleaseAtGate():
            return (_released(await gates.release(asked, guard), guard.sight),)
        case ConfirmRelease():
            return (_released(await gates.confirm(asked, guard), guard.sight),)
        case RefuseAtGate():
            return (await gates.refuse(asked, guard),)
        case AskInside():
            return (await gates.inside(asked, guard),)
        case AskPlan():
            return (await gates.plan(),)


async def follow(gates: Gates, asked: FollowGate, guard: Guard, send: Send) -> None:
    """Send whatever happens. Raises Ended where the client does not keep up, and where what it may
    see is not what it was.
    """
    try:
        async with aclosing(gates.follow(asked, guard)) as told:
            async for message in told:
                await send(message)
    except TimeoutError:
        pass
    raise refusal(
        Refusal.SLOW,
        "what happens was not taken in time, or another policy is in force",
        "follow again; nothing is lost by it",
    )
