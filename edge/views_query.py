"""What is asked of `views.db`: typed answers of one moment."""

from typing import NamedTuple

import msgspec

from controller.orders import EndCause
from controller.portal import Contact, State
from edge.sqlite_library import Database
from edge.views import PresenceRow, ZoneRow
from edge.views_file import At, Reach, read_at, read_reach, rows_of

BY = ("day", "portal", "kind", "code")
"""What can be counted by, as the columns are called."""


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows rest on. `timezone`: whose days they are counted in."""

    at: At
    reach: Reach
    timezone: str

    @property
    def knows_state(self) -> bool:
        """Whether whereabouts and doors are known, and not only counts so far."""
        return self.at.seq >= self.reach.state_from


class Inside(NamedTuple):
    """Those who are known to be inside, and how many people each zone holds."""

    people: tuple[PresenceRow, ...]
    zones: tuple[ZoneRow, ...]


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """A portal, and by which entry it came to look so."""

    portal: str
    state: State
    contact: Contact
    bolted: bool | None
    linked: bool
    released: bool
    secured: bool
    leased: bool
    since_seq: int
    since_utc_us: int
    since_trusted: bool


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """An order that ended, as `edge.views_orders` has it. `ended_why`, `ended_given_seq`: of the
    order that ended it, where one did and the journal goes back so far.
    """

    id: str
    kind: str
    scope: str
    reason: str
    review_s: int
    drill: bool
    standing: bool
    people: int
    path: str
    source: str
    given_seq: int
    given_utc_us: int
    ended_seq: int
    ended_utc_us: int
    ended_cause: EndCause
    ended_by: str
    ended_why: str | None
    ended_given_seq: int | None


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was a drill. `ended_utc_us`: None where nothing tells of an end."""

    id: str
    kind: str
    scope: str
    reason: str
    given_utc_us: int
    ended_utc_us: int | None


class Counted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many entries, `drills` of them of drills; what they were not counted by is None."""

    day: str | None = None
    portal: str | None = None
    kind: str | None = None
    code: int | None = None
    entries: int
    drills: int


def basis(database: Database) -> Basis:
    """Raises sqlite3.Error, as all of these do."""
    (row,) = database.query("SELECT timezone FROM view")
    return Basis(at=read_at(database), reach=read_reach(database), timezone=row["timezone"])


def inside(database: Database, zone: str | None = None) -> Inside:
    """Everybody, or who was seen last in that zone; by zone, the longest there first."""
    people = [row for row in rows_of(database, PresenceRow, "presence") if zone in (None, row.zone)]
    people.sort(key=lambda row: (row.zone, row.since_s is None, row.since_s or 0, row.holder))
    zones = [row for row in rows_of(database, ZoneRow, "zone") if zone in (None, row.zone)]
    return Inside(tuple(people), tuple(sorted(zones, key=lambda row: row.zone)))


def doors(database: Database) -> tuple[Door, ...]:
    """Every portal, by its id."""
    return tuple(sorted(rows_of(database, Door, "door"), key=lambda door: door.portal))


def ended_orders(database: Database, count: int) -> tuple[Ordered, ...]:
    """The orders that ended last, the newest first, at most so many."""
    found = database.query(
        "SELECT one.*, other.reason AS ended_why, other.given_seq AS ended_given_seq"
        " FROM ordered AS one LEFT JOIN ordered AS other ON other.id = one.ended_by"
        " WHERE one.ended_seq IS NOT NULL ORDER BY one.ended_seq DESC, one.id LIMIT :count",
        {"count": count},
    )
    return tuple(msgspec.convert(row, Ordered, strict=False) for row in found)


def drills(database: Database, count: int) -> tuple[Drilled, ...]:
    """The drills that were given last, the newest first, at most so many."""
    found = database.query(
        "SELECT id, kind, scope, reason, given_utc_us, ended_utc_us FROM ordered"
        " WHERE drill = 1 ORDER BY given_seq DESC LIMIT :count",
        {"count": count},
    )
    return tuple(msgspec.convert(row, Drilled) for row in found)


def counts(
    database: Database, by: tuple[str, ...], since: str | None, until: str | None
) -> tuple[Counted, ...]:
    """How many entries, by some of BY and in their order; of the days `since` to `until`, both
    included. By code, or by portal, what has none is left out.
    """
    assert set(by) <= set(BY), by
    columns = ", ".join(by)
    where = ["day >= :since", "day <= :until"]
    where += ["code <> 0"] * ("code" in by) + ["portal <> ''"] * ("portal" in by)
    found = database.query(
        f"SELECT {columns}, sum(entries) AS entries, sum(drills) AS drills FROM tally"
        f" WHERE {' AND '.join(where)} GROUP BY {columns} ORDER BY {columns}",
        {"since": since or "", "until": until or "~"},
    )
    return tuple(msgspec.convert(row, Counted) for row in found)
