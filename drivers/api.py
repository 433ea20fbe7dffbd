"""What every driver is to the edge: facts come out, commands go in.

A driver knows lines, addresses and protocols. It knows no portal, no person and no policy: the edge
wires device points to portals. Facts are handed to `report` on the event loop's thread, in the
order the device produced them.
"""

from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Protocol

import msgspec


class InputState(StrEnum):
    """What an input line says. Unsupervised lines know the first two only."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    CUT = "cut"
    SHORTED = "shorted"


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something a device said. `at_ns`: monotonic time of the last byte of the message."""

    device: str
    at_ns: int


class DeviceOnline(Fact, frozen=True, kw_only=True):
    """The device answers and, where the protocol has one, its secure session stands.

    `identity` is what the device says of itself (vendor, model, serial), for people to read.
    `secure` is true when everything it says from now on is authenticated. `display`: it can be
    told to `Show` something.
    """

    identity: str
    secure: bool
    display: bool = False


class DeviceOffline(Fact, frozen=True, kw_only=True):
    """The device does not answer or is not believed. `reason` is for people to read."""

    reason: str


class CardRead(Fact, frozen=True, kw_only=True):
    """A card's raw bits, left-aligned in `data`. Secret: turned into a CredentialRef on receipt."""

    reader: int
    bits: int
    data: bytes

    def __repr__(self) -> str:
        return f"CardRead(device={self.device!r}, reader={self.reader}, bits={self.bits}, data=…)"


class BadgeUnread(Fact, frozen=True, kw_only=True):
    """A badge was shown and is not handed over. `reason` is for people to read."""

    reader: int
    reason: str


class KeysPressed(Fact, frozen=True, kw_only=True):
    """Keys as ASCII: digits, `*` and `#`. Secret: never logged, never kept."""

    reader: int
    keys: str

    def __repr__(self) -> str:
        return f"KeysPressed(device={self.device!r}, reader={self.reader}, keys=…)"


CODE_CHARACTERS_MAX = 256
"""The longest code that counts as one: a QR code with a signature stays below it."""


class CodeRead(Fact, frozen=True, kw_only=True):
    """A code as printable ASCII: of a scanner, or a card that its reader has turned into text.

    1..CODE_CHARACTERS_MAX characters, without what frames them on the line. It stands for no bits:
    two texts are the same badge when they are the same text. Secret: turned into a CredentialRef
    on receipt.
    """

    reader: int
    text: str

    def __repr__(self) -> str:
        return f"CodeRead(device={self.device!r}, reader={self.reader}, text=…)"


class InputsReported(Fact, frozen=True, kw_only=True):
    """The state of every input of the device, by number.

    `remembered` are the numbers of those whose state somebody else kept for the device, or which it
    said again on coming back. That is how things stand, and nobody asks for anything by it.
    """

    states: tuple[InputState, ...]
    remembered: tuple[int, ...] = ()


class OutputsReported(Fact, frozen=True, kw_only=True):
    """The state of every output of the device, by number; true is energised."""

    states: tuple[bool, ...]


class TamperReported(Fact, frozen=True, kw_only=True):
    """The device's own view of itself: opened housing, failing power."""

    tampered: bool
    power_failing: bool


class ProtocolViolated(Fact, frozen=True, kw_only=True):
    """The peer said what it must not (forged, out of session): none of it was believed."""

    reason: str


class Priority(IntEnum):
    """Who goes first on a busy bus; a smaller number is sent earlier."""

    LIFE_SAFETY = 0
    SECURE = 1
    PASSAGE = 2
    SIGNAL = 3


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """Energise `output` for `for_ms` (or cut its current, `on` false), then let it resume.

    The device's own timer ends it, with nobody's help. Cutting current is how a lock that needs
    power to stay shut is opened.
    """

    output: int
    for_ms: int
    on: bool = True


class Hold(msgspec.Struct, frozen=True, tag=True):
    """Set `output` for good, ending any timer that runs on it."""

    output: int
    on: bool


class Color(StrEnum):
    OFF = "off"
    RED = "red"
    GREEN = "green"
    AMBER = "amber"
    BLUE = "blue"


class Light(msgspec.Struct, frozen=True, tag=True):
    """Show `color` for `for_ms`, then the resting colour; `for_ms` 0 sets the resting colour."""

    reader: int
    color: Color
    for_ms: int
    blink: bool = False


class Beep(msgspec.Struct, frozen=True, tag=True):
    """Sound the reader `times` times."""

    reader: int
    times: int


class Show(msgspec.Struct, frozen=True, tag=True):
    """Show `text` on the reader's display for `for_ms`, then what stood there before.

    Printable ASCII; what has no room on the display is cut off. A reader without one refuses.
    """

    reader: int
    text: str
    for_ms: int


FILE_BYTES_MAX = 4 * 1024 * 1024
"""The longest file for a reader: the firmware of any is a tenth of that."""


class SendFile(msgspec.Struct, frozen=True, tag=True):
    """Send the device a file of 1..FILE_BYTES_MAX bytes: firmware, a configuration.

    `kind` is the maker's number for it, 1 where he gives none. It may take long: `stands` is asked
    before every piece, and a file that is not wanted any more is taken back from the device.
    """

    content: bytes
    kind: int = 1

    def __repr__(self) -> str:
        return f"SendFile(kind={self.kind}, content=… {len(self.content)} bytes)"


Action = Pulse | Hold | Light | Beep | Show | SendFile


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One wish for one device.

    `not_after_ns` is monotonic: bytes that are not on the wire by then are never sent (None: no
    limit; only what secures or frees a way out may have none).
    """

    id: str
    device: str
    action: Action
    priority: Priority
    not_after_ns: int | None


class Outcome(StrEnum):
    CONFIRMED = "confirmed"  # the device acknowledged it
    REFUSED = "refused"  # the device answered that it will not
    EXPIRED = "expired"  # its time had passed before its bytes went out
    WITHDRAWN = "withdrawn"  # `stands` said no when its bytes were due
    LOST = "lost"  # the device went away or never answers: done or not, nobody knows


class CommandEnded(Fact, frozen=True, kw_only=True):
    """What became of a command; exactly one for each. `sent_ns`: when its bytes went out.

    `reason`: what a person can do about it, where the driver knows: the same text each time.
    """

    command: str
    outcome: Outcome
    sent_ns: int | None = None
    reason: str = ""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One message on a line, for whoever watches it.

    `text` is one line for people. `frame` are its bytes, for the capture file of its family, and
    empty where there is nothing to show. Neither helps anybody to a badge, a PIN, a key or a
    password: every byte that might is replaced before it gets here.
    """

    at_ns: int
    device: str
    outgoing: bool
    text: str
    frame: bytes = b""


Tap = Callable[[Spoken], None]


class FileProgress(Fact, frozen=True, kw_only=True):
    """So much of a `SendFile` has arrived; its end is a CommandEnded."""

    command: str
    sent: int
    total: int


Report = Callable[[Fact], None]
Stands = Callable[[Command], bool]


class DriverError(Exception):
    """The device or its line failed in a way that a restart may mend; the message says how."""


class LinkLostError(DriverError):
    """The line itself is gone: unplugged, no such port, no permission."""


class Driver(Protocol):
    """One line and the devices on it."""

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices that this driver speaks for."""
        ...

    @property
    def turns(self) -> int:
        """How often `run` has come round: a sign of life, by which a hung line is told.

        While `run` is under way it grows at least every two seconds, whoever answers.
        """
        ...

    async def run(self, report: Report, stands: Stands) -> None:
        """Serve the line until cancelled.

        `stands` is asked for every command at the moment its bytes are due. Every device is
        reported online or offline at least once, and offline before `run` ends. Commands do not
        survive a device's going offline: each ends as LOST. While a line is brought to another
        speed, those that free and lock wait until their device is found, or the change is over.

        Raises LinkLostError when the line is gone; the supervisor calls `run` again after a pause.
        """
        ...

    def submit(self, command: Command) -> None:
        """Queue a command, smaller priority first. Never blocks; its end is reported as a fact."""
        ...

    def watch(self, tap: Tap | None) -> None:
        """Let `tap` hear every message on the line from now on, in order; None: nobody any more.

        It is called on the event loop's thread and must neither block nor raise. Watching changes
        nothing that is said.
        """
        ...
