"""What is asked of the archive: which entries, and how many.

Everything goes by an index that was filled as entries were stored, and a page at a time: storing
goes on meanwhile. Times are what the edges' clocks said, in microseconds.
"""

from collections import Counter
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from central.archive import Archived
from central.database import Database
from central.mentions import CODE, DRILL, HOLDER, PORTAL, bucket, mentions
from controller import ledger
from controller.events import Entry, decode_entry

END_US = 2**53
"""Behind every time that an entry can have."""

PAGE_MAX = 1_000
"""Entries of one page: some hundred kilobytes."""

NAMESAKES_MAX = 100
"""People of one name that a search goes after."""

DAY_US = 86_400_000_000


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: those for which all of it holds. `person`: a holder's id, or a whole value as
    it lies beside entries, a name as a rule; then of everybody who had that name.
    """

    site: str = ""
    edge: str = ""
    person: str = ""
    portal: str = ""
    code: int | None = None
    kind: str = ""
    since_us: int = 0
    until_us: int = END_US
    """The first moment that is too late."""


class Place(NamedTuple):
    """Where an entry stands among all entries, ordered by time."""

    utc_us: int
    journal: int
    seq: int


class Found(msgspec.Struct, frozen=True):
    place: Place
    archived: Archived


class By(StrEnum):
    """What entries are counted by."""

    DAY = "day"
    PORTAL = "portal"
    KIND = "kind"
    CODE = "code"


class Count(msgspec.Struct, frozen=True):
    """`value`: a day of UTC as 2026-11-21, a portal, a kind or a code. `drill`: how many of those
    were an exercise.
    """

    value: str
    count: int
    drill: int


def page(
    db: Database, query: Query, *, behind: Place | None, count: int, newest_first: bool
) -> list[Found]:
    """The next `count` entries behind a place, PAGE_MAX at most; None: from the beginning."""
    select = _Select(db, query)
    if behind is not None:
        sign = "<" if newest_first else ">"
        select.where(f"({select.place}) {sign} (?, ?, ?)", *behind)
    order = ", ".join(f"{one} {'DESC' if newest_first else 'ASC'}" for one in select.order)
    rows = db.execute(
        f"SELECT e.utc_us, e.journal, e.seq, e.data FROM {select.sources}"
        f" WHERE {select.conditions} ORDER BY {order} LIMIT ?",
        (*select.parameters, min(count, PAGE_MAX)),
    ).fetchall()
    return [Found(Place(*place), _whole(db, data, *place[1:])) for *place, data in rows]


def counts(db: Database, query: Query, by: By) -> list[Count]:
    """How many, by day in the order of days, otherwise the most frequent first. Of the query its
    site, edge and times count.
    """
    what = {By.PORTAL: PORTAL, By.CODE: CODE}.get(by)
    span = "d.utc_us >= ? AND d.utc_us < ?"
    if what is None:
        value = f"d.utc_us / {DAY_US}" if by is By.DAY else "d.kind"
        source, condition, values = "entry AS d", span, (query.since_us, query.until_us)
    else:
        value, source, condition = "d.value", "mention AS d", f"d.what = '{what}' AND {span}"
        values = (query.since_us, query.until_us)
    place, named = of_journals(query, "d.journal")
    rows = db.execute(
        f"SELECT {value}, count(*) FROM {source}{place} WHERE {condition}{named[0]} GROUP BY 1",
        (*values, *named[1]),
    ).fetchall()
    drills = _drills(db, query, by)
    found = [Count(_shown(by, value), count, drills[value]) for value, count in rows]
    return sorted(found, key=lambda one: one.value if by is By.DAY else (-one.count, one.value))


def _drills(db: Database, query: Query, by: By) -> Counter[Any]:
    """Exercises are few, and read."""
    place, named = of_journals(query, "d.journal")
    rows = db.execute(
        f"SELECT e.data FROM mention AS d CROSS JOIN entry AS e{place}"
        f" WHERE d.what = '{DRILL}' AND d.value = '' AND d.utc_us >= ? AND d.utc_us < ?"
        f" AND e.journal = d.journal AND e.seq = d.seq AND e.utc_us = d.utc_us{named[0]}",
        (query.since_us, query.until_us, *named[1]),
    )
    found: Counter[Any] = Counter()
    for (data,) in rows:
        found.update(_values(decode_entry(data), by))
    return found


def _values(entry: Entry, by: By) -> list[Any]:
    if by is By.DAY:
        return [entry.utc_us // DAY_US]
    if by is By.KIND:
        return [entry.kind]
    what = PORTAL if by is By.PORTAL else CODE
    return [one.value for one in mentions(entry) if one.what == what]


def _shown(by: By, value: Any) -> str:
    if by is not By.DAY:
        return str(value)
    return (date(1970, 1, 1) + timedelta(days=value)).isoformat()


class _Select:
    """The parts of a statement. What is rarest is looked up first, and entries last: SQLite takes
    CROSS JOIN in the order in which it stands, PostgreSQL finds its own.
    """

    def __init__(self, db: Database, query: Query) -> None:
        self._sources: list[str] = []
        self._before: list[Any] = []
        self._where: list[str] = []
        self._values: list[Any] = []
        first = ""
        if query.person:
            self._add_person(db, query)
            first = "p"
        for what, name, value in (("c", CODE, query.code), ("g", PORTAL, query.portal or None)):
            if value is not None:
                self._sources.append(f"mention AS {what}")
                self.where(f"{what}.what = ? AND {what}.value = ?", name, str(value))
                if first:
                    self.where(_same(what, first))
                first = first or what
        self._sources.append("entry AS e")
        if first:
            self.where(_same("e", first))
        if query.kind:
            self.where("e.kind = ?", query.kind)
        first = first or "e"
        self.order = tuple(f"{first}.{column}" for column in Place._fields)
        self.where(f"{first}.utc_us >= ? AND {first}.utc_us < ?", query.since_us, query.until_us)
        place, (condition, named) = of_journals(query, "e.journal")
        self._sources[-1] += place
        if named:
            self.where(condition.removeprefix(" AND "), *named)

    def where(self, condition: str, *values: Any) -> None:
        self._where.append(condition)
        self._values += values

    def _add_person(self, db: Database, query: Query) -> None:
        known = db.execute(
            "SELECT DISTINCT holder FROM personal"
            " WHERE bucket = ? AND value = ? AND field = 'person' AND holder IS NOT NULL LIMIT ?",
            (bucket(query.person), query.person, NAMESAKES_MAX),
        ).fetchall()
        people = (query.person, *(holder for (holder,) in known))
        span = "utc_us >= ? AND utc_us < ?"
        self._sources.append(
            f"(SELECT utc_us, journal, seq FROM mention WHERE what = '{HOLDER}'"
            f" AND value IN ({', '.join('?' * len(people))}) AND {span}"
            f" UNION SELECT utc_us, journal, seq FROM personal WHERE bucket = ? AND value = ?"
            f" AND {span}) AS p"
        )
        times = (query.since_us, query.until_us)
        self._before += (*people, *times, bucket(query.person), query.person, *times)

    @property
    def place(self) -> str:
        return ", ".join(self.order)

    @property
    def sources(self) -> str:
        return " CROSS JOIN ".join(self._sources)

    @property
    def conditions(self) -> str:
        return " AND ".join(self._where)

    @property
    def parameters(self) -> tuple[Any, ...]:
        return (*self._before, *self._values)


def _same(one: str, other: str) -> str:
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in Place._fields)


def of_journals(query: Query, column: str) -> tuple[str, tuple[str, tuple[str, ...]]]:
    """Where the query names a site or an edge: a further source, and the condition on it."""
    named = {"site": query.site, "edge": query.edge}
    given = [name for name, value in named.items() if value]
    if not given:
        return "", ("", ())
    condition = "".join(f" AND j.{name} = ?" for name in given)
    return (
        " CROSS JOIN journal AS j",
        (f" AND j.id = {column}{condition}", tuple(named[name] for name in given)),
    )


def _whole(db: Database, data: bytes, journal: int, seq: int) -> Archived:
    rows = db.execute(
        "SELECT field, value, salt FROM personal WHERE journal = ? AND seq = ? ORDER BY field",
        (journal, seq),
    ).fetchall()
    personal = tuple(ledger.Personal(*row) for row in rows)
    return Archived(entry=decode_entry(data), data=data, personal=personal)
