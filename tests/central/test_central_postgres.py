"""Real edges, a real broker, and centrals as processes on a real PostgreSQL that comes and goes."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.journal.writer import JournalWriter
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess, running_edge, stored_in, until
from tests.central.stores import PostgresStore
from tests.postgres import PostgresServer

WAIT_S = 60.0
"""A server that was killed reads its log again, and the machine may have other things to do."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@contextlib.contextmanager
def central(port: int, where: str, lines: Path) -> Iterator[CentralProcess]:
    state = lines.with_suffix(".state")
    process = CentralProcess(port, lines, "--json", "--state", str(state), archive=where)
    try:
        yield process
    finally:
        process.kill()


async def ready(process: CentralProcess) -> None:
    await until(lambda: '"ready":true' in process.output, "central is ready", WAIT_S)


async def assert_archived(place: PostgresStore, outbox: JournalWriter) -> None:
    """The archive has the journal's entries: all, once, the same bytes, the same chain."""
    records = await stored_in(outbox)
    with contextlib.closing(place.open()) as archive:
        rows = list(archive.entries(outbox.site, outbox.edge, outbox.incarnation))
        assert [row.data for row in rows] == [stored.entry for stored in records]
        assert [row.personal for row in rows] == [stored.personal for stored in records]
        mark = archive.mark(outbox.site, outbox.edge, outbox.incarnation)
        assert (mark.seq, mark.chain, mark.gap) == (len(records), outbox.head, False)
    count = place.rows("SELECT count(*) FROM entry"), place.rows("SELECT count(*) FROM entry_key")
    assert count == ([(len(records),)], [(len(records),)])


def test_a_postgres_that_is_killed_and_stopped_under_way_loses_and_doubles_nothing(
    server: PostgresServer, mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    place = PostgresStore(server.where("postgres"))

    async def scene() -> None:
        with central(mosquitto.port, place.where, tmp_path / "one") as process:
            await ready(process)
            async with running_edge(tmp_path / "edge", mosquitto.port) as edge:
                for end in (server.kill, server.stop):
                    before = edge.outbox.acked
                    await edge.happen(300)
                    await until(lambda b=before: edge.outbox.acked > b, "some are archived", WAIT_S)
                    happening = asyncio.create_task(edge.happen(300, at_once=3))
                    await asyncio.to_thread(end)
                    await happening
                    failed = process.output.count('"archive-failing"')
                    await edge.happen(3)
                    await until(
                        lambda f=failed: process.output.count('"archive-failing"') > f,
                        "central says that it fails",
                        WAIT_S,
                    )
                    assert edge.outbox.acked < edge.outbox.last_seq, "nobody says what is not so"
                    await asyncio.to_thread(server.start)
                    with contextlib.closing(place.open()) as archive:
                        outbox = edge.outbox
                        mark = archive.mark(outbox.site, outbox.edge, outbox.incarnation)
                        assert mark.seq >= outbox.acked, "what was acknowledged is there"
                    await edge.acked(edge.outbox.last_seq, WAIT_S)
                await assert_archived(place, edge.outbox)

    asyncio.run(scene())


def test_two_centrals_on_one_archive_are_harmless(
    server: PostgresServer, mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    """The broker gives every batch to both; one of them is killed on the way."""
    place = PostgresStore(server.where("postgres"))

    async def scene() -> None:
        with (
            central(mosquitto.port, place.where, tmp_path / "one") as one,
            central(mosquitto.port, place.where, tmp_path / "two") as two,
        ):
            for process in (one, two):
                await until(
                    lambda p=process: '"ready":true' in p.output, "central is ready", WAIT_S
                )
            async with running_edge(tmp_path / "edge", mosquitto.port) as edge:
                await edge.happen(400)
                await edge.acked(400, WAIT_S)
                happening = asyncio.create_task(edge.happen(400, at_once=3))
                one.kill()
                await happening
                await edge.acked(800, WAIT_S)
                assert edge.reports == [], "no divergence, nothing that fell back"
                await assert_archived(place, edge.outbox)
                assert "fork" not in two.output
        numbers = [
            line["seq"] for process in (one, two) for line in process.json_lines if "seq" in line
        ]
        assert len(numbers) == len(set(numbers)), "each was new to one of them alone"

    asyncio.run(scene())
