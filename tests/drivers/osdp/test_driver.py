"""The driver on real ptys, with our simulated reader and with libosdp's at the far end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from drivers.api import (
    Action,
    Beep,
    CardRead,
    Color,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Driver,
    Fact,
    Hold,
    InputsReported,
    InputState,
    KeysPressed,
    Light,
    LinkLostError,
    OutputsReported,
    Priority,
    ProtocolViolated,
    Pulse,
    TamperReported,
)
from drivers.osdp.config import LineConfig
from drivers.osdp.driver import OsdpDriver
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.world import key_of, reader_config

F = TypeVar("F", bound=Fact)
PATIENCE_S = 10.0


class Edge:
    """What stands above a driver: hears facts, submits, runs it again when its line is lost."""

    def __init__(self, port: Path, *addresses: int) -> None:
        config = LineConfig(
            port=str(port), baud=115200, readers=tuple(reader_config(a) for a in addresses)
        )
        self.driver: Driver = OsdpDriver(config)
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
async def edge_on(port: Path, *addresses: int) -> AsyncIterator[Edge]:
    edge = Edge(port, *addresses)
    task = asyncio.create_task(edge.supervise(), name="edge")
    try:
        yield edge
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def simulated(*addresses: int) -> list[SimulatedReader]:
    return [SimulatedReader(address, key_of(address), os.urandom) for address in addresses]


def test_life_on_a_pty(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1, 2, 3)
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1, 2, 3) as e:
            await e.until(lambda: len(e.of(OutputsReported)) == 3)
            await e.until_current()
            readers[1].present_card(26, b"\x12\x34\x56\x40")
            readers[2].press_keys("12*#")
            readers[0].set_input(1, True)
            await e.until(lambda: e.of(CardRead) and e.of(KeysPressed))
            assert (e.of(CardRead)[0].device, e.of(CardRead)[0].bits) == ("r2", 26)
            assert (e.of(KeysPressed)[0].device, e.of(KeysPressed)[0].keys) == ("r3", "12*#")
            await e.until(lambda: InputState.ACTIVE in e.of(InputsReported)[-1].states)
            changes: list[tuple[int, bool]] = []
            readers[0].on_output = lambda number, on: changes.append((number, on))
            assert await e.do(Pulse(0, 200)) == "confirmed"
            await e.until(lambda: changes == [(0, True), (0, False)] and e.facts)
            assert await e.do(Light(0, Color.GREEN, 0), address=2) == "confirmed"
            assert await e.do(Beep(0, 2), address=3) == "confirmed"
            assert e.of(DeviceOffline) == []
            assert e.of(ProtocolViolated) == []
            turns = e.driver.turns
            async with asyncio.timeout(PATIENCE_S):
                while e.driver.turns == turns:
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_unplug_and_replug(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1)
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1) as e:
            await e.until(lambda: e.of(OutputsReported))
            line.unplug()
            await e.until(lambda: e.of(DeviceOffline))
            assert await e.do(Pulse(0, 200)) == "lost"
            line.link.unlink()
            await asyncio.sleep(0.2)
            e.facts.clear()
            line.replug()
            await e.until(lambda: e.of(DeviceOnline))
            assert not readers[0].executed
            assert any("plug" in loss for loss in e.losses)
            assert await e.do(Pulse(0, 200)) == "confirmed"

    asyncio.run(scenario())


def test_a_fact_is_heard_to_its_end_before_the_next(tmp_path: Path) -> None:
    """The edge commands while it hears; a board's offline must not end behind its online."""

    async def scenario() -> None:
        readers = simulated(1)
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1) as e:
            await e.until(lambda: e.of(OutputsReported))
            e.facts.clear()
            hear, heard, commands = e._report, [], []

            def command_and_hear(fact: Fact) -> None:
                if isinstance(fact, DeviceOffline | DeviceOnline):
                    commands.append(e.submit(Hold(0, True)))
                heard.append(type(fact))
                hear(fact)

            e.driver._report = command_and_hear  # type: ignore[attr-defined]
            readers[0].reboot()
            await e.until(lambda: len(commands) == 2 and all(map(e.ends, commands)))
            links = [kind for kind in heard if kind in (DeviceOffline, DeviceOnline)]
            assert links == [DeviceOffline, DeviceOnline]
            assert [e.ends(command)[0].outcome for command in commands] == ["confirmed"] * 2

    asyncio.run(scenario())


def test_noise_on_a_pty(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1)
        async with (
            ReaderLine(tmp_path / "tty", readers, seed=7) as line,
            edge_on(line.link, 1) as e,
        ):
            await e.until(lambda: e.of(OutputsReported))
            line.noise = 0.1
            for number in range(30):
                readers[0].present_card(8, bytes([number]))
                await asyncio.sleep(0.07)
            line.noise = 0.0
            readers[0].present_card(8, b"\xff")
            await e.until(lambda: e.of(CardRead) and e.of(CardRead)[-1].data == b"\xff")
            cards = [card.data[0] for card in e.of(CardRead)]
            assert cards == sorted(set(cards)), "no card twice, none out of order"
            # A card is lost when every repetition of its report is spoilt as well.
            assert len(cards) >= 25
            renewed = "its session had to be renewed"
            assert {fact.reason for fact in e.of(DeviceOffline)} <= {renewed}

    asyncio.run(scenario())


def test_two_lines_in_one_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = simulated(1), simulated(1)
        async with (
            ReaderLine(tmp_path / "one", one) as line_one,
            ReaderLine(tmp_path / "other", other) as line_other,
            edge_on(line_one.link, 1) as e_one,
            edge_on(line_other.link, 1) as e_other,
        ):
            await e_one.until(lambda: e_one.of(OutputsReported))
            await e_other.until(lambda: e_other.of(OutputsReported))
            line_one.unplug()
            await e_one.until(lambda: e_one.of(DeviceOffline))
            assert await e_other.do(Hold(0, True)) == "confirmed"
            assert e_other.of(DeviceOffline) == []

    asyncio.run(scenario())


def test_port_that_is_missing_or_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        missing = Edge(tmp_path / "nothing", 1)
        with pytest.raises(LinkLostError, match="plug the adapter in"):
            await missing.driver.run(missing._report, lambda command: True)
        assert [type(fact) for fact in missing.facts] == [DeviceOffline]
        async with ReaderLine(tmp_path / "tty", simulated(1)) as line, edge_on(line.link, 1) as e:
            await e.until(lambda: e.of(DeviceOnline))
            second = Edge(line.link, 1)
            with pytest.raises(LinkLostError, match="in use"):
                await second.driver.run(second._report, lambda command: True)

    asyncio.run(scenario())


def test_cancelled_run_reports_offline_and_loses_commands(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1)
        async with ReaderLine(tmp_path / "tty", readers) as line:
            async with edge_on(line.link, 1) as e:
                await e.until(lambda: e.of(OutputsReported))
                command = e.submit(Pulse(0, 200))
            assert [type(fact) for fact in e.facts[-2:]] == [CommandEnded, DeviceOffline]
            assert e.ends(command)[0].outcome == "lost"
            late = e.submit(Pulse(0, 200))
            assert e.ends(late)[0].outcome == "lost"
            await asyncio.sleep(0.1)
            assert not readers[0].executed

    asyncio.run(scenario())


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


def test_libosdp_reader_is_understood(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            for line in ("card 26 12345640", "card 32 deadbeef", "card 48 0123456789ab"):
                reader.tell(line)
            reader.tell("keys 1234*#")
            reader.tell("input 1 1")
            reader.tell("tamper 1")
            await e.until(lambda: any(fact.tampered for fact in e.of(TamperReported)))
            assert [(card.bits, card.data.hex()) for card in e.of(CardRead)] == [
                (26, "12345640"),
                (32, "deadbeef"),
                (48, "0123456789ab"),
            ]
            assert "".join(fact.keys for fact in e.of(KeysPressed)) == "1234*#"
            assert e.of(InputsReported)[-1].states[:2] == (InputState.INACTIVE, InputState.ACTIVE)
            assert await e.do(Pulse(0, 2_000)) == "confirmed"
            assert await e.do(Pulse(1, 700, on=False)) == "confirmed"
            assert await e.do(Hold(1, True)) == "confirmed"
            assert await e.do(Light(0, Color.GREEN, 1_500)) == "confirmed"
            assert await e.do(Light(0, Color.RED, 0)) == "confirmed"
            assert await e.do(Beep(0, 3)) == "confirmed"
            for said in ("output 0 5 20", "output 1 6 7", "output 1 2 0", "buzzer 0 3"):
                await reader.said(said)
            for said in ("led 0 0 temporary 2 15", "led 0 0 permanent 1 0"):
                await reader.said(said)
            assert e.of(DeviceOffline) == []
            assert e.of(ProtocolViolated) == []

    asyncio.run(scenario())


def test_a_stalled_loop_takes_a_waiting_reply_for_an_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            loop = asyncio.get_running_loop()
            for after_s in (0.01, 0.03, 0.05):
                loop.call_later(after_s, time.sleep, 0.5)
                await asyncio.sleep(0.6)
            reader.tell("card 26 12345640")
            await e.until(lambda: e.of(CardRead))
            assert e.of(DeviceOffline) == []
            assert e.of(ProtocolViolated) == [], "the session never ended"

    asyncio.run(scenario())


def test_libosdp_reader_is_killed_and_returns(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            await reader.kill()
            queued = e.submit(Pulse(0, 2_000), within_ms=60_000)
            await e.until(lambda: e.of(DeviceOffline))
            late = e.submit(Pulse(0, 2_000), within_ms=60_000)
            await e.until(lambda: e.ends(queued) and e.ends(late))
            assert {e.ends(queued)[0].outcome, e.ends(late)[0].outcome} == {"lost"}
            reader.lines.clear()
            e.facts.clear()
            await reader.start()
            await e.until(lambda: e.of(DeviceOnline))
            await e.until_current()
            reader.tell("card 26 12345640")
            await e.until(lambda: e.of(CardRead))
            assert not [line for line in reader.lines if line.startswith("output")]
            assert await e.do(Pulse(0, 2_000)) == "confirmed"

    asyncio.run(scenario())


def test_libosdp_reader_that_sleeps_obeys_nothing_when_it_wakes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            os.kill(reader.process.pid, signal.SIGSTOP)  # the port stays open, nobody listens
            await asyncio.sleep(0.02)
            queued = e.submit(Pulse(0, 2_000), within_ms=60_000)
            await e.until(lambda: e.of(DeviceOffline))
            assert e.ends(queued)[0].outcome == "lost"
            e.facts.clear()
            os.kill(reader.process.pid, signal.SIGCONT)
            await e.until(lambda: e.of(DeviceOnline))
            await e.until_current()
            reader.tell("card 26 12345640")
            await e.until(lambda: e.of(CardRead))
            assert not [line for line in reader.lines if line.startswith("output")]

    asyncio.run(scenario())
