"""Weekly schedules: active when the site's wall clock reads inside an interval.

Half-open at the second. An interval that runs past midnight belongs to the day it starts on. So a
night on which clocks change has an interval shortened, lengthened or missing, exactly as the clock
on the wall says: 02:00-03:00 is never active on the night that skips it, and is twice where the
hour comes twice.
"""

from datetime import datetime, timedelta, tzinfo

import msgspec

DAY_S = 86_400
WEEK_DAYS = 7
HORIZON_UTC_S = 253_370_764_800
"""9999-01-01T00:00:00Z: beyond it there is no calendar to read, so nothing is known."""
LOOK_AHEAD_S = 8 * DAY_S
"""A weekly schedule repeats within seven days; one more for a night on which clocks change."""
TRANSITIONS_S_MAX = 400 * DAY_S
_STEP_S = 3_600
"""Offsets are compared this far apart: no zone on record changes its offset twice in an hour."""


class Interval(msgspec.Struct, frozen=True, order=True):
    """Seconds on the wall clock of the day it starts on; `end_s` above 86,400 is the next day."""

    start_s: int
    end_s: int


class Schedule(msgspec.Struct, frozen=True):
    """`days` has seven entries, Monday first."""

    id: str
    line: int
    days: tuple[tuple[Interval, ...], ...]


def active(schedule: Schedule, zone: tzinfo, utc_s: int) -> bool | None:
    """Whether the schedule is active at `utc_s`; None outside the calendar (year 9999)."""
    if not 0 <= utc_s < HORIZON_UTC_S:
        return None
    wall = datetime.fromtimestamp(utc_s, zone)
    return _reads_inside(schedule, wall)


def _reads_inside(schedule: Schedule, wall: datetime) -> bool:
    second = wall.hour * 3_600 + wall.minute * 60 + wall.second
    today = wall.weekday()
    for interval in schedule.days[today]:
        if interval.start_s <= second < interval.end_s:
            return True
    yesterday = schedule.days[today - 1]
    return any(second < interval.end_s - DAY_S for interval in yesterday)


def transitions(
    schedule: Schedule, zone: tzinfo, from_utc_s: int, until_utc_s: int
) -> tuple[tuple[int, bool], ...]:
    """Every second in (from, until] at which the schedule changes, with its new state, in order.

    Raises ValueError for a span above 400 days or outside the calendar.
    """
    if not 0 <= from_utc_s <= until_utc_s < HORIZON_UTC_S:
        raise ValueError("the span lies outside the calendar")
    if until_utc_s - from_utc_s > TRANSITIONS_S_MAX:
        raise ValueError("the span is longer than 400 days")
    state = active(schedule, zone, from_utc_s)
    changes: list[tuple[int, bool]] = []
    for candidate in _candidates(schedule, zone, from_utc_s, until_utc_s):
        now = active(schedule, zone, candidate)
        if now is not None and now != state:
            changes.append((candidate, now))
            state = now
    return tuple(changes)


def next_change(schedule: Schedule, zone: tzinfo, utc_s: int) -> int | None:
    """The first second after `utc_s` with another state; None: none within eight days."""
    if not 0 <= utc_s < HORIZON_UTC_S - LOOK_AHEAD_S:
        return None
    changes = transitions(schedule, zone, utc_s, utc_s + LOOK_AHEAD_S)
    return changes[0][0] if changes else None


def _candidates(schedule: Schedule, zone: tzinfo, from_utc_s: int, until_utc_s: int) -> list[int]:
    """Every second at which the answer could change: wall-clock boundaries and clock changes."""
    seconds = {0}
    for day in schedule.days:
        for interval in day:
            seconds |= {interval.start_s % DAY_S, interval.end_s % DAY_S}
    found: set[int] = set()
    start = from_utc_s
    offset = _offset_s(zone, start)
    while start < until_utc_s:
        end = min(start + _STEP_S, until_utc_s)
        end_offset = _offset_s(zone, end)
        pieces = [(start, end, offset)]
        if end_offset != offset:
            change = _change_between(zone, start, end, offset)
            found.add(change)
            pieces = [(start, change, offset), (change, end, end_offset)]
        for low, high, piece_offset in pieces:
            found |= _boundaries(seconds, low, high, piece_offset)
        start, offset = end, end_offset
    return sorted(second for second in found if from_utc_s < second <= until_utc_s)


def _boundaries(seconds: set[int], low: int, high: int, offset_s: int) -> set[int]:
    """Instants in [low, high], all under one offset, whose wall clock reads one of `seconds`."""
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
