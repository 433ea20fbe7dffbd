"""Holidays out of iCalendar files: whole days and yearly rules of RFC 5545, and nothing else.

A reader of our own, because a holiday left out leaves a door open. The libraries at hand keep on
over what they do not understand and name no line, and they open time-zone files. Here every line is
understood, is known to say nothing about days, or is a mistake in its place.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import accumulate

from policies.icalendar import Component, Line, components, quoted
from policies.problems import Problem, SourceFile, did_you_mean, text_of

FIRST_DAY = date(1970, 1, 1).toordinal()
LAST_DAY = date(2100, 12, 31).toordinal()
"""Yearly rules are expanded so far; whether a later day is a holiday is not known."""
DATES_MAX = 10_000
"""Days of one file, counted once for each event that covers them: 76 a year until the last."""
PROBLEMS_MAX = 100
"""Nobody mends more by hand."""

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_SAID = {"VERSION": "2.0", "CALSCALE": "GREGORIAN", "METHOD": "PUBLISH"}
_ONCE = ("DTSTART", "DTEND", "RRULE", "STATUS")
_OF_EVENT = (*_ONCE, "RDATE", "EXDATE")
_NOT_DAYS = {
    "VCALENDAR": "PRODID NAME DESCRIPTION UID LAST-MODIFIED URL CATEGORIES REFRESH-INTERVAL "
    "SOURCE COLOR IMAGE",
    "VEVENT": "ATTACH ATTENDEE CATEGORIES CLASS COLOR COMMENT CONFERENCE CONTACT CREATED "
    "DESCRIPTION DTSTAMP GEO IMAGE LAST-MODIFIED LOCATION ORGANIZER PRIORITY RELATED-TO RESOURCES "
    "SEQUENCE SUMMARY TRANSP UID URL",
}
"""Properties (RFC 5545 and 7986) that do not say which days are meant; as are all X- ones."""
_WITHIN = {"VCALENDAR": ("VEVENT", "VTIMEZONE"), "VEVENT": ("VALARM",)}
"""Time zones and alarms do not say which days are meant either."""
_INSTEAD = {
    "DURATION": "write DTEND, the day after the last one",
    "RECURRENCE-ID": "leave the occurrence out with EXDATE, and write an event of its own",
}
_OTHERWISE = "one VEVENT with DTSTART;VALUE=DATE:20261225 for each"
_RULE_HINT = (
    "only FREQ=YEARLY, INTERVAL, COUNT and UNTIL are; else RDATE;VALUE=DATE:20260406,20270329"
)


def is_calendar(name: str) -> bool:
    """Whether a file of that name counts as iCalendar."""
    return name.lower().endswith(".ics")


def name_alone(name: str) -> str:
    """A file's name without its folders: what a calendar of the policy calls it."""
    return name.rpartition("/")[2]


def read_calendar(source: SourceFile) -> tuple[frozenset[int], list[Problem]]:
    """The days that the file's events cover, as ordinals of `datetime.date` from `FIRST_DAY` to
    `LAST_DAY`, and every mistake; where there is one, the days are not all of them."""
    text = text_of(source)
    if isinstance(text, Problem):
        return frozenset(), [text]
    calendars, problems = components(source.name, text)
    reader = _Reader(problems)
    for calendar in calendars:
        reader.calendar(calendar)
    return frozenset(reader.days), reader.problems


class _Reader:
    """The days found so far, and what is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.days: set[int] = set()
        self.counted = 0

    def _complain(self, problem: Problem) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)

    def calendar(self, calendar: Component) -> None:
        if calendar.name != "VCALENDAR":
            self._complain(calendar.begin.problem("not a calendar", "BEGIN:VCALENDAR comes first"))
            return
        self._inner(calendar)
        for line in calendar.lines:
            said = _SAID.get(line.name)
            if said is None:
                self._known(line, calendar.name, _SAID)
            elif line.value.upper() != said:
                self._complain(line.problem(f"{quoted(line.value)} is not read", f"only {said} is"))
        events = [inner for inner in calendar.inner if inner.name == "VEVENT"]
        if not events:
            hint = "BEGIN:VEVENT, DTSTART;VALUE=DATE:20261225, END:VEVENT"
            self._complain(calendar.begin.problem("there is no event in it", hint))
        for event in events:
            self._event(event)

    def _inner(self, component: Component) -> None:
        for inner in component.inner:
            if inner.name not in _WITHIN[component.name]:
                hint = f"delete it, unless it says which days are holidays: {_OTHERWISE}"
                self._complain(inner.begin.problem(f"{quoted(inner.name)} is not read here", hint))

    def _known(self, line: Line, component: str, others: Iterable[str]) -> None:
        """A property that does not say which days are meant, or a mistake."""
        silent = _NOT_DAYS[component].split()
        if line.name in silent or line.name.startswith("X-") or len(self.problems) >= PROBLEMS_MAX:
            return
        hint = _INSTEAD.get(line.name) or did_you_mean(line.name, (*silent, *others))
        plain = f"delete the line, unless it says which days are holidays: {_OTHERWISE}"
        self._complain(line.at_name("is not read here", hint or plain))

    def _event(self, event: Component) -> None:
        """Adds the days of one event; of one with a mistake, none."""
        mistakes = len(self.problems)
        self._inner(event)
        found: dict[str, list[Line]] = {name: [] for name in _OF_EVENT}
        for line in event.lines:
            if line.name not in found:
                self._known(line, event.name, _OF_EVENT)
            elif line.name in _ONCE and found[line.name]:
                hint = f"keep this one or that of line {found[line.name][0].number}"
                self._complain(line.at_name("is given twice", hint))
            else:
                found[line.name].append(line)
        for line in found["STATUS"]:
            if line.value.upper() != "CONFIRMED":
                hint = "delete the event, or write CONFIRMED"
                self._complain(line.problem(f"{quoted(line.value)}: a holiday or not?", hint))
        if not found["DTSTART"]:
            hint = "DTSTART;VALUE=DATE:20261225"
            self._complain(event.begin.problem("the event has no first day", hint))
            return
        first = self._day(found["DTSTART"][0], LAST_DAY)
        length = 1
        for line in found["DTEND"]:
            length = self._length(line, first)
        if first is None:
            return
        starts = self._starts(found, first)
        if len(self.problems) == mistakes:
            self._add(event, starts, length)

    def _add(self, event: Component, starts: set[int], length: int) -> None:
        within = self.counted <= DATES_MAX
        self.counted += len(starts) * length
        if self.counted <= DATES_MAX:
            for start in starts:
                self.days.update(range(start, min(start + length, LAST_DAY + 1)))
        elif within:
            hint = "end its yearly rules with UNTIL, or take out what is past"
            message = f"the file has more than {DATES_MAX} days up to the year 2100"
            self._complain(event.begin.problem(message, hint))

    def _length(self, end: Line, first: int | None) -> int:
        """Days of one occurrence: DTEND is the day after the last one (section 3.6.1)."""
        after = self._day(end, LAST_DAY + 1)
        if after is None or first is None:
            return 1
        if after <= first:
            hint = "DTEND is the day after the last one"
            self._complain(end.problem("the event ends before it begins", hint))
        return after - first

    def _starts(self, found: Mapping[str, list[Line]], first: int) -> set[int]:
        """The first days of all occurrences (sections 3.8.5.1 to 3.8.5.3)."""
        starts = {first}
        for rule in found["RRULE"]:
            starts |= self._yearly(rule, first)
        for line in found["RDATE"]:
            starts |= {day for day, _ in self._days(line)}
        left_out = [(line, day, at) for line in found["EXDATE"] for day, at in self._days(line)]
        for line, day, at in left_out:
            if day not in starts:
                hint = "name the first day of an occurrence"
                self._complain(line.problem("no occurrence begins on this day", hint, at))
        return starts.difference(day for _, day, _ in left_out)

    def _yearly(self, rule: Line, first: int) -> set[int]:
        """The days that an RRULE names (section 3.3.10). 29 February is passed over in common
        years, and not counted in them."""
        parts = self._parts(rule)
        begin = date.fromordinal(first)
        if parts is None:
            return set()
        if parts.get("UNTIL", LAST_DAY) < first:
            self._complain(rule.problem("the rule ends before it begins", "UNTIL is its last day"))
        days: list[int] = []
        for year in range(begin.year, date.fromordinal(LAST_DAY).year + 1, parts["INTERVAL"]):
            try:
                days.append(begin.replace(year=year).toordinal())
            except ValueError:  # 29 February of a common year
                continue
        return {day for day in days[: parts.get("COUNT")] if day <= parts.get("UNTIL", LAST_DAY)}

    def _parts(self, rule: Line) -> dict[str, int] | None:
        """INTERVAL and, where given, COUNT and UNTIL (as a day) of a yearly rule."""
        mistakes = len(self.problems)
        parts: dict[str, int] = {}
        at = 0
        for part in rule.value.upper().split(";"):
            name, _, text = part.partition("=")
            value_at = at + len(name) + 1
            if name in parts:
                self._complain(rule.problem(f"{name} is given twice", "keep one of the two", at))
            elif name == "FREQ" and text == "YEARLY":
                parts[name] = 1
            elif name in ("COUNT", "INTERVAL") and _NUMBER.fullmatch(text):
                parts[name] = int(text)
            elif name in ("COUNT", "INTERVAL"):
                self._complain(
                    rule.problem(f"{quoted(text)} is not a number", "1 or more", value_at)
                )
            elif name == "UNTIL":
                parts[name] = self._ordinal(rule, text, value_at, LAST_DAY) or 0
            else:
                self._complain(rule.problem(f"{quoted(part)} is not read", _RULE_HINT, at))
            at += len(part) + 1
        if "COUNT" in parts and "UNTIL" in parts:
            self._complain(rule.problem("both COUNT and UNTIL", "keep one of the two"))
        if len(self.problems) > mistakes:
            return None
        if "FREQ" not in parts:
            self._complain(rule.problem("FREQ is missing", "FREQ=YEARLY"))
        return {"INTERVAL": 1} | parts

    def _day(self, line: Line, latest: int) -> int | None:
        """The one day that a property names."""
        if not self._of_whole_days(line):
            return None
        return self._ordinal(line, line.value, 0, latest)

    def _days(self, line: Line) -> list[tuple[int, int]]:
        """The days of a list, each with its place in the value."""
        if not self._of_whole_days(line):
            return []
        texts = line.value.split(",")
        places = accumulate((len(text) + 1 for text in texts), initial=0)
        read = [
            (self._ordinal(line, text, at, LAST_DAY), at)
            for text, at in zip(texts, places, strict=False)
        ]
        return [(day, at) for day, at in read if day is not None]

    def _of_whole_days(self, line: Line) -> bool:
        """Whether the property says that its values are dates (section 3.3.4)."""
        for name in line.parameters:
            if name != "VALUE" and not name.startswith("X-"):
                hint = f"{line.name};VALUE=DATE:20261225"
                self._complain(line.at_name(f"{name} is not read: holidays are whole days", hint))
                return False
        if line.parameters.get("VALUE") == "DATE":
            return True
        text = line.value if _DATE.fullmatch(line.value) else "20261225"
        hint = f"{line.name};VALUE=DATE:{text}"
        self._complain(line.at_name("holidays are whole days", hint))
        return False

    def _ordinal(self, line: Line, text: str, at: int, latest: int) -> int | None:
        found = _DATE.fullmatch(text)
        try:
            day = date(*map(int, found.groups())).toordinal() if found else None
        except ValueError:
            day = None
        if day is None:
            hint = "holidays are whole days, as 20261225"
            self._complain(line.problem(f"{quoted(text)} is not a date", hint, at))
        elif not FIRST_DAY <= day <= latest:
            older = "begin a yearly rule that is older in 1970"
            hint = older if day < FIRST_DAY else "a yearly rule ends by itself in 2100"
            self._complain(line.problem(f"'{text}' is not in 1970 to 2100", hint, at))
            return None
        return day
