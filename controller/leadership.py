"""Who acts for whom: delegations, and deputies who step in for somebody who cannot be reached.

Each is a signed order with an end. Acting lends a role for signing orders and nothing else: no door
opens by it.
"""

from collections.abc import Collection

from controller.company import in_good_standing
from controller.ids import HolderId
from controller.inputs import OrderOffered
from controller.moment import Moment
from controller.orders import LEADERSHIP, InForce, Orders
from controller.turn import Turn
from policies.compiled import CompiledPolicy
from policies.rights import OrderKind

SUCCEED_S_MAX = 72 * 3600
"""Until then somebody can come who names a chief."""
DELEGATE_S_MAX = 92 * 24 * 3600
"""A quarter: a leave, a mission; who is away for longer has a successor."""


def lent_to(
    orders: Orders,
    policy: CompiledPolicy,
    signers: Collection[HolderId | None],
    kind: OrderKind,
    zones: frozenset[str],
    moment: Moment,
) -> dict[HolderId, frozenset[str]]:
    """The roles that these people have for an order of this kind, about these zones (none: the
    whole site), because they act for somebody.
    """
    lent: dict[HolderId, frozenset[str]] = {}
    for one in orders.in_force.values():
        who = one.order.holder
        if who is None or who not in signers or one.order.kind not in LEADERSHIP:
            continue
        if _holds(one, moment) and _is_about(one, policy, kind, zones):
            lent[who] = lent.get(who, frozenset()) | {one.order.role}
    return lent


def why_not_lent(turn: Turn, offered: OrderOffered) -> str | None:
    """Why nobody acts by this order; None where somebody does."""
    order, moment = offered.order, turn.moment
    if order.role not in turn.policy.roles:
        return f"the policy has no role '{order.role}'"
    if order.holder is None or order.holder not in turn.directory.holders:
        return "nobody knows the person who is to act"
    longest_s = SUCCEED_S_MAX if order.kind is OrderKind.SUCCEED else DELEGATE_S_MAX
    if moment.trusted and (order.until_s or 0) > moment.utc_s + longest_s:
        return f"it holds for {longest_s // 3600} hours at most"
    if order.kind is OrderKind.SUCCEED:
        return _why_no_deputy(turn, offered)
    if any(order.role in _roles(turn, who) for who in offered.signers):
        return None
    return f"nobody who has the role '{order.role}' himself has signed it"


def _why_no_deputy(turn: Turn, offered: OrderOffered) -> str | None:
    """A deputy steps in by himself, and says of everybody before him that he cannot be reached."""
    order = offered.order
    rule = turn.policy.successions.get(order.role)
    deputies = () if rule is None else rule.deputies
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
    """Of somebody on file and in good standing."""
    holder = None if who is None else turn.directory.holders.get(who)
    if holder is None or not in_good_standing(turn.policy, holder.facts, turn.moment):
        return frozenset()
    return frozenset(holder.facts.roles)


def _holds(one: InForce, moment: Moment) -> bool:
    """By the wall where a clock is trusted; otherwise as long as this edge has counted since."""
    if moment.trusted and one.order.until_s is not None:
        return moment.utc_s < one.order.until_s
    return one.until_us is not None and moment.mono_us < one.until_us


def _is_about(one: InForce, policy: CompiledPolicy, kind: OrderKind, zones: frozenset[str]) -> bool:
    if one.order.kinds and kind not in one.order.kinds:
        return False
    if not one.order.zones:
        return True
    return bool(zones) and all(_is_within(policy, zone, one.order.zones) for zone in zones)


def _is_within(policy: CompiledPolicy, zone: str, scope: tuple[str, ...]) -> bool:
    rule = policy.zones_by_id.get(zone)
    return rule is not None and any(around in scope for around in rule.lineage)
