"""What the orders in force make of each passage: mode, threat level, and what shuts it.

Posture is derived from the set of orders, so that it cannot depend on the way in which they came.
Several at once are all in force: whoever enters has to overcome each of them.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from controller.ids import PortalId
from controller.orders import Cover, InForce, Orders
from policies.compiled import CompiledPolicy, OnFire, Passage, ZoneKind, ZoneRule
from policies.facts import Mode
from policies.rights import OrderKind

MODES: dict[OrderKind, Mode] = {
    OrderKind.EVACUATE: Mode.EVACUATE,
    OrderKind.LOCKDOWN: Mode.LOCKDOWN,
    OrderKind.SHELTER: Mode.SHELTER,
}
"""The strongest first."""


WAYS_REMEMBERED = 8
"""Sets of zones whose ways out are remembered. Each is asked for at every portal and every badge in
an evacuation, and takes milliseconds where there are hundreds.
"""


class Here(NamedTuple):
    """What is in force for one passage. `shut_by` as in `Request`; unset in calm times."""

    mode: Mode
    threat: int
    shut_by: tuple[Mode, ...] | UnsetType


CALM = Here(Mode.NORMAL, 1, UNSET)


def here(orders: Orders, policy: CompiledPolicy, passage: Passage) -> Here:
    """What is in force for one passage. On the way out an evacuation alone counts; everything
    else is told of it and keeps nobody in.
    """
    acting = [one for one in orders.in_force.values() if one.acts]
    if not acting:
        return CALM
    threat = _threat(acting, passage.judged)
    if passage.way_out:
        return Here(_mode_out(acting, policy, passage), threat, UNSET)
    if not any(one.order.kind in MODES for one in acting):
        return Here(Mode.NORMAL, threat, UNSET)
    shut_by = tuple(mode for mode in MODES.values() if mode in set(_shutting(acting, passage)))
    return Here(_mode_in(acting, passage, shut_by), threat, shut_by)


def site_wide(orders: Orders) -> tuple[Mode, int]:
    """The strongest mode and the highest level that is ordered for the whole site."""
    whole = [one for one in orders.in_force.values() if one.acts and not one.order.zones]
    kinds = {one.order.kind for one in whole}
    mode = next((mode for kind, mode in MODES.items() if kind in kinds), Mode.NORMAL)
    return mode, max((one.order.level or 1 for one in whole), default=1)


def shuts(orders: Orders, policy: CompiledPolicy, portal_id: PortalId) -> bool:
    """Whether the orders in force deny the way in through this portal."""
    passage = way_in(policy, portal_id)
    return passage is not None and bool(here(orders, policy, passage).shut_by)


def covers(one: InForce, policy: CompiledPolicy, portal_id: PortalId) -> bool:
    """Whether this order, by itself, shuts or frees the portal: whose answer is waited for."""
    passage = way_in(policy, portal_id)
    if passage is None:
        return False
    if one.order.kind in {OrderKind.UNLOCK, OrderKind.HOLD}:
        return portal_id in one.order.portals
    if one.order.kind is OrderKind.EVACUATE and portal_id in freed_by(one, policy):
        return True
    return any(True for _ in _shutting([one], passage))


def lies_over(one: InForce, policy: CompiledPolicy, portal_id: PortalId) -> bool:
    """Whether this posture is about either side of the portal, or frees it; what stands open to
    anybody there does so no longer, also where badges go on to open it.
    """
    rule = policy.portal(portal_id)
    if rule is None or one.order.kind not in MODES:
        return False
    sides = (policy.zones_by_id[rule.outer], policy.zones_by_id[rule.inner])
    return any(in_scope(one, side) for side in sides) or covers(one, policy, portal_id)


def raises_at(one: InForce, policy: CompiledPolicy, portal_id: PortalId) -> bool:
    """Whether this order asks for more of whoever wants in through the portal."""
    passage = way_in(policy, portal_id)
    if passage is None:
        return False
    if one.order.kind in {OrderKind.RAISE, OrderKind.SHELTER}:  # other rules inside as well
        return in_scope(one, passage.target)
    return one.order.kind in MODES and covers(one, policy, portal_id)


def evacuates(orders: Orders, policy: CompiledPolicy, portal_id: PortalId) -> bool:
    """Whether people leave through this portal because of an evacuation."""
    rule = policy.portal(portal_id)
    passage = None if rule is None else policy.passage(portal_id, rule.way_out)
    return passage is not None and here(orders, policy, passage).mode is Mode.EVACUATE


def frees(orders: Orders, policy: CompiledPolicy, portal_id: PortalId) -> bool:
    """Whether an evacuation wants this portal's lock released; a late one frees nothing yet."""
    return any(one.frees and portal_id in freed_by(one, policy) for one in orders.in_force.values())


def freed_by(one: InForce, policy: CompiledPolicy) -> frozenset[str]:
    """Every portal with a lock to release that people from the order's zones may have to pass."""
    return _released_from(policy, one.order.zones)


def held(orders: Orders, portal_id: PortalId) -> bool:
    """Whether a hold-egress is in force at this portal."""
    return _is_named(orders, OrderKind.HOLD, portal_id)


def unlocked(orders: Orders, portal_id: PortalId) -> bool:
    """Whether somebody has ordered that this portal stands open."""
    return _is_named(orders, OrderKind.UNLOCK, portal_id)


def _is_named(orders: Orders, kind: OrderKind, portal_id: PortalId) -> bool:
    return any(
        one.order.kind is kind and portal_id in one.order.portals
        for one in orders.in_force.values()
    )


def in_scope(one: InForce, zone: ZoneRule) -> bool:
    """Whether the order is about this zone; without zones it is about all that is not public."""
    return _is_within(zone, one.order.zones)


def _is_within(zone: ZoneRule, zones: tuple[str, ...]) -> bool:
    if not zones:
        return zone.kind is not ZoneKind.PUBLIC
    return any(around in zones for around in zone.lineage)


def way_in(policy: CompiledPolicy, portal_id: PortalId) -> Passage | None:
    """Through the portal, where the policy has it."""
    rule = policy.portal(portal_id)
    return None if rule is None else policy.passage(portal_id, rule.way_in)


def _threat(acting: Iterable[InForce], zone: ZoneRule) -> int:
    raised = (one for one in acting if one.order.kind is OrderKind.RAISE and in_scope(one, zone))
    return max((one.order.level or 1 for one in raised), default=1)


def _shutting(acting: Iterable[InForce], passage: Passage) -> Iterator[Mode]:
    """Modes that shut this way in: from outside into their zones, or, where they say so, in them.

    Shelter lets people move inside, and so does a lockdown of the perimeter.
    """
    for one in acting:
        mode = MODES.get(one.order.kind)
        if mode is None or not in_scope(one, passage.target):
            continue
        inside = in_scope(one, passage.source)
        full = mode is Mode.EVACUATE or (mode is Mode.LOCKDOWN and one.order.cover is Cover.FULL)
        if full or not inside:
            yield mode


def _mode_in(acting: Iterable[InForce], passage: Passage, shut_by: tuple[Mode, ...]) -> Mode:
    """What shuts comes before what does not. People flee into a refuge from anywhere."""
    if shut_by:
        return shut_by[0]
    kinds = {one.order.kind for one in acting if passage.refuge or in_scope(one, passage.target)}
    # Where both are in force a door inside is what shelter makes of it: that asks for more.
    for kind in (OrderKind.SHELTER, OrderKind.LOCKDOWN):
        if kind in kinds:
            return MODES[kind]
    return Mode.NORMAL


def _mode_out(acting: Iterable[InForce], policy: CompiledPolicy, passage: Passage) -> Mode:
    for one in acting:
        if one.frees and passage.portal.id in _on_the_way_out(policy, one.order.zones):
            return Mode.EVACUATE
    kinds = {one.order.kind for one in acting if in_scope(one, passage.source)}
    for kind in (OrderKind.LOCKDOWN, OrderKind.SHELTER):
        if kind in kinds:
            return MODES[kind]
    return Mode.NORMAL


@lru_cache(maxsize=WAYS_REMEMBERED)
def _on_the_way_out(policy: CompiledPolicy, zones: tuple[str, ...]) -> dict[str, Passage]:
    """By portal, every way out that people from these zones may take, through further zones as
    well.
    """
    ways = [passage for passage in policy.passages.values() if passage.way_out]
    reached = {zone.id for zone in policy.zones if _is_within(zone, zones)}
    found: dict[str, Passage] = {}
    growing = True
    while growing:
        growing = False
        for passage in ways:
            if passage.source.id in reached and passage.portal.id not in found:
                found[passage.portal.id] = passage
                growing = True
                if passage.target.kind is not ZoneKind.PUBLIC:
                    reached.add(passage.target.id)
    return found


@lru_cache(maxsize=WAYS_REMEMBERED)
def _released_from(policy: CompiledPolicy, zones: tuple[str, ...]) -> frozenset[str]:
    """Of the portals on these ways those whose lock has to be released."""
    ways = _on_the_way_out(policy, zones).values()
    return frozenset(way.portal.id for way in ways if way.portal.on_fire is OnFire.RELEASE)
