"""One journal: rows, chain, personal values, snapshots, and how far the archive has it.

Used on one thread only. The daemon reaches it through `edge.journal.writer`.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from controller.events import ENTRY_BYTES_MAX, EntryError
from controller.ledger import SALT_BYTES, Personal, leaf, link, origin
from controller.merkle import Frontier
from edge.journal import folder as files
from edge.journal.checkpoints import tree
from edge.journal.disk import Connection, Disk, Lock
from edge.journal.errors import (
    UNREADABLE,
    AckRefused,
    JournalClosed,
    JournalDamaged,
    JournalFailed,
    JournalForeign,
    JournalForked,
    JournalShrank,
    RecordRefused,
    failed,
)
from edge.journal.record import (
    Prepared,
    Record,
    Snapshot,
    Stored,
    Tip,
    personal_from,
    refuse_rotten,
    said_by,
    snapshot_digest,
)

__all__ = ["Journal", "Record", "Snapshot", "Stored", "Tip"]

SNAPSHOTS_KEPT = 3
"""One that turns out damaged costs a longer replay, not the state."""

READ_ENTRIES_MAX = 2_000
READ_BYTES_MAX = 4 * 1024 * 1024
"""What one read may hold up the appends behind it: some ten milliseconds."""


def _storable(value: Personal) -> bool:
    try:
        (value.field + value.value).encode()
        return len(bytes.fromhex(value.salt)) == SALT_BYTES
    except ValueError:
        return False


class Journal:
    """The open journal of one edge; exactly one process has it."""

    def __init__(self, folder: Path, lock: Lock, connection: Connection) -> None:
        """Not for callers: see `open`."""
        self.folder = folder
        self._lock = lock
        self._open: Connection | None = connection
        self._failure: JournalFailed | None = None
        meta = files.read_meta(folder / files.SEGMENT, connection)
        self.site, self.edge, self.incarnation, self._acked = meta[:4]
        self.doubted = meta.doubted
        """How many entries a witness has cosigned of a journal of this name that this is not."""
        self.continues = meta.continues
        """The incarnation that this one goes on from, as somebody doubted it."""
        self._tip = self._newest(connection)
        self._tree = tree(connection, self._tip.seq)

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
        segment = folder / files.SEGMENT
        try:
            if create:
                disk.make_folder(folder)
            elif not disk.has_segment(segment):
                raise files.missing(segment)
            lock = disk.take_lock(folder)
        except OSError as error:
            raise failed(error, folder) from error
        try:
            if create and not disk.has_segment(segment):
                disk.create_segment(folder, site=site, edge=edge, entropy=entropy, utc_us=utc_us)
            disk.look(segment)
            return cls._opened(folder, lock, disk.connect(segment), site, edge, shrunk=shrunk)
        except (*UNREADABLE, OSError) as error:
            lock.release()
            raise failed(error, folder) from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _opened(
        cls,
        folder: Path,
        lock: Lock,
        connection: Connection,
        site: str,
        edge: str,
        *,
        shrunk: bool,
    ) -> Self:
        segment = folder / files.SEGMENT
        try:
            files.bring_up(connection, files.refuse_schema(segment, connection))
            journal = cls(folder, lock, connection)
            if (journal.site, journal.edge) != (site, edge):
                raise JournalForeign(
                    f"{segment} is the journal of site {journal.site!r} edge {journal.edge!r}, "
                    f"not of {site!r} {edge!r}; name that edge's state folder"
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
        """The one connection. Raises JournalFailed after a failure, JournalClosed after close."""
        if self._open is None:
            if self._failure is not None:
                raise type(self._failure)(str(self._failure)) from self._failure
            raise JournalClosed(f"{self.folder}: the journal was closed; open it again")
        return self._open

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
    def reading(self) -> Iterator[Connection]:
        """Raises JournalFailed where the disk does not give what is asked for; appends go on."""
        connection = self.connection
        try:
            yield connection
        except UNREADABLE as error:
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
        prepared = Prepared([], [], after)
        for record in records:
            seq += 1
            self._refuse(record, seq)
            leaf_hash = leaf(record.entry)
            chain = link(chain, leaf_hash)
            prepared.entries.append((seq, record.entry, leaf_hash, chain))
            for value in record.personal:
                salt = bytes.fromhex(value.salt)
                prepared.personal.append((seq, value.field, value.value, salt))
        return prepared._replace(tip=Tip(seq, chain))

    def append(self, records: Sequence[Record]) -> None:
        """Store `records` in one transaction; they are durable when this returns.

        Raises RecordRefused (nothing stored) or JournalFailed (outcome unknown, journal stopped).
        """
        self.commit([self.prepare(records, self._tip)])

    def commit(self, batch: Sequence[Prepared]) -> None:
        """Write prepared rows, each continuing the one before, in one transaction.

        Raises JournalFailed: outcome unknown, journal stopped.
        """
        with self.writing() as connection:
            for prepared in batch:
                connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", prepared.entries)
                if prepared.personal:
                    connection.executemany(
                        "INSERT INTO personal VALUES (?, ?, ?, ?)", prepared.personal
                    )
        if batch:
            self._tip = batch[-1].tip
            self._tree = self._tree.with_leaves(row[2] for one in batch for row in one.entries)

    def read(
        self, from_seq: int, limit_entries: int, limit_bytes: int, *, checked: bool = True
    ) -> list[Stored]:
        """Entries from `from_seq` on, in order and without a gap, up to either limit, at least
        one where there is one; empty past the end.

        `checked` proves each entry by its leaf and chain: state is never rebuilt from bytes that
        rotted. Raises JournalDamaged (only where checked), JournalFailed (the disk did not give
        it; appends go on), JournalClosed.
        """
        first = max(from_seq, 1)
        budget = min(limit_bytes, READ_BYTES_MAX)
        rows: list[tuple[int, bytes, bytes, bytes]] = []
        with self.reading() as connection:
            cursor = connection.execute(
                "SELECT seq, entry, leaf, chain FROM entry WHERE seq >= ? ORDER BY seq LIMIT ?",
                (first, max(1, min(limit_entries, READ_ENTRIES_MAX))),
            )
            for row in cursor:
                refuse_rotten(*row)
                budget -= len(row[1])
                if rows and budget < 0:
                    break
                rows.append(row)
            cursor.close()
            if checked:
                self._prove(connection, first, rows)
            personal = self._personal(connection, rows)
        return [
            Stored(seq, entry, personal.get(seq, ()), leaf=leaf_hash, chain=chain)
            for seq, entry, leaf_hash, chain in rows
        ]

    def chain_at(self, seq: int) -> bytes | None:
        """The chain's value at an entry, None where there is no such entry.

        Raises JournalFailed as in `read`.
        """
        with self.reading() as connection:
            return self._link_at(connection, seq)

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
        with self.reading() as connection:
            for record in pending:
                if record.seq > self.last_seq:
                    break
                found = connection.execute(
                    "SELECT entry FROM entry WHERE seq = ?", (record.seq,)
                ).fetchall()
                if found != [(record.entry,)]:
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
        with self.reading() as connection:
            rows = connection.execute("SELECT seq FROM snapshot ORDER BY seq DESC").fetchall()
        for (seq,) in rows:
            try:
                made, digest, state = connection.execute(
                    "SELECT made_utc_us, digest, state FROM snapshot WHERE seq = ?", (seq,)
                ).fetchone()
                chain = self._link_at(connection, seq)
            except UNREADABLE:
                continue
            if not isinstance(state, bytes) or chain is None:
                continue
            if snapshot_digest(seq, chain, state) == digest:
                return Snapshot(seq, made, state)
        return None

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
        connection, self._open = self._open, None
        try:
            if connection is not None:
                try:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                except UNREADABLE as error:
                    raise failed(error, self.folder) from error
                finally:
                    connection.close()
        finally:
            self._lock.release()

    def _newest(self, connection: Connection) -> Tip:
        row = connection.execute(
            "SELECT seq, chain FROM entry ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row and not isinstance(row[1], bytes):
            raise JournalDamaged(row[0], "its chain value cannot be read")
        return Tip(*row) if row else Tip(0, origin(self.site, self.edge, self.incarnation))

    def _link_at(self, connection: Connection, seq: int) -> bytes | None:
        if seq == 0:
            return origin(self.site, self.edge, self.incarnation)
        row = connection.execute("SELECT chain FROM entry WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row and isinstance(row[0], bytes) else None

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

    def _prove(
        self,
        connection: Connection,
        first: int,
        rows: Sequence[tuple[int, bytes, bytes, bytes]],
    ) -> None:
        if not rows:
            return
        chain = self._link_at(connection, first - 1)
        if chain is None:
            raise JournalDamaged(first - 1, "is missing")
        for expected, (seq, entry, leaf_hash, link_hash) in enumerate(rows, start=first):
            if seq != expected:
                raise JournalDamaged(expected, "is missing")
            if leaf(entry) != leaf_hash:
                raise JournalDamaged(seq, "its bytes are not those that were stored")
            chain = link(chain, leaf_hash)
            if chain != link_hash:
                raise JournalDamaged(seq, "the chain breaks here")

    @staticmethod
    def _personal(
        connection: Connection, rows: Sequence[tuple[int, bytes, bytes, bytes]]
    ) -> dict[int, tuple[Personal, ...]]:
        if not rows:
            return {}
        found: dict[int, tuple[Personal, ...]] = {}
        for seq, field, value, salt in connection.execute(
            "SELECT seq, field, value, salt FROM personal WHERE seq BETWEEN ? AND ?",
            (rows[0][0], rows[-1][0]),
        ).fetchall():
            found[seq] = (*found.get(seq, ()), personal_from(seq, field, value, salt))
        return found

    def stop(self, error: sqlite3.Error | UnicodeDecodeError) -> JournalFailed:
        """Fail-stop: after a failed sync this connection's view of the disk may be wrong."""
        self._failure = failed(error, self.folder)
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()
        return self._failure
