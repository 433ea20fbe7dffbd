"""Random small sites: few enough roles and states that everything can be tried, hardware and limits
of every kind, and something to prove.
"""

from random import Random

from tests.policies.worlds import MODES, Tree

ROLES = ("boss", "staff", "guard", "guest", "police", "cook")
POSTURES = ("lockdown", "shelter", "evacuate", "fire", "threat")
ZONES = ("yard", "hall", "office", "vault", "refuge")
WAYS = (
    ("street", "yard"),
    ("yard", "hall"),
    ("hall", "office"),
    ("office", "vault"),
    ("office", "refuge"),
    ("street", "office"),
)
PROFILES: Tree = {
    "a": {"1": "badge"},
    "b": {"1": "badge", "3": "badge+pin"},
    "c": {"1": "badge+pin", "4": "badge+pin+face"},
}
SCHEDULES: Tree = {
    "office": {"mon-fri": ["07:30-18:30"]},
    "night": {"daily": ["22:00-06:00"]},
}


def small_site(seed: int) -> Tree:
    """One of them."""
    dice = Random(seed)
    around = ("street", "yard", "hall", "office", "office")
    zones: dict[str, Tree] = {
        name: _zone(dice, name, inside) for name, inside in zip(ZONES, around, strict=True)
    }
    grants = [_grant(dice, number) for number in range(dice.choice((6, 10, 14)))]
    site: Tree = {
        "schedule": SCHEDULES,
        "factors": PROFILES,
        "zone": {"street": {"kind": "public"}, **zones},
        "portal": {f"{a}-{b}": _portal(dice, a, b) for a, b in WAYS},
        "role": _roles(dice),
        "fire": {"panel": {}},
        "grant": grants,
        "deny": [
            {"id": f"d{n}", "roles": dice.sample(ROLES, 1), "zones": dice.sample(ZONES, 1)}
            for n in range(dice.choice((0, 1, 2)))
        ],
    }
    _limit(dice, site, zones[dice.choice(ZONES)], dice.choice(grants))
    return site | _declared(dice)


def _zone(dice: Random, name: str, inside: str) -> Tree:
    kind = "refuge" if name == "refuge" else "premises"
    zone: Tree = {"kind": kind, "inside": inside, "factors": dice.choice("abc")}
    if dice.random() < 0.4:
        zone["clearance"] = {"1": dice.choice((0, 0, 2)), "3": dice.choice((2, 4))}
    if dice.random() < 0.3:
        zone |= {"regime": "consular", "consent-presumed-in-fire": dice.random() < 0.7}
    return zone


def _portal(dice: Random, outer: str, inner: str) -> Tree:
    lock = "power-to-lock" if dice.random() < 0.12 else "power-to-unlock"
    portal: Tree = {"from": outer, "to": inner, "kind": "door", "lock": lock}
    if dice.random() < 0.2:
        portal |= {"egress": "electric", "exit": "reader", "hard-wired-release": True}
    else:
        portal |= {"egress": "mechanical", "exit": dice.choice(("free", "reader"))}
        portal |= {"hard-wired-release": True}
    for key, value, often in (
        ("on-fire", "release", 0.08),
        ("emergency", True, 0.25),
        ("refuge-route", True, 0.25),
        ("open", dice.choice(tuple(SCHEDULES)), 0.25),
    ):
        if dice.random() < often:
            portal[key] = value
    return portal


def _roles(dice: Random) -> Tree:
    return {
        "boss": {"clearance": 9, "protected": True, "overrides": dice.sample(POSTURES, 3)},
        "staff": {"clearance": dice.choice((2, 4))},
        "guard": {"clearance": 6, "overrides": dice.sample(POSTURES, dice.choice((2, 4)))},
        "guest": {"kind": "visitor"},
        "police": {"host-state": True, "overrides": dice.sample(POSTURES, 1)},
        "cook": {"clearance": dice.choice((0, 2))},
    }


def _grant(dice: Random, number: int) -> Tree:
    grant: Tree = {"id": f"g{number}", "roles": dice.sample(ROLES, dice.choice((1, 2, 3)))}
    grant["zones"] = dice.sample(ZONES, dice.choice((1, 2, 3)))
    if dice.random() < 0.35:
        grant["when"] = dice.choice(tuple(SCHEDULES))
    if dice.random() < 0.3:
        grant["threat-max"] = dice.choice((1, 2, 4))
    if dice.random() < 0.4:
        grant["in"] = dice.sample(MODES, dice.choice((1, 2)))
    if dice.random() < 0.15:
        grant["escorted"] = True
    return grant


def _limit(dice: Random, site: Tree, zone: Tree, grant: Tree) -> None:
    """At most one kind of limit: each multiplies what has to be tried."""
    kind = dice.randrange(8)
    if kind == 0:
        zone["two-person"] = True
    elif kind == 1:
        zone["first-person"] = True
        grant["first-person"] = True
    elif kind == 2:
        site["screening"] = {"gate": {"valid-s": 3600}}
        zone["screening"] = ["gate"]
    elif kind == 3:
        zone |= {"occupancy-min": 2, "occupancy-max": 3}
    elif kind == 4:
        zone["anti-passback"] = "hard"
    elif kind == 5:
        grant["two-person"] = True
    elif kind == 6:
        zone["occupancy-max"] = 1


def _declared(dice: Random) -> Tree:
    unless = dice.sample(("consent", "escorted", "second-person"), dice.choice((0, 1)))
    return {
        "never": [
            {
                "id": "n0",
                "roles": dice.sample(ROLES, 1),
                "reach": dice.sample(ZONES, 1),
                "unless": unless,
            }
        ],
        "always": [
            {
                "id": f"a{number}",
                "roles": dice.sample(ROLES, 1),
                "from": dice.sample(("street", *ZONES), dice.choice((1, 2))),
                "reach": dice.sample(("street", *ZONES), 2),
                "in": dice.sample(MODES, dice.choice((1, 2))),
                "threat-max": dice.choice((1, 3, 5)),
            }
            for number in range(2)
        ],
    }
