"""Calendars: the examples of RFC 5545, every kind of mistake, and what becomes of both."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from policies import PolicyError, Problem, SourceFile, load
from policies.calendar import DATES_MAX, FIRST_DAY, LAST_DAY, PROBLEMS_MAX, read_calendar
from policies.icalendar import MALFORMED_MAX
from policies.loader import digest_of
from policies.problems import FILE_BYTES_MAX
from tests.policies.test_loader import SMALL

CALENDAR = "BEGIN:VCALENDAR\nVERSION:2.0\n{}END:VCALENDAR\n"
EVENT = "BEGIN:VEVENT\n{}END:VEVENT\n"
CHRISTMAS = "DTSTART;VALUE=DATE:20261225\n"


def read(text: str | bytes) -> tuple[list[date], list[Problem]]:
    data = text if isinstance(text, bytes) else text.encode()
    days, found = read_calendar(SourceFile("x.ics", data))
    return [date.fromordinal(day) for day in sorted(days)], found


def calendar(*events: str) -> str:
    """A file with these events; of each, its properties."""
    return CALENDAR.format("".join(EVENT.format(event) for event in events))


def days_of(*events: str) -> list[date]:
    days, found = read(calendar(*events))
    assert found == []
    return days


def mistakes(*events: str) -> list[str]:
    """What is said of a file with these events, which begin in its line 4."""
    days, found = read(calendar(*events))
    assert days == [], "of an event with a mistake no day is taken"
    return [str(problem) for problem in found]


# --- the examples of RFC 5545 --------------------------------------------------------------------


def test_the_anniversary_of_section_3_6_1() -> None:
    text = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//hacksw/handcal//NONSGML v1.0//EN
BEGIN:VEVENT
UID:19970901T130000Z-123403@example.com
DTSTAMP:19970901T130000Z
DTSTART;VALUE=DATE:19971102
SUMMARY:Our Blissful Anniversary
TRANSP:TRANSPARENT
CLASS:CONFIDENTIAL
CATEGORIES:ANNIVERSARY,PERSONAL,SPECIAL OCCASION
RRULE:FREQ=YEARLY
END:VEVENT
END:VCALENDAR
"""
    assert read(text) == ([date(year, 11, 2) for year in range(1997, 2101)], [])


def test_the_festival_of_section_3_6_1_ends_before_its_dtend() -> None:
    days = days_of(
        "UID:20070423T123432Z-541111@example.com\nDTSTAMP:20070423T123432Z\n"
        "DTSTART;VALUE=DATE:20070628\nDTEND;VALUE=DATE:20070709\n"
        "SUMMARY:Festival International de Jazz de Montreal\nTRANSP:TRANSPARENT\n"
    )
    assert days == [date(2007, 6, 28) + timedelta(days=n) for n in range(11)]


def test_the_rdates_of_section_3_8_5_2() -> None:
    """With the comma that erratum 2527 puts back at the fold."""
    days = days_of(
        "DTSTART;VALUE=DATE:19970101\n"
        "RDATE;VALUE=DATE:19970101,19970120,19970217,19970421,\n"
        " 19970526,19970704,19970901,19971014,19971128,19971129,19971225\n"
    )
    assert [day.strftime("%m%d") for day in days] == (
        ["0101", "0120", "0217", "0421", "0526", "0704", "0901", "1014", "1128", "1129", "1225"]
    )


def test_folds_as_in_section_3_1() -> None:
    folded = (
        "DESCRIPTION:This is a lo\r\n ng description\r\n  that exists on a long line.\r\n"
        "DTSTART;VA\r\n\tLUE=DATE:2026\r\n 1225\r\n"
    )
    assert days_of(folded) == [date(2026, 12, 25)]


def test_a_date_that_does_not_exist_is_no_occurrence_and_is_not_counted() -> None:
    """Section 3.3.10: such instances are ignored and not counted as part of the set."""
    leap_day = "DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;COUNT=3\n"
    assert days_of(leap_day) == [date(2024, 2, 29), date(2028, 2, 29), date(2032, 2, 29)]


@pytest.mark.parametrize(
    ("rule", "years"),
    [
        ("FREQ=YEARLY;COUNT=1", [2026]),
        ("FREQ=YEARLY;COUNT=3", [2026, 2027, 2028]),
        ("COUNT=3;INTERVAL=4;FREQ=YEARLY", [2026, 2030, 2034]),
        ("freq=yearly;until=20281225", [2026, 2027, 2028]),  # the last day counts
        ("FREQ=YEARLY;UNTIL=20281224", [2026, 2027]),
        ("FREQ=YEARLY;INTERVAL=30", [2026, 2056, 2086]),
    ],
)
def test_yearly_rules(rule: str, years: list[int]) -> None:
    assert days_of(f"{CHRISTMAS}RRULE:{rule}\n") == [date(year, 12, 25) for year in years]


def test_days_left_out_and_added_are_occurrences_as_long_as_the_first() -> None:
    days = days_of(
        "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261226\n"
        "RRULE:FREQ=YEARLY;COUNT=3\nEXDATE;VALUE=DATE:20271224\n"
        "RDATE;VALUE=DATE:20271230\nEXDATE;VALUE=DATE:20281224\n"
    )
    assert days == [date(2026, 12, day) for day in (24, 25)] + [
        date(2027, 12, 30 + n) for n in (0, 1)
    ]


def test_what_says_nothing_about_days_is_passed_over() -> None:
    winter = "BEGIN:STANDARD\nDTSTART:19701025T030000\nEND:STANDARD\n"
    zone = f"BEGIN:VTIMEZONE\nTZID:X\n{winter}END:VTIMEZONE\n"
    alarm = "BEGIN:VALARM\nTRIGGER:-PT30M\nEND:VALARM\n"
    said = 'X-A;B="c:d;e":f\nATTENDEE;CN="A, B":mailto:a@b\n\nSTATUS:CONFIRMED\n'
    head = "CALSCALE:GREGORIAN\nMETHOD:PUBLISH\nX-WR-CALNAME:Feiertage\nNAME:ä\n"
    text = CALENDAR.format(head + zone + EVENT.format(CHRISTMAS + said + alarm))
    assert read(text) == ([date(2026, 12, 25)], [])
    assert read(text * 2) == read(text)  # a file may hold more than one calendar


def test_the_first_and_the_last_day_that_are_known() -> None:
    days = days_of("DTSTART;VALUE=DATE:19700101\nDTEND;VALUE=DATE:19700103\n")
    assert days[0].toordinal() == FIRST_DAY
    days = days_of("DTSTART;VALUE=DATE:20991230\nDTEND;VALUE=DATE:21000102\nRRULE:FREQ=YEARLY\n")
    assert days[-1].toordinal() == LAST_DAY  # what goes on beyond is cut off there
    assert days_of("DTSTART;VALUE=DATE:21001231\nDTEND;VALUE=DATE:21010101\n") == [days[-1]]


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            "DTSTART:20261225T090000Z\n",
            "4:1: error: DTSTART: holidays are whole days; DTSTART;VALUE=DATE:20261225",
        ),
        (
            "DTSTART:20270406\n",
            "4:1: error: DTSTART: holidays are whole days; DTSTART;VALUE=DATE:20270406",
        ),
        (
            "DTSTART;TZID=Europe/Vienna:20261225T090000\n",
            "4:1: error: DTSTART: TZID is not read: holidays are whole days;"
            " DTSTART;VALUE=DATE:20261225",
        ),
        (
            "DTSTART;VALUE=DATE:20261225T090000\n",
            "4:20: error: DTSTART: '20261225T090000' is not a date;"
            " holidays are whole days, as 20261225",
        ),
        (
            "DTSTART;VALUE=DATE:20260230\n",
            "4:20: error: DTSTART: '20260230' is not a date; holidays are whole days, as 20261225",
        ),
        (
            "DTSTART;VALUE=DATE:19691231\n",
            "4:20: error: DTSTART: '19691231' is not in 1970 to 2100;"
            " begin a yearly rule that is older in 1970",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;UNTIL=99991231\n",
            "5:25: error: RRULE: '99991231' is not in 1970 to 2100;"
            " a yearly rule ends by itself in 2100",
        ),
        (
            CHRISTMAS + "DTEND;VALUE=DATE:20261225\n",
            "5:18: error: DTEND: the event ends before it begins;"
            " DTEND is the day after the last one",
        ),
        (
            CHRISTMAS + "RDATE;VALUE=DATE:20270329,20280230\n",
            "5:27: error: RDATE: '20280230' is not a date; holidays are whole days, as 20261225",
        ),
        (  # the place of what stands behind a fold
            CHRISTMAS + "RDATE;VALUE=DATE:20270329,\n 20280417,2029\n",
            "6:11: error: RDATE: '2029' is not a date; holidays are whole days, as 20261225",
        ),
        (
            CHRISTMAS + "RDATE;VALUE=PERIOD:20260403T020000Z/PT3H\n",
            "5:1: error: RDATE: holidays are whole days; RDATE;VALUE=DATE:20261225",
        ),
        (
            CHRISTMAS + "EXDATE;VALUE=DATE:20261225,20261226\n",
            "5:28: error: EXDATE: no occurrence begins on this day;"
            " name the first day of an occurrence",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=MONTHLY\n",
            "5:7: error: RRULE: 'FREQ=MONTHLY' is not read; only FREQ=YEARLY, INTERVAL, COUNT and"
            " UNTIL are; else RDATE;VALUE=DATE:20260406,20270329",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;BYDAY=2MO\n",
            "5:19: error: RRULE: 'BYDAY=2MO' is not read; only FREQ=YEARLY, INTERVAL, COUNT and"
            " UNTIL are; else RDATE;VALUE=DATE:20260406,20270329",
        ),
        (CHRISTMAS + "RRULE:COUNT=2\n", "5:7: error: RRULE: FREQ is missing; FREQ=YEARLY"),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;COUNT=0\n",
            "5:25: error: RRULE: '0' is not a number; 1 or more",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;INTERVAL=-1\n",
            "5:28: error: RRULE: '-1' is not a number; 1 or more",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;COUNT=2;COUNT=3\n",
            "5:27: error: RRULE: COUNT is given twice; keep one of the two",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;COUNT=2;UNTIL=20301231\n",
            "5:7: error: RRULE: both COUNT and UNTIL; keep one of the two",
        ),
        (
            CHRISTMAS + "RRULE:FREQ=YEARLY;UNTIL=20261224\n",
            "5:7: error: RRULE: the rule ends before it begins; UNTIL is its last day",
        ),
        (
            CHRISTMAS * 2,
            "5:1: error: DTSTART: is given twice; keep this one or that of line 4",
        ),
        (
            CHRISTMAS + "STATUS:TENTATIVE\n",
            "5:8: error: STATUS: 'TENTATIVE': a holiday or not?;"
            " delete the event, or write CONFIRMED",
        ),
        (
            CHRISTMAS + "DTEDN;VALUE=DATE:20261227\n",
            "5:1: error: DTEDN: is not read here; did you mean 'DTEND'?",
        ),
        (
            CHRISTMAS + "DURATION:P2D\n",
            "5:1: error: DURATION: is not read here; write DTEND, the day after the last one",
        ),
        (
            CHRISTMAS + "RECURRENCE-ID;VALUE=DATE:20261225\n",
            "5:1: error: RECURRENCE-ID: is not read here; leave the occurrence out with EXDATE, and"
            " write an event of its own",
        ),
        (
            CHRISTMAS + "BOOKED-BY:x\n",
            "5:1: error: BOOKED-BY: is not read here; delete the line, unless it says which days"
            " are holidays: one VEVENT with DTSTART;VALUE=DATE:20261225 for each",
        ),
        (
            "SUMMARY:Easter\n",
            "3:7: error: BEGIN: the event has no first day; DTSTART;VALUE=DATE:20261225",
        ),
        (
            CHRISTMAS + "BEGIN:VTODO\nEND:VTODO\n",
            "5:7: error: BEGIN: 'VTODO' is not read here; delete it, unless it says which days are"
            " holidays: one VEVENT with DTSTART;VALUE=DATE:20261225 for each",
        ),
        (
            CHRISTMAS + "Easter Monday\n",
            "5:1: error: not a line of an iCalendar file; a line is NAME:value; what goes on from"
            " the line above begins with a blank",
        ),
    ],
)
def test_every_mistake_of_an_event_is_told_where_it_stands(event: str, said: str) -> None:
    days, found = read(calendar(event))
    assert [str(problem) for problem in found] == [f"x.ics:{said}"]
    if not said.startswith("5:1: error: not a line"):
        assert days == [], "of an event with a mistake no day is taken"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: error: the file is empty"),
        (b"BEGIN:VCALENDAR\nX-A:\xff\n", "2:5: error: not UTF-8 text; save the file as UTF-8"),
        ("#" * (FILE_BYTES_MAX + 1), "1:1: error: the file has 1048577 bytes, at most 1048576 are"),
        (
            CALENDAR.format(""),
            "1:7: error: BEGIN: there is no event in it;"
            " BEGIN:VEVENT, DTSTART;VALUE=DATE:20261225, END:VEVENT",
        ),
        (
            EVENT.format(CHRISTMAS),
            "1:7: error: BEGIN: not a calendar; BEGIN:VCALENDAR comes first",
        ),
        (CHRISTMAS, "1:1: error: DTSTART: stands outside; BEGIN:VCALENDAR comes first"),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n",
            "3:5: error: END: 'VEVENT' of line 2 has not ended; every BEGIN has its END",
        ),
        (
            calendar(CHRISTMAS)[: -len("END:VCALENDAR\n")],
            "1:7: error: BEGIN: 'VCALENDAR' does not end; every BEGIN has its END",
        ),
        (
            calendar(CHRISTMAS).replace("2.0", "1.0"),
            "2:9: error: VERSION: '1.0' is not read; only 2.0 is",
        ),
        (
            calendar(CHRISTMAS).replace("VERSION:2.0", "METHOD:CANCEL"),
            "2:8: error: METHOD: 'CANCEL' is not read; only PUBLISH is",
        ),
        (
            calendar(CHRISTMAS).replace("VERSION:2.0", "PRODIT:x"),
            "2:1: error: PRODIT: is not read here; did you mean 'PRODID'?",
        ),
    ],
)
def test_every_mistake_of_a_file_is_told_where_it_stands(text: str | bytes, said: str) -> None:
    _, found = read(text)
    assert len(found) == 1
    assert str(found[0]).startswith(f"x.ics:{said}")


def test_mistakes_of_one_run_are_told_together_and_hide_no_other_event() -> None:
    text = calendar("DTSTART;VALUE=DATE:2026\nRRULE:FREQ=DAILY\nDTEND:1\n", CHRISTMAS)
    days, found = read(text)
    assert [(p.line, p.path) for p in found] == [(4, "DTSTART"), (6, "DTEND")]
    assert days == [date(2026, 12, 25)]


def test_a_file_has_so_many_days_and_mistakes_and_no_more() -> None:
    year = "DTSTART;VALUE=DATE:19710101\nDTEND;VALUE=DATE:19720101\n"
    enough = DATES_MAX // 365
    assert read(calendar(*[year] * enough))[1] == []
    _, found = read(calendar(*[year] * (enough + 20)))
    assert [str(problem) for problem in found] == [
        f"x.ics:{3 + 4 * enough}:7: error: BEGIN: the file has more than {DATES_MAX} days up to"
        " the year 2100; end its yearly rules with UNTIL, or take out what is past"
    ]
    whole = "DTSTART;VALUE=DATE:19700101\nDTEND;VALUE=DATE:21010101\n"
    assert "more than" in mistakes(whole)[0]
    assert len(mistakes("DTSTRAT:1\n" * 5_000)) == PROBLEMS_MAX
    assert len(read("?\n" * 5_000)[1]) == MALFORMED_MAX
    assert len(mistakes(f"DTSTART;VALUE=DATE:{'1' * 100_000}\n")[0]) < 200


# --- calendars of a policy -----------------------------------------------------------------------

FEAST = '[calendar.feasts]\n{}\n[schedule.s]\ndaily = ["08:00-18:00"]\nexcept = "feasts"\n'


def with_files(policy: str, **files: str) -> tuple[str, ...]:
    """What the loader says of the policy and these calendar files."""
    sources = [SourceFile("p.toml", (SMALL + policy).encode())]
    sources += [SourceFile(f"etc/{n}.ics", text.encode()) for n, text in files.items()]
    try:
        load(sources, timezone=ZoneInfo, tzdata_version="x")
    except PolicyError as error:
        return tuple(str(problem) for problem in error.problems)
    return ()


def test_a_calendar_has_the_days_of_its_list_and_of_its_file() -> None:
    policy = SMALL + FEAST.format('dates = [2026-05-01, 2026-10-26]\nfile = "at.ics"')
    sources = [
        SourceFile("p.toml", policy.encode()),
        SourceFile("etc/at.ics", calendar(CHRISTMAS + "RRULE:FREQ=YEARLY;COUNT=2\n").encode()),
    ]
    schedule = load(sources, timezone=ZoneInfo, tzdata_version="x").schedules["s"]
    assert schedule.holidays is not None
    assert [str(date.fromordinal(day)) for day in sorted(schedule.holidays)] == [
        "2026-05-01",
        "2026-10-26",
        "2026-12-25",
        "2027-12-25",
    ]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "",
            "20:1: error: calendar.feasts: has no days;"
            ' dates = [2026-12-25], or file = "holidays.ics"',
        ),
        (
            "dates = [2026-12-25, 2101-01-01]",
            "21:22: error: calendar.feasts.dates.1: 2101-01-01 is not in 1970 to 2100; mistyped?",
        ),
        (
            "dates = [2026-12-25T00:00:00]",
            "21:10: error: calendar.feasts.dates.0: expected 'date', got 'datetime';"
            " write a day as 2026-12-25",
        ),
        (
            'dates = ["25.12.2026"]',
            "21:10: error: calendar.feasts.dates.0: invalid RFC3339 encoded date;"
            " write a day as 2026-12-25",
        ),
        (
            "dates = 2026-12-25",
            "21:9: error: calendar.feasts.dates: expected 'array', got 'date';"
            " write a day as 2026-12-25",
        ),
        (
            "days = [2026-12-25]",
            "21:1: error: calendar.feasts.days: unknown key 'days'; did you mean 'dates'?",
        ),
        (
            'file = "fr.ics"',
            "21:8: error: calendar.feasts.file: no file 'fr.ics' comes with this policy;"
            ' name it beside the policy, in the site file: policy = [..., "fr.ics"]',
        ),
        (
            'file = "etc/at.ics"',
            "21:8: error: calendar.feasts.file: 'etc/at.ics' is not the name of a calendar file;"
            " as holidays.ics, no folder",
        ),
        (
            'file = "p.toml"',
            "21:8: error: calendar.feasts.file: 'p.toml' is not the name of a calendar file;"
            " as holidays.ics, no folder",
        ),
    ],
)
def test_every_mistake_of_a_calendar_is_told_where_it_stands(keys: str, said: str) -> None:
    assert with_files(FEAST.format(keys)) == (f"p.toml:{said}",)


def test_a_mistyped_file_name_is_one_mistake_with_the_likely_one() -> None:
    assert with_files(FEAST.format('file = "austira.ics"'), austria=calendar(CHRISTMAS)) == (
        "p.toml:21:8: error: calendar.feasts.file: no file 'austira.ics' comes with this policy;"
        " did you mean 'austria.ics'?",
    )


def test_a_file_that_no_calendar_names_is_a_mistake() -> None:
    assert with_files(FEAST.format("dates = [2026-12-25]"), at=calendar(CHRISTMAS)) == (
        "etc/at.ics:1:1: error: no calendar of the policy names this file;"
        ' [calendar.holidays] file = "at.ics"',
    )


def test_mistakes_of_a_calendar_file_are_told_beside_those_of_the_policy() -> None:
    policy = FEAST.format('file = "at.ics"') + "[role.Boss]\n"
    (broken, role) = with_files(policy, at=calendar("DTSTART:1\n"))
    assert broken.startswith("etc/at.ics:4:1: error: DTSTART: holidays are whole days")
    assert role.startswith("p.toml:25:1: error: role.Boss: an id is")


def test_two_files_of_one_name_are_a_mistake() -> None:
    sources = [
        SourceFile("p.toml", (SMALL + FEAST.format('file = "at.ics"')).encode()),
        SourceFile("a/at.ics", calendar(CHRISTMAS).encode()),
        SourceFile("b/at.ics", calendar(CHRISTMAS).encode()),
    ]
    with pytest.raises(PolicyError) as caught:
        load(sources, timezone=ZoneInfo, tzdata_version="x")
    assert str(caught.value) == (
        "b/at.ics:1:1: error: a second file of the name 'at.ics'; rename one: the other is"
        " 'a/at.ics'"
    )


def test_the_digest_covers_calendar_files_and_what_they_are_called() -> None:
    """With names swapped, the feasts of one calendar would be those of the other."""
    one, two = calendar(CHRISTMAS).encode(), calendar("DTSTART;VALUE=DATE:20261226\n").encode()

    def digest(*files: tuple[str, bytes]) -> str:
        sources = [SourceFile("p.toml", b"x"), *(SourceFile(*file) for file in files)]
        return digest_of(sources, "2025.2")

    as_named = digest(("etc/a.ics", one), ("etc/b.ics", two))
    assert as_named == digest(("a.ics", one), ("b.ics", two))
    assert as_named != digest(("b.ics", one), ("a.ics", two))
    assert as_named != digest(("a.ics", one), ("b.ics", two + b"\n"))
    assert as_named != digest(("a.ics", one))


def test_every_piece_of_a_file_is_answered_with_its_mistakes() -> None:
    text = calendar(
        CHRISTMAS + "RRULE:FREQ=YEARLY;COUNT=2\nRDATE;VALUE=DATE:20270329,\n 20280417\n"
    )
    for cut in range(len(text) - 1):  # without the last line end it is whole
        assert read(text[:cut])[1] != []
        read(text[:cut] + "\x00" + text[cut:])
        read(text[:cut] + text[cut + 1 :])
