"""Who may give an order: so many people as it takes, each with a role for it where the policy says
so. Somebody who acts for another counts as him.
"""

from collections.abc import Collection
from typing import NamedTuple

from controller.holders import Directory
from controller.ids import HolderId
from controller.leadership import lent_to
from controller.moment import Moment
from controller.orders import BY_SOURCE, RAISING, Order, Orders
from controller.signers import why_not_enough
from policies.compiled import CompiledPolicy
from policies.rights import TWO_PEOPLE, OrderKind, OrderRule


class Signed(NamedTuple):
    """`people` have signed an order. `signers`: for each of them, under which id he is on file,
    where he is. `sourced`: an edge's own key has, for a switch, or for whoever `signers` names.
    `codes`: one-time codes that stand for people.
    """

    people: int
    signers: tuple[HolderId | None, ...]
    sourced: bool = False
    codes: int = 0


class Ground(NamedTuple):
    """By what it is judged: all of the same moment."""

    orders: Orders
    policy: CompiledPolicy
    directory: Directory
    moment: Moment


def why_not_entitled(ground: Ground, order: Order, signed: Signed) -> str | None:
    """Why these people do not give this order; None where they do."""
    if signed.sourced and order.kind not in RAISING:
        return f"no switch and no edge gives an order '{order.kind}': people sign it"
    if signed.sourced and not signed.signers:
        return None
    rule = rule_of(ground.policy, order)
    if rule is None and (signed.sourced or order.kind is OrderKind.SUCCEED):
        return None  # of a succession `why_not_lent` looks at who steps in
    if rule is None:
        needs = people_needed(ground.policy, order)
        if signed.people and signed.people + signed.codes >= needs:
            return None
        return f"{signed.people} of {needs} people have signed it"
    return _why_not_by(rule, ground, order, signed)


def why_not_her(ground: Ground, order: Order, who: HolderId | None) -> str | None:
    """Why her signature does not count towards this order, however many others it takes."""
    rule = rule_of(ground.policy, order)
    if rule is None:
        return None
    alone = OrderRule(kind=rule.kind, line=rule.line, roles=rule.roles, people=1)
    return _why_not_by(alone, ground, order, Signed(1, (who,)))


def people_needed(policy: CompiledPolicy, order: Order) -> int:
    """How many have to sign it."""
    rule = rule_of(policy, order)
    if rule is not None:
        return rule.people
    return 2 if order.kind in TWO_PEOPLE else 1


def rule_of(policy: CompiledPolicy, order: Order) -> OrderRule | None:
    """What the policy says of its kind. A drill is what could be real; nothing that takes
    protection away is one.
    """
    kind = OrderKind.DRILL if order.drill and order.kind in BY_SOURCE else order.kind
    return policy.orders.get(kind)


def zones_of(orders: Orders, policy: CompiledPolicy, order: Order) -> frozenset[str]:
    """The zones that an order is about; none: the whole site. An end is about those of what it
    ends, a portal about both of its sides.
    """
    ended = [orders.in_force.get(one) for one in order.ends]
    about = [order, *(one.order for one in ended if one is not None)]
    if order.ends and (None in ended or any(not (one.zones or one.portals) for one in about[1:])):
        return frozenset()
    portals: Collection[str] = [portal for one in about for portal in one.portals]
    rules = [rule for rule in map(policy.portal, portals) if rule is not None]
    sides = {side for rule in rules for side in (rule.outer, rule.inner)}
    return frozenset(zone for one in about for zone in one.zones) | sides


def _why_not_by(rule: OrderRule, ground: Ground, order: Order, signed: Signed) -> str | None:
    orders, policy, directory, moment = ground
    zones = zones_of(orders, policy, order)
    lent = lent_to(orders, policy, directory, signed.signers, rule.kind, zones, moment)
    codes = signed.codes
    return why_not_enough(policy, rule, signed.signers, directory, moment, lent=lent, codes=codes)
