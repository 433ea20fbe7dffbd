"""A power cut, a kill or an error at any step of pruning leaves what was there, or what is left."""

from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from controller.retention import RecordClass
from edge.journal import Journal, JournalError
from edge.journal.pruning import Thinning, drop, sealed
from edge.journal.sealing import seal
from simulators.virtual.disk import Disk
from tests.edge.journal.test_pruning import recorded
from tests.edge.journal.test_verify_checkpoints import UTC_US, note
from tests.virtual.disks import disk_of, journal_on, made, strike_at
from tests.virtual.test_sealing import cut, failing, full, killed

KNOWN = made(1, 30)
ENDS = (6, 12, 20)

Prune = Callable[[Journal], None]


def thinned(journal: Journal) -> None:
    thinning = Thinning(journal, 1, (RecordClass.PASSAGES,), journal.last_seq)
    while not thinning.step(journal):
        pass


def dropped(journal: Journal) -> None:
    if journal.segments.oldest == 1:
        drop(journal, 1, journal.last_seq)


def filled(disk: Disk, *, whole: bool) -> Journal:
    journal, at = journal_on(disk), 0
    for end in ENDS:
        journal.append(KNOWN[at:end])
        at = end
        assert seal(journal, note, UTC_US) is not None
    journal.append(KNOWN[at : at + 4])
    journal.put_snapshot(at + 3, b"state", UTC_US)
    journal.put_snapshot(at + 4, b"state", UTC_US)
    assert [one.number for one in sealed(journal)] == [1, 2, 3]
    recorded(journal, 1, 6, whole=whole)
    return journal


def struck(prune: Prune, strike: Callable[[Disk], None], place: int) -> tuple[int, int]:
    """How many entries the first segment gives at last, and whether it was struck in time."""
    with disk_of(place) as disk:
        journal = filled(disk, whole=prune is dropped)
        last = journal.last_seq
        strike_at(disk, place, lambda: strike(disk))
        with suppress(JournalError):
            prune(journal)
        in_time = disk.before is None
        disk.before, disk.limit_bytes = None, None
        with suppress(JournalError):
            journal.close()
        with closing(journal_on(disk, create=False)) as again:
            left = [one.seq for one in again.read(1, 100, 1 << 20, kept=True)]
            assert again.read(7, 6, 1 << 20)[0].entry == KNOWN[6].entry
            assert again.last_seq == last
            prune(again)
            assert not [name for name in disk.names if ".new" in name]
            assert [one.seq for one in again.read(1, 100, 1 << 20, kept=True)] != [*range(1, 7)]
        first = [seq for seq in left if seq <= 6]
        assert first in ([*range(1, 7)], [])
        return len(first), in_time


@pytest.mark.parametrize("prune", [thinned, dropped])
@pytest.mark.parametrize("strike", [cut, killed, failing, full])
def test_at_every_step_of_it(prune: Prune, strike: Callable[[Disk], None]) -> None:
    place, found = 1, set()
    while True:
        left, in_time = struck(prune, strike, place)
        found.add(left)
        if not in_time:
            break
        place += 1 + 2 * (prune is thinned)  # which does some two hundred things
    assert place > 3
    assert found == {0, 6}
