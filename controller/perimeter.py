"""What the core does about alarm points, local sources and barriers, in one place for `site`."""

from collections.abc import Callable

from controller import barriers, points, sources
from controller.inputs import Input
from controller.inputs_barriers import LimitHeard, LoopHeard
from controller.inputs_points import (
    ArmAsked,
    PanicAsked,
    PointHeard,
    ShuntAsked,
    ShuntEndAsked,
    SourceHeard,
)
from controller.moment import Micros
from controller.state import SiteState
from controller.turn import Turn
from policies.compiled import CompiledPolicy

HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    PointHeard: points.on_point,
    ArmAsked: points.on_arm_asked,
    ShuntAsked: points.on_shunt_asked,
    ShuntEndAsked: points.on_shunt_end_asked,
    SourceHeard: sources.on_source,
    PanicAsked: sources.on_panic,
    LoopHeard: barriers.on_loop,
    LimitHeard: barriers.on_limit,
}


def due_us(state: SiteState, policy: CompiledPolicy) -> list[Micros | None]:
    """When something falls due at any of them."""
    return [*points.due_us(state, policy), *barriers.due_us(state)]


def deal_with_due(turn: Turn) -> None:
    """What has fallen due."""
    points.deal_with_due(turn)
    barriers.deal_with_due(turn)


def has_schedules(policy: CompiledPolicy) -> bool:
    """Whether the wall clock arms or opens anything."""
    opens = any(portal.open_schedule is not None for portal in policy.portals)
    return opens or any(arming.schedule is not None for arming in policy.armings.values())


settle_schedules = points.settle_schedules


def settle(turn: Turn, before: SiteState) -> None:
    """The last word of a step, when everything that it wishes for is known."""
    barriers.settle(turn)
    barriers.note_overridden(turn, before)
