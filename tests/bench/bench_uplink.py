"""From an entry on the edge's disk to its row in the archive, at low load.

Journal, uplink and link are the edge's own, in this process; broker and central are processes. When
a row is there is seen from outside: by a reader of the archive's file, a thousand times a second.
"""

import asyncio
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from drivers.mqtt_link import LinkUp
from edge.uplink import LINGER_S
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.central.rig import CentralProcess, EdgeRig, record, running_edge, until

RATES = {5: 300, 50: 1_000}
"""Events a second: how many of them. A quiet gate, and a large site's morning."""

WARM_UP = 10
LOOK_S = 0.001


class Reader(threading.Thread):
    """Notes when each of the archive's rows is there for somebody else to read."""

    def __init__(self, archive: Path) -> None:
        super().__init__(name="reader", daemon=True)
        self.seen_s: dict[int, float] = {}
        self.done = False
        self._archive = archive

    def run(self) -> None:
        last = 0
        with closing(sqlite3.connect(f"file:{self._archive}?mode=ro", uri=True)) as connection:
            while not self.done:
                row = connection.execute("SELECT max(mark) FROM journal").fetchone()
                now_s, mark = time.perf_counter(), row[0] or 0
                self.seen_s.update(dict.fromkeys(range(last + 1, mark + 1), now_s))
                last = mark
                time.sleep(LOOK_S)


@contextmanager
def central(broker: BrokerProcess, archive: Path) -> Iterator[CentralProcess]:
    process = CentralProcess(broker.port, archive, "--json")
    try:
        yield process
        assert process.stop() == 0
    finally:
        process.kill()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[EdgeRig]:
    """Broker, central and edge, connected; the archive is `folder`/archive.db."""
    with BrokerProcess("mosquitto") as broker, central(broker, folder / "archive.db") as process:
        await until(lambda: '"ready":true' in process.output, "central is ready")
        async with running_edge(folder / "journal", broker.port) as edge:
            await until(
                lambda: any(isinstance(report, LinkUp) for report in edge.link_reports), "connected"
            )
            yield edge


async def delays(edge: EdgeRig, reader: Reader, rate: int, count: int) -> list[float]:
    """Milliseconds from durable to archived, of `count` events that come by chance."""
    chance = random.Random(rate)
    durable_s: dict[int, float] = {}
    for _ in range(WARM_UP + count):
        await asyncio.sleep(chance.expovariate(rate))
        made = record(edge.outbox.incarnation, edge.outbox.last_seq + 1)
        await edge.outbox.append([made])
        durable_s[made.seq] = time.perf_counter()
        edge.uplink.committed([made])
    await until(lambda: reader.seen_s.keys() >= durable_s.keys(), "all are archived")
    measured = list(durable_s)[WARM_UP:]
    return [(reader.seen_s[seq] - durable_s[seq]) * 1e3 for seq in measured]


async def at_low_load(folder: Path) -> list[Figure]:
    figures = []
    async with running(folder) as edge:
        reader = Reader(folder / "archive.db")
        reader.start()
        for rate, count in RATES.items():
            quantiles = statistics.quantiles(await delays(edge, reader, rate, count), n=100)
            name = f"event to archive at {rate}/s"
            linger = f"{LINGER_S * 1e3:.0f} ms of it wait for company"
            note = f"{count} events by chance, mosquitto; up to {linger}"
            figures += [
                Figure(f"{name}, median", quantiles[49], "ms", note),
                Figure(f"{name}, p99", quantiles[98], "ms", note),
            ]
        reader.done = True
        reader.join()
    return figures


def run() -> list[Figure]:
    """The delays; nothing where Mosquitto is missing."""
    if find_mosquitto() is None:
        return []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return asyncio.run(at_low_load(Path(folder)))
