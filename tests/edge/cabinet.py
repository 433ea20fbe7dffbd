"""The house with a Modbus module in place of its OSDP board."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.assembly import Edge
from simulators.modbus_module import SimulatedModule
from simulators.serial_line import SerialLine
from tests.edge import house as houses
from tests.edge.checks import ready
from tests.edge.house import FIRE_LOOP, House, running

OSDP_BOARD = """
[device.board]
line = "north"
address = 4
key = "board.key"
"""
MODULE = """
[line.cabinet]
driver = "modbus"
port = "cabinet"
baud = 115200
poll-ms = 20

[device.board]
line = "cabinet"
address = 1
flash = true
"""


class Cabinet:
    """A house that is wired to a module, and the module."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.module = SimulatedModule(1, inputs=4, outputs=2, on_output=self._moved)
        self.module.inputs[FIRE_LOOP] = True
        self.line = SerialLine(folder / "cabinet", self.module)

    def _moved(self, number: int, on: bool) -> None:
        self.house._on_output(number, on)
        self.line.set_timer()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Edge]:
        """Both lines and the edge, once it is ready."""
        async with self.house.line(), self.line, running(self.house) as edge:
            await ready(edge)
            yield edge


def wire_to_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every house that is made from here on has its locks and contacts on a Modbus module."""
    assert OSDP_BOARD in houses.SITE
    monkeypatch.setattr(houses, "SITE", houses.SITE.replace(OSDP_BOARD, MODULE))
