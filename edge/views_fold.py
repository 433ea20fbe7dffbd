"""`views.db` brought up to a journal: resumed where that can be, begun anew where not."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from controller.events import Entry, decode_entry
from controller.state import SiteState
from edge.views import Changes, View, begun, changes, counted, folded
from edge.views_file import At, Journal, Reach, ViewsFile, ViewsUnusable
from edge.views_orders import orders_in


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


class ViewsGapError(ViewsUnusable):
    """Entries are missing: what they did is known to a state that the core kept, and to nobody
    else.
    """


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
        before = beginning.first - 1
        state = beginning.state
        if state is not None and state.seq < before:
            state = None  # nothing leads from it to the first entry there is
        known_from = before if state is None else state.seq
        reach = Reach(counted_from=beginning.first, state_from=known_from)
        file = ViewsFile.made(path, journal, reach)
        fold = cls(file, journal, View(state=SiteState(seq=before)), file.at())
        if state is not None:
            fold._coming = begun(state, beginning.utc_us, clock_trusted=False)
            if state.seq == before:
                fold._come(fold._coming)
        return fold

    @property
    def journal(self) -> Journal:
        return self._journal

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
        """The next entries, in one commit; none: there are no more before the kept state. Nothing
        has happened where it fails.

        Raises EntryError on what is no entry of ours; ViewsUnusable where they do not follow. Up to
        a kept state some may be missing: they were pruned.
        """
        entries = [decode_entry(piece.entry) for piece in pieces]
        coming = self._coming
        if coming is not None:
            before = sum(entry.seq <= coming.state.seq for entry in entries)
            if before:
                self._count(entries[:before], pieces[before - 1].chain)
            if before < len(entries) or not entries or self._at.seq == coming.state.seq:
                self._come(coming)
            entries, pieces = entries[before:], pieces[before:]
        if entries:
            self._fold(entries, pieces[-1].chain)

    def _fold(self, entries: Sequence[Entry], chain: str) -> None:
        following = self._at.seq + 1
        for seq, entry in enumerate(entries, following):
            self._refuse_other(entry)
            if entry.seq != seq:
                raise ViewsGapError(f"entry {entry.seq} does not follow {seq - 1}")
        view, counts = folded(self._view, entries, self._zone)
        at = _at(entries[-1], chain)
        self._file.write(_with_orders(changes(self._view, view, counts), entries), at)
        self._view, self._at = view, at

    def _count(self, entries: Sequence[Entry], chain: str) -> None:
        last = self._at.seq
        for entry in entries:
            self._refuse_other(entry)
            if entry.seq <= last:
                raise ViewsUnusable(f"entry {entry.seq} does not follow {last}")
            last = entry.seq
        at = _at(entries[-1], chain)
        counts = changes(self._view, self._view, counted(entries, self._zone))
        self._file.write(_with_orders(counts, entries), at)
        self._at = at

    def _come(self, coming: View) -> None:
        """The kept state is in force behind its entry, which itself may be pruned."""
        at = self._at
        if at.seq < coming.state.seq:
            at = replace(at, seq=coming.state.seq, chain="")
        self._file.write(changes(self._view, coming, {}), at)
        self._view, self._at, self._coming = coming, at, None

    def _refuse_other(self, entry: Entry) -> None:
        if entry.incarnation != self._journal.incarnation:
            raise ViewsUnusable(f"entry {entry.seq} is of another journal")


def _with_orders(found: Changes, entries: Sequence[Entry]) -> Changes:
    news = orders_in(entries)
    return replace(found, orders=news.given, order_ends=news.ended)


def _at(entry: Entry, chain: str) -> At:
    return At(seq=entry.seq, chain=chain, utc_us=entry.utc_us, clock_trusted=entry.clock_trusted)
