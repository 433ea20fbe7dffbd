"""Many edges, their broker and central: orders over the wire while this and that is killed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from central.control_client import CentralClient
from central.control_messages_order import OrderProgress
from central.orders import Reached
from edge.control.calling import ControlClientError
from simulators.broker_process import BrokerProcess
from tests.central.many import DOORS, SITE, write_edge
from tests.central.many_process import Crowd, crowd
from tests.central.orders import lift
from tests.central.rig import CentralProcess
from tests.edge.signed import ANNA, BEN

PATIENCE_S = 120.0
LOOK_S = 0.05


class Scene:
    """One site. `doors`: of each edge."""

    def __init__(
        self, folder: Path, broker: BrokerProcess, names: Sequence[str], doors: int
    ) -> None:
        self.folder, self.broker, self.names, self.doors = folder, broker, tuple(names), doors
        self.central: CentralProcess
        self.crowd: Crowd

    def start_central(self) -> None:
        self.central = CentralProcess(self.broker.port, self.folder / "archive.db", "--json")

    async def report(self) -> dict[str, dict[str, Any]]:
        return await self.crowd.report()

    async def until_all(
        self, what: str, holds: Callable[[dict[str, Any]], bool], names: Collection[str] = ()
    ) -> float:
        """Wait until it holds at every edge; the seconds that took."""
        began_s = time.monotonic()
        names = names or self.names
        while True:
            found = await self.report()
            lacking = [name for name in names if not holds(found[name])]
            if not lacking:
                return time.monotonic() - began_s
            waited_s = time.monotonic() - began_s
            assert waited_s < PATIENCE_S, f"{what}: not at {lacking[:5]} of {len(lacking)}"
            await asyncio.sleep(LOOK_S)

    async def in_force(self, order: str, names: Collection[str] = ()) -> float:
        return await self.until_all(
            "in force", lambda one: order in one["in_force"] and one["secured"] == self.doors, names
        )

    async def nowhere(self, order: str) -> float:
        """It was ended, everywhere and for good."""
        return await self.until_all(
            "ended", lambda one: order in one["ended"] and not one["secured"]
        )

    async def connected(self, names: Collection[str] | None = None) -> None:
        """Wait until central sees exactly these."""
        wanted = set(self.names if names is None else names)
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(self._connected) != wanted:
                await asyncio.sleep(LOOK_S)

    def _connected(self) -> set[str] | None:
        """None: central does not answer, or has no broker."""
        try:
            with CentralClient(self.folder / "archive.state") as client:
                on_wire, rows = client.edges()
        except ControlClientError:
            return None
        return {row.edge for row in rows if row.connected} if on_wire else None

    async def without_broker(self) -> None:
        """Wait until central knows that it has none."""

        def asked() -> bool:
            with CentralClient(self.folder / "archive.state") as client:
                return client.edges()[0]

        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(asked):
                await asyncio.sleep(LOOK_S)

    async def send(
        self,
        envelope: bytes,
        wait_s: float = PATIENCE_S,
        progress: Callable[[OrderProgress], None] = lambda _: None,
    ) -> OrderProgress:
        """As `sentrypost central order send` does."""

        def asked() -> OrderProgress:
            with CentralClient(self.folder / "archive.state") as client:
                return client.send_order(envelope, (), wait_s, progress)

        return await asyncio.to_thread(asked)

    async def lifted(self, order: str) -> None:
        """Two people lift it over the wire, and nobody has it in force any more."""
        done = await self.send(lift(SITE, (order,), ANNA, BEN).envelope)
        assert {one.reached for one in done.edges} == {Reached.DONE}, done
        await self.nowhere(order)


def gone(done: OrderProgress) -> set[str]:
    """Whom central knows to be away."""
    return {one.edge for one in done.edges if one.reached is Reached.AWAY}


def named_away(done: OrderProgress) -> set[str]:
    """Whom central names as not reached."""
    return {one.edge for one in done.edges if one.reached in {Reached.AWAY, Reached.WAITING}}


@asynccontextmanager
async def scene(
    folder: Path,
    broker: BrokerProcess,
    count: int,
    each: int,
    cuttable: Callable[[int], bool],
    doors: int = DOORS,
) -> AsyncIterator[Scene]:
    """So many edges with so many in a process, all of them connected."""
    names = [f"e-{number:03d}" for number in range(count)]
    for name in names:
        write_edge(folder, name, broker.port, doors)
    found = Scene(folder, broker, names, doors)
    found.start_central()
    try:
        cut = [name for number, name in enumerate(names) if cuttable(number)]
        async with crowd(folder, broker.port, names, each, cut) as found.crowd:
            await found.until_all("ready", lambda one: bool(one["ready"]))
            await found.connected()
            yield found
    finally:
        found.central.kill()
