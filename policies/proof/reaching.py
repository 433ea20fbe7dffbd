"""Invariants about who gets where: those that the policy declares, and two that always stand."""

from collections.abc import Callable, Iterable

from policies.compiled import Passage, ZoneKind
from policies.facts import Decision, Mode, Request
from policies.proof.movement import Given, World, usable
from policies.proof.people import Names, strongest
from policies.proof.results import Means, Step, Story
from policies.proof.stories import step_of
from policies.rights import AlwaysRule, NeverRule, Unless

Asked = tuple[str, Passage, Request, Decision]
"""A passage tried: where it leads, and what `decide()` said."""


def never(world: World, rule: NeverRule) -> Story | None:
    """A way by which somebody with one of the roles gets into one of the zones."""
    given = Given(
        consent=Unless.CONSENT not in rule.unless,
        escorted=Unless.ESCORTED not in rule.unless,
        second_person=Unless.SECOND_PERSON not in rule.unless,
    )

    def wrong(step: Step) -> bool:
        presumed = not given.consent and _presumed(world, step)
        return not presumed and _within(world, step.target, rule.reach)

    return _first(world, sorted(rule.roles), given, wrong, _without(given))


def no_consent(world: World) -> Story | None:
    """VCDR art. 22(1): an agent of the host state on premises, without consent at any time."""
    kinds = {zone.id: zone.kind for zone in world.policy.zones}

    def wrong(step: Step) -> bool:
        return kinds[step.target] is not ZoneKind.PUBLIC and not _presumed(world, step)

    agents = sorted(role.id for role in world.policy.roles.values() if role.host_state)
    given = Given(consent=False)
    return _first(world, agents, given, wrong, _without(given))


def no_escort(world: World) -> Story | None:
    """A visitor without an escort where not anybody gets as well, but by fleeing into a refuge."""
    given = Given(escorted=False)
    anybody = world.reached(None, given, world.outside)
    visitors = sorted(role.id for role in world.policy.roles.values() if role.visitor)

    def wrong(step: Step) -> bool:
        return step.target not in anybody and not _flight(world, step)

    return _first(world, visitors, given, wrong, _without(given))


def _flight(world: World, step: Step) -> bool:
    """From inside towards a refuge, in a mode that people flee from."""
    passage = world.policy.passage(step.portal, step.direction)
    return passage is not None and passage.refuge and step.mode in (Mode.LOCKDOWN, Mode.SHELTER)


def _without(given: Given) -> str:
    """What the person of the story never has."""
    said = (
        ("recorded consent", given.consent),
        ("an escort", given.escorted),
        ("a second person", given.second_person),
    )
    missing = [what for what, there in said if not there]
    return f" without {' and '.join(missing)}" if missing else ""


def _first(
    world: World,
    roles: Iterable[str],
    given: Given,
    wrong: Callable[[Step], bool],
    without: str,
) -> Story | None:
    """The shortest way of the first of these roles that has one, with as few others as it takes."""
    found: tuple[tuple[Step, ...], Names, str] | None = None
    for role in roles:
        for names in strongest(world.policy, role):
            steps = world.shortest(names, given, world.outside, wrong)
            if steps is not None and (found is None or len(steps) < len(found[0])):
                found = steps, names, role
    if found is None:
        return None
    steps, names, role = found
    for other in names:
        fewer = tuple(name for name in names if name != other)
        shorter = None if other == role else world.shortest(fewer, given, world.outside, wrong)
        if shorter is not None:
            steps, names = shorter, fewer
    end = f"somebody who is {' and '.join(names)} gets into '{steps[-1].target}'{without}"
    return Story(roles=names, steps=steps, end=end)


def _within(world: World, zone: str, reach: frozenset[str]) -> bool:
    """Whether the zone is one of these or lies inside one."""
    return not reach.isdisjoint(world.policy.zones_by_id[zone].lineage)


def _presumed(world: World, step: Step) -> bool:
    """VCCR art. 31(2): consent may be presumed in a fire, for consular premises. Who came in so may
    leave again at any time, through whatever lies on his way out."""
    portal = world.policy.portals_by_id[step.portal]
    presumed = step.fire and world.policy.zones_by_id[step.target].consent_presumed_in_fire
    return presumed or step.direction is portal.way_out


# --- what must always be possible ----------------------------------------------------------------


def always(world: World, rule: AlwaysRule) -> Story | None:
    """A posture in which somebody with one of the roles has no way from one zone into another."""
    for role in sorted(rule.roles):
        for mode in (mode for mode in Mode if mode in rule.modes):
            for threat in range(1, rule.threat_max + 1):
                for zone in sorted(rule.sources):
                    story = stuck(world, (role,), zone, rule.reach, mode, threat)
                    if story is not None:
                        return story
    return None


def stuck(
    world: World, names: Names, source: str, reach: frozenset[str], mode: Mode, threat: int
) -> Story | None:
    """How somebody in good standing is kept from all of `reach`; None where he gets there."""
    reached: dict[str, tuple[Asked, ...]] = {source: ()}
    refused: list[tuple[Asked, ...]] = []
    queue = [source]
    for zone in queue:
        if zone in reach:
            return None
        for key, passage in world.from_zone.get(zone, ()):
            target = passage.target.id
            if target in reached or not usable(passage):
                continue
            request = world.adverse(key, names, mode, threat)
            decision = world.decide(request)
            way = (*reached[zone], (target, passage, request, decision))
            if decision.granted:
                reached[target] = way
                queue.append(target)
            else:
                refused.append(way)
    blocked = [way for way in refused if way[-1][0] not in reached]
    nearest = min(
        blocked, key=lambda way: (_distance(world, way[-1][0], reach), len(way)), default=()
    )
    steps = tuple(
        step_of(world.policy, passage, request, decision, Means.BADGE)
        for _, passage, request, decision in nearest
    )
    wanted = " or ".join(f"'{zone}'" for zone in sorted(reach))
    return Story(roles=names, steps=steps, end=f"no way leads from '{source}' into {wanted}")


def _distance(world: World, source: str, reach: frozenset[str]) -> int:
    """Passages from there into one of the zones, were all of them granted."""
    distances = {source: 0}
    queue = [source]
    for zone in queue:
        if zone in reach:
            return distances[zone]
        for _, passage in world.from_zone.get(zone, ()):
            target = passage.target.id
            if target not in distances:
                distances[target] = distances[zone] + 1
                queue.append(target)
    return len(world.policy.zones)
