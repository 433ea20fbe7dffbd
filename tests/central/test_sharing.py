"""Several archivers on one archive: a part for each where the broker shares, all for all elsewhere.

Archivers are processes; each prints what it was the one to store.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from central.archive_sqlite import SqliteArchive
from central.collector import Collector
from central.sharing import WorkShared
from drivers.mqtt_link import Session
from edge import wire
from edge.topics import Topics
from simulators.broker_process import BrokerProcess
from tests.central.rig import (
    EDGE,
    SITE,
    CentralProcess,
    EdgeRig,
    assert_holds,
    record,
    running_central,
    running_edge,
    stored_in,
    until,
)
from tests.central.stores import PostgresStore, SqliteStore, Store
from tests.drivers.mqtt import Rig, connected, running
from tests.nats.cluster import NatsCluster
from tests.postgres import PostgresServer

SHARED = '"finding":"work-shared"'


class Archivers:
    """Two on the same archive; each with a folder for what it prints and for its socket."""

    def __init__(self, port: int, folder: Path, store: Store) -> None:
        self.store = store
        self._port = port
        self.all = [self._one(folder / "one"), self._one(folder / "two")]

    def _one(self, folder: Path) -> CentralProcess:
        folder.mkdir()
        options = ("--archive", self.store.where, "--state", str(folder / "state"))
        return CentralProcess(self._port, folder / "own", *options, "--json", "--share")

    async def ready(self) -> None:
        for archiver in self.all:
            await until(lambda a=archiver: '"ready":true' in a.output, "ready")  # type: ignore[misc]

    def stored(self) -> list[list[int]]:
        """The numbers that each was the one to store."""
        return [
            [int(str(line["seq"])) for line in archiver.json_lines if "stored" in line]
            for archiver in self.all
        ]

    def sharing(self) -> list[bool]:
        return [SHARED in archiver.output for archiver in self.all]


@contextlib.contextmanager
def archivers(port: int, folder: Path, store: Store) -> Iterator[Archivers]:
    both = Archivers(port, folder, store)
    try:
        yield both
        assert [archiver.stop() for archiver in both.all] == [0, 0]
    finally:
        for archiver in both.all:
            archiver.kill()


async def complete(edge: EdgeRig, store: Store) -> None:
    await edge.acked(edge.outbox.last_seq, 30)
    with closing(store.open()) as archive:
        assert_holds(archive, await stored_in(edge.outbox), edge.outbox)
    assert edge.reports == []


@contextlib.asynccontextmanager
async def scene(port: int, folder: Path, store: Store) -> AsyncIterator[tuple[Archivers, EdgeRig]]:
    with archivers(port, folder, store) as both:
        await both.ready()
        async with running_edge(folder / "journal", port) as edge:
            yield both, edge


def test_mosquitto_gives_each_archiver_a_part(
    tmp_path: Path, mosquitto: BrokerProcess, store: Store
) -> None:
    async def story() -> None:
        async with scene(mosquitto.port, tmp_path, store) as (both, edge):
            await until(lambda: all(both.sharing()), "both share")
            await edge.happen(3_000)
            await complete(edge, both.store)
        one, two = both.stored()
        assert sorted(one + two) == list(range(1, 3_001)), "each entry by one of them, once"
        assert min(len(one), len(two)) > 500, "a part for each"

    asyncio.run(story())


def test_an_archiver_that_is_killed_leaves_its_part_to_the_other(
    tmp_path: Path, mosquitto: BrokerProcess, postgres: PostgresServer
) -> None:
    async def story() -> None:
        both = Archivers(mosquitto.port, tmp_path, PostgresStore(postgres.emptied()))
        try:
            await both.ready()
            async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
                await until(lambda: all(both.sharing()), "both share")
                await edge.happen(1_500)
                assert edge.outbox.acked < edge.outbox.last_seq, "something is on its way"
                both.all[0].kill()
                await edge.happen(500)
                await complete(edge, both.store)
        finally:
            assert both.all[1].stop() == 0
            both.all[0].kill()

    asyncio.run(story())


async def everything_at_each(port: int, folder: Path, store: Store) -> None:
    """Nothing is shared, and nothing is lost or doubled by that."""
    async with scene(port, folder, store) as (both, edge):
        await edge.happen(1_500)
        await complete(edge, both.store)
    assert both.sharing() == [False, False]
    one, two = both.stored()
    assert sorted(one + two) == list(range(1, 1_501))


def test_a_broker_that_grants_it_and_delivers_nothing_does_no_harm(
    tmp_path: Path, embedded_broker: BrokerProcess
) -> None:
    asyncio.run(
        everything_at_each(embedded_broker.port, tmp_path, SqliteStore(tmp_path / "archive.db"))
    )


def test_nor_does_a_nats_server(tmp_path: Path) -> None:
    with NatsCluster() as cluster:
        port = cluster.nodes[0].address.port
        asyncio.run(everything_at_each(port, tmp_path, SqliteStore(tmp_path / "archive.db")))


class OneOfSeveral(Collector):
    """A collector that shares, in this process."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, share_as="test")  # type: ignore[arg-type]


TOPICS, INCARNATION = Topics(SITE, EDGE), "0" * 16


def batch(first: int) -> bytes:
    """With one entry."""
    sent = wire.SentEntry(entry=record(INCARNATION, first).entry.decode())
    return wire.encode_batch(wire.Batch(incarnation=INCARNATION, first=first, entries=(sent,)))


@contextlib.asynccontextmanager
async def sender(
    port: int, archive: Path, make: type[Collector]
) -> AsyncIterator[tuple[Rig, Callable[[], list[tuple[int, bool]]]]]:
    """Somebody who publishes as the edge, and the acknowledgements that came back."""
    async with (
        running_central(archive, port, make=make) as found,
        running(Rig(port), Session(filters=(TOPICS.journal_ack,))) as rig,
    ):
        await connected(rig)
        birth = wire.Status(alive=True, incarnation=INCARNATION, boot=0, number=1, version="t")
        rig.say(wire.encode_status(birth), topic=TOPICS.status)
        if make is OneOfSeveral:
            await until(lambda: WorkShared() in found, "shared")

        def acks() -> list[tuple[int, bool]]:
            heard = map(wire.decode_ack, rig.payloads)
            return [(ack.stored_up_to, ack.gap) for ack in heard]

        yield rig, acks


@pytest.mark.parametrize(
    ("make", "told"), [(Collector, [(0, True)]), (OneOfSeveral, [(0, False), (0, True)])]
)
def test_a_gap_is_told_at_once_by_one_and_in_a_while_by_one_of_several(
    tmp_path: Path, mosquitto: BrokerProcess, make: type[Collector], told: list[tuple[int, bool]]
) -> None:
    async def story() -> None:
        async with sender(mosquitto.port, tmp_path / "archive.db", make) as (rig, acks):
            rig.say(batch(2), topic=TOPICS.journal)
            await until(lambda: (0, True) in acks(), "the gap is told")
            assert acks() == told

    asyncio.run(story())


def test_a_gap_that_another_fills_meanwhile_is_never_told(
    tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.collector.GAP_PATIENCE_S", 1.0)

    async def story() -> None:
        archive = tmp_path / "archive.db"
        async with sender(mosquitto.port, archive, OneOfSeveral) as (rig, acks):
            rig.say(batch(2), topic=TOPICS.journal)
            await until(lambda: acks() == [(0, False)], "as far as it is")
            with closing(SqliteArchive(archive)) as another:
                another.store(SITE, EDGE, wire.decode_batch(batch(1)))
            # Nothing else comes: this is what was found when it was looked at again.
            await until(lambda: len(acks()) == 2, "looked again")
            assert acks() == [(0, False), (2, False)]

    asyncio.run(story())
