"""The edge says how large its journal is, and hears at the start whether it was larger."""

import asyncio
import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.witness import NAME
from controller import events as ev
from controller.checkpoint import Checkpoint, checkpoint_of, log_name
from controller.ids import ReaderId
from controller.merkle import EMPTY
from edge.app import opened as opened_edge
from edge.checkpoints import EVERY_S, Checkpointer
from edge.clock import boot_time
from edge.journal import Record
from edge.journal.checkpoints import Kept
from edge.journal.writer import JournalWriter
from edge.journal_keys import KEY_FILE, JournalKey, KeyRing, journal_key
from edge.notes import Algorithm, NoteKey, cosignature, opened, signed
from edge.safe_mode import Run
from edge.signatures import SigningKey
from policies.facts import Mode
from tests.central.rig import record
from tests.edge.checks import ready, stalled_disk, without_a_journal
from tests.edge.house import House, bodies, posture, running, until
from tests.golden.examples import EXAMPLES

WITNESS = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\7" * 32))
DAY_US = 1_795_000_000_000_000


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def entry(writer: JournalWriter, seq: int, body: ev.Body) -> Record:
    header = ev.Header(
        site=writer.site,
        edge=writer.edge,
        incarnation=writer.incarnation,
        seq=seq,
        kind=ev.kind_of(type(body)),
        utc_us=DAY_US,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )
    return Record(seq, ev.encode(ev.Event(header=header, body=body)))


def _ring(successor: SigningKey | None = None) -> KeyRing:
    own = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    return KeyRing(JournalKey(own, successor=successor))


async def _journal(folder: Path) -> JournalWriter:
    return await JournalWriter.open(
        folder, site="embassy-vienna", edge="gate-1", entropy=lambda n: b"\1" * n, utc_us=1
    )


def test_the_size_is_said_each_minute_and_at_once_where_it_matters(tmp_path: Path) -> None:
    async def run() -> None:
        writer = await _journal(tmp_path / "j")
        taken: list[Kept] = []
        arrived = asyncio.Event()

        def take(kept: Kept) -> None:
            taken.append(kept)
            arrived.set()

        checkpoints = Checkpointer(writer, _ring(), lambda: DAY_US, take)
        task = asyncio.create_task(checkpoints.run())
        await asyncio.wait_for(arrived.wait(), 10)
        arrived.clear()
        quiet = [record(writer.incarnation, seq) for seq in range(1, 11)]
        await writer.append(quiet)
        checkpoints.committed(quiet)
        await asyncio.sleep(0.05)
        assert [kept.size for kept in taken] == [0], "nothing of note"
        urgent = entry(writer, 11, ev.ReaderTampered(reader=ReaderId("r"), tampered=True))
        await writer.append([urgent])
        checkpoints.committed([urgent])
        await asyncio.wait_for(arrived.wait(), 10)
        assert [kept.size for kept in taken] == [0, 11]
        for kept in taken:
            said = checkpoint_of(opened(kept.note, checkpoints.key))
            assert (said.size, said.root) == (kept.size, kept.frontier.root)
            assert said.origin == log_name(writer.site, writer.edge, writer.incarnation)
        task.cancel()
        await writer.close()

    asyncio.run(run())


def test_every_kind_that_matters_is_signed_at_once_and_no_other(tmp_path: Path) -> None:
    async def run() -> None:
        writer = await _journal(tmp_path / "j")
        arrived: asyncio.Queue[Kept] = asyncio.Queue()
        checkpoints = Checkpointer(writer, _ring(), lambda: DAY_US, arrived.put_nowait)
        task = asyncio.create_task(checkpoints.run())
        async with asyncio.timeout(60):
            assert (await arrived.get()).size == 0

            async def happens(kind: str) -> int:
                one = entry(writer, writer.last_seq + 1, EXAMPLES[kind])
                await writer.append([one])
                checkpoints.committed([one])
                return one.seq

            for kind in sorted(EXAMPLES.keys() - ev.URGENT):
                await happens(kind)
            for kind in sorted(ev.URGENT):
                seq = await happens(kind)
                # One for a quiet kind would be smaller, and come first.
                assert (await arrived.get()).size == seq, kind
        task.cancel()
        await writer.close()

    asyncio.run(run())


def test_what_happens_while_nothing_can_be_written_is_signed_as_soon_as_it_is(
    house: House,
) -> None:
    """Nobody hears of it as of what was committed: it was kept in memory."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            free, stalled = await without_a_journal(edge)
            posture(edge, Mode.LOCKDOWN)
            free.set()
            await stalled
            await until(edge, ev.JournalRestored)
            last = edge.daemon.writer.last_seq
            async with asyncio.timeout(EVERY_S / 3):
                while (await edge.daemon.writer.said(None))[-1].size < last:
                    await asyncio.sleep(0.05)

    asyncio.run(run())


def test_a_rotation_whose_record_may_be_lost_is_recorded_once_more(tmp_path: Path) -> None:
    """The record came while there was no disk, and what is kept in memory has an end."""

    async def run() -> None:
        writer = await _journal(tmp_path / "j")
        ring = _ring(successor=SigningKey(Ed25519PrivateKey.from_private_bytes(b"\2" * 32)))
        asked: list[str] = []
        ring.record = lambda key, _: asked.append(key)
        checkpoints = Checkpointer(writer, ring, lambda: DAY_US, lambda _: None)
        for _ in range(2):
            assert await checkpoints.take()
        assert len(asked) == 1, "once, where nothing fails"
        checkpoints.committed([entry(writer, 1, EXAMPLES["journal-restored"])])
        assert await checkpoints.take()
        assert len(asked) == 2
        checkpoints.committed([entry(writer, 1, EXAMPLES["journal-key-rotated"])])
        checkpoints.committed([entry(writer, 1, EXAMPLES["journal-restored"])])
        assert await checkpoints.take()
        assert len(asked) == 2, "it is on disk"
        await writer.close()

    asyncio.run(run())


def test_a_key_that_cannot_be_used_keeps_no_door_shut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = journal_key(tmp_path)
    assert not first.of_this_run
    assert journal_key(tmp_path).key.public == first.key.public
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / KEY_FILE).write_text("nonsense")
    with caplog.at_level(logging.ERROR):
        other = journal_key(tmp_path)
    assert other.of_this_run
    assert other.key.public != first.key.public
    assert "key of this run alone" in caplog.text
    assert journal_key(tmp_path / "no such folder").of_this_run


def test_the_witness_never_sees_a_key_of_one_run(house: House) -> None:
    """It would believe that one, and no other any more."""
    witness = NoteKey(NAME, WITNESS.public, Algorithm.WITNESS)
    with (house.folder / "site.toml").open("a") as site:
        site.write(f'\n[broker]\nhost = "127.0.0.1"\nport = 1\nwitness = "{witness.text}"\n')
    (house.folder / "state").mkdir(exist_ok=True)

    async def one_run() -> bytes | None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            await edge.checkpoints.take()
            assert edge.uplink is not None
            assert edge.uplink.witnessed.due(0) == (not lost)
            return await edge.uplink.witnessed.message(0) if not lost else None

    lost = False
    assert asyncio.run(one_run())
    (house.folder / "state" / KEY_FILE).write_text("")
    lost = True
    asyncio.run(one_run())


def test_a_stop_does_not_wait_for_a_disk_that_hangs(house: House) -> None:
    async def run() -> None:
        began = Run(house.folder / "state", boot_time)
        async with house.line(), opened_edge(house.config(), began) as edge:
            task = asyncio.create_task(edge.run())
            await until(edge, ev.EdgeReady)
            free, stalled = await stalled_disk(edge)
            edge.daemon.stop()
            await task
            assert not stalled.done(), "it hangs still"
            free.set()
            await stalled

    asyncio.run(run())


def test_an_edge_whose_journal_was_cut_says_so_at_the_start(house: House) -> None:
    """As the witness's line in the state folder tells, without broker and central."""
    witness = NoteKey(NAME, WITNESS.public, Algorithm.WITNESS)
    with (house.folder / "site.toml").open("a") as site:
        site.write(f'\n[broker]\nhost = "127.0.0.1"\nport = 1\nwitness = "{witness.text}"\n')

    async def one_run() -> list[ev.Body]:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            assert edge.uplink is not None
            await edge.uplink.look_back()  # once more than by itself
            await edge.daemon.recorder.drained()
            return list(await bodies(edge, ev.JournalDoubted))

    async def witnessed(size: int) -> None:
        """What central would have sent back for a journal of that size."""
        folder = house.folder / "state"
        own = journal_key(folder).key
        writer = await JournalWriter.open(
            folder / "journal", site="house", edge="gate", entropy=bytes, utc_us=1
        )
        name = log_name(writer.site, writer.edge, writer.incarnation)
        root = await writer.root_at(min(size, writer.last_seq)) or EMPTY.root
        text = Checkpoint(name, size, root).text
        note = signed(text, name, own)
        kept = await writer.checkpoint(lambda _: note, DAY_US)
        await writer.note_cosigned(kept.size, note + cosignature(text, NAME, WITNESS, 1))
        await writer.close()

    assert asyncio.run(one_run()) == []
    asyncio.run(witnessed(10))
    assert asyncio.run(one_run()) == [], "what is still there"
    asyncio.run(witnessed(10_000))
    (doubt,) = asyncio.run(one_run())
    assert isinstance(doubt, ev.JournalDoubted)
    assert doubt.witnessed == 10_000
    assert len(asyncio.run(one_run())) == 1, "once"


def test_a_running_edge_judges_what_it_signed_by_its_own_key(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            assert await edge.checkpoints.take()
            report = await edge.desk.verify(lambda *_: None)
            assert report.sound
            assert report.checkpoints >= 1
            assert report.key == edge.checkpoints.key.text

    asyncio.run(run())
