"""Where every key and value of a TOML text stands; tomllib keeps that to itself.

The text must already have passed tomllib: this scanner finds places, it judges nothing.
"""

from collections.abc import Mapping

import msgspec

Path = tuple[str | int, ...]
"""Keys and, inside arrays and arrays of tables, indexes from 0."""


class Spot(msgspec.Struct, frozen=True):
    """Line and column from 1, columns in characters."""

    line: int
    column: int


class Positions(msgspec.Struct, frozen=True):
    keys: Mapping[Path, Spot]
    values: Mapping[Path, Spot]

    def key(self, path: Path) -> Spot:
        """Where the key stands, or the nearest table around it that has text of its own."""
        return _nearest(path, self.keys, self.values)

    def value(self, path: Path) -> Spot:
        return _nearest(path, self.values, self.keys)


def _nearest(path: Path, first: Mapping[Path, Spot], second: Mapping[Path, Spot]) -> Spot:
    while path:
        spot = first.get(path) or second.get(path)
        if spot is not None:
            return spot
        path = path[:-1]
    return Spot(1, 1)


def scan(text: str) -> Positions:
    """Positions of every key and value of `text`, which must be valid TOML."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return Positions(scanner.keys, scanner.values)


def first_doubled(text: str) -> tuple[Path, Spot, Spot] | None:
    """The first key or table that stands twice, where it stands first and where again; None where
    there is none. But for that `text` must be valid TOML, as far as it goes.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.doubled


_BARE_END = frozenset(" \t\n=.]#,}")
_SCALAR_END = frozenset(",]}#\n")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_start = 0
        self.keys: dict[Path, Spot] = {}
        self.values: dict[Path, Spot] = {}
        self.doubled: tuple[Path, Spot, Spot] | None = None
        self.rows: dict[Path, int] = {}  # how many elements an array of tables has so far

    def document(self) -> None:
        table: Path = ()
        while self._skip(newlines=True):
            if self._peek("[["):
                table = self._header("[[", "]]")
            elif self._peek("["):
                table = self._header("[", "]")
            else:
                self._pair(table)

    def _header(self, opening: str, closing: str) -> Path:
        spot = self._spot()
        self._advance(len(opening))
        names = self._key()
        self._advance_past(closing)
        path: Path = ()
        for name, _ in names[:-1]:
            path = self._latest((*path, name))
        path = (*path, names[-1][0])
        if opening == "[[":
            row = self.rows.get(path, 0)
            self.rows[path] = row + 1
            self.keys.setdefault(path, spot)
            path = (*path, row)
            self.keys[path] = spot
            return path
        path = self._latest(path)
        self._given(path, spot)
        self.keys[path] = spot
        return path

    def _given(self, path: Path, spot: Spot) -> None:
        if path in self.keys and self.doubled is None:
            self.doubled = path, self.keys[path], spot

    def _latest(self, path: Path) -> Path:
        """The path itself, or its newest element where it is an array of tables."""
        return (*path, self.rows[path] - 1) if path in self.rows else path

    def _pair(self, table: Path) -> None:
        path = table
        for name, spot in self._key():
            path = (*path, name)
            if path in self.values:
                self._given(path, spot)
            self.keys.setdefault(path, spot)
        self._advance_past("=")
        self._skip(newlines=False)
        self._value(path)

    def _key(self) -> list[tuple[str, Spot]]:
        names: list[tuple[str, Spot]] = []
        while True:
            self._skip(newlines=False)
            spot = self._spot()
            names.append((self._name(), spot))
            self._skip(newlines=False)
            if not self._peek("."):
                return names
            self._advance(1)

    def _name(self) -> str:
        start = self.at
        if self._peek('"') or self._peek("'"):
            self._string()
            return _unquoted(self.text[start : self.at])
        while self.at < len(self.text) and self.text[self.at] not in _BARE_END:
            self.at += 1
        return self.text[start : self.at]

    def _value(self, path: Path) -> None:
        self.values[path] = self._spot()
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        elif self._peek('"') or self._peek("'"):
            self._string()
        else:
            while self.at < len(self.text) and self.text[self.at] not in _SCALAR_END:
                self.at += 1

    def _array(self, path: Path) -> None:
        self._advance(1)
        index = 0
        while self._skip(newlines=True) and not self._peek("]"):
            self._value((*path, index))
            index += 1
            self._skip(newlines=True)
            if self._peek(","):
                self._advance(1)
        self._advance(1)

    def _inline_table(self, path: Path) -> None:
        self._advance(1)
        while self._skip(newlines=True) and not self._peek("}"):
            self._pair(path)
            self._skip(newlines=True)
            if self._peek(","):
                self._advance(1)
        self._advance(1)

    def _string(self) -> None:
        quote = self.text[self.at]
        many = self._peek(quote * 3)
        closing = quote * 3 if many else quote
        self._advance(len(closing))
        while self.at < len(self.text) and not self._peek(closing):
            self._advance(2 if quote == '"' and self._peek("\\") else 1)
        self._advance(len(closing))
        while many and self._peek(quote):  # up to two quotes may stand before the closing three
            self._advance(1)

    def _spot(self) -> Spot:
        return Spot(self.line, self.at - self.line_start + 1)

    def _peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def _advance(self, count: int) -> None:
        for _ in range(count):
            if self.at < len(self.text) and self.text[self.at] == "\n":
                self.line += 1
                self.line_start = self.at + 1
            self.at += 1

    def _advance_past(self, text: str) -> None:
        while self.at < len(self.text) and not self._peek(text):
            self._advance(1)
        self._advance(len(text))

    def _skip(self, *, newlines: bool) -> bool:
        """Past blanks and, with `newlines`, line ends and comments; whether text is left."""
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t" or (newlines and character == "\n"):
                self._advance(1)
            elif newlines and character == "#":
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self.at += 1
            else:
                break
        return self.at < len(self.text)


def _unquoted(text: str) -> str:
    """The key that a quoted key spells; escapes other than \\" and \\\\ stay as written."""
    inner = text[1:-1]
    return inner if text[0] == "'" else inner.replace('\\"', '"').replace("\\\\", "\\")
