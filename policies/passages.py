"""Every passage of a policy with all that concerns it, looked up once when the policy is loaded."""

from collections.abc import Mapping

from policies.compiled import (
    DenyRule,
    ExitKind,
    GrantRule,
    Passage,
    PortalRule,
    Profile,
    ZoneKind,
    ZoneRule,
)
from policies.facts import Direction
from policies.profiles import ASKS_NOTHING


def passages_of(
    zones: tuple[ZoneRule, ...],
    portals: tuple[PortalRule, ...],
    factors: Mapping[str, tuple[Profile, Profile]],
    grants: tuple[GrantRule, ...],
    denies: tuple[DenyRule, ...],
) -> dict[tuple[str, Direction], Passage]:
    """Both directions of every portal; `factors` per portal: on top of the zone, on the way out."""
    by_id = {zone.id: zone for zone in zones}
    return {
        (portal.id, direction): _passage(
            portal, direction, by_id, factors[portal.id], grants, denies
        )
        for portal in portals
        for direction in Direction
    }


def _passage(
    portal: PortalRule,
    direction: Direction,
    zones: Mapping[str, ZoneRule],
    factors: tuple[Profile, Profile],
    grants: tuple[GrantRule, ...],
    denies: tuple[DenyRule, ...],
) -> Passage:
    way_out = direction is portal.way_out
    entering = direction is Direction.ENTRY
    source = zones[portal.outer if entering else portal.inner]
    target = zones[portal.inner if entering else portal.outer]
    judged = source if way_out else target
    on_top, on_exit = factors
    if not way_out:
        needed = judged.factors.both(on_top)
    elif portal.exit is ExitKind.READER:
        needed = on_exit
    else:
        needed = ASKS_NOTHING
    around = source.lineage
    entered = tuple(zones[zone] for zone in judged.lineage if zone not in around)
    return Passage(
        portal=portal,
        way_out=way_out,
        source=source,
        target=target,
        judged=judged,
        entered=entered,
        limited=any(_is_limited(zone) for zone in entered),
        factors=needed,
        grants=tuple(g for g in grants if judged.id in g.zones or portal.id in g.portals),
        denies=tuple(d for d in denies if d.zones.intersection(judged.lineage)),
        refuge=not way_out and _towards_refuge(portal, source, target),
        memo={},
    )


def _is_limited(zone: ZoneRule) -> bool:
    """Whether entering depends on who is where, who comes along, or what was done before."""
    return bool(
        zone.occupancy
        or zone.passback
        or zone.screening
        or zone.two_person
        or zone.first_person
        or zone.knowledge_max_s is not None
    )


def _towards_refuge(portal: PortalRule, source: ZoneRule, target: ZoneRule) -> bool:
    """Whether the passage leads from inside into a refuge, or along a declared route to one."""
    if source.kind is ZoneKind.PUBLIC:
        return False
    return target.kind is ZoneKind.REFUGE or portal.refuge_route
