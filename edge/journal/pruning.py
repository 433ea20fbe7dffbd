"""What is kept no longer goes, out of sealed segments alone.

A segment goes as a whole, from the oldest on: its file is removed, and where the next one begins
says what stood in it. Or entries of some kinds go: the segment is written anew beside itself
without their bytes and the values about people, a few thousand entries at a time, and takes the old
one's place at once; leaves and chain stay. Nobody who reads finds half of either.

Who calls has recorded it before, under the entry `by`.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress

import msgspec

from controller.retention import CLASS_OF, NEVER_ALONE, RecordClass
from edge.journal import tables
from edge.journal.disk import Connection
from edge.journal.errors import JournalFailed, RecordRefused, failed
from edge.journal.folder import DRAFT
from edge.journal.reading import snapshots
from edge.journal.segments import Segments
from edge.journal.store import Journal
from edge.journal.tables import GONE, PRUNED, Boundary, pruning_of

STEP_ENTRIES = 1_000
"""Written anew in one step: some milliseconds before the next append."""

SNAPSHOTS_BEHIND = 2
"""A state cannot be had from entries that are pruned: so many snapshots behind them must verify, of
which one may turn out damaged."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One that is sealed: entries `first` to `last`, ended at `ended_utc_us`. `classes`: those that
    were pruned of it.
    """

    number: int
    first: int
    last: int
    ended_utc_us: int
    classes: tuple[RecordClass, ...]


class _Kind(msgspec.Struct, frozen=True):
    kind: str


_KIND = msgspec.json.Decoder(_Kind)


def sealed(journal: Journal) -> tuple[Segment, ...]:
    """Those that are there, the oldest first, and that a start could do without.

    Raises JournalError as `Journal.read`.
    """
    with journal.reading() as segments:
        behind = [snapshot.seq for snapshot, _ in zip(snapshots(segments), range(2), strict=False)]
        if len(behind) < SNAPSHOTS_BEHIND:
            return ()
        return tuple(
            _segment(segments, boundary, after)
            for boundary, after in zip(segments.there[:-1], segments.there[1:], strict=True)
            if after.seq < min(behind)  # one at its end may lie in the segment itself
        )


def _segment(segments: Segments, boundary: Boundary, after: Boundary) -> Segment:
    known = set(RecordClass)
    said = pruning_of(segments.connection(boundary.number)).classes
    return Segment(
        number=boundary.number,
        first=boundary.seq + 1,
        last=after.seq,
        ended_utc_us=after.began_utc_us,
        classes=tuple(RecordClass(one) for one in said if one in known),
    )


def drop(journal: Journal, number: int, by: int) -> None:
    """Remove the oldest segment. Raises RecordRefused for another one, JournalFailed."""
    segments = journal.rows
    if number != segments.oldest or number == segments.active.number:
        raise RecordRefused(f"segment {number} is not the oldest of those that are sealed")
    with journal.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (GONE, str(by)))
    segments.begin_at(number + 1, by)
    try:
        journal.disk.discard(segments.path(number))
        journal.disk.sync_folder_of(journal.folder)
    except OSError as error:
        raise failed(error, journal.folder) from error


class Thinning:
    """Writes one sealed segment anew without the bytes of some classes; `step` until it says that
    it is done. The step that fails leaves the segment as it is.
    """

    def __init__(
        self, journal: Journal, number: int, classes: Collection[RecordClass], by: int
    ) -> None:
        self._number = number
        self._gone = frozenset(classes)
        self._by = by
        self._path = journal.segments.path(number)
        self._draft: Connection | None = None
        self._journal = journal
        self._changes = 0
        self._next = 0

    def step(self, journal: Journal) -> bool:
        """Raises JournalFailed; appends go on."""
        with journal.reading() as segments:
            if journal is not self._journal:
                raise JournalFailed(f"{self._path}: the journal was opened anew; it is begun again")
            try:
                return self._step(journal, segments)
            except BaseException:
                self.give_up()
                raise

    def give_up(self) -> None:
        """Leave the segment as it is."""
        if self._draft is not None:
            self._draft.close()
            self._draft = None
        with suppress(OSError):
            self._journal.disk.discard(self._path.with_name(self._path.name + DRAFT))

    def _step(self, journal: Journal, segments: Segments) -> bool:
        source = segments.connection(self._number)
        if self._draft is None:
            self._draft = _begun(journal, segments, self._number)
            self._changes = segments.changes.get(self._number, 0)
            self._next = segments.boundaries[self._number - 1].seq + 1
        if segments.changes.get(self._number, 0) != self._changes:
            raise JournalFailed(f"{self._path}: somebody was erased meanwhile; it is begun again")
        upto = self._next + STEP_ENTRIES
        if self._copy(source, self._draft, upto):
            self._next = upto
            return False
        self._finish(journal, segments, source, self._draft)
        return True

    def _copy(self, source: Connection, draft: Connection, upto: int) -> int:
        """The entries before `upto`; how many."""
        rows = source.execute(
            "SELECT seq, entry, leaf, chain FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq",
            (self._next, upto),
        ).fetchall()
        beside = source.execute(
            "SELECT seq, field, value, salt FROM personal WHERE seq >= ? AND seq < ?",
            (self._next, upto),
        ).fetchall()
        kept = [(s, b"" if self._goes(entry) else entry, *hashes) for s, entry, *hashes in rows]
        empty = {row[0] for row in kept if not row[1]}
        draft.execute("BEGIN IMMEDIATE")
        draft.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", kept)
        draft.executemany(
            "INSERT INTO personal VALUES (?, ?, ?, ?)",
            [row for row in beside if row[0] not in empty],
        )
        draft.execute("COMMIT")
        return len(rows)

    def _goes(self, entry: bytes) -> bool:
        try:
            kind = _KIND.decode(entry).kind if entry else ""
        except (msgspec.DecodeError, TypeError):
            return False  # it rotted: the look through the journal tells of it
        return kind not in NEVER_ALONE and CLASS_OF.get(kind) in self._gone

    def _finish(
        self, journal: Journal, segments: Segments, source: Connection, draft: Connection
    ) -> None:
        _copy_table(source, draft, "snapshot", 4)
        _copy_table(source, draft, "checkpoint", 5)
        said = (PRUNED, " ".join((str(self._by), *sorted(self._gone))))
        # The one sync that counts: it makes the whole file durable.
        draft.execute("PRAGMA synchronous = FULL")
        draft.execute("BEGIN IMMEDIATE")
        draft.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", said)
        draft.execute("COMMIT")
        draft.close()
        self._draft = None
        segments.close(self._number)
        journal.disk.put_in_place(self._path)


def _begun(journal: Journal, segments: Segments, number: int) -> Connection:
    """The new file: tables, and all that is said of the segment as a whole."""
    source = segments.connection(number)
    rows = source.execute("SELECT key, value FROM meta").fetchall()
    draft = journal.disk.draft(segments.path(number))
    try:
        tables.fill_segment(draft, rows, segments.boundaries[1:number])
        draft.execute("PRAGMA synchronous = OFF")
    except BaseException:
        draft.close()
        raise
    return draft


def _copy_table(source: Connection, draft: Connection, table: str, columns: int) -> None:
    rows: Sequence[Sequence[object]] = source.execute(f"SELECT * FROM {table}").fetchall()
    places = ", ".join("?" * columns)
    draft.execute("BEGIN IMMEDIATE")
    draft.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
    draft.execute("COMMIT")
