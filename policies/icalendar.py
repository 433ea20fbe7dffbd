"""The text of an iCalendar file: content lines, unfolded, in components (RFC 5545, 3.1 and 3.4).

Narrower than the RFC in one point: the file is UTF-8 before it is unfolded, so a fold that tears a
character apart is a mistake. Wider in two: bare line feeds end a line too, and empty lines are
passed over, because officers mend such files by hand.
"""

import re
from collections.abc import Mapping

import msgspec

from policies.problems import Problem

MALFORMED_MAX = 20
"""After so many lines of another kind it is another kind of file."""
QUOTED_MAX = 40

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9-]{1,64})"
    r'(?P<parameters>(?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*)'
    r":(?P<value>.*)"
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)')


class Line(msgspec.Struct, frozen=True):
    """One content line. Names and parameters are in capitals, the value is as written. `pieces`
    says of each line of the file that belongs to it where it begins: as offset in the whole, as
    line, and as column."""

    file: str
    name: str
    parameters: Mapping[str, str]
    value: str
    value_at: int
    pieces: tuple[tuple[int, int, int], ...]

    @property
    def number(self) -> int:
        return self.pieces[0][1]

    def problem(self, message: str, hint: str, at: int = 0) -> Problem:
        """About the value, from its character `at` on."""
        return self._problem(self.value_at + at, message, hint)

    def at_name(self, message: str, hint: str) -> Problem:
        """About the line as a whole."""
        return self._problem(0, message, hint)

    def _problem(self, offset: int, message: str, hint: str) -> Problem:
        begin, number, column = next(p for p in reversed(self.pieces) if p[0] <= offset)
        return Problem(self.file, number, column + offset - begin, self.name, message, hint)


class Component(msgspec.Struct, frozen=True):
    """What stands between BEGIN and END; `name` is in capitals."""

    name: str
    begin: Line
    lines: list[Line]
    inner: list["Component"]


def quoted(text: str) -> str:
    """A word of the file in a message; a value may be as long as the file."""
    return f"'{text}'" if len(text) <= QUOTED_MAX else f"'{text[:QUOTED_MAX]}…'"


def components(file: str, text: str) -> tuple[list[Component], list[Problem]]:
    """The outermost components of the text, none where BEGIN and END do not fit together; and what
    is wrong with it as text."""
    lines, problems = _content_lines(file, text)
    outermost: list[Component] = []
    around: list[Component] = []
    for line in lines:
        if line.name == "BEGIN":
            component = Component(line.value.upper(), line, [], [])
            (around[-1].inner if around else outermost).append(component)
            around.append(component)
        elif not around:
            return [], [*problems, line.at_name("stands outside", "BEGIN:VCALENDAR comes first")]
        elif line.name == "END":
            ended = around.pop()
            if line.value.upper() != ended.name:
                message = f"{quoted(ended.name)} of line {ended.begin.number} has not ended"
                return [], [*problems, line.problem(message, "every BEGIN has its END")]
        else:
            around[-1].lines.append(line)
    if around:
        message = f"{quoted(around[-1].name)} does not end"
        return [], [*problems, around[-1].begin.problem(message, "every BEGIN has its END")]
    return outermost, problems


def _content_lines(file: str, text: str) -> tuple[list[Line], list[Problem]]:
    folded: list[list[tuple[int, str]]] = []
    for number, piece in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if folded and piece[:1] in (" ", "\t"):
            folded[-1].append((number, piece))
        elif piece:
            folded.append([(number, piece)])
    lines: list[Line] = []
    problems: list[Problem] = []
    for pieces in folded:
        line = _unfolded(file, pieces)
        if line.name:
            lines.append(line)
            continue
        hint = "a line is NAME:value; what goes on from the line above begins with a blank"
        problems.append(line.at_name("not a line of an iCalendar file", hint))
        if len(problems) == MALFORMED_MAX:
            return [], problems
    return lines, problems


def _unfolded(file: str, folded: list[tuple[int, str]]) -> Line:
    """The line without its folds; nameless where it is none of an iCalendar file."""
    pieces = [(0, folded[0][0], 1)]
    parts, length = [folded[0][1]], len(folded[0][1])
    for number, piece in folded[1:]:  # the first character, a blank, only marks the fold
        pieces.append((length, number, 2))
        parts.append(piece[1:])
        length += len(piece) - 1
    found = _LINE.fullmatch("".join(parts))
    if found is None:
        return Line(file, "", {}, "", 0, tuple(pieces))
    return Line(
        file=file,
        name=found["name"].upper(),
        parameters={
            name.upper(): value.upper() for name, value in _PARAMETER.findall(found["parameters"])
        },
        value=found["value"],
        value_at=found.start("value"),
        pieces=tuple(pieces),
    )
