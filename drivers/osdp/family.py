"""The OSDP family: what a site file says of its lines and readers, and the driver made of it."""

from typing import Literal

from drivers.family import (
    About,
    DeviceOptions,
    DeviceSpec,
    Family,
    LineSpec,
    MadeFile,
    SerialLine,
    Timer,
)
from drivers.osdp.config import LineConfig, ReaderConfig
from drivers.osdp.driver import OsdpDriver
from drivers.osdp.translate import TICK_MS, TIMER_MS_MAX


class OsdpLine(SerialLine, frozen=True, kw_only=True):
    """`poll_ms`: rest between a reader's reply and its next poll."""

    poll_ms: int = 50


class OsdpDevice(DeviceOptions, frozen=True, kw_only=True):
    """A reader, or a board that speaks as one. `key`: the file with its Secure Channel key; none
    before it is paired. `key_bits`: its keypad sends every key as a card of so many bits.
    """

    address: int
    key: MadeFile
    key_bits: Literal[4, 8] | None = None


def build(line: LineSpec) -> OsdpDriver:
    """The driver of one line. Raises ValueError as `line_config` does."""
    return OsdpDriver(line_config(line))


def line_config(line: LineSpec) -> LineConfig:
    """What the OSDP machine of one line is made from.

    Raises ValueError with one message for every address, key, speed or count that OSDP has not.
    """
    options = line.options
    assert isinstance(options, OsdpLine), "the family's own line"
    readers, problems = [], []
    for device in line.devices:
        try:
            readers.append(_reader(device))
        except ValueError as error:
            problems.append(str(error))
    try:
        config = LineConfig(
            port=options.port, readers=tuple(readers), baud=options.baud, poll_ms=options.poll_ms
        )
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise ValueError(*problems)
    return config


def options_of(device: DeviceSpec) -> OsdpDevice:
    """What the site file says of a reader of this family."""
    assert isinstance(device.options, OsdpDevice), "the family's own device"
    return device.options


def _reader(device: DeviceSpec) -> ReaderConfig:
    options = options_of(device)
    return ReaderConfig(
        name=device.name,
        address=options.address,
        key_file=device.files.get("key"),
        inputs=options.inputs,
        outputs=options.outputs,
        key_bits=options.key_bits,
    )


def _timer(_device: DeviceOptions) -> Timer:
    return Timer(TICK_MS, TIMER_MS_MAX)


family = Family(
    line=OsdpLine,
    device=OsdpDevice,
    build=build,
    timer=_timer,
    about=About(
        what="readers and boards that speak OSDP 2.2 over RS-485, in Secure Channel alone",
        tested_against=("libosdp's reader (PyPI `libosdp`)", "the simulated reader"),
    ),
)
