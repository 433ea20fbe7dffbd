"""A power cut, a kill or an error at any step of a seal leaves a journal that opens and goes on."""

import errno
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from edge.journal import Journal, JournalError
from edge.journal.sealing import seal
from simulators.virtual.disk import Disk
from simulators.virtual.disk_files import refused
from tests.edge.journal.test_verify_checkpoints import UTC_US, note
from tests.virtual.disks import FOLDER, assert_sound, disk_of, journal_on, made, strike_at

KNOWN = made(1, 40)
BEFORE, AFTER = 12, 9


def filled(disk: Disk) -> Journal:
    """A journal of two segments, the second with entries."""
    journal = journal_on(disk)
    journal.append(KNOWN[:5])
    assert seal(journal, note, UTC_US) is not None
    journal.append(KNOWN[5:BEFORE])
    journal.set_acked(7, incarnation=journal.incarnation)
    return journal


def operations() -> int:
    """Of a seal, and an append behind it."""
    count = 0

    def counted(_operation: str, _name: str) -> None:
        nonlocal count
        count += 1

    with disk_of(1) as disk, closing(filled(disk)) as journal:
        disk.before = counted
        assert seal(journal, note, UTC_US) is not None
        journal.append(KNOWN[BEFORE : BEFORE + 1])
        disk.before = None
    return count


def cut(disk: Disk) -> None:
    disk.power_cut()


def killed(disk: Disk) -> None:
    disk.fence()


def failing(_disk: Disk) -> None:
    """Once, whatever is done here."""
    raise refused(errno.EIO)


def full(disk: Disk) -> None:
    disk.fill()


def struck(strike: Callable[[Disk], None], place: int, seed: int) -> int:
    """The segments that are there at last; every entry that was acknowledged is."""
    with disk_of(seed) as disk:
        journal = filled(disk)
        stored = BEFORE
        strike_at(disk, place, lambda: strike(disk))
        with suppress(JournalError):
            seal(journal, note, UTC_US)
        with suppress(JournalError):
            # Whether it is sealed or not: where the journal takes it, it is stored.
            journal.append(KNOWN[BEFORE : BEFORE + 1])
            stored = BEFORE + 1
        disk.before, disk.limit_bytes = None, None
        with suppress(JournalError):
            journal.close()
        for _ in range(2):
            with closing(journal_on(disk, create=False)) as again:
                assert again.last_seq >= stored
                assert again.acked == 7
                assert_sound(again, KNOWN)
                again.append(KNOWN[again.last_seq : again.last_seq + AFTER])
                seal(again, note, UTC_US)
                stored = again.last_seq
                assert_sound(again, KNOWN)
                assert not [name for name in disk.names_in(FOLDER) if ".new" in name]
        return len([name for name in disk.names_in(FOLDER) if name.endswith(".db")])


@pytest.mark.parametrize("strike", [cut, killed, failing, full])
def test_at_every_step_of_a_seal(strike: Callable[[Disk], None]) -> None:
    steps = operations()
    assert steps > 30, "a seal writes, syncs and renames"
    stride = 1 if strike in {cut, failing} else 3
    found = {struck(strike, place, seed=place) for place in range(1, steps + 2, stride)}
    assert found == {4, 5}, "cut off before its moment and behind it"
