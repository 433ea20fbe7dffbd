"""Who acts for whom: delegations, and deputies who step in for somebody who cannot be reached.

Each is a signed order with an end. Acting lends a role for signing orders and nothing else: no door
opens by it, and nobody lends it on.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from controller.company import in_good_standing
from controller.holders import Directory
from controller.ids import HolderId, OrderId
from controller.inputs import OrderOffered
from controller.moment import Moment
from controller.orders import LEADERSHIP, InForce, Order, Orders, in_order
from controller.turn import Turn
from policies.compiled import CompiledPolicy
from policies.facts import UtcSeconds
from policies.rights import OrderKind

SUCCEED_S_MAX = 72 * 3600
"""Until then somebody can come who names a chief."""
DELEGATE_S_MAX = 92 * 24 * 3600
"""A quarter: a leave, a mission; who is away for longer has a successor."""
SET_BACK_S = 24 * 3600
"""So far a clock may be set back without ending what was given by it."""


_HIS_OWN = LEADERSHIP | {OrderKind.END_DELEGATION}
"""What nobody gives by a role that was lent to him."""


class Acting(NamedTuple):
    """Somebody who acts for `role`: by which order and entry, for which kinds of orders (none: all)
    and zones (none: the whole site), until when by the wall. `unreachable`: the roles of which he
    has said so; none: it was given to him.
    """

    role: str
    holder: HolderId
    order: OrderId
    seq: int
    until_s: UtcSeconds
    kinds: tuple[OrderKind, ...]
    zones: tuple[str, ...]
    unreachable: tuple[str, ...]


def who_acts(
    orders: Orders, policy: CompiledPolicy, directory: Directory, moment: Moment
) -> list[Acting]:
    """Who acts for whom now, as it was given. Whoever is not in good standing acts for nobody."""
    return [
        Acting(
            role=one.order.role,
            holder=one.order.holder,
            order=one.order.id,
            seq=one.seq,
            until_s=one.order.until_s,
            kinds=one.order.kinds,
            zones=one.order.zones,
            unreachable=one.order.unreachable,
        )
        for one in in_order(orders.in_force.values())
        if one.order.holder is not None
        and one.order.until_s is not None
        and _acts(one, policy, directory, moment)
    ]


def lent_to(
    orders: Orders,
    policy: CompiledPolicy,
    directory: Directory,
    signers: Collection[HolderId | None],
    kind: OrderKind,
    zones: frozenset[str],
    moment: Moment,
) -> dict[HolderId, frozenset[str]]:
    """The roles that these people have for an order of this kind, about these zones (none: the
    whole site), because they act for somebody.
    """
    lent: dict[HolderId, frozenset[str]] = {}
    if kind in _HIS_OWN:
        return lent
    for one in orders.in_force.values():
        who = one.order.holder
        if who is None or who not in signers or not _acts(one, policy, directory, moment):
            continue
        if _is_about(one, policy, kind, zones):
            lent[who] = lent.get(who, frozenset()) | {one.order.role}
    return lent


def why_not_lent(turn: Turn, offered: OrderOffered) -> str | None:
    """Why nobody acts by this order; None where somebody does."""
    order, moment = offered.order, turn.moment
    if order.role not in turn.policy.roles:
        return f"the policy has no role '{order.role}'"
    holder = None if order.holder is None else turn.directory.holders.get(order.holder)
    if holder is None:
        return "nobody knows the person who is to act"
    if turn.policy.standing(holder.facts.roles).host_state:
        return "an agent of the host state acts for nobody here"
    if order.until_s is None:
        return "it does not say until when"
    longest_s = _longest_s(order)
    if moment.trusted and order.until_s > moment.utc_s + longest_s:
        return f"it holds for {longest_s // 3600} hours at most"
    if order.kind is OrderKind.SUCCEED:
        return _why_no_deputy(turn, offered)
    if any(order.role in _roles(turn, who) for who in offered.signers):
        return None
    return f"nobody who has the role '{order.role}' himself has signed it"


def why_not_given_up(turn: Turn, order: Order, signers: Collection[HolderId | None]) -> str | None:
    """Why these people cannot end what they name; None where they can. Whoever has the role himself
    takes it back, whoever acts gives it up, and nobody else has a say in it.
    """
    for given in order.ends:
        if OrderKind.END_DELEGATION in turn.state.orders.ended.get(given, ()):
            continue
        one = turn.state.orders.in_force.get(given)
        if one is None or one.order.kind not in LEADERSHIP:
            return "it ends nothing that is in force here: give the order first that it ends"
        acting = one.order.holder in signers and _may_sign(turn, one.order.holder)
        if not acting and not any(one.order.role in _roles(turn, who) for who in signers):
            return (
                f"neither whoever has the role '{one.order.role}' himself "
                "nor whoever acts for it has signed it"
            )
    return None


def acting_until_s(orders: Orders) -> Iterator[UtcSeconds]:
    """When those who act for others do so no more, by the wall."""
    for one in orders.in_force.values():
        if one.order.kind in LEADERSHIP and one.order.until_s is not None:
            yield one.order.until_s


def time_is_over(one: InForce, moment: Moment) -> bool:
    """Whether its time has come: by the wall, or by what this edge has counted since. By a clock
    that is trusted an end is never further away than it could be when the order was given: one that
    was given while nobody knew the time may say any year.
    """
    if one.until_us is not None and one.until_us <= moment.mono_us:
        return True
    if not moment.trusted or one.order.until_s is None:
        return False
    latest_s = moment.utc_s + _longest_s(one.order) + SET_BACK_S
    return not moment.utc_s < one.order.until_s <= latest_s


def _longest_s(order: Order) -> int:
    return SUCCEED_S_MAX if order.kind is OrderKind.SUCCEED else DELEGATE_S_MAX


def _why_no_deputy(turn: Turn, offered: OrderOffered) -> str | None:
    """A deputy steps in by himself, and says of everybody before him that he cannot be reached."""
    order = offered.order
    deputies = _deputies(turn.policy, order.role)
    if order.holder not in offered.signers:
        return "who is to act has not signed it himself"
    own = _roles(turn, order.holder)
    place = next((number for number, role in enumerate(deputies) if role in own), None)
    if place is None:
        return f"the person is no deputy of '{order.role}'"
    before = {order.role, *deputies[:place]} - set(order.unreachable)
    if before:
        return f"it does not say that these cannot be reached: {', '.join(sorted(before))}"
    return None


def _roles(turn: Turn, who: HolderId | None) -> frozenset[str]:
    """His own, where he may sign."""
    if who is None or not _may_sign(turn, who):
        return frozenset()
    return frozenset(turn.directory.holders[who].facts.roles)


def _may_sign(turn: Turn, who: HolderId | None) -> bool:
    """Whether he is on file and in good standing."""
    holder = None if who is None else turn.directory.holders.get(who)
    return holder is not None and in_good_standing(turn.policy, holder.facts, turn.moment)


def _deputies(policy: CompiledPolicy, role: str) -> tuple[str, ...]:
    rule = policy.successions.get(role)
    return () if rule is None else rule.deputies


def _acts(one: InForce, policy: CompiledPolicy, directory: Directory, moment: Moment) -> bool:
    """Whether somebody acts by this order now: it holds, he is who he was, and may sign at all."""
    order = one.order
    holder = None if order.holder is None else directory.holders.get(order.holder)
    if holder is None or order.kind not in LEADERSHIP or not _holds(one, moment):
        return False
    if policy.standing(holder.facts.roles).host_state:
        return False
    deputies = _deputies(policy, order.role)
    if order.kind is OrderKind.SUCCEED and not set(deputies) & set(holder.facts.roles):
        return False
    return in_good_standing(policy, holder.facts, moment)


def _holds(one: InForce, moment: Moment) -> bool:
    """Without a clock that somebody vouches for it holds as long as this edge has counted itself,
    which ends with a restart.
    """
    return not time_is_over(one, moment) and (moment.trusted or one.until_us is not None)


def _is_about(one: InForce, policy: CompiledPolicy, kind: OrderKind, zones: frozenset[str]) -> bool:
    if one.order.kinds and kind not in one.order.kinds:
        return False
    if not one.order.zones:
        return True
    return bool(zones) and all(_is_within(policy, zone, one.order.zones) for zone in zones)


def _is_within(policy: CompiledPolicy, zone: str, scope: tuple[str, ...]) -> bool:
    rule = policy.zones_by_id.get(zone)
    return rule is not None and any(around in scope for around in rule.lineage)
