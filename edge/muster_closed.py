"""A muster's roll where no daemon runs: by the closed journal, of which nothing is changed."""

from collections.abc import Callable
from pathlib import Path

from controller.events import Event, decode_body, decode_entry
from controller.state import SiteState, apply
from edge.control.closed import ClosedJournal, opened_closed
from edge.control.place import JOURNAL
from edge.journal.errors import JournalPruned
from edge.restore import NO_STATE, UnknownKind, state_of

Progress = Callable[[int, int], None]
"""Called with entries done and entries in all."""


def closed_state(state: Path, progress: Progress) -> SiteState:
    """What the core knew after the journal's last entry. Raises JournalError, EntryError."""
    with opened_closed(state / JOURNAL) as journal:
        return _folded(journal, progress)


def _folded(journal: ClosedJournal, progress: Progress) -> SiteState:
    newest = journal.newest_snapshot()
    state = SiteState() if newest is None else state_of(newest)
    last = journal.last_seq
    for one in journal.entries(state.seq + 1, last):
        if one.seq != state.seq + 1:
            raise JournalPruned(state.seq + 1, one.seq - 1, NO_STATE)
        entry = decode_entry(one.entry.encode())
        state = apply(state, Event(header=entry, body=decode_body(entry) or UnknownKind()))
        progress(state.seq, last)
    if state.seq < last:
        raise JournalPruned(state.seq + 1, last, NO_STATE)
    return state
