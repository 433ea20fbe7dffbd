"""From a revocation that central is given to the last edge's word that it is in force and on disk.

The edges are whole ones without devices, all in this process and on its event loop: on machines of
their own they would not wait for each other. Broker and central are processes.
"""

import asyncio
import contextlib
import logging
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from central.control_client import CentralClient
from central.control_messages import Distribution
from edge.app import opened
from edge.clock import boot_time
from edge.safe_mode import Run
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from tests.bench import Figure
from tests.central.fleet import RESTORED, REVOKED, Fleet
from tests.central.rig import until

EDGES = {3: 100, 20: 50}
"""Edges: how many revocations."""

WARM_UP = 3
WAIT_S = 30.0


@contextlib.asynccontextmanager
async def running(fleet: Fleet) -> AsyncIterator[None]:
    """Every edge of the fleet."""
    async with contextlib.AsyncExitStack() as stack:
        for house in fleet.houses.values():
            run = Run(house.folder / "state", boot_time)
            edge = await stack.enter_async_context(opened(house.config(), run))
            task = asyncio.create_task(edge.run())
            stack.push_async_callback(asyncio.gather, task, return_exceptions=True)
            stack.callback(edge.daemon.stop)
        yield


def distributed(fleet: Fleet, envelope: bytes) -> tuple[float, Distribution]:
    """Milliseconds from opening central's socket to its last word."""
    began_s = time.perf_counter()
    with CentralClient(fleet.state) as central:
        done = central.distribute(envelope, "", WAIT_S, lambda _: None)
    return (time.perf_counter() - began_s) * 1e3, done


async def delays(folder: Path, edges: int, count: int) -> list[float]:
    """Of `count` revocations, one after the other."""
    measured = []
    with BrokerProcess("mosquitto") as broker:
        fleet = Fleet(folder, broker.port, tuple(f"edge-{number}" for number in range(edges)))
        with fleet.central() as process:
            await until(lambda: '"ready":true' in process.output, "central is ready")
            async with running(fleet):
                await fleet.known(*fleet.houses)
                for number in range(WARM_UP + count):
                    version = fleet.change(RESTORED if number % 2 else REVOKED)
                    envelope = fleet.change_set(version - 1)
                    took_ms, done = await asyncio.to_thread(distributed, fleet, envelope)
                    assert done.have == edges, done
                    measured.append(took_ms)
    return measured[WARM_UP:]


def run() -> list[Figure]:
    """Nothing where Mosquitto is not found."""
    logging.getLogger("edge").setLevel(logging.ERROR)  # nobody has plugged a line in
    figures: list[Figure] = []
    for edges, count in EDGES.items() if find_mosquitto() else ():
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            quantiles = statistics.quantiles(asyncio.run(delays(Path(folder), edges, count)), n=100)
        name = f"revocation at all of {edges} edges"
        note = f"{count} revocations, mosquitto, all edges in one process; on disk at each"
        figures += [
            Figure(f"{name}, median", quantiles[49], "ms", note),
            Figure(f"{name}, p99", quantiles[98], "ms", note),
        ]
    return figures
