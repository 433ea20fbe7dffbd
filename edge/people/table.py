"""An import file as a table of text: encoding, delimiter, header, sizes. Knows no meaning."""

import csv
import io
from collections.abc import Mapping, Sequence

import msgspec

from policies.problems import did_you_mean

FILE_BYTES_MAX = 700_000
"""What passes over the control socket; a file is taken or refused alike with and without it."""

ROWS_MAX = 10_000
"""The staff of a large headquarters. Hashing their PINs takes a core half an hour."""

CELL_CHARS_MAX = 512
COMMA, SEMICOLON = ",", ";"


class RowProblem(msgspec.Struct, frozen=True, order=True):
    """One mistake. Rows count as a spreadsheet shows them: the header is row 1, 0 is the file."""

    row: int
    column: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"row {self.row}" if self.row else "file"
        column = f", {self.column}" if self.column else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}{column}: {self.message}{hint}"


class Row(msgspec.Struct, frozen=True):
    """One person's cells by column, without spaces around them. Holds PINs: no repr shows it."""

    number: int
    cells: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Row(number={self.number}, cells=…)"


def read_table(
    data: bytes, columns: Sequence[str]
) -> tuple[tuple[Row, ...], tuple[RowProblem, ...]]:
    """The rows that have as many cells as the header, and every problem with the others.

    UTF-8 with or without byte order mark; comma or semicolon, whichever the header uses.
    """
    text = _text(data)
    if isinstance(text, RowProblem):
        return (), (text,)
    head = text.split("\n", 1)[0]
    delimiter = SEMICOLON if head.count(SEMICOLON) > head.count(COMMA) else COMMA
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    problems: list[RowProblem] = []
    number = 0
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        number = 1
        problems += _header_problems(header, columns)
        if problems:
            return (), tuple(problems)
        for number, cells in enumerate(reader, 2):
            if number - 1 > ROWS_MAX:
                problems.append(
                    RowProblem(number, "", f"more than {ROWS_MAX} rows", "split the file")
                )
                break
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                row = _row(number, header, stripped)
                if isinstance(row, Row):
                    rows.append(row)
                else:
                    problems.append(row)
    except csv.Error as error:
        # The reader's own words name no cell's content.
        hint = "is a quotation mark missing? nothing after this row was read"
        problems.append(RowProblem(number + 1, "", str(error), hint))
    return tuple(rows), tuple(problems)


def _text(data: bytes) -> str | RowProblem:
    if len(data) > FILE_BYTES_MAX:
        return RowProblem(0, "", f"larger than {FILE_BYTES_MAX} bytes", "split the file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return RowProblem(0, "", "this is UTF-16", "save it as CSV UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        return RowProblem(row, "", "not UTF-8 from here on", "save it as CSV UTF-8")


def _header_problems(header: Sequence[str], columns: Sequence[str]) -> list[RowProblem]:
    known = f"columns: {', '.join(columns)}"
    if not any(header):
        return [RowProblem(1, "", "no header", f"the first row names the {known}")]
    problems = []
    for place, name in enumerate(header):
        shown = name[:64]
        if name not in columns:
            hint = did_you_mean(name, columns) or known
            problems.append(RowProblem(1, shown, f"unknown column {place + 1}", hint))
        elif name in header[:place]:
            problems.append(RowProblem(1, shown, "named twice", "remove one of them"))
    if columns[0] not in header:
        problems.append(RowProblem(1, columns[0], "this column is missing", known))
    return problems


def _row(number: int, header: Sequence[str], cells: list[str]) -> Row | RowProblem:
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()
    if len(cells) != len(header):
        counts = f"{len(cells)} cells, the header names {len(header)} columns"
        return RowProblem(number, "", counts, "put quotation marks around cells with a delimiter")
    for name, cell in zip(header, cells, strict=True):
        if len(cell) > CELL_CHARS_MAX:
            return RowProblem(number, name, f"longer than {CELL_CHARS_MAX} characters")
    return Row(number, dict(zip(header, cells, strict=True)))
