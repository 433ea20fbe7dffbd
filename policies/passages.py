"""Every passage of a policy with all that concerns it, looked up once when the policy is loaded."""

from collections.abc import Mapping

from policies.compiled import (
    LEVELS,
    DenyRule,
    ExitKind,
    GrantRule,
    Passage,
    PortalRule,
    ZoneKind,
    ZoneRule,
)
from policies.factors import ANYTHING
from policies.facts import Direction

Factors = tuple[int, ...]


def passages_of(
    zones: tuple[ZoneRule, ...],
    portals: tuple[PortalRule, ...],
    factors: Mapping[str, tuple[Factors, Factors]],
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
    factors: tuple[Factors, Factors],
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
        needed = tuple(zone & more for zone, more in zip(judged.factors, on_top, strict=True))
    elif portal.exit is ExitKind.READER:
        needed = on_exit
    else:
        needed = (ANYTHING,) * LEVELS
    return Passage(
        portal=portal,
        way_out=way_out,
        source=source,
        judged=judged,
        factors=needed,
        grants=tuple(g for g in grants if judged.id in g.zones or portal.id in g.portals),
        denies=tuple(d for d in denies if d.zones.intersection(judged.lineage)),
        refuge=not way_out and _towards_refuge(portal, source, target),
    )


def _towards_refuge(portal: PortalRule, source: ZoneRule, target: ZoneRule) -> bool:
    """Whether the passage leads from inside into a refuge, or along a declared route to one."""
    if source.kind is ZoneKind.PUBLIC:
        return False
    return target.kind is ZoneKind.REFUGE or portal.refuge_route
