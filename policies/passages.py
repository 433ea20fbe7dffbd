"""Every passage of a policy with all that concerns it, looked up once when the policy is loaded."""

from collections.abc import Iterable, Mapping

from policies.compiled import ExitKind, Passage, PortalRule, ZoneKind, ZoneRule
from policies.factors import Profile
from policies.facts import Direction
from policies.profiles import ASKS_NOTHING
from policies.rights import DenyRule, GrantRule


def passages_of(
    zones: tuple[ZoneRule, ...],
    portals: tuple[PortalRule, ...],
    factors: Mapping[str, tuple[Profile, Profile]],
    grants: tuple[GrantRule, ...],
    denies: tuple[DenyRule, ...],
) -> dict[tuple[str, Direction], Passage]:
    """Both directions of every portal; `factors` per portal: on top of the zone, on the way out."""
    by_id = {zone.id: zone for zone in zones}
    rules = _Rules(grants, denies)
    return {
        (portal.id, direction): _passage(portal, direction, by_id, factors[portal.id], rules)
        for portal in portals
        for direction in Direction
    }


class _Rules:
    """The rules by the place they name: looking through all for each passage takes seconds where
    both are many."""

    def __init__(self, grants: tuple[GrantRule, ...], denies: tuple[DenyRule, ...]) -> None:
        self._grants, self._denies = grants, denies
        self._into = _positions(grant.zones for grant in grants)
        self._through = _positions(grant.portals for grant in grants)
        self._denied = _positions(deny.zones for deny in denies)

    def grants(self, portal: PortalRule, zone: ZoneRule) -> tuple[GrantRule, ...]:
        """In the order of the file; a grant names zones or portals, never both."""
        found = sorted((*self._into.get(zone.id, ()), *self._through.get(portal.id, ())))
        return tuple(self._grants[position] for position in found)

    def denies(self, zone: ZoneRule) -> tuple[DenyRule, ...]:
        """Those of the zone and of the zones around it, in the order of the file."""
        found = {position for name in zone.lineage for position in self._denied.get(name, ())}
        return tuple(self._denies[position] for position in sorted(found))


def _positions(named: Iterable[frozenset[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, names in enumerate(named):
        for name in names:
            found.setdefault(name, []).append(position)
    return found


def _passage(
    portal: PortalRule,
    direction: Direction,
    zones: Mapping[str, ZoneRule],
    factors: tuple[Profile, Profile],
    rules: _Rules,
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
        first_person=any(zone.first_person for zone in entered),
        factors=needed,
        grants=rules.grants(portal, judged),
        denies=rules.denies(judged),
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
