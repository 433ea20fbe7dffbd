"""A made-up site of any size, as the text of its policy."""

from random import Random

DOORS = 4
"""Portals between a zone and the one around it."""
BRANCHES = 5
"""Zones right inside one zone."""

HEAD = """schema = 1
site = "large"
version = 1
timezone = "Europe/Vienna"

[factors]
standard = { 1 = "badge", 3 = "badge+pin" }
high = { 1 = "badge+pin", 4 = "badge+pin+face" }

[zone.street]
kind = "public"

[fire.panel]
"""


def large_text(portals: int, roles: int, grants: int, schedules: int = 50, seed: int = 1) -> str:
    """So many portals, roles and grants. Most grants have hours; every tenth zone is an area for
    cleared people, every tenth role a visitor's, a protected one or an agent's of the host state;
    two roles are denied somewhere."""
    dice = Random(seed)
    text = [HEAD]
    for n in range(schedules):
        hours = f"{n % 12:02}:30-{12 + n % 11:02}:15"
        text.append(f'[schedule.s{n}]\n{("mon-fri", "daily")[n % 2]} = ["{hours}"]\n')
    zones = ["street"]
    while (len(zones) - 1) * DOORS < portals:
        number = len(zones)
        around = zones[(number - 1) // BRANCHES]
        zones.append(f"z{number}")
        text.append(_zone(number, around))
        text += [_portal(f"p{number}-{door}", around, zones[-1], door) for door in range(DOORS)]
    names = [f"r{n}" for n in range(roles)]
    text += [_role(n) for n in range(roles)]
    inner = zones[1:]
    for n in range(grants):
        some = [dice.choice(names), *dice.sample(names, dice.choice((0, 1, 2)))]
        where = dice.sample(inner, dice.choice((1, 2, 3, 6)))
        when = f'when = "s{dice.randrange(schedules)}"\n' if dice.random() < 0.7 else ""
        ceiling = f"threat-max = {dice.choice((2, 3, 4))}\n" if dice.random() < 0.4 else ""
        concerned = f"roles = {_list(some)}\nzones = {_list(where)}"
        text.append(f'[[grant]]\nid = "g{n}"\n{concerned}\n{when}{ceiling}')
    for n in range(2):
        text.append(
            f'[[deny]]\nid = "d{n}"\nroles = ["r{n + 3}"]\nzones = {_list(dice.sample(inner, 3))}\n'
        )
    return "\n".join(text)


def _list(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in dict.fromkeys(names)) + "]"


def _zone(number: int, around: str) -> str:
    cleared = "clearance = { 1 = 2, 4 = 5 }\n" if number % 10 == 0 else ""
    kind = "refuge" if number % 40 == 7 else "premises"
    factors = "high" if number % 10 == 0 else "standard"
    return (
        f'[zone.z{number}]\ninside = "{around}"\nkind = "{kind}"\nfactors = "{factors}"\n{cleared}'
    )


def _portal(name: str, outer: str, inner: str, door: int) -> str:
    hardware = (
        'lock = "power-to-lock"\negress = "electric"\nexit = "reader"\nhard-wired-release = true\n'
        if door == 1 and outer != "street"
        else 'lock = "power-to-unlock"\negress = "mechanical"\nexit = "free"\n'
    )
    return f'[portal.{name}]\nfrom = "{outer}"\nto = "{inner}"\nkind = "door"\n{hardware}'


def _role(number: int) -> str:
    facts = {
        0: "clearance = 9\nprotected = true\n",
        1: 'kind = "visitor"\n',
        2: "host-state = true\n",
    }.get(number % 50, f"clearance = {number % 8}\n")
    overrides = 'overrides = ["lockdown", "threat"]\n' if number % 20 == 5 else ""
    return f"[role.r{number}]\n{facts}{overrides}"
