"""How many grants, refusals and alarms there were, step by step: what a wall draws.

Everything goes by an index, and only alarms that have to be read to be told, and exercises, which
are not counted, are read.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from central.database import Database
from central.mentions import CODE, DRILL
from central.search import Query, of_journals
from controller.alarms import ALARMS, alarm
from controller.events import decode_entry

GRANTS_BELOW = 200
"""Codes of grants are the first hundred (`policies.codes`)."""

SECOND_US = 1_000_000

_PLAIN = tuple(sorted(kind for kind, rule in ALARMS.items() if rule.is_plain))
_READ = tuple(sorted(kind for kind, rule in ALARMS.items() if not rule.is_plain))


class Step(NamedTuple):
    """What happened from `utc_us` on, up to the next step."""

    utc_us: int
    grants: int
    refusals: int
    alarms: int


class _Sums:
    def __init__(self, query: Query, step_us: int) -> None:
        count = -(-(query.until_us - query.since_us) // step_us)
        self._since_us, self._step_us = query.since_us, step_us
        self.grants, self.refusals, self.alarms = ([0] * count for _ in range(3))

    def decided(self, place: int, code: str, count: int) -> None:
        granted = code.isdecimal() and int(code) < GRANTS_BELOW
        (self.grants if granted else self.refusals)[place] += count

    def place(self, utc_us: int) -> int:
        return (utc_us - self._since_us) // self._step_us

    def steps(self) -> Iterator[Step]:
        for place, sums in enumerate(zip(self.grants, self.refusals, self.alarms, strict=True)):
            yield Step(self._since_us + place * self._step_us, *sums)


def series(db: Database, query: Query, step_s: int) -> list[Step]:
    """Every step from `since_us` to `until_us` of the query; of it site and edge count as well."""
    sums = _Sums(query, step_s * SECOND_US)
    _decisions(db, query, sums, step_s * SECOND_US)
    _alarms(db, query, sums, step_s * SECOND_US)
    return list(sums.steps())


def _decisions(db: Database, query: Query, sums: _Sums, step_us: int) -> None:
    place, (named, values) = of_journals(query, "d.journal")
    span = (query.since_us, query.until_us)
    rows = db.execute(
        f"SELECT (d.utc_us - {query.since_us}) / {step_us}, d.value, count(*) FROM mention AS d"
        f"{place} WHERE d.what = '{CODE}' AND d.utc_us >= ? AND d.utc_us < ?{named} GROUP BY 1, 2",
        (*span, *values),
    ).fetchall()
    for at, code, count in rows:
        sums.decided(at, code, count)
    drills = db.execute(
        f"SELECT d.utc_us, d.value FROM mention AS r CROSS JOIN mention AS d{place}"
        f" WHERE r.what = '{DRILL}' AND r.value = '' AND r.utc_us >= ? AND r.utc_us < ?"
        f" AND d.what = '{CODE}' AND d.utc_us = r.utc_us AND d.journal = r.journal"
        f" AND d.seq = r.seq{named}",
        (*span, *values),
    )
    for utc_us, code in drills:
        sums.decided(sums.place(utc_us), code, -1)


def _alarms(db: Database, query: Query, sums: _Sums, step_us: int) -> None:
    place, (named, values) = of_journals(query, "e.journal")
    span = (query.since_us, query.until_us)

    def found(what: str, kinds: tuple[str, ...], then: str) -> Iterator[Any]:
        marks = ", ".join("?" * len(kinds))
        yield from db.execute(
            f"SELECT {what} FROM entry AS e{place} WHERE e.kind IN ({marks})"
            f" AND e.utc_us >= ? AND e.utc_us < ?{named}{then}",
            (*kinds, *span, *values),
        )

    at = f"(e.utc_us - {query.since_us}) / {step_us}"
    for step, count in found(f"{at}, count(*)", _PLAIN, " GROUP BY 1"):
        sums.alarms[step] += count
    for utc_us, data in found("e.utc_us, e.data", _READ, ""):
        entry = decode_entry(data)
        sums.alarms[sums.place(utc_us)] += alarm(entry) is not None and not entry.drill
    kinds = ", ".join(f"'{kind}'" for kind in _PLAIN)
    drills = db.execute(
        f"SELECT e.utc_us FROM mention AS r CROSS JOIN entry AS e{place}"
        f" WHERE r.what = '{DRILL}' AND r.value = '' AND r.utc_us >= ? AND r.utc_us < ?"
        f" AND e.journal = r.journal AND e.seq = r.seq AND e.utc_us = r.utc_us"
        f" AND e.kind IN ({kinds}){named}",
        (*span, *values),
    )
    for (utc_us,) in drills:
        sums.alarms[sums.place(utc_us)] -= 1
