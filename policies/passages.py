"""Every passage of a policy with all that concerns it, looked up once when the policy is loaded."""

from collections.abc import Mapping

from policies.compiled import ExitKind, Passage, PortalRule, ZoneKind, ZoneRule
from policies.factors import Profile
from policies.facts import Direction
from policies.profiles import ASKS_NOTHING
from policies.rights import DenyRule, GrantRule
from policies.rule_sets import RuleSet, by_name, in_order, naming


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
    both are many. Most passages into a zone have the same ones."""

    def __init__(self, grants: tuple[GrantRule, ...], denies: tuple[DenyRule, ...]) -> None:
        self._grants, self._denies = grants, denies
        self._granted: dict[RuleSet, tuple[GrantRule, ...]] = {}
        self._into = by_name(grant.zones for grant in grants)
        self._through = by_name(grant.portals for grant in grants)
        self._denied = by_name(deny.zones for deny in denies)

    def grants(self, portal: PortalRule, zone: ZoneRule) -> RuleSet:
        """A grant names zones or portals, never both."""
        return self._into.get(zone.id, 0) | self._through.get(portal.id, 0)

    def denies(self, zone: ZoneRule) -> RuleSet:
        """Those of the zone and of the zones around it."""
        return naming(self._denied, zone.lineage)

    def listed(self, grants: RuleSet) -> tuple[GrantRule, ...]:
        """In the order of the file."""
        if grants not in self._granted:
            found = tuple(self._grants[position] for position in in_order(grants))
            self._granted[grants] = found
        return self._granted[grants]

    def denials(self, denies: RuleSet) -> tuple[DenyRule, ...]:
        """In the order of the file."""
        return tuple(self._denies[position] for position in in_order(denies))


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
    grants, denies = rules.grants(portal, judged), rules.denies(judged)
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
        grants=rules.listed(grants),
        denies=rules.denials(denies),
        grants_set=grants,
        denies_set=denies,
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
