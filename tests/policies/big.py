"""A big made-up site: 1,000 portals, 200 zones, 500 roles, 100 schedules, and as many rules as
asked for, one in twenty of them a denial. The same seed, the same site.

On a calm day (normal mode, level 3 at most, nobody about, everybody with an escort, a second person
and the consent) all that a policy knows besides comes to nothing, and what decides is a list of
`Rule`s that any engine of rules can hold: role and zone and hours and level and factors.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from edge.people import EMPTY, CredentialRecord, HolderRecord, Roll
from edge.people.records import Touched
from policies import (
    Assurance,
    CompiledPolicy,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    Presented,
    Request,
    SourceFile,
)
from tests.policies.worlds import Tree, text_of, toml

ZONES = 200
PORTALS = 1_000
SCHEDULES = 100
ROLES = 500
VISITORS = 15
"""So many of the roles are kinds of visitors; nobody is a visitor and something else."""

DENIALS = 0.05
ROLE_SETS = 2_800
HOLDERS = 100_000
RULES_PER_FILE = 3_000
"""A file of a policy has a megabyte at most."""

FACTORS = ("badge", "badge+pin", "badge+face", "badge+pin | badge+face")
YEAR_FROM_S = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
YEAR_S = 365 * 86_400


class Rule(NamedTuple):
    """On a calm day: whoever has one of `roles` may enter, or may not, each of `zones` `when` it is
    time for it, up to `threat_max`, with all the factors of one of the sets of `factors`.
    """

    id: str
    permits: bool
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    when: str | None
    threat_max: int
    factors: tuple[frozenset[str], ...]


class Site(NamedTuple):
    """The policy's files, and what is in them. `portals`: the zone that each leads into."""

    sources: tuple[SourceFile, ...]
    rules: tuple[Rule, ...]
    portals: dict[str, str]


def _role(number: int) -> str:
    return f"role-{number}"


def _zones(dice: Random) -> dict[str, Tree]:
    """A tree of areas in a street."""
    zones: dict[str, Tree] = {"street": {"kind": "public"}}
    for number in range(1, ZONES):
        inside = "street" if number <= 8 else f"zone-{dice.randrange(1, number)}"
        zone: Tree = {"kind": "premises", "inside": inside, "factors": "entrance"}
        if dice.random() < 0.03:
            zone["kind"] = "refuge"
        if dice.random() < 0.3:
            zone["clearance"] = {"4": dice.choice((1, 2, 3)), "5": 4}
        if dice.random() < 0.3:
            zone["occupancy-max"] = dice.choice((10, 50, 200))
        if dice.random() < 0.2:
            zone["anti-passback"] = dice.choice(("hard", "soft"))
        if dice.random() < 0.02:
            zone["two-person"] = True
        zones[f"zone-{number}"] = zone
    return zones


def _portals(dice: Random, zones: dict[str, Tree]) -> dict[str, Tree]:
    """At least one way into each area from the one around it, the others by chance."""
    names = list(zones)[1:]
    portals: dict[str, Tree] = {}
    for number in range(PORTALS):
        zone = names[number] if number < len(names) else dice.choice(names)
        portal: Tree = {"from": zones[zone]["inside"], "to": zone, "kind": "door"}
        portal["lock"] = "power-to-unlock"
        if dice.random() < 0.25:
            portal |= {"egress": "electric", "exit": "reader", "hard-wired-release": True}
        else:
            portal |= {"egress": "mechanical", "exit": "free"}
        for key in ("emergency", "refuge-route"):
            if dice.random() < 0.05:
                portal[key] = True
        portals[f"portal-{number}"] = portal
    return portals


def _roles(dice: Random) -> dict[str, Tree]:
    roles: dict[str, Tree] = {}
    for number in range(ROLES):
        role: Tree = {"clearance": dice.choice((0, 1, 1, 2, 3, 5))}
        if number < VISITORS:
            role["kind"] = "visitor"
        elif dice.random() < 0.03:
            role["overrides"] = dice.sample(("lockdown", "shelter", "threat"), 2)
        if dice.random() < 0.02:
            role["protected"] = True
        if dice.random() < 0.01:
            role["host-state"] = True
        roles[_role(number)] = role
    return roles


def _schedules(dice: Random) -> dict[str, Tree]:
    """Office hours, two shifts in one, and nights."""
    schedules: dict[str, Tree] = {}
    for number in range(SCHEDULES):
        early, late = dice.randrange(5, 11), dice.randrange(13, 23)
        day = f"{early:02}:{dice.choice((0, 15, 30, 45)):02}-{late:02}:30"
        hours: Tree = {"mon-fri": [day]}
        kind = dice.randrange(4)
        if kind == 0:
            hours["sat"] = ["09:00-12:00", "13:00-17:30"]
        elif kind == 1:
            hours = {"daily": [f"{late:02}:00-{early:02}:00"]}
        schedules[f"hours-{number}"] = hours
    return schedules


def _rules(dice: Random, count: int, zones: dict[str, Tree]) -> list[Tree]:
    """Grants, then denials, as they stand in the file."""
    names = list(zones)[1:]
    rules: list[Tree] = []
    denials = round(count * DENIALS)
    for number in range(count):
        rule: Tree = {
            "roles": [_role(n) for n in dice.sample(range(ROLES), dice.choice((1, 2, 3)))]
        }
        if number >= count - denials:
            rules.append({"id": f"deny-{number}", **rule, "zones": dice.sample(names[50:], 2)})
            continue
        rule["zones"] = dice.sample(names, dice.choice((1, 2, 3, 4)))
        if dice.random() < 0.6:
            rule["when"] = f"hours-{dice.randrange(SCHEDULES)}"
        if dice.random() < 0.4:
            rule["threat-max"] = dice.choice((1, 2, 3, 4))
        if dice.random() < 0.2:
            rule["in"] = ["normal", dice.choice(("lockdown", "shelter"))]
        if dice.random() < 0.1:
            rule["escorted"] = True
        rule["factors"] = f"asked-{dice.randrange(len(FACTORS))}"
        rules.append({"id": f"grant-{number}", **rule})
    return rules


def _plain(rule: Tree, within: dict[str, tuple[str, ...]]) -> Rule:
    """What the rule says on a calm day; a denial reaches into the areas inside its zones."""
    zones = strings(rule["zones"])
    permits = "factors" in rule
    when, level = rule.get("when"), rule.get("threat-max", 5)
    assert when is None or isinstance(when, str)
    assert isinstance(level, int)
    kind = str(rule.get("factors", "asked-0")).removeprefix("asked-")
    asked = FACTORS[int(kind)].split(" | ") if permits else ()
    return Rule(
        id=str(rule["id"]),
        permits=permits,
        roles=strings(rule["roles"]),
        zones=zones if permits else tuple(sorted({z for zone in zones for z in within[zone]})),
        when=when,
        threat_max=level,
        factors=tuple(frozenset(each.split("+")) for each in asked),
    )


def strings(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)
    return tuple(value)


def _within(zones: dict[str, Tree]) -> dict[str, tuple[str, ...]]:
    """Each zone with all those inside it."""
    within: dict[str, list[str]] = {name: [] for name in zones}
    for name in zones:
        around: str | None = name
        while around is not None:
            within[around].append(name)
            outer = zones[around].get("inside")
            around = None if outer is None else str(outer)
    return {name: tuple(inner) for name, inner in within.items()}


def _files(ground: dict[str, object], rules: list[Tree]) -> Iterator[SourceFile]:
    yield SourceFile("ground.toml", text_of(ground).encode())
    for first in range(0, len(rules), RULES_PER_FILE):
        lines = ["schema = 1"]
        for rule in rules[first : first + RULES_PER_FILE]:
            lines.append("[[grant]]" if "factors" in rule else "[[deny]]")
            lines += [f"{key} = {toml(value)}" for key, value in rule.items()]
        yield SourceFile(f"rules-{first}.toml", ("\n".join(lines) + "\n").encode())


def site(rules: int, seed: int = 0) -> Site:
    """The site with so many rules, denials included."""
    dice = Random(seed)
    zones = _zones(dice)
    portals = _portals(dice, zones)
    profiles = {f"asked-{n}": {"1": text} for n, text in enumerate(FACTORS)}
    ground: dict[str, object] = {
        "schedule": _schedules(dice),
        "factors": {"entrance": {"1": "badge", "4": "badge+pin"}, **profiles},
        "fire": {"panel": {}},
        "zone": zones,
        "portal": portals,
        "role": _roles(dice),
    }
    written = _rules(dice, rules, zones)
    within = _within(zones)
    return Site(
        sources=tuple(_files(ground, written)),
        rules=tuple(_plain(rule, within) for rule in written),
        portals={name: str(portal["to"]) for name, portal in portals.items()},
    )


def _role_sets(dice: Random) -> list[tuple[str, ...]]:
    sets = []
    for number in range(ROLE_SETS):
        if number < VISITORS:
            sets.append((_role(number),))
            continue
        count = dice.choice((1, 1, 2, 2, 2, 3, 4))
        sets.append(tuple(sorted(map(_role, dice.sample(range(VISITORS, ROLES), count)))))
    return sets


def roll(count: int = HOLDERS, seed: int = 0) -> Roll:
    """So many people with a badge each; one in five has a last day."""
    dice = Random(seed)
    sets = _role_sets(dice)
    holders, credentials = [], []
    for number in range(count):
        person = f"{dice.getrandbits(64):016x}"
        badge = f"{dice.getrandbits(64):016x}"
        until_s = YEAR_FROM_S + dice.randrange(YEAR_S) if dice.random() < 0.2 else None
        holders.append(
            HolderRecord(
                id=person,
                external_id=f"{number:06}",
                name=f"Person {number} of the House",
                roles=dice.choice(sets),
                valid_until_s=until_s,
            )
        )
        ref = f"{dice.getrandbits(256):064x}"
        credentials.append(CredentialRecord(id=badge, holder=person, ref=ref))
    return EMPTY.after(version=1, holders=holders, credentials=credentials, gone=Touched())


def expected(site: Site, policy: CompiledPolicy, request: Request) -> bool:
    """What the rules say to a question of a calm day; the policy is asked for the hours alone."""
    assert request.holder is not None
    zone, roles = site.portals[request.portal], set(request.holder.roles)
    shown = {one.factor.value for one in request.presented}
    permitted = False
    for rule in site.rules:
        if zone not in rule.zones or roles.isdisjoint(rule.roles):
            continue
        if not rule.permits:
            return False
        timely = rule.when is None or policy.is_open(rule.when, request.utc_s) is True
        if timely and request.threat <= rule.threat_max:
            permitted = permitted or any(asked <= shown for asked in rule.factors)
    return permitted


def _shown(dice: Random) -> tuple[Presented, ...]:
    factors = dice.choice(("badge", "badge+pin", "badge+pin", "badge+face", "badge+pin+face"))
    return tuple(Presented(Factor(f), Assurance.SECURE, True) for f in factors.split("+"))


def calm_questions(
    site: Site, people: list[HolderFacts], count: int, at_s: list[int], seed: int = 0
) -> Iterator[Request]:
    """Questions of a calm day at the instants `at_s`, about those of `people` who have no last day.
    Two in three are about somebody who has a role of some rule, at a portal into a zone of it:
    anybody anywhere would be refused."""
    dice = Random(seed)
    people = [person for person in people if person.valid_until_s is None]
    portals = tuple(site.portals)
    by_role: dict[str, list[HolderFacts]] = {}
    for person in people:
        for role in person.roles:
            by_role.setdefault(role, []).append(person)
    into: dict[str, list[str]] = {}
    for portal, zone in site.portals.items():
        into.setdefault(zone, []).append(portal)
    for _ in range(count):
        rule = dice.choice(site.rules)
        known = by_role.get(dice.choice(rule.roles))
        if known and dice.random() < 0.67:
            person, portal = dice.choice(known), dice.choice(into[dice.choice(rule.zones)])
        else:
            person, portal = dice.choice(people), dice.choice(portals)
        yield Request(
            portal=portal,
            direction=Direction.ENTRY,
            utc_s=dice.choice(at_s),
            clock_trusted=True,
            credential=CredentialStatus.ACTIVE,
            holder=person,
            presented=_shown(dice),
            threat=dice.choice((1, 1, 2, 3)),
            escorted=True,
            second_person=True,
            consent=True,
        )
