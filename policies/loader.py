"""Policy files to a compiled policy: bytes in, every mistake of one run out.

A file is decoded entry by entry and key by key, so that one mistake never hides another, and each
is reported with the line and column of the text that has to change. Where something could not be
read, the policy is compiled with each of what may stand there: what is wrong with all of these is a
mistake of its own, and what is wrong with some follows from what could not be read.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import TypeVar

import msgspec

from policies.calendar import is_calendar, name_alone, read_calendar
from policies.compiled import CompiledPolicy
from policies.compiler import compile_policy
from policies.document import LISTED, TABLES, CalendarFile, Document, EntryAt, Place, valid_id
from policies.entries import Reading, read_entry, read_value
from policies.model import Entry, Header
from policies.positions import scan
from policies.problems import PolicyError, Problem, SourceFile
from policies.syntax import decode_toml

SOURCES_MAX = 64
PROBLEMS_MAX = 500
"""Nobody reads more; the count goes on being right for all of them."""

INCLUDE = "include"
"""The key that names further files of the policy."""

T = TypeVar("T")


def load(
    sources: Sequence[SourceFile],
    *,
    timezone: Callable[[str], tzinfo],
    tzdata_version: str,
    zone_names: Callable[[], Iterable[str]] = tuple,
) -> CompiledPolicy:
    """The policy that the sources spell together, checked and compiled.

    A source whose name ends in .ics is a calendar file; a calendar of the policy must name it.
    `timezone` gives the zone of a name (KeyError, ValueError or OSError where there is none);
    `zone_names` gives the names that it knows, asked for only where one is mistaken.
    `tzdata_version` goes into the digest, because another edition may decide otherwise.
    Raises PolicyError with every problem found.
    """
    reader = _Reader()
    if not sources or len(sources) > SOURCES_MAX:
        reader.add(Problem("", 1, 1, "", f"a policy has 1 to {SOURCES_MAX} files"))
    for source in sources[:SOURCES_MAX]:
        if is_calendar(source.name):
            reader.read_calendar(source)
        else:
            reader.read(source)
    if reader.unreadable:  # what the rest refers to may stand in the file that nobody could read
        raise _error(reader.problems)
    digest = digest_of(sources, tzdata_version)
    documents = reader.documents(sources)
    read = [compile_policy(one, digest, timezone, tzdata_version, zone_names) for one in documents]
    compiled = read[0][0]
    if compiled is None:
        raise _error([*reader.problems, *reader.certain([problems for _, problems in read])])
    return compiled


def included(source: SourceFile) -> tuple[str, ...]:
    """The files beside this one that it includes: what `load` has to be given as well. None where
    it cannot be read; `load` says why.
    """
    decoded = None if is_calendar(source.name) else decode_toml(source)
    names = decoded[0].get(INCLUDE) if isinstance(decoded, tuple) else None
    if not isinstance(names, list):
        return ()
    return tuple(name for name in names if isinstance(name, str) and name == name_alone(name))


def digest_of(sources: Sequence[SourceFile], tzdata_version: str) -> str:
    """SHA-256 (hex) over the tzdata version and the bytes of every file, lengths in between.

    Folders are left out: the same policy in another folder is the same policy. Names are too, but
    for calendar files: calendars refer to them by name.
    """
    digest = hashlib.sha256(b"sentrypost policy 1\0")
    parts = [tzdata_version.encode()]
    for source in sources:
        if is_calendar(source.name):  # no TOML begins with a NUL, so this is never taken for one
            parts.append(b"\0" + name_alone(source.name).encode())
        parts.append(source.data)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _error(problems: Sequence[Problem]) -> PolicyError:
    ordered = sorted(set(problems), key=_said)
    if len(ordered) > PROBLEMS_MAX:
        more = Problem("", 1, 1, "", f"{len(ordered) - PROBLEMS_MAX} more problems are not shown")
        ordered = [*ordered[:PROBLEMS_MAX], more]
    return PolicyError(ordered)


def _said(problem: Problem) -> tuple[str, int, int, str, str]:
    """Where, in reading order, and what; hints are help."""
    return problem.file, problem.line, problem.column, problem.path, problem.message


def _nth(reading: Reading[T], number: int) -> T:
    return reading.values[number % len(reading.values)]


def _each(entries: Sequence[EntryAt[Reading[T]]], number: int) -> tuple[EntryAt[T], ...]:
    return tuple(EntryAt(entry.id, _nth(entry.value, number), entry.place) for entry in entries)


class _Reader:
    """Collects the entries of all files and the problems met on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unreadable = False
        self.header: dict[str, object] = {}
        self.header_places: dict[str, Place] = {}
        self.entries: dict[str, list[EntryAt[Reading[Entry]]]] = {table: [] for table in TABLES}
        self.profiles: list[EntryAt[Reading[Mapping[str, str]]]] = []
        self.alternatives: list[EntryAt[Reading[str]]] = []
        self.unread: list[Place] = []
        self.readings = 1
        self.declared: dict[str, dict[str, Place]] = {
            table: {} for table in (*TABLES, "factors", "alternative")
        }
        self.calendars: dict[str, CalendarFile] = {}
        self.includes: list[tuple[str, Place]] = []

    def add(self, problem: Problem) -> None:
        self.problems.append(problem)

    def read(self, source: SourceFile) -> None:
        decoded = decode_toml(source)
        if isinstance(decoded, Problem):
            self.unreadable = True
            self.add(decoded)
            return
        content, root = decoded
        scalars = {field.encode_name for field in msgspec.structs.fields(Header)}
        for key, raw in content.items():
            place = root.child(key)
            if key in scalars:
                self._header_value(key, raw, place)
            elif key in self.declared:
                self._table(key, raw, place)
            elif key == INCLUDE:
                self._include(raw, place)
            else:
                self.add(place.unknown_key(key, (*scalars, *self.declared, INCLUDE)))

    def read_calendar(self, source: SourceFile) -> None:
        name = name_alone(source.name)
        if name in self.calendars:
            other = self.calendars[name].file
            hint = f"rename one: the other is '{other}'"
            self.add(Problem(source.name, 1, 1, "", f"a second file of the name '{name}'", hint))
            return
        days, problems = read_calendar(source)
        self.problems += problems
        self.calendars[name] = CalendarFile(source.name, days)

    def documents(self, sources: Sequence[SourceFile]) -> list[Document]:
        """What the files say: one document, or where something could not be read, one with each of
        what may stand there."""
        given = {name_alone(source.name) for source in sources}
        for name, at in self.includes:
            if name not in given:
                self.add(at.problem(f"there is no file '{name}' beside this one"))
        place = next(iter(self.header_places.values()), None) or _top(sources)
        known = {key: self.header_places[key] for key in self.header}
        header = self._told(read_entry(Header, self.header, place.top(), known))
        return [
            Document(
                header=_nth(header, number),
                places=self.header_places,
                top=place.top(),
                entries={table: _each(entries, number) for table, entries in self.entries.items()},
                profiles=_each(self.profiles, number),
                alternatives=_each(self.alternatives, number),
                declared=self.declared,
                unread=self.unread,
                calendars=self.calendars,
                whole=not self.problems,
            )
            for number in range(self.readings)
        ]

    def certain(self, found: Sequence[Sequence[Problem]]) -> list[Problem]:
        """Of what is wrong with each of the documents: what is wrong with all of them, and not in a
        place that could not be read, of which it was told already."""
        everywhere = set.intersection(*({_said(problem) for problem in one} for one in found))
        return [
            problem
            for problem in found[0]
            if _said(problem) in everywhere and not self._is_unread(problem)
        ]

    def _is_unread(self, problem: Problem) -> bool:
        return any(
            problem.file == place.file and f"{problem.path}.".startswith(f"{place.name}.")
            for place in self.unread
        )

    def _told(self, reading: Reading[T]) -> Reading[T]:
        self.problems += reading.problems
        self.unread += reading.unread
        self.readings = max(self.readings, len(reading.values))
        return reading

    def _include(self, raw: object, place: Place) -> None:
        names = self._told(read_value(list[str], raw, place))
        unread = {at.path for at in names.unread}
        for index, name in enumerate(names.values[0]):
            at = place.child(index)
            if at.path in unread:
                continue
            if name != name_alone(name):
                self.add(at.problem("names a folder", "put the file beside this one"))
            else:
                self.includes.append((name, at))

    def _header_value(self, key: str, raw: object, place: Place) -> None:
        if key == "schema":  # every file says what it is written in; all must agree
            if self.header.setdefault(key, raw) != raw:
                self.add(place.problem("the files of one policy have one schema"))
        elif key in self.header:
            self.add(place.at_key("is given twice", f"first in {self.header_places[key].where()}"))
        self.header.setdefault(key, raw)
        self.header_places.setdefault(key, place)

    def _table(self, table: str, raw: object, place: Place) -> None:
        listed = table in LISTED
        if listed and isinstance(raw, list):
            for index, item in enumerate(raw):
                self._listed(table, item, place.child(index))
        elif not listed and isinstance(raw, dict):
            for entry_id, item in raw.items():
                self._named(table, entry_id, item, place.child(entry_id))
        else:
            form = f"[[{table}]]" if listed else f"[{table}.<id>]"
            self.add(place.problem(f"must be written as {form}"))

    def _named(self, table: str, entry_id: str, raw: object, place: Place) -> None:
        self._declare(table, entry_id, place, key=True)
        if table == "factors":
            profile: Reading[Mapping[str, str]]
            profile = self._told(read_value(dict[str, str], raw, place))
            self.profiles.append(EntryAt(entry_id, profile, place))
            return
        if table == "alternative":
            text = self._told(read_value(str, raw, place))
            self.alternatives.append(EntryAt(entry_id, text, place))
            return
        self._entry(table, entry_id, raw, place)

    def _listed(self, table: str, raw: object, place: Place) -> None:
        entry_id = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(entry_id, str):
            self._declare(table, entry_id, place.child("id"), key=False)
        self._entry(table, entry_id if isinstance(entry_id, str) else "", raw, place)

    def _entry(self, table: str, entry_id: str, raw: object, place: Place) -> None:
        if not isinstance(raw, dict):
            self.add(place.problem("must be a table"))
            return
        entry = self._told(read_entry(TABLES[table], raw, place, {}))
        self.entries[table].append(EntryAt(entry_id, entry, place))

    def _declare(self, table: str, entry_id: str, place: Place, *, key: bool) -> None:
        problem = place.at_key if key else place.problem
        if not valid_id(entry_id):
            self.add(problem("an id is 1 to 64 of a-z, 0-9, '-' and '_', not starting with a mark"))
        names = LISTED if table in LISTED else (table,)
        for other in names:
            first = self.declared[other].get(entry_id)
            if first is not None:
                self.add(problem(f"'{entry_id}' is declared twice", f"first in {first.where()}"))
        self.declared[table].setdefault(entry_id, place)


def _top(sources: Sequence[SourceFile]) -> Place:
    return Place(sources[0].name if sources else "", scan(""), ())
