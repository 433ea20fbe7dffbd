"""Full, limited: what was acknowledged is there. For kills and power cuts see tests/crash."""

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.journal import JournalFailed, JournalFull, verify_folder
from tests.edge.journal.support import open_journal, read_all, record
from tests.edge.journal.tmpfs import Tmpfs


def test_a_full_disk_keeps_what_was_acknowledged_and_goes_on_when_there_is_room(
    small_disk: Tmpfs,
) -> None:
    folder = small_disk.path / "j"
    made = [record(seq, person="p" * 400) for seq in range(1, 20_000)]
    acked, said = 0, ""
    journal = open_journal(folder)
    try:
        for one in made:
            journal.append([one])
            acked = one.seq
    except JournalFull as error:
        said = str(error)
    assert "free some on this file system" in said
    with pytest.raises(JournalFull):
        journal.append([made[acked]])
    journal.close()
    assert acked > 100
    small_disk.remount("size=8m")
    assert verify_folder(folder).sound
    with closing(open_journal(folder)) as again:
        assert again.last_seq >= acked
        again.append(again.reconcile(made[acked - 1 : acked + 50]))
        assert read_all(again) == made[: acked + 50]


LIMITED = """
import resource, sys
from pathlib import Path
from edge.journal import JournalFailed
from tests.edge.journal.support import open_journal, record

journal = open_journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
seq = 0
try:
    while True:
        journal.append([record(seq + 1, person="p" * 400)])
        seq += 1
except JournalFailed as error:
    print(seq, error, flush=True)
"""


def test_a_write_that_the_system_refuses_loses_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "j")],
        capture_output=True,
        check=True,
        cwd=Path.cwd(),
    )
    seq, _, said = run.stdout.decode().partition(" ")
    assert int(seq) > 20
    assert "SQLITE_IOERR_WRITE" in said
    assert "may or may not be stored; reopen and reconcile" in said
    assert verify_folder(tmp_path / "j").sound
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.last_seq in {int(seq), int(seq) + 1}
        pending = [record(int(seq) + 1, person="p" * 400)]
        journal.append(journal.reconcile(pending))
        assert journal.last_seq == int(seq) + 1


def test_a_failed_connection_is_never_used_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    connection = journal.connection
    connection.execute("PRAGMA max_page_count = 1").fetchall()
    with pytest.raises(JournalFailed):
        journal.append([record(seq, person="p" * 500) for seq in range(1, 100)])
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connection.execute("SELECT 1")
    with pytest.raises(JournalFailed):
        journal.append([record(1)])
    with pytest.raises(JournalFailed):
        journal.put_snapshot(0, b"", 0)
    # The lock is still ours: nobody may slip in before it is reopened or closed.
    journal.close()
    open_journal(tmp_path / "j").close()


def test_a_descriptor_limit_does_not_stop_an_open_journal(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append([record(1)])
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            journal.append([record(2)])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert journal.last_seq == 2
