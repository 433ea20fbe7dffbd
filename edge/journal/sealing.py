"""A segment is sealed and another one begun.

The final checkpoint is taken, the log cut to nothing, the new segment written aside, and then given
its name: that is the moment. A power cut before it leaves the old segment to be written on, and one
behind it a new one without entries; nothing is appended between the two.
"""

from collections.abc import Callable
from contextlib import closing

from controller.merkle import Frontier
from edge.journal import tables
from edge.journal.checkpoints import Kept, take
from edge.journal.errors import UNREADABLE, failed
from edge.journal.store import Journal
from edge.journal.tables import Boundary


def seal(journal: Journal, sign: Callable[[Frontier], str], utc_us: int) -> Kept | None:
    """Begin a new segment at the newest entry; the final checkpoint of the old one, which `sign`
    makes the note of, or None where nothing was appended since it began.

    Raises JournalFailed: where the new one could not be written aside nothing has changed, and
    appends go on; otherwise the journal is stopped.
    """
    journal.refuse_stopped()
    before = journal.segments.active
    if journal.last_seq == before.seq:
        return None
    kept = take(journal, sign, utc_us)
    journal.fold()
    boundary = Boundary(
        before.number + 1, journal.last_seq, journal.head, journal.tree, utc_us, kept.note
    )
    _write_aside(journal, boundary, utc_us)
    try:
        journal.disk.put_in_place(journal.segments.path(boundary.number))
    except OSError as error:
        # It may bear its name or not: nothing must go into the old one any more.
        raise journal.stop(error) from error
    journal.go_on(boundary)
    return kept


def _write_aside(journal: Journal, boundary: Boundary, utc_us: int) -> None:
    """The new segment, whole and durable, beside its name. Raises JournalFailed."""
    path = journal.segments.path(boundary.number)
    with journal.reading():
        rows = journal.connection.execute("SELECT key, value FROM meta").fetchall()
    meta = {key: value for key, value in rows if key not in tables.OWN_META}
    meta[tables.CREATED] = str(utc_us)
    try:
        with closing(journal.disk.draft(path)) as connection:
            begins = (*journal.segments.boundaries[1:], boundary)
            tables.fill_segment(connection, meta.items(), begins)
    except (*UNREADABLE, OSError) as error:
        raise failed(error, journal.folder) from error
