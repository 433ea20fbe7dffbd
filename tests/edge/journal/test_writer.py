"""The thread: groups, order, and what is said when."""

import asyncio
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from edge.journal import (
    AckRefused,
    Journal,
    JournalClosed,
    JournalFailed,
    JournalForked,
    JournalInUse,
    JournalMissing,
    JournalShrank,
    JournalStalled,
    JournalWriter,
    RecordRefused,
    verify_folder,
    writer,
)
from tests.edge.journal.support import (
    INCARNATION,
    by_hand,
    entropy,
    open_journal,
    read_all,
    record,
    records,
    segment,
)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[JournalWriter]:
    journal = await JournalWriter.open(
        folder, site="vienna", edge="north", entropy=entropy, utc_us=0
    )
    try:
        yield journal
    finally:
        await journal.close()


async def on_thread(journal: JournalWriter, function: Callable[[Journal], object]) -> object:
    """Something done to the journal where only its own thread may."""
    return await journal._call(function)


def full(journal: Journal) -> None:
    """From now on SQLite says that the disk is full."""
    journal.connection.execute("PRAGMA max_page_count = 1").fetchall()


def copy(folder: Path, name: str) -> None:
    """What the disk holds now, under `name`, by another process: reading the files in this one
    would drop SQLite's locks on them.
    """
    subprocess.run(["cp", "-a", folder, folder.parent / name], check=True)


def put_back(folder: Path, name: str) -> None:
    for path in folder.iterdir():
        path.unlink()
    for path in (folder.parent / name).iterdir():
        path.rename(folder / path.name)


def run(main: Coroutine[object, object, None]) -> None:
    asyncio.run(main)


def test_appends_that_wait_for_one_commit_share_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            said: list[str] = []
            await on_thread(journal, lambda one: one.connection.set_trace_callback(said.append))
            busy = threading.Event()
            held = asyncio.ensure_future(on_thread(journal, lambda _: busy.wait(10)))
            await asyncio.sleep(0)
            waiting = [journal.submit([one]) for one in records(1, 64)]
            assert not any(one.done() for one in waiting)
            busy.set()
            await asyncio.gather(held, *waiting)
            assert said.count("COMMIT") == 1
            await journal.append([record(65)])
            assert said.count("COMMIT") == 2

    run(main())


def test_what_waits_and_what_was_answered_is_known(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            assert (journal.answered, journal.idle, journal.over) == (1, True, False)
            busy = threading.Event()
            held = asyncio.ensure_future(on_thread(journal, lambda _: busy.wait(10)))
            await asyncio.sleep(0)
            refused = journal.submit([record(7)])
            assert (journal.answered, journal.idle) == (1, False)
            busy.set()
            await held
            with pytest.raises(RecordRefused):
                await refused
            assert (journal.answered, journal.idle) == (3, True)

    run(main())


def test_concurrent_producers_make_fewer_commits_than_appends(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            said: list[str] = []
            await on_thread(journal, lambda one: one.connection.set_trace_callback(said.append))
            numbers = iter(range(1, 1_601))

            async def produce() -> None:
                for _ in range(50):
                    await journal.append([record(next(numbers))])

            await asyncio.gather(*(produce() for _ in range(32)))
            assert journal.last_seq == 1_600
            assert said.count("COMMIT") < 800

    run(main())


def test_a_group_wakes_the_loop_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            busy = threading.Event()
            held = asyncio.ensure_future(on_thread(journal, lambda _: busy.wait(10)))
            await asyncio.sleep(0)
            waiting = [journal.submit([one]) for one in records(1, 64)]
            woken: list[object] = []
            loop = asyncio.get_running_loop()
            wake = loop.call_soon_threadsafe

            def count(*arguments: object) -> asyncio.Handle:
                woken.append(arguments)
                return wake(*arguments)  # type: ignore[arg-type]

            monkeypatch.setattr(loop, "call_soon_threadsafe", count)
            busy.set()
            await asyncio.gather(held, *waiting)
            assert len(woken) == 2  # the call that held it, and the group

    run(main())


def test_a_lone_append_waits_for_no_company(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for seq in range(1, 101):
                await journal.append([record(seq)])
            assert loop.time() - begun < 5.0

    run(main())


def test_the_order_is_the_order_of_the_calls(tmp_path: Path) -> None:
    made = records(1, 3_000)

    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            waiting = [journal.submit(made[at : at + 3]) for at in range(0, 3_000, 3)]
            assert journal.waiting == 3_000
            read = await journal.read(2_999, 10, 10_000)
            assert [one.seq for one in read] == [2_999, 3_000]
            assert all(one.done() for one in waiting)
            assert journal.waiting == 0

    run(main())
    with closing(open_journal(tmp_path / "j")) as journal:
        assert read_all(journal) == made


def test_an_append_ends_when_another_reader_of_the_files_can_see_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            for seq in range(1, 6):
                await journal.append([record(seq)])
                copy(tmp_path / "j", f"copy{seq}")
                assert verify_folder(tmp_path / f"copy{seq}").last_seq == seq

    run(main())


def test_one_wrong_append_does_not_harm_those_beside_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            right = journal.submit([record(1)])
            wrong = journal.submit([record(7)])
            next_right = journal.submit([record(2)])
            with pytest.raises(RecordRefused, match="next is 2"):
                await wrong
            await asyncio.gather(right, next_right)
            assert journal.last_seq == 2

    run(main())


def test_a_caller_that_stops_waiting_takes_nothing_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            left = asyncio.create_task(journal.append([record(1)]))
            await asyncio.sleep(0)
            left.cancel()
            await journal.append([record(2)])
            assert journal.last_seq == 2

    run(main())


def test_what_cannot_be_written_in_time_is_not_piled_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_RECORDS_MAX", 10)

    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            busy = threading.Event()
            held = asyncio.ensure_future(on_thread(journal, lambda _: busy.wait(10)))
            await asyncio.sleep(0)
            waiting = journal.submit(records(1, 10))
            with pytest.raises(JournalStalled):
                journal.submit([record(11)])
            busy.set()
            await asyncio.gather(held, waiting)
            await journal.append([record(11)])

    run(main())


def test_a_failure_stops_the_journal_for_all_who_wait(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 5))
            await on_thread(journal, full)
            waiting = [
                journal.submit([record(seq, reason="x" * 300, person="y" * 500)])
                for seq in range(6, 206)
            ]
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(one, JournalFailed) for one in results)
            assert len({id(one) for one in results}) == len(results)
            with pytest.raises(JournalFailed, match="no space is left"):
                await journal.append([record(6)])
            # Failed, not refused: what the numbers continue is not known now.
            with pytest.raises(JournalFailed):
                await journal.append([record(9)])
            with pytest.raises(JournalFailed):
                await journal.read(1, 1, 1)
            with pytest.raises(JournalFailed):
                await journal.set_acked(1, incarnation=INCARNATION)
            back = await journal.reopen()
            assert (back.last_seq, back.restored) == (5, 0)
            pending = records(6, 20)
            assert await journal.reconcile(pending) == tuple(pending)
            await journal.append(pending)
            assert (await journal.verify()).sound
            assert journal.last_seq == 20

    run(main())


async def _fail(journal: JournalWriter) -> None:
    await on_thread(journal, full)
    large = [
        record(journal.last_seq + 1 + n, reason="x" * 300, person="y" * 500) for n in range(200)
    ]
    with pytest.raises(JournalFailed):
        await journal.append(large)


def test_reconciling_tells_what_arrived_from_what_did_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 9))
            pending = records(7, 12)
            assert await journal.reconcile(pending) == tuple(pending[3:])
            with pytest.raises(JournalForked, match="entry 8"):
                await journal.reconcile([record(7), record(8, reason="another")])
            with pytest.raises(JournalShrank, match="ends at 9, but 10 was stored"):
                await journal.reconcile([record(11)])

    run(main())


def test_an_acknowledged_group_that_the_disk_lost_is_put_back(tmp_path: Path) -> None:
    """A sync that races the device's abort can report success for what never arrived."""

    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 5))
            copy(tmp_path / "j", "older")
            await journal.append(records(6, 8))
            head = journal.head
            await _fail(journal)
            put_back(tmp_path / "j", "older")
            back = await journal.reopen()
            assert (back.last_seq, back.head, back.restored) == (8, head, 3)
            assert (await journal.read(6, 9, 10_000))[-1].seq == 8

    run(main())


def test_a_disk_that_lost_more_than_that_is_not_continued(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 5))
            copy(tmp_path / "j", "older")
            await journal.append(records(6, 7))
            await journal.append([record(8)])
            await _fail(journal)
            put_back(tmp_path / "j", "older")
            for _ in range(2):
                with pytest.raises(JournalShrank):
                    await journal.reopen()
                with pytest.raises(JournalFailed):
                    await journal.append([record(9)])

    run(main())


def test_another_history_on_the_disk_is_not_continued(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 5))
            await _fail(journal)
            with by_hand(tmp_path / "j") as raw:
                raw.execute("UPDATE entry SET chain = zeroblob(32) WHERE seq = 5")
            with pytest.raises(JournalForked):
                await journal.reopen()

    run(main())


def test_storage_that_is_gone_never_gets_a_new_journal(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 5))
            await _fail(journal)
            (tmp_path / "j").rename(tmp_path / "gone")
            with pytest.raises(JournalMissing):
                await journal.reopen()
            assert not segment(tmp_path / "j").exists()
            (tmp_path / "gone").rename(tmp_path / "j")
            assert (await journal.reopen()).last_seq == 5

    run(main())


def test_reopening_a_journal_that_works_leaves_it_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            await journal.append(records(1, 5))
            late = journal.submit([record(6)])
            back = await journal.reopen()
            assert (back.last_seq, back.head, back.restored) == (6, journal.head, 0)
            await late

    run(main())


def test_snapshots_acknowledgements_and_verification_go_through_the_thread(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            assert (journal.site, journal.edge, journal.incarnation) == (
                "vienna",
                "north",
                INCARNATION,
            )
            await journal.append(records(1, 1_200))
            await journal.put_snapshot(1_200, b"state", 7)
            newest = await journal.newest_snapshot()
            assert newest is not None
            assert (newest.seq, newest.state) == (1_200, b"state")
            await journal.set_acked(1_000, incarnation=INCARNATION)
            with pytest.raises(AckRefused):
                await journal.set_acked(1_201, incarnation=INCARNATION)
            assert journal.acked == 1_000
            told: list[int] = []
            checking = asyncio.ensure_future(journal.verify(lambda done, _: told.append(done)))
            await asyncio.sleep(0)
            await journal.append([record(1_201)])
            report = await checking
            assert report.sound
            assert (report.entries, report.snapshots, report.personal) == (1_200, 1, 400)
            assert told == [500, 1_000, 1_200]

    run(main())


def test_what_is_queued_before_close_is_stored_and_nothing_after(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "j") as journal:
            waiting = journal.submit(records(1, 5))
            await journal.close()
            await waiting
            with pytest.raises(JournalClosed):
                journal.submit([record(6)])
            with pytest.raises(JournalClosed):
                await journal.read(1, 1, 1)

    run(main())
    assert verify_folder(tmp_path / "j").last_seq == 5


def test_an_opening_that_fails_is_told_and_may_be_repeated(tmp_path: Path) -> None:
    async def main() -> None:
        with closing(open_journal(tmp_path / "j")), pytest.raises(JournalInUse):
            async with opened(tmp_path / "j"):
                pass
        async with opened(tmp_path / "j") as journal:
            await journal.append([record(1)])

    run(main())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_died_of_a_bug(tmp_path: Path) -> None:
    def bug(_: Journal) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        journal = await JournalWriter.open(
            tmp_path / "j", site="vienna", edge="north", entropy=entropy, utc_us=0
        )
        first = asyncio.ensure_future(on_thread(journal, bug))
        await asyncio.sleep(0)
        lost = [first, journal.submit([record(1)])]
        for one in await asyncio.gather(*lost, return_exceptions=True):
            assert isinstance(one, JournalFailed)
        with pytest.raises(JournalFailed, match="restart the edge"):
            journal.submit([record(1)])
        assert journal.over
        assert journal.idle
        with pytest.raises(JournalFailed, match="restart the edge"):
            await journal.close()
        async with opened(tmp_path / "j") as again:
            await again.append([record(1)])

    run(main())
