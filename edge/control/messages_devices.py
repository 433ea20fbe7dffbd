"""What passes over the control socket about lines and the devices on them."""

from typing import Annotated

import msgspec

from controller.moment import Micros
from drivers.api import InputState, Outcome
from edge.control.message import Count, Message, Part

DEVICES_MAX = 40
"""Devices of one message: what fits into a frame with as many points as a device can have."""

SPOKEN_MAX = 200
"""Messages of a line in one of ours: what fits into a frame with the longest that a line has."""


class ReadDevices(Message, frozen=True, kw_only=True):
    """Every device from the `begin`th on; answered by DevicesReply."""

    begin: Count


class FollowDevices(Message, frozen=True, kw_only=True):
    """Every device as it is, then each again whenever something of it changes: DevicesReply and
    Heartbeat without end. The client sends nothing more on this connection.
    """


class InputShown(Part, frozen=True, kw_only=True):
    """`wired`: what hangs there, empty where nothing does; `word`: what its state means there."""

    number: Count
    state: InputState | None
    wired: str
    word: str


class OutputShown(Part, frozen=True, kw_only=True):
    """As InputShown; `on`: energised."""

    number: Count
    on: bool | None
    wired: str
    word: str


class WorkedShown(Part, frozen=True, kw_only=True):
    """What became of the last command to a part of a device: a light, a sounder, an output."""

    part: str
    outcome: Outcome
    utc_us: Micros
    reason: str


class DeviceShown(Part, frozen=True, kw_only=True):
    """One device, as the running edge knows it; it remembers nothing from before its start.

    `way`: what its line goes over; `place`: where on the line it is. `serves`: whose reader it is.
    `online`: None until it was heard of; `since_utc_us`: since when. `reason`: why it does not
    count as there. `doubt`: what it did last that it must not. Cards, and badges that could not be
    read, are counted; `keys`: some were pressed.
    """

    id: str
    line: str
    driver: str
    way: str
    place: str
    serves: tuple[str, ...]
    online: bool | None
    since_utc_us: Micros | None
    heard_utc_us: Micros | None
    secure: bool
    identity: str
    reason: str
    tampered: bool
    power_failing: bool
    doubt: str
    doubt_utc_us: Micros | None
    cards: Count
    card_bits: Count
    unread: Count
    keys: bool
    inputs: tuple[InputShown, ...]
    outputs: tuple[OutputShown, ...]
    worked: tuple[WorkedShown, ...]


class DevicesReply(Message, frozen=True, kw_only=True):
    """In the order of the site file. `more`: ask again, or wait, for the rest."""

    timezone: str
    utc_us: Micros
    devices: Annotated[tuple[DeviceShown, ...], msgspec.Meta(max_length=DEVICES_MAX)]
    more: bool


class TraceLine(Message, frozen=True, kw_only=True):
    """What passes on a line from now on: TraceReply and Heartbeat without end. `name`: of the line,
    or of one device on it. The client sends nothing more on this connection.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class SpokenShown(Part, frozen=True, kw_only=True):
    """As `drivers.api.Spoken`: nothing in it helps anybody to a badge, a PIN or a key."""

    utc_us: Micros
    device: str
    outgoing: bool
    text: str
    frame: bytes


class TraceReply(Message, frozen=True, kw_only=True):
    """In the order on the line. `missed`: so many before them came too fast for whoever reads.

    `reason` and `remedy`: why there is nothing to be had; then it ends.
    """

    line: str = ""
    driver: str = ""
    spoken: Annotated[tuple[SpokenShown, ...], msgspec.Meta(max_length=SPOKEN_MAX)] = ()
    missed: Count = 0
    reason: str = ""
    remedy: str = ""


DeviceName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

PAIR_S_MAX = 300
"""The published key is used for no longer, whatever a person asks for."""


class PairDevice(Part, frozen=True, kw_only=True, tag="pair"):
    """Give a device its first key, within so many seconds."""

    device: DeviceName
    seconds: Annotated[int, msgspec.Meta(ge=1, le=PAIR_S_MAX)]


class RekeyDevice(Part, frozen=True, kw_only=True, tag="rekey"):
    """Give a device another key than it has."""

    device: DeviceName


class AcceptDevice(Part, frozen=True, kw_only=True, tag="accept"):
    """Believe a device that is another than it was."""

    device: DeviceName


class ChangeLineSpeed(Part, frozen=True, kw_only=True, tag="speed"):
    """Bring a line and all devices on it to another speed."""

    line: DeviceName
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)]


DeviceStep = PairDevice | RekeyDevice | AcceptDevice


class ServiceDevice(Message, frozen=True, kw_only=True):
    """Do that; answered by ServiceReply when it is done, or failed. Heartbeats go before it."""

    step: DeviceStep | ChangeLineSpeed


class TryDevice(Message, frozen=True, kw_only=True):
    """Let a reader show and sound that it is meant; no lock moves. Answered by ServiceReply."""

    device: DeviceName


class SendFileTo(Message, frozen=True, kw_only=True):
    """Send a device the file whose parts went before: FileShown and Heartbeat until ServiceReply
    says what became of it. A client that goes takes it back. `kind`: the maker's number for it.
    """

    device: DeviceName
    kind: Annotated[int, msgspec.Meta(ge=1, le=255)]


class FileShown(Message, frozen=True, kw_only=True):
    """So much of a file has arrived."""

    sent: Count
    total: Count


class ServiceReply(Message, frozen=True, kw_only=True):
    """`reason`: why not, or what was done; for the operator."""

    accepted: bool
    reason: str
    remedy: str = ""


DeviceRequest = ReadDevices | FollowDevices | TraceLine | ServiceDevice | TryDevice | SendFileTo

DeviceAnswer = DevicesReply | TraceReply | ServiceReply | FileShown
