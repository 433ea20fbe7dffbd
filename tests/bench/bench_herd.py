"""Two hundred edges that come back at once with a backlog each, into one central over Mosquitto.

Links and uplinks are the edges' own, all in this process; their journals are in its memory, so that
it is central that is measured. Broker and central are processes.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec

from controller import ledger
from drivers.mqtt_link import LinkReport, MqttLink
from edge.journal.record import Following
from edge.uplink import Uplink
from edge.uplink_reports import UplinkReport
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.bench.bench_drain import DRAIN_S_MAX, central, processor_s
from tests.central.rig import SITE, record, settings, until, unwitnessed

EDGES, EACH = 200, 500
INCARNATION = "0" * 16
QUEUED = ("max_queued_messages 100000",)
"""As `sentrypost pki mosquitto` writes it."""


class Kept(msgspec.Struct, frozen=True):
    seq: int
    entry: bytes
    personal: tuple[ledger.Personal, ...]
    leaf: bytes
    chain: bytes


class Backlog:
    """A journal that only has what is to be sent."""

    def __init__(self, edge: str) -> None:
        self.incarnation = INCARNATION
        self.last_seq, self.acked = EACH, 0
        self._records: list[Kept] = []
        chain = ledger.origin(SITE, edge, INCARNATION)
        for seq in range(1, EACH + 1):
            made = record(INCARNATION, seq, edge=edge)
            leaf = ledger.leaf(made.entry)
            chain = ledger.link(chain, leaf)
            self._records.append(Kept(seq, made.entry, made.personal, leaf, chain))

    async def following(
        self, from_seq: int, limit_entries: int, limit_bytes: int
    ) -> Following[Kept]:
        found, size = [], 0
        for one in self._records[from_seq - 1 : from_seq - 1 + limit_entries]:
            size += len(one.entry)
            if found and size > limit_bytes:
                break
            found.append(one)
        return Following(b"", found)

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        assert incarnation == INCARNATION
        self.acked = seq

    async def tree_hash(self, size: int) -> bytes:
        raise AssertionError(f"nobody witnesses these: {size}")


async def together(folder: Path) -> list[Figure]:
    names = [f"edge-{number}" for number in range(EDGES)]
    backlogs = [Backlog(name) for name in names]
    link_reports: list[LinkReport] = []
    reports: list[UplinkReport] = []
    archive = str(folder / "archive.db")
    with (
        BrokerProcess("mosquitto", extra=QUEUED) as broker,
        central(broker.port, archive, folder) as pid,
    ):
        async with asyncio.TaskGroup() as edges:
            tasks = []
            for name, backlog in zip(names, backlogs, strict=True):
                link = MqttLink(settings(broker.port, name), link_reports.append)
                uplink = Uplink(
                    backlog, link, SITE, name, "0", unwitnessed(backlog), reports.append
                )
                tasks.append(edges.create_task(uplink.run(), name=name))
            await until(lambda: any(one.acked for one in backlogs), "the first word", 60)
            began_s, before_s = time.perf_counter(), processor_s(pid)
            await until(lambda: all(one.acked == EACH for one in backlogs), "all", DRAIN_S_MAX)
            taken_s, used_s = time.perf_counter() - began_s, processor_s(pid) - before_s
            for task in tasks:
                task.cancel()
    assert reports == []
    name, count = f"{EDGES} edges back at once", EDGES * EACH
    return [
        Figure(name, count / taken_s, "events/s", f"{EACH} events each: {taken_s:.3g} s"),
        Figure(f"{name}, central", used_s / count * 1e6, "us", "processor, each event"),
    ]


def run() -> list[Figure]:
    """Without Mosquitto nothing."""
    if find_mosquitto() is None:
        return []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return asyncio.run(together(Path(folder)))
