"""One journal: rows, chain, personal values, snapshots, and how far the archive has it.

Used on one thread only. The daemon reaches it through `edge.journal.writer`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from controller.events import ENTRY_BYTES_MAX, EntryError
from controller.ledger import SALT_BYTES, Personal, leaf, link
from controller.merkle import Frontier
from edge.journal import folder as files
from edge.journal import reading, tables
from edge.journal.checkpoints import tree, tree_value
from edge.journal.disk import Connection, Disk, Lock
from edge.journal.errors import (
    UNREADABLE,
    AckRefused,
    JournalClosed,
    JournalFailed,
    JournalForeign,
    JournalForked,
    JournalShrank,
    RecordRefused,
    failed,
)
from edge.journal.record import (
    Following,
    Prepared,
    Record,
    Snapshot,
    Stored,
    Tip,
    said_by,
    snapshot_digest,
)
from edge.journal.segments import Segments, fold, none_there, present
from edge.journal.tables import Boundary

__all__ = ["Journal", "Record", "Snapshot", "Stored", "Tip"]

SNAPSHOTS_KEPT = 3
"""One that turns out damaged costs a longer replay, not the state."""

TREE_EVERY = 10_000
"""Entries between two notes of the tree: an opening reads the leaves behind the last one."""


def _storable(value: Personal) -> bool:
    try:
        (value.field + value.value).encode()
        return len(bytes.fromhex(value.salt)) == SALT_BYTES
    except ValueError:
        return False


class Journal:
    """The open journal of one edge; exactly one process has it."""

    def __init__(self, disk: Disk, lock: Lock, segments: Segments) -> None:
        """Not for callers: see `open`."""
        self.disk = disk
        self.folder = segments.folder
        self.segments = segments
        self._lock = lock
        self._open = True
        self._failure: JournalFailed | None = None
        meta = segments.meta
        self.site, self.edge, self.incarnation, self._acked = meta[:4]
        self.doubted = meta.doubted
        """How many entries a witness has cosigned of a journal of this name that this is not."""
        self.continues = meta.continues
        """The incarnation that this one goes on from, as somebody doubted it."""
        self._tip = reading.newest(segments)
        self._tree = tree(segments, self._tip.seq)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        site: str,
        edge: str,
        entropy: Callable[[int], bytes],
        utc_us: int,
        create: bool = True,
        shrunk: bool = False,
        disk: Disk = files,
    ) -> Self:
        """The journal in `folder`; a new one where the folder is empty or does not exist.

        `entropy(n)` gives n random bytes; it and `utc_us` serve only a new journal. `create=False`
        never makes one. `shrunk`: one that ends too early is opened all the same. `disk` is where
        the folder lies. Raises JournalInUse, JournalForeign, JournalNewer, JournalMissing,
        JournalShrank, JournalFailed (full, read-only, broken).
        """
        try:
            if create:
                disk.make_folder(folder)
            elif not present(folder, disk.names_in(folder)):
                raise none_there(folder)
            lock = disk.take_lock(folder)
        except OSError as error:
            raise failed(error, folder) from error
        try:
            _clear_drafts(disk, folder)
            numbers = present(folder, disk.names_in(folder))
            if not numbers and create:
                incarnation = entropy(files.INCARNATION_BYTES).hex()
                numbers = _made(disk, folder, tables.first_meta(site, edge, incarnation, utc_us))
            if not numbers:
                raise none_there(folder)
            # A name that a sync before did not make durable must be so before anything follows.
            disk.sync_folder_of(folder)
            return cls._opened(disk, folder, lock, numbers, (site, edge), shrunk=shrunk)
        except (*UNREADABLE, OSError) as error:
            lock.release()
            raise failed(error, folder) from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _opened(
        cls,
        disk: Disk,
        folder: Path,
        lock: Lock,
        numbers: tuple[int, ...],
        owner: tuple[str, str],
        *,
        shrunk: bool,
    ) -> Self:
        segment = folder / files.segment_name(numbers[-1])

        def opened(path: Path) -> Connection:
            disk.look(path)
            return disk.connect(path)

        connection = opened(segment)
        try:
            tables.bring_up(connection, tables.refuse_schema(segment, connection))
            journal = cls(disk, lock, Segments(folder, numbers, connection, opened))
            if (journal.site, journal.edge) != owner:
                raise JournalForeign(
                    f"{segment} is the journal of site {journal.site!r} edge {journal.edge!r}, "
                    f"not of {owner[0]!r} {owner[1]!r}; name that edge's state folder"
                )
            if journal._acked > journal.last_seq and not shrunk:
                raise JournalShrank(
                    f"{segment} ends at {journal.last_seq}, but the archive stored up to "
                    f"{journal._acked}: entries were removed or an old copy was put back; keep "
                    "the folder as evidence; a start of the edge goes on with a new one"
                )
        except BaseException:
            connection.close()
            raise
        return journal

    @property
    def last_seq(self) -> int:
        """The newest stored entry's number; 0 in an empty journal."""
        return self._tip.seq

    @property
    def head(self) -> bytes:
        """The chain's value at `last_seq`."""
        return self._tip.chain

    @property
    def tip(self) -> Tip:
        """`last_seq` and `head` together."""
        return self._tip

    @property
    def tree(self) -> Frontier:
        """The tree over the leaves of all that is stored."""
        return self._tree

    @property
    def acked(self) -> int:
        """The archive has stored everything up to this number."""
        return self._acked

    @property
    def connection(self) -> Connection:
        """The one to the segment that is written on.

        Raises JournalFailed after a failure, JournalClosed after close.
        """
        if self._failure is not None:
            raise type(self._failure)(str(self._failure)) from self._failure
        if not self._open:
            raise JournalClosed(f"{self.folder}: the journal was closed; open it again")
        return self.segments.connection(self.segments.active.number)

    @property
    def rows(self) -> Segments:
        """For whoever deals with what cannot be read himself.

        Raises JournalFailed after a failure, JournalClosed after close.
        """
        self.refuse_stopped()
        return self.segments

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block has ended; nothing but its SQL belongs in it.

        Raises JournalFailed: outcome unknown, journal stopped.
        """
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except UNREADABLE as error:
            raise self.stop(error) from error

    @contextmanager
    def reading(self) -> Iterator[Segments]:
        """Raises JournalFailed where the disk does not give what is asked for; appends go on."""
        self.refuse_stopped()
        try:
            yield self.segments
        except (*UNREADABLE, OSError) as error:
            raise failed(error, self.folder) from error

    @property
    def stopped(self) -> bool:
        """Whether a failure has ended the use of this connection."""
        return self._failure is not None

    def refuse_stopped(self) -> None:
        """Raises JournalFailed after a failure, JournalClosed after close."""
        _ = self.connection

    def prepare(self, records: Sequence[Record], after: Tip) -> Prepared:
        """Rows for `records`, continuing at `after`. Writes nothing.

        Raises RecordRefused where a record's number, or what its header says of site, edge,
        incarnation and number, is not what comes next here: one wrong row could never be mended.
        """
        seq, chain = after
        entries, personal = [], []
        for record in records:
            seq += 1
            self._refuse(record, seq)
            leaf_hash = leaf(record.entry)
            chain = link(chain, leaf_hash)
            entries.append((seq, record.entry, leaf_hash, chain))
            for value in record.personal:
                salt = bytes.fromhex(value.salt)
                personal.append((seq, value.field, value.value, salt))
        return Prepared(entries, personal, Tip(seq, chain))

    def append(self, records: Sequence[Record]) -> None:
        """Store `records` in one transaction; they are durable when this returns.

        Raises RecordRefused (nothing stored) or JournalFailed (outcome unknown, journal stopped).
        """
        self.commit([self.prepare(records, self._tip)])

    def commit(self, batch: Sequence[Prepared]) -> None:
        """Write prepared rows, each continuing the one before, in one transaction.

        Raises JournalFailed: outcome unknown, journal stopped.
        """
        entries = [row for one in batch for row in one.entries]
        personal = [row for one in batch for row in one.personal]
        with self.writing() as connection:
            # One call for all: each costs as much as a row does.
            connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", entries)
            if personal:
                connection.executemany("INSERT INTO personal VALUES (?, ?, ?, ?)", personal)
            tip = batch[-1].tip if batch else self._tip
            grown = self._tree.with_leaves(row[2] for row in entries)
            if grown.size // TREE_EVERY > self._tree.size // TREE_EVERY:
                noted = (tables.TREE, tree_value(grown, tip.chain))
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", noted)
        self._tip, self._tree = tip, grown

    def read(
        self,
        from_seq: int,
        limit_entries: int,
        limit_bytes: int,
        *,
        checked: bool = True,
        kept: bool = False,
    ) -> list[Stored]:
        """Entries from `from_seq` on, in order and without a gap, up to either limit, at least
        one where there is one; empty past the end.

        `checked` proves each entry by its leaf and chain: state is never rebuilt from bytes that
        rotted. `kept` passes over what was pruned. Raises JournalDamaged (only where checked),
        JournalPruned (only where not `kept`, and the first one was), JournalFailed (the disk did
        not give it; appends go on), JournalClosed.
        """
        with self.reading() as segments:
            return reading.read(
                segments, from_seq, limit_entries, limit_bytes, checked=checked, kept=kept
            )

    def following(self, from_seq: int, limit_entries: int, limit_bytes: int) -> Following[Stored]:
        """What there is to send from `from_seq` on, checked as `read` does: where the journal
        begins behind that by now, from there. Of what was pruned the hashes come, without bytes.

        Raises JournalDamaged, JournalFailed, JournalClosed as `read`.
        """
        with self.reading() as segments:
            return reading.following(segments, from_seq, limit_entries, limit_bytes)

    def chain_at(self, seq: int) -> bytes | None:
        """The chain's value at an entry, None where there is no such entry, or none any more.

        Raises JournalFailed as in `read`.
        """
        with self.reading() as segments:
            return reading.chain_at(segments, seq)

    def reconcile(self, pending: Sequence[Record]) -> tuple[Record, ...]:
        """Which of `pending`, in order, are not on disk. Every other one is, byte for byte.

        Raises JournalForked where another entry has the number, JournalShrank where `pending`
        begins past the end: what came before it is lost. JournalFailed as in `read`.
        """
        if pending and pending[0].seq > self.last_seq + 1:
            raise JournalShrank(
                f"{self.folder} ends at {self.last_seq}, but {pending[0].seq - 1} was stored: an "
                "old copy was put back or the storage lost it; keep the folder as evidence and "
                "start with an empty one"
            )
        with self.reading() as segments:
            for record in pending:
                if record.seq > self.last_seq:
                    break
                if reading.entry_at(segments, record.seq) != record.entry:
                    raise JournalForked(record.seq)
        return tuple(record for record in pending if record.seq > self.last_seq)

    def put_snapshot(self, seq: int, state: bytes, utc_us: int) -> None:
        """Keep the state after `seq`, durably; of older ones the newest few stay.

        Raises RecordRefused for a `seq` that is not stored, JournalFailed (journal stopped).
        """
        chain = self.chain_at(seq)
        if chain is None:
            raise RecordRefused(
                f"a snapshot after {seq} has no entry to stand on (the journal ends at "
                f"{self.last_seq}); take it after the append"
            )
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)",
                (seq, utc_us, snapshot_digest(seq, chain, state), state),
            )
            connection.execute(
                "DELETE FROM snapshot WHERE seq NOT IN "
                "(SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
                (SNAPSHOTS_KEPT,),
            )

    def newest_snapshot(self) -> Snapshot | None:
        """The newest snapshot that verifies against the chain; None where there is none.

        One that is damaged or cannot be read is passed over: the events are all there still.
        Raises JournalFailed as in `read`.
        """
        with self.reading() as segments:
            return next(reading.snapshots(segments), None)

    def set_acked(self, seq: int, *, incarnation: str) -> None:
        """The archive says that it stored everything up to `seq` of `incarnation`.

        An older number than the one known changes nothing. Raises AckRefused for a number that
        was never given out or another incarnation; JournalFailed (journal stopped).
        """
        if incarnation != self.incarnation or not 0 <= seq <= self.last_seq:
            raise AckRefused(
                f"an acknowledgement of {seq} in {incarnation!r} cannot be true: this journal is "
                f"{self.incarnation!r} and ends at {self.last_seq}; see who writes to the topic"
            )
        self.refuse_stopped()
        if seq <= self._acked:
            return
        with self.writing() as connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'acked'", (str(seq),))
        self._acked = seq

    def close(self) -> None:
        """Fold the write-ahead log into the segment and let the folder go. May be called twice.

        Raises JournalFailed where the last checkpoint failed: nothing is lost, the log is replayed
        when it is opened next.
        """
        was_open, self._open = self._open and self._failure is None, False
        try:
            if was_open:
                try:
                    fold(self.segments.connection(self.segments.active.number))
                except UNREADABLE as error:
                    raise failed(error, self.folder) from error
        finally:
            self.segments.shut()
            self._lock.release()

    def _refuse(self, record: Record, seq: int) -> None:
        if record.seq != seq:
            raise RecordRefused(f"entry {record.seq} does not continue the journal: next is {seq}")
        if len(record.entry) > ENTRY_BYTES_MAX:
            raise RecordRefused(f"entry {seq} has {len(record.entry)} bytes: too large")
        try:
            said = said_by(record.entry)
        except EntryError as error:
            raise RecordRefused(f"entry {seq}: {error}") from error
        if (said.seq, said.incarnation, said.edge, said.site) != (
            seq,
            self.incarnation,
            self.edge,
            self.site,
        ):
            raise RecordRefused(
                f"entry {seq} says of itself {said.site} {said.edge} {said.incarnation} "
                f"{said.seq}: not this journal's next ({self.site} {self.edge} "
                f"{self.incarnation} {seq})"
            )
        if not record.personal:
            return
        if len({value.field for value in record.personal}) != len(record.personal):
            raise RecordRefused(f"entry {seq} has two personal values for one field")
        for value in record.personal:
            if not _storable(value):
                raise RecordRefused(f"entry {seq}: {value.field} has no usable salt or value")

    def fold(self) -> None:
        """Cut the log of the segment that is written on to nothing.

        Raises JournalFailed (journal stopped).
        """
        connection = self.connection
        try:
            fold(connection)
        except UNREADABLE as error:
            raise self.stop(error) from error

    def go_on(self, boundary: Boundary) -> None:
        """Write on in the segment that begins here, which is in place, from the next append on.

        Raises JournalFailed (journal stopped).
        """
        try:
            self.segments.go_on(boundary, self.disk.connect(self.segments.path(boundary.number)))
        except (*UNREADABLE, OSError) as error:
            raise self.stop(error) from error

    def stop(self, error: sqlite3.Error | OSError | UnicodeDecodeError) -> JournalFailed:
        """Fail-stop: after a failed sync this connection's view of the disk may be wrong."""
        self._failure = failed(error, self.folder)
        self.segments.shut()
        return self._failure


def _clear_drafts(disk: Disk, folder: Path) -> None:
    """What a cut left of a segment that had not its name yet: nothing that anybody was told of."""
    for name in disk.names_in(folder):
        if name.endswith(f".db{files.DRAFT}") or f".db{files.DRAFT}-" in name:
            disk.discard(folder / name)


def _made(disk: Disk, folder: Path, meta: Iterable[tuple[str, str]]) -> tuple[int]:
    """The first segment: written aside, synced, renamed; what carries the name is whole.

    Raises JournalMissing where the folder holds other things: a journal was there.
    """
    files.refuse_left(folder, disk.names_in(folder))
    with closing(disk.draft(folder / files.SEGMENT)) as connection:
        tables.fill_segment(connection, meta)
    disk.put_in_place(folder / files.SEGMENT)
    return (1,)
