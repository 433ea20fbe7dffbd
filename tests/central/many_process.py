"""Processes of some edges each, and what whoever started them asks of them, a line of JSON each.

usage: python -m tests.central.many_process FOLDER PORT CUTTABLE EDGE…: these edges of FOLDER, with
the broker at PORT; those named in CUTTABLE (with commas) reach it over a wire that can be cut.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from edge.control.messages_orders import Carrier
from simulators.children import die_with_parent
from tests.central.many import Modelled, modelled

ROOT = Path(__file__).resolve().parents[2]
LINE_BYTES_MAX = 4 * 1024 * 1024
PATIENCE_S = 120.0


class Wire:
    """TCP to the broker, which can be cut as by an excavator: both ends hear of it at once."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._cut = False
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(far_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, far_writer))
                both.create_task(_pass_on(far_reader, writer))
            self._writers.discard(far_writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


class Edges:
    """Those of this process."""

    def __init__(self, edges: dict[str, Modelled], wires: dict[str, Wire]) -> None:
        self._edges, self._wires = edges, wires

    async def do(self, asked: dict[str, Any]) -> Any:
        """Carry out one line."""
        match asked["do"]:
            case "used":
                return time.process_time()
            case "report":
                return {name: _report(one) for name, one in self._edges.items()}
            case "cut":
                for name in set(asked["edges"]) & self._wires.keys():
                    self._wires[name].cut()
            case "mend":
                for wire in self._wires.values():
                    wire.mend()
            case "give" if asked["edge"] in self._edges:
                orders = self._edges[asked["edge"]].edge.desk.orders
                envelope = asked["envelope"].encode()
                reply = await orders.give(envelope, Carrier.FILE, "", "the test")
                return {"accepted": reply.accepted, "reason": reply.reason}
            case "board" if asked["edge"] in self._edges:
                bus = self._edges[asked["edge"]].bus_of(asked["board"])
                (bus.comes if asked["there"] else bus.goes)(asked["board"])
        return None


def _report(one: Modelled) -> dict[str, Any]:
    state = one.edge.daemon.site.state
    assert one.edge.uplink is not None, "every edge here has a broker"
    return {
        "ready": state.ready,
        "connected": one.edge.uplink.status.connected,
        "in_force": sorted(state.orders.in_force),
        "ended": sorted(state.orders.ended),
        "secured": sum(portal.secured for portal in state.portals.values()),
        "opened": one.opened,
        "refusals": len(state.orders.refused_us),
    }


async def _serve(folder: Path, port: int, cuttable: Sequence[str], names: Sequence[str]) -> None:
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with AsyncExitStack() as stack:
        wires: dict[str, Wire] = {}
        for name in set(cuttable) & set(names):
            wires[name] = Wire(port)
            await wires[name].open()
            stack.push_async_callback(wires[name].close)
        edges = {
            name: await stack.enter_async_context(
                modelled(folder / name / "site.toml", wires[name].port if name in wires else port)
            )
            for name in names
        }
        here = Edges(edges, wires)
        while line := await reader.readline():
            answer = await here.do(json.loads(line))
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


class Process:
    """One of these processes, from outside."""

    def __init__(self, process: asyncio.subprocess.Process, names: Sequence[str]) -> None:
        self._process = process
        self.names = tuple(names)

    async def ask(self, **asked: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            line = await self._process.stdout.readline()
        assert line, f"the process of {self.names} has ended"
        return json.loads(line)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """In good order; killed where that takes too long."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()


async def start(
    folder: Path, port: int, names: Sequence[str], cuttable: Iterable[str] = ()
) -> Process:
    """A process of these edges; they may not be ready yet."""
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.central.many_process"),
        *(str(folder), str(port), ",".join(cuttable), *names),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=(folder / "edges.log").open("ab"),
        limit=LINE_BYTES_MAX,
        preexec_fn=die_with_parent,
    )
    return Process(made, names)


class Crowd:
    """All processes of one site."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = list(processes)

    async def report(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for one in await self.ask_all(do="report"):
            found |= one
        return found

    async def ask_all(self, **asked: Any) -> list[Any]:
        return await asyncio.gather(*(one.ask(**asked) for one in self.processes))

    async def give(self, edge: str, envelope: bytes) -> dict[str, Any]:
        """As from a stick."""
        one = next(process for process in self.processes if edge in process.names)
        given: dict[str, Any] = await one.ask(do="give", edge=edge, envelope=envelope.decode())
        return given


@asynccontextmanager
async def crowd(
    folder: Path, port: int, names: Sequence[str], each: int, cuttable: Sequence[str]
) -> AsyncIterator[Crowd]:
    """Edges that were written to `folder`, so many to a process."""
    groups = [names[at : at + each] for at in range(0, len(names), each)]
    found = Crowd([await start(folder, port, group, cuttable) for group in groups])
    try:
        yield found
    finally:
        await asyncio.gather(*(one.stop() for one in found.processes))


if __name__ == "__main__":
    asyncio.run(
        _serve(
            Path(sys.argv[1]),
            int(sys.argv[2]),
            [*filter(None, sys.argv[3].split(","))],
            sys.argv[4:],
        )
    )
