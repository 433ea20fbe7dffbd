"""Events of what is driven up and down over vehicles, and of interlocks that life safety opened."""

from typing import Annotated

import msgspec

from controller.barrier import Barrier
from controller.body import Body, Name
from controller.ids import PortalId

LEAVES_MAX = 32
"""Portals of one interlock that an event names."""


class BarrierChange(Body, frozen=True, kw_only=True):
    """What a barrier is after this event, whole."""

    portal: PortalId
    after: Barrier


class BarrierRaised(BarrierChange, frozen=True, kw_only=True):
    """The barrier is told to go up, for somebody or for as long as a release lasts."""


class BarrierLeft(BarrierChange, frozen=True, kw_only=True):
    """The barrier left its lower limit."""


class BarrierWaiting(BarrierChange, frozen=True, kw_only=True):
    """The barrier is to be lowered, and stays up: its loop is not free, or cannot be read."""


class BarrierLowering(BarrierChange, frozen=True, kw_only=True):
    """The loop is free, and the barrier is told to go down."""


class BarrierReopened(BarrierChange, frozen=True, kw_only=True):
    """Somebody drove onto the loop while the barrier went down: it goes up again."""


class BarrierJammed(BarrierChange, frozen=True, kw_only=True):
    """The barrier was told to go down and was not seen there in time."""


class BarrierDown(BarrierChange, frozen=True, kw_only=True):
    """The barrier reached its lower limit."""


class BarrierLimitRead(BarrierChange, frozen=True, kw_only=True):
    """The barrier reached or left its upper limit."""


class LoopRead(BarrierChange, frozen=True, kw_only=True):
    """The safety loop says something new: free, or a vehicle is there."""


class LoopFaulted(BarrierChange, frozen=True, kw_only=True):
    """The safety loop cannot be read: what is up stays up."""


class InterlockOverridden(Body, frozen=True, kw_only=True):
    """Life safety released a leaf while another of its interlock was not secured."""

    interlock: Name
    portals: Annotated[tuple[PortalId, ...], msgspec.Meta(max_length=LEAVES_MAX)]


__all__ = [
    "LEAVES_MAX",
    "Barrier",
    "BarrierChange",
    "BarrierDown",
    "BarrierJammed",
    "BarrierLeft",
    "BarrierLimitRead",
    "BarrierLowering",
    "BarrierRaised",
    "BarrierReopened",
    "BarrierWaiting",
    "InterlockOverridden",
    "LoopFaulted",
    "LoopRead",
]
