"""Fire inputs and everything that keeps a way out free.

A fire input is closed while all is well. Open, cut, shorted, or not heard from for a few seconds is
fire; it latches, and ends only when the line is normal and a named person resets it.
"""

from msgspec.structs import replace

from controller.effects import FreeEgress, SecurePortal
from controller.events import (
    EdgeReady,
    Fire,
    FireLatched,
    FireLine,
    FireLineRead,
    FireReset,
    FireResetRefused,
)
from controller.ids import PortalId
from controller.inputs import FireLineHeard, FireResetAsked
from controller.ledger import commitment
from controller.moment import SECOND_US
from controller.portal import Signal
from controller.turn import Turn
from policies.compiled import OnFire
from policies.facts import Direction, Mode

GONE_US = 3 * SECOND_US
"""A fire input's device may be silent this long before its silence is fire."""


def on_line(turn: Turn, heard: FireLineHeard) -> None:
    """The line of a fire input was read, or its device went away."""
    fire = turn.state.fires.get(heard.fire)
    if fire is None or fire.line is heard.line:
        return
    deadline = _deadline_us(turn, fire, heard.line)
    after = replace(fire, line=heard.line, deadline_us=deadline)
    turn.record(FireLineRead(fire=heard.fire, after=after))
    if heard.line in {FireLine.ALARM, FireLine.CUT, FireLine.SHORTED}:
        _latch(turn, heard.fire, f"line {heard.line}")
    settle_start(turn)


def on_patience_ended(turn: Turn, fire_id: str) -> None:
    """A fire input was not heard from in time."""
    fire = turn.state.fires[fire_id]
    silent = "no reading since the start" if fire.line is FireLine.UNKNOWN else "device gone"
    _latch(turn, fire_id, silent)
    settle_start(turn)


def on_reset(turn: Turn, asked: FireResetAsked) -> None:
    """A named person resets the latch; refused while the line is not normal."""
    operator = commitment(asked.operator)
    fire = turn.state.fires.get(asked.fire)
    reason = _why_no_reset(fire)
    if fire is None or reason is not None:
        refusal = FireResetRefused(fire=asked.fire, operator=operator, reason=reason or "")
        turn.record(refusal, asked.operator)
        return
    after = replace(fire, latched=False)
    turn.record(FireReset(fire=asked.fire, after=after, operator=operator), asked.operator)
    settle_egress(turn)


def _why_no_reset(fire: Fire | None) -> str | None:
    if fire is None:
        return "no such fire input"
    if not fire.latched:
        return "not latched"
    return None if fire.line is FireLine.NORMAL else f"the line is {fire.line}, not normal"


def _deadline_us(turn: Turn, fire: Fire, line: FireLine) -> int | None:
    """Silence has a deadline. From the start to the first reading it keeps the start's own."""
    if line is FireLine.GONE and not fire.latched:
        gone = turn.now_us + GONE_US
        return gone if fire.deadline_us is None else min(gone, fire.deadline_us)
    return None


def _latch(turn: Turn, fire_id: str, reason: str) -> None:
    fire = turn.state.fires[fire_id]
    if fire.latched:
        return
    after = replace(fire, latched=True, deadline_us=None)
    turn.record(FireLatched(fire=fire_id, after=after, reason=reason))
    settle_egress(turn)


def burns_at(turn: Turn, portal_id: PortalId) -> bool:
    """Whether a latched fire covers either side of the portal."""
    fires = turn.state.fires
    return any(
        fire in fires and fires[fire].latched for fire in turn.policy.fire_inputs_of(portal_id)
    )


def frees_egress(turn: Turn, portal_id: PortalId) -> bool:
    """Whether the portal's lock must be released now so that people can leave."""
    rule = turn.rule(portal_id)
    if rule is None or rule.on_fire is not OnFire.RELEASE:
        return False
    return burns_at(turn, portal_id) or turn.state.mode is Mode.EVACUATE


def settle_egress(turn: Turn) -> None:
    """Bring every portal to what fire and evacuation call for, releases first."""
    for portal_id in list(turn.state.portals):
        if frees_egress(turn, portal_id):
            free_egress(turn, portal_id)
    for portal_id, portal in list(turn.state.portals.items()):
        if burns_at(turn, portal_id):
            abort_entry(turn, portal_id)
        if portal.released and not frees_egress(turn, portal_id):
            turn.signal(portal_id, Signal.RELEASE_ENDED)
            secure(turn, portal_id)


def free_egress(turn: Turn, portal_id: PortalId) -> None:
    turn.signal(portal_id, Signal.RELEASED)
    turn.wish(
        lambda effect_id, cause, drill: FreeEgress(
            id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
        )
    )


def secure(turn: Turn, portal_id: PortalId) -> None:
    """Lock the portal, unless somebody on the way out or a release has a claim to it.

    Before the start is settled nothing is secured: the fire inputs are not known yet.
    """
    portal = turn.state.portals[portal_id]
    if not turn.state.ready or portal.released or portal.leased or portal.direction is not None:
        return
    turn.wish(
        lambda effect_id, cause, drill: SecurePortal(
            id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
        )
    )


def abort_entry(turn: Turn, portal_id: PortalId) -> None:
    """Take back an entry that was granted and not used; a granted exit is never touched."""
    if turn.state.portals[portal_id].direction is Direction.ENTRY:
        turn.signal(portal_id, Signal.ABORTED)
        secure(turn, portal_id)


def settle_start(turn: Turn) -> None:
    """Once every fire input is known or counts as fire, secure the rest and accept cards."""
    if turn.state.ready:
        return
    unheard = {FireLine.UNKNOWN, FireLine.GONE}
    if any(fire.line in unheard and not fire.latched for fire in turn.state.fires.values()):
        return
    turn.record(EdgeReady())
    for portal_id, portal in turn.state.portals.items():
        if portal.linked:
            secure(turn, portal_id)
