"""The text of one file to its TOML tree, or the one reason why there is none."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date

from policies.document import Place
from policies.positions import Spot, first_doubled, scan
from policies.problems import Problem, SourceFile, text_of

LINE_CHARACTERS_MAX = 1_000
"""Keeps dotted keys short: tomllib's time for one key grows with the square of its parts."""

UNREAD = "nothing after it was read: mend it and check again"
"""A slip in the syntax ends the reading; how much more there is to mend, nobody knows."""

_SAID = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end.*)\)$")
_DAY = re.compile(r"\b\d{4}-\d{1,2}-\d{1,2}\b", re.ASCII)
_TWICE = ("Cannot ", "Duplicate ")
"""How tomllib begins where a key or a table stands a second time."""


def decode_toml(source: SourceFile) -> tuple[Mapping[str, object], Place] | Problem:
    """The raw TOML tree of one file, or the one reason why there is none."""
    text = text_of(source)
    if isinstance(text, Problem):
        return text
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LINE_CHARACTERS_MAX:
            limit = f"a line has at most {LINE_CHARACTERS_MAX} characters"
            at = Spot(number, LINE_CHARACTERS_MAX + 1)
            return _problem(source, at, limit, "break lists over several lines")
    try:
        content: Mapping[str, object] = tomllib.loads(text)
        return content, Place(source.name, scan(text), ())
    except RecursionError:
        return _problem(source, Spot(1, 1), "nested too deeply")
    except ValueError as error:  # TOMLDecodeError is one
        return _slip(source, text, str(error))


def _slip(source: SourceFile, text: str, said: str) -> Problem:
    """What tomllib complains of, in clearer words where it is known what happened."""
    lines = text.split("\n")
    found = _SAID.match(said)
    if found is None:
        return _problem(source, Spot(1, 1), said, UNREAD)
    if found["line"] is None:
        end = Spot(len(lines), len(lines[-1]) + 1)
        return _problem(source, end, f"{found['what']} at the end of the file", UNREAD)
    at = Spot(int(found["line"]), int(found["column"]))
    for day in _DAY.finditer(lines[at.line - 1]):
        if day.start() < at.column <= day.end() + 1 and not _is_date(day[0]):
            begin = Spot(at.line, day.start() + 1)
            hint = f"write a day as 2026-12-25; {UNREAD}"
            return _problem(source, begin, f"'{day[0]}' is not a date", hint)
    if found["what"].startswith(_TWICE):
        doubled = first_doubled("\n".join(lines[: at.line]))
        if doubled is not None:
            path, first, second = doubled
            name = ".".join(str(part) for part in path)
            hint = f"first in {source.name}:{first.line}; {UNREAD}"
            return _problem(source, second, "is given twice", hint, name)
    return _problem(source, at, found["what"], UNREAD)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _problem(
    source: SourceFile, at: Spot, message: str, hint: str | None = None, path: str = ""
) -> Problem:
    return Problem(source.name, at.line, at.column, path, message, hint)
