"""How the edge makes an OSDP line of what its site file says."""

from drivers.api import DeviceSpec, LineSpec
from drivers.osdp.config import LineConfig, ReaderConfig
from drivers.osdp.driver import OsdpDriver


def build(line: LineSpec) -> OsdpDriver:
    """The driver of one line, `drivers.api.Factory`. Raises ValueError as `line_config` does."""
    return OsdpDriver(line_config(line))


def line_config(line: LineSpec) -> LineConfig:
    """What the OSDP machine of one line is made from.

    Raises ValueError with one message for every address, key, speed or count that OSDP has not.
    """
    readers, problems = [], []
    for device in line.devices:
        try:
            readers.append(_reader(device))
        except ValueError as error:
            problems.append(str(error))
    try:
        config = LineConfig(
            port=line.port, readers=tuple(readers), baud=line.baud, poll_ms=line.poll_ms
        )
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise ValueError(*problems)
    return config


def _reader(device: DeviceSpec) -> ReaderConfig:
    return ReaderConfig(
        name=device.name,
        address=device.address,
        key_file=device.key,
        inputs=device.inputs,
        outputs=device.outputs,
    )
