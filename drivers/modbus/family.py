"""The Modbus family: what a site file says of its lines and modules, and the driver made of it."""

from drivers.family import (
    About,
    DeviceOptions,
    DeviceSpec,
    Family,
    LineSpec,
    SerialLine,
    Timer,
)
from drivers.modbus.bus import Bus
from drivers.modbus.config import LineConfig, ModuleConfig
from drivers.modbus.messages import FLASH_STEP_MS
from drivers.modbus.module import FLASH_MS_MAX
from drivers.serial_driver import SerialDriver


class ModbusLine(SerialLine, frozen=True, kw_only=True):
    """An RS-485 line, 8 data bits, no parity. `poll_ms`: rest between two readings of a module."""

    poll_ms: int = 50


class ModbusDevice(DeviceOptions, frozen=True, kw_only=True):
    """A relay or input module. `flash`: it has the timed commands of Waveshare's modules, without
    which no lock may hang on it.
    """

    address: int
    flash: bool = False


def build(line: LineSpec) -> SerialDriver:
    """The driver of one line. Raises ValueError as `line_config` does."""
    config = line_config(line)
    return SerialDriver(Bus(config), config.port, config.baud)


def line_config(line: LineSpec) -> LineConfig:
    """What the machine of one line is made from.

    Raises ValueError with one message for every address, speed or count that Modbus has not.
    """
    options = line.options
    assert isinstance(options, ModbusLine), "the family's own line"
    modules, problems = [], []
    for device in line.devices:
        try:
            modules.append(_module(device))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError(*problems)
    return LineConfig(
        port=options.port, modules=tuple(modules), baud=options.baud, poll_ms=options.poll_ms
    )


def _module(device: DeviceSpec) -> ModuleConfig:
    options = device.options
    assert isinstance(options, ModbusDevice), "the family's own device"
    if options.keypad or options.badge_format is not None:
        raise ValueError(f"device {device.name}: a relay module reads no badge and has no keypad")
    return ModuleConfig(
        name=device.name,
        address=options.address,
        inputs=options.inputs,
        outputs=options.outputs,
        flash=options.flash,
    )


def _timer(device: DeviceOptions) -> Timer | None:
    assert isinstance(device, ModbusDevice), "the family's own device"
    return Timer(FLASH_STEP_MS, FLASH_MS_MAX) if device.flash else None


family = Family(
    line=ModbusLine,
    device=ModbusDevice,
    build=build,
    timer=_timer,
    about=About(
        what="relay and input modules over RS-485, Modbus RTU; Waveshare's timed commands",
        tested_against=("pymodbus's server", "the simulated module"),
    ),
)
