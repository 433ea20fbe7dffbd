"""What the loader takes in and what it complains about."""

import difflib
from collections.abc import Iterable

import msgspec

FILE_BYTES_MAX = 1 << 20
"""A site of 1,000 portals and 2,000 grants takes a third of it; more is not a policy."""


class SourceFile(msgspec.Struct, frozen=True):
    """One file of a policy as it was read; `name` is only shown to people."""

    name: str
    data: bytes


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake. Line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: error: {place}{self.message}{hint}"


def text_of(source: SourceFile) -> str | Problem:
    """The text of the file, or the one reason why it cannot be read."""

    def broken(message: str, line: int = 1, column: int = 1, hint: str | None = None) -> Problem:
        return Problem(source.name, line, column, "", message, hint)

    if len(source.data) > FILE_BYTES_MAX:
        return broken(f"the file has {len(source.data)} bytes, at most {FILE_BYTES_MAX} are read")
    try:
        text = source.data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source.data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        return broken("not UTF-8 text", before.count(b"\n") + 1, column, "save the file as UTF-8")
    return text if text.strip() else broken("the file is empty")


class PolicyError(Exception):
    """The policy was not loaded; `problems` are all mistakes of one run, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, options: Iterable[str]) -> str | None:
    """A hint that names the closest option; None when nothing is close."""
    close = nearest(word, options)
    return None if close is None else f"did you mean '{close}'?"


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that somebody who wrote this word may have meant; None when none is close."""
    known = sorted(options)
    dashed = word.replace("_", "-")
    close = [dashed] if dashed in known else difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else None
