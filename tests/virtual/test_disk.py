"""The simulated disk: what it keeps, what it forgets, and who can reach it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from edge.journal import JournalFailed, JournalInUse
from simulators.virtual.disk import Disk
from simulators.virtual.disk_files import SECTOR_BYTES, File, FileSystem
from simulators.virtual.disk_vfs import Vfs
from tests.virtual.disks import SEGMENT, bytes_of, disk_of, journal_on, made, strike_at

LOG = f"{SEGMENT}-wal"


def files(seed: int) -> FileSystem:
    system = FileSystem(Random(seed))
    system.folders.add("/a")
    return system


def kept(system: FileSystem, name: str) -> File:
    """A file whose name is durable."""
    file = system.create(name, system.age)
    system.sync_folder("/a", system.age)
    return file


@contextmanager
def closing_vfs(system: FileSystem) -> Iterator[Vfs]:
    vfs = Vfs(system)
    yield vfs
    vfs.unregister()


def test_what_was_synced_stays_and_what_was_not_is_in_doubt(seed: int) -> None:
    arrived = set()
    for at in range(100):
        system = files(seed + at)
        file = kept(system, "/a/x")
        system.write(file, "/a/x", b"1" * SECTOR_BYTES, 0, 0)
        system.sync(file, "/a/x", 0)
        system.write(file, "/a/x", b"2" * SECTOR_BYTES, 0, 0)
        assert file.content == b"2" * SECTOR_BYTES
        system.power_cut()
        arrived.add(bytes(system.names["/a/x"].content))
    assert arrived == {b"1" * SECTOR_BYTES, b"2" * SECTOR_BYTES}, "never torn inside a sector"


def test_a_write_is_torn_between_sectors_and_writes_overtake_each_other(seed: int) -> None:
    arrived = set()
    for at in range(200):
        system = files(seed + at)
        file = kept(system, "/a/x")
        for sector in b"123":
            content = bytes([sector]) * SECTOR_BYTES
            system.write(file, "/a/x", content, (sector - 49) * SECTOR_BYTES, 0)
        system.power_cut()
        content = bytes(system.names["/a/x"].content)
        arrived.add(content[::SECTOR_BYTES].replace(b"\0", b"."))
    assert {b"", b"123", b"12", b".2", b"..3", b"1.3"} <= arrived


def test_one_long_write_is_torn_too(seed: int) -> None:
    arrived = set()
    for at in range(200):
        system = files(seed + at)
        file = kept(system, "/a/x")
        system.write(file, "/a/x", b"1" * 3 * SECTOR_BYTES, 0, 0)
        system.power_cut()
        arrived.add(bytes(system.names["/a/x"].content)[::SECTOR_BYTES].replace(b"\0", b"."))
    assert {b"", b"1", b".1", b"..1", b"1.1", b"111"} <= arrived


def test_a_truncation_is_a_write_like_others(seed: int) -> None:
    sizes = set()
    for at in range(100):
        system = files(seed + at)
        file = kept(system, "/a/x")
        system.write(file, "/a/x", bytes(2_000), 0, 0)
        system.sync(file, "/a/x", 0)
        system.truncate(file, "/a/x", 10, 0)
        assert len(file.content) == 10
        system.power_cut()
        sizes.add(len(system.names["/a/x"].content))
    assert sizes == {2_000, 10}


def test_names_are_durable_after_a_sync_of_their_folder_and_change_in_order(seed: int) -> None:
    left = set()
    for at in range(100):
        system = files(seed + at)
        kept(system, "/a/old")
        system.create("/a/new", 0)
        system.delete("/a/old", 0)
        system.rename("/a/new", "/a/last", 0)
        assert set(system.names) == {"/a/last"}
        if at % 2:
            system.sync_folder("/a", 0)
        system.power_cut()
        left.add((at % 2, *sorted(system.names)))
    assert left == {
        (1, "/a/last"),
        (0, "/a/old"),
        (0, "/a/new", "/a/old"),
        (0, "/a/new"),
        (0, "/a/last"),
    }


def test_a_killed_process_loses_nothing_that_it_wrote(seed: int) -> None:
    system = files(seed)
    file = kept(system, "/a/x")
    system.write(file, "/a/x", b"abc", 0, 0)
    system.fence()
    assert system.names["/a/x"].content == b"abc"
    with pytest.raises(OSError, match="Input/output"):
        system.write(file, "/a/x", b"late", 0, 0)
    assert file.content == b"abc"
    system.write(file, "/a/x", b"x", 3, system.age)
    assert file.content == b"abcx"


def test_a_failed_sync_leaves_what_is_read_and_is_never_made_good(seed: int) -> None:
    lost = 0
    for at in range(50):
        system = files(seed + at)
        file = kept(system, "/a/x")
        system.write(file, "/a/x", b"1" * SECTOR_BYTES, 0, 0)
        system.syncs_to_fail = 1
        with pytest.raises(OSError, match="Input/output"):
            system.sync(file, "/a/x", 0)
        assert file.content == b"1" * SECTOR_BYTES
        system.sync(file, "/a/x", 0)
        system.power_cut()
        lost += system.names["/a/x"].content != b"1" * SECTOR_BYTES
    assert 0 < lost < 50


def test_a_device_that_dies_in_a_sync_says_that_all_is_well_and_fails_what_comes_next(
    seed: int,
) -> None:
    found = set()
    for at in range(100):
        system = files(seed + at)
        file = kept(system, "/a/x")
        system.write(file, "/a/x", b"1" * SECTOR_BYTES, 0, 0)
        system.sync(file, "/a/x", 0)
        system.write(file, "/a/x", b"2" * SECTOR_BYTES, 0, 0)
        system.dies_in_sync = True
        system.sync(file, "/a/x", 0)
        assert system.read(file, "/a/x", 1, 0, 0) == b"2", "as long as nobody asks for more"
        with pytest.raises(OSError, match="Input/output error"):
            system.write(file, "/a/x", b"3", 0, 0)
        with pytest.raises(OSError, match="Input/output error"):
            system.read(file, "/a/x", 1, 0, 0)
        found.add(system.read(system.names["/a/x"], "/a/x", 1, 0, system.age))
        system.write(file, "/a/x", b"4", 0, system.age)
    assert found == {b"1", b"2"}


def test_room_and_permission_are_for_all_files_together(seed: int) -> None:
    system = files(seed)
    one, other = kept(system, "/a/one"), kept(system, "/a/other")
    system.limit_bytes = 1_000
    system.write(one, "/a/one", bytes(600), 0, 0)
    with pytest.raises(OSError, match="No space"):
        system.write(other, "/a/other", bytes(500), 0, 0)
    assert len(other.content) == 0
    system.write(one, "/a/one", bytes(600), 0, 0)
    system.truncate(one, "/a/one", 0, 0)
    system.write(other, "/a/other", bytes(500), 0, 0)
    system.read_only = True
    with pytest.raises(OSError, match="Read-only"):
        system.write(other, "/a/other", b"x", 0, 0)
    with pytest.raises(FileNotFoundError):
        system.create("/nowhere/x", 0)


def test_a_fault_is_aimed_at_what_is_about_to_happen(seed: int) -> None:
    said: list[tuple[str, str]] = []
    with disk_of(seed) as disk:
        journal = journal_on(disk)
        journal.append(made(1, 1))
        disk.before = lambda operation, name: said.append((operation, name))
        journal.append(made(2, 1))
        assert ("sync", LOG) in said
        assert said.index(("write", LOG)) < said.index(("sync", LOG))


def test_the_observer_is_told_what_is_durable_and_nothing_else(seed: int) -> None:
    told: list[tuple[Path, list[tuple[int, bytes]]]] = []
    with disk_of(seed) as disk:
        disk.committed = lambda path, rows: told.append((path, [row[:2] for row in rows]))
        journal = journal_on(disk)
        assert told == []
        first = made(1, 3)
        journal.append(first)
        assert told == [(SEGMENT, [(one.seq, one.entry) for one in first])]
        disk.syncs_to_fail = 1
        with pytest.raises(JournalFailed):
            journal.append(made(4, 1))
        journal.close()
        raw = disk.database(SEGMENT)
        raw.execute("PRAGMA locking_mode = EXCLUSIVE")
        raw.execute("BEGIN")
        raw.executemany(
            "INSERT INTO entry VALUES (?, ?, zeroblob(32), zeroblob(32))", [(8, b"x"), (9, b"y")]
        )
        raw.execute("ROLLBACK")
        assert len(told) == 1
        raw.execute("PRAGMA synchronous = NORMAL")
        raw.execute("INSERT INTO entry VALUES (8, x'00', zeroblob(32), zeroblob(32))")
        assert len(told) == 1, "committed, but not synced"
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("BEGIN")
        raw.execute("INSERT INTO entry VALUES (9, x'01', zeroblob(32), zeroblob(32))")
        disk.syncs_to_fail = 1
        with pytest.raises(sqlite3.OperationalError):
            raw.execute("COMMIT")
        raw.execute("BEGIN")
        raw.execute("INSERT INTO entry VALUES (10, x'02', zeroblob(32), zeroblob(32))")
        raw.execute("COMMIT")
        assert told[1:] == [(SEGMENT, [(10, b"\x02")])]


def test_sqlite_is_told_of_names_as_by_its_own_layer(seed: int) -> None:
    system = files(seed)
    kept(system, "/a/empty")
    file = kept(system, "/a/x")
    system.write(file, "/a/x", b"x", 0, 0)
    with closing_vfs(system) as vfs:
        there = [vfs.xAccess(name, apsw.SQLITE_ACCESS_EXISTS) for name in ("/a/x", "/a/empty")]
        assert there == [True, False]
        system.fence()
        with pytest.raises(apsw.IOError):
            vfs.xDelete("/a/x", False)
        with pytest.raises(apsw.CantOpenError):
            vfs.xOpen("/a/y", [apsw.SQLITE_OPEN_CREATE, 0])
        assert set(system.names) == {"/a/empty", "/a/x"}


@pytest.mark.parametrize("end", [Disk.fence, Disk.power_cut])
def test_nothing_that_the_dead_still_hold_reaches_the_disk(
    seed: int, end: Callable[[Disk], None]
) -> None:
    with disk_of(seed) as disk:
        dead = journal_on(disk)
        dead.append(made(1, 3))
        with pytest.raises(JournalInUse):
            journal_on(disk)
        raw = dead.connection
        end(disk)
        before = bytes_of(disk)
        with pytest.raises(JournalFailed, match="SQLITE_IOERR"):
            dead.append(made(4, 1))
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            raw.execute("SELECT 1")
        assert bytes_of(disk) == before
        journal = journal_on(disk)
        journal.append(made(4, 3))
        before = bytes_of(disk)
        dead.close()
        with pytest.raises(JournalInUse):
            journal_on(disk)
        assert bytes_of(disk) == before
        journal.close()
        assert set(disk.names) == {str(SEGMENT)}


@pytest.mark.parametrize("end", [Disk.fence, Disk.power_cut])
def test_what_dies_in_the_middle_of_a_statement_does_not_finish_it(
    seed: int, end: Callable[[Disk], None]
) -> None:
    with disk_of(seed) as disk:
        for operation in ("write", "sync", "truncate", "delete"):
            journal = journal_on(disk)
            journal.append(made(journal.last_seq + 1, 3))
            after: list[dict[str, bytes]] = []

            def strike(after: list[dict[str, bytes]] = after) -> None:
                end(disk)
                after.append(bytes_of(disk))

            strike_at(disk, 1, strike, only=operation)
            with suppress(JournalFailed):
                journal.append(made(journal.last_seq + 1, 3))
                journal.close()
            assert after == [bytes_of(disk)], operation


def test_a_folder_belongs_to_its_owner_while_the_journal_is_stopped(seed: int) -> None:
    with disk_of(seed) as disk:
        stopped = journal_on(disk)
        disk.limit_bytes = 0
        with pytest.raises(JournalFailed):
            stopped.append(made(1, 1))
        disk.limit_bytes = None
        with pytest.raises(JournalInUse):
            journal_on(disk)
        stopped.close()
        journal_on(disk).append(made(1, 1))


def test_a_commit_whose_checkpoint_the_power_cut_hits_does_not_return(seed: int) -> None:
    with disk_of(seed) as disk:
        journal = journal_on(disk)
        acked = 0

        def before(operation: str, name: str) -> None:
            if (operation, name) == ("write", str(SEGMENT)):
                disk.power_cut()

        disk.before = before
        while disk.age == 0:
            with suppress(JournalFailed):
                journal.append(made(acked + 1, 1))
                acked += 1
        disk.before = None
        assert journal_on(disk).last_seq == acked + 1


def test_the_journal_of_a_killed_transaction_is_there_to_roll_it_back(seed: int) -> None:
    """Without a write-ahead log: what is done to the file itself has to be undone."""
    with disk_of(seed) as disk:
        disk.make_folder(SEGMENT.parent)
        dead = disk.database(SEGMENT)
        dead.execute("CREATE TABLE t (x)")
        dead.execute("INSERT INTO t VALUES (1)")
        dead.execute("PRAGMA cache_size = 1")
        dead.execute("BEGIN IMMEDIATE")
        dead.executemany("INSERT INTO t VALUES (?)", [("x" * 5_000,) for _ in range(20)])
        assert len(disk.names) == 2
        disk.fence()
        dead.close()
        assert len(disk.names) == 2
        alive = disk.database(SEGMENT)
        assert alive.execute("SELECT x FROM t").fetchall() == [(1,)]
        assert len(disk.names) == 1


def test_disks_do_not_meet_and_leave_nothing_behind(seed: int) -> None:
    names = apsw.vfs_names()
    with disk_of(seed) as one, disk_of(seed) as other:
        with closing(journal_on(one)) as here, closing(journal_on(other)) as there:
            here.append(made(1, 5))
            assert len(apsw.vfs_names()) == len(names) + 2
            one.power_cut()
            there.append(made(1, 2))
            assert there.last_seq == 2
            with pytest.raises(JournalFailed):
                here.append(made(6, 1))
        journal_on(one)
    assert apsw.vfs_names() == names


def _day(seed: int) -> dict[str, bytes]:
    with disk_of(seed) as disk:
        for _ in range(3):
            journal = journal_on(disk)
            for _ in range(150):
                journal.append(made(journal.last_seq + 1, 2))
            disk.power_cut()
        return bytes_of(disk)


def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    assert _day(seed) == _day(seed)
    assert _day(seed)[LOG] != _day(seed + 1)[LOG]
    assert set(_day(seed)) == {str(SEGMENT), LOG}
