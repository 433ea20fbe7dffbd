"""From a board's report of its inputs to what the core hears of points, loops and sources."""

from collections.abc import Iterable
from itertools import count

import pytest

from controller.barrier import Loop
from controller.events_points import SourceLine
from controller.ids import InputId
from controller.inputs import Input
from controller.inputs_barriers import LoopHeard
from controller.inputs_points import PointHeard, SourceHeard
from controller.point import Line
from drivers.api import InputsReported, InputState
from edge.config import Config
from edge.wiring_perimeter import Perimeter
from tests.edge.compound import Compound

LOOP, FENCE, PIR, MASK, KEY = 2, 4, 6, 7, 8
"""Inputs of the yard's board."""

MS = 1_000


class Board:
    """The yard's board, as its driver reports it."""

    def __init__(self, config: Config) -> None:
        ids = count()
        self.perimeter = Perimeter(config, lambda: InputId(f"i{next(ids)}"))
        self.states = [InputState.INACTIVE] * 10
        self.states[5] = InputState.ACTIVE  # the beam's line is inverted
        self.at_ms = 0

    def says(
        self,
        number: int,
        state: InputState,
        after_ms: int = 0,
        remembered: tuple[int, ...] = (),
    ) -> dict[str, str]:
        self.at_ms += after_ms
        self.states[number] = state
        report = InputsReported(
            device="yard", at_ns=0, states=tuple(self.states), remembered=remembered
        )
        return told(self.perimeter.reported(report, self.at_ms * MS))

    def later(self, ms: int) -> dict[str, str]:
        self.at_ms += ms
        return told(self.perimeter.settled(self.at_ms * MS))


def told(facts: Iterable[Input]) -> dict[str, str]:
    found = {}
    for fact in facts:
        match fact:
            case PointHeard(point=name, line=line):
                found[name] = str(line)
            case SourceHeard(source=name, line=line):
                found[name] = str(line)
            case LoopHeard(portal=name, loop=loop):
                found[f"{name} loop"] = str(loop)
    return found


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Compound(tmp_path_factory.mktemp("compound")).config()


@pytest.fixture
def board(config: Config) -> Board:
    made = Board(config)
    first = made.says(0, InputState.INACTIVE)
    assert first == {
        "fence": Line.QUIET,
        "beam": Line.QUIET,
        "hall-pir": Line.QUIET,
        "guard-key": SourceLine.QUIET,
        "panic": SourceLine.QUIET,
        "drive loop": Loop.FREE,
    }
    return made


@pytest.mark.parametrize(
    ("number", "name"), [(FENCE, "fence"), (PIR, "hall-pir"), (KEY, "guard-key")]
)
@pytest.mark.parametrize("state", [InputState.ACTIVE, InputState.CUT, InputState.SHORTED])
def test_what_does_not_last_is_not_told(
    board: Board, number: int, name: str, state: InputState
) -> None:
    assert board.says(number, state, 100) == {}
    assert board.says(number, InputState.INACTIVE, 10) == {}
    assert board.later(1_000) == {}
    board.says(number, state)
    assert board.later(19) == {}
    assert board.later(50) == {name: str(state)}


@pytest.mark.parametrize(
    ("state", "loop"),
    [
        (InputState.ACTIVE, Loop.TAKEN),
        (InputState.CUT, Loop.FAULTED),
        (InputState.SHORTED, Loop.FAULTED),
    ],
)
def test_a_loop_that_is_not_free_is_believed_at_once_and_a_free_one_when_it_lasts(
    board: Board, state: InputState, loop: Loop
) -> None:
    assert board.says(LOOP, state, 100) == {"drive loop": loop}
    assert board.says(LOOP, InputState.INACTIVE, 10) == {}
    assert board.later(49) == {}
    assert board.later(2) == {"drive loop": Loop.FREE}


def test_a_loop_that_is_free_for_a_moment_stays_taken(board: Board) -> None:
    board.says(LOOP, InputState.ACTIVE, 100)
    board.says(LOOP, InputState.INACTIVE, 10)
    assert board.says(LOOP, InputState.ACTIVE, 10) == {}
    assert board.later(1_000) == {}


@pytest.mark.parametrize(
    ("state", "line"), [(InputState.ACTIVE, Line.MASKED), (InputState.CUT, Line.CUT)]
)
def test_the_second_line_of_a_sensor_says_that_it_is_masked(
    board: Board, state: InputState, line: Line
) -> None:
    board.says(MASK, state, 100)
    assert board.later(50) == {"hall-pir": line}


def test_a_key_that_is_remembered_as_turned_was_not_turned(board: Board) -> None:
    board.perimeter.lost("yard")
    board.states[KEY] = InputState.ACTIVE
    found = board.says(FENCE, InputState.ACTIVE, 100, remembered=(KEY, FENCE))
    found |= board.later(1_000)
    assert "guard-key" not in found
    assert found["fence"] == Line.ACTIVE, "how things stand is news all the same"
    found = board.says(KEY, InputState.ACTIVE, 100)
    assert (found | board.later(1_000))["guard-key"] == SourceLine.ACTIVE


def test_an_input_that_vanishes_from_the_report_is_cut(board: Board) -> None:
    report = InputsReported(device="yard", at_ns=0, states=tuple(board.states[:8]))
    told(board.perimeter.reported(report, 1_000 * MS))
    found = told(board.perimeter.settled(2_000 * MS))
    assert found == {"guard-key": SourceLine.CUT, "panic": SourceLine.CUT}


def test_what_hangs_on_a_device_that_goes_away_is_gone_and_read_anew(board: Board) -> None:
    lost = told(board.perimeter.lost("yard"))
    assert lost["fence"] == Line.GONE
    assert lost["drive loop"] == Loop.FAULTED
    assert lost["guard-key"] == SourceLine.GONE
    again = board.says(0, InputState.INACTIVE)
    assert again["fence"] == Line.QUIET
    assert again["drive loop"] == Loop.FREE
