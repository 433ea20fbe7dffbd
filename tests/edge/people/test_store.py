"""`site.db`: one owner, all or nothing, and the journal first."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from controller.holders import NOBODY, Directory
from controller.ids import HolderId
from edge.people import (
    Change,
    CredentialRecord,
    HolderRecord,
    People,
    PeopleBehindError,
    PeopleDamagedError,
    PeopleForeignError,
    PeopleInUseError,
    PeopleMissingError,
    PeopleMovedError,
    PeopleStagedError,
    PinRecord,
    Staged,
)
from edge.people.records import contents_digest
from tests.edge.people.support import CHEAP, change, created, csv, enrol
from tests.edge.people.test_sets import random_change

ANNA = "0042,Anna,staff,26:2ec0c86,0042,,,"
BERT = "42,Bert,visitor,26:2ec0c87,,,,"


ONE_PIN = PinRecord(holder=f"{1:016x}", hash=CHEAP.hash("0042"))
TWO_PINS = msgspec.structs.replace(ONE_PIN, duress_hash=CHEAP.hash("9713"))


def reopened(folder: Path) -> People:
    return People.open(folder / "site.db")


def holder(number: int) -> HolderRecord:
    return HolderRecord(
        id=f"{number:016x}", external_id=f"{number:03}", name=f"Person {number}", roles=("staff",)
    )


def credential(number: int) -> CredentialRecord:
    return CredentialRecord(
        id=f"{number + 1000:016x}", holder=f"{number:016x}", ref=f"{number:064x}"
    )


# --- the file -----------------------------------------------------------------------------------


def test_a_new_file_is_empty_and_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with created(tmp_path) as people:
            assert (people.version, people.applied_seq, people.staged) == (0, 0, None)
            assert people.directory() == NOBODY
    finally:
        os.umask(old)
    for name in tmp_path.iterdir():
        assert name.stat().st_mode & 0o777 == 0o600


def test_no_file_is_made_where_none_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(PeopleMissingError):
        reopened(tmp_path)
    with pytest.raises(PeopleMissingError, match="no such folder"):
        created(tmp_path / "nowhere")
    assert not (tmp_path / "site.db").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    created(tmp_path).close()
    (tmp_path / "site.db").chmod(mode)
    with pytest.raises(PeopleForeignError, match="chmod 600"):
        reopened(tmp_path)


def test_there_is_one_owner_at_a_time_across_processes(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from edge.people import People, PeopleInUseError\n"
        "try: People.open(Path(sys.argv[1]))\n"
        "except PeopleInUseError: print('in use')\n"
        "else: print('opened')"
    )

    def other() -> str:
        command = [sys.executable, "-c", script, str(tmp_path / "site.db")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with created(tmp_path):
        assert other() == "in use"
        with pytest.raises(PeopleInUseError):
            reopened(tmp_path)
    assert other() == "opened"


def test_strange_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(PeopleForeignError):
        People.open(path, create=True)
    assert path.read_bytes() == before
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(PeopleDamagedError):
        People.open(path, create=True)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PeopleForeignError):
        People.open(path, create=True)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    created(tmp_path).close()
    with sqlite3.connect(tmp_path / "site.db") as newer:
        newer.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('site', '9999_future', '')"
        )
    newer.close()
    with pytest.raises(PeopleForeignError, match="newer version"):
        reopened(tmp_path)


def test_a_file_that_was_cut_off_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    path.touch(0o600)
    with sqlite3.connect(path) as half:
        half.execute(
            "CREATE TABLE _sqlite_migrations"
            " (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
        )
    half.close()
    with People.open(path) as people:
        enrol(people, ANNA)


def test_a_damaged_row_is_refused_without_showing_it(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, ANNA)
    with sqlite3.connect(tmp_path / "site.db") as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute("UPDATE credential SET status = 'Anna'")
    raw.close()
    with pytest.raises(PeopleDamagedError) as caught:
        reopened(tmp_path)
    assert "Anna" not in str(caught.value)


def test_the_file_itself_refuses_what_no_import_writes(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, ANNA)
    raw = sqlite3.connect(tmp_path / "site.db")
    for statement in (
        "UPDATE holder SET valid_until_s = 1 << 41",
        "UPDATE holder SET suspended = 2",
        "UPDATE credential SET status = 'none'",
        "UPDATE pin SET hash = '0042'",
        "UPDATE meta SET value = -1",
        "INSERT INTO credential SELECT 'f' || substr(id, 2), holder, ref, status FROM credential",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(statement)
    raw.close()


# --- what stands --------------------------------------------------------------------------------


def test_what_was_applied_stands_after_reopening(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, ANNA, BERT)
        directory, roll = people.directory(), people.roll
    with reopened(tmp_path) as people:
        assert people.directory() == directory
        assert people.roll == roll
        (anna,) = (h.id for h in roll.holders.values() if h.external_id == "0042")
        assert people.name_of(HolderId(anna)) == "Anna"
        stored = people.pin(HolderId(anna))
        assert stored is not None
        assert CHEAP.verify(stored.hash, "0042")
        assert people.name_of(HolderId("f" * 16)) is None
        assert people.pin(HolderId("f" * 16)) is None


def test_the_digest_is_independent_of_the_order_of_entry(tmp_path: Path) -> None:
    digests = []
    for order in ([1, 2, 3], [3, 1, 2]):
        folder = tmp_path / "".join(map(str, order))
        folder.mkdir()
        with created(folder) as people:
            for number in order:
                people.apply(
                    Change(
                        base=people.version,
                        holders=(holder(number),),
                        credentials=(credential(number),),
                    )
                )
        with reopened(folder) as people:
            assert people.version == 3
            digests.append(people.directory().digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "part",
    [
        Change(base=1, holders=(msgspec.structs.replace(holder(1), suspended=True),)),
        Change(base=1, holders=(msgspec.structs.replace(holder(1), roles=("guard",)),)),
        Change(base=1, holders=(msgspec.structs.replace(holder(1), valid_until_s=5),)),
        Change(base=1, holders=(msgspec.structs.replace(holder(1), version=2),)),
        Change(base=1, credentials=(msgspec.structs.replace(credential(1), ref="f" * 64),)),
        Change(base=1, credentials_removed=(credential(1).id,)),
        Change(base=1, pins=(PinRecord(holder=holder(1).id, hash="$argon2id$x"),)),
        Change(base=1, holders=(holder(2),)),
    ],
)
def test_every_part_of_a_record_is_in_the_digest(tmp_path: Path, part: Change) -> None:
    with created(tmp_path) as people:
        first = people.apply(Change(base=0, holders=(holder(1),), credentials=(credential(1),)))
        second = people.apply(part)
    assert first.digest != second.digest


def test_no_name_and_no_key_of_the_integrator_is_in_the_directory(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, "EMP-0042,Anna Zauberwort,staff,,,,,")
        assert "Zauberwort" not in repr(people.directory()) + repr(people.roll) + repr(people)
        assert "EMP-0042" not in repr(people.directory())


def test_an_erased_pin_leaves_no_bytes_behind(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        people.apply(Change(base=0, holders=(holder(1),), pins=(TWO_PINS,)))
        for stored in (TWO_PINS.hash, TWO_PINS.duress_hash or "?"):
            assert stored.encode() in (tmp_path / "site.db").read_bytes()
        enrol(people, "001,,,,none,,,")
    for file in tmp_path.iterdir():
        for stored in (TWO_PINS.hash, TWO_PINS.duress_hash or "?"):
            assert stored.encode() not in file.read_bytes()


def test_a_duress_pin_stands_after_reopening_and_goes_alone(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        people.apply(Change(base=0, holders=(holder(1),), pins=(TWO_PINS,)))
    with reopened(tmp_path) as people:
        assert people.pin(HolderId(TWO_PINS.holder)) == TWO_PINS
        people.apply(Change(base=1, pins=(ONE_PIN,)))
    with reopened(tmp_path) as people:
        assert people.pin(HolderId(TWO_PINS.holder)) == ONE_PIN


def test_a_duress_pin_is_in_the_digest_of_the_records(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        people.apply(Change(base=0, holders=(holder(1),), pins=(ONE_PIN,)))
        without = contents_digest(people.roll)
        people.apply(Change(base=1, pins=(TWO_PINS,)))
        assert contents_digest(people.roll) != without


# --- all or nothing -----------------------------------------------------------------------------


def test_a_change_planned_on_another_version_is_refused(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        late = change(csv(BERT), people.roll)
        enrol(people, ANNA)
        for attempt in (people.apply, people.stage):
            with pytest.raises(PeopleMovedError, match="import the file again"):
                attempt(late)
        assert (people.version, len(people.roll.holders), people.staged) == (1, 1, None)


def test_a_change_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, ANNA)
        before = (people.directory(), people.roll)
        twice = msgspec.structs.replace(holder(2), external_id="0042")
        with pytest.raises(PeopleDamagedError):
            people.apply(Change(base=1, holders=(holder(1), twice)))
        assert (people.directory(), people.roll) == before
    with reopened(tmp_path) as people:
        assert (people.directory(), people.roll) == before


def test_a_pin_without_its_person_is_refused(tmp_path: Path) -> None:
    with created(tmp_path) as people, pytest.raises(PeopleDamagedError):
        people.apply(Change(base=0, pins=(PinRecord(holder="a" * 16, hash="$argon2id$x"),)))


# --- memory and disk ----------------------------------------------------------------------------


def as_read_anew(folder: Path, people: People) -> bool:
    """Whether memory is what the file has."""
    with sqlite3.connect(folder / "site.db") as copy:
        copy.execute("VACUUM INTO ?", [str(folder / "copy.db")])
    copy.close()
    (folder / "copy.db").chmod(0o600)
    with People.open(folder / "copy.db") as read:
        same = (read.roll, read.directory()) == (people.roll, people.directory())
        same = same and (read.applied_seq, read.staged) == (people.applied_seq, people.staged)
        assert read.steps(3) == people.steps(3)
    (folder / "copy.db").unlink()
    return same


def test_memory_is_what_the_disk_has_after_every_step(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with created(tmp_path) as people:
        for seq in range(1, 13):
            brought = random_change(chance, people.roll)
            match chance.randrange(4):
                case 0:
                    people.apply(brought)
                case 1:
                    people.stage(brought)
                    assert as_read_anew(tmp_path, people)
                    people.settle(None)
                case _:
                    coming = people.stage(brought)
                    people.settle(seq)
                    assert people.directory() == coming
            assert as_read_anew(tmp_path, people), f"step {seq} of seed {seed}"


def test_a_change_reads_nobody_of_all_who_are_on_file(tmp_path: Path) -> None:
    """What it costs does not grow with the people."""
    with created(tmp_path) as people:
        people.apply(Change(base=0, holders=tuple(map(holder, range(50)))))
        asked: list[str] = []
        people._database.conn.set_trace_callback(asked.append)
        staged(people, ANNA)
        people.settle(3)
        enrol(people, "42,Bert,visitor,,,,,")
        people._database.conn.set_trace_callback(None)
        everybody = ("FROM holder", "FROM credential", "FROM pin")
        reads = [one for one in asked if one.startswith("SELECT") and one.endswith(everybody)]
        assert reads == []
        assert any(one.startswith("INSERT") for one in asked), "statements are seen"


class LateError(sqlite3.OperationalError):
    """The disk fails behind a transaction that it has."""


def commit_reports_an_error(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: what was written is on disk nevertheless, as after a failed sync of its folder."""
    atomic = people._database.atomic

    @contextmanager
    def failing() -> Iterator[None]:
        outermost = not people._database.conn.in_transaction
        with atomic():
            yield
        if outermost:
            monkeypatch.undo()
            raise LateError("disk I/O error")

    monkeypatch.setattr(people._database, "atomic", failing)


def test_a_write_that_failed_and_is_there_is_seen_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with created(tmp_path) as people:
        commit_reports_an_error(people, monkeypatch)
        with pytest.raises(PeopleDamagedError):
            staged(people, ANNA)
        with pytest.raises(PeopleStagedError):
            staged(people, BERT)
        commit_reports_an_error(people, monkeypatch)
        with pytest.raises(PeopleDamagedError):
            people.settle(4)
        people.settle(4)
        assert (people.version, people.applied_seq, people.staged) == (1, 4, None)
        assert as_read_anew(tmp_path, people)
        late = change(csv(BERT), people.roll)
        commit_reports_an_error(people, monkeypatch)
        with pytest.raises(PeopleDamagedError):
            people.apply(late)
        with pytest.raises(PeopleMovedError):
            people.apply(late)
        assert as_read_anew(tmp_path, people)
        assert people.version == 2


def test_a_write_that_failed_and_is_not_there_leaves_memory_as_it_was(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, ANNA)
        twice = msgspec.structs.replace(holder(2), external_id="0042")
        for attempt in (people.apply, people.stage):
            with pytest.raises(PeopleDamagedError):
                attempt(Change(base=1, holders=(twice,)))
            assert as_read_anew(tmp_path, people)
        enrol(people, BERT)
        assert as_read_anew(tmp_path, people)
        assert people.version == 2


def test_no_row_is_lost_where_the_library_believes_that_sqlite_is_old(tmp_path: Path) -> None:
    """It finds that out by writing, and believes it for good where the disk is full just then."""
    with created(tmp_path) as people:
        people._database.use_old_upsert = True
        enrol(people, ANNA)
        assert as_read_anew(tmp_path, people)


def test_nobody_goes_and_leaves_a_badge_or_a_pin_behind(tmp_path: Path) -> None:
    """The file would drop them with the person, and memory would keep them."""
    with created(tmp_path) as people:
        people.apply(
            Change(base=0, holders=(holder(1),), credentials=(credential(1),), pins=(ONE_PIN,))
        )
        gone = Change(base=1, holders_removed=(holder(1).id,))
        badge, pin = (credential(1).id,), (ONE_PIN.holder,)
        for short in (
            gone,
            msgspec.structs.replace(gone, credentials_removed=badge),
            msgspec.structs.replace(gone, pins_removed=pin),
        ):
            with pytest.raises(PeopleDamagedError):
                people.stage(short)
            assert as_read_anew(tmp_path, people)
        people.apply(msgspec.structs.replace(gone, credentials_removed=badge, pins_removed=pin))
        assert as_read_anew(tmp_path, people)
        assert (len(people.roll.holders), people.directory().by_ref) == (0, NOBODY.by_ref)


# --- the journal first --------------------------------------------------------------------------


def staged(people: People, *rows: str) -> Directory:
    return people.stage(change(csv(*rows), people.roll))


def test_what_is_staged_is_known_and_not_in_force(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        coming = staged(people, ANNA)
        assert people.staged == Staged(version=coming.version, digest=coming.digest)
        assert coming.version == 1
        assert people.directory() == NOBODY
        assert people.version == 0


def test_a_change_comes_in_force_with_its_place_in_the_journal(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        coming = staged(people, ANNA)
        people.settle(17)
        assert people.directory() == coming
        assert (people.applied_seq, people.staged) == (17, None)
    with reopened(tmp_path) as people:
        assert (people.directory(), people.applied_seq) == (coming, 17)


def test_what_the_journal_has_is_in_force_though_the_file_cannot_be_written(
    tmp_path: Path,
) -> None:
    """Everybody else follows the new version: an old PIN must not be right any more."""
    with created(tmp_path) as people:
        people.apply(Change(base=0, holders=(holder(1),), pins=(ONE_PIN,)))
        renewed = msgspec.structs.replace(ONE_PIN, hash=CHEAP.hash("8520"))
        coming = people.stage(Change(base=1, pins=(renewed,)))
        assert people.pin(HolderId(ONE_PIN.holder)) == ONE_PIN, "it is not recorded yet"
        with not_writable(tmp_path):
            for _ in range(2):
                with pytest.raises(PeopleDamagedError):
                    people.settle(9)
                assert people.pin(HolderId(ONE_PIN.holder)) == renewed
                assert (people.directory(), people.version) == (coming, 2)
                assert (people.applied_seq, people.staged) == (
                    9,
                    Staged(version=2, digest=coming.digest),
                )
            for asked in (people.history, people.steps):
                with pytest.raises(PeopleBehindError, match="version 2 is in force"):
                    asked(10)
        with pytest.raises(PeopleStagedError):
            people.stage(change(csv(BERT), people.roll))
        assert people.pin(HolderId(ONE_PIN.holder)) == renewed, "the file was read again"
        people.settle(9)
        assert as_read_anew(tmp_path, people)
        assert [entry.seq for entry in people.history(10)] == [9, None]


@contextmanager
def not_writable(folder: Path) -> Iterator[None]:
    """SQLite cannot make its rollback journal."""
    in_the_way = folder / "site.db-journal"
    in_the_way.mkdir()
    yield
    in_the_way.rmdir()


def test_after_a_crash_before_the_journal_the_change_can_be_dropped(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        staged(people, ANNA)
    with reopened(tmp_path) as people:
        assert people.staged is not None
        people.settle(None)
        assert (people.version, people.applied_seq, people.staged) == (0, 0, None)
        assert people.directory() == NOBODY
        enrol(people, ANNA)


def test_after_a_crash_behind_the_journal_start_up_applies_the_rest(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        enrol(people, BERT)
        coming = staged(people, ANNA)
    with reopened(tmp_path) as people:
        # What the journal says of version and digest is what waits here.
        assert people.staged == Staged(version=coming.version, digest=coming.digest)
        people.settle(23)
        assert people.directory() == coming
        people.settle(23)
        assert (people.directory(), people.applied_seq) == (coming, 23)


@pytest.mark.parametrize("seq", [0, -1, 2**53])
def test_what_is_no_number_of_an_entry_settles_nothing(tmp_path: Path, seq: int) -> None:
    with created(tmp_path) as people:
        staged(people, ANNA)
        with pytest.raises(ValueError, match="seq"):
            people.settle(seq)
        assert people.staged is not None
        assert people.version == 0


def test_people_outlive_their_journal(tmp_path: Path) -> None:
    """After a damaged journal was set aside the next one counts from 1 again."""
    with created(tmp_path) as people:
        staged(people, ANNA)
        people.settle(5000)
        coming = staged(people, BERT)
        people.settle(2)
        assert (people.applied_seq, people.directory()) == (2, coming)


def test_nothing_takes_the_place_of_a_change_that_the_journal_may_have(tmp_path: Path) -> None:
    with created(tmp_path) as people:
        coming = staged(people, ANNA)
        other = change(csv(BERT), people.roll)
        for attempt in (people.stage, people.apply):
            with pytest.raises(PeopleStagedError, match="start the edge"):
                attempt(other)
        people.settle(1)
        assert people.directory() == coming


@pytest.mark.parametrize("point", ["staged", "settling", "settled"])
def test_a_killed_process_leaves_one_of_the_two_states(tmp_path: Path, point: str) -> None:
    """Killed for good at each point, inside the transaction too."""
    with created(tmp_path) as people:
        enrol(people, BERT)
    script = f"""
import os, signal
from pathlib import Path
from edge.people import People
from tests.edge.people.support import change, csv
people = People.open(Path({str(tmp_path / "site.db")!r}))
people.stage(change(csv({ANNA!r}), people.roll))
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if {point!r} == "staged": die()
if {point!r} == "settling":
    inner = people._set_meta
    people._set_meta = lambda key, value: (inner(key, value), key == "applied_seq" and die())
people.settle(9)
die()
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -9
    with reopened(tmp_path) as people:
        if point == "settled":
            assert (people.version, people.applied_seq, people.staged) == (2, 9, None)
        else:
            assert (people.version, people.applied_seq) == (1, 0)
            assert people.staged is not None
            people.settle(9)
            assert people.version == 2
        assert len(people.directory().holders) == 2
