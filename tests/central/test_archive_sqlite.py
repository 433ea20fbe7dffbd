"""The archive in a file: what holds of SQLite alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from central import archive_sqlite
from central.archive import ArchiveError, Mark
from central.archive_sqlite import SqliteArchive
from central.archive_sqlite_schema import SCHEMA_VERSION
from central.search import Query
from policies.codes import Code
from tests.central.rig import EDGE, NAME, SITE
from tests.central.test_archive import INCARNATION, batch, chain, seqs
from tests.edge.journal.logs import WrittenAgain, crashed_copy

GOLDEN = Path(__file__).parents[1] / "golden" / "archives"
VERSIONS = sorted(int(path.stem) for path in GOLDEN.glob("*.db"))
"""Archives as earlier versions left them, named by the number of their schema: 40 entries of one
edge, 12 and 6 behind a gap of another, the evidence of a fork, and a note of the witness."""


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


@pytest.mark.parametrize("version", VERSIONS)
def test_an_archive_of_an_earlier_version_opens_and_is_searched(path: Path, version: int) -> None:
    path.write_bytes((GOLDEN / f"{version}.db").read_bytes())
    with pytest.raises(ArchiveError, match="start `sentrypost central run`"):
        archive_sqlite.reading(path)
    with closing(SqliteArchive(path)) as archive:
        assert archive.id == "0001020304050607"
        assert archive.mark(SITE, EDGE, INCARNATION) == Mark(seq=40, chain=chain(40))
        assert archive.mark(SITE, "annex", INCARNATION).seq == 12
        assert archive.mark(SITE, "annex", INCARNATION).gap
        assert archive.journals(SITE, EDGE) == (0 if version == 1 else 1), "no witness in the first"
        assert archive._db.execute("SELECT count(*) FROM fork").fetchone() == (1,)
        for query in (
            Query(person=NAME),
            Query(person="h-7f3a"),
            Query(portal="main-gate"),
            Query(code=Code.OUT_OF_SCHEDULE),
        ):
            found = archive.find(query)
            entries = [(one.archived.entry.edge, one.archived.entry.seq) for one in found]
            assert sorted(entries) == [
                *(("annex", seq) for seq in (10, 20)),
                *((EDGE, seq) for seq in (10, 20, 30, 40)),
            ], query
        assert archive.store(SITE, EDGE, batch(41, 50)).mark.seq == 50
    with closing(SqliteArchive(path)) as again:
        assert len(again.find(Query(person=NAME))) == 7


def test_every_version_that_ever_wrote_an_archive_is_kept() -> None:
    """The fourth never stood alone: what it adds was changed after the fifth had come."""
    assert sorted([4, *VERSIONS]) == list(range(1, SCHEMA_VERSION))


def test_no_personal_value_stands_in_an_index_that_is_written_in_its_order(
    archive: SqliteArchive,
) -> None:
    """SQLite leaves copies in pages that it divides; `personal` itself grows at its end."""
    indexes = archive._db.execute("PRAGMA index_list(personal)").fetchall()
    columns = {
        column
        for _, name, *_ in indexes
        for _, _, column in archive._db.execute(f"PRAGMA index_info({name})").fetchall()
    }
    assert columns == {"journal", "seq", "field", "bucket", "utc_us"}


def test_an_archive_that_was_filled_anew_is_as_one_that_was_filled_as_it_came(path: Path) -> None:
    """What the step to a later version looks up is what storing notes."""
    path.write_bytes((GOLDEN / "3.db").read_bytes())
    with closing(SqliteArchive(path)) as old, closing(SqliteArchive(path.with_name("new"))) as new:
        for edge, first, last in ((EDGE, 1, 40), ("annex", 1, 12), ("annex", 15, 20)):
            new.store(SITE, edge, batch(first, last, edge=edge))
        for table in ("mention", "personal", "entry"):
            rows = [one._db.execute(f"SELECT * FROM {table}").fetchall() for one in (old, new)]
            assert rows[0] == rows[1] != []
