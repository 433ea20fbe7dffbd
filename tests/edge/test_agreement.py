"""The comparison of a journal with its archive sees everything that can differ."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from central.archive_sqlite import SqliteArchive
from edge import wire
from edge.journal.folder import SEGMENT
from tests.central.rig import EDGE, SITE, journal, record
from tests.edge.agreement import chains, differences, forgotten, unsound

ENTRIES = 30


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Path]:
    """A journal's folder and an archive that has all of it."""
    folder, archive = tmp_path / "journal", tmp_path / "archive.db"

    async def fill() -> None:
        writer = await journal(folder)
        records = [record(writer.incarnation, seq) for seq in range(1, ENTRIES + 1)]
        await writer.append(records)
        sent = [wire.SentEntry(entry=r.entry.decode(), personal=r.personal) for r in records]
        batch = wire.Batch(incarnation=writer.incarnation, first=1, entries=tuple(sent))
        stored = SqliteArchive(archive)
        stored.store(SITE, EDGE, batch)
        stored.close()
        await writer.close()

    asyncio.run(fill())
    return folder, archive


def edit(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount != 0, "nothing was changed"


def test_an_archive_that_has_the_journal_agrees(kept: tuple[Path, Path]) -> None:
    folder, archive = kept
    assert differences(folder, archive) == []
    assert forgotten(archive, chains(folder)) == []
    assert unsound(folder) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE seq = 7",
        "DELETE FROM entry WHERE seq = 30",
        "UPDATE entry SET data = CAST(data || ' ' AS BLOB) WHERE seq = 7",
        "UPDATE entry SET seq = 31 WHERE seq = 7",
        "INSERT INTO entry SELECT journal, 31, kind, utc_us, data FROM entry WHERE seq = 30",
        "INSERT INTO entry SELECT 2, seq, kind, utc_us, data FROM entry WHERE seq = 7",
        "DELETE FROM personal WHERE seq = 10",
        "UPDATE personal SET salt = hex(salt) WHERE seq = 10",
        "INSERT INTO fork SELECT journal, seq, x'00', data FROM entry WHERE seq = 7",
        "UPDATE journal SET mark = 29",
        "UPDATE journal SET chain = x'00'",
        "UPDATE journal SET incarnation = 'ffffffffffffffff'",
        "INSERT INTO journal SELECT 2, site, edge, 'ffffffffffffffff', 0, x'00' FROM journal",
    ],
)
def test_an_archive_that_differs_is_told(kept: tuple[Path, Path], statement: str) -> None:
    folder, archive = kept
    edit(archive, statement)
    assert differences(folder, archive) != []


def test_what_was_told_and_is_not_kept_is_named(kept: tuple[Path, Path]) -> None:
    folder, archive = kept
    before = chains(folder)
    assert forgotten(archive, before | {31: before[30]}) == ["entry 31 is not what was told"]
    edit(archive, "UPDATE entry SET data = CAST(data || ' ' AS BLOB) WHERE seq = 29")
    named = ["entry 29 is not what was told", "entry 30 is not what was told"]
    assert forgotten(archive, before) == named


def test_a_journal_that_was_edited_is_unsound(kept: tuple[Path, Path]) -> None:
    folder, _ = kept
    edit(folder / SEGMENT, "UPDATE entry SET chain = leaf WHERE seq = 7")
    assert unsound(folder) != []
