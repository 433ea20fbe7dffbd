"""Schedules as the policy's files say them."""

import re
from collections.abc import Mapping

from policies.compiling import Compiling
from policies.document import EntryAt, Place
from policies.model import ScheduleEntry
from policies.schedule import DAY_S, WEEK_DAYS, Interval, Schedule

_INTERVAL = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_DAYS: Mapping[str, tuple[int, ...]] = {
    "daily": tuple(range(WEEK_DAYS)),
    "mon": (0,),
    "tue": (1,),
    "wed": (2,),
    "thu": (3,),
    "fri": (4,),
    "sat": (5,),
    "sun": (6,),
    "mon_fri": (0, 1, 2, 3, 4),
    "sat_sun": (5, 6),
}


def compiled_schedule(compiling: Compiling, entry: EntryAt[ScheduleEntry]) -> Schedule:
    days: list[set[Interval]] = [set() for _ in range(WEEK_DAYS)]
    for field, weekdays in _DAYS.items():
        texts: tuple[str, ...] = getattr(entry.value, field)
        for index, text in enumerate(texts):
            place = entry.place.child(field.replace("_", "-"), index)
            interval = _interval(compiling, text, place)
            for weekday in weekdays if interval else ():
                days[weekday] |= {interval} if interval else set()
    if not any(getattr(entry.value, field) for field in _DAYS):
        compiling.problems.append(entry.place.at_key("has no hours", 'daily = ["00:00-24:00"]'))
    return Schedule(entry.id, entry.place.line, tuple(tuple(sorted(day)) for day in days))


def _interval(compiling: Compiling, text: str, place: Place) -> Interval | None:
    found = _INTERVAL.fullmatch(text)
    hint = 'write "07:30-18:30"; past midnight "22:00-06:00", a whole day "00:00-24:00"'
    if found is None:
        compiling.problems.append(place.problem(f"'{text}' is not a time span", hint))
        return None
    h1, m1, h2, m2 = (int(part) for part in found.groups())
    start, end = h1 * 3_600 + m1 * 60, h2 * 3_600 + m2 * 60
    if h1 > 23 or m1 > 59 or m2 > 59 or end > DAY_S:
        compiling.problems.append(place.problem(f"'{text}' is not a time of day", hint))
        return None
    if start == end:
        compiling.problems.append(place.problem(f"'{text}' starts when it ends", hint))
        return None
    return Interval(start, end if end > start else end + DAY_S)
