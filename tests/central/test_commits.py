"""Batches that wait together are stored by one commit, and a bad one takes none along."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from central import backlog
from central.archive import Receipt
from central.archive_sqlite import SqliteArchive
from central.collector import STORED_AT_ONCE
from central.findings import ArchiveFailing, BatchRefused, EdgeSeen, Finding
from drivers.mqtt_link import Session
from edge import wire
from edge.topics import Topics
from simulators.broker_process import BrokerProcess
from tests.central.rig import EDGE, SITE, record, running_central, until
from tests.drivers.mqtt import Rig, connected, running

ANOTHER = "annex"
TOPICS, OTHER, INCARNATION = Topics(SITE, EDGE), Topics(SITE, ANOTHER), "0" * 16


def batch(first: int, count: int = 1, reason: str = "out of turn", edge: str = EDGE) -> bytes:
    seqs = range(first, first + count)
    made = [record(INCARNATION, seq, edge=edge, reason=reason) for seq in seqs]
    sent = tuple(wire.SentEntry(entry=one.entry.decode(), personal=one.personal) for one in made)
    return wire.encode_batch(wire.Batch(incarnation=INCARNATION, first=first, entries=sent))


class Held(SqliteArchive):
    """Holds its first commit back until it is let go, and counts the entries of each."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sizes: list[int] = []
        self.let_go = threading.Event()

    def store(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        self.sizes.append(len(batch.entries))
        assert self.let_go.wait(30)
        return super().store(site, edge, batch)


@contextlib.asynccontextmanager
async def waiting(
    port: int, archive: Held, payloads: list[bytes], between: bytes = b""
) -> AsyncIterator[tuple[list[Finding], Callable[[], list[int]]]]:
    """A central that has all of them, the first being stored; and how far it has acknowledged.

    `between` them stands a batch of another edge.
    """
    async with (
        running_central(Path(), port, open_archive=lambda: archive) as found,
        running(Rig(port), Session(filters=(TOPICS.journal_ack,))) as rig,
    ):
        await connected(rig)
        rig.say(payloads[0], topic=TOPICS.journal)
        await until(lambda: len(archive.sizes) == 1, "the first is at the archive")
        for payload in payloads[1:]:
            await until(lambda: rig.link.outstanding < 100, "room on the wire")
            rig.say(payload, topic=TOPICS.journal)
            if between:
                rig.say(between, topic=OTHER.journal)
        # Heard at once, so that whatever came before it waits.
        birth = wire.Status(alive=True, incarnation=INCARNATION, boot=0, number=1, version="t")
        rig.say(wire.encode_status(birth), topic=TOPICS.status)
        await until(lambda: any(isinstance(f, EdgeSeen) for f in found), "all are there")
        archive.let_go.set()
        yield found, lambda: [wire.decode_ack(payload).stored_up_to for payload in rig.payloads]


def test_what_waits_and_follows_is_stored_by_one_commit(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def story() -> None:
        archive = Held(tmp_path / "archive.db")
        others = [batch(2), batch(3), b"{", batch(4), batch(6), batch(5)]
        async with waiting(mosquitto.port, archive, [batch(1), *others]) as (_, acks):
            await until(lambda: acks()[-1:] == [6], "all are acknowledged")
            assert archive.sizes == [1, 2, 1, 1, 1]
            assert acks() == [1, 3, 4, 4, 6]

    asyncio.run(story())


def test_what_another_edge_sent_between_does_not_part_them(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def story() -> None:
        archive, payloads = Held(tmp_path / "archive.db"), [batch(seq) for seq in range(1, 6)]
        other = batch(1, edge=ANOTHER)
        async with waiting(mosquitto.port, archive, payloads, other) as (_, acks):
            await until(lambda: acks()[-1:] == [5], "all are acknowledged")
            assert acks() == [1, 5]
            await until(lambda: archive.sizes == [1, 4, 1, 1, 1, 1], "and the other's")

    asyncio.run(story())


def test_a_commit_does_not_grow_without_end(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    async def story() -> None:
        archive, full = Held(tmp_path / "archive.db"), wire.BATCH_ENTRIES_MAX
        payloads = [batch(first, full) for first in range(1, 10 * full, full)]
        async with waiting(mosquitto.port, archive, payloads) as (_, acks):
            await until(lambda: acks()[-1:] == [10 * full], "all are acknowledged")
            assert archive.sizes == [full, STORED_AT_ONCE, STORED_AT_ONCE, full]

    asyncio.run(story())


def test_however_much_waits_an_edge_is_heard_at_once(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """More than forty edges have on their way: `waiting` sees a status that comes behind it."""

    async def story() -> None:
        archive, payloads = Held(tmp_path / "archive.db"), [batch(seq) for seq in range(1, 351)]
        async with waiting(mosquitto.port, archive, payloads) as (found, acks):
            assert archive.sizes == [1]
            await until(lambda: acks()[-1:] == [350], "and then all is acknowledged")
            assert not any(isinstance(one, ArchiveFailing) for one in found)

    asyncio.run(story())


def test_what_there_is_no_room_for_is_left_out_and_told_once(
    tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        archive, size = Held(tmp_path / "archive.db"), len(batch(1))
        monkeypatch.setattr(backlog, "BYTES_MAX", 5 * size)
        payloads = [batch(seq) for seq in range(1, 10)]
        async with waiting(mosquitto.port, archive, payloads) as (found, acks):
            await until(lambda: acks()[-1:] == [6], "the first and five that waited")
            told = [one.reason for one in found if isinstance(one, ArchiveFailing)]
            assert [one.partition(":")[0] for one in told] == ["more comes in than it stores"]
            assert archive.mark(SITE, EDGE, INCARNATION).seq == 6

    asyncio.run(story())


def test_a_fork_among_them_takes_none_along_and_is_told_once(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def story() -> None:
        archive = Held(tmp_path / "archive.db")
        archive.let_go.set()
        archive.store(SITE, EDGE, wire.decode_batch(batch(3, reason="another")))
        archive.let_go.clear()
        archive.sizes.clear()
        payloads = [batch(1), batch(2), batch(3), batch(4)]
        async with waiting(mosquitto.port, archive, payloads) as (found, acks):
            await until(lambda: acks()[-1:] == [4], "the last is acknowledged")
            assert archive.sizes == [1, 3, 1, 1, 1]
            told = [finding for finding in found if isinstance(finding, BatchRefused)]
            assert [finding.fork for finding in told] == [True]

    asyncio.run(story())
