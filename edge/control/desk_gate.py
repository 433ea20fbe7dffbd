"""What the control server needs of the daemon where a page shows what happens at a gate."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.control.messages_gate import (
    AskInside,
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
from edge.gate_sight import Guard


class Gates(Protocol):
    """As `edge.control.desk.Desk`, for a guard's terminal. Whatever is told is no more than `guard`
    may see.
    """

    def follow(self, asked: FollowGate, guard: Guard) -> AsyncGenerator[GateHello | GateTold, None]:
        """What happens, without end; heartbeats are among it. It ends where the one who follows
        does not keep up, or another policy is in force.
        """
        ...

    async def picture(self, asked: ShowGatePicture, guard: Guard) -> tuple[ComparisonPicture, ...]:
        """One picture, in pieces."""
        ...

    async def release(self, asked: ReleaseAtGate, guard: Guard) -> GateReleaseReply:
        """Let the core judge it, or wait for a second person where the policy wants one."""
        ...

    async def confirm(self, asked: ConfirmRelease, guard: Guard) -> GateReleaseReply:
        """A second person agrees."""
        ...

    async def refuse(self, asked: RefuseAtGate, guard: Guard) -> VisitReply:
        """The guard refuses who waits to come in."""
        ...

    async def inside(self, asked: AskInside, guard: Guard) -> InsideReply:
        """Who is known to be inside."""
        ...

    async def plan(self) -> PlanReply:
        """Where zones and portals lie."""
        ...
