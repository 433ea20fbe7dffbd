"""Journeys on which the edge prunes what is stored, and the archive is lost or put back."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import ClassVar

from central.archive_sqlite import SqliteArchive
from controller import ledger
from edge.journal.record import Following
from tests.virtual.journeys import (
    EDGE,
    ENTRIES,
    HEALED_S_MAX,
    INCARNATION,
    SITE,
    Journey,
    MemoryOutbox,
    Record,
    records,
    travelled,
)


class PrunedOutbox(MemoryOutbox):
    """Of which the oldest entries are gone, and the bytes of some behind them."""

    begun = 0
    bare: frozenset[int] = frozenset()

    def prune(self, random: Random) -> None:
        """Of what is acknowledged."""
        self.begun = max(self.begun, random.randint(0, self.acked))
        some = random.sample(range(1, self.acked + 1), self.acked // 4)
        self.bare = self.bare | frozenset(some)

    def gone(self, seq: int) -> bool:
        return seq <= self.begun or seq in self.bare

    async def following(
        self, from_seq: int, limit_entries: int, limit_bytes: int
    ) -> Following[Record]:
        first = max(from_seq, self.begun + 1)
        _, found = await super().following(first, limit_entries, limit_bytes)
        before = ledger.origin(SITE, EDGE, INCARNATION)
        if first > 1:
            before = records()[first - 2].chain
        return Following(
            before, [one._replace(entry=b"") if one.seq in self.bare else one for one in found]
        )


class LostArchiveJourney(Journey):
    """`folder` is for the archives, each a file of its own."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._folder, self._made = folder, 0
        self._there = self._opened()
        self._copy: Path | None = None
        self._most = 0
        self.lost = 0
        super().__init__(seed, self._there)
        self.outbox = self.pruned = PrunedOutbox(self._ever_stored)

    def _opened(self, copy: Path | None = None) -> SqliteArchive:
        self._made += 1
        self._path = self._folder / f"{self._made}.db"
        if copy is not None:
            self._path.write_bytes(copy.read_bytes())
        archive = SqliteArchive(self._path)
        archive._db.execute("PRAGMA synchronous = OFF")
        return archive

    def _ever_stored(self) -> int:
        """By whichever archive: an acknowledgement on its way outlives it."""
        self._most = max(self._most, self._there.mark(SITE, EDGE, INCARNATION).seq)
        return self._most

    def _prune(self) -> None:
        self.pruned.prune(self.random)

    def _back_up(self) -> None:
        self._copy = self._folder / "copy.db"
        self._copy.unlink(missing_ok=True)
        copy = self._copy
        with closing(sqlite3.connect(self._path)) as one, closing(sqlite3.connect(copy)) as two:
            one.backup(two)

    def _lose_archive(self) -> None:
        self.lost += 1
        self._ever_stored()
        self._kill(self._central, self._central_link, "central")
        self._there.close()
        self._there = self._opened(self._copy if self.random.random() < 0.7 else None)
        self._archive = self.shaky._archive = self._there
        self.start_central()

    FAULTS: ClassVar = (*Journey.FAULTS, _prune, _prune, _back_up, *(_lose_archive,) * 3)

    async def arrive(self) -> None:
        """The edge may believe that all is stored already: then its next birth says so."""
        await super().arrive()
        if self._there.mark(SITE, EDGE, INCARNATION).seq < ENTRIES:
            self._kill_edge()
        deadline = self._loop.time() + HEALED_S_MAX
        while (mark := self._there.mark(SITE, EDGE, INCARNATION).seq) < ENTRIES:
            assert self._loop.time() < deadline, f"{mark} of {ENTRIES} are there"
            await asyncio.sleep(0.5)

    def check(self) -> None:
        """Nothing is missing but what was pruned, and the rest is there once, as it was."""
        assert not self.outbox.too_early, "acknowledged what is not stored"
        archive = self._there
        stored = {one.entry.seq: one.data for one in archive.entries(SITE, EDGE, INCARNATION)}
        missing = [record.seq for record in records() if record.seq not in stored]
        assert [seq for seq in missing if not self.pruned.gone(seq)] == []
        assert all(records()[seq - 1].entry == data for seq, data in stored.items())
        mark = archive.mark(SITE, EDGE, INCARNATION)
        assert (mark.seq, mark.chain, mark.gap) == (ENTRIES, records()[-1].chain, False)
        (journal,) = archive.journals_kept()
        audited = archive.audit(journal)
        assert audited.findings == ()
        assert sum(one.count for one in audited.missing) == len(missing) + audited.unproven


async def lost_archive_journey(seed: int, folder: Path) -> LostArchiveJourney:
    """As `journey`: raises AssertionError when an entry is missing that the edge had."""
    return await travelled(LostArchiveJourney(seed, folder))
