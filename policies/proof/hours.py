"""Hours that stand for all others: one for each set of schedules that is ever active together.

What a schedule says depends on the day of the week, the second of the day, and on whether the date
and its eve are holidays. So one day of every kind that the calendars know is looked at, at every
second at which one of the schedules may change. That is exact, and no calendar year is left out.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from policies.calendar import FIRST_DAY, LAST_DAY
from policies.compiled import CompiledPolicy
from policies.schedule import DAY_S, WEEK_DAYS, Schedule, Wall, active_at, wall_at

MONDAY = date(2027, 1, 11).toordinal()
"""Stories happen from this day on where it does not matter when."""
CALM_S = 10 * 3_600
DAYS_OF_A_KIND = 2
"""A night on which clocks change leaves an hour out; the next day of its kind has that hour."""

Kind = tuple[int, tuple[bool, ...], tuple[bool, ...]]


class Hours:
    """The representative hours of one policy."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self._policy = policy
        self._known: dict[frozenset[str], dict[int, int]] = {}
        self._fullest: dict[frozenset[str], tuple[int, ...]] = {}

    def all(self, names: Iterable[str]) -> tuple[int, ...]:
        """UTC seconds, one for each set of these schedules that is active at some time."""
        return tuple(self._of(frozenset(names)).values())

    def fullest(self, names: Iterable[str]) -> tuple[int, ...]:
        """Of these, the ones at which no other has all the same schedules active and more: what is
        granted at any hour is granted at one of them."""
        asked = frozenset(names)
        found = self._fullest.get(asked)
        if found is None:
            known = self._of(asked)
            found = self._fullest[asked] = tuple(
                utc_s
                for active, utc_s in known.items()
                if not any(other != active and other & active == active for other in known)
            )
        return found

    def _of(self, names: frozenset[str]) -> dict[int, int]:
        """By the set of schedules that are active, as a bit mask."""
        found = self._known.get(names)
        if found is None:
            schedules = [self._policy.schedules[name] for name in sorted(names)]
            found = self._known[names] = self._representatives(schedules)
        return found

    def _representatives(self, schedules: list[Schedule]) -> dict[int, int]:
        found: dict[int, int] = {}
        seconds = sorted(_seconds(schedules))
        for day in _days(schedules):
            for second in seconds:
                wall = Wall(day, (day - 1) % WEEK_DAYS, second)
                active = 0
                for place, schedule in enumerate(schedules):
                    if active_at(schedule, wall):
                        active |= 1 << place
                if active not in found:
                    utc_s = self._utc_s(wall)
                    if utc_s is not None:
                        found[active] = utc_s
        return found

    def _utc_s(self, wall: Wall) -> int | None:
        """When the wall reads so; None where clocks skip it."""
        midnight = datetime.fromordinal(wall.day).replace(tzinfo=self._policy.zone)
        utc_s = int((midnight + timedelta(seconds=wall.second)).timestamp())
        return utc_s if wall_at(self._policy.zone, utc_s) == wall else None


def _seconds(schedules: list[Schedule]) -> set[int]:
    intervals = [i for s in schedules for hours in (*s.days, s.holiday_hours) for i in hours]
    ends = {second % DAY_S for i in intervals for second in (i.start_s, i.end_s)}
    return {0, *ends} if ends else {CALM_S}


def _days(schedules: list[Schedule]) -> Iterator[int]:
    """Days of every kind, ordinary ones first."""
    calendars = sorted({s.holidays for s in schedules if s.holidays is not None}, key=sorted)
    holidays = frozenset[int]().union(*calendars)
    special = holidays | {day + 1 for day in holidays}
    seen: dict[Kind, int] = {}
    ordinary = 0
    for day in range(MONDAY, LAST_DAY):
        if day not in special:
            ordinary += 1
            yield day
        if ordinary == DAYS_OF_A_KIND * WEEK_DAYS:
            break
    for day in sorted(special, key=lambda day: (day < MONDAY, day)):
        if not FIRST_DAY < day <= LAST_DAY:
            continue
        today = tuple(day in calendar for calendar in calendars)
        eve = tuple(day - 1 in calendar for calendar in calendars)
        kind = (day % WEEK_DAYS, today, eve)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= DAYS_OF_A_KIND:
            yield day
