"""A journal is copied row by row while it is written on, and the copy verifies as it does."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.backup_desk import BackupDesk
from edge.control.messages import FilePart
from edge.control.messages_backup import CopyReply, JournalRows
from edge.journal import JournalWriter, erasure, sealing, verify_folder
from edge.journal import copying as journal_copying
from edge.journal.copying import CopyWriter, Rows
from tests.edge.journal.sealed import append, months
from tests.edge.journal.support import open_journal
from tests.edge.journal.test_segments import SIGNERS
from tests.edge.journal.test_verify_checkpoints import UTC_US, note
from tests.edge.journal.test_writer import on_thread, opened

SIZES = (30, 40, 50)
STEP = 7
"""So that every segment takes several steps."""

Between = Callable[[JournalWriter, int], Awaitable[None]]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copying, "STEP_ENTRIES", STEP)


async def copied(folder: Path, into: Path, between: Between) -> tuple[CopyReply, int]:
    """As a client does it, and how often it was begun; `between` comes behind each step."""
    begun, steps = 0, 0
    async with opened(folder) as journal:
        with closing(CopyWriter(into)) as writer:
            parts = b""
            async for message in BackupDesk(journal).copy_journal():
                match message:
                    case FilePart(data=data):
                        parts += data
                    case JournalRows(anew=anew):
                        if anew:
                            begun += 1
                            writer.close()
                            for path in into.iterdir():
                                path.unlink()
                        writer.put(msgspec.msgpack.decode(parts, type=Rows))
                        parts = b""
                        steps += 1
                        await between(journal, steps)
                    case CopyReply():
                        return message, begun
    raise AssertionError("it ended without a word")


def rows(folder: Path, table: str) -> list[object]:
    """Of all segments."""
    found: list[object] = []
    for path in sorted(folder.glob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            found += connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    return found


def test_what_is_appended_and_sealed_meanwhile_is_in_it_byte_for_byte(tmp_path: Path) -> None:
    folder, into = tmp_path / "journal", tmp_path / "copy"
    into.mkdir()
    last = months(folder, *SIZES)

    async def between(journal: JournalWriter, steps: int) -> None:
        if steps == 3:
            await on_thread(journal, lambda one: append(one, 5))
        elif steps == 8:
            await on_thread(journal, lambda one: sealing.seal(one, note, UTC_US))
            await on_thread(journal, lambda one: append(one, 20))

    reply, begun = asyncio.run(copied(folder, into, between))
    assert (reply.reason, reply.last_seq, begun) == ("", last + 25, 1)
    assert verify_folder(into, signers=SIGNERS).sound
    assert [path.name for path in sorted(into.iterdir())] == [
        path.name for path in sorted(folder.glob("*.db"))
    ]
    for table in ("entry", "personal", "segment", "checkpoint", "snapshot", "meta"):
        assert rows(into, table) == rows(folder, table), table
    with closing(open_journal(into)) as journal:
        append(journal, 1)


def test_who_is_erased_meanwhile_is_not_in_it(tmp_path: Path) -> None:
    folder, into = tmp_path / "journal", tmp_path / "copy"
    into.mkdir()
    months(folder, *SIZES)

    async def between(journal: JournalWriter, steps: int) -> None:
        if steps == 9:
            await on_thread(journal, lambda one: erasure.remove(one, ["badge"], ((1, 22),)))
            await on_thread(journal, lambda one: erasure.settle(one, 22))

    reply, begun = asyncio.run(copied(folder, into, between))
    assert (reply.reason, begun) == ("", 2)
    files = b"".join(path.read_bytes() for path in into.iterdir())
    assert b"Person 24" in files
    assert not [row for row in rows(into, "personal") if row[0] <= 22]  # type: ignore[index]
    assert verify_folder(into, signers=SIGNERS).sound


def test_where_people_are_erased_again_and_again_it_says_so(tmp_path: Path) -> None:
    folder, into = tmp_path / "journal", tmp_path / "copy"
    into.mkdir()
    months(folder, *SIZES)

    async def between(journal: JournalWriter, steps: int) -> None:
        await on_thread(journal, lambda one: erasure.settle(one, steps))

    reply, begun = asyncio.run(copied(folder, into, between))
    assert begun == 3
    assert "people are erased" in reply.reason
    assert reply.remedy
