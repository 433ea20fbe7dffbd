"""How the edge makes an OSDP line of what its site file says."""

from drivers.api import LineSpec
from drivers.osdp.config import LineConfig, ReaderConfig
from drivers.osdp.driver import OsdpDriver


def build(line: LineSpec) -> OsdpDriver:
    """The driver of one line, `drivers.api.Factory`.

    Raises ValueError, for people to read, for an address, key, speed or count that OSDP has not.
    """
    readers = tuple(
        ReaderConfig(
            name=device.name,
            address=device.address,
            key_file=device.key,
            inputs=device.inputs,
            outputs=device.outputs,
        )
        for device in line.devices
    )
    return OsdpDriver(
        LineConfig(port=line.port, readers=readers, baud=line.baud, poll_ms=line.poll_ms)
    )
