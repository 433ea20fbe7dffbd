"""`views.db` brought up where no daemon runs, by whoever asks for a report."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from edge.control.messages import SentEntry
from edge.journal.record import Snapshot
from edge.restore import state_of
from edge.views_file import Journal, ViewsFailed, ViewsUnusable
from edge.views_fold import Beginning, Piece, ViewsFold, ViewsGapError

STEP_ENTRIES = 2_000
"""Of one commit: nobody waits for anything else here."""

Progress = Callable[[int, int], None]
"""Called with entries done and entries in all."""


class Reading(Protocol):
    """What is needed of a closed journal (`edge.control.closed.ClosedJournal`)."""

    @property
    def last_seq(self) -> int: ...
    @property
    def continues(self) -> str: ...

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]: ...

    def newest_snapshot(self) -> Snapshot | None: ...


def brought_up(
    path: Path | None,
    identity: Journal,
    journal: Reading,
    progress: Progress,
    *,
    anew: bool = False,
) -> ViewsFold:
    """The rows after the journal's last entry; without `path` in memory.

    Raises ViewsFailed, EntryError, JournalError.
    """
    fold = None if anew or path is None else _resumed(path, identity, journal)
    if fold is None:
        fold = ViewsFold.anew(path, identity, _beginning(journal, pruned=False))
    try:
        _follow(fold, journal, progress)
    except ViewsGapError:
        fold.close()
        fold = ViewsFold.anew(path, identity, _beginning(journal, pruned=True))
        _follow(fold, journal, progress)
    return fold


def _resumed(path: Path, identity: Journal, journal: Reading) -> ViewsFold | None:
    """Where it was left; None where it has to be made anew."""
    try:
        fold = ViewsFold.resumed(path, identity)
    except ViewsUnusable:
        return None
    at = fold.at
    if at.chain and [one.chain for one in journal.entries(at.seq, at.seq)] != [at.chain]:
        fold.close()
        return None
    return fold


def _beginning(journal: Reading, *, pruned: bool) -> Beginning:
    first = next(journal.entries(1, journal.last_seq), None)
    begins = journal.last_seq + 1 if first is None else first.seq
    if begins == 1 and not pruned and not journal.continues:
        return Beginning()
    newest = journal.newest_snapshot()
    if newest is None:
        raise ViewsFailed(
            "the journal's first entries are pruned and it has kept no state that verifies; start "
            "the edge once"
        )
    return Beginning(begins, state_of(newest), newest.made_utc_us)


def _follow(fold: ViewsFold, journal: Reading, progress: Progress) -> None:
    progress(fold.at.seq, journal.last_seq)
    entries = journal.entries(fold.at.seq + 1, journal.last_seq)
    while pieces := _pieces(entries):
        fold.take(pieces)
        progress(fold.at.seq, journal.last_seq)
    if fold.at.seq < journal.last_seq:
        fold.take(())


def _pieces(entries: Iterator[SentEntry]) -> Sequence[Piece]:
    return [Piece(one.entry.encode(), one.chain) for one in islice(entries, STEP_ENTRIES)]
