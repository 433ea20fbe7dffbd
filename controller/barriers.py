"""Barriers at work: what the core wishes of a portal, carried out over vehicles.

A portal's locking means for a barrier that it is to be lowered: now, where its loop is free, and
otherwise as soon as it is. What raises it goes its usual way.
"""

from msgspec.structs import replace

from controller import barrier as arm
from controller import fires, questions
from controller.barrier import Barrier, Loop, Note, Signal, State
from controller.effects import (
    Effect,
    FreeEgress,
    FreeExit,
    LeasePortal,
    LowerBarrier,
    RaiseBarrier,
    ReleasePortal,
    SecurePortal,
)
from controller.events_barriers import (
    LEAVES_MAX,
    BarrierChange,
    BarrierDown,
    BarrierJammed,
    BarrierLeft,
    BarrierLimitRead,
    BarrierLowering,
    BarrierRaised,
    BarrierReopened,
    BarrierWaiting,
    InterlockOverridden,
    LoopFaulted,
    LoopRead,
)
from controller.ids import PortalId
from controller.inputs_barriers import LimitHeard, LoopHeard
from controller.moment import MILLISECOND_US, Micros
from controller.portal import STRIKE_WITHIN_US, Contact, Portal
from controller.state import SiteState
from controller.turn import Turn
from policies.compiled import PortalRule

_EVENTS: dict[Note, type[BarrierChange]] = {
    Note.RAISED: BarrierRaised,
    Note.WAITING: BarrierWaiting,
    Note.LOWERING: BarrierLowering,
    Note.REOPENED: BarrierReopened,
    Note.JAMMED: BarrierJammed,
    Note.REACHED: BarrierDown,
    Note.LEFT: BarrierLeft,
}
assert _EVENTS.keys() == set(Note), "every note has its event"

_RAISING = (ReleasePortal, LeasePortal, FreeEgress, FreeExit)


def on_loop(turn: Turn, heard: LoopHeard) -> None:
    """The safety loop says something new."""
    rule = turn.rule(heard.portal)
    known = _known(turn, heard.portal)
    loop = Loop.FAULTED if heard.loop is Loop.UNKNOWN else heard.loop
    if rule is None or not rule.loop or known.loop is loop:
        return
    after = replace(known, loop=loop, used=known.used or loop is Loop.TAKEN)
    kind = LoopFaulted if loop is Loop.FAULTED else LoopRead
    turn.record(kind(portal=heard.portal, after=after))
    if loop is not Loop.FREE:
        _signal(turn, heard.portal, Signal.TAKEN)


def on_limit(turn: Turn, heard: LimitHeard) -> None:
    """The upper limit; the lower one is the portal's contact."""
    rule, known = turn.rule(heard.portal), _known(turn, heard.portal)
    if rule is not None and rule.loop and known.up is not heard.up:
        turn.record(BarrierLimitRead(portal=heard.portal, after=replace(known, up=heard.up)))


def stands(state: SiteState, effect: Effect, now_us: int) -> bool:
    """Whether a barrier may still be told so: asked after the commit, and again at the wire."""
    match effect:
        case RaiseBarrier(portal=portal_id):
            return state.barriers.get(portal_id, Barrier()).state is State.WAITING
        case LowerBarrier(portal=portal_id):
            known = state.barriers.get(portal_id, Barrier())
            portal = state.portals.get(portal_id, Portal())
            free = known.loop is Loop.FREE and not fires.claimed(portal, now_us)
            return free and known.state in {State.LOWERING, State.JAMMED, State.DOWN}
        case _:
            return True


def settle(turn: Turn) -> None:
    """After everything else in a step: bring what is driven to what was wished of its portal."""
    wished: dict[PortalId, list[Effect]] = {}
    for effect in list(turn.effects):
        if isinstance(effect, (*_RAISING, SecurePortal)):
            wished.setdefault(effect.portal, []).append(effect)
    for rule in turn.policy.portals:
        portal_id = PortalId(rule.id)
        if rule.loop and portal_id in turn.state.portals:
            _settle(turn, rule, portal_id, wished.get(portal_id, []))


def _settle(turn: Turn, rule: PortalRule, portal_id: PortalId, wished: list[Effect]) -> None:
    for effect in wished:
        if isinstance(effect, _RAISING):
            _raise(turn, rule, portal_id, effect)
        elif isinstance(effect, SecurePortal):
            _lower(turn, portal_id)
    known, contact = _known(turn, portal_id), turn.state.portals[portal_id].contact
    closing = known.state in {State.LOWERING, State.JAMMED}
    if contact is Contact.CLOSED and (closing or known.down is not True):
        _signal(turn, portal_id, Signal.REACHED)
    elif contact is Contact.OPEN and known.down:
        _signal(turn, portal_id, Signal.LEFT)
    known = _known(turn, portal_id)
    driven_through = known.state is State.RAISED and known.used and not known.down
    if known.loop is Loop.FREE and (known.state is State.WAITING or driven_through):
        _lower(turn, portal_id)


def _raise(turn: Turn, rule: PortalRule, portal_id: PortalId, effect: Effect) -> None:
    until_us = None
    if isinstance(effect, ReleasePortal | FreeExit):
        until_us = turn.now_us + STRIKE_WITHIN_US + effect.for_ms * MILLISECOND_US
    _signal(turn, portal_id, Signal.RAISED, until_us=until_us)


def _lower(turn: Turn, portal_id: PortalId) -> None:
    """Lower the barrier, or hold it until its loop is free; not while anybody has a claim to it."""
    if not turn.state.ready or fires.claimed(turn.state.portals[portal_id], turn.now_us):
        return
    free = _known(turn, portal_id).loop is Loop.FREE
    _signal(turn, portal_id, Signal.LOWER if free else Signal.HOLD)


def _signal(
    turn: Turn, portal_id: PortalId, signal: Signal, *, until_us: Micros | None = None
) -> None:
    after, note = arm.move(_known(turn, portal_id), signal, turn.now_us, until_us=until_us)
    if note is None:
        return
    turn.record(_EVENTS[note](portal=portal_id, after=after))
    if note is Note.LOWERING:
        turn.wish(
            lambda effect_id, cause, drill: LowerBarrier(
                id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
            )
        )
    elif note is Note.REOPENED:
        turn.wish(
            lambda effect_id, cause, drill: RaiseBarrier(
                id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
            )
        )


def _known(turn: Turn, portal_id: PortalId) -> Barrier:
    return turn.state.barriers.get(portal_id, Barrier())


# --- time -------------------------------------------------------------------------------------


def due_us(state: SiteState) -> list[Micros | None]:
    """When something falls due at barriers."""
    return [barrier.deadline_us for barrier in state.barriers.values()]


def deal_with_due(turn: Turn) -> None:
    """Who it was raised for has had his time, or it has not come down in its own."""
    for portal_id in sorted(turn.state.barriers):
        known = turn.state.barriers[portal_id]
        if known.deadline_us is None or known.deadline_us > turn.now_us:
            continue
        portal = turn.state.portals.get(portal_id)
        if known.state is State.LOWERING:
            _signal(turn, portal_id, Signal.PATIENCE_ENDED)
        elif portal is None or fires.claimed(portal, turn.now_us) or not turn.state.ready:
            # Somebody has a claim to it: who ends that lowers it.
            _signal(turn, portal_id, Signal.RAISED)
        else:
            _lower(turn, portal_id)


# --- interlocks ---------------------------------------------------------------------------------


def note_overridden(turn: Turn, before: SiteState) -> None:
    """Life safety may open the second leaf of an interlock; somebody is told."""
    found: dict[str, list[PortalId]] = {}
    for effect in turn.effects:
        if not isinstance(effect, FreeEgress | FreeExit):
            continue
        rule, was = turn.rule(effect.portal), before.portals.get(effect.portal, Portal())
        if rule is None or rule.interlock is None or was.released:
            continue
        if not questions.interlock_clear(turn.state, turn.policy, effect.portal, turn.now_us):
            found.setdefault(rule.interlock, []).append(effect.portal)
    for interlock, portals in found.items():
        named = tuple(dict.fromkeys(portals))[:LEAVES_MAX]
        turn.record(InterlockOverridden(interlock=interlock, portals=named))
