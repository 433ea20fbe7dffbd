"""Power cuts, and errors at every operation of the disk: a slice of `make campaign crash`."""

from collections import Counter
from contextlib import closing
from functools import partial

import pytest

from edge.journal import JournalFailed, folder
from edge.journal.erasure import done, remove, settle
from edge.journal.sealing import seal
from edge.journal.work import Answers, Append, Work
from edge.recorder import record_of
from tests.crash import errors
from tests.crash.cuts import (
    KEPT,
    LIVES,
    LOST,
    MORE,
    RUINED,
    entry,
    lives_of_a_journal,
    token,
)
from tests.edge.journal.support import INCARNATION
from tests.edge.journal.test_verify_checkpoints import UTC_US, note
from tests.virtual.disks import bytes_of, disk_of, journal_on, strike_at

SEEDS, CONTROLS, FIXED = 8, 5, 1
STEP = 31
"""Of the disk's operations one in so many is struck here, and each one in the campaign."""


def lived(seeds: list[int]) -> Counter[str]:
    return sum((lives_of_a_journal(one) for one in seeds), Counter[str]())


def test_power_cuts_lose_nothing_that_was_acknowledged(seed: int) -> None:
    found = lived([*range(SEEDS), seed])
    assert (found[LOST], found[RUINED]) == (0, 0), found
    assert found[KEPT] > SEEDS * LIVES / 2, "most cuts leave a journal that is opened at once"
    assert found[MORE] > 0, "a commit that was cut may be there"
    assert min(found["cut in sync"], found["cut in write"]) > 0, found


def test_with_fewer_syncs_the_same_cuts_lose_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same lives, so that it is the syncs on which the others live."""
    normal = [pragma.replace("FULL", "NORMAL") for pragma in folder.PRAGMAS]
    monkeypatch.setattr(folder, "PRAGMAS", normal)
    found = lived(list(range(CONTROLS)))
    assert found[LOST] > 0, found


def everywhere(how: errors.Struck, seed: int, step: int, times: int = 1) -> Counter[str]:
    count = errors.operations(seed, how.only)
    one = partial(errors.struck, seed, how, times=times)
    return sum((one(first) for first in range(1 + seed % step, count + 1, step)), Counter[str]())


@pytest.mark.parametrize("name", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("times", [1, 3])
def test_after_an_error_anywhere_everything_is_there_once(seed: int, name: str, times: int) -> None:
    found = everywhere(errors.STRIKES[name], seed, STEP, times)
    assert (found[LOST], found[RUINED]) == (0, 0), found
    assert found["write"] + found["sync"] > 10, found
    assert found[KEPT] > 10, found


def test_after_a_read_that_failed_everything_is_there_once(seed: int) -> None:
    found = everywhere(errors.STRIKES["EIO in a read"], seed, 7, 2)
    assert (found[LOST], found[RUINED]) == (0, 0), found
    assert min(found["read"], found[KEPT]) > 0, found


def test_what_a_device_acknowledged_and_lost_is_written_again_under_its_numbers(
    seed: int,
) -> None:
    found = everywhere(errors.STRIKES["lie"], seed, 4)
    assert (found[LOST], found[RUINED]) == (0, 0), found
    assert found[errors.AGAIN] > 0, found


def test_without_the_newest_group_in_memory_it_would_be_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = Work._commit

    def forgetful(work: Work, group: list[Append]) -> Answers:
        answers = honest(work, group)
        work._unproven = ()
        return answers

    monkeypatch.setattr(Work, "_commit", forgetful)
    assert everywhere(errors.STRIKES["lie"], FIXED, 8)[RUINED] > 0


def test_a_power_cut_brings_nothing_back_that_was_erased_in_a_sealed_segment(seed: int) -> None:
    """The log of a sealed segment had been cut to nothing, and that was not durable."""
    records = [record_of(entry(INCARNATION, seq)) for seq in range(1, 13)]
    for at in range(20):
        with disk_of(seed + at) as disk:
            journal = journal_on(disk)
            journal.append(records[:9])
            seal(journal, note, UTC_US)
            journal.append(records[9:])
            strike_at(disk, 1, disk.power_cut, only="truncate")
            with pytest.raises(JournalFailed):
                remove(journal, ["badge"], [(3, 3)])
            # Its log has pages with the second value now, and is written on.
            journal = journal_on(disk)
            remove(journal, ["badge"], [(3, 3), (6, 6), (12, 12)])
            settle(journal, 12)
            disk.power_cut()
            for seq in (3, 6, 9, 12):
                left = [name for name, data in bytes_of(disk).items() if token(seq) in data]
                assert bool(left) is (seq == 9), left
            with closing(journal_on(disk, create=False)) as again:
                assert done(again) == 12
