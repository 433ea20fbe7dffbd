"""Walls before a central that follows 1,000 edges, all of which change meanwhile, and stores one
edge's backlog: what that costs, and how soon an alarm is on every wall.

Journal, uplink and link are the edge's own, in this process, and so is whoever reads the walls;
broker and central are processes. Each wall follows edges and alarms, and the entries with names.
SENTRYPOST_WALLED=N takes another number of events.
"""

import asyncio
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from central.operator_words import OperatorRight
from central.wall_messages import FollowEntries, FollowWall, WallAlarms, WallEdges
from edge import wire
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.topics import Topics
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.bench.bench_drain import central, fill, processor_s, resident_mb
from tests.central.rig import running_edge, until
from tests.central.test_wall_streams import alarm
from tests.central.walled import signed_in, wall
from tests.mqtt import Client, clients

STORED = int(os.environ.get("SENTRYPOST_WALLED") or 30_000)
EDGES = 1_000
WALLS = (0, 1, 16)
ROUNDS = 3
ALARMS = 10
QUIET_S = 0.6
"""Nothing happens before an alarm."""

PATIENCE_S = 300.0


class Wall:
    """One wall, read as fast as it comes."""

    def __init__(self) -> None:
        self.messages = 0
        self.edges: set[tuple[str, str]] = set()
        self.alarms: dict[int, float] = {}

    async def read(self, folder: Path, token: str, follow: Message) -> None:
        async with wall(folder, token) as page:
            async for message in page.follow(follow):
                self.messages += not isinstance(message, Heartbeat)
                if isinstance(message, WallEdges):
                    self.edges |= {(one.site, one.edge) for one in message.edges}
                elif isinstance(message, WallAlarms):
                    now_s = time.perf_counter()
                    for one in message.alarms:
                        self.alarms.setdefault(one.alarm.alarm, now_s)


def says(client: Client, edge: str, boot: int) -> None:
    """An edge's birth."""
    status = wire.Status(alive=True, incarnation="0" * 16, boot=boot, number=1, version="1")
    client.publish(Topics("many", edge).status, wire.encode_status(status), 1, retain=True)


async def changing(client: Client) -> None:
    """One edge after the other begins a connection, some hundred in a second."""
    for number in itertools.count():
        says(client, f"edge-{number % EDGES}", 2 + number // EDGES)
        if number % 10 == 0:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(state: Path, count: int) -> AsyncIterator[list[Wall]]:
    walls = [Wall() for _ in range(count)]
    tasks = []
    for number, one in enumerate(walls):
        rights = (OperatorRight.WATCH, OperatorRight.NAMES)
        token, _ = await signed_in(state, f"operator-{number}", *rights)
        tasks += [
            asyncio.create_task(one.read(state, token, follow))
            for follow in (FollowWall(), FollowEntries())
        ]
    await until(lambda: all(len(one.edges) >= EDGES for one in walls), "every edge shown", 60)
    try:
        yield walls
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def alarms_shown(client: Client, walls: list[Wall]) -> list[float]:
    """From the edge's word to the last of the walls, in seconds."""
    delays = []
    for number in range(1, ALARMS + 1):
        await asyncio.sleep(QUIET_S)
        topic = f"{Topics('many', 'edge-7').status.removesuffix('status')}alarm/{number}"
        began_s = time.perf_counter()
        client.publish(topic, msgspec.json.encode(alarm(number)), 1, retain=True)
        await until(lambda: all(number in one.alarms for one in walls), "on every wall", 60)  # noqa: B023
        delays.append(max(one.alarms[number] for one in walls) - began_s)
    return delays


async def measured(folder: Path, count: int) -> dict[str, float]:
    """A backlog that is stored while so many walls are open."""
    shutil.copytree(folder / "full", folder / "journal")
    archive = folder / "archive.db"
    with (
        BrokerProcess("mosquitto") as broker,
        clients(broker.port) as make,
        central(broker.port, str(archive), folder) as pid,
    ):
        client = make("many")
        for number in range(EDGES):
            says(client, f"edge-{number}", 1)
        async with watching(folder / "central", count) as walls:
            found: dict[str, float] = {}
            if walls:
                found["alarm"] = statistics.median(await alarms_shown(client, walls))
            alive = asyncio.create_task(changing(client))
            try:
                async with running_edge(folder / "journal", broker.port) as edge:
                    await until(lambda: edge.outbox.acked > 0, "the first word", 60)
                    began_s, first, own_s = time.perf_counter(), edge.outbox.acked, processor_s(pid)
                    before = sum(one.messages for one in walls)
                    await edge.acked(STORED, PATIENCE_S)
                    took_s, its_s = time.perf_counter() - began_s, processor_s(pid) - own_s
                    told = sum(one.messages for one in walls) - before
            finally:
                alive.cancel()
            found["rate"], found["cpu"] = (STORED - first) / took_s, its_s / (STORED - first)
            found["memory"] = resident_mb(pid)
            if walls:
                found["told"] = told / took_s / len(walls)
    shutil.rmtree(folder / "journal")
    shutil.rmtree(folder / "central")
    archive.unlink()
    return found


def figures_of(count: int, runs: list[dict[str, float]]) -> list[Figure]:
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    rates = ", ".join(f"{run['rate']:,.0f}" for run in runs)
    note = f"{STORED:,} queued events, {EDGES:,} edges that change, middle of {ROUNDS}: {rates}"
    made = [
        Figure(f"stored before {count} walls", middle["rate"], "events/s", note),
        Figure(f"central before {count} walls", middle["cpu"] * 1e6, "us", "processor, each event"),
        Figure(f"central's memory before {count} walls", middle["memory"], "MB", "at the end"),
    ]
    if count:
        told = "a second, edges, alarms and entries together; at most 8"
        made += [
            Figure(f"messages to each of {count} walls", middle["told"], "1/s", told),
            Figure(f"an alarm on {count} walls", middle["alarm"] * 1e3, "ms", "from its word"),
        ]
    return made


def run() -> list[Figure]:
    """Without Mosquitto nothing."""
    if find_mosquitto() is None:
        return []
    found: dict[int, list[dict[str, float]]] = {count: [] for count in WALLS}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        asyncio.run(fill(folder / "full", STORED))
        for _ in range(ROUNDS):
            for count in WALLS:
                found[count].append(asyncio.run(measured(folder, count)))
    load = Figure("load of the machine", os.getloadavg()[0], "", "at the end")
    return [load, *(one for count in WALLS for one in figures_of(count, found[count]))]
