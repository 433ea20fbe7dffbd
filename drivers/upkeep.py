"""What is done to devices by hand now and then, where their protocol has it: keys, acceptance.

A driver that can do it has `upkeep` beside what `drivers.api.Driver` asks for. Every key is on disk
before a driver is told of it, and stays there until a fact says which one the device has proved.
"""

from typing import Protocol, runtime_checkable

import msgspec

from drivers.api import Fact


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier runs have left of a device, told before the line is served.

    `successor`: a key that lies beside the device's own. `profile`: as in `DeviceProfiled`.
    """

    device: str
    successor: bytes | None = None
    profile: str | None = None

    def __repr__(self) -> str:
        return f"Recall(device={self.device!r}, successor=…)"


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Give a device that has no key of its own this one; until `until_ns`, monotonic."""

    device: str
    key: bytes
    until_ns: int

    def __repr__(self) -> str:
        return f"Pair(device={self.device!r}, key=…)"


class Rekey(msgspec.Struct, frozen=True, kw_only=True):
    """Give a device this key in place of its own, within the session that stands."""

    device: str
    key: bytes

    def __repr__(self) -> str:
        return f"Rekey(device={self.device!r}, key=…)"


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """Believe a device although it is another than it was."""

    device: str


class ChangeSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """Bring a line and all of its devices to another speed. `device`: any of them."""

    device: str
    baud: int


class RecallSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """A line is at another speed than its configuration says, told before it is served.

    `other`: a change to that speed was cut off; whoever is there is brought back to `baud`.
    """

    device: str
    baud: int
    other: int | None = None


Upkeep = Recall | Pair | Rekey | Accept | ChangeSpeed | RecallSpeed


class KeyProven(Fact, frozen=True, kw_only=True):
    """A session stands under one of the two keys that the device may have had.

    The other one is worth nothing from here on. `successor`: it was the new one. Not told as long
    as a device that has proved the old one may be about to write the new one.
    """

    successor: bool


class PairingEnded(Fact, frozen=True, kw_only=True):
    """The time of a pairing is over, and the device has proved no key.

    `is_out`: the new key may have reached the device; it must be kept and tried on.
    """

    is_out: bool
    reason: str


class DeviceProfiled(Fact, frozen=True, kw_only=True):
    """What the device is, seen for the first time or accepted. `profile` is the driver's own text,
    to be given back to it as `Recall`.
    """

    profile: str


class DeviceChanged(Fact, frozen=True, kw_only=True):
    """The device is another than it was, can less, or has lost its key: it is not believed until it
    is the former one again, or a person has accepted it or paired it anew.
    """

    reason: str


class SpeedSettled(Fact, frozen=True, kw_only=True):
    """A change of speed is over: the whole line is at `baud`, but for whoever is `missing`.

    `device` is the first of the line. `called_off`: a command that frees or locks came in between.
    """

    baud: int
    missing: tuple[str, ...]
    called_off: bool = False


class SpeedHeard(Fact, frozen=True, kw_only=True):
    """Nobody has answered on the line since it was opened, and somebody does at another speed."""

    baud: int


@runtime_checkable
class Maintained(Protocol):
    """A driver whose devices have keys, are known again, and can be told another speed."""

    @property
    def devices(self) -> tuple[str, ...]:
        """As `drivers.api.Driver` has it."""
        ...

    def upkeep(self, order: Upkeep) -> None:
        """Begin it; its end comes as a fact. Raises ValueError, for people, where it cannot be."""
        ...
