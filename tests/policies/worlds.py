"""Random policies (as plain trees, written out as TOML and loaded) and questions aimed at them.

Most facts of most questions are harmless: a question with everything random is always refused, and
properties over refusals alone prove nothing.
"""

from functools import cache
from random import Random

from hypothesis import strategies as st

from policies import (
    Assurance,
    CompiledPolicy,
    CredentialStatus,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Presented,
    Request,
)
from tests.policies.support import compiled, vienna

Tree = dict[str, object]
ROLES = ("boss", "staff", "guard", "guest", "police", "cook")
MODES = tuple(mode.value for mode in Mode)
OVERRIDES = ("lockdown", "shelter", "evacuate", "fire", "threat")
LADDER = ("badge", "badge+pin | badge+face", "badge+pin", "badge+pin+face", "badge+pin+face+guard")
HOURS = [vienna(f"2026-11-{day} {hour}:15") for day in (18, 20, 21) for hour in ("08", "12", "23")]
POLICIES = 60


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return str(value) if isinstance(value, int) else f'"{value}"'


def text_of(tree: dict[str, object]) -> str:
    lines = ["schema = 1", 'site = "random"', "version = 1", 'timezone = "Europe/Vienna"']
    for table, entries in tree.items():
        if isinstance(entries, list):
            for entry in entries:
                lines += [f"[[{table}]]", *(f"{k} = {toml(v)}" for k, v in entry.items())]
        elif isinstance(entries, dict):
            lines += [f"[{table}]", *(f"{k} = {toml(v)}" for k, v in entries.items())]
    return "\n".join(lines) + "\n"


def _profile(dice: Random) -> Tree:
    rung, profile = dice.choice((0, 0, 1, 2)), {}
    for level in "12345":
        if level == "1" or dice.random() < 0.3:
            profile[level] = LADDER[rung]
            rung = min(rung + dice.choice((0, 1)), len(LADDER) - 1)
    return profile


def _zone(dice: Random, inside: str, kind: str = "premises") -> Tree:
    zone: Tree = {"inside": inside, "kind": kind, "factors": dice.choice("abc")}
    if dice.random() < 0.4:
        zone["clearance"] = {"1": dice.choice((0, 0, 2)), "3": dice.choice((2, 4))}
    if dice.random() < 0.3:
        zone |= {"regime": "consular", "consent-presumed-in-fire": dice.random() < 0.7}
    return zone


def _portal(dice: Random, outer: str, inner: str) -> Tree:
    portal: Tree = {"from": outer, "to": inner, "kind": "door", "lock": "power-to-unlock"}
    if dice.random() < 0.5:
        portal |= {"egress": "electric", "exit": "reader", "hard-wired-release": True}
        if dice.random() < 0.5:
            portal["may-hold"] = "order 7"
        if dice.random() < 0.3:
            portal["exit-factors"] = dice.choice("abc")
    else:
        portal |= {"egress": "mechanical", "exit": "free"}
    for key in ("emergency", "refuge-route"):
        if dice.random() < 0.25:
            portal[key] = True
    if dice.random() < 0.35:
        portal |= {"open": dice.choice(("office", "night")), "open-threat-max": 3}
    if dice.random() < 0.3:
        portal["factors"] = dice.choice("abc")
    return portal


def _grant(dice: Random, number: int, zones: list[str], portals: list[str]) -> Tree:
    grant: Tree = {"id": f"g{number}", "roles": dice.sample(ROLES, dice.choice((1, 2, 3, 4)))}
    if dice.random() < 0.8:
        grant["zones"] = dice.sample(zones, dice.choice((1, 2, 3)))
    else:
        grant["portals"] = dice.sample(portals, dice.choice((1, 2)))
    if dice.random() < 0.35:
        grant["when"] = dice.choice(("office", "night"))
    if dice.random() < 0.3:
        grant["threat-max"] = dice.choice((1, 2, 3, 4))
    if dice.random() < 0.4:
        grant["in"] = dice.sample(MODES, dice.choice((1, 2)))
    if dice.random() < 0.2:
        grant["escorted"] = True
    if dice.random() < 0.3:
        grant["factors"] = dice.choice("abc")
    return grant


@cache
def tree(seed: int) -> Tree:
    """One random policy on a fixed ground plan."""
    dice = Random(seed)
    zones: Tree = {
        "street": {"kind": "public"},
        "yard": _zone(dice, "street"),
        "hall": _zone(dice, "yard"),
        "office": _zone(dice, "hall"),
        "vault": _zone(dice, "office"),
        "refuge": _zone(dice, "office", "refuge"),
    }
    ways = [("street", "yard"), ("yard", "hall"), ("hall", "office"), ("office", "vault")]
    ways += [("office", "refuge"), ("street", "office")]
    portals: Tree = {f"{a}-{b}": _portal(dice, a, b) for a, b in ways}
    roles: Tree = {
        "boss": {"clearance": 9, "protected": True, "overrides": dice.sample(OVERRIDES, 3)},
        "staff": {"clearance": dice.choice((2, 4)), "protected": dice.random() < 0.2},
        "guard": {"clearance": 6, "overrides": dice.sample(OVERRIDES, dice.choice((2, 4)))},
        "guest": {"kind": "visitor"},
        "police": {"host-state": True, "overrides": dice.sample(OVERRIDES, 1)},
        "cook": {"clearance": dice.choice((0, 2))},
    }
    inner = [name for name in zones if name != "street"]
    denies = [
        {"id": f"d{n}", "roles": dice.sample(ROLES, 1), "zones": dice.sample(inner, 1)}
        for n in range(dice.choice((0, 1, 2)))
    ]
    return {
        "schedule": {
            "office": {"mon-fri": ["07:30-18:30"]},
            "night": {"daily": ["22:00-06:00"]},
        },
        "factors": {name: _profile(dice) for name in "abc"},
        "zone": zones,
        "portal": portals,
        "role": roles,
        "grant": [_grant(dice, n, inner, list(portals)) for n in range(dice.choice((8, 12, 18)))],
        "deny": denies,
    }


@cache
def policy(seed: int) -> CompiledPolicy:
    return compiled(text_of(tree(seed)))


SEEDS = st.integers(0, POLICIES - 1)
PORTALS = ("street-yard", "yard-hall", "hall-office", "office-vault", "office-refuge")


TWISTS: tuple[tuple[str, object], ...] = (
    ("clock_trusted", False),
    ("fire", True),
    ("hold_egress", True),
    ("first_person_in", False),
    ("interlock_clear", False),
    ("operable", False),
    ("recorded", False),
    *(("mode", mode) for mode in Mode for _ in range(2)),
    *(("threat", level) for level in (2, 3, 4, 5)),
    *(("credential", status) for status in CredentialStatus),
)
"""What may be out of order; a question has at most three of them."""

PERSONAL: tuple[tuple[str, object], ...] = (
    ("valid_from_s", HOURS[0]),
    ("valid_from_s", HOURS[-1]),
    ("valid_until_s", HOURS[1]),
    ("valid_until_s", HOURS[-1]),
    ("suspended", True),
    ("locked_out", True),
    ("watchlisted", True),
)
SHOWN = ("badge+pin+face+guard", "badge+pin+face", "badge+pin", "badge", "badge+face", "")


@st.composite
def holders(draw: st.DrawFn) -> HolderFacts:
    roles = draw(st.lists(st.sampled_from((*ROLES, "nobody-knows")), min_size=1, max_size=2))
    odd = dict(draw(st.lists(st.sampled_from(PERSONAL), max_size=2))) if draw(RARELY) else {}
    return HolderFacts(id="s-1", version=1, roles=tuple(roles), **odd)  # type: ignore[arg-type]


RARELY = st.sampled_from([False, False, False, True])


@st.composite
def presentations(draw: st.DrawFn) -> tuple[Presented, ...]:
    shown = draw(st.sampled_from(SHOWN))
    failed = draw(st.sampled_from(Factor)) if draw(RARELY) else None
    return tuple(
        Presented(Factor(name), draw(st.sampled_from(Assurance)), name != failed)
        for name in shown.split("+")
        if name
    )


@st.composite
def requests(draw: st.DrawFn, direction: Direction | None = None) -> Request:
    anonymous = draw(st.integers(0, 9)) == 9
    twists = dict(draw(st.lists(st.sampled_from(TWISTS), max_size=3)))
    facts: dict[str, object] = {
        "clock_trusted": True,
        "consent": draw(st.booleans()),
        "escorted": draw(st.booleans()),
        "duress": draw(RARELY),
        "credential": CredentialStatus.ACTIVE,
    } | twists
    if anonymous:
        facts["credential"] = CredentialStatus.NONE
    return Request(
        portal=draw(st.sampled_from((*PORTALS, "street-office"))),
        direction=direction or draw(st.sampled_from(Direction)),
        utc_s=draw(st.sampled_from(HOURS)),
        holder=None if anonymous else draw(holders()),
        presented=() if anonymous else draw(presentations()),
        **facts,  # type: ignore[arg-type]
    )
