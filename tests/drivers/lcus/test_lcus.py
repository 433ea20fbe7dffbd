"""LCUS boards: golden vectors, and the panel's end in virtual time before a simulated board."""

import msgspec
import pytest

from drivers.api import (
    Beep,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    OutputsReported,
    Priority,
    Pulse,
    Spoken,
)
from drivers.family import DeviceSpec, LineSpec, SerialLine
from drivers.lcus.board import (
    MUTE_IDENTITY,
    SIGNLESS,
    SILENT,
    UNMOVED,
    UNSEEN,
    Board,
    BoardConfig,
)
from drivers.lcus.family import LcusDevice, build, family
from drivers.lcus.frames import states_in, switch
from simulators.lcus_board import SimulatedBoard

MS = 1_000_000


# As sellers print them (optimusdigital.ro, "USB 5V 10A Relay Module") and, for relay 2, as
# the README of a public "AscomSwitchDriver" has them, with the answer below.
@pytest.mark.parametrize(
    ("relay", "on", "expected"),
    [
        (0, True, "a0 01 01 a2"),
        (0, False, "a0 01 00 a1"),
        (1, True, "a0 02 01 a3"),
        (1, False, "a0 02 00 a2"),
    ],
)
def test_a_command_has_these_bytes(relay: int, on: bool, expected: str) -> None:
    assert switch(relay, on=on).hex(" ") == expected


@pytest.mark.parametrize(
    ("data", "states"),
    [
        (b"CH1:OFF \r\nCH2:ON \r\n", (False, True)),
        (b"CH1: ON\r\nCH2: OFF\r\n", (True, False)),
        (b"\xffCH2:ON \r\nCH1:OFF \r\nCH2:ON \r\nCH3:ON \r\n", (False, True)),
        (b"CH1:ON \r\nCH2:ON \r\nCH1:OFF \r\nCH2:OFF \r\n", (False, False)),
        (b"CH1:ON \r\n", None),
        (b"CH1:ON \r\nxCH2:ON \r\n", None),
        (b"CH1:ON \r\nCH1:ON \r\n", None),
        (b"CH2:ON \r\nCH3:ON \r\n", None),
        (b"CH1:ON \r\nCH2:ON ", None),
        (b"CH1:OM \r\nCH2:ON \r\n", None),
    ],
)
def test_an_answer_says_this_of_two_relays(data: bytes, states: tuple[bool, ...] | None) -> None:
    assert states_in(data, 2) == states


class World:
    """A board that answers at once."""

    def __init__(self, *, answers: bool = True) -> None:
        self.now_ns = 1_000_000 * MS
        self.board = Board(BoardConfig(name="relays", outputs=4, answers=answers))
        self.device = SimulatedBoard(4, answers=answers)
        self.facts: list[Fact] = []
        self.silent = False
        self.stands = True
        self.board.start(self.now_ns, lambda command: self.stands)

    def run(self, ms: int) -> "World":
        """Let so much time pass."""
        for _ in range(ms):
            self.now_ns += MS
            self.board.handle_deadline(self.now_ns)
            data = self.board.bytes_to_send(self.now_ns)
            answer = self.device.receive(data, self.now_ns)
            if answer and not self.silent:
                self.board.receive(answer, self.now_ns)
            while (fact := self.board.next_fact()) is not None:
                self.facts.append(fact)
        return self

    def submit(self, *holds: Hold, within_ms: int = 2_000) -> None:
        for number, hold in enumerate(holds):
            self.board.submit(
                Command(
                    id=f"c{number}",
                    device="relays",
                    action=hold,
                    priority=Priority.SIGNAL,
                    not_after_ns=self.now_ns + within_ms * MS,
                ),
                self.now_ns,
            )

    def ends(self) -> list[tuple[str, str]]:
        ended = [fact for fact in self.facts if isinstance(fact, CommandEnded)]
        return [(fact.outcome.value, fact.reason) for fact in ended]


def test_a_relay_is_confirmed_when_the_board_says_that_it_moved() -> None:
    world = World().run(100)
    assert [type(fact) for fact in world.facts] == [DeviceOnline, OutputsReported]
    world.submit(Hold(2, on=True))
    world.run(200)
    assert world.ends() == [("confirmed", "")]
    assert world.device.outputs == [False, False, True, False]
    assert isinstance(world.facts[-2], OutputsReported)


def test_a_relay_that_does_not_move_is_refused() -> None:
    world = World().run(100)
    world.device.stuck.add(2)
    world.submit(Hold(2, on=True))
    world.run(200)
    assert world.ends() == [("refused", UNMOVED)]


def test_nothing_that_a_mute_board_is_told_is_confirmed() -> None:
    world = World(answers=False).run(100)
    (online,) = world.facts
    assert isinstance(online, DeviceOnline)
    assert online.identity == MUTE_IDENTITY
    world.submit(Hold(0, on=True), Hold(1, on=True))
    world.run(200)
    assert world.ends() == [("lost", UNSEEN)] * 2
    assert world.device.outputs[:2] == [True, True]


def test_a_board_that_falls_silent_is_told_and_does_nothing_late() -> None:
    world = World().run(100)
    world.silent = True
    world.device.outputs[0] = True  # the word that would tell so is lost
    world.run(400)
    world.submit(Hold(3, on=True))
    world.run(2_600)
    assert [fact.reason for fact in world.facts if isinstance(fact, DeviceOffline)] == [SILENT]
    assert world.ends() == [("lost", SILENT)]
    world.submit(Hold(2, on=True))
    world.silent = False
    world.run(2_000)
    assert world.device.outputs[2] is False


def test_what_is_not_wanted_any_more_does_not_leave() -> None:
    world = World().run(100)
    world.stands = False
    world.submit(Hold(0, on=True))
    world.run(100)
    world.stands = True
    world.submit(Hold(1, on=True), within_ms=-1)
    world.run(100)
    assert world.ends() == [("withdrawn", ""), ("expired", "")]
    assert not any(world.device.outputs)


def test_what_a_board_cannot_is_refused() -> None:
    world = World().run(100)
    for action in (Pulse(0, 500), Hold(4, on=True)):
        with pytest.raises(ValueError, match=r"no timer|this board has 4"):
            world.submit(action)  # type: ignore[arg-type]
    world.submit(Beep(0, 1))  # type: ignore[arg-type]
    world.run(10)
    assert world.ends() == [("refused", SIGNLESS)]


def test_a_watcher_sees_what_is_said() -> None:
    world = World()
    heard: list[Spoken] = []
    world.board.tap = heard.append
    world.run(100)
    world.submit(Hold(1, on=True))
    world.run(200)
    assert [spoken.text for spoken in heard] == [
        "how are the relays",
        "on: none",
        "relay 1 on",
        "how are the relays",
        "on: 1",
    ]


GOOD = {"line": "usb", "outputs": 4}


@pytest.mark.parametrize(
    ("line", "devices", "problem"),
    [
        ({"baud": 115200}, [GOOD], "9600 baud"),
        ({}, [GOOD, GOOD], "one board has the port to itself, not 2"),
        ({}, [], "one board has the port to itself, not 0"),
        ({}, [GOOD | {"outputs": 9}], "device d0: 1..8 outputs"),
        ({}, [{"line": "usb"}], "device d0: 1..8 outputs"),
        ({}, [GOOD | {"inputs": 1}], "device d0: a relay board has outputs alone"),
    ],
)
def test_a_line_that_cannot_be_is_refused(
    line: dict[str, object], devices: list[dict[str, object]], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        build(described(line, devices))


def described(line: dict[str, object], devices: list[dict[str, object]]) -> LineSpec:
    said = {"driver": "lcus", "port": "/dev/ttyUSB0"} | line
    return LineSpec(
        name="usb",
        options=msgspec.convert(said, SerialLine),
        devices=tuple(
            DeviceSpec(name=f"d{place}", options=msgspec.convert(device, LcusDevice))
            for place, device in enumerate(devices)
        ),
    )


def test_no_lock_hangs_on_a_board() -> None:
    assert build(described({}, [GOOD])).devices == ("d0",)
    assert family.timer(msgspec.convert(GOOD, LcusDevice)) is None
