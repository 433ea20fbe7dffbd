"""The values about one person beside the journal's entries: found, and taken away for good.

Both go in steps between which appends go on. What is removed leaves no byte in the files: rows are
deleted under `secure_delete`, what lies about them is written anew (`rewriting`), and the
write-ahead log, which still has them, is cut to nothing.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from controller.erasures import ranges, subjects
from controller.events import EntryError, PersonErased, decode_body, decode_entry, kind_of
from controller.events_people import ErasedValues, Range
from controller.ids import HolderId
from edge.journal.checkpoints import note
from edge.journal.disk import Connection
from edge.journal.errors import failed
from edge.journal.segments import Segments
from edge.journal.store import Journal
from edge.journal.tables import meta_value

STEP_ENTRIES = 2_000
"""Entries that one step looks at: some milliseconds."""

STEP_RANGES = 500
"""Ranges that one transaction empties."""

DONE = "erased"
"""In `meta`: every erasure recorded up to this number has been carried out here."""

SIGNED_BY, BETWEEN_NAMES = "signed_by", ", "
"""The one value that holds several names."""

KIND = kind_of(PersonErased)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What tells that a value is about somebody: his random id, and what is on file of him.

    `others_badges`: badges that by now are somebody else's.
    """

    holder: HolderId
    name: str | None = None
    badges: frozenset[str] = frozenset()
    others_badges: Collection[str] = frozenset()

    def __repr__(self) -> str:
        return f"Known(holder={self.holder!r}, …)"


class Recorded(NamedTuple):
    """An erasure, and its place in the journal."""

    seq: int
    erased: PersonErased


class Search:
    """Looks through the entries from `first` to `last` for values about one person; `step` until it
    says that it is done.

    First where the entry names him, which also tells of badges that he once had; then, where an
    entry says nobody's id, by his name and those badges. A namesake who is named by id is another.
    """

    def __init__(self, known: Known, first: int, last: int) -> None:
        self.last = last
        self._known, self._first, self._next = known, first, first
        self._badges = set(known.badges)
        self._by_value = False
        self._fields: dict[int, tuple[str, ...]] = {}

    @property
    def values(self) -> tuple[ErasedValues, ...]:
        """Those found."""
        grouped: dict[tuple[str, ...], list[int]] = {}
        for seq in sorted(self._fields):
            grouped.setdefault(self._fields[seq], []).append(seq)
        return tuple(
            ErasedValues(fields=fields, entries=ranges(seqs))
            for fields, seqs in sorted(grouped.items())
        )

    @property
    def badges(self) -> frozenset[str]:
        """Those that are his, or were, and are nobody else's by now."""
        return frozenset(self._badges)

    @property
    def entries(self) -> int:
        """How many entries have such values."""
        return len(self._fields)

    @property
    def count(self) -> int:
        """How many values were found."""
        return sum(len(fields) for fields in self._fields.values())

    def step(self, segments: Segments) -> bool:
        """Look at the next entries; True when all were looked at. Raises as
        `Segments.connection`.
        """
        upto = min(self._next + STEP_ENTRIES - 1, self.last)
        look = self._look_for_values if self._by_value else self._look_for_him
        for number, first, last in segments.ranges(self._next, upto):
            look(segments.connection(number), first, last)
        self._next = max(self._next, upto + 1)
        if self._next <= self.last:
            return False
        if self._by_value:
            return True
        self._by_value, self._next = True, self._first
        self._badges.difference_update(self._known.others_badges)
        return False

    def _look_for_him(self, connection: Connection, first: int, last: int) -> None:
        for seq, entry in naming(connection, self._known.holder, first, last):
            fields = fields_of(entry, self._known.holder)
            beside = connection.execute(
                "SELECT field, value FROM personal WHERE seq = ? ORDER BY field", (seq,)
            ).fetchall()
            his = {field: value for field, value in beside if field in fields}
            if his:
                self._fields[seq] = tuple(his)
            if "badge" in his:
                self._badges.add(his["badge"])

    def _look_for_values(self, connection: Connection, first: int, last: int) -> None:
        rows = connection.execute(
            "SELECT seq, field, value, entry FROM personal JOIN entry USING (seq)"
            " WHERE seq BETWEEN ? AND ? ORDER BY seq, field",
            (first, last),
        )
        for seq, field, value, entry in rows:
            if self._is_his(field, value) and not about_somebody(entry, field):
                self._fields[seq] = tuple(sorted({*self._fields.get(seq, ()), field}))

    def _is_his(self, field: str, value: str) -> bool:
        if field == "badge":
            return value in self._badges
        names = value.split(BETWEEN_NAMES) if field == SIGNED_BY else (value,)
        return self._known.name in names


def naming(
    connection: Connection, holder: HolderId, first: int, last: int
) -> list[tuple[int, bytes]]:
    """The entries from `first` to `last` that have this id in them, wherever it stands."""
    return connection.execute(
        "SELECT seq, entry FROM entry WHERE seq BETWEEN ? AND ? AND instr(entry, ?) > 0"
        " ORDER BY seq",
        (first, last, f'"{holder}"'.encode()),
    ).fetchall()


def fields_of(data: bytes, holder: HolderId) -> tuple[str, ...]:
    """The fields of an entry whose values beside it are about him."""
    try:
        entry = decode_entry(data)
    except EntryError:
        return ()
    return tuple(field for field, whom in subjects(entry).items() if whom == holder)


def about_somebody(data: bytes, field: str) -> bool:
    """Whether the entry says by id whom the value is about."""
    try:
        entry = decode_entry(data)
    except EntryError:
        return False
    return field in subjects(entry)


def look(journal: Journal, search: Search) -> bool:
    """One step of a search. Raises JournalFailed; appends go on."""
    with journal.reading() as segments:
        return search.step(segments)


def done(journal: Journal) -> int:
    """Every erasure recorded up to this number has been carried out. Raises JournalFailed."""
    with journal.reading():
        return int(meta_value(journal.connection, DONE) or 0)


def recorded(journal: Journal, first: int, last: int) -> list[Recorded]:
    """The erasures among the entries from `first` to `last`. Raises JournalFailed."""
    rows: list[tuple[int, bytes]] = []
    with journal.reading() as segments:
        for number, begin, end in segments.ranges(first, last):
            rows += segments.connection(number).execute(
                "SELECT seq, entry FROM entry WHERE seq BETWEEN ? AND ? AND instr(entry, ?) > 0",
                (begin, end, f'"{KIND}"'.encode()),
            )
    bodies = ((seq, decode_body(decode_entry(entry))) for seq, entry in rows)
    return [Recorded(seq, body) for seq, body in bodies if isinstance(body, PersonErased)]


def remove(journal: Journal, fields: Sequence[str], entries: Sequence[Range]) -> None:
    """Delete these values; `entries` are STEP_RANGES at most. What is gone already is no error.

    Raises JournalFailed: journal stopped, or, where a sealed segment does not take it, not.
    """
    journal.refuse_stopped()
    segments = journal.segments
    parts: dict[int, list[tuple[str, int, int]]] = {}
    for first, last in entries:
        for number, begin, end in segments.ranges(first, last):
            parts.setdefault(number, []).extend((field, begin, end) for field in fields)
    for number, rows in parts.items():
        sealed = number != segments.active.number
        with segments.changing(number) if sealed else journal.writing() as connection:
            connection.executemany(
                "DELETE FROM personal WHERE field = ? AND seq BETWEEN ? AND ?", rows
            )


def settle(journal: Journal, seq: int) -> None:
    """The erasures recorded up to `seq` are carried out: leave no byte in a log, then say so.

    Raises JournalFailed: journal stopped, or, where the folder cannot be synced, not.
    """
    journal.fold()
    # What a log was cut to is durable with what is written to it next, and to that of a sealed
    # segment nothing is: it goes as a whole.
    journal.segments.close_sealed()
    try:
        journal.disk.sync_folder_of(journal.folder)
    except OSError as error:
        raise failed(error, journal.folder) from error
    note(journal, DONE, str(seq))
