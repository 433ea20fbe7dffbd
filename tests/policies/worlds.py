"""Random policies, as plain trees that are written out as TOML and loaded, and questions aimed at
them.

Most facts of most questions are harmless: a question with everything random is always refused, and
a comparison of refusals alone proves nothing. A question is aimed at a grant of its policy; then a
few things are put out of order.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from random import Random
from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

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
    Screened,
    ScreeningResult,
)
from tests.policies.support import compiled, vienna

Tree = dict[str, Any]
"""A policy as its TOML file says it: tables by name, each a dict of entries or a list of them."""

ROLES = ("boss", "staff", "guard", "guest", "police", "cook", "courier", "medic")
MODES = tuple(mode.value for mode in Mode)
POSTURES = ("lockdown", "shelter", "evacuate", "fire", "threat")
LADDER = ("badge", "badge+pin | badge+face", "badge+pin | badge+face+finger", "badge+pin+finger")
PROFILES = ("a", "b", "c")
HOLIDAY, NEW_YEAR = date(2026, 12, 24), date(2027, 1, 1)
SCHEDULES: Tree = {
    "office": {"mon-fri": ["07:30-18:30"]},
    "night": {"daily": ["22:00-06:00"], "sun": ["02:15-02:45"]},
    "days": {
        "daily": ["06:00-12:00", "20:00-02:00"],
        "except": "feasts",
        "holiday": ["12:00-13:00"],
    },
}
POLICIES = 60

HOURS = (
    vienna("2026-11-18 08:15"),  # a Wednesday
    vienna("2026-11-18 12:30"),
    vienna("2026-11-20 18:30"),  # the second at which the office shuts
    vienna("2026-11-20 23:15"),
    vienna("2026-11-22 08:15"),  # a Sunday
    vienna("2026-12-24 12:30"),  # a holiday, and the night that runs out of it
    vienna("2026-12-24 21:00"),
    vienna("2026-12-25 01:00"),
    vienna("2027-03-28 03:15"),  # the night without an hour from two to three
    vienna("2026-10-25 02:30"),  # the night with two of them
    vienna("2026-10-25 02:30", fold=1),
    vienna("2150-06-02 08:15"),  # no calendar reaches there
)

GROUND = ("yard", "hall", "office", "vault", "refuge")
WAYS = (
    ("street", "plaza"),
    ("street", "yard"),
    ("yard", "hall"),
    ("hall", "office"),
    ("office", "vault"),
    ("office", "refuge"),
    ("street", "office"),
    ("street", "garden"),
    ("office", "garden"),  # the way out of the office: its `egress-route` is the entry
)
PORTALS = tuple(f"{outer}-{inner}" for outer, inner in WAYS)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return str(value) if isinstance(value, (int, date)) else f'"{value}"'


def text_of(tree: Tree) -> str:
    lines = ["schema = 1", 'site = "random"', "version = 1", 'timezone = "Europe/Vienna"']
    for table, entries in tree.items():
        if isinstance(entries, list):
            for entry in entries:
                lines += [f"[[{table}]]", *(f"{k} = {toml(v)}" for k, v in entry.items())]
        else:
            lines += [f"[{table}]", *(f"{k} = {toml(v)}" for k, v in entries.items())]
    return "\n".join(lines) + "\n"


def _some(dice: Random, share: float, **keys: object) -> Tree:
    """Each key with its value, so often; a value of several is drawn from."""
    drawn = {
        key.replace("_", "-"): dice.choice(value) if isinstance(value, tuple) else value
        for key, value in keys.items()
        if dice.random() < share
    }
    return {key: value for key, value in drawn.items() if value is not None}


def _profile(dice: Random) -> Tree:
    rung, profile = dice.choice((0, 0, 1, 2)), {}
    for level in "12345":
        if level == "1" or dice.random() < 0.3:
            profile[level] = LADDER[rung]
            rung = min(rung + dice.choice((0, 1)), len(LADDER) - 1)
    return profile


def _zone(dice: Random, around: tuple[str, ...], kind: str = "premises") -> Tree:
    zone: Tree = {"kind": kind, "factors": dice.choice(PROFILES)}
    zone |= _some(dice, 0.9, inside=around)
    zone |= _some(dice, 0.15, assurance=("inside", "secure"))
    zone |= _some(dice, 0.15, two_person=True, first_person=True, knowledge_max_s=600)
    zone |= _some(dice, 0.2, screening=(["gate"], ["gate", "post"]))
    zone |= _some(dice, 0.2, occupancy_max=(4, 5), occupancy_min=2)
    zone |= _some(dice, 0.4, anti_passback=("hard", "soft", "timed"))
    if "occupancy-max" in zone or "occupancy-min" in zone:
        zone |= _some(dice, 0.4, occupancy="soft")
    if "anti-passback" in zone:
        zone |= _some(dice, 0.5, anti_passback_region=("east", "west"))
        zone |= {"anti-passback-s": 300} if zone["anti-passback"] == "timed" else {}
    if dice.random() < 0.4:
        least = {"1": dice.choice((0, 0, 2)), "2": dice.choice((2, 4)), "4": dice.choice((4, 6))}
        zone["clearance"] = least
    if dice.random() < 0.3:
        zone |= {"regime": "consular", "consent-presumed-in-fire": dice.random() < 0.7}
    return zone


def _zones(dice: Random) -> Tree:
    zones: Tree = {"street": {"kind": "public"}, "plaza": {"kind": "public", "inside": "street"}}
    for place, name in enumerate(GROUND):
        around = ("street", *GROUND[:place])[-2:]
        zones[name] = _zone(dice, around, "refuge" if name == "refuge" else "premises")
    zones["garden"] = _zone(dice, ("street", "yard"))
    return zones


def _portal(dice: Random, outer: str, inner: str) -> Tree:
    portal: Tree = {"from": outer, "to": inner, "kind": "door", "lock": "power-to-unlock"}
    if dice.random() < 0.5:
        portal |= {"egress": "electric", "exit": "reader", "hard-wired-release": True}
        portal |= _some(dice, 0.5, may_hold="order 7")
        portal |= _some(dice, 0.3, exit_factors=PROFILES)
    else:
        portal |= {"egress": "mechanical", "exit": "free"}
    if (outer, inner) == ("office", "garden"):
        portal["egress-route"] = "entry"
    portal |= _some(dice, 0.25, emergency=True, refuge_route=True)
    portal |= _some(dice, 0.3, factors=PROFILES)
    if dice.random() < 0.3:
        portal |= {"open": dice.choice(tuple(SCHEDULES)), "open-threat-max": 3}
    return portal


def _grant(dice: Random, number: int) -> Tree:
    grant: Tree = {"id": f"g{number}", "roles": dice.sample(ROLES, dice.choice((1, 2, 3, 4)))}
    if dice.random() < 0.8:
        grant["zones"] = dice.sample((*GROUND, "plaza", "garden"), dice.choice((1, 2, 3)))
    else:
        grant["portals"] = dice.sample(PORTALS, dice.choice((1, 2)))
    grant |= _some(dice, 0.35, when=tuple(SCHEDULES))
    grant |= _some(dice, 0.3, threat_max=(1, 2, 3, 4), factors=PROFILES)
    if dice.random() < 0.4:
        grant["in"] = dice.sample(MODES, dice.choice((1, 2)))
    return grant | _some(dice, 0.12, escorted=True, two_person=True, first_person=True)


def _roles(dice: Random) -> Tree:
    def overrides(count: int) -> list[str]:
        return dice.sample(POSTURES, count)

    return {
        "boss": {"clearance": 9, "protected": True, "overrides": overrides(3)},
        "staff": {"clearance": dice.choice((2, 4)), "protected": dice.random() < 0.2},
        "guard": {"clearance": 6, "overrides": overrides(dice.choice((2, 4)))},
        "guest": {"kind": "visitor"} | _some(dice, 0.1, screening="exempt"),
        "police": {"host-state": True, "overrides": overrides(1)},
        "cook": {"clearance": dice.choice((0, 2))},
        "courier": {"clearance": 1, "screening": "exempt"},
        "medic": {"host-state": True, "emergency": True, "overrides": overrides(3)},
    }


@lru_cache(maxsize=256)
def tree(seed: int) -> Tree:
    """One random policy."""
    dice = Random(seed)
    made: Tree = {
        "calendar": {"feasts": {"dates": [HOLIDAY, NEW_YEAR]}},
        "schedule": SCHEDULES,
        "factors": {name: _profile(dice) for name in PROFILES},
        "alternative": _some(dice, 0.6, face="pin+guard", finger="guard"),
        "zone": _zones(dice),
        "portal": {f"{a}-{b}": _portal(dice, a, b) for a, b in WAYS},
        "screening": {"gate": {"valid-s": 3600}, "post": {}},
        "role": _roles(dice),
        "fire": {"panel": {}},
        "watchlist": {"banned": {"action": "deny"}, "press": {"action": "observe"}},
        "grant": [_grant(dice, number) for number in range(dice.choice((8, 12, 18)))],
        "deny": [],
    }
    for number in range(dice.choice((0, 0, 1, 2))):
        where = dice.sample((*GROUND, "street"), 1)
        made["deny"].append({"id": f"d{number}", "roles": dice.sample(ROLES, 1), "zones": where})
    return made


@lru_cache(maxsize=256)
def policy(seed: int) -> CompiledPolicy:
    return compiled(text_of(tree(seed)))


SHOWN = (
    ("badge", "pin", "finger", "guard"),
    ("badge", "pin", "face", "finger"),
    ("badge", "pin", "guard"),
    ("badge", "pin"),
    ("badge", "face"),
    ("badge",),
)
PLACES = (*GROUND, "garden", "plaza", "street", "attic")  # no policy has an attic
CLEARED = (
    Screened("gate", ScreeningResult.CLEARED, 60),
    Screened("post", ScreeningResult.EXEMPT, 60),
)

CALM: dict[str, object] = {
    "utc_s": HOURS[0],
    "clock_trusted": True,
    "credential": CredentialStatus.ACTIVE,
    "presented": (),
    "mode": Mode.NORMAL,
    "threat": 1,
    "fire": False,
    "hold_egress": False,
    "consent": True,
    "escorted": True,
    "second_person": True,
    "first_person_in": True,
    "inside": dict.fromkeys(PLACES, 2),
    "whereabouts": None,
    "whereabouts_age_s": None,
    "screened": CLEARED,
    "sealed_bag": False,
    "party": UNSET,
    "without": UNSET,
    "knowledge_age_s": 0,
    "interlock_clear": True,
    "operable": True,
    "recorded": True,
    "shut_by": UNSET,
    "duress": False,
}
"""Facts that nobody objects to, but that nothing is shown."""

TWISTS: dict[str, tuple[object, ...]] = {
    "clock_trusted": (False,),
    "fire": (True,),
    "hold_egress": (True,),
    "first_person_in": (False,),
    "interlock_clear": (False,),
    "operable": (False,),
    "recorded": (False,),
    "mode": (Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE),
    "shut_by": ((), (Mode.LOCKDOWN,), (Mode.SHELTER,), (Mode.EVACUATE, Mode.LOCKDOWN)),
    "threat": (2, 3, 4, 5),
    "credential": tuple(CredentialStatus),
    "consent": (False,),
    "escorted": (False,),
    "second_person": (False,),
    "knowledge_age_s": (600, 601),
    "sealed_bag": (True,),
    "party": (1, 2, 5),
    "without": ((Factor.FACE,), (Factor.FACE, Factor.FINGER)),
    "duress": (True,),
    "utc_s": HOURS,
    "portal": (*PORTALS, "trapdoor"),  # no policy has a trapdoor
}
"""What may be out of order, and how."""

STATE_TWISTS = ("whereabouts", "inside", "screened", "presented", "holder")


def _person(dice: Random, role: str) -> HolderFacts:
    roles = dice.sample(("nobody-knows", *ROLES), dice.choice((0, 0, 1)))
    return HolderFacts("s-1", 1, (role, *roles), biometrics=dice.random() < 0.8)


def _odd_person(dice: Random, person: HolderFacts) -> HolderFacts:
    hour = dice.choice(HOURS)
    key, value = dice.choice(
        (
            ("valid_from_s", hour),
            ("valid_until_s", hour),
            ("suspended", True),
            ("locked_out", True),
            ("watchlisted", True),
            ("watchlists", (dice.choice(("banned", "press", "a-list-of-another-site")),)),
        )
    )
    return replace(person, **{key: value})


def _presented(dice: Random, flawed: bool) -> tuple[Presented, ...]:
    shown = [Presented(Factor(name), Assurance.SECURE, True) for name in dice.choice(SHOWN)]
    if flawed:
        place = dice.randrange(len(shown))
        flaw = dice.choice((*Assurance, None))
        shown[place] = replace(shown[place], assurance=flaw or Assurance.INSIDE, passed=bool(flaw))
    return tuple(shown)


def _screened(dice: Random) -> tuple[Screened, ...]:
    ages = (None, 0, 3_599, 3_600, 28_799, 28_800)
    stations = dice.sample(("gate", "post", "elsewhere"), dice.choice((0, 1, 1, 2)))
    return tuple(
        Screened(station, dice.choice(tuple(ScreeningResult)), dice.choice(ages))
        for station in stations
    )


def _twisted(dice: Random, request: Request) -> Request:
    """The question with one thing put out of order."""
    name = dice.choice((*TWISTS, *STATE_TWISTS, *STATE_TWISTS))
    facts: Tree = {}
    if name in TWISTS:
        facts[name] = dice.choice(TWISTS[name])
    elif name == "whereabouts" and request.holder is not None:
        facts[name] = dice.choice(PLACES)
        facts["whereabouts_age_s"] = dice.choice((None, 0, 299, 300))
    elif name == "inside":
        facts[name] = {place: dice.choice((0, 1, 3, 4, 5)) for place in dice.sample(PLACES, 4)}
    elif name == "screened":
        facts[name] = _screened(dice)
    elif name == "presented":
        facts[name] = _presented(dice, flawed=True)
    elif request.holder is not None:
        facts[name] = _odd_person(dice, request.holder)
    return replace(request, **facts)


def question(dice: Random, tree: Tree, outward: bool | None = None) -> Request:
    """A question aimed at one of the policy's grants, with a few things out of order; one in ten
    comes from somebody who shows nothing, one in thirty from a credential that nobody knows.
    `outward`: the way out or the way in alone.
    """
    grant = dice.choice(tree["grant"])
    zones = grant.get("zones", ())
    here = [name for name, portal in tree["portal"].items() if portal["to"] in zones]
    facts = CALM | {
        "utc_s": dice.choice(HOURS[:2]),
        "presented": _presented(dice, flawed=False),
        "mode": Mode(dice.choice(grant.get("in", ("normal",)))),
        "escorted": dice.random() < 0.7,
        "second_person": dice.random() < 0.7,
    }
    asked = Request(
        portal=dice.choice(here or grant.get("portals") or PORTALS),
        direction=dice.choice((Direction.ENTRY, Direction.ENTRY, Direction.EXIT)),
        holder=_person(dice, dice.choice(grant["roles"])),
        **facts,  # type: ignore[arg-type]
    )
    shows = dice.randrange(30)
    if shows < 4:
        status = CredentialStatus.UNKNOWN if shows == 0 else CredentialStatus.NONE
        asked = replace(asked, holder=None, credential=status, presented=())
    for _ in range(dice.choice((0, 1, 1, 2, 2, 3))):
        asked = _twisted(dice, asked)
    if outward is not None and leads_out(tree, asked) is not outward:
        other = {Direction.ENTRY: Direction.EXIT, Direction.EXIT: Direction.ENTRY}
        asked = replace(asked, direction=other[asked.direction])
    return asked


def leads_out(tree: Tree, ask: Request) -> bool:
    """Whether this is the way out through the portal."""
    portal = tree["portal"].get(ask.portal, {})
    return ask.direction.value == portal.get("egress-route", "exit")


def questions(
    seeds: Iterable[int], each: int, outward: bool | None = None
) -> Iterator[tuple[int, Request]]:
    """`each` questions to each policy, with the policy's seed; the same ones every time."""
    for seed in seeds:
        dice = Random(f"{seed}/{outward}")
        for _ in range(each):
            yield seed, question(dice, tree(seed), outward)


SEEDS = st.integers(0, POLICIES - 1)


def requests(outward: bool | None = None) -> st.SearchStrategy[Request]:
    """Questions for any of the policies: they differ in their rules, not in their names."""
    return st.integers(0, 2**32).map(
        lambda number: question(Random(number), tree(number % POLICIES), outward)
    )
