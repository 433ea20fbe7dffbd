"""Whatever the broker and the network do wrong, the archive gets the journal: all of it, once."""

from collections import Counter
from pathlib import Path

import pytest

from central.archive import Mark, Receipt
from central.archive_sqlite import SqliteArchive
from central.collector import Collector
from controller import ledger
from edge import wire
from edge.window import Window
from simulators.virtual.loop import run
from tests.virtual.journeys import MemoryArchive, journey
from tests.virtual.lost_archives import lost_archive_journey

SEEDS = 200
LOST_SEEDS = (1, 2, 3, 4)


def test_every_journal_arrives_whole(seed: int) -> None:
    happened: Counter[str] = Counter()
    for number in range(seed, seed + SEEDS):
        try:
            made = run(journey(number, MemoryArchive()))
        except AssertionError as error:
            error.add_note(f"journey {number}")
            raise
        counts = made.broker.counts
        happened.update({name: getattr(counts, name) for name in counts.__struct_fields__})
        happened.update(kills=made.kills, failed=made.shaky.failed)
    del happened["overflowed"]  # takes thousands of messages
    assert min(happened.values()) > 10, f"{happened}: what never struck is untried"


def test_a_journal_arrives_in_the_real_archive(seed: int, tmp_path: Path) -> None:
    archive = SqliteArchive(tmp_path / "archive.db")
    run(journey(seed, archive))
    archive.close()


def test_an_archive_that_is_lost_again_and_again_lacks_nothing_that_was_not_pruned(
    seed: int, tmp_path: Path
) -> None:
    lost = pruned = 0
    for number in (*LOST_SEEDS, seed):
        (folder := tmp_path / f"{number}").mkdir()
        try:
            made = run(lost_archive_journey(number, folder))
        except AssertionError as error:
            error.add_note(f"journey {number}")
            raise
        lost += made.lost
        pruned += made.pruned.begun > 0
    assert min(lost, pruned) >= len(LOST_SEEDS), "what never struck is untried"


def journeys(make_collector: type[Collector] = Collector) -> None:
    """Some, of which a planted bug must not survive all."""
    for number in range(20):
        run(journey(number, MemoryArchive(), make_collector))


class Eager(Collector):
    """The planted bug: it acknowledges what follows the archive's mark, then stores it."""

    async def _store_then_acknowledge(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        mark = self._archive.mark(site, edge, batch.incarnation)
        seq, chain = mark.seq, mark.chain
        if batch.first <= seq + 1:
            for entry in batch.entries[seq + 1 - batch.first :]:
                seq, chain = seq + 1, ledger.link(chain, ledger.leaf(entry.data))
        self._acknowledge(site, edge, batch.incarnation, Mark(seq=seq, chain=chain, gap=mark.gap))
        return await self._blocking(self._archive.store, site, edge, batch)


def test_an_acknowledgement_before_the_store_is_found() -> None:
    with pytest.raises(AssertionError, match="acknowledged what is not stored"):
        journeys(Eager)


def test_an_uplink_that_sends_nothing_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Window, "restart", lambda _window, _now_s: None)
    with pytest.raises(AssertionError, match="of 2000 acknowledged"):
        journeys()


def test_a_seed_is_one_journey(seed: int) -> None:
    first, second = (run(journey(seed, MemoryArchive())) for _ in range(2))
    assert first.broker.counts == second.broker.counts
    assert first.reports == second.reports
    assert first.found == second.found
