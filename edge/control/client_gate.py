"""What a guard's terminal asks of the running daemon, for commands and tests."""

from collections.abc import Iterator

from msgspec.structs import replace

from edge.control.calling import unexpected
from edge.control.client import Client
from edge.control.messages import Heartbeat
from edge.control.messages_gate import (
    AskInside,
    AskPlan,
    ConfirmRelease,
    FollowGate,
    GateHello,
    GateReleaseReply,
    GateTold,
    InsideReply,
    PlanReply,
    RefuseAtGate,
    ReleaseAtGate,
    ShowGatePicture,
)
from edge.control.messages_guard import ComparisonPicture
from edge.control.messages_visits import VisitReply


class GateClient(Client):
    """As `Client`, for what happens at a gate."""

    def follow_gate(self, asked: FollowGate) -> Iterator[GateHello | GateTold]:
        """Without end; nothing else is asked on this connection."""
        self._send(asked)
        while True:
            reply = self._receive()
            if not isinstance(reply, GateHello | GateTold):
                raise unexpected(reply)
            yield reply

    def gate_picture(self, asked: ShowGatePicture) -> ComparisonPicture:
        """The whole picture in one, or why there is none."""
        self._send(asked)
        data = bytearray()
        while True:
            reply = self._receive()
            if isinstance(reply, Heartbeat):
                continue
            if not isinstance(reply, ComparisonPicture):
                raise unexpected(reply)
            data += reply.data
            if reply.ends:
                return replace(reply, data=bytes(data))

    def release_at_gate(self, asked: ReleaseAtGate) -> GateReleaseReply:
        return self._ask(asked, GateReleaseReply)

    def confirm_release(self, asked: ConfirmRelease) -> GateReleaseReply:
        return self._ask(asked, GateReleaseReply)

    def refuse_at_gate(self, asked: RefuseAtGate) -> VisitReply:
        return self._ask(asked, VisitReply)

    def inside(self, asked: AskInside) -> InsideReply:
        return self._ask(asked, InsideReply)

    def plan(self) -> PlanReply:
        return self._ask(AskPlan(), PlanReply)
