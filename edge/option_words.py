"""What a site file says of a line or a device in its family's own keys, in a few words."""

import msgspec

from drivers.family import DeviceOptions, LineOptions, file_keys
from policies.model import Entry


def place_of(device: DeviceOptions) -> str:
    """Where on its line it is and what else its family is told, as `address 4`; often all of it."""
    return _words(device, DeviceOptions)


def way_of(line: LineOptions) -> str:
    """What the line goes over, as `port /dev/ttyUSB0, baud 9600`."""
    return _words(line, LineOptions)


def _words(entry: Entry, base: type[Entry]) -> str:
    """The keys that the family adds, where they are one word each and say something of their own.

    A file's name is left out: it says nothing of the place, and may say too much of the key.
    """
    common = {field.name for field in msgspec.structs.fields(base)}
    files = file_keys(type(entry))
    said = []
    for field in msgspec.structs.fields(type(entry)):
        value: object = getattr(entry, field.name)
        plain = isinstance(value, str | int) and not isinstance(value, bool)
        if field.name in common or field.encode_name in files or not plain:
            continue
        said.append(f"{field.encode_name} {value}")
    return ", ".join(said)
