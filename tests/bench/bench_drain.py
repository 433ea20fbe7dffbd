"""A million queued events into the archive, over Mosquitto into SQLite and into PostgreSQL.

Journal, uplink and link are the edge's own, in this process; broker, central and server are
processes. Beside it what paho does with a message for each event, committed one by one.
SENTRYPOST_DRAINED=N takes another number of events.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import paho.mqtt.client as paho

from central.archive_postgres import PostgresArchive
from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive
from edge import wire
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.central.rig import ROOT, SITE, journal, record, running_edge, until
from tests.mqtt import TIMEOUT_S, clients
from tests.postgres import PostgresServer, find_server

DRAINED = int(os.environ.get("SENTRYPOST_DRAINED") or 1_000_000)
AIM = 20_000
"""Events a second."""

AT_ONCE = 1_000
DRAIN_S_MAX = 1_200.0
BASELINE = 10_000
EDGES, SMALL = 100, 2_000
ARCHIVERS = (1, 4)
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def central(port: int, archive: str, folder: Path) -> Iterator[int]:
    """`sentrypost central run`, and what it prints thrown away; its process id."""
    command = "from central.commands import central; central()"
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", command, "run", "--broker", f"127.0.0.1:{port}"),
            *("--archive", archive, "--state", str(folder / "central")),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process.pid
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait()


def processor_s(pid: int) -> float:
    """What a process and its children that ended have computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def resident_mb(pid: int) -> float:
    """What a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def fill(folder: Path, count: int) -> None:
    """A journal with a backlog that nobody has got."""
    outbox = await journal(folder)
    for first in range(1, count, AT_ONCE):
        records = [record(outbox.incarnation, seq) for seq in range(first, first + AT_ONCE)]
        await outbox.append(records)
    await outbox.close()


async def drain(name: str, folder: Path, archive: str) -> list[Figure]:
    """The backlog in `folder`/journal, from the archive's first word to that on the last entry."""
    with BrokerProcess("mosquitto") as broker, central(broker.port, archive, folder) as pid:
        # What is on this machine is not a person: an edge would send as fast.
        async with running_edge(folder / "journal", broker.port) as edge:
            await until(lambda: edge.outbox.acked > 0, "the first word", 60)
            began_s, began = time.perf_counter(), edge.outbox.acked
            own_s, its_s = time.process_time(), processor_s(pid)
            sizes = []
            for tenth in range(1, 11):
                await edge.acked(DRAINED * tenth // 10, DRAIN_S_MAX)
                sizes.append((resident_mb(pid), resident_mb(os.getpid())))
            taken_s = time.perf_counter() - began_s
            own_s, its_s = time.process_time() - own_s, processor_s(pid) - its_s
            assert edge.reports == []
    count = DRAINED - began
    note = f"{DRAINED:,} queued events, mosquitto, until the archive's word on the last"
    (early, own_early), (late, own_late) = sizes[0], sizes[-1]
    return [
        Figure(f"drained into {name}", count / taken_s, "events/s", f"{note}: {taken_s:.3g} s"),
        Figure(f"drained into {name} / aim", count / taken_s / AIM, "", f"aim: {AIM:,}/s"),
        Figure(f"drained into {name}, edge", own_s / count * 1e6, "us", "processor, each event"),
        Figure(f"drained into {name}, central", its_s / count * 1e6, "us", "processor, each event"),
        Figure(f"central's memory, {name}", late, "MB", f"{early:.0f} MB after a tenth of it"),
        Figure(f"the edge's memory, {name}", own_late, "MB", f"{own_early:.0f} MB after a tenth"),
    ]


def one_by_one(folder: Path) -> Figure:
    """A message with QoS 1 for each event, inserted and committed as it comes, paho throughout."""
    entries = [record("0" * 16, seq).entry for seq in range(1, BASELINE + 1)]
    done = threading.Event()

    def store(name: str) -> Callable[..., None]:
        database = sqlite3.connect(folder / name, check_same_thread=False, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, data BLOB)")

        def stored(_client: object, message: paho.MQTTMessage) -> None:
            cursor = database.execute("INSERT INTO entry (data) VALUES (?)", (message.payload,))
            if cursor.lastrowid == BASELINE:
                done.set()

        return stored

    unlimited = ("max_queued_messages 0",)
    with BrokerProcess("mosquitto", extra=unlimited) as broker, clients(broker.port) as make:
        make("archive", on_message=store("one.db")).subscribe("journal")
        edge = make("edge")
        began_s = time.perf_counter()
        for entry in entries:
            edge.paho.publish("journal", entry, 1)
        assert done.wait(DRAIN_S_MAX), "not all of them came"
        taken_s = time.perf_counter() - began_s
    note = f"{BASELINE:,} events, paho, QoS 1, a commit for each, SQLite"
    return Figure("a message for each event", BASELINE / taken_s, "events/s", note)


def of_many(name: str, archivers: Sequence[SqlArchive]) -> Figure:
    """Small batches of many edges in turn: a commit for each, whatever it holds. Each of the
    archivers takes every so manieth edge.
    """

    def stored_by(number: int) -> int:
        count = 0
        with closing(archivers[number]) as archive:
            for first in range(1, 2 * SMALL // EDGES, 2):
                for edge in range(number, EDGES, len(archivers)):
                    archive.store(SITE, f"edge-{edge}", small_batch(f"edge-{edge}", first))
                    count += 1
        return count

    began_s = time.perf_counter()
    with ThreadPoolExecutor(len(archivers)) as pool:
        count = sum(pool.map(stored_by, range(len(archivers))))
    taken_s = time.perf_counter() - began_s
    note = f"{count:,} batches of two entries of {EDGES} edges, {len(archivers)} at once"
    return Figure(f"commits into {name}", count / taken_s, "1/s", note)


def small_batch(edge: str, first: int) -> wire.Batch:
    made = [record("0" * 16, seq, edge=edge) for seq in (first, first + 1)]
    sent = tuple(wire.SentEntry(entry=r.entry.decode(), personal=r.personal) for r in made)
    return wire.Batch(incarnation="0" * 16, first=first, entries=sent)


def run() -> list[Figure]:
    """What there is a server for; without Mosquitto nothing."""
    if find_mosquitto() is None:
        return []
    figures: list[Figure] = [Figure("load of the machine", os.getloadavg()[0], "", "at the start")]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        asyncio.run(fill(folder / "full", DRAINED))
        shutil.copytree(folder / "full", folder / "journal")
        figures += asyncio.run(drain("SQLite", folder, str(folder / "archive.db")))
        figures.append(of_many("SQLite", [SqliteArchive(folder / "many.db")]))
        shutil.rmtree(folder / "journal")
        (folder / "full").rename(folder / "journal")
        if find_server() is not None:
            with closing(PostgresServer()) as server:
                figures += asyncio.run(drain("PostgreSQL", folder, server.start().make()))
                for count in ARCHIVERS:
                    where = server.make()
                    archivers = [PostgresArchive(where) for _ in range(count)]
                    figures.append(of_many("PostgreSQL", archivers))
        figures.append(one_by_one(folder))
    return figures
