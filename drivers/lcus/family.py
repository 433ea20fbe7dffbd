"""The LCUS family: what a site file says of a USB relay board, and the driver made of it."""

from drivers.family import About, DeviceOptions, Family, LineSpec, SerialLine
from drivers.lcus.board import Board, BoardConfig
from drivers.lcus.frames import RELAYS_MAX
from drivers.serial_driver import SerialDriver

BAUD = 9600  # the boards have no other


class LcusDevice(DeviceOptions, frozen=True, kw_only=True):
    """A USB relay board. `answers = false`: one that never says how its relays are, so that
    nothing that it is told is ever confirmed.
    """

    answers: bool = True


def build(line: LineSpec) -> SerialDriver:
    """The driver of one board.

    Raises ValueError with one message for each thing that an LCUS board has not.
    """
    options = line.options
    assert isinstance(options, SerialLine), "the family's own line"
    problems = []
    if options.baud != BAUD:
        problems.append(f"an LCUS board speaks at {BAUD} baud")
    if len(line.devices) != 1:
        problems.append(f"one board has the port to itself, not {len(line.devices)}")
    for device in line.devices:
        wired = device.options
        if not 1 <= wired.outputs <= RELAYS_MAX:
            problems.append(f"device {device.name}: 1..{RELAYS_MAX} outputs")
        if wired.inputs or wired.keypad or wired.badge_format is not None:
            problems.append(f"device {device.name}: a relay board has outputs alone")
    if problems:
        raise ValueError(*problems)
    (device,) = line.devices
    wired = device.options
    assert isinstance(wired, LcusDevice), "the family's own device"
    config = BoardConfig(name=device.name, outputs=wired.outputs, answers=wired.answers)
    return SerialDriver(Board(config), options.port, options.baud)


def _no_timer(_device: DeviceOptions) -> None:
    """It has none, and so no lock hangs on it."""


family = Family(
    line=SerialLine,
    device=LcusDevice,
    build=build,
    timer=_no_timer,
    about=About(
        what="LCUS-1 to LCUS-8 USB relay boards, without a timer: nothing of a portal so far",
        tested_against=("the simulated board",),
    ),
)
