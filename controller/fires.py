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
    clipped,
)
from controller.ids import PortalId
from controller.inputs import FireLineHeard, FireResetAsked
from controller.ledger import Personal, commitment
from controller.moment import MILLISECOND_US
from controller.order_ends import end_at_fire
from controller.portal import Portal, Signal
from controller.posture import frees
from controller.turn import Turn
from policies.compiled import CompiledPolicy, OnFire

GONE_US = 500 * MILLISECOND_US
"""From being told that a fire input's device is gone to fire. Drivers tell it after 2.5 s without a
good answer: together the three seconds in which silence has to become fire.
"""


def on_line(turn: Turn, heard: FireLineHeard) -> None:
    """The line of a fire input was read, or its device went away."""
    fire = turn.state.fires.get(heard.fire)
    # A device that does not know what its line says is as good as gone.
    line = FireLine.GONE if heard.line is FireLine.UNKNOWN else heard.line
    if fire is None or fire.line is line:
        return
    was_read = line is not FireLine.GONE
    after = replace(
        fire,
        line=line,
        heard=fire.heard or was_read,
        deadline_us=_deadline_us(turn, fire, line),
    )
    turn.record(FireLineRead(fire=heard.fire, after=after))
    if line in {FireLine.ALARM, FireLine.CUT, FireLine.SHORTED}:
        _latch(turn, heard.fire, f"line {line}")
    if turn.state.ready and was_read and not fire.heard:
        _secure_covered(turn, heard.fire)
    settle_start(turn)


def on_patience_ended(turn: Turn, fire_id: str) -> None:
    """A fire input was not heard from in time."""
    fire = turn.state.fires[fire_id]
    silent = "device gone" if fire.heard else "no reading since the start"
    _latch(turn, fire_id, silent)
    settle_start(turn)


def on_reset(turn: Turn, asked: FireResetAsked) -> None:
    """A named person resets the latch; refused while the line is not normal."""
    operator = commitment(asked.operator)
    fire = turn.state.fires.get(asked.fire)
    reason = _why_no_reset(fire, named=asked.fire in _named(turn))
    if fire is None or reason is not None:
        refusal = FireResetRefused(fire=clipped(asked.fire), operator=operator, reason=reason or "")
        turn.record(refusal, asked.operator)
        return
    after = replace(fire, latched=False)
    turn.record(FireReset(fire=asked.fire, after=after, operator=operator), asked.operator)
    settle_egress(turn)


def override(turn: Turn, fire_id: str, operator: Personal) -> None:
    """Two people say that there is no fire, whatever the line says: the latch ends. What the line
    says next latches it again.
    """
    after = replace(turn.state.fires[fire_id], latched=False)
    turn.record(FireReset(fire=fire_id, after=after, operator=commitment(operator)), operator)
    settle_egress(turn)


def _why_no_reset(fire: Fire | None, *, named: bool) -> str | None:
    """`named`: the policy has this input; what it no longer has can never be read as normal."""
    if fire is None:
        return "no such fire input"
    if not fire.latched:
        return "not latched"
    if fire.line is FireLine.NORMAL or not named:
        return None
    return f"the line is {fire.line}, not normal"


def _named(turn: Turn) -> set[str]:
    return {fire.id for fire in turn.policy.fire_inputs}


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
    end_at_fire(turn)


def burns_at(turn: Turn, portal_id: PortalId) -> bool:
    """Whether a latched fire covers either side of the portal.

    What a fire covers whose input the policy no longer has, nobody can say: it covers everything.
    """
    latched = {fire_id for fire_id, fire in turn.state.fires.items() if fire.latched}
    if not latched:
        return False
    covering = turn.policy.fire_inputs_of(portal_id)
    return not latched.isdisjoint(covering) or not latched <= _named(turn)


def frees_egress(turn: Turn, portal_id: PortalId) -> bool:
    """Whether the portal's lock must be released now so that people can leave."""
    rule = turn.rule(portal_id)
    if rule is None or rule.on_fire is not OnFire.RELEASE:
        return False
    return burns_at(turn, portal_id) or frees(turn.state.orders, turn.policy, portal_id)


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
    """Release the portal and leave it so; said again where it is released already."""
    turn.signal(portal_id, Signal.RELEASED)
    turn.wish(
        lambda effect_id, cause, drill: FreeEgress(
            id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
        )
    )


def secure(turn: Turn, portal_id: PortalId) -> None:
    """Lock the portal, unless somebody on the way out or a release has a claim to it.

    Before the start is settled, or before a fire input that covers it was read, it is not secured.
    """
    fires = turn.state.fires
    heard = all(
        fire in fires and (fires[fire].heard or fires[fire].latched)
        for fire in turn.policy.fire_inputs_of(portal_id)
    )
    if not turn.state.ready or not heard or claimed(turn.state.portals[portal_id], turn.now_us):
        return
    turn.wish(
        lambda effect_id, cause, drill: SecurePortal(
            id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
        )
    )


def secure_other_locks(turn: Turn, was: CompiledPolicy) -> None:
    """Current means the contrary at a lock that is of the other type now: lock it anew."""
    for portal_id in turn.state.portals:
        before, now = was.portal(portal_id), turn.rule(portal_id)
        if before is not None and now is not None and before.lock is not now.lock:
            secure(turn, portal_id)


def claimed(portal: Portal, now_us: int) -> bool:
    """Whether a release, a lease or a grant forbids to lock the portal now."""
    leaving = portal.exit_until_us is not None and now_us < portal.exit_until_us
    return portal.released or portal.leased or portal.direction is not None or leaving


def _secure_covered(turn: Turn, fire_id: str) -> None:
    """What waited for this fire input's first reading is secured now."""
    for portal_id, portal in turn.state.portals.items():
        if portal.linked and fire_id in turn.policy.fire_inputs_of(portal_id):
            secure(turn, portal_id)


def abort_entry(turn: Turn, portal_id: PortalId) -> None:
    """Take back an entry that was granted and not used; a granted exit is never touched."""
    direction = turn.state.portals[portal_id].direction
    if direction is not None and not turn.leads_out(portal_id, direction):
        turn.signal(portal_id, Signal.ABORTED)
        secure(turn, portal_id)


def settle_start(turn: Turn) -> None:
    """Once every fire input is known or counts as fire, secure the rest and accept cards."""
    if turn.state.ready:
        return
    silent = {FireLine.UNKNOWN, FireLine.GONE}
    fires = [turn.state.fires[name] for name in _named(turn)]
    if any(fire.line in silent and not fire.latched for fire in fires):
        return
    turn.record(EdgeReady())
    for portal_id, portal in turn.state.portals.items():
        if portal.linked:
            secure(turn, portal_id)
