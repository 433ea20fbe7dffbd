"""OSDP in the conformance kit: one reader with a board, over Secure Channel."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from drivers.api import (
    CardRead,
    Fact,
    InputsReported,
    InputState,
    KeysPressed,
    OutputsReported,
    Pulse,
    TamperReported,
)
from drivers.osdp import messages as osdp
from drivers.osdp.config import LineConfig
from drivers.osdp.driver import OsdpDriver
from drivers.osdp.frame import MARK, Frame, encode
from simulators.osdp_reader import SimulatedReader
from simulators.serial_line import SerialLine
from tests.drivers.conformance import Subject, Watch
from tests.drivers.hasty import clock_ns
from tests.drivers.osdp.world import key_of, reader_config

OPEN = Pulse(0, 200)


class Bench:
    """See `conformance.Bench`."""

    def __init__(self, line: SerialLine, reader: SimulatedReader) -> None:
        config = LineConfig(
            port=str(line.link), baud=115200, poll_ms=20, readers=(reader_config(1),)
        )
        self.line = line
        self.device = "r1"
        self.driver = OsdpDriver(config, random.Random(1).randbytes, clock_ns)
        self._reader = reader
        self._reader.on_output = self._output
        self._changes: list[tuple[int, bool]] = []
        self._shown: list[bytes] = []

    def _output(self, number: int, energised: bool) -> None:
        self._changes.append((number, energised))
        self.line.set_timer()

    async def exchange(self, watch: Watch) -> None:
        """A card is read, a strike is opened and closes by itself."""
        card = len(self._shown).to_bytes(4, "big")
        self._shown.append(card)
        await watch.again(
            lambda: self._reader.present_card(32, card),
            lambda: any(fact.data == card for fact in watch.of(CardRead)),
        )
        changes = len(self._changes)
        await watch.confirmed(OPEN)
        await watch.again(lambda: None, lambda: len(self._changes) == changes + 2)
        assert self._changes[-2:] == [(0, True), (0, False)]

    def is_true(self, fact: Fact) -> bool:
        match fact:
            case CardRead():
                return fact.data in self._shown
            case InputsReported():
                return fact.states == (InputState.INACTIVE, InputState.INACTIVE)
            case OutputsReported():
                return fact.states[1] is False
            case TamperReported():
                return not (fact.tampered or fact.power_failing)
            case KeysPressed():
                return False
            case _:
                return True

    def acts(self) -> int:
        return len(self._changes)

    def sample(self) -> bytes:
        code, data = osdp.encode(osdp.RawCard(0, 0, 32, b"\xff\xff\xff\xff"))
        return MARK + encode(Frame(address=1, is_reply=True, sequence=1, code=code, data=data))


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    reader = SimulatedReader(1, key_of(1), random.Random(2).randbytes)
    async with SerialLine(folder / "port", reader, clock_ns=clock_ns) as line:
        yield Bench(line, reader)


SUBJECT = Subject(family="osdp", bench=bench, command=OPEN, slow_s=0.1)
