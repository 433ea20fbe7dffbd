"""The driver and pymodbus's own server on a real line."""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

from drivers.api import (
    Action,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    InputsReported,
    InputState,
    Outcome,
    OutputsReported,
    Priority,
    Pulse,
)
from drivers.modbus.bus import Bus
from drivers.modbus.config import LineConfig, ModuleConfig
from drivers.serial_driver import SerialDriver
from tests.drivers.modbus.peer import POINTS, outputs, served, set_input

PATIENCE_S = 10.0


class Edge:
    """Hears the driver and waits for what it says."""

    def __init__(self, port: Path, inputs: int = POINTS) -> None:
        module = ModuleConfig(name="board", address=1, inputs=inputs, outputs=POINTS, flash=True)
        config = LineConfig(port=str(port), modules=(module,))
        self.driver = SerialDriver(Bus(config), config.port, config.baud)
        self.facts: list[Fact] = []
        self._heard = asyncio.Event()
        self._ids = itertools.count()

    def hear(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._heard.set()

    async def until(self, true: Callable[[Fact], bool]) -> None:
        """Wait until the latest of a fact's kind is like that."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(map(true, {type(fact): fact for fact in self.facts}.values())):
                self._heard.clear()
                await self._heard.wait()

    async def do(self, action: Action) -> Outcome:
        name = f"c{next(self._ids)}"
        late_ns = time.monotonic_ns() + 5_000_000_000
        self.driver.submit(
            Command(
                id=name,
                device="board",
                action=action,
                priority=Priority.PASSAGE,
                not_after_ns=late_ns,
            )
        )
        await self.until(lambda fact: isinstance(fact, CommandEnded) and fact.command == name)
        return next(
            f.outcome for f in self.facts if isinstance(f, CommandEnded) and f.command == name
        )


def output_is(number: int, on: bool) -> Callable[[Fact], bool]:
    return lambda fact: isinstance(fact, OutputsReported) and fact.states[number] is on


def test_contacts_relays_and_timed_relays_of_an_independent_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (port, server):
            e = Edge(port)
            running = asyncio.create_task(e.driver.run(e.hear, lambda command: True), name="line")
            await e.until(lambda fact: isinstance(fact, DeviceOnline))
            await e.until(output_is(5, False))
            for on, state in ((True, InputState.ACTIVE), (False, InputState.INACTIVE)):
                await set_input(server, 9, on)
                await e.until(
                    lambda fact, state=state: (  # type: ignore[misc]
                        isinstance(fact, InputsReported) and fact.states[9] is state
                    )
                )
            assert await e.do(Hold(5, on=True)) is Outcome.CONFIRMED
            assert (await outputs(server))[5] is True
            assert await e.do(Pulse(0, 300)) is Outcome.CONFIRMED
            await e.until(output_is(0, False))
            assert (await outputs(server))[0] is False
            assert await e.do(Pulse(5, 300, on=False)) is Outcome.CONFIRMED
            await e.until(output_is(5, True))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert isinstance(e.facts[-1], DeviceOffline)
            assert [type(fact) for fact in e.facts].count(DeviceOffline) == 1

    asyncio.run(scenario())


def test_points_that_an_independent_server_has_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (port, _):
            e = Edge(port, inputs=POINTS + 1)
            running = asyncio.create_task(e.driver.run(e.hear, lambda command: True), name="line")
            await e.until(
                lambda fact: isinstance(fact, DeviceOffline) and "not so many" in fact.reason
            )
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
