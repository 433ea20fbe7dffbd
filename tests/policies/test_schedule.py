"""Schedules against a plain reading of the wall clock, over the nights on which clocks change."""

import tomllib
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Code, decide
from policies.calendar import LAST_DAY
from policies.compiled import CompiledPolicy
from policies.schedule import (
    DAY_S,
    HORIZON_UTC_S,
    Wall,
    active,
    active_at,
    next_change,
    transitions,
    wall_at,
)
from tests.policies.support import IN, OUT, ask, changed, compiled, embassy, problems, vienna

TEXT = """
schema = 1
site = "villa"
version = 1
timezone = "{zone}"
[factors]
standard = {{ 1 = "badge" }}
[zone.street]
kind = "public"
[calendar.closures]
dates = [
  1970-01-01, 1986-01-01, 2011-12-30, 2018-11-04, 2019-02-16, 2019-02-17, 2026-02-15, 2026-03-08,
  2026-03-22, 2026-03-28, 2026-03-29, 2026-04-05, 2026-04-06, 2026-10-03, 2026-10-04, 2026-10-24,
  2026-10-25, 2026-11-01, 2026-12-24, 2026-12-25, 2026-12-26, 2099-12-31,
]
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
[schedule.shift]
daily = ["22:00-06:00"]
except = "closures"
[schedule.desk]
mon-fri = ["07:30-18:30"]
sat-sun = ["01:00-02:30"]
except = "closures"
holiday = ["09:00-12:00", "23:00-02:30"]
[schedule.feast]
except = "closures"
holiday = ["00:00-24:00"]
"""
SAID = tomllib.loads(TEXT.format(zone="UTC"))
HOLIDAYS = ("shift", "desk", "feast")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NIGHTS = {
    "Europe/Vienna": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)),
    "America/St_Johns": (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    "Asia/Kathmandu": (datetime(1986, 1, 1, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 30, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)),
    "Africa/Casablanca": (datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 3, 22, tzinfo=UTC)),
    "America/Sao_Paulo": (datetime(2018, 11, 4, tzinfo=UTC), datetime(2019, 2, 17, tzinfo=UTC)),
    "Asia/Gaza": (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)),
    "Antarctica/Troll": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
}
INSTANTS = 12_000
"""In each of the ten zones."""
KNOWN_UNTIL_S = int(datetime(2100, 12, 30, tzinfo=UTC).timestamp())
"""Holidays are known so far."""


@cache
def policy_of(zone: str) -> CompiledPolicy:
    return compiled(TEXT.format(zone=zone))


def plain_reading(schedule: str, wall: datetime) -> bool:
    """The same question asked of the text of the intervals and the hands of the clock."""
    hands = wall.strftime("%H:%M")
    for first, last in hours(schedule, wall.date()):
        if first < last and first <= hands < last:
            return True
        if first > last and hands >= first:
            return True
    eve = hours(schedule, wall.date() - timedelta(days=1))
    return any(first > last and hands < last for first, last in eve)


def hours(schedule: str, day: date) -> list[tuple[str, str]]:
    """What the text says of spans that start on this day."""
    table = SAID["schedule"][schedule]
    if "except" in table and day in SAID["calendar"][table["except"]]["dates"]:
        spans = table.get("holiday", [])
    else:
        groups = ("daily", "mon-fri" if day.weekday() < 5 else "sat-sun", DAYS[day.weekday()])
        spans = [span for group in groups for span in table.get(group, [])]
    return [(span[:5], span[6:]) for span in spans]


@pytest.mark.parametrize("zone", NIGHTS)
def test_the_nights_on_which_clocks_change_read_like_the_clock_on_the_wall(zone: str) -> None:
    policy = policy_of(zone)
    for night in NIGHTS[zone]:
        start = int(night.timestamp()) - 36 * 3_600
        for utc_s in range(start, start + 72 * 3_600, 900):
            for edge in (utc_s - 1, utc_s):
                wall = datetime.fromtimestamp(edge, ZoneInfo(zone))
                for schedule in policy.schedules:
                    assert policy.is_open(schedule, edge) is plain_reading(schedule, wall)


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_hundred_thousand_seconds_read_like_the_clock_on_the_wall(zone: str) -> None:
    """Half of them anywhere, half within seconds of a quarter of an hour around such a night."""
    random, policy = Random(zone), policy_of(zone)
    nights = [int(night.timestamp()) for night in NIGHTS[zone]]
    for number in range(INSTANTS):
        utc_s = random.randrange(2 * DAY_S, KNOWN_UNTIL_S)
        if number % 2:
            quarter = random.choice(nights) + 900 * random.randint(-300, 300)
            utc_s = quarter + random.choice((-2, -1, 0, 1))
        wall = datetime.fromtimestamp(utc_s, ZoneInfo(zone))
        read = policy.wall(utc_s)
        assert read == wall_at(policy.zone, utc_s), "a clock that jumps sees no old reading"
        for name, schedule in policy.schedules.items():
            assert active_at(schedule, read) is plain_reading(name, wall), (name, utc_s)


@given(
    st.sampled_from(sorted(NIGHTS)),
    st.sampled_from(sorted(policy_of("Europe/Vienna").schedules)),
    st.integers(2 * DAY_S, KNOWN_UNTIL_S),
)
def test_any_second_reads_like_the_clock_on_the_wall(zone: str, schedule: str, utc_s: int) -> None:
    wall = datetime.fromtimestamp(utc_s, ZoneInfo(zone))
    assert policy_of(zone).is_open(schedule, utc_s) is plain_reading(schedule, wall)


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


@pytest.mark.parametrize(
    ("schedule", "at", "expected"),
    [
        ("shift", "2026-12-23 22:00", True),  # of the eve
        ("shift", "2026-12-24 05:59", True),  # runs on into the first holiday
        ("shift", "2026-12-24 06:00", False),
        ("shift", "2026-12-24 22:00", False),  # would start on a holiday
        ("shift", "2026-12-27 05:59", False),  # would have started on the last one
        ("shift", "2026-12-27 22:00", True),
        ("desk", "2026-12-24 08:59", False),  # a Thursday, with the hours of a holiday
        ("desk", "2026-12-24 09:00", True),
        ("desk", "2026-12-24 12:00", False),
        ("desk", "2026-12-24 18:00", False),
        ("desk", "2026-12-27 01:30", True),  # both of the holiday before and of this Sunday
        ("desk", "2026-12-27 02:30", False),
        ("desk", "2026-12-27 23:30", False),
        ("desk", "2026-12-28 07:30", True),
        ("feast", "2026-12-23 23:59", False),
        ("feast", "2026-12-24 00:00", True),
        ("feast", "2026-12-27 00:00", False),
    ],
)
def test_a_span_is_of_a_holiday_where_it_starts_on_one(
    schedule: str, at: str, expected: bool
) -> None:
    assert policy_of("Europe/Vienna").is_open(schedule, vienna(at)) is expected


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


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_year_of_transitions_tells_the_state_of_any_second(zone: str) -> None:
    random, policy = Random(zone), policy_of(zone)
    start = int(datetime(2026, 1, 1, 12, 34, 56, tzinfo=UTC).timestamp())
    for name, schedule in policy.schedules.items():
        found = transitions(schedule, policy.zone, start, start + 400 * DAY_S)
        seconds = [start, *(second for second, _ in found)]
        states = [active(schedule, policy.zone, start), *(state for _, state in found)]
        assert all(before != after for before, after in pairwise(states))
        asked = [random.randrange(start, start + 400 * DAY_S) for _ in range(300)]
        for second in (*asked, *(s - 1 for s in seconds[1:]), *seconds):
            known = states[bisect_right(seconds, second) - 1]
            assert active(schedule, policy.zone, second) is known, (name, second)


def test_the_next_change_is_the_first_transition() -> None:
    policy = policy_of("Europe/Vienna")
    friday_evening = vienna("2026-11-20 19:00")
    assert policy.next_change("week", friday_evening) == vienna("2026-11-21 00:00")
    assert policy.next_change("always", friday_evening) is None
    assert policy.next_change("no-such", friday_evening) is None


@pytest.mark.parametrize(
    ("hours", "since", "until"),
    [
        ('sun = ["02:00-03:00"]', "2026-03-22 03:00", "2026-04-05 02:00"),  # one night skips it
        ('mon-fri = ["07:30-18:30"]', "2026-12-23 18:30", "2027-01-11 07:30"),
        ('mon-fri = ["07:30-18:30"]', "2026-12-23 18:29", "2026-12-23 18:30"),
        ('daily = ["00:00-24:00"]', "2027-01-09 00:00", "2027-12-24 00:00"),
        ('holiday = ["10:00-12:00"]', "2027-01-08 12:00", "2027-12-24 10:00"),
        ('holiday = ["10:00-12:00"]', "2027-12-24 12:00", None),
    ],
)
def test_the_next_change_is_found_beyond_holidays(
    hours: str, since: str, until: str | None
) -> None:
    closed = ", ".join(str(date(2026, 12, 24) + timedelta(days=n)) for n in range(16))
    calendar = f"[calendar.closed]\ndates = [{closed}, 2027-12-24]\n"
    named = "" if "sun" in hours else '\nexcept = "closed"'
    plain = TEXT.partition("[calendar")[0].format(zone="Europe/Vienna")
    policy = compiled(f"{plain}{calendar}[schedule.x]\n{hours}{named}\n")
    expected = None if until is None else vienna(until)
    assert policy.next_change("x", vienna(since)) == expected


def test_outside_the_calendar_nothing_is_known() -> None:
    policy = policy_of("Europe/Vienna")
    always = policy.schedules["always"]
    for utc_s in (-1, HORIZON_UTC_S, 2**40):
        assert policy.is_open("always", utc_s) is None
        assert wall_at(policy.zone, utc_s) is None
        assert next_change(always, policy.zone, utc_s) is None
    assert policy.is_open("always", HORIZON_UTC_S - 1) is True
    assert next_change(always, policy.zone, HORIZON_UTC_S - 1) is None
    with pytest.raises(ValueError, match="outside the calendar"):
        transitions(always, policy.zone, 5, 4)
    with pytest.raises(ValueError, match="400 days"):
        transitions(always, policy.zone, 0, 401 * DAY_S)


@pytest.mark.parametrize("schedule", HOLIDAYS)
def test_with_holidays_nothing_is_known_where_none_are(schedule: str) -> None:
    """Both the day and the day before have to be known to be holidays or not."""
    policy = policy_of("Europe/Vienna")
    end = vienna("2101-01-01 00:00")
    assert [policy.is_open(schedule, s) is None for s in (end - 1, end)] == [False, True]
    assert next_change(policy.schedules[schedule], policy.zone, end) is None
    days = transitions(policy.schedules[schedule], policy.zone, end - 2 * DAY_S, end + DAY_S)
    assert days[-1] == (end, None)
    first = vienna("1970-01-02 00:00")
    assert [policy.is_open(schedule, s) is None for s in (first - 1, first)] == [True, False]
    assert active_at(policy.schedules[schedule], Wall(LAST_DAY + 1, 5, 0)) is None
    assert policy.is_open("night", end) is True


def test_where_holidays_are_not_known_nobody_enters_by_hours() -> None:
    monday = vienna("2101-01-03 10:00")
    decision = decide(embassy(), ask("staff-door", IN, "local-staff", "badge", utc_s=monday))
    assert (decision.granted, decision.code) == (False, Code.SCHEDULE_HORIZON)
    assert embassy().opening("front-door", monday) is False
    assert decide(embassy(), ask("front-door", OUT, "local-staff", utc_s=monday)).granted


def test_on_a_holiday_only_those_enter_who_need_no_office_hours() -> None:
    friday = vienna("2026-12-25 10:00")
    local, staff = (ask("staff-door", IN, who, utc_s=friday) for who in ("local-staff", "staff"))
    assert decide(embassy(), local).code is Code.OUT_OF_SCHEDULE
    assert decide(embassy(), staff).granted
    assert embassy().opening("front-door", friday) is False
    assert embassy().is_open("night-watch", vienna("2026-12-25 23:00")) is True


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'except = "closures"\n[schedule.desk]',
            'except = "closure"\n[schedule.desk]',
            "0.toml:34:10: error: schedule.shift.except: unknown calendar 'closure';"
            " did you mean 'closures'?",
        ),
        (
            'except = "closures"\nholiday = ["00:00-24:00"]',
            'holiday = ["00:00-24:00"]',
            "0.toml:41:1: error: schedule.feast.holiday: has hours, but the schedule no calendar;"
            ' name one: except = "holidays"',
        ),
        (
            'holiday = ["00:00-24:00"]',
            'holiday = ["00:00-24:30"]',
            "0.toml:42:12: error: schedule.feast.holiday.0: '00:00-24:30' is not a time of day;"
            ' write "07:30-18:30"; past midnight "22:00-06:00", a whole day "00:00-24:00"',
        ),
        (
            'holiday = ["00:00-24:00"]',
            "",
            '0.toml:40:1: error: schedule.feast: has no hours; daily = ["00:00-24:00"]',
        ),
    ],
)
def test_mistakes_are_told_where_they_stand(old: str, new: str, said: str) -> None:
    text = changed(old, new, TEXT.format(zone="Europe/Vienna"))
    assert said in [str(problem) for problem in problems(text)]
