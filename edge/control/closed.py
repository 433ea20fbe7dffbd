"""A journal that no daemon uses, read entry by entry without changing anything in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.merkle import Frontier
from edge.control.desk import checkpoint_said
from edge.control.messages import READ_ENTRIES_MAX, SentEntry
from edge.control.messages_journal import CheckpointSaid
from edge.journal import reading
from edge.journal.checkpoints import said
from edge.journal.closed import newest_seq, opened_to_read
from edge.journal.errors import JournalDamaged
from edge.journal.record import Snapshot
from edge.journal.segments import Segments


class ClosedJournal:
    """Reads the open files; every entry is proved by its leaf and by the chain before it."""

    def __init__(self, segments: Segments) -> None:
        """Not for callers: see `opened_closed`."""
        self._segments = segments
        meta = segments.meta
        self.identity = (meta.site, meta.edge, meta.incarnation)
        self.continues = meta.continues
        """As `edge.journal.Journal.continues`."""
        self.last_seq = newest_seq(segments)

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]:
        """In order, those that are kept. Raises JournalDamaged where a row is missing or was
        changed, sqlite3.Error.
        """
        following, last = max(from_seq, 1), min(to_seq, self.last_seq)
        at_once = READ_ENTRIES_MAX
        while following <= last:
            limit = min(at_once, last - following + 1)
            try:
                found = reading.read(
                    self._segments,
                    following,
                    limit,
                    reading.READ_BYTES_MAX,
                    checked=True,
                    kept=True,
                )
            except JournalDamaged:
                if at_once == 1:
                    raise
                at_once = 1  # up to the damage everything is given
                continue
            for one in found:
                if one.seq > last:
                    return
                yield SentEntry(
                    seq=one.seq,
                    entry=one.entry.decode(),
                    chain=one.chain.hex(),
                    personal=one.personal,
                )
            if not found:
                return
            following = found[-1].seq + 1

    def leaves(self, begin: int, end: int) -> Iterator[bytes]:
        """As `edge.journal.reading.leaves`."""
        return reading.leaves(self._segments, begin, end)

    def checkpoints(self, size: int | None) -> tuple[CheckpointSaid, ...]:
        """As `edge.journal.checkpoints.said`."""
        return tuple(checkpoint_said(kept) for kept in said(self._segments, size))

    def newest_snapshot(self) -> Snapshot | None:
        """As `edge.journal.Journal.newest_snapshot`."""
        return next(reading.snapshots(self._segments), None)

    def begun(self) -> Frontier:
        """The tree over what is not there any more."""
        return self._segments.begun.tree


@contextmanager
def opened_closed(folder: Path) -> Iterator[ClosedJournal]:
    """The journal in a folder that no daemon uses, locked meanwhile. Raises as
    `edge.journal.closed.opened_to_read`.
    """
    with opened_to_read(folder) as segments:
        yield ClosedJournal(segments)
