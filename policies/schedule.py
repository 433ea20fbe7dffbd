"""Schedules: active when the site's wall clock reads inside an interval.

Half-open at the second. An interval that runs past midnight belongs to the date it starts on: to
its day of the week, and to its being a holiday or not. So a night shift of the eve runs on into the
holiday, and the one that would start on the holiday does not.

A night on which clocks change has an interval shortened, lengthened or missing, exactly as the
clock on the wall says: 02:00-03:00 is never active on the night that skips it, and is twice where
the hour comes twice.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo

import msgspec

from policies.calendar import FIRST_DAY, LAST_DAY

HOUR_S = 3_600
DAY_S = 86_400
WEEK_DAYS = 7
_EPOCH_S = date(1970, 1, 1).toordinal() * DAY_S
HORIZON_UTC_S = 253_370_764_800
"""9999-01-01T00:00:00Z: beyond it no clock on a wall can be read, so nothing is known."""
LOOK_AHEAD_S = 15 * DAY_S
"""A week repeats within seven days; once, the night on which clocks change can leave it out."""
HOLIDAYS_LOOK_AHEAD_S = 400 * DAY_S
"""With holidays a whole year may pass: what is shut on one day of it alone, or open on one."""
TRANSITIONS_S_MAX = 400 * DAY_S
_STEP_S = DAY_S
"""Offsets are compared this far apart: since 1970 no zone on record has changed its offset twice
within six days."""


class Interval(msgspec.Struct, frozen=True, order=True):
    """Seconds on the wall clock of the date it starts on; `end_s` above 86,400 is the next one."""

    start_s: int
    end_s: int


class Schedule(msgspec.Struct, frozen=True):
    """`days` has seven entries, Monday first. On a date of `holidays` (ordinals of `datetime.date`)
    `holiday_hours` stand in their place; None: this schedule knows no holidays."""

    id: str
    line: int
    days: tuple[tuple[Interval, ...], ...]
    holidays: frozenset[int] | None = None
    holiday_hours: tuple[Interval, ...] = ()


class Wall(msgspec.Struct, frozen=True, gc=False):
    """What clock and calendar on the site's wall read: `day` is the ordinal of the date (as in
    `datetime.date`), `weekday` counts from Monday, 0, and `second` from midnight."""

    day: int
    weekday: int
    second: int


def wall_at(zone: tzinfo, utc_s: int) -> Wall | None:
    """The wall's reading in `zone` at `utc_s`; None before 1970 and from the year 9999 on."""
    if not 0 <= utc_s < HORIZON_UTC_S:
        return None
    wall = datetime.fromtimestamp(utc_s, zone)
    second = wall.hour * 3_600 + wall.minute * 60 + wall.second
    return Wall(wall.toordinal(), wall.weekday(), second)


def day_end_s(zone: tzinfo, utc_s: int) -> int:
    """The first second of the date in `zone` that follows the one of `utc_s`; of a night without
    midnight, the first that there is. Beyond the horizon, `utc_s` itself."""
    wall = wall_at(zone, utc_s)
    if wall is None:
        return utc_s
    day = date.fromordinal(wall.day + 1)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def wall_under(offset_s: int, utc_s: int) -> Wall:
    """The wall's reading at `utc_s`, as far ahead of UTC as given."""
    wall_s = _EPOCH_S + utc_s + offset_s
    day = wall_s // DAY_S
    return Wall(day, (day - 1) % WEEK_DAYS, wall_s % DAY_S)


def offset_of_hour(zone: tzinfo, hour: int) -> int | None:
    """How far the wall is ahead of UTC from `hour` hours after 1970 on until the next one, in
    seconds; None where that changes in between, or the calendar ends."""
    start_s = hour * HOUR_S
    if not 0 <= start_s < HORIZON_UTC_S:
        return None
    offset_s = _offset_s(zone, start_s)
    return offset_s if _offset_s(zone, start_s + HOUR_S) == offset_s else None


def active_at(schedule: Schedule, wall: Wall | None) -> bool | None:
    """Whether the schedule is active at that reading; None where that is not known: without a
    reading, and where holidays count and date or eve lie outside `FIRST_DAY` to `LAST_DAY`."""
    if wall is None:
        return None
    today, eve = schedule.days[wall.weekday], schedule.days[wall.weekday - 1]
    if schedule.holidays is not None:
        if not FIRST_DAY < wall.day <= LAST_DAY:
            return None
        if wall.day in schedule.holidays:
            today = schedule.holiday_hours
        if wall.day - 1 in schedule.holidays:
            eve = schedule.holiday_hours
    second = wall.second
    for interval in today:
        if interval.start_s <= second < interval.end_s:
            return True
    second += DAY_S
    for interval in eve:  # noqa: SIM110 - any() takes twice the time, and every rule asks this
        if second < interval.end_s:
            return True
    return False


def active(schedule: Schedule, zone: tzinfo, utc_s: int) -> bool | None:
    """Whether the schedule is active at `utc_s`; None where that is not known."""
    return active_at(schedule, wall_at(zone, utc_s))


def transitions(
    schedule: Schedule, zone: tzinfo, from_utc_s: int, until_utc_s: int
) -> tuple[tuple[int, bool | None], ...]:
    """Every second in (from, until] at which the answer of `active` changes, with the new answer,
    in order.

    Raises ValueError for a span above 400 days, before 1970 or from the year 9999 on.
    """
    if not 0 <= from_utc_s <= until_utc_s < HORIZON_UTC_S:
        raise ValueError("the span lies outside the calendar")
    if until_utc_s - from_utc_s > TRANSITIONS_S_MAX:
        raise ValueError("the span is longer than 400 days")
    return tuple(_changes(schedule, zone, from_utc_s, until_utc_s))


def next_change(schedule: Schedule, zone: tzinfo, utc_s: int) -> int | None:
    """The first second after `utc_s` at which the answer of `active` is another; None: there is
    none within 15 days, or within 400 where the schedule has holidays."""
    if not 0 <= utc_s < HORIZON_UTC_S:
        return None
    ahead_s = LOOK_AHEAD_S if schedule.holidays is None else HOLIDAYS_LOOK_AHEAD_S
    until_utc_s = min(utc_s + ahead_s, HORIZON_UTC_S - 1)
    first = next(_changes(schedule, zone, utc_s, until_utc_s), None)
    return None if first is None else first[0]


def _changes(
    schedule: Schedule, zone: tzinfo, from_utc_s: int, until_utc_s: int
) -> Iterator[tuple[int, bool | None]]:
    state = active(schedule, zone, from_utc_s)
    for candidate in _candidates(schedule, zone, from_utc_s, until_utc_s):
        now = active(schedule, zone, candidate)
        if now != state:
            yield candidate, now
            state = now


def _candidates(
    schedule: Schedule, zone: tzinfo, from_utc_s: int, until_utc_s: int
) -> Iterator[int]:
    """Every second at which the answer could change, never falling: wall-clock boundaries,
    midnights and clock changes."""
    seconds = {0}
    for hours in (*schedule.days, schedule.holiday_hours):
        for interval in hours:
            seconds |= {interval.start_s % DAY_S, interval.end_s % DAY_S}
    start = from_utc_s
    offset = _offset_s(zone, start)
    while start < until_utc_s:
        end = min(start + _STEP_S, until_utc_s)
        end_offset = _offset_s(zone, end)
        if end_offset == offset:
            found = _boundaries(seconds, start, end, offset)
        else:
            change = _change_between(zone, start, end, offset)
            found = {change} | _boundaries(seconds, start, change, offset)
            found |= _boundaries(seconds, change, end, end_offset)
        yield from sorted(found - {start})
        start, offset = end, end_offset


def _boundaries(seconds: set[int], low: int, high: int, offset_s: int) -> set[int]:
    """Instants in [low, high], a day apart at most and all under one offset, whose wall clock reads
    one of `seconds`."""
    midnight = (low + offset_s) // DAY_S * DAY_S - offset_s
    days = (midnight, midnight + DAY_S)
    return {day + second for day in days for second in seconds if low <= day + second <= high}


def _offset_s(zone: tzinfo, utc_s: int) -> int:
    offset = datetime.fromtimestamp(utc_s, zone).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)


def _change_between(zone: tzinfo, low: int, high: int, low_offset_s: int) -> int:
    """The first second of (low, high] with another offset than at `low`."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_s(zone, middle) == low_offset_s:
            low = middle
        else:
            high = middle
    return high
