"""A site's people for tests, at a price per PIN that tests can pay."""

from pathlib import Path
from zoneinfo import ZoneInfo

from edge.people import (
    EMPTY,
    Change,
    ImportPlan,
    People,
    PinCost,
    PinHasher,
    Roll,
    SiteKey,
    plan_import,
    seal,
)
from policies import SourceFile, load

KEY = SiteKey(bytes(range(32)))
CHEAP = PinHasher(PinCost(time_cost=1, memory_kib=64))
POLICY = load(
    [
        SourceFile(
            "policy.toml",
            b"""
schema = 1
site = "people"
version = 1
timezone = "Europe/Berlin"
[zone.street]
kind = "public"
[role.staff]
[role.guard]
[role.visitor]
kind = "visitor"
[watchlist.banned]
action = "deny"
[watchlist.summit]
action = "observe"
""",
        )
    ],
    timezone=ZoneInfo,
    tzdata_version="2025.2",
)
BERLIN = ZoneInfo("Europe/Berlin")
HEADER = "id,name,roles,badge,pin,valid-from,valid-until,status"


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows, "")).encode()


def plan(data: bytes, roll: Roll = EMPTY, *, duress_is_told: bool = True) -> ImportPlan:
    return plan_import(roll, data, POLICY, KEY, duress_is_told=duress_is_told)


def change(data: bytes, roll: Roll = EMPTY) -> Change:
    return seal(plan(data, roll), CHEAP, workers=1)


def enrol(people: People, *rows: str, header: str = HEADER) -> None:
    """Import rows that have no mistake."""
    people.apply(change(csv(*rows, header=header), people.roll))


def created(folder: Path) -> People:
    return People.open(folder / "site.db", create=True)
