"""`views.db` brought up to a journal: resumed where that can be, begun anew where not."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from controller.events import Entry, decode_entry
from controller.state import SiteState
from edge.views import View, begun, changes, counted, folded
from edge.views_file import At, Journal, Reach, ViewsFile, ViewsUnusable


class Piece(NamedTuple):
    """An entry as the journal has it, and the chain's value after it, in hex."""

    entry: bytes
    chain: str


class Beginning(NamedTuple):
    """Where a fold from nothing begins: at the first entry that the journal has. `state`: what the
    core knew after entry `state.seq`, where the entries alone do not give it, because earlier ones
    were pruned or it goes on from another journal; `utc_us`: when it was kept.
    """

    first: int = 1
    state: SiteState | None = None
    utc_us: int = 0


class ViewsFold:
    """The rows of one journal, and what the next entry does to them.

    For one thread at a time. After an error it is closed and resumed, or begun anew.
    """

    def __init__(self, file: ViewsFile, journal: Journal, view: View, at: At) -> None:
        """Not for callers: see `resumed` and `anew`."""
        self._file, self._journal = file, journal
        self._zone = ZoneInfo(journal.timezone)
        self._view, self._at = view, at
        self._coming: View | None = None  # in force from its entry on; until then counts alone

    @classmethod
    def resumed(cls, path: Path, journal: Journal) -> Self:
        """Where it was left. Raises ViewsUnusable, ViewsFailed; `chain_at` is still to be asked."""
        file = ViewsFile.opened(path, journal)
        try:
            at = file.at()
            if at.seq < file.reach().state_from:
                raise ViewsUnusable(f"{path}: was left before its doors were known")
            return cls(file, journal, file.view(), at)
        except BaseException:
            file.close()
            raise

    @classmethod
    def anew(cls, path: Path | None, journal: Journal, beginning: Beginning) -> Self:
        """From nothing; without `path` in memory. Raises ViewsFailed."""
        state = beginning.state
        before = beginning.first - 1
        known_from = max(before, before if state is None else state.seq)
        reach = Reach(counted_from=beginning.first, state_from=known_from)
        file = ViewsFile.made(path, journal, reach)
        fold = cls(file, journal, View(state=SiteState(seq=before)), file.at())
        if state is not None:
            fold._coming = begun(state, beginning.utc_us, clock_trusted=False)
            fold._come()
        return fold

    @property
    def at(self) -> At:
        return self._at

    @property
    def view(self) -> View:
        return self._view

    @property
    def file(self) -> ViewsFile:
        return self._file

    def close(self) -> None:
        self._file.close()

    def take(self, pieces: Sequence[Piece]) -> None:
        """The next entries, in one commit. Nothing has happened where it fails.

        Raises EntryError on what is no entry of ours; ViewsUnusable where they do not follow.
        """
        for piece in self._parted(pieces):
            self._take(piece)

    def _parted(self, pieces: Sequence[Piece]) -> Sequence[Sequence[Piece]]:
        """No step goes beyond the entry at which a kept state comes in force."""
        upto = 0 if self._coming is None else self._coming.state.seq - self._at.seq
        return [part for part in (pieces[:upto], pieces[upto:]) if part]

    def _take(self, pieces: Sequence[Piece]) -> None:
        entries = [decode_entry(piece.entry) for piece in pieces]
        self._refuse_others(entries)
        if self._coming is None:
            view, counts = folded(self._view, entries, self._zone)
        else:
            counts = counted(entries, self._zone)
            view = View(state=SiteState(seq=entries[-1].seq))
        last = entries[-1]
        at = At(
            seq=last.seq,
            chain=pieces[-1].chain,
            utc_us=last.utc_us,
            clock_trusted=last.clock_trusted,
        )
        self._file.write(changes(self._view, view, counts), at)
        self._view, self._at = view, at
        self._come()

    def _come(self) -> None:
        """A kept state comes in force behind its entry."""
        coming = self._coming
        if coming is None or coming.state.seq > self._at.seq:
            return
        self._file.write(changes(self._view, coming, {}), self._at)
        self._view, self._coming = coming, None

    def _refuse_others(self, entries: Sequence[Entry]) -> None:
        following = self._at.seq + 1
        for entry in entries:
            if (entry.incarnation, entry.seq) != (self._journal.incarnation, following):
                raise ViewsUnusable(f"entry {entry.seq} does not follow {following - 1}")
            following += 1
