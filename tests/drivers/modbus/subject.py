"""Modbus in the conformance kit: one module with inputs, and outputs on its own timer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from drivers.api import Fact, InputsReported, InputState, OutputsReported, Pulse
from drivers.modbus.bus import Bus
from drivers.modbus.config import LineConfig, ModuleConfig
from drivers.serial_driver import SerialDriver
from simulators.modbus_module import SimulatedModule, crc
from simulators.serial_line import SerialLine
from tests.drivers.conformance import Subject, Watch
from tests.drivers.hasty import clock_ns

OPEN = Pulse(3, 200)


class Bench:
    """See `conformance.Bench`."""

    def __init__(self, line: SerialLine, module: SimulatedModule) -> None:
        configured = ModuleConfig(name="board", address=1, inputs=8, outputs=8, flash=True)
        config = LineConfig(port=str(line.link), modules=(configured,), baud=115200, poll_ms=20)
        self.line = line
        self.device = "board"
        self.driver = SerialDriver(Bus(config), config.port, config.baud, clock_ns)
        self._module = module
        self._module.on_output = self._output
        self._changes: list[tuple[int, bool]] = []

    def _output(self, number: int, on: bool) -> None:
        self._changes.append((number, on))
        self.line.set_timer()

    async def exchange(self, watch: Watch) -> None:
        """An input is seen to change, and an output switches on and, by itself, off."""
        await watch.until(lambda: watch.online)
        for active in (not self._module.inputs[2], self._module.inputs[2]):
            self._module.inputs[2] = active
            wanted = InputState.ACTIVE if active else InputState.INACTIVE
            await watch.until(lambda wanted=wanted: _last_input(watch) is wanted)  # type: ignore[misc]
        changes = len(self._changes)
        await watch.confirmed(OPEN)
        await watch.again(lambda: None, lambda: len(self._changes) == changes + 2)
        assert self._changes[-2:] == [(3, True), (3, False)]

    def is_true(self, fact: Fact) -> bool:
        match fact:
            case InputsReported():
                others = fact.states[:2] + fact.states[3:]
                return len(fact.states) == 8 and set(others) == {InputState.INACTIVE}
            case OutputsReported():
                return len(fact.states) == 8 and not any(fact.states[:3] + fact.states[4:])
            case _:
                return False

    def acts(self) -> int:
        return len(self._changes)

    def sample(self) -> bytes:
        answer = bytes([1, 2, 1, 0])
        return answer + crc(answer)


def _last_input(watch: Watch) -> InputState:
    return watch.of(InputsReported)[-1].states[2]


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    module = SimulatedModule(1)
    async with SerialLine(folder / "port", module, clock_ns=clock_ns) as line:
        yield Bench(line, module)


SUBJECT = Subject(family="modbus", bench=bench, command=OPEN, slow_s=0.1)
