"""The edge as a process of its own, its simulated devices in ours."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from controller.events import Body, decode_body, decode_entry
from drivers.osdp.messages import Output, OutputControl
from edge.journal import Journal, Stored
from tests.edge.house import ADA, FRONT, VAULT, House

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
"""What anything may take on a machine with other work to do. A limit of the edge's own is named by
the test that proves it."""

FRONT_SECURED = (FRONT, OutputControl.OFF_ABORT_TIMED)
VAULT_SECURED = (VAULT, OutputControl.ON_ABORT_TIMED)
VAULT_FREED = (VAULT, OutputControl.OFF_ABORT_TIMED)
FRONT_STRUCK = (FRONT, OutputControl.ON_TIMED)
VAULT_STRUCK = (VAULT, OutputControl.OFF_TIMED)


class EdgeProcess:
    """`sentrypost run` on a house's site file. `lines`: what it wrote to standard error."""

    def __init__(self, house: House, process: asyncio.subprocess.Process) -> None:
        self.house = house
        self.process = process
        self.lines: list[str] = []
        self._sessions = {name: r._session for name, r in house.readers.items()}
        self._reading = asyncio.create_task(self._read(), name="standard error")

    @classmethod
    async def start(
        cls,
        house: House,
        *,
        plant: str = "",
        check: bool = True,
        environment: Mapping[str, str] = MappingProxyType({}),
        sandbox: Sequence[str] = (),
    ) -> "EdgeProcess":
        """`plant`: code that runs before the program, for what must not happen by itself.

        `environment` comes on top of ours; `sandbox` is a command that runs the rest of its line.
        """
        program = ["-m", "edge.main"]
        if plant:
            program = ["-c", f"{plant}\nfrom edge.main import main\nmain()"]
        house.board.executed.clear()
        process = await asyncio.create_subprocess_exec(
            *sandbox,
            sys.executable,
            *program,
            "run",
            "--config",
            str(house.folder / "site.toml"),
            cwd=ROOT,
            env={**os.environ, **environment},
            stderr=asyncio.subprocess.PIPE,
        )
        edge = cls(house, process)
        if check:
            try:
                await edge.ready()
            except BaseException:
                # Nobody else would, and it would open the lines of a later test.
                with suppress(ProcessLookupError):
                    process.kill()
                raise
        return edge

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The structured lines."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    async def ready(self) -> None:
        """It has secured what it may, and every reader has a session with it."""
        async with asyncio.timeout(PATIENCE_S):
            while not (self._connected() and FRONT_SECURED in told(self.house)):
                assert self.process.returncode is None, self.said
                await asyncio.sleep(0.01)

    async def until_said(self, words: str, times: int = 1, within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while self.said.count(words) < times:
                await asyncio.sleep(0.02)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Its exit status, with everything it said read."""
        async with asyncio.timeout(within_s):
            status = await self.process.wait()
            await self._reading
        return status

    async def stop(self, within_s: float = PATIENCE_S) -> int:
        self.process.terminate()
        return await self.ended(within_s)

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    async def badge_opens(self, within_s: float = PATIENCE_S) -> None:
        """A good badge at the front door, and its strike."""
        await opens(self.house, FRONT_STRUCK, "front-in", within_s)

    async def _read(self) -> None:
        assert self.process.stderr is not None, "made with a pipe"
        async for line in self.process.stderr:
            self.lines.append(line.decode().rstrip("\n"))

    def _connected(self) -> bool:
        return all(
            reader._session is not None and reader._session is not self._sessions[name]
            for name, reader in self.house.readers.items()
        )


class SmallFiles:
    """The kernel refuses the process every byte beyond a file's first page."""

    def __init__(self, _: Path) -> None:
        pass

    def fill(self, edge: EdgeProcess) -> None:
        self._was = resource.prlimit(edge.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(edge.pid, resource.RLIMIT_FSIZE, (4096, self._was[1]))

    def free(self, edge: EdgeProcess) -> None:
        resource.prlimit(edge.pid, resource.RLIMIT_FSIZE, self._was)

    def close(self) -> None:
        pass


@asynccontextmanager
async def running_process(house: House, **options: Any) -> AsyncIterator[EdgeProcess]:
    """The process, ended at the end of the block however the block ends."""
    edge = await EdgeProcess.start(house, **options)
    try:
        yield edge
    finally:
        if edge.process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(edge.pid, signal.SIGKILL)
            await edge.ended()


async def opens(
    house: House, strike: tuple[int, int], reader: str, within_s: float = PATIENCE_S
) -> None:
    """Ada's badge at `reader` brings the board this command, whether or not one runs already."""
    before = told(house).count(strike)
    house.badge(reader, ADA)
    async with asyncio.timeout(within_s):
        while told(house).count(strike) == before:
            await asyncio.sleep(0.01)


async def freed(house: House, within_s: float = PATIENCE_S) -> None:
    """The magnet of the fire door has lost its current for good, and not for one passage."""
    async with asyncio.timeout(within_s):
        while VAULT_FREED not in told(house) or house.board.outputs[VAULT]:
            await asyncio.sleep(0.01)


def told(house: House) -> list[tuple[int, int]]:
    """What the board's outputs were told since the start: number and control code."""
    orders = [command for _, command in house.board.executed if isinstance(command, Output)]
    return [(order.number, order.control) for order in orders]


def stored(house: House, edge: str = "gate") -> list[Stored]:
    """Every entry on disk, each proven by its chain. No edge may run."""
    folder = house.folder / "state" / "journal"
    opening = Journal.open(
        folder, site="house", edge=edge, entropy=os.urandom, utc_us=0, create=False
    )
    found: list[Stored] = []
    with closing(opening) as journal:
        while more := journal.read(len(found) + 1, 2_000, 1 << 22):
            found += more
    return found


def entries(house: House, kind: type[Body] = Body, edge: str = "gate") -> list[Any]:
    """The bodies on disk of one kind."""
    bodies = [decode_body(decode_entry(one.entry)) for one in stored(house, edge)]
    return [body for body in bodies if isinstance(body, kind)]
