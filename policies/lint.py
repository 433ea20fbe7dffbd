"""`lint()`: what a policy says and nobody can have meant. Nothing here keeps a policy from use."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from policies.codes import Code
from policies.compiled import LEVELS, CompiledPolicy, ExitKind, Passage, PortalRule
from policies.document import Place
from policies.factors import minimal_sets, suffices
from policies.facts import Assurance, Decision, Direction, Mode, Presented, Request
from policies.lint_alarms import remarks, roles_named
from policies.places import Places
from policies.problems import SourceFile, did_you_mean
from policies.proof import entering
from policies.proof.movement import Given, Way, World
from policies.proof.people import Names, strongest
from policies.proof.stories import step_text
from policies.rights import GrantRule, Override


class Finding(msgspec.Struct, frozen=True, order=True):
    """One warning. Line and column count from 1; `about` is the entry's path in the file."""

    file: str
    line: int
    column: int
    about: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: warning: {self.about}: {self.message}{hint}"


class Linted(msgspec.Struct, frozen=True):
    """A policy with what the checks ask of it. `held`: how many people have each role, None where
    nobody was looked at.
    """

    world: World
    places: Places
    held: Mapping[str, int] | None

    @property
    def policy(self) -> CompiledPolicy:
        return self.world.policy

    def about(self, table: str, name: str, message: str, hint: str | None = None) -> Finding:
        """A warning about one entry."""
        place: Place = self.places.of(table, name) or self.places.top
        problem = place.at_key(message, hint)
        return Finding(problem.file, problem.line, problem.column, f"{table}.{name}", message, hint)


Check = Callable[[Linted], Iterator[Finding]]


def lint(
    policy: CompiledPolicy,
    sources: Sequence[SourceFile],
    held: Mapping[str, int] | None = None,
) -> list[Finding]:
    """Every warning, in the order of the files. `sources` are those that the policy was loaded
    from. `held`: how many people of the site have each role; left out, nothing is said of that.
    """
    linted = Linted(World(policy), Places(sources), held)
    return sorted({finding for check in CHECKS for finding in check(linted)})


# --- grants ------------------------------------------------------------------------------------


def _grants(linted: Linted) -> Iterator[Finding]:
    """Grants that open nothing, or nothing to one of their roles, and why."""
    for grant in linted.policy.grants:
        ways = [way for way in linted.world.entries if grant in way[1].grants]
        if not ways:
            hint = "a way out is judged by no grant"
            yield linted.about("grant", grant.id, "no way in leads there", hint)
            continue
        why = {role: _why_dead(linted.world, grant, role, ways) for role in sorted(grant.roles)}
        dead = {role: reason for role, reason in why.items() if reason is not None}
        if len(dead) == len(why):
            reasons = "; ".join(f"{role}: {reason}" for role, reason in dead.items())
            yield linted.about("grant", grant.id, f"opens nothing: {reasons}")
        else:
            for role, reason in dead.items():
                yield linted.about("grant", grant.id, f"opens nothing to '{role}': {reason}")


def _why_dead(world: World, grant: GrantRule, role: str, ways: list[Way]) -> str | None:
    """Why the grant never decides for this role alone; None where it does."""
    other: str | None = None
    nearest: Decision | None = None
    for key, passage in ways:
        for request in _asked_for(world, key, passage, (role,)):
            decision = world.decide(request)
            if decision.granted:
                if decision.rule == grant.id:
                    return None
                other = decision.rule
            elif not decision.missing and request.mode in grant.modes:
                few = nearest is None or len(decision.objections) < len(nearest.objections)
                nearest = decision if few else nearest
    if other is not None:
        return f"'{other}' lets in whom it would let in"
    return "it holds nowhere" if nearest is None else _because(nearest)


def _asked_for(
    world: World, key: tuple[str, Direction], passage: Passage, names: Names
) -> Iterator[Request]:
    """Questions in which one grant may decide where another does not."""
    for given in (Given(escorted=False, second_person=False), Given()):
        basis = world.permissive(key, names, given)
        for first in (True, False):
            waiting = msgspec.structs.replace(basis, first_person_in=first)
            for request in world.moments(waiting, passage, every_hour=True):
                for threat in range(1, LEVELS + 1):
                    yield from _with_few_factors(
                        world, msgspec.structs.replace(request, threat=threat)
                    )


def _with_few_factors(world: World, request: Request) -> Iterator[Request]:
    bare = msgspec.structs.replace(request, presented=())
    yield bare
    for missing in world.decide(bare).missing:
        shown = tuple(Presented(factor, Assurance.SECURE, True) for factor in missing)
        yield msgspec.structs.replace(request, presented=shown)
    yield request


def _because(decision: Decision) -> str:
    objection = decision.objections[0]
    if objection.code is Code.DENIED_BY_RULE:
        return f"'{objection.rule}' denies it"
    if objection.code is Code.THREAT_LEVEL:
        return "its clearance is too low for the zone"
    return f"it is refused with {int(objection.code)}"


# --- ground ------------------------------------------------------------------------------------


def _zones_without_entry(linted: Linted) -> Iterator[Finding]:
    """Zones that nobody ever gets into by a badge, an open door or a free way out."""
    policy, world = linted.policy, linted.world
    reached: set[str] = set(world.outside)
    roles = [role.id for role in policy.roles.values()]
    alone = [r for r in roles if policy.roles[r].visitor or r in world.taking]
    others = [r for r in roles if r not in alone][:1]
    for role in (*others, *alone):
        for names in strongest(policy, role)[:1]:
            reached |= _walked(world, names)
    for zone in policy.zones:
        if zone.id not in reached:
            hint = "a [[grant]] that names it opens the ways in"
            yield linted.about("zone", zone.id, "nobody can ever get into it", hint)


def _walked(world: World, names: Names) -> set[str]:
    """Zones reached without a fire or a power failure that opens doors."""
    found = dict.fromkeys(world.outside)
    queue = list(found)
    for zone in queue:
        for key, passage in world.from_zone.get(zone, ()):
            target = passage.target.id
            steps = world.steps(key, passage, names, Given())
            if target not in found and any(step.code is not None for step in steps):
                found[target] = None
                queue.append(target)
    return set(found)


def _open_doors(linted: Linted) -> Iterator[Finding]:
    """Portals that stand open where or when nobody would be let in by a rule, or that let people in
    who find no way out without a badge."""
    for portal in linted.policy.portals:
        if portal.open_schedule is None:
            continue
        key = portal.id, _inward(portal)
        passage = linted.policy.passages[key]
        top = portal.open_threat_max
        if not _held_at(linted.world, key, passage, top):
            hint = f"lower open-threat-max below {top}"
            message = (
                f"stands open for anybody at threat level {top}, where no rule lets anybody in"
            )
            yield linted.about("portal", portal.id, message, hint)
        out = [p for _, p in linted.world.from_zone[passage.target.id] if p.way_out]
        if not any(p.portal.exit is ExitKind.FREE for p in out):
            message = "who walks in here without a badge finds no free exit"
            yield linted.about("portal", portal.id, message, "exit = 'free'")


def _inward(portal: PortalRule) -> Direction:
    return Direction.EXIT if portal.way_out is Direction.ENTRY else Direction.ENTRY


def _held_at(world: World, key: tuple[str, Direction], passage: Passage, threat: int) -> bool:
    for role in sorted({role for grant in passage.grants for role in grant.roles}):
        basis = msgspec.structs.replace(world.permissive(key, (role,), Given()), threat=threat)
        # A lock that does not answer stands open for nobody: what else is said is said of rules.
        closed = msgspec.structs.replace(basis, operable=False)
        for request in world.moments(closed, passage, (False,)):
            said = {objection.code for objection in world.decide(request).objections}
            if request.mode is Mode.NORMAL and said == {Code.INOPERABLE}:
                return True
    return False


def _people_of_zones(linted: Linted) -> Iterator[Finding]:
    """Zones whose own limits keep everybody out."""
    policy = linted.policy
    for zone in policy.zones:
        grants = [
            grant
            for _, passage in linted.world.entries
            if zone in passage.entered
            for grant in passage.grants
        ]
        if not grants:
            continue
        roles = {role for grant in grants for role in grant.roles}
        if zone.two_person and all(policy.roles[role].visitor for role in roles):
            message = "asks for two people, and its rules name visitors alone, who do not count"
            yield linted.about("zone", zone.id, message)
        if zone.first_person and not any(grant.first_person for grant in grants):
            message = "waits for a first person, and no rule lets anybody be the first"
            yield linted.about("zone", zone.id, message, "first-person = true in a [[grant]]")


def _ways_out(linted: Linted) -> Iterator[Finding]:
    """Exits that ask for more than entries."""
    policy = linted.policy
    for portal in policy.portals:
        if portal.exit is not ExitKind.READER:
            continue
        exit_ = policy.passages[(portal.id, portal.way_out)]
        ways_in = [p for _, p in linted.world.entries if p.judged is exit_.judged]
        for level in range(LEVELS):
            shown = {m for p in ways_in for m in minimal_sets(p.factors.regular[level])}
            if any(not suffices(exit_.factors.regular[level], mask) for mask in shown):
                message = f"asks for more on the way out than a way in at threat level {level + 1}"
                yield linted.about("portal", portal.id, message, "whoever got in has to get out")
                break


# --- names that nothing uses -------------------------------------------------------------------


def _unused(linted: Linted) -> Iterator[Finding]:
    policy = linted.policy
    granted = {role for grant in policy.grants for role in grant.roles}
    ordering = {role for order in policy.orders.values() for role in order.roles}
    ordering |= roles_named(policy) | policy.successions.keys()
    ordering |= {role.id for role in policy.roles.values() if role.protocol}
    ordering |= {role for rule in policy.successions.values() for role in rule.deputies}
    ordering |= {role for rule in policy.pages.values() for role in rule.roles}
    for role in policy.roles:
        if role not in granted | ordering:
            yield linted.about("role", role, "no grant names it: it opens nothing")
    timed = {grant.when for grant in policy.grants}
    timed |= {portal.open_schedule for portal in policy.portals}
    timed |= {arming.schedule for arming in policy.armings.values()}
    for name in policy.schedules:
        if name not in timed:
            yield linted.about("schedule", name, "nothing uses it")
        hours = linted.world.hours.all([name])
        if not any(policy.is_open(name, utc_s) for utc_s in hours):
            yield linted.about("schedule", name, "is never open")
    stations = {station for zone in policy.zones for station in zone.screening}
    for name in policy.screenings:
        if name not in stations:
            yield linted.about("screening", name, "no zone asks for it")
    for table, keys in (
        ("factors", ("factors", "exit-factors")),
        ("calendar", ("except",)),
    ):
        used = {value for key in keys for value in _values(linted.places.contents, key)}
        for name in linted.places.named(table):
            if name not in used:
                yield linted.about(table, name, "nothing uses it")


def _people(linted: Linted) -> Iterator[Finding]:
    """Roles that nobody has, and those that people have and the policy does not."""
    if linted.held is None:
        return
    roles = linted.policy.roles
    for role in roles:
        if not linted.held.get(role):
            yield linted.about("role", role, "nobody on file has it")
    for role, people in linted.held.items():
        if role not in roles:
            who = "1 person on file has" if people == 1 else f"{people} people on file have"
            message = f"{who} it and the policy does not: it opens nothing"
            yield linted.about("role", role, message, did_you_mean(role, roles))


def _values(contents: Iterable[Mapping[str, object]], key: str) -> Iterator[object]:
    """What stands under this key in any entry of the files."""
    for content in contents:
        for entries in content.values():
            if isinstance(entries, dict):
                found: Iterable[object] = entries.values()
            else:
                found = entries if isinstance(entries, list) else ()
            yield from (entry[key] for entry in found if isinstance(entry, dict) and key in entry)


def _orders(linted: Linted) -> Iterator[Finding]:
    """Orders that visitors may give."""
    for kind, order in linted.policy.orders.items():
        visitors = sorted(role for role in order.roles if linted.policy.roles[role].visitor)
        if visitors:
            yield linted.about("order", kind, f"visitors may give it: {', '.join(visitors)}")


CALLED: tuple[tuple[Override, str, Mode, bool], ...] = (
    (Override.LOCKDOWN, "a lockdown", Mode.LOCKDOWN, False),
    (Override.EVACUATE, "an evacuation", Mode.EVACUATE, False),
    (Override.FIRE, "a fire", Mode.NORMAL, True),
)
"""What responders are called to: in which mode, and whether there is fire."""


def _responders(linted: Linted) -> Iterator[Finding]:
    """Responders to whom nothing opens just then. What opens to everybody on the way into a refuge
    is no answer."""
    for role in linted.policy.roles.values():
        calm = role.emergency and _opens_something(linted.world, role.id, Mode.NORMAL, False)
        for override, words, mode, fire in CALLED if calm else ():
            if not _opens_something(linted.world, role.id, mode, fire):
                message = f"a responder whom {words} keeps out"
                lifted = override in role.overrides
                hint = "a [[grant]] that holds then" if lifted else f'overrides = ["{override}"]'
                yield linted.about("role", role.id, message, hint)


def _opens_something(world: World, role: str, mode: Mode, fire: bool) -> bool:
    return any(
        world.decide(request).granted
        for key, passage in world.entries
        if not passage.refuge and any(role in grant.roles for grant in passage.grants)
        for request in world.moments(world.permissive(key, (role,), Given()), passage, (fire,))
        if request.mode is mode
    )


def _alarms(linted: Linted) -> Iterator[Finding]:
    """Points that nothing arms, and sets that arm nothing."""
    for table, name, message, hint in remarks(linted.policy):
        yield linted.about(table, name, message, hint)


def _threat(linted: Linted) -> Iterator[Finding]:
    """A higher threat level that opens something."""
    story = entering.threat_opens(linted.world)
    if story is not None:
        step = story.steps[-1]
        yield linted.about("portal", step.portal, f"{story.end}: {step_text(step)}")


CHECKS: tuple[Check, ...] = (
    _grants,
    _zones_without_entry,
    _open_doors,
    _people_of_zones,
    _ways_out,
    _unused,
    _people,
    _orders,
    _responders,
    _alarms,
    _threat,
)
