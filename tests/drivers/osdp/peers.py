"""Who stands at the ends of a real port: an edge above the driver, libosdp's reader below."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from drivers.api import (
    Action,
    Command,
    CommandEnded,
    DeviceOnline,
    Fact,
    LinkLostError,
    Priority,
)
from drivers.osdp.config import LineConfig
from drivers.osdp.driver import OsdpDriver
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.world import key_of, reader_config

F = TypeVar("F", bound=Fact)
PATIENCE_S = 10.0


class Edge:
    """What stands above a driver: hears facts, submits, runs it again when its line is lost."""

    def __init__(self, port: Path, *addresses: int, **changes: object) -> None:
        readers = tuple(reader_config(address, **changes) for address in addresses)
        config = LineConfig(port=str(port), baud=115200, readers=readers)
        self.driver = OsdpDriver(config)
        self.facts: list[Fact] = []
        self.losses: list[str] = []
        self._heard = asyncio.Event()
        self._ids = 0

    async def supervise(self) -> None:
        while True:
            try:
                await self.driver.run(self._report, lambda command: True)
            except LinkLostError as error:
                self.losses.append(str(error))
            await asyncio.sleep(0.05)

    def _report(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._heard.set()

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._heard.clear()
                await self._heard.wait()

    async def until_current(self) -> None:
        """Until the readers have told what they had kept: from here on a card is a card."""
        async with asyncio.timeout(PATIENCE_S):
            while any(link._reporter.stored for link in self.driver._bus._links):  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)

    async def do(self, action: Action, *, address: int = 1, within_ms: int = 5_000) -> str:
        command = self.submit(action, address=address, within_ms=within_ms)
        await self.until(lambda: self.ends(command))
        return self.ends(command)[0].outcome.value

    def submit(self, action: Action, *, address: int = 1, within_ms: int = 5_000) -> str:
        self._ids += 1
        now_ns = int(asyncio.get_running_loop().time() * 1e9)
        command = Command(
            id=f"c{self._ids}",
            device=f"r{address}",
            action=action,
            priority=Priority.PASSAGE,
            not_after_ns=now_ns + within_ms * 1_000_000,
        )
        self.driver.submit(command)
        return command.id

    def ends(self, command: str) -> list[CommandEnded]:
        return [fact for fact in self.of(CommandEnded) if fact.command == command]


@asynccontextmanager
async def edge_on(port: Path, *addresses: int, **changes: object) -> AsyncIterator[Edge]:
    edge = Edge(port, *addresses, **changes)
    task = asyncio.create_task(edge.supervise(), name="edge")
    try:
        yield edge
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def simulated(*addresses: int) -> list[SimulatedReader]:
    return [SimulatedReader(address, key_of(address), os.urandom) for address in addresses]


class Libosdp:
    """libosdp's reader in its own process."""

    def __init__(self, port: Path, key_file: Path) -> None:
        self.lines: list[str] = []
        self._spoke = asyncio.Event()
        self._port, self._key_file = port, key_file

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulators.libosdp_reader", "--link", str(self._port)),
            *("--address", "1", "--key-file", str(self._key_file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert self.process.stdout is not None
        assert (await self.process.stdout.readline()).startswith(b"ready")
        self._reading = asyncio.create_task(self._read(self.process.stdout), name="libosdp")

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.lines.append(line.decode().strip())
            self._spoke.set()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def said(self, line: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while line not in self.lines:
                self._spoke.clear()
                await self._spoke.wait()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()
        await self._reading


@asynccontextmanager
async def libosdp_and_edge(tmp_path: Path) -> AsyncIterator[tuple[Libosdp, Edge]]:
    key_file = tmp_path / "key"
    key_file.write_text(key_of(1).hex())
    reader = Libosdp(tmp_path / "tty", key_file)
    await reader.start()
    try:
        async with edge_on(tmp_path / "tty", 1) as edge:
            await edge.until(lambda: edge.of(DeviceOnline))
            assert "serial 1 " in edge.of(DeviceOnline)[0].identity
            await edge.until_current()
            yield reader, edge
    finally:
        if reader.process.returncode is None:
            await reader.kill()
