"""A policy as read but not yet understood: entries, and where in which file each of them stands."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from policies.model import (
    AlwaysEntry,
    ArmingEntry,
    CalendarEntry,
    DenyEntry,
    Entry,
    FireEntry,
    GrantEntry,
    Header,
    NeverEntry,
    OrderEntry,
    PageEntry,
    PointEntry,
    PortalEntry,
    RoleEntry,
    ScheduleEntry,
    ScreeningEntry,
    SuccessionEntry,
    WatchlistEntry,
    ZoneEntry,
)
from policies.positions import Path, Positions, Spot
from policies.problems import Problem, did_you_mean

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What a topic level, a file name and a log line all take as it stands."""

TABLES: Mapping[str, type[Entry]] = {
    "calendar": CalendarEntry,
    "schedule": ScheduleEntry,
    "zone": ZoneEntry,
    "portal": PortalEntry,
    "fire": FireEntry,
    "point": PointEntry,
    "arming": ArmingEntry,
    "screening": ScreeningEntry,
    "role": RoleEntry,
    "watchlist": WatchlistEntry,
    "order": OrderEntry,
    "succession": SuccessionEntry,
    "page": PageEntry,
    "grant": GrantEntry,
    "deny": DenyEntry,
    "never": NeverEntry,
    "always": AlwaysEntry,
}

LISTED = ("grant", "deny", "never", "always")
"""Tables written as [[table]] with an id inside; their ids are distinct across all of them."""

T = TypeVar("T")
E = TypeVar("E", bound=Entry)


def valid_id(text: str) -> bool:
    return ID.fullmatch(text) is not None


class Place(msgspec.Struct, frozen=True):
    """One key or value in one file; knows how to complain about itself."""

    file: str
    positions: Positions
    path: Path

    def child(self, *parts: str | int) -> "Place":
        return Place(self.file, self.positions, (*self.path, *parts))

    def top(self) -> "Place":
        return Place(self.file, self.positions, ())

    @property
    def line(self) -> int:
        return self.positions.key(self.path).line

    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """About the value."""
        return self._problem(self.positions.value(self.path), message, hint)

    def at_key(self, message: str, hint: str | None = None) -> Problem:
        """About the key, or about the entry as a whole."""
        return self._problem(self.positions.key(self.path), message, hint)

    def unknown_key(self, key: str, options: Iterable[str]) -> Problem:
        return self.at_key(f"unknown key '{key}'", did_you_mean(key, options))

    @property
    def name(self) -> str:
        """As problems call it."""
        return ".".join(str(part) for part in self.path)

    def _problem(self, spot: Spot, message: str, hint: str | None) -> Problem:
        return Problem(self.file, spot.line, spot.column, self.name, message, hint)


class EntryAt(msgspec.Struct, Generic[T], frozen=True):
    id: str
    value: T
    place: Place


class CalendarFile(msgspec.Struct, frozen=True):
    """A calendar file with the days (ordinals as in `datetime.date`) that could be read."""

    file: str
    days: frozenset[int]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Every entry, with something in each place that could not be read (`policies.entries`).
    `declared` names also what is no table at all, so that a reference to it is not reported as a
    second mistake; `whole` is true where there was no mistake. `calendars` are the calendar files
    by their names without folders.
    """

    header: Header
    places: Mapping[str, Place]
    top: Place
    entries: Mapping[str, tuple[EntryAt[Entry], ...]]
    profiles: tuple[EntryAt[Mapping[str, str]], ...]
    alternatives: tuple[EntryAt[str], ...]
    declared: Mapping[str, Mapping[str, Place]]
    calendars: Mapping[str, CalendarFile]
    unread: Sequence[Place]
    whole: bool

    def place(self, key: str) -> Place:
        """Where a key of the header stands, or would."""
        return self.places.get(key) or self.top.child(key)

    def is_read(self, table: str, *keys: str) -> bool:
        """Whether every entry of this table is there, with what it says under these keys."""
        entries = len(self.entries[table]), len(self.declared[table])
        return entries[0] >= entries[1] and not any(
            at.path[:1] == (table,) and key in at.path[2:] for at in self.unread for key in keys
        )

    def of(self, kind: type[E]) -> tuple[EntryAt[E], ...]:
        """The entries of one kind, in the order of the files."""
        table = next(name for name, struct in TABLES.items() if struct is kind)
        return tuple(
            EntryAt(entry.id, entry.value, entry.place)
            for entry in self.entries[table]
            if isinstance(entry.value, kind)
        )
