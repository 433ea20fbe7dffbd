"""What every family of drivers says of itself: the keys of its lines and devices, and who serves.

An installed driver is a `Family` behind an entry point of the group `sentrypost.drivers`; the entry
point's name is what a site file calls `driver = "…"`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec

from drivers.api import Driver
from policies.model import Entry

FILE = "file"
"""In a key's `extra`: the text names a file, and who may read it."""
SECRET, PLAIN, MADE = "secret", "plain", "made"

SecretFile = Annotated[str, msgspec.Meta(extra={FILE: SECRET})]
"""A key that names a file which nobody but its owner may touch; its content comes in `files`."""

MadeFile = Annotated[str, msgspec.Meta(extra={FILE: MADE})]
"""As SecretFile; the edge makes it, and until then there is none."""

PlainFile = Annotated[str, msgspec.Meta(extra={FILE: PLAIN})]
"""A key that names a file which others may read; its content comes in `files`."""


class LineOptions(Entry, frozen=True, kw_only=True):
    """What every `[line.NAME]` has; a family adds its own keys."""

    driver: str


class SerialLine(LineOptions, frozen=True, kw_only=True):
    """A line on a serial port. `port`: absolute by the time a driver is made of it."""

    port: str
    baud: int = 9600


class DeviceOptions(Entry, frozen=True, kw_only=True):
    """What every `[device.NAME]` has; a family adds its own keys.

    `inputs` and `outputs` are how many of each are wired, numbered from 0. `badge_format`: what
    badges that are read there have to look like.
    """

    line: str
    inputs: int = 0
    outputs: int = 0
    keypad: bool = False
    badge_format: str | None = None


class DeviceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One device as the site file describes it. `files`: by key, what the named files hold."""

    name: str
    options: DeviceOptions
    files: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        return f"DeviceSpec(name={self.name!r})"


class LineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One line as the site file describes it. `files`: by key, what the named files hold."""

    name: str
    options: LineOptions
    devices: tuple[DeviceSpec, ...]
    files: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        return f"LineSpec(name={self.name!r})"


class Timer(msgspec.Struct, frozen=True):
    """How long a device can work an output by itself: whole steps, up to a limit."""

    step_ms: int
    ms_max: int


class Reliance(msgspec.Struct, frozen=True):
    """How far a device is relied on, as `Family` has it."""

    timer: Timer | None
    watched: bool
    holds: bool
    cuts: bool


class About(msgspec.Struct, frozen=True, kw_only=True):
    """For people: what it is, what it was tested against, and whether on real hardware."""

    what: str
    tested_against: tuple[str, ...]
    on_hardware: str = "not yet"


def _always(_device: DeviceOptions) -> bool:
    return True


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of line.

    `build` makes the driver of one line and opens nothing. It raises ValueError with one message,
    for people to read, for each thing that cannot be as it is described; one about a device begins
    with `device NAME: `. `timer`: how the device times its outputs; None where it cannot, and then
    no lock hangs on it. `watched`: that a device is gone is told within three seconds, whoever
    has cut it off; where that is not so, no fire input hangs on it, nor what unlocks. `holds`: what
    an output is set to for good lasts; a lock that turns back by itself is none that a fire
    releases, nor one that needs power to stay shut. `cuts`: the device can cut an output's current
    for a time, by which a lock that needs power to stay shut is opened.
    """

    line: type[LineOptions]
    device: type[DeviceOptions]
    build: Callable[[LineSpec], Driver]
    timer: Callable[[DeviceOptions], Timer | None]
    about: About
    watched: bool = True
    holds: Callable[[DeviceOptions], bool] = _always
    cuts: Callable[[DeviceOptions], bool] = _always

    def reliance(self, device: DeviceOptions) -> Reliance:
        """How far one of its devices is relied on."""
        return Reliance(self.timer(device), self.watched, self.holds(device), self.cuts(device))


def file_keys(kind: type[Entry]) -> dict[str, str]:
    """The keys that name files, as they are written, each with who may read its file."""
    told = msgspec.inspect.type_info(kind)
    assert isinstance(told, msgspec.inspect.StructType)
    found = {field.encode_name: _file_in(field.type) for field in told.fields}
    return {key: who for key, who in found.items() if who is not None}


def files_named(entry: Entry) -> dict[str, str]:
    """The files that an entry names, by key."""
    named = {key: getattr(entry, key.replace("-", "_")) for key in file_keys(type(entry))}
    return {key: name for key, name in named.items() if name is not None}


def secret_files(entry: Entry) -> list[str]:
    """Those of them that nobody but their owner may touch."""
    kinds = file_keys(type(entry))
    return [name for key, name in files_named(entry).items() if kinds[key] != PLAIN]


def _file_in(kind: msgspec.inspect.Type) -> str | None:
    if isinstance(kind, msgspec.inspect.UnionType):
        return next((who for one in kind.types if (who := _file_in(one)) is not None), None)
    if isinstance(kind, msgspec.inspect.Metadata):
        return (kind.extra or {}).get(FILE)
    return None
