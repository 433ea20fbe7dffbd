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
from policies.compiled import RoleRule

KEY = SiteKey(bytes(range(32)))
CHEAP = PinHasher(PinCost(time_cost=1, memory_kib=64))
ROLES = {
    name: RoleRule(
        id=name,
        line=1,
        clearance=0,
        protected=False,
        host_state=False,
        emergency=False,
        visitor=name == "visitor",
        exempt=False,
        escort=False,
        per_host=None,
        stay_max_s=None,
        overrides=frozenset(),
    )
    for name in ("staff", "visitor", "guard")
}
BERLIN = ZoneInfo("Europe/Berlin")
HEADER = "id,name,roles,badge,pin,valid-from,valid-until,status"


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows, "")).encode()


def plan(data: bytes, roll: Roll = EMPTY) -> ImportPlan:
    return plan_import(roll, data, ROLES, KEY, timezone=BERLIN)


def change(data: bytes, roll: Roll = EMPTY) -> Change:
    return seal(plan(data, roll), CHEAP, workers=1)


def enrol(people: People, *rows: str, header: str = HEADER) -> None:
    """Import rows that have no mistake."""
    people.apply(change(csv(*rows, header=header), people.roll))


def created(folder: Path) -> People:
    return People.open(folder / "site.db", create=True)
