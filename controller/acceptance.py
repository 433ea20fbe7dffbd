"""Orders: whether what somebody offers counts, and what it sets in motion.

Raising protection takes one person and no clock. Taking it away takes two, a number that was never
used, and a time in which it could be given. No order opens a door by coming late.
"""

from controller import fires, muster, passages
from controller.entitled import Ground, Signed, why_not_entitled
from controller.events import PostureChanged, clipped
from controller.events_orders import (
    CountersChallenged,
    EvacuationConfirmed,
    OrderAccepted,
    OrderRefused,
    OrdersSuspected,
)
from controller.ids import PortalId
from controller.inputs import (
    CountersAsked,
    EvacuationConfirmAsked,
    OrderOffered,
    OrderRejected,
)
from controller.leadership import why_not_given_up, why_not_lent
from controller.ledger import Personal, commitment
from controller.moment import SECOND_US, Micros
from controller.order_ends import end, end_due, end_where
from controller.orders import (
    BY_SOURCE,
    ENDED_BY,
    LEADERSHIP,
    POSTURES,
    RAISING,
    REFUSALS_ALARM,
    EndCause,
    InForce,
    Order,
    Orders,
    ended_by,
    is_over,
    why_not_counted,
)
from controller.portal import Signal
from controller.posture import covers, freed_by, lies_over, raises_at, shuts, site_wide
from controller.turn import Turn
from policies.rights import OrderKind

HOLD_US = 15 * 60 * SECOND_US
"""The longest that anybody is kept from a way out of his own."""
UNLOCK_US = 12 * 3600 * SECOND_US
"""Longer than a reception lasts; a door that always stands open has a schedule."""
DRILL_US = 8 * 3600 * SECOND_US
"""A drill that everybody has gone home from ends by itself."""

UNION = "union"
"""The path of what other edges hand on."""

REFUSALS_WITHIN_US = 10 * 60 * SECOND_US


def on_offered(turn: Turn, offered: OrderOffered) -> None:
    """An order whose signatures fit. What is in force already, or was ended, changes nothing."""
    end_due(turn)
    orders, order = turn.state.orders, offered.order
    if order.id in orders.in_force or _is_told(orders, order):
        return
    if offered.path == UNION and is_over(orders, order):
        return  # an edge that has not heard of the end hands it on at each connection
    reason = "it was ended before" if is_over(orders, order) else _why_not(turn, offered)
    if reason is not None:
        _refuse(turn, order.id, order.kind, reason, offered.path, offered.operator)
        return
    turn.drill = turn.drill or order.drill
    turn.record(
        OrderAccepted(
            order=order,
            people=offered.people,
            keys=offered.keys,
            path=clipped(offered.path),
            break_glass=offered.break_glass,
            late=_is_late(turn, order),
            until_us=_until_us(turn, order),
            signed_by=commitment(offered.signed_by),
            operator=commitment(offered.operator),
        ),
        offered.signed_by,
        offered.operator,
    )
    _carry_out(turn, offered)


def on_rejected(turn: Turn, rejected: OrderRejected) -> None:
    """What was offered is no order that this site believes."""
    _refuse(
        turn,
        rejected.order,
        rejected.order_kind,
        rejected.reason,
        rejected.path,
        rejected.operator,
    )


def on_confirm_asked(turn: Turn, asked: EvacuationConfirmAsked) -> None:
    """A named person on the spot says that a late evacuation is meant."""
    one = turn.state.orders.in_force.get(asked.order)
    if one is not None and one.late:
        operator = commitment(asked.operator)
        turn.record(EvacuationConfirmed(order=asked.order, operator=operator), asked.operator)
        muster.begin_for(turn, asked.order)


def on_counters_asked(turn: Turn, asked: CountersAsked) -> None:
    """Draw what two people have to sign so that orders count again here."""
    turn.record(
        CountersChallenged(challenge=asked.challenge, operator=commitment(asked.operator)),
        asked.operator,
    )


def settle(turn: Turn, before: Orders) -> None:
    """Bring every portal to what the orders in force call for, ways out first."""
    orders = turn.state.orders
    mode, threat = site_wide(orders)
    was_mode, was_threat = turn.state.mode, turn.state.threat
    if (mode, threat) != (was_mode, was_threat):
        turn.record(
            PostureChanged(mode=mode, threat=threat, was_mode=was_mode, was_threat=was_threat)
        )
    fires.settle_egress(turn)
    fresh = [one for order_id, one in orders.in_force.items() if _is_new(one, before)]
    _turn_away(turn, [one for one in fresh if one.acts])
    settle_marks(turn)
    for one in fresh:
        if one.acts and one.order.kind in POSTURES:
            _shut(turn, one)


def settle_marks(turn: Turn) -> None:
    """Bring every portal's record to what the orders in force call for."""
    for portal_id, portal in list(turn.state.portals.items()):
        shut = shuts(turn.state.orders, turn.policy, portal_id)
        if portal.secured is not shut:
            turn.signal(portal_id, Signal.SECURED if shut else Signal.SECURE_ENDED)


# --- whether it counts --------------------------------------------------------------------------


def _is_told(orders: Orders, order: Order) -> bool:
    """Ends that are known already: whoever hands them on does nothing wrong."""
    return order.kind in ENDED_BY and all(
        order.kind in orders.ended.get(one, ()) for one in order.ends
    )


def _why_not(turn: Turn, offered: OrderOffered) -> str | None:
    orders, order = turn.state.orders, offered.order
    if offered.break_glass in orders.used_codes and offered.break_glass:
        return "this code was used: each opens once"
    reason = _why_not_enough(turn, offered)
    if reason is not None:
        return reason
    if order.kind not in RAISING:
        reason = _why_not_lowered(turn, order)
    return reason or _why_not_fitting(turn, offered)


def _why_not_enough(turn: Turn, offered: OrderOffered) -> str | None:
    """Who gives it. Where the policy names roles, they count."""
    order = offered.order
    # Where something may be missing, so may be that a code was used.
    codes = 1 if offered.break_glass and order.kind is not OrderKind.COUNTERS else 0
    ground = Ground(turn.state.orders, turn.policy, turn.directory, turn.moment)
    signed = Signed(offered.people, offered.signers, offered.sourced, codes)
    return why_not_entitled(ground, order, signed)


def _why_not_lowered(turn: Turn, order: Order) -> str | None:
    """What takes protection away has to be new, and believed here at all."""
    orders, moment = turn.state.orders, turn.moment
    if order.kind is OrderKind.COUNTERS:
        if not orders.challenge or order.challenge != orders.challenge:
            return "it answers no challenge that this edge has drawn last"
        return None
    if orders.quarantined:
        return "what was ordered may be missing here: nothing is lowered until counters are fresh"
    by_s = order.accept_until_s
    if moment.trusted and by_s is not None and moment.utc_s >= by_s:
        return "the time in which it could be given is over"
    return why_not_counted(orders, order, trusted=moment.trusted)


def _why_not_fitting(turn: Turn, offered: OrderOffered) -> str | None:
    """What the kind itself asks for."""
    order, moment = offered.order, turn.moment
    if moment.trusted and order.until_s is not None and order.until_s <= moment.utc_s:
        return "its time is over"
    if order.drill and order.kind in BY_SOURCE:
        return _why_no_drill(turn)
    match order.kind:
        case OrderKind.HOLD:
            return _why_not_held(turn, order)
        case OrderKind.UNLOCK:
            return _why_not_unlocked(turn, order)
        case OrderKind.FIRE_OVERRIDE:
            fire = turn.state.fires.get(order.fire)
            return None if fire is not None and fire.latched else "no such fire is latched"
        case OrderKind.DELEGATE | OrderKind.SUCCEED:
            return why_not_lent(turn, offered)
        case OrderKind.END_DELEGATION:
            return why_not_given_up(turn, order, offered.signers)
        case _:
            return None


def _why_no_drill(turn: Turn) -> str | None:
    """What is real comes first, whichever was there first."""
    if any(fire.latched for fire in turn.state.fires.values()):
        return "there is a fire: no drill now"
    for one in turn.state.orders.in_force.values():
        if one.order.kind in POSTURES and not one.order.drill:
            return f"a real order '{one.order.kind}' is in force: no drill now"
    return None


def _why_not_unlocked(turn: Turn, order: Order) -> str | None:
    """Nothing is opened into a posture or a fire by an order that was made before it. Who names a
    posture knew of it.
    """
    if not turn.moment.trusted:
        return "without a trusted clock nobody knows how long the door would stand open"
    if not turn.state.recorded:
        return "the journal cannot be written"
    for portal_id in order.portals:
        if fires.burns_at(turn, portal_id):
            return f"there is a fire at {portal_id}"
        for one in turn.state.orders.in_force.values():
            known = one.order.id in order.despite
            if one.acts and not known and lies_over(one, turn.policy, portal_id):
                return f"there is a {one.order.kind} at {portal_id} that the order does not name"
    return None


def _why_not_held(turn: Turn, order: Order) -> str | None:
    if not turn.state.recorded:
        return "the journal cannot be written: nobody is held unrecorded"
    for portal_id in order.portals:
        rule = turn.rule(portal_id)
        if rule is not None and rule.may_hold is None:
            return f"{portal_id} has no authority's document that allows to hold it"
        if rule is not None and fires.burns_at(turn, portal_id):
            return f"there is a fire at {portal_id}"
    return None


def _is_late(turn: Turn, order: Order) -> bool:
    """Judged where the clock is trusted: otherwise people who may have to get out come first."""
    if order.kind is not OrderKind.EVACUATE or order.accept_until_s is None:
        return False
    return turn.moment.trusted and turn.moment.utc_s >= order.accept_until_s


def _until_us(turn: Turn, order: Order) -> Micros | None:
    """When it ends by itself, by the clock that nobody sets."""
    longest_us = {
        OrderKind.HOLD: HOLD_US,
        OrderKind.UNLOCK: UNLOCK_US,
    }.get(order.kind, DRILL_US if order.drill or order.kind in LEADERSHIP else None)
    if longest_us is None:
        return None
    if order.until_s is None or not turn.moment.trusted:
        return turn.now_us + longest_us
    for_us = order.until_s * SECOND_US - turn.moment.utc_us
    if order.kind in LEADERSHIP:
        return turn.now_us + for_us
    return turn.now_us + min(for_us, longest_us)


def _refuse(turn: Turn, order: str, kind: str, reason: str, path: str, operator: Personal) -> None:
    turn.record(
        OrderRefused(
            order=clipped(order)[:64],
            order_kind=clipped(kind),
            reason=clipped(reason),
            path=clipped(path),
            operator=commitment(operator),
        ),
        operator,
    )
    since_us = turn.now_us - REFUSALS_WITHIN_US
    refusals = [at_us for at_us in turn.state.orders.refused_us if at_us >= since_us]
    if len(refusals) >= REFUSALS_ALARM:
        turn.record(OrdersSuspected(refusals=len(refusals)))


# --- what it sets in motion ---------------------------------------------------------------------


def _carry_out(turn: Turn, offered: OrderOffered) -> None:
    order = offered.order
    if order.kind in POSTURES and not order.drill:
        end_where(turn, lambda one: one.order.drill, EndCause.REAL)
    if order.kind in POSTURES and (not order.drill or order.moves):
        given = turn.state.orders.in_force[order.id]
        end_where(turn, lambda one: _is_shut_by(turn, one, given), EndCause.POSTURE)
    if order.kind in ENDED_BY:
        end(turn, ended_by(turn.state.orders, order), EndCause.ORDERED, order.id)
    if order.kind is OrderKind.FIRE_OVERRIDE:
        fires.override(turn, order.fire, offered.operator)
    if order.kind is OrderKind.EVACUATE and not turn.state.orders.in_force[order.id].late:
        muster.begin_for(turn, order.id)


def _is_shut_by(turn: Turn, one: InForce, given: InForce) -> bool:
    """Whether an unlocked portal lies where a posture is ordered now."""
    return one.order.kind is OrderKind.UNLOCK and any(
        lies_over(given, turn.policy, portal_id) for portal_id in one.order.portals
    )


def _is_new(one: InForce, before: Orders) -> bool:
    """An order that was not in force, or that did not free anything because it was late."""
    known = before.in_force.get(one.order.id)
    return known is None or known.late is not one.late


def _turn_away(turn: Turn, fresh: list[InForce]) -> None:
    """Whoever is on his way in, where an order has come meanwhile, badges again."""
    for portal_id in list(turn.state.portals):
        reasons = [one for one in fresh if raises_at(one, turn.policy, portal_id)]
        if reasons:
            passages.abandon_entries(turn, f"order {reasons[0].order.kind}", portal_id)
            fires.abort_entry(turn, portal_id)


def _shut(turn: Turn, one: InForce) -> None:
    """Lock what the order covers, also what was locked: its answer is waited for."""
    freed = freed_by(one, turn.policy) if one.frees else frozenset()
    for portal_id in turn.state.portals:
        if portal_id not in freed and covers(one, turn.policy, PortalId(portal_id)):
            fires.secure(turn, portal_id)
