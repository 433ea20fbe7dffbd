"""The journal and the archive on a disk that fails: what was acknowledged is there."""

import sqlite3
from collections import Counter
from contextlib import closing
from random import Random

import pytest

from central.archive import ArchiveError
from central.archive_sqlite import SqliteArchive
from edge.journal import (
    Journal,
    JournalError,
    JournalFailed,
    JournalFull,
    JournalReadOnly,
    Record,
    folder,
)
from simulators.virtual.disk import Disk
from tests.central import rig
from tests.virtual.disks import (
    archive_on,
    assert_sound,
    batch,
    disk_of,
    journal_on,
    made,
    mark_of,
    strike_at,
)

KNOWN = made(1, 700)
LIVES = 4


def cut_somewhere(disk: Disk, chance: Random) -> None:
    """Every other cut is aimed at a sync: that is where it is decided what stays."""
    if chance.random() < 0.5:
        strike_at(disk, chance.randint(1, 100), disk.power_cut)
    else:
        strike_at(disk, chance.randint(1, 30), disk.power_cut, only="sync")


def append_until_dead(disk: Disk, chance: Random, acked: int) -> int:
    """How much was acknowledged when the power went."""
    age = disk.age
    try:
        journal = journal_on(disk)
        while journal.last_seq < len(KNOWN):
            if chance.random() < 0.05:
                journal.close()
                if disk.age != age:
                    # A cut in the last moment of a close goes unsaid.
                    return acked
                journal = journal_on(disk)
            journal.append(KNOWN[journal.last_seq : journal.last_seq + chance.randint(1, 3)])
            acked = journal.last_seq
    except JournalFailed:
        return acked
    # Who syncs little is not met at a sync.
    disk.power_cut()
    return acked


def lives_of_a_journal(seed: int) -> Counter[str]:
    """What several power cuts in a row leave of one journal: kept, lost, or ruined."""
    chance, found = Random(seed), Counter[str]()
    with disk_of(seed) as disk:
        told = [0]
        disk.committed = lambda _path, rows: told.extend(row[0] for row in rows)
        acked = 0
        for _ in range(LIVES):
            cut_somewhere(disk, chance)
            acked = append_until_dead(disk, chance, acked)
            disk.before = None
            try:
                with closing(journal_on(disk)) as journal:
                    assert_sound(journal, KNOWN)
                    found["kept" if journal.last_seq >= max(acked, *told) else "lost"] += 1
                    found["more than was said"] += journal.last_seq > acked
                    acked = journal.last_seq
            except (JournalError, sqlite3.Error, AssertionError):
                found["ruined"] += 1
                return found
            # What the disk lost is a fault once, not again in every life after.
            told = [0]
    return found


def test_hundreds_of_power_cuts_lose_nothing_that_was_acknowledged(seed: int) -> None:
    found = sum((lives_of_a_journal(seed + at) for at in range(100)), Counter[str]())
    assert found["kept"] == 100 * LIVES, found
    assert found["more than was said"] > 0, "a commit that was cut may be there"


@pytest.mark.parametrize(("synchronous", "ruins"), [("NORMAL", False), ("OFF", True)])
def test_a_journal_that_syncs_less_would_lose_some(
    seed: int, monkeypatch: pytest.MonkeyPatch, synchronous: str, *, ruins: bool
) -> None:
    """The same lives, so that it is the syncs on which the others live."""
    pragmas = [pragma.replace("FULL", synchronous) for pragma in folder.PRAGMAS]
    monkeypatch.setattr(folder, "PRAGMAS", pragmas)
    found = sum((lives_of_a_journal(seed + at) for at in range(40)), Counter[str]())
    assert found["lost"] > 10, found
    assert (found["ruined"] > 0) == ruins, found


def appended(disk: Disk, journal: Journal, records: list[Record]) -> tuple[Journal, str]:
    """Append whatever it takes, as the daemon does; what became of the first try."""
    try:
        journal.append(records)
    except JournalFailed:
        journal.close()
    else:
        return journal, "stored"
    while True:
        try:
            journal = journal_on(disk, create=False)
            missing = journal.reconcile(records)
            journal.append(missing)
        except JournalFailed:
            journal.close()
        else:
            return journal, "was there" if not missing else "was not there"


def test_after_failed_syncs_nothing_is_there_twice_and_nothing_is_lost_with_the_power(
    seed: int,
) -> None:
    outcomes = Counter[str]()
    for at in range(60):
        chance = Random(seed + at)
        with disk_of(seed + at) as disk:
            journal = journal_on(disk)
            for _ in range(chance.randint(5, 40)):
                if chance.random() < 0.2:
                    disk.syncs_to_fail = chance.randint(1, 4)
                records = KNOWN[journal.last_seq : journal.last_seq + chance.randint(1, 3)]
                journal, outcome = appended(disk, journal, records)
                outcomes[outcome] += 1
            acked = journal.last_seq
            disk.power_cut()
            with closing(journal_on(disk, create=False)) as journal:
                assert_sound(journal, KNOWN)
                assert journal.last_seq == acked
    assert min(outcomes[name] for name in ("stored", "was there", "was not there")) > 10, outcomes


def test_what_was_shown_and_never_arrived_is_written_again_at_the_opening(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that the journal above would lose what it acknowledged."""
    monkeypatch.setattr(Disk, "_write_log_again", lambda *_: None)
    with pytest.raises(AssertionError):
        test_after_failed_syncs_nothing_is_there_twice_and_nothing_is_lost_with_the_power(seed)


def test_a_log_that_a_killed_process_had_just_made_keeps_its_name_in_a_power_cut(
    seed: int,
) -> None:
    """A failed sync has the journal opened anew, which makes a new log; then the process dies."""
    for at in range(10):
        a_new_log_keeps_its_name(seed + at)


def a_new_log_keeps_its_name(seed: int) -> None:
    with disk_of(seed) as disk:
        journal = journal_on(disk)
        journal.append(KNOWN[:1])
        disk.syncs_to_fail = 1
        with pytest.raises(JournalFailed):
            journal.append(KNOWN[1:2])
        journal.close()
        journal = journal_on(disk, create=False)
        strike_at(disk, 1, disk.fence, only="sync")
        with pytest.raises(JournalFailed):
            journal.append(KNOWN[journal.last_seq : journal.last_seq + 1])
        journal = journal_on(disk, create=False)
        journal.append(KNOWN[journal.last_seq : journal.last_seq + 3])
        acked = journal.last_seq
        disk.power_cut()
        with closing(journal_on(disk, create=False)) as journal:
            assert_sound(journal, KNOWN)
            assert journal.last_seq == acked


def test_a_full_disk_keeps_what_was_acknowledged_and_goes_on_when_there_is_room(
    seed: int,
) -> None:
    with disk_of(seed) as disk:
        journal = journal_on(disk)
        disk.limit_bytes = 1_000_000
        said = ""
        try:
            for one in KNOWN:
                journal.append([one])
        except JournalFull as error:
            said = str(error)
        acked = journal.last_seq
        assert acked > 50
        assert "SQLITE_FULL database or disk is full" in said
        with pytest.raises(JournalFull):
            journal.append([KNOWN[acked]])
        journal.close()
        disk.limit_bytes = None
        with closing(journal_on(disk)) as journal:
            assert journal.last_seq == acked
            journal.append(journal.reconcile(KNOWN[acked - 1 : acked + 50]))
            assert_sound(journal, KNOWN)
            assert journal.last_seq == acked + 50


def test_a_checkpoint_that_finds_no_room_is_no_failed_commit(seed: int) -> None:
    """SQLite says nothing of it, and neither may the disk's connection."""
    with disk_of(seed) as disk:
        with closing(journal_on(disk)) as journal:
            refused = 0

            def before(operation: str, name: str) -> None:
                nonlocal refused
                if operation == "write" and name.endswith(".db"):
                    refused += 1
                    disk.limit_bytes = 0
                else:
                    disk.limit_bytes = None

            disk.before = before
            for one in KNOWN[:400]:
                journal.append([one])
            assert refused > 10
            disk.before = disk.limit_bytes = None
        with closing(journal_on(disk)) as journal:
            assert_sound(journal, KNOWN)
            assert journal.last_seq == 400


def test_a_disk_that_became_read_only_is_told(seed: int) -> None:
    with disk_of(seed) as disk:
        journal = journal_on(disk)
        journal.append(KNOWN[:5])
        disk.read_only = True
        with pytest.raises(JournalFailed, match="SQLITE_IOERR_WRITE"):
            journal.append(KNOWN[5:6])
        journal.close()
        with pytest.raises(JournalReadOnly, match="EROFS"):
            journal_on(disk)
        disk.read_only = False
        with closing(journal_on(disk)) as journal:
            assert journal.last_seq in {5, 6}
            assert_sound(journal, KNOWN)


def store_until_dead(disk: Disk, chance: Random, acked: int) -> int:
    try:
        archive = archive_on(disk)
        while True:
            first = archive.mark(rig.SITE, rig.EDGE, batch(1, 1).incarnation).seq + 1
            acked = archive.store(rig.SITE, rig.EDGE, batch(first, chance.randint(1, 3))).mark.seq
    except ArchiveError:
        return acked


def test_the_archive_has_what_it_acknowledged_after_every_power_cut(seed: int) -> None:
    more = 0
    for at in range(30):
        chance = Random(seed + at)
        with disk_of(seed + at) as disk:
            acked, ids = 0, set()
            for _ in range(LIVES):
                cut_somewhere(disk, chance)
                acked = store_until_dead(disk, chance, acked)
                disk.before = None
                with closing(archive_on(disk)) as archive:
                    mark = mark_of(archive)
                    assert mark >= acked
                    more += mark > acked
                    acked = mark
                    ids.add(archive.id)
            assert len(ids) <= 2, "another one only where the first was never whole"
    assert more > 0


def stored(disk: Disk, archive: SqliteArchive, first: int, count: int) -> SqliteArchive:
    """Store whatever it takes, opening the archive anew after every failure."""
    while True:
        try:
            archive.store(rig.SITE, rig.EDGE, batch(first, count))
        except ArchiveError:
            archive.close()
        else:
            return archive
        while True:
            try:
                archive = archive_on(disk)
            except ArchiveError:
                continue
            break


def test_the_archive_loses_nothing_after_failed_syncs(seed: int) -> None:
    for at in range(30):
        chance = Random(seed + at)
        with disk_of(seed + at) as disk:
            archive, last = archive_on(disk), 0
            for _ in range(chance.randint(5, 30)):
                if chance.random() < 0.2:
                    disk.syncs_to_fail = chance.randint(1, 4)
                count = chance.randint(1, 3)
                archive = stored(disk, archive, last + 1, count)
                last += count
            disk.power_cut()
            with closing(archive_on(disk)) as archive:
                assert mark_of(archive) == last


def test_a_full_archive_stores_nothing_and_goes_on_later(seed: int) -> None:
    with disk_of(seed) as disk, closing(archive_on(disk)) as archive:
        disk.limit_bytes = 400_000
        last, said = 0, ""
        while not said:
            try:
                last = archive.store(rig.SITE, rig.EDGE, batch(last + 1, 3)).mark.seq
            except ArchiveError as error:
                said = str(error)
        assert last > 10
        assert "make room" in said
        assert mark_of(archive) == last
        disk.limit_bytes = None
        assert archive.store(rig.SITE, rig.EDGE, batch(last + 1, 3)).mark.seq == last + 3
