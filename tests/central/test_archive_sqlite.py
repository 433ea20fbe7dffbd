"""The archive in a file: what holds of SQLite alone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.archive import ArchiveError
from central.archive_sqlite import SqliteArchive
from tests.central.rig import EDGE, SITE
from tests.central.test_archive import INCARNATION, batch, seqs
from tests.edge.journal.logs import WrittenAgain, crashed_copy


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def archive(path: Path) -> Iterator[SqliteArchive]:
    opened = SqliteArchive(path)
    yield opened
    opened.close()


def test_every_commit_is_on_disk(archive: SqliteArchive) -> None:
    assert archive._db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert archive._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_the_log_shows_is_written_again_before_it_is_believed(
    archive: SqliteArchive, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel shows what a failed sync did not write, and no later sync writes it."""
    archive.store(SITE, EDGE, batch(1, 10))
    (tmp_path / "copy").mkdir()
    held = crashed_copy(path, tmp_path / "copy")
    written = WrittenAgain(monkeypatch)
    again = SqliteArchive(tmp_path / "copy" / path.name)
    assert written.logs == [("archive.db-wal", held)]
    assert len(held) > 0
    assert again.mark(SITE, EDGE, INCARNATION).seq == 10
    again.close()


def test_a_file_that_is_no_archive_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ArchiveError, match="name another file"):
        SqliteArchive(path)
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(ArchiveError, match="cannot open the archive"):
        SqliteArchive(path)
    with pytest.raises(ArchiveError, match="folder exists"):
        SqliteArchive(path / "nowhere" / "archive.db")


def test_a_disk_that_is_full_stores_nothing_and_goes_on_later(archive: SqliteArchive) -> None:
    archive.store(SITE, EDGE, batch(1, 10))
    pages = archive._db.execute("PRAGMA page_count").fetchone()[0]
    archive._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for first in range(11, 900, 80):
            archive.store(SITE, EDGE, batch(first, first + 79))

    with pytest.raises(ArchiveError, match="make room"):
        fill()
    before = archive.mark(SITE, EDGE, INCARNATION)
    assert seqs(archive) == list(range(1, before.seq + 1))
    archive._db.execute("PRAGMA max_page_count = 100000")
    assert archive.store(SITE, EDGE, batch(before.seq + 1, before.seq + 50)).new
