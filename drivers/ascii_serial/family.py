"""The readers that only ever speak, as a site file names them: `rdm6300`, `id12`, `scanner`."""

from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec

from drivers.api import CardRead, CodeRead
from drivers.ascii_serial.frames import ID12_TAIL, RDM6300_TAIL, CodeDecoder, TagDecoder
from drivers.ascii_serial.reader import Kind, Reader
from drivers.family import About, DeviceOptions, DeviceSpec, Family, LineSpec, SerialLine
from drivers.serial_driver import SerialDriver

MODULE_BAUD = 9600
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class ModuleLine(SerialLine, frozen=True, kw_only=True):
    """The line of a module that knows one speed."""

    baud: Annotated[int, msgspec.Meta(ge=MODULE_BAUD, le=MODULE_BAUD)] = MODULE_BAUD


def _tag(device: str, at_ns: int, value: bytes) -> CardRead:
    return CardRead(device=device, at_ns=at_ns, reader=0, bits=8 * len(value), data=value)


def _code(device: str, at_ns: int, value: bytes) -> CodeRead:
    return CodeRead(device=device, at_ns=at_ns, reader=0, text=value.decode("ascii"))


RDM6300 = Kind("RDM6300", "badge", lambda: TagDecoder(RDM6300_TAIL), _tag)
ID12 = Kind("ID-12", "badge", lambda: TagDecoder(ID12_TAIL), _tag)
SCANNER = Kind("scanner", "code", CodeDecoder, _code)


def _builder(kind: Kind) -> Callable[[LineSpec], SerialDriver]:
    def build(line: LineSpec) -> SerialDriver:
        options = line.options
        assert isinstance(options, SerialLine), "the family's own line"
        problems = list(_problems(line, options, kind))
        if problems:
            raise ValueError(*problems)
        return SerialDriver(Reader(line.devices[0].name, kind), options.port, options.baud)

    return build


def _problems(line: LineSpec, options: SerialLine, kind: Kind) -> Iterator[str]:
    if options.baud not in BAUDS:
        yield f"baud must be one of {', '.join(map(str, BAUDS))}"
    if len(line.devices) != 1:
        yield f"one device is on the line of a reader without address, not {len(line.devices)}"
    for device in line.devices:
        for wrong in _wrong(device, kind):
            yield f"device {device.name}: {wrong}"


def _wrong(device: DeviceSpec, kind: Kind) -> Iterator[str]:
    options = device.options
    if options.inputs or options.outputs:
        yield f"a reader of the kind '{kind.what}' has no inputs and no outputs"
    if options.keypad:
        yield f"a reader of the kind '{kind.what}' has no keypad"
    if kind is SCANNER and options.badge_format is not None:
        yield "a scanner reads codes, and a badge format is about bits"


def _no_timer(_device: DeviceOptions) -> None:
    """Without outputs there is nothing to time."""


def _family(kind: Kind, line: type[SerialLine], about: About) -> Family:
    return Family(
        line=line, device=DeviceOptions, build=_builder(kind), timer=_no_timer, about=about
    )


rdm6300 = _family(
    RDM6300,
    ModuleLine,
    About(
        what="RDM6300 modules for 125 kHz badges (EM4100), 40 bits without protection",
        tested_against=(
            "frames that others have published",
            "the simulated module, which PyPI `rdm6300` reads as well",
        ),
    ),
)
id12 = _family(
    ID12,
    ModuleLine,
    About(
        what="ID-12LA and ID-20LA modules for 125 kHz badges (EM4100), 40 bits without protection",
        tested_against=("frames of the data sheet and of others' tests", "the simulated module"),
    ),
)
scanner = _family(
    SCANNER,
    SerialLine,
    About(
        what="scanners for QR codes and barcodes that send lines of characters",
        tested_against=("the simulated scanner",),
    ),
)
