"""A collector with its control socket beside it, and without where that cannot be."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from central.collector import Collector
from central.control import CentralServer
from central.control_desk import CentralDesk
from central.distributor import Distributor
from central.order_desk import OrderDesk
from central.orders import Orders
from central.sets import SetsError, SetStore
from edge.control.listening import ControlError
from edge.control.place import SOCKET, STATE_MODE

SETS_FILE = "sets.db"


async def run_served(
    make: Callable[[Distributor | None, Orders | None], Collector],
    state: Path,
    stop: asyncio.Event,
    notice: Callable[[str], None],
) -> None:
    """Run the collector until `stop`, with a socket in `state` by which signed files are given.

    Where the folder is another central's, or cannot be used, `notice` is told, and nothing is
    distributed from here: the archive does not depend on it. Raises ArchiveError.
    """
    distributor = Distributor(lambda: SetStore(state / SETS_FILE), lambda: time.time_ns() // 1_000)
    orders = Orders(distributor)
    collector = make(distributor, orders)
    try:
        state.mkdir(mode=STATE_MODE, exist_ok=True)
        desk = CentralDesk(distributor, collector)
        server = CentralServer.open(desk, OrderDesk(orders), state / SOCKET)
    except (ControlError, OSError) as error:
        remedy = getattr(error, "remedy", "give it another folder with --state")
        notice(f"nothing is distributed from here: {error}; {remedy}")
        await make(None, None).run(stop)
        return
    try:
        await distributor.open()
    except SetsError as error:
        server.close()
        notice(f"nothing is distributed from here: {error}; {error.remedy}")
        await make(None, None).run(stop)
        return
    serving = asyncio.create_task(server.run(), name="central control")
    try:
        await collector.run(stop)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        server.close()
        await distributor.close()
