"""Calendars and schedules as the policy's files say them."""

import re
from collections.abc import Mapping

from policies.calendar import FIRST_DAY, LAST_DAY, is_calendar
from policies.compiling import Compiling
from policies.document import EntryAt, Place
from policies.model import CalendarEntry, ScheduleEntry
from policies.problems import Problem, did_you_mean
from policies.schedule import DAY_S, WEEK_DAYS, Interval, Schedule

_INTERVAL = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
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


def compiled_schedules(compiling: Compiling) -> Mapping[str, Schedule]:
    """Every schedule by its id, holidays filled in."""
    entries = compiling.document.of(CalendarEntry)
    calendars = {entry.id: _calendar(compiling, entry) for entry in entries}
    _all_named(compiling, entries)
    schedules = compiling.document.of(ScheduleEntry)
    return {entry.id: _schedule(compiling, entry, calendars) for entry in schedules}


def _calendar(compiling: Compiling, entry: EntryAt[CalendarEntry]) -> frozenset[int]:
    """Its holidays, as ordinals of `datetime.date`."""
    days = {date.toordinal() for date in entry.value.dates}
    for index, date in enumerate(entry.value.dates):
        if not FIRST_DAY <= date.toordinal() <= LAST_DAY:
            place = entry.place.child("dates", index)
            compiling.problems.append(place.problem(f"{date} is not in 1970 to 2100", "mistyped?"))
    if entry.value.file is not None:
        days |= _file_of(compiling, entry.value.file, entry.place.child("file"))
    elif not days:
        hint = 'dates = [2026-12-25], or file = "holidays.ics"'
        compiling.problems.append(entry.place.at_key("has no days", hint))
    return frozenset(days)


def _file_of(compiling: Compiling, name: str, place: Place) -> frozenset[int]:
    files = compiling.document.calendars
    if name in files:
        return files[name].days
    if "/" in name or not is_calendar(name):
        message, hint = f"'{name}' is not the name of a calendar file", "as holidays.ics, no folder"
    else:
        message = f"no file '{name}' comes with this policy"
        listed = f'name it beside the policy, in the site file: policy = [..., "{name}"]'
        hint = did_you_mean(name, files) or listed
    compiling.problems.append(place.problem(message, hint))
    return frozenset()


def _all_named(compiling: Compiling, entries: tuple[EntryAt[CalendarEntry], ...]) -> None:
    """A file that no calendar names would have no effect, which nobody means. Where a name is
    mistyped, that is the mistake."""
    files = compiling.document.calendars
    named = {entry.value.file for entry in entries}
    if named - {None} <= set(files) and compiling.document.is_read("calendar"):
        for name in set(files) - named:
            hint = f'[calendar.holidays] file = "{name}"'
            message = "no calendar of the policy names this file"
            compiling.problems.append(Problem(files[name].file, 1, 1, "", message, hint))


def _schedule(
    compiling: Compiling,
    entry: EntryAt[ScheduleEntry],
    calendars: Mapping[str, frozenset[int]],
) -> Schedule:
    days: list[set[Interval]] = [set() for _ in range(WEEK_DAYS)]
    value, place = entry.value, entry.place
    for field, weekdays in _DAYS.items():
        hours = _hours(compiling, getattr(value, field), place.child(field.replace("_", "-")))
        for weekday in weekdays:
            days[weekday] |= hours
    if not value.holiday and not any(getattr(value, field) for field in _DAYS):
        compiling.problems.append(place.at_key("has no hours", 'daily = ["00:00-24:00"]'))
    holidays: frozenset[int] | None = None
    if value.except_ is not None:
        compiling.known("calendar", value.except_, place.child("except"))
        holidays = calendars.get(value.except_)
    elif value.holiday:
        hint = 'name one: except = "holidays"'
        problem = place.child("holiday").at_key("has hours, but the schedule no calendar", hint)
        compiling.problems.append(problem)
    return Schedule(
        id=entry.id,
        line=place.line,
        days=tuple(tuple(sorted(day)) for day in days),
        holidays=holidays,
        holiday_hours=tuple(sorted(_hours(compiling, value.holiday, place.child("holiday")))),
    )


def _hours(compiling: Compiling, texts: tuple[str, ...], place: Place) -> set[Interval]:
    read = (_interval(compiling, text, place.child(index)) for index, text in enumerate(texts))
    return {interval for interval in read if interval is not None}


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
