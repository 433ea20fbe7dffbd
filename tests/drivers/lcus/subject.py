"""LCUS boards in the conformance kit: one that answers and one that never does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from drivers.api import Fact, Hold, OutputsReported
from drivers.lcus.board import Board, BoardConfig
from drivers.serial_driver import SerialDriver
from simulators.lcus_board import SimulatedBoard
from simulators.serial_line import SerialLine
from tests.drivers.conformance import Bench, Subject, Watch
from tests.drivers.hasty import clock_ns

ON, OFF = Hold(1, on=True), Hold(1, on=False)


class BoardBench:
    """See `conformance.Bench`."""

    def __init__(self, line: SerialLine, board: SimulatedBoard, *, answers: bool) -> None:
        config = BoardConfig(name="relays", outputs=4, answers=answers)
        self.line = line
        self.device = "relays"
        self.driver = SerialDriver(Board(config), str(line.link), 9600, clock_ns)
        self._board, self._answers = board, answers
        self._changes: list[tuple[int, bool]] = []
        board.on_output = lambda number, on: self._changes.append((number, on))

    async def exchange(self, watch: Watch) -> None:
        """A relay goes on and off."""
        await watch.until(lambda: watch.online)
        for action in (OFF, ON, OFF):
            if self._answers:
                await watch.confirmed(action)
            else:
                await watch.do(action)
                await watch.again(lambda: None, lambda on=action.on: self._board.outputs[1] is on)  # type: ignore[misc]

    def is_true(self, fact: Fact) -> bool:
        if not isinstance(fact, OutputsReported):
            return False
        return len(fact.states) == 4 and not any(fact.states[:1] + fact.states[2:])

    def acts(self) -> int:
        return len(self._changes)

    def sample(self) -> bytes:
        return b"CH1:OFF \r\nCH2:OFF \r\nCH3:OFF \r\nCH4:OFF \r\n"


def bench(answers: bool) -> Callable[[Path], AbstractAsyncContextManager[Bench]]:
    @asynccontextmanager
    async def made(folder: Path) -> AsyncIterator[Bench]:
        board = SimulatedBoard(4, answers=answers)
        async with SerialLine(folder / "port", board, clock_ns=clock_ns) as line:
            yield BoardBench(line, board, answers=answers)

    return made


SUBJECTS = (
    Subject(family="lcus", bench=bench(True), command=ON, slow_s=0.1),
    Subject(family="lcus mute", bench=bench(False), command=ON, notices_silence=False),
)
