"""What the control server needs of the daemon where orders are concerned."""

from collections.abc import AsyncIterator
from typing import Protocol

from controller.ids import OrderId
from edge.control.messages_orders import (
    ArrivalReply,
    Carrier,
    ChallengeReply,
    OrderFiles,
    OrderReply,
    OrdersReply,
    PostureReply,
)


class Orders(Protocol):
    """As `edge.control.desk.Desk`, for orders."""

    async def give(self, envelope: bytes, carrier: Carrier, code: str, operator: str) -> OrderReply:
        """Let a signed order act; returns when what became of it is on disk."""
        ...

    def follow(self, order: OrderId) -> AsyncIterator[ArrivalReply]:
        """How far it has come, now and at each change, until it is in force no more. May be left
        at any time.
        """
        ...

    async def listed(self) -> OrdersReply:
        """Every order in force."""
        ...

    def posture(self) -> PostureReply:
        """What the orders in force make of the site. Never blocks."""
        ...

    async def confirm(self, order: OrderId, operator: str) -> OrderReply:
        """Free the ways out that an evacuation which came late has not."""
        ...

    async def challenge(self, operator: str) -> ChallengeReply:
        """Draw what two people have to sign before anything is lowered here again."""
        ...

    def files(self, after: str) -> OrderFiles:
        """What another edge has to be given. Never blocks."""
        ...
