"""The distributor between its file and a link: what it sends first, and whom it does not know."""

import asyncio
import threading
from pathlib import Path
from typing import NoReturn

from central.archive import Receipt
from central.archive_sqlite import SqliteArchive
from central.distribution import Standing
from central.distributor import OUTSTANDING_MAX, DistributionFailing, Distributor, Told
from central.sets import SetStore
from drivers.mqtt_link import Happening, Publication, Session
from edge import wire
from edge.topics import Topics
from simulators.broker_process import BrokerProcess
from tests.central.rig import EDGE, SITE, running_central, running_edge, until
from tests.mqtt import clients

PEOPLE, POLICY = wire.SetKind.PEOPLE, wire.SetKind.POLICY


class Slow:
    """A link whose wire takes nothing: all that is published is outstanding."""

    connected = True
    waiting = 0

    def __init__(self) -> None:
        self.published: list[wire.RequestPart] = []

    @property
    def outstanding(self) -> int:
        return len(self.published)

    def publish(self, publication: Publication) -> None:
        assert (publication.qos, publication.retain) == (1, False)
        self.published.append(wire.decode_request(publication.payload))

    async def next(self) -> Happening:
        raise AssertionError("nobody reads here")

    async def run(self, session: Session) -> NoReturn:
        raise AssertionError("it runs already")


def status(*, alive: bool) -> wire.Status:
    return wire.Status(alive=alive, incarnation="0" * 16, boot=1, number=1, version="1")


def distributor(folder: Path) -> Distributor:
    return Distributor(lambda: SetStore(folder / "sets.db"), lambda: 1_000_000)


def test_a_small_file_goes_past_a_large_one_that_the_wire_does_not_take(tmp_path: Path) -> None:
    async def run() -> None:
        one, link = distributor(tmp_path), Slow()
        await one.open()
        one.linked(up=True)
        one.seen("house", "gate", status(alive=True))
        await one.give("house", PEOPLE, b"l" * wire.PART_BYTES_MAX * 40, "anna")
        task = asyncio.create_task(one.run(link))
        await until(lambda: link.outstanding >= OUTSTANDING_MAX, "the wire is full")
        await one.give("house", POLICY, b"small", "anna")
        await until(lambda: link.published[-1].kind is POLICY, "the small one is sent")
        assert [part.part for part in link.published[:-1]] == list(range(1, OUTSTANDING_MAX + 1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await one.close()

    asyncio.run(run())


def test_an_edge_that_is_no_more_stays_forgotten_until_it_connects(tmp_path: Path) -> None:
    """The broker keeps its last word, and says it with each connection of ours."""

    async def run() -> None:
        one = distributor(tmp_path)
        await one.open()
        one.seen("house", "gate", status(alive=True))
        one.seen("house", "gate", status(alive=False))
        assert await one.forget("house", "gate")
        assert not await one.forget("house", "gate")
        await one.close()
        again = distributor(tmp_path)
        await again.open()
        again.linked(up=True)
        again.seen("house", "gate", status(alive=False))
        assert again.books.edges == {}
        again.seen("house", "gate", status(alive=True))
        assert list(again.books.edges) == [("house", "gate")]
        await again.close()

    asyncio.run(run())


def test_a_file_that_cannot_be_written_is_told_and_ends_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        one, told = distributor(tmp_path), list[Told]()
        await one.open()
        one.told = told.append
        one._store._connection.execute("PRAGMA query_only = ON")
        one.seen("house", "gate", status(alive=True))
        await until(lambda: bool(told), "told")
        assert isinstance(told[0], DistributionFailing)
        assert "make room" in told[0].reason
        assert list(one.books.edges) == [("house", "gate")]
        one._store._connection.execute("PRAGMA query_only = OFF")
        one.seen("house", "annex", status(alive=True))
        await one.close()
        again = SetStore(tmp_path / "sets.db")
        assert [known.edge for known in again.edges()] == ["annex"]
        again.close()

    asyncio.run(run())


class Held(SqliteArchive):
    """It stores nothing until it may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.storing, self.may = threading.Event(), threading.Event()

    def store(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        self.storing.set()
        assert self.may.wait(60)
        return super().store(site, edge, batch)


def test_an_answer_does_not_wait_behind_batches_that_are_being_stored(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def run() -> None:
        one, archives = distributor(tmp_path), list[Held]()
        await one.open()

        def opening() -> Held:
            archives.append(Held(tmp_path / "archive.db"))
            return archives[0]

        async with (
            running_central(
                tmp_path / "archive.db", mosquitto.port, open_archive=opening, distributor=one
            ),
            running_edge(tmp_path / "journal", mosquitto.port) as edge,
        ):
            await edge.happen(500)
            await until(archives[0].storing.is_set, "a batch is being stored")
            kept = await one.give(SITE, PEOPLE, b"file", "anna")
            ack = wire.RequestAck(
                incarnation=edge.outbox.incarnation,
                kind=PEOPLE,
                set=kept.digest,
                outcome=wire.SetOutcome.APPLIED,
                version=0,
            )
            with clients(mosquitto.port) as make:
                speaker = await asyncio.to_thread(make, "speaker")
                topic = Topics(SITE, EDGE).request_ack
                await asyncio.to_thread(speaker.publish, topic, wire.encode_request_ack(ack))
            book = one.books.edges[SITE, EDGE]
            await until(lambda: book.standing(kept) is Standing.HAS, "the answer is heard")
            assert not archives[0].may.is_set()
            archives[0].may.set()
            await edge.acked(500)
        await one.close()

    asyncio.run(run())
