"""A journal that no daemon uses, read entry by entry without changing anything in it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from controller.ledger import Personal, leaf, link, origin
from controller.merkle import HASH_BYTES
from edge.control.desk import checkpoint_said
from edge.control.messages import READ_ENTRIES_MAX, SentEntry
from edge.control.messages_journal import LEAVES_MAX, CheckpointSaid
from edge.journal import folder as files
from edge.journal.checkpoints import leaves_of, said
from edge.journal.errors import JournalDamaged, failed


class ClosedJournal:
    """Reads the open file; every entry is proved by its leaf and by the chain before it."""

    def __init__(self, segment: Path, connection: sqlite3.Connection) -> None:
        """Not for callers: see `opened_closed`."""
        self._connection = connection
        meta = files.read_meta(segment, connection)
        self._origin = origin(meta.site, meta.edge, meta.incarnation)
        self.identity = (meta.site, meta.edge, meta.incarnation)
        self.last_seq: int = connection.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]:
        """In order. Raises JournalDamaged where a row is missing or was changed, sqlite3.Error."""
        following = max(from_seq, 1)
        before = self._chain_at(following - 1)
        last = min(to_seq, self.last_seq)
        while following <= last:
            rows = self._connection.execute(
                "SELECT seq, entry, leaf, chain FROM entry WHERE seq BETWEEN ? AND ?"
                " ORDER BY seq LIMIT ?",
                (following, last, READ_ENTRIES_MAX),
            ).fetchall()
            if not rows:
                raise JournalDamaged(following, "it is missing")
            for seq, entry, leaf_hash, chain in rows:
                if seq != following:
                    raise JournalDamaged(following, "it is missing")
                if leaf(entry) != leaf_hash:
                    raise JournalDamaged(seq, "its bytes are not those that were hashed")
                if before is not None and link(before, leaf_hash) != chain:
                    raise JournalDamaged(seq, "the chain breaks here")
                before, following = chain, seq + 1
                yield SentEntry(
                    seq=seq, entry=entry.decode(), chain=chain.hex(), personal=self._beside(seq)
                )

    def leaves(self, begin: int, end: int) -> Iterator[bytes]:
        """The leaf hashes of entries `begin` + 1 to `end`. Raises sqlite3.Error."""
        while begin < end:
            upto = min(end, begin + LEAVES_MAX)
            data = leaves_of(self._connection, begin, upto)
            for at in range(0, len(data), HASH_BYTES):
                yield data[at : at + HASH_BYTES]
            begin = upto

    def checkpoints(self, size: int | None) -> tuple[CheckpointSaid, ...]:
        """As `edge.journal.checkpoints.said`."""
        return tuple(checkpoint_said(kept) for kept in said(self._connection, size))

    def _chain_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return self._origin
        row = self._connection.execute("SELECT chain FROM entry WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else row[0]

    def _beside(self, seq: int) -> tuple[Personal, ...]:
        rows = self._connection.execute(
            "SELECT field, value, salt FROM personal WHERE seq = ?", (seq,)
        ).fetchall()
        return tuple(Personal(field, value, salt.hex()) for field, value, salt in rows)


@contextmanager
def opened_closed(folder: Path) -> Iterator[ClosedJournal]:
    """The journal in a folder that no daemon uses, locked meanwhile.

    Raises JournalInUse, JournalForeign, JournalNewer, JournalMissing, JournalFailed; inside the
    block, sqlite3.Error becomes JournalFailed.
    """
    segment = folder / files.SEGMENT
    try:
        lock = files.FolderLock.for_reading(folder)
    except OSError as error:
        raise failed(error, folder) from error
    try:
        files.look(segment)
        with closing(files.connect_to_read(segment)) as connection:
            files.refuse_schema(segment, connection)
            yield ClosedJournal(segment, connection)
    except sqlite3.Error as error:
        raise failed(error, folder) from error
    finally:
        if lock is not None:
            files.forget_reading(segment)
            lock.release()
