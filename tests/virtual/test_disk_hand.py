"""The journal's hand in virtual time: the work of the real thread, at moments that are known."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from edge.journal import (
    Journal,
    JournalClosed,
    JournalFailed,
    JournalInUse,
    JournalWriter,
    RecordRefused,
)
from simulators.virtual.disk import Disk
from simulators.virtual.hand import Latency, VirtualHand, disk_latency
from simulators.virtual.loop import run, virtual_loop
from tests.edge.journal.support import EDGE, SITE, entropy, read_all, record
from tests.virtual.disks import FOLDER, assert_sound, disk_of, journal_on, made, strike_at

KNOWN = made(1, 400)


def steady() -> tuple[float, float]:
    """Done after a second, told after another."""
    return 1.0, 1.0


async def opened(disk: Disk, latency: Latency = steady) -> JournalWriter:
    return await JournalWriter.open(
        FOLDER,
        site=SITE,
        edge=EDGE,
        entropy=entropy,
        utc_us=1,
        disk=disk,
        hand=VirtualHand(latency),
    )


def commits_of(disk: Disk) -> list[list[int]]:
    """Fills with the numbers of each commit's entries."""
    commits: list[list[int]] = []

    def committed(_path: Path, rows: list[tuple[int, ...]]) -> None:
        commits.append([row[0] for row in rows])

    disk.committed = committed
    return commits


def on_disk(seed: int, main: Callable[[Disk], Coroutine[object, object, None]]) -> None:
    with disk_of(seed) as disk:
        run(main(disk))


def test_the_sql_comes_inside_the_latency_and_the_answer_at_its_end(seed: int) -> None:
    async def main(disk: Disk) -> None:
        loop = virtual_loop()
        journal = await opened(disk)
        assert loop.time() == 2.0
        commits = commits_of(disk)
        waiting = journal.submit(KNOWN[:3])
        await asyncio.sleep(0.999)
        assert (commits, journal.last_seq, journal.waiting) == ([], 0, 3)
        await asyncio.sleep(0.002)
        assert (commits, journal.last_seq, waiting.done()) == ([[1, 2, 3]], 3, False)
        await waiting
        assert (loop.time(), journal.waiting, journal.idle) == (4.0, 0, True)
        await journal.close()
        assert loop.time() == 6.0

    on_disk(seed, main)


def test_what_waits_while_one_commit_runs_goes_into_the_next(seed: int) -> None:
    async def main(disk: Disk) -> None:
        journal = await opened(disk)
        commits = commits_of(disk)
        waiting = [journal.submit(KNOWN[:1])]
        await asyncio.sleep(0.5)
        waiting += [journal.submit([one]) for one in KNOWN[1:40]]
        read = asyncio.ensure_future(journal.read(1, 100, 1_000_000))
        await asyncio.sleep(0)
        waiting += [journal.submit([one]) for one in KNOWN[40:50]]
        assert len(await read) == 40, "in the order of the asking"
        await asyncio.gather(*waiting)
        assert commits == [[1], list(range(2, 41)), list(range(41, 51))]
        with pytest.raises(RecordRefused):
            await journal.append([record(7)])
        await journal.close()
        with pytest.raises(JournalClosed):
            journal.submit(KNOWN[50:51])

    on_disk(seed, main)


@pytest.mark.parametrize(
    ("killed_s", "last_seq"), [(2.5, 2), (3.5, 3)], ids=["before the commit", "before the answer"]
)
def test_a_kill_falls_before_the_commit_or_between_it_and_the_answer(
    seed: int, killed_s: float, last_seq: int
) -> None:
    async def main(disk: Disk) -> None:
        loop = virtual_loop()
        said: list[str] = []

        async def process() -> None:
            journal = await opened(disk, lambda: (0.5, 0.5))
            await journal.append(KNOWN[:2])
            journal._hand._latency = steady  # type: ignore[attr-defined]
            said.append("appends")
            await journal.append(KNOWN[2:3])
            said.append("acknowledged")

        task = loop.spawn("edge", process(), name="edge")
        await asyncio.sleep(killed_s)
        loop.kill("edge")
        await asyncio.sleep(10)
        assert (said, task.done()) == (["appends"], False)
        with pytest.raises(JournalInUse):
            journal_on(disk)
        disk.fence()
        with closing(journal_on(disk)) as journal:
            assert journal.last_seq == last_seq
            assert_sound(journal, KNOWN)
            missing = journal.reconcile(KNOWN[2:3])
            assert len(missing) == 3 - last_seq

    on_disk(seed, main)


def test_an_opening_that_fails_is_told_in_its_time(seed: int) -> None:
    async def main(disk: Disk) -> None:
        with closing(journal_on(disk)), pytest.raises(JournalInUse):
            await opened(disk)
        assert virtual_loop().time() == 2.0
        journal = await opened(disk)
        await journal.append(KNOWN[:1])

    on_disk(seed, main)


def test_nobody_waits_for_a_hand_that_met_a_bug(seed: int) -> None:
    def bug(_: Journal) -> None:
        raise ZeroDivisionError

    async def main(disk: Disk) -> None:
        met: list[object] = []
        virtual_loop().set_exception_handler(lambda _, context: met.append(context["exception"]))
        journal = await opened(disk)
        lost = [asyncio.ensure_future(journal._call(bug)), asyncio.ensure_future(journal.close())]
        for one in await asyncio.gather(*lost, return_exceptions=True):
            assert isinstance(one, JournalFailed)
        assert [type(one) for one in met] == [ZeroDivisionError]
        with pytest.raises(JournalFailed, match="restart the edge"):
            journal.submit(KNOWN[:1])

    on_disk(seed, main)


async def _appended(journal: JournalWriter, first: int, count: int) -> str:
    """Append as the daemon does after a failure; what became of the first try."""
    records = KNOWN[first : first + count]
    try:
        await journal.append(records)
    except JournalFailed:
        pass
    else:
        return "stored"
    while True:
        try:
            await journal.reopen()
            missing = await journal.reconcile(records)
            await journal.append(missing)
        except JournalFailed:
            continue
        return "was not there" if missing else "was there"


def test_failed_syncs_leave_no_entry_twice_and_none_out(seed: int) -> None:
    outcomes = Counter[str]()

    async def main(disk: Disk) -> None:
        chance = Random(disk.chance.random())
        journal = await opened(disk, disk_latency(disk, chance))
        last = 0
        while last < 60:
            if chance.random() < 0.3:
                disk.syncs_to_fail = chance.randint(1, 4)
            count = chance.randint(1, 4)
            outcomes[await _appended(journal, last, count)] += 1
            last += count
        assert (await journal.verify()).sound
        disk.power_cut()
        with closing(journal_on(disk, create=False)) as after:
            assert read_all(after) == KNOWN[:last]

    for at in range(20):
        on_disk(seed + at, main)
    assert min(outcomes[name] for name in ("stored", "was there", "was not there")) > 5, outcomes


def test_a_power_cut_in_a_commit_loses_nothing_that_was_told(seed: int) -> None:
    async def main(disk: Disk) -> None:
        loop = virtual_loop()
        chance = Random(disk.chance.random())
        told = 0

        async def process() -> None:
            nonlocal told
            journal = await opened(disk, disk_latency(disk, chance))
            last = journal.last_seq
            while True:
                await journal.append(KNOWN[last : last + 2])
                told = last = last + 2

        def cut(life: int) -> None:
            disk.power_cut()
            loop.kill(life)

        for life in range(4):
            loop.spawn(life, process(), name="edge")
            await asyncio.sleep(0.01)
            strike_at(disk, chance.randint(1, 3), lambda life=life: cut(life), only="sync")
            await asyncio.sleep(1.0)
            with closing(journal_on(disk)) as journal:
                assert told <= journal.last_seq <= told + 2
                assert_sound(journal, KNOWN)

    for at in range(20):
        on_disk(seed + at, main)


def test_a_slow_disk_is_slow(seed: int) -> None:
    with disk_of(seed) as disk:
        latency = disk_latency(disk, Random(seed))
        usual = sorted(sum(latency()) for _ in range(1_000))
        disk.slow = True
        slow = sorted(sum(latency()) for _ in range(1_000))
        assert usual[500] < 0.002 < usual[999] < 0.1
        assert slow[500] > 1.0
