"""Moments and spans of time as people write them, read off the site's wall clock."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, tzinfo

from policies.schedule import DAY_S, WEEK_DAYS

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DATES_SHOWN = 3

Span = tuple[int, int]
"""Seconds since the epoch, half-open."""
_Hours = tuple[Span, ...]
"""The same, as seconds since midnight on the wall."""


def moment_in_words(utc_s: int, zone: tzinfo) -> str:
    """`Sun 2026-11-22 09:00`; seconds only where there are any."""
    wall = datetime.fromtimestamp(utc_s, zone)
    seconds = f":{wall:%S}" if wall.second else ""
    return f"{WEEKDAYS[wall.weekday()]} {wall:%Y-%m-%d %H:%M}{seconds}"


def midnight(day: date, zone: tzinfo) -> int:
    """The second at which the date begins on the wall."""
    return int(datetime.combine(day, time.min, tzinfo=zone).timestamp())


def clock(second: int) -> str:
    """`07:30`, and `24:00` for the end of a day."""
    minutes, seconds = divmod(second, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order; what touches is one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def hours_in_words(spans: Iterable[Span], within: Span, zone: tzinfo) -> str:
    """`Mon-Fri 07:30-08:00`, with the dates on which it is otherwise, as on holidays; `always`.

    Only whole days of `within` are looked at, unless there are none.
    """
    known = joined(spans)
    if known == (within,):
        return "always"
    by_day = _by_day(known, zone)
    days = _whole_days(within, zone) or sorted(by_day)
    usual = {
        weekday: Counter(by_day.get(day, ()) for day in days if _weekday(day) == weekday)
        for weekday in range(WEEK_DAYS)
    }
    pattern = {weekday: seen.most_common(1)[0][0] for weekday, seen in usual.items() if seen}
    parts = [f"{_days(week)} {_hours(hours)}" for hours, week in _alike(pattern) if hours]
    others: dict[_Hours, list[int]] = defaultdict(list)
    for day in days:
        hours = by_day.get(day, ())
        if hours != pattern[_weekday(day)]:
            others[hours].append(day)
    for hours, dates in sorted(others.items(), key=lambda found: found[1]):
        parts.append(f"{f'{_hours(hours)} on' if hours else 'not on'} {_dates(dates)}")
    return "; ".join(parts) or "never"


def _by_day(spans: Sequence[Span], zone: tzinfo) -> dict[int, _Hours]:
    """The spans cut at midnights, by the ordinal of the date."""
    found: dict[int, list[Span]] = defaultdict(list)
    for start, end in spans:
        at = start
        while at < end:
            wall = datetime.fromtimestamp(at, zone)
            following = midnight(date.fromordinal(wall.toordinal() + 1), zone)
            until = min(end, following)
            begin = wall.hour * 3_600 + wall.minute * 60 + wall.second
            last = datetime.fromtimestamp(until - 1, zone)
            close = last.hour * 3_600 + last.minute * 60 + last.second + 1
            found[wall.toordinal()].append((begin, close))
            at = until
    return {day: tuple(hours) for day, hours in found.items()}


def _whole_days(within: Span, zone: tzinfo) -> list[int]:
    first = datetime.fromtimestamp(within[0], zone)
    last = datetime.fromtimestamp(within[1], zone).toordinal()
    begin = first.toordinal() + (midnight(first.date(), zone) < within[0])
    return list(range(begin, last))


def _weekday(day: int) -> int:
    return (day - 1) % WEEK_DAYS  # ordinal 1 was a Monday


def _alike(pattern: dict[int, _Hours]) -> list[tuple[_Hours, list[int]]]:
    found: dict[_Hours, list[int]] = {}
    for weekday, hours in sorted(pattern.items()):
        found.setdefault(hours, []).append(weekday)
    return list(found.items())


def _days(week: Sequence[int]) -> str:
    """`Mon-Fri`, `Mon-Wed, Sat`, `daily`."""
    if len(week) == WEEK_DAYS:
        return "daily"
    runs: list[list[int]] = []
    for day in week:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        WEEKDAYS[run[0]] if len(run) == 1 else f"{WEEKDAYS[run[0]]}-{WEEKDAYS[run[-1]]}"
        for run in runs
    )


def _hours(hours: _Hours) -> str:
    if hours == ((0, DAY_S),):
        return "all day"
    return " and ".join(f"{clock(start)}-{clock(end)}" for start, end in hours)


def _dates(days: Sequence[int]) -> str:
    shown = ", ".join(date.fromordinal(day).isoformat() for day in days[:DATES_SHOWN])
    more = len(days) - DATES_SHOWN
    return f"{shown} and {more} more days" if more > 0 else shown
