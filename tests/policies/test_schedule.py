"""Schedules against a plain reading of the wall clock, over the nights on which clocks change."""

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.compiled import CompiledPolicy
from policies.schedule import DAY_S, HORIZON_UTC_S, active, next_change, transitions
from tests.policies.support import compiled, vienna

TEXT = """
schema = 1
site = "villa"
version = 1
timezone = "{zone}"
[factors]
standard = {{ 1 = "badge" }}
[zone.street]
kind = "public"
[schedule.gap]
daily = ["02:00-03:00"]
[schedule.half]
daily = ["02:30-03:30"]
[schedule.night]
daily = ["22:00-06:00"]
[schedule.weekend-night]
fri = ["23:30-24:00"]
sat = ["22:00-02:15"]
[schedule.always]
daily = ["00:00-24:00"]
[schedule.week]
mon-fri = ["07:30-18:30"]
sat-sun = ["00:00-01:45", "10:00-12:00"]
[schedule.rings]
sun = ["01:30-02:30", "02:30-03:30"]
"""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NIGHTS = {
    "Europe/Vienna": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)),
    "America/St_Johns": (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    "Asia/Kathmandu": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 30, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)),
    "Africa/Casablanca": (datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 3, 22, tzinfo=UTC)),
}


@cache
def policy_of(zone: str) -> CompiledPolicy:
    return compiled(TEXT.format(zone=zone))


def plain_reading(schedule: str, zone: str, utc_s: int) -> bool:
    """The same question asked of the text of the intervals and the hands of the clock."""
    wall = datetime.fromtimestamp(utc_s, ZoneInfo(zone))
    hands = wall.strftime("%H:%M")
    spans = _spans(schedule)
    for first, last in spans.get(DAYS[wall.weekday()], ()):
        if first < last and first <= hands < last:
            return True
        if first > last and hands >= first:
            return True
    yesterday = spans.get(DAYS[wall.weekday() - 1], ())
    return any(first > last and hands < last for first, last in yesterday)


@cache
def _spans(schedule: str) -> dict[str, list[tuple[str, str]]]:
    table = tomllib.loads(TEXT.format(zone="UTC"))["schedule"][schedule]
    spans: dict[str, list[tuple[str, str]]] = {}
    groups = {"daily": DAYS, "mon-fri": DAYS[:5], "sat-sun": DAYS[5:]}
    for key, texts in table.items():
        for day in groups.get(key, (key,)):
            for text in texts:
                first, _, last = text.partition("-")
                spans.setdefault(day, []).append((first, last))
    return spans


@pytest.mark.parametrize("zone", NIGHTS)
def test_the_nights_on_which_clocks_change_read_like_the_clock_on_the_wall(zone: str) -> None:
    policy = policy_of(zone)
    for night in NIGHTS[zone]:
        start = int(night.timestamp()) - 36 * 3_600
        for utc_s in range(start, start + 72 * 3_600, 900):
            for edge in (utc_s - 1, utc_s):
                for schedule in policy.schedules:
                    assert policy.is_open(schedule, edge) is plain_reading(schedule, zone, edge)


@given(
    st.sampled_from(sorted(NIGHTS)),
    st.sampled_from(["gap", "half", "night", "weekend-night", "always", "week", "rings"]),
    st.integers(0, 2**32),
)
def test_any_second_reads_like_the_clock_on_the_wall(zone: str, schedule: str, utc_s: int) -> None:
    assert policy_of(zone).is_open(schedule, utc_s) is plain_reading(schedule, zone, utc_s)


def minutes_open(schedule: str, day: datetime) -> int:
    policy = policy_of("Europe/Vienna")
    start = int((day - timedelta(hours=12)).timestamp())
    seconds = range(start, start + DAY_S, 60)
    return sum(policy.is_open(schedule, utc_s) is True for utc_s in seconds)


def test_what_officers_are_told_about_the_two_nights() -> None:
    spring, autumn = (night + timedelta(hours=6) for night in NIGHTS["Europe/Vienna"])
    opened = [minutes_open(name, night) for night in (spring, autumn) for name in ("gap", "half")]
    assert opened == [0, 30, 120, 90]


def test_half_open_at_the_second() -> None:
    policy = policy_of("Europe/Vienna")
    first, last = vienna("2026-11-20 07:30"), vienna("2026-11-20 18:30")
    around = [first - 1, first, last - 1, last]
    assert [policy.is_open("week", s) for s in around] == [False, True, True, False]


def test_a_span_past_midnight_belongs_to_the_day_it_starts_on() -> None:
    policy = policy_of("Europe/Vienna")
    sunday, saturday = vienna("2026-11-22 02:14"), vienna("2026-11-21 02:14")
    assert policy.is_open("weekend-night", sunday) is True
    assert policy.is_open("weekend-night", sunday + 60) is False
    assert policy.is_open("weekend-night", saturday) is False


@pytest.mark.parametrize("zone", NIGHTS)
def test_transitions_are_exactly_where_the_reading_changes(zone: str) -> None:
    policy = policy_of(zone)
    for night in NIGHTS[zone]:
        start = int(night.timestamp()) - 36 * 3_600
        end = start + 72 * 3_600
        for schedule in policy.schedules.values():
            found = transitions(schedule, policy.zone, start, end)
            states = [(s, active(schedule, policy.zone, s)) for s in range(start, end + 1, 60)]
            scanned = [b for a, b in pairwise(states) if a[1] != b[1]]
            assert list(found) == scanned
            for second, state in found:
                assert active(schedule, policy.zone, second) is state
                assert active(schedule, policy.zone, second - 1) is not state


def test_the_next_change_is_the_first_transition() -> None:
    policy = policy_of("Europe/Vienna")
    friday_evening = vienna("2026-11-20 19:00")
    assert policy.next_change("week", friday_evening) == vienna("2026-11-21 00:00")
    assert policy.next_change("always", friday_evening) is None
    assert policy.next_change("no-such", friday_evening) is None


def test_outside_the_calendar_nothing_is_known() -> None:
    policy = policy_of("Europe/Vienna")
    always = policy.schedules["always"]
    for utc_s in (-1, HORIZON_UTC_S, 2**40):
        assert policy.is_open("always", utc_s) is None
        assert next_change(always, policy.zone, utc_s) is None
    assert policy.is_open("always", HORIZON_UTC_S - 1) is True
    with pytest.raises(ValueError, match="outside the calendar"):
        transitions(always, policy.zone, 5, 4)
    with pytest.raises(ValueError, match="400 days"):
        transitions(always, policy.zone, 0, 401 * DAY_S)
