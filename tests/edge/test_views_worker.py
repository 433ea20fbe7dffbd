"""`views.db` follows a real journal, whatever becomes of the file, and never harms the daemon."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from controller.retention import RecordClass
from controller.state import snapshot
from edge import views_file, views_worker
from edge.control.closed import opened_closed
from edge.journal import Journal, JournalWriter, Record
from edge.journal.pruning import Thinning, drop
from edge.journal.sealing import seal
from edge.views_closed import brought_up
from edge.views_file import VIEWS_FILE, Reach, to_read
from edge.views_file import Journal as Identity
from edge.views_fold import Beginning, ViewsFold
from edge.views_query import basis
from edge.views_worker import Views
from tests.edge.histories import ZONE, History, an_hour, state_after
from tests.edge.journal.test_verify_checkpoints import note
from tests.edge.process import PATIENCE_S
from tests.edge.test_views import assert_same_as_core, fold_whole, rows

SEED = 6
PIECES = 600


def history(pieces: int = PIECES) -> History:
    whole = an_hour(SEED)
    return whole._replace(pieces=whole.pieces[:pieces], live=state_after(whole, pieces))


class Edge:
    """A journal that is written, and what follows it."""

    def __init__(self, folder: Path, writer: JournalWriter) -> None:
        self.file = folder / VIEWS_FILE
        self.writer = writer
        self.timezone = ZONE
        self.views = Views(self.file, writer, lambda: self.timezone)
        self._written = asyncio.Event()

    async def write(self, entries: Sequence[bytes]) -> None:
        first = self.writer.last_seq + 1
        await self.writer.append([Record(n, entry) for n, entry in enumerate(entries, first)])
        self._written.set()
        self._written = asyncio.Event()

    async def beyond(self, seq: int) -> None:
        while self.writer.last_seq <= seq:
            await self._written.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.01)

    async def followed(self) -> None:
        await self.until(lambda: self.views.progress.seq == self.writer.last_seq)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """While the block lasts; at its end nothing of it is left open."""
        task = asyncio.create_task(self.views.run(self.beyond))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a second or a minute to a site."""
    monkeypatch.setattr(views_worker, "LINGER_S", 0.0)
    monkeypatch.setattr(views_worker, "AGAIN_S", 0.05)
    monkeypatch.setattr(views_worker, "PAUSE_S", 0.0)
    monkeypatch.setattr(views_file, "BUSY_S", 0.05)


def run(folder: Path, scene: Callable[[Edge], Coroutine[None, None, None]]) -> None:
    """Opens the journal in `folder`, made where there is none, and lets the scene play."""
    whole = an_hour(SEED).journal

    async def main() -> None:
        writer = await JournalWriter.open(
            folder / "journal",
            site=whole.site,
            edge=whole.edge,
            entropy=lambda _: bytes.fromhex(whole.incarnation),
            utc_us=1,
        )
        try:
            await scene(Edge(folder, writer))
        finally:
            await writer.close()

    asyncio.run(main())


def entries(story: History) -> list[bytes]:
    return [piece.entry for piece in story.pieces]


def assert_shows(folder: Path, story: History) -> None:
    assert rows(folder / VIEWS_FILE) == fold_whole(story, folder / "whole.db")


def test_it_follows_what_is_there_and_what_comes(tmp_path: Path) -> None:
    story = history()

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:400])
        async with edge.following():
            await edge.followed()
            for entry in entries(story)[400:]:
                await edge.write([entry])
            await edge.followed()
            assert edge.views.progress == (PIECES, PIECES, "")

    run(tmp_path, scene)
    assert_shows(tmp_path, story)


def test_it_goes_on_where_it_was_and_reads_nothing_twice(tmp_path: Path) -> None:
    story = history()

    async def first(edge: Edge) -> None:
        await edge.write(entries(story)[:400])
        async with edge.following():
            await edge.until(lambda: edge.views.progress.seq > 0)

    run(tmp_path, first)
    with closing(sqlite3.connect(tmp_path / VIEWS_FILE)) as connection:
        ((left,),) = connection.execute("SELECT seq FROM view").fetchall()
        connection.execute("UPDATE tally SET entries = entries + 1000")
        connection.commit()
    assert left > 0

    async def second(edge: Edge) -> None:
        await edge.write(entries(story)[400:])
        async with edge.following():
            await edge.followed()

    run(tmp_path, second)
    with to_read(tmp_path / VIEWS_FILE) as database:
        (found,) = database.query("SELECT sum(entries) AS n FROM tally")
    assert found["n"] > PIECES, "it began anew"


def remove(edge: Edge) -> None:
    for name in ("", "-wal", "-shm"):
        edge.file.with_name(edge.file.name + name).unlink(missing_ok=True)


def replace_by_another(edge: Edge) -> None:
    other = edge.file.with_name("other")
    other.write_bytes(b"nothing of ours")
    other.replace(edge.file)


@pytest.mark.parametrize("harm", [remove, replace_by_another])
def test_a_file_that_goes_while_it_is_written_is_made_anew(
    harm: Callable[[Edge], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    story = history()
    caplog.set_level(logging.WARNING)

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:200])
        async with edge.following():
            await edge.followed()
            harm(edge)
            await edge.write(entries(story)[200:])
            await edge.until(lambda: edge.views.progress == (PIECES, PIECES, ""))

    run(tmp_path, scene)
    assert "reports stand still" in caplog.text
    assert "somebody has removed it" in caplog.text
    assert_shows(tmp_path, story)


def garbage(file: Path) -> None:
    file.write_bytes(os.urandom(20_000))


def test_what_was_damaged_meanwhile_is_made_anew_at_the_start(tmp_path: Path) -> None:
    story = history()
    garbage(tmp_path / VIEWS_FILE)

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story))
        async with edge.following():
            await edge.followed()

    run(tmp_path, scene)
    assert_shows(tmp_path, story)


def test_the_rows_of_another_journal_are_made_anew(tmp_path: Path) -> None:
    """An incarnation that is another one, and one with the same name and another past."""
    story = history()
    other = story.journal._replace(incarnation="ff" * 8)
    ViewsFold.anew(tmp_path / VIEWS_FILE, other, Beginning()).close()

    async def scene(edge: Edge) -> None:
        async with edge.following():
            await edge.followed()

    async def begin(edge: Edge) -> None:
        await edge.write(entries(story))
        await scene(edge)

    run(tmp_path, begin)
    assert_shows(tmp_path, story)

    fold = ViewsFold.anew(tmp_path / VIEWS_FILE, story.journal, Beginning())
    fold.take([*story.pieces[:-1], story.pieces[-1]._replace(chain="ab" * 32)])
    fold.close()
    run(tmp_path, scene)
    assert_shows(tmp_path, story)


def test_rows_ahead_of_the_journal_are_made_anew(tmp_path: Path) -> None:
    story = history()
    fold_whole(story, tmp_path / VIEWS_FILE)

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:100])
        async with edge.following():
            await edge.until(lambda: edge.views.progress == (100, 100, ""))

    run(tmp_path, scene)
    assert_shows(tmp_path, history(100))


def test_days_are_counted_anew_when_the_policy_names_another_zone(tmp_path: Path) -> None:
    story = history()

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:300])
        async with edge.following():
            await edge.followed()
            edge.timezone = "Pacific/Kiritimati"
            await edge.write(entries(story)[300:])
            await edge.followed()

    run(tmp_path, scene)
    kiritimati = story.journal._replace(timezone="Pacific/Kiritimati")
    assert_shows(tmp_path, story._replace(journal=kiritimati))


def test_a_rebuild_begins_from_nothing(tmp_path: Path) -> None:
    story = history()

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story))
        async with edge.following():
            await edge.followed()
            with closing(sqlite3.connect(edge.file)) as connection:
                connection.execute("UPDATE tally SET entries = entries + 1000")
                connection.commit()
            edge.views.rebuild()
            assert edge.views.progress.seq == 0
            await edge.followed()

    run(tmp_path, scene)
    assert_shows(tmp_path, story)


def test_what_cannot_be_written_any_more_is_made_anew(tmp_path: Path) -> None:
    """Opened again it looks as it should, and the next write would fail as the last did."""
    story = history()

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:200])
        async with edge.following():
            await edge.followed()
            with closing(sqlite3.connect(edge.file)) as connection:
                connection.execute("DROP TABLE tally")
                connection.commit()
            await edge.write(entries(story)[200:])
            await edge.until(lambda: edge.views.progress == (PIECES, PIECES, ""))

    run(tmp_path, scene)
    assert_shows(tmp_path, story)


def test_a_lock_is_one_line_in_the_log_and_passes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = history()
    caplog.set_level(logging.INFO)
    tried = []
    resumed = ViewsFold.resumed

    def spied(path: Path, journal: Identity) -> ViewsFold:
        tried.append(path)
        return resumed(path, journal)

    monkeypatch.setattr(ViewsFold, "resumed", spied)

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:100])
        async with edge.following():
            await edge.followed()
            with closing(sqlite3.connect(edge.file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await edge.write(entries(story)[100:])
                await edge.until(lambda: "locked" in edge.views.progress.trouble)
                await edge.until(lambda: len(tried) > 3)
                other.execute("ROLLBACK")
            await edge.until(lambda: edge.views.progress == (PIECES, PIECES, ""))

    run(tmp_path, scene)
    assert caplog.text.count("reports stand still") == 1
    assert "follows the journal again" in caplog.text
    assert_shows(tmp_path, story)


def test_a_disk_that_fills_is_left_to_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This disk has room: what is looked for is more than any disk has."""
    story = history()

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:100])
        async with edge.following():
            await edge.followed()
            with monkeypatch.context() as full:
                full.setattr(views_file, "FREE_BYTES_MIN", 2**62)
                await edge.write(entries(story)[100:])
                await edge.until(lambda: "belongs to the journal" in edge.views.progress.trouble)
            await edge.until(lambda: edge.views.progress == (PIECES, PIECES, ""))

    run(tmp_path, scene)
    assert "make space on it" in caplog.text
    assert_shows(tmp_path, story)


def test_where_it_cannot_be_made_that_is_said_and_tried_again(tmp_path: Path) -> None:
    story = history()
    (tmp_path / VIEWS_FILE).mkdir()

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story))
        async with edge.following():
            await edge.until(lambda: bool(edge.views.progress.trouble))
            edge.file.rmdir()
            await edge.until(lambda: edge.views.progress == (PIECES, PIECES, ""))

    run(tmp_path, scene)
    assert_shows(tmp_path, story)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_it_ends_the_reports_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    async def scene(edge: Edge) -> None:
        await edge.write(entries(history())[:10])
        monkeypatch.setattr(ViewsFold, "take", stumble)
        async with asyncio.timeout(PATIENCE_S):
            await edge.views.run(edge.beyond)
        assert "bug" in edge.views.progress.trouble

    run(tmp_path, scene)
    assert "reports have ended by a bug" in caplog.text


def test_a_journal_that_goes_on_from_another_begins_with_what_that_left(tmp_path: Path) -> None:
    story = history()
    before = replace(an_hour(SEED).live, seq=0)

    async def renewed(edge: Edge) -> None:
        await edge.writer.note_continues("00" * 8 + " 1 1")
        await edge.writer.put_snapshot(0, snapshot(before), 7)

    async def scene(edge: Edge) -> None:
        await edge.write(entries(story)[:1])
        async with edge.following():
            await edge.followed()

    run(tmp_path, renewed)
    run(tmp_path, scene)
    with to_read(tmp_path / VIEWS_FILE) as database:
        assert basis(database).reach == Reach(counted_from=1, state_from=0)
        assert {row["zone"]: row["people"] for row in database.query("SELECT * FROM zone")} == (
            before.people.inside
        )


def pruned(folder: Path, story: History, *, as_a_whole: bool) -> int:
    """A closed journal whose first segment is gone, or has its passages no more, and whose second
    keeps alarms and people alone; how many entries are left.
    """
    whole = story.journal
    with closing(
        Journal.open(
            folder / "journal",
            site=whole.site,
            edge=whole.edge,
            entropy=lambda _: bytes.fromhex(whole.incarnation),
            utc_us=1,
        )
    ) as journal:
        for first in range(0, PIECES, 200):
            if first:
                assert seal(journal, note, first) is not None
            part = entries(story)[first : first + 200]
            journal.append([Record(n, entry) for n, entry in enumerate(part, first + 1)])
        for seq in (PIECES - 150, PIECES - 100):
            journal.put_snapshot(seq, snapshot(state_after(story, seq)), 7)
        thinnings = [Thinning(journal, 2, (RecordClass.PASSAGES, RecordClass.SYSTEM), PIECES)]
        if as_a_whole:
            drop(journal, 1, PIECES)
        else:
            thinnings.append(Thinning(journal, 1, (RecordClass.PASSAGES,), PIECES))
        for thinning in thinnings:
            while not thinning.step(journal):
                pass
        left = []
        while more := journal.read(len(left) and left[-1].seq + 1, PIECES, 1 << 30, kept=True):
            left += more
    assert 200 < len(left) < (400 if as_a_whole else PIECES)
    return len(left)


def assert_shows_what_is_left(file: Path, story: History, left: int) -> None:
    with to_read(file) as database:
        found = basis(database)
        assert found.at.seq == PIECES
        assert found.reach.state_from == PIECES - 100
        (counted,) = database.query("SELECT sum(entries) AS n FROM tally")
        assert counted["n"] == left
    fold = ViewsFold.resumed(file, story.journal)
    assert_same_as_core(fold.view, story.live)
    fold.close()


@pytest.mark.parametrize("as_a_whole", [True, False])
def test_what_is_pruned_is_counted_no_more_and_the_state_comes_from_the_core(
    as_a_whole: bool, tmp_path: Path
) -> None:
    story = history()
    left = pruned(tmp_path, story, as_a_whole=as_a_whole)

    async def scene(edge: Edge) -> None:
        async with edge.following():
            await edge.followed()

    run(tmp_path, scene)
    assert_shows_what_is_left(tmp_path / VIEWS_FILE, story, left)


@pytest.mark.parametrize("as_a_whole", [True, False])
def test_a_closed_journal_of_which_much_is_pruned_is_reported_on_as_well(
    as_a_whole: bool, tmp_path: Path
) -> None:
    story = history()
    left = pruned(tmp_path, story, as_a_whole=as_a_whole)
    with opened_closed(tmp_path / "journal") as journal:
        brought_up(tmp_path / VIEWS_FILE, story.journal, journal, lambda *_: None).close()
    assert_shows_what_is_left(tmp_path / VIEWS_FILE, story, left)


def test_rows_that_were_counted_before_something_was_pruned_stay(tmp_path: Path) -> None:
    story = history()
    fold_whole(story, tmp_path / VIEWS_FILE)
    whole = rows(tmp_path / VIEWS_FILE)
    pruned(tmp_path, story, as_a_whole=True)

    async def scene(edge: Edge) -> None:
        async with edge.following():
            await edge.followed()

    run(tmp_path, scene)
    assert rows(tmp_path / VIEWS_FILE) == whole
