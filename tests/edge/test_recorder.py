"""A journal that fails and comes back, on real files: what is told, kept and let through."""

import asyncio
import os
import resource
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from controller import events as ev
from controller.effects import ShowAtReader, Sign
from controller.events import Event, Header, decode_body, decode_entry, kind_of
from controller.ids import EffectId, ReaderId
from edge import recorder
from edge.ballast import BALLAST_BYTES
from edge.journal import JournalFailed, JournalWriter, MemoryRing, Record, Stored, verify_folder
from edge.journal.folder import SEGMENT
from edge.recorder import Recorder
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT, VAULT, House, running, until
from tests.edge.journal.support import open_journal

SITE, EDGE = "vienna", "north"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits at these doors."""
    monkeypatch.setattr(recorder, "RETRY_S", 0.05)


@contextmanager
def files_limited() -> Iterator[None]:
    """No file of this process may become longer than one page: the journal cannot be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Rig:
    """A recorder on a real journal. `told`: what it said, in order; `made`: what was recorded."""

    def __init__(self, writer: JournalWriter) -> None:
        self.writer = writer
        self.told: list[str] = []
        self.committed: list[int] = []
        self.carried: list[str] = []
        self.made: list[Event] = []
        self.room: Callable[[], bool] = lambda: False
        self.recorder = Recorder(
            writer,
            carry=lambda effects: self.carried.extend(e.id for e in effects),
            committed=self._committed,
            failed=lambda reason: self._said("failed", reason),
            recovered=lambda dropped: self._said("recovered", str(dropped)),
            header=lambda seq: self.header(seq, ev.EntryDropped),
            make_room=self._make_room,
        )

    async def _make_room(self) -> bool:
        return self.room()

    def header(self, seq: int, kind: type[ev.Body]) -> Header:
        return Header(
            site=SITE,
            edge=EDGE,
            incarnation=self.writer.incarnation,
            seq=seq,
            kind=kind_of(kind),
            utc_us=seq,
            mono_us=seq,
            clock_trusted=True,
            cause="test",
            policy="p1",
        )

    def happen(self, count: int = 1, *, bytes_each: int = 20) -> None:
        """So many outcomes, each with one event and one effect of the event's number."""
        for _ in range(count):
            seq = len(self.made) + 1
            body = ev.BadgeIgnored(reader=ReaderId("r1"), reason=f"{seq}".ljust(bytes_each, "."))
            event = Event(header=self.header(seq, ev.BadgeIgnored), body=body)
            self.made.append(event)
            effect = ShowAtReader(
                id=EffectId(f"{seq}"),
                cause=seq,
                not_after_us=None,
                drill=False,
                reader=ReaderId("r1"),
                sign=Sign.DENIED,
            )
            self.recorder.record((event,), (effect,))

    async def until(self, word: str, count: int = 1) -> None:
        async with asyncio.timeout(8):
            while sum(line.startswith(word) for line in self.told) < count:
                await asyncio.sleep(0.005)

    async def stored(self) -> list[Stored]:
        await self.recorder.drained()
        found: list[Stored] = []
        while more := await self.writer.read(len(found) + 1, 2_000, 1 << 22):
            found += more
        return found

    def stall(self) -> threading.Event:
        """Keep the journal's thread busy, as a disk does that hangs, until the event is set."""
        free = threading.Event()
        self.tasks = asyncio.ensure_future(self.writer._call(lambda _: free.wait(10)))
        return free

    def _said(self, what: str, more: str) -> None:
        self.told.append(f"{what} {more}")

    def _committed(self, records: Sequence[Record]) -> None:
        self.committed += [record.seq for record in records]


@asynccontextmanager
async def rig_in(folder: Path) -> AsyncIterator[Rig]:
    writer = await JournalWriter.open(folder, site=SITE, edge=EDGE, entropy=os.urandom, utc_us=1)
    rig = Rig(writer)
    task = asyncio.create_task(rig.recorder.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.wait([task])
        await writer.close()
    with pytest.raises(asyncio.CancelledError):
        task.result()


def same(stored: Sequence[Stored], made: Sequence[Event]) -> None:
    """What is on disk is what was made: each once, in order, byte for byte."""
    assert [one.entry for one in stored] == [ev.encode(event) for event in made]


def test_a_disk_that_failed_in_something_else_is_opened_anew_before_anybody_comes(
    tmp_path: Path,
) -> None:
    """Nobody is refused in the morning because an acknowledgement met an error in the night."""

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen(3)
            await rig.recorder.drained()
            with files_limited(), pytest.raises(JournalFailed):
                await rig.writer.put_snapshot(3, bytes(50_000), 1)
            assert rig.writer.stopped
            async with asyncio.timeout(8):
                while rig.writer.stopped:
                    await asyncio.sleep(0.05)
            rig.happen(2)
            same(await rig.stored(), rig.made)
            assert rig.told == []

    asyncio.run(run())


def test_a_failure_is_told_once_and_what_happens_meanwhile_is_written_in_order(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen(3)
            await rig.recorder.drained()
            with files_limited():
                for _ in range(30):
                    rig.happen(10, bytes_each=200)
                    await rig.recorder.drained()
                    await asyncio.sleep(0.005)
                assert [line.split()[0] for line in rig.told] == ["failed"], "told once"
                assert rig.recorder.down
                assert rig.carried == [str(e.header.seq) for e in rig.made], (
                    "whether an effect still stands is not for the recorder to say"
                )
            await rig.until("recovered")
            rig.happen(2)
            same(await rig.stored(), rig.made)
            assert rig.told[1:] == ["recovered 0"]
            assert not rig.recorder.down
            assert rig.committed[-2:] == [304, 305], "from here on they are on disk at once"

    asyncio.run(run())
    assert verify_folder(tmp_path / "j").sound


def test_a_write_that_came_late_after_all_is_neither_doubled_nor_forked(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen()
            await rig.recorder.drained()
            disk = rig.stall()
            rig.happen()
            await rig.until("failed no answer from the disk within 1 s")
            rig.happen(5)
            await rig.recorder.drained()
            assert rig.committed == [1], "nothing is called durable that may not be"
            disk.set()
            await rig.until("recovered 0")
            rig.happen()
            same(await rig.stored(), rig.made)

    asyncio.run(run())
    assert verify_folder(tmp_path / "j").sound


def test_whoever_waits_for_what_was_recorded_is_told_with_a_disk_and_without(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig, asyncio.timeout(8):
            settled = rig.recorder.settled
            rig.happen()
            await settled.wait()
            assert rig.committed == [1]
            settled, disk = rig.recorder.settled, rig.stall()
            rig.happen()
            await settled.wait()
            assert rig.recorder.down, "not before it is known where the entry is"
            settled = rig.recorder.settled
            assert not settled.is_set()
            rig.happen()
            await settled.wait()
            assert rig.committed == [1], "in memory alone"
            disk.set()
            await rig.until("recovered 0")

    asyncio.run(run())


def test_an_effect_waits_for_its_own_entry_and_no_longer(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            disk = rig.stall()
            rig.happen()
            await asyncio.sleep(0.1)
            rig.happen()
            assert rig.carried == [], "not before the disk"
            disk.set()
            await rig.recorder.drained()
            assert rig.carried == ["1", "2"]
            assert rig.committed == [1, 2]

    asyncio.run(run())


def test_a_process_that_stood_still_does_not_blame_the_disk(tmp_path: Path) -> None:
    """The write ends in time; only this process sees it late."""

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen()
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the write is under way
            threading.Event().wait(recorder.COMMIT_WITHIN_S + 0.2)
            await rig.recorder.drained()
            assert rig.told == []
            assert rig.committed == [1]

    asyncio.run(run())


def test_what_does_not_fit_into_memory_leaves_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MemoryRing", lambda: MemoryRing(entries_max=10))

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen()
            await rig.recorder.drained()
            with files_limited():
                while not rig.recorder.down:
                    rig.happen(10)
                    await rig.recorder.drained()
                unknown = len(rig.made)
                rig.happen(30)
                await rig.recorder.drained()
            await rig.until("recovered")
            rig.happen()
            stored = await rig.stored()
            assert [one.seq for one in stored] == list(range(1, len(rig.made) + 1)), "no gap"
            dropped = [
                one.seq
                for one in stored
                if isinstance(decode_body(decode_entry(one.entry)), ev.EntryDropped)
            ]
            assert len(dropped) == 30, "ten fit"
            assert rig.told[-1] == "recovered 30"
            assert set(dropped) <= set(range(unknown - 9, unknown + 31))
            kept = [one for one in stored if one.seq not in dropped]
            same(kept, [e for e in rig.made if e.header.seq not in dropped])

    asyncio.run(run())
    assert verify_folder(tmp_path / "j").sound


def test_entries_that_come_while_it_catches_up_follow_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commits and the catching up are two tasks: whoever is first, numbers stay in order."""
    monkeypatch.setattr(recorder, "RECOVER_RECORDS", 7)

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            for outage in range(1, 6):
                disk = rig.stall()
                rig.happen()
                await rig.until("failed", outage)
                rig.happen(40)
                disk.set()
                while rig.recorder.down:
                    rig.happen(1)
                    await asyncio.sleep(0.001)
                rig.happen(3)
                await rig.recorder.drained()
            same(await rig.stored(), rig.made)
            words = [line.split()[0] for line in rig.told]
            assert words == ["failed", "recovered"] * 5

    monkeypatch.setattr(recorder, "COMMIT_WITHIN_S", 0.2)
    asyncio.run(run())
    assert verify_folder(tmp_path / "j").sound


def test_what_was_kept_is_told_once_it_is_on_disk_like_all_that_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "COMMIT_WITHIN_S", 0.2)

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen(3)
            await rig.recorder.drained()
            disk = rig.stall()
            rig.happen(2)
            await rig.until("failed")
            rig.happen(5)
            await rig.recorder.drained()
            assert rig.committed == [1, 2, 3]
            disk.set()
            await rig.until("recovered")
            assert rig.committed == list(range(1, 11))
            rig.happen(1)
            await rig.recorder.drained()
            assert rig.committed == list(range(1, 12))

    asyncio.run(run())


def test_all_that_waits_at_once_is_not_one_commit(tmp_path: Path) -> None:
    """The write-ahead log keeps the size that it once had until the journal is closed."""

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen(6_000, bytes_each=2_000)
            await rig.recorder.drained()
            assert (tmp_path / "j" / f"{SEGMENT}-wal").stat().st_size <= BALLAST_BYTES / 4
            same(await rig.stored(), rig.made)

    asyncio.run(run())


def test_a_wrong_card_in_the_slot_is_waited_out(tmp_path: Path) -> None:
    """The storage comes back with another journal; somebody notices and puts the right one in."""
    right = tmp_path / "j" / SEGMENT
    open_journal(tmp_path / "other").close()
    wrong = (tmp_path / "other" / SEGMENT).read_bytes()

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            rig.happen()
            await rig.recorder.drained()
            with files_limited():
                rig.happen(100, bytes_each=500)
                await rig.until("failed")
                segment = right.read_bytes()
                log = Path(f"{right}-wal").read_bytes() if Path(f"{right}-wal").exists() else None
                right.unlink()
                Path(f"{right}-wal").unlink(missing_ok=True)
            right.write_bytes(wrong)
            await asyncio.sleep(0.2)
            assert rig.recorder.down, "another journal is not written to"
            assert right.read_bytes() == wrong
            right.write_bytes(segment)
            if log is not None:
                Path(f"{right}-wal").write_bytes(log)
            await rig.until("recovered 0")
            same(await rig.stored(), rig.made)

    asyncio.run(run())


def test_a_stop_tries_once_more_to_write_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 60.0)

    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            with files_limited():
                rig.happen(100, bytes_each=500)
                await rig.until("failed")
            await rig.recorder.retry()
            same(await rig.stored(), rig.made)

    asyncio.run(run())


def test_drained_does_not_wait_for_a_disk_that_is_gone(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig_in(tmp_path / "j") as rig:
            disk = rig.stall()
            rig.happen(10)
            async with asyncio.timeout(recorder.COMMIT_WITHIN_S + 0.5):
                await rig.recorder.drained()
            assert rig.recorder.down
            disk.set()
            await rig.until("recovered")
            assert len(rig.recorder._kept) == 0, "what is on disk is kept nowhere else"

    asyncio.run(run())


# --- with the doors -----------------------------------------------------------------------------


def test_without_a_disk_nobody_enters_and_everybody_leaves(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            granted_before = len(house.opened_at(VAULT))
            free = threading.Event()
            stalled = asyncio.ensure_future(edge.daemon.writer._call(lambda _: free.wait(20)))
            house.badge("front-in", ADA)
            house.badge("vault-out", ADA)
            async with asyncio.timeout(5):
                while len(house.opened_at(VAULT)) == granted_before:
                    await asyncio.sleep(0.01)
            assert edge.daemon.recorder.down
            await asyncio.sleep(0.3)
            assert house.opened_at(FRONT) == [], "entry is withdrawn: its entry is on no disk"
            free.set()
            await stalled
            (restored,) = await until(edge, ev.JournalRestored)
            assert isinstance(restored, ev.JournalRestored)
            ended = [e.outcome for e in await until(edge, ev.EffectEnded, 4)]
            assert "withdrawn" in ended, "and the withdrawal is recorded"
            assert await until(edge, ev.JournalLost)
            house.badge("front-in", ADA)
            async with asyncio.timeout(5):
                while not house.opened_at(FRONT):
                    await asyncio.sleep(0.01)

    asyncio.run(run())
    assert verify_folder(tmp_path / "state" / "journal").sound


def test_after_a_loss_the_state_is_on_disk_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fire's latch may be among what did not fit: it must not be replayed out of the gap."""
    monkeypatch.setattr(recorder, "MemoryRing", lambda: MemoryRing(entries_max=1))
    house = House(tmp_path)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            free = threading.Event()
            stalled = asyncio.ensure_future(edge.daemon.writer._call(lambda _: free.wait(20)))
            house.badge("front-in", ADA)
            house.badge("front-in", ADA)
            async with asyncio.timeout(5):
                while not edge.daemon.recorder.down:
                    await asyncio.sleep(0.01)
            house.board.set_input(3, False)
            async with asyncio.timeout(5):
                while house.board.outputs[VAULT]:
                    await asyncio.sleep(0.01)
            free.set()
            await stalled
            await until(edge, ev.EntryDropped)
            async with asyncio.timeout(5):
                while (newest := await edge.daemon.writer.newest_snapshot()) is None:
                    await asyncio.sleep(0.01)
            assert b'"latched":true' in newest.state

    asyncio.run(run())
