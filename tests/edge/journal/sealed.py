"""Journals of several segments, with their keys."""

from contextlib import closing
from pathlib import Path

from edge.journal import Journal
from edge.journal.checkpoints import note_cosigned, take
from edge.journal.sealing import seal
from edge.notes import cosignature
from tests.edge.journal.support import open_journal, records
from tests.edge.journal.test_verify_checkpoints import CENTRAL, UTC_S, UTC_US, note

MONTH_US = 30 * 86_400_000_000


def cosign(journal: Journal) -> int:
    """The witness has seen the journal as it is; how large that is."""
    kept = take(journal, note, UTC_US)
    text = kept.note.rpartition("\n\n")[0] + "\n"
    cosigned = kept.note + cosignature(text, "central", CENTRAL, UTC_S)
    note_cosigned(journal, kept.size, cosigned)
    return kept.size


def months(folder: Path, *sizes: int) -> int:
    """A closed journal of a segment for each of `sizes`, all but the last one sealed, cosigned and
    acknowledged; how many entries it has.
    """
    with closing(open_journal(folder)) as journal:
        for number, size in enumerate(sizes):
            if number:
                assert seal(journal, note, UTC_US + number * MONTH_US) is not None
            append(journal, size)
        journal.put_snapshot(journal.last_seq - 1, b"state", UTC_US)
        journal.put_snapshot(journal.last_seq, b"state", UTC_US)
        cosign(journal)
        journal.set_acked(journal.last_seq, incarnation=journal.incarnation)
        return journal.last_seq


def append(journal: Journal, count: int) -> None:
    journal.append(records(journal.last_seq + 1, journal.last_seq + count))
