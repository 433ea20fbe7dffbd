"""Whose journal it is, and who may have it."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.journal import (
    Journal,
    JournalFailed,
    JournalForeign,
    JournalFull,
    JournalInUse,
    JournalMissing,
    JournalNewer,
    JournalReadOnly,
    JournalShrank,
    verify_folder,
)
from tests.edge.journal.logs import WrittenAgain, crashed_copy
from tests.edge.journal.support import (
    INCARNATION,
    by_hand,
    entropy,
    fill,
    open_journal,
    read_all,
    records,
    segment,
)
from tests.edge.journal.tmpfs import Tmpfs

HOLD = """
import sys, time
from pathlib import Path
from tests.edge.journal.support import open_journal
journal = open_journal(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""


def test_a_second_daemon_is_told_who_has_the_journal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "j")], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"open\n"
            with pytest.raises(JournalInUse) as caught:
                open_journal(tmp_path / "j")
            assert caught.value.pid == other.pid
            assert str(caught.value).startswith(
                f"another daemon (pid {other.pid}) uses this journal; stop it or give this one "
                "its own state folder"
            )
            with pytest.raises(JournalInUse):
                verify_folder(tmp_path / "j")
        finally:
            other.send_signal(signal.SIGKILL)
    open_journal(tmp_path / "j").close()


def test_another_program_in_the_file_keeps_the_daemon_out(tmp_path: Path) -> None:
    fill(tmp_path / "j", 3)
    with closing(sqlite3.connect(segment(tmp_path / "j"), isolation_level=None)) as foreign:
        foreign.execute("PRAGMA locking_mode = EXCLUSIVE")
        foreign.execute("BEGIN IMMEDIATE")
        foreign.execute("UPDATE meta SET value = value")
        with pytest.raises(JournalInUse, match="another program"):
            open_journal(tmp_path / "j")
    open_journal(tmp_path / "j").close()


def test_nobody_else_can_open_a_journal_in_use(tmp_path: Path) -> None:
    code = "import sqlite3,sys; sqlite3.connect(sys.argv[1], timeout=0).execute('DELETE FROM meta')"
    with closing(open_journal(tmp_path / "j")):
        run = subprocess.run(
            [sys.executable, "-c", code, str(segment(tmp_path / "j"))],
            capture_output=True,
            check=False,
        )
    assert b"database is locked" in run.stderr


def _random(path: Path) -> None:
    path.write_bytes(os.urandom(5_000))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY)")


@pytest.mark.parametrize("make", [_random, _empty, _other_application])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(segment(tmp_path))
    before = segment(tmp_path).read_bytes()
    for opening in (open_journal, verify_folder):
        with pytest.raises(JournalForeign, match=r"move it away, or name another state folder"):
            opening(tmp_path)
    assert segment(tmp_path).read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER quiet AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "CREATE TABLE notes (text TEXT)",
        "ALTER TABLE entry ADD COLUMN note TEXT",
        "DROP TABLE snapshot",
    ],
)
def test_tables_that_are_not_ours_are_refused(tmp_path: Path, change: str) -> None:
    fill(tmp_path / "j", 3)
    with by_hand(tmp_path / "j") as raw:
        raw.execute(change)
    for opening in (open_journal, verify_folder):
        with pytest.raises(JournalForeign, match="tables that are not ours"):
            opening(tmp_path / "j")


def test_a_newer_schema_asks_for_a_newer_program(tmp_path: Path) -> None:
    fill(tmp_path / "j", 3)
    with by_hand(tmp_path / "j") as raw:
        raw.execute("PRAGMA user_version = 4")
    with pytest.raises(JournalNewer, match="schema 4, this version knows 3; install"):
        open_journal(tmp_path / "j")


@pytest.mark.parametrize(("site", "edge"), [("geneva", "north"), ("vienna", "south")])
def test_the_journal_of_another_edge_is_refused(tmp_path: Path, site: str, edge: str) -> None:
    fill(tmp_path / "j", 3)
    with pytest.raises(JournalForeign, match="site 'vienna' edge 'north'"):
        Journal.open(tmp_path / "j", site=site, edge=edge, entropy=entropy, utc_us=0)
    with pytest.raises(JournalForeign, match="site 'vienna' edge 'north'"):
        verify_folder(tmp_path / "j", site=site, edge=edge)


def test_a_journal_is_made_once_and_found_again(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        assert (journal.incarnation, journal.last_seq, journal.acked) == (INCARNATION, 0, 0)
    with closing(
        Journal.open(
            tmp_path / "j", site="vienna", edge="north", entropy=lambda n: b"\xff" * n, utc_us=9
        )
    ) as journal:
        assert journal.incarnation == INCARNATION


def test_what_the_log_shows_is_written_again_before_it_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel shows what a failed sync did not write, and no later sync writes it."""
    (tmp_path / "copy").mkdir()
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append(records(1, 5))
        held = crashed_copy(segment(tmp_path / "j"), tmp_path / "copy")
    written = WrittenAgain(monkeypatch)
    with closing(open_journal(tmp_path / "copy")) as journal:
        assert written.logs == [("segment-000001.db-wal", held)]
        assert len(held) > 0
        assert read_all(journal) == records(1, 5)


def test_a_half_made_segment_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    folder.mkdir()
    (folder / "segment-000001.db.new").write_bytes(b"half")
    (folder / "segment-000001.db.new-journal").write_bytes(b"half")
    (folder / "lock").write_bytes(b"")
    with closing(open_journal(folder)) as journal:
        journal.append(records(1, 3))
    assert verify_folder(folder).sound


def test_a_folder_that_lost_its_segment_does_not_get_a_new_one(tmp_path: Path) -> None:
    fill(tmp_path / "j", 3)
    segment(tmp_path / "j").rename(tmp_path / "j" / "elsewhere.db")
    with pytest.raises(JournalMissing, match=r"holds elsewhere\.db; put the segment back"):
        open_journal(tmp_path / "j")


def test_a_segment_under_another_name_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "j", 3)
    segment(tmp_path / "j").rename(tmp_path / "j" / "segment-000002.db")
    with pytest.raises(JournalForeign, match="says of itself that it is segment 1; give it back"):
        open_journal(tmp_path / "j")


def test_without_create_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing, match="mount the state folder"):
        open_journal(tmp_path / "j", create=False)
    assert not (tmp_path / "j").exists()


def test_a_journal_shorter_than_what_the_archive_has_is_not_continued(tmp_path: Path) -> None:
    fill(tmp_path / "j", 9)
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.set_acked(8, incarnation=INCARNATION)
    with by_hand(tmp_path / "j") as raw:
        raw.execute("DELETE FROM entry WHERE seq > 7")
    with pytest.raises(JournalShrank, match="ends at 7, but the archive stored up to 8"):
        open_journal(tmp_path / "j")


def test_a_read_only_folder_is_told_and_still_verifies(small_disk: Tmpfs) -> None:
    made = fill(small_disk.path / "j", 9)
    small_disk.remount("ro")
    with pytest.raises(JournalReadOnly, match="cannot be written; make the folder writable"):
        open_journal(small_disk.path / "j")
    assert verify_folder(small_disk.path / "j").entries == len(made)
    small_disk.remount("rw")
    with closing(open_journal(small_disk.path / "j")) as journal:
        assert read_all(journal) == made


def test_no_room_for_a_new_journal_leaves_nothing_half_made(small_disk: Tmpfs) -> None:
    ballast = small_disk.path / "ballast"
    try:
        ballast.write_bytes(b"x" * 4 * 1024 * 1024)
    except OSError:
        pass
    with pytest.raises(JournalFull, match="free some on this file system"):
        open_journal(small_disk.path / "j")
    ballast.unlink()
    with closing(open_journal(small_disk.path / "j")) as journal:
        journal.append(records(1, 3))


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"")
    with pytest.raises(JournalFailed):
        open_journal(tmp_path / "j")
