"""Commands and replies: one line of layout each, used by the panel and by the simulated reader.

SIA OSDP v2.2 clauses 6 (commands) and 7 (replies). Numbers are little endian.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum

import msgspec


class CommandCode(IntEnum):
    """Command bytes (clause 6, table 5)."""

    POLL = 0x60
    ID = 0x61
    CAP = 0x62
    LSTAT = 0x64
    ISTAT = 0x65
    OSTAT = 0x66
    OUT = 0x68
    LED = 0x69
    BUZ = 0x6A
    TEXT = 0x6B
    COMSET = 0x6E
    KEYSET = 0x75
    CHLNG = 0x76
    SCRYPT = 0x77
    FILETRANSFER = 0x7C
    ABORT = 0xA2


class ReplyCode(IntEnum):
    """Reply bytes (clause 7, table 6)."""

    ACK = 0x40
    NAK = 0x41
    PDID = 0x45
    PDCAP = 0x46
    LSTATR = 0x48
    ISTATR = 0x49
    OSTATR = 0x4A
    RAW = 0x50
    FMT = 0x51
    KEYPAD = 0x53
    COM = 0x54
    CCRYPT = 0x76
    RMAC_I = 0x78
    BUSY = 0x79
    FTSTAT = 0x7A


class NakReason(IntEnum):
    """Error codes of osdp_NAK (table 47)."""

    CHECK = 1
    LENGTH = 2
    UNKNOWN_COMMAND = 3
    SEQUENCE = 4
    SECURITY_BLOCK = 5
    SECURITY_REQUIRED = 6
    BIOMETRIC_TYPE = 7
    BIOMETRIC_FORMAT = 8
    RECORD = 9


class FileStatusDetail(IntEnum):
    """What a reader says of the file that it is being sent (clause 7.25); below 0 it is over."""

    UNACCEPTABLE = -3
    UNRECOGNISED = -2
    ABORTED = -1
    PROCEED = 0
    PROCESSED = 1
    REBOOTING = 2
    FINISHING = 3


class OutputControl(IntEnum):
    """Control codes of osdp_OUT (clause 6.10, table 17)."""

    OFF_ABORT_TIMED = 1
    ON_ABORT_TIMED = 2
    ON_TIMED = 5
    OFF_TIMED = 6


class Capability(IntEnum):
    """Function codes of osdp_PDCAP (Annex B)."""

    INPUTS = 1
    OUTPUTS = 2
    CARD_FORMAT = 3
    LED = 4
    AUDIBLE = 5
    TEXT = 6
    TIME = 7
    CHECK_CHARACTER = 8
    SECURITY = 9
    RECEIVE_SIZE = 10
    MESSAGE_SIZE = 11
    SMART_CARD = 12
    READERS = 13
    BIOMETRICS = 14
    PIN_ENTRY = 15
    VERSION = 16


class Message(msgspec.Struct, frozen=True):
    """A command or reply. Fields stand in wire order; a `bytes` field behind the layout is rest."""


class Poll(Message, frozen=True):
    pass


class IdentityRequest(Message, frozen=True):
    kind: int = 0


class CapabilityRequest(Message, frozen=True):
    kind: int = 0


class LocalStatusRequest(Message, frozen=True):
    pass


class InputStatusRequest(Message, frozen=True):
    pass


class OutputStatusRequest(Message, frozen=True):
    pass


class Output(Message, frozen=True):
    """`timer` counts tenths of a second."""

    number: int
    control: int
    timer: int


class Led(Message, frozen=True):
    """One LED record. Times count tenths of a second; a control byte of 0 leaves that half be."""

    reader: int
    led: int
    temporary_control: int = 0
    temporary_on: int = 0
    temporary_off: int = 0
    temporary_on_color: int = 0
    temporary_off_color: int = 0
    temporary_timer: int = 0
    permanent_control: int = 0
    permanent_on: int = 0
    permanent_off: int = 0
    permanent_on_color: int = 0
    permanent_off_color: int = 0


class Buzzer(Message, frozen=True):
    reader: int
    tone: int
    on: int
    off: int
    count: int


class Text(Message, frozen=True):
    """Characters for a display. `seconds` counts for temporary text; `length` is that of `text`."""

    reader: int
    control: int
    seconds: int
    row: int
    column: int
    length: int
    text: bytes


class KeySet(Message, frozen=True):
    """A new Secure Channel base key (clause 6.15). Secret: it leaves in a session, encrypted."""

    kind: int
    length: int
    key: bytes

    def __repr__(self) -> str:
        return "KeySet(key=…)"


class CommunicationSet(Message, frozen=True):
    """Another address and speed (clause 6.14), from the answer on."""

    address: int
    baud: int


class FileTransfer(Message, frozen=True):
    """A piece of a file of `total` bytes; without data it asks how the reader gets on."""

    kind: int
    total: int
    offset: int
    length: int
    data: bytes

    def __repr__(self) -> str:
        return f"FileTransfer(kind={self.kind}, offset={self.offset}, length={self.length}, data=…)"


class Abort(Message, frozen=True):
    """Whatever long job the reader is at is to end."""


class Challenge(Message, frozen=True):
    panel_nonce: bytes


class PanelCryptogram(Message, frozen=True):
    cryptogram: bytes


class Ack(Message, frozen=True):
    pass


class Nak(Message, frozen=True):
    reason: int
    detail: bytes = b""


class Identity(Message, frozen=True):
    """Vendor is an IEEE OUI; firmware is major, minor, build."""

    vendor: bytes
    model: int
    version: int
    serial: int
    firmware: bytes


class Capabilities(Message, frozen=True):
    """Triples of function code, compliance and number of items."""

    records: bytes


class LocalStatus(Message, frozen=True):
    tamper: int
    power: int


class InputStatus(Message, frozen=True):
    states: bytes


class OutputStatus(Message, frozen=True):
    states: bytes


class RawCard(Message, frozen=True):
    """Card bits, left-aligned in `data`. Secret."""

    reader: int
    format: int
    bits: int
    data: bytes

    def __repr__(self) -> str:
        return f"RawCard(reader={self.reader}, bits={self.bits}, data=…)"


class FormattedCard(Message, frozen=True):
    """A card as characters. `direction`: 0 not told, 1 forward, 2 backward. Secret."""

    reader: int
    direction: int
    count: int
    characters: bytes

    def __repr__(self) -> str:
        return f"FormattedCard(reader={self.reader}, count={self.count}, characters=…)"


class Keypad(Message, frozen=True):
    """Pressed keys. Secret."""

    reader: int
    count: int
    keys: bytes

    def __repr__(self) -> str:
        return f"Keypad(reader={self.reader}, count={self.count}, keys=…)"


class Communication(Message, frozen=True):
    """The address and speed that the reader will have from here on (clause 7.13)."""

    address: int
    baud: int


class ReaderCryptogram(Message, frozen=True):
    uid: bytes
    reader_nonce: bytes
    cryptogram: bytes


class InitialMac(Message, frozen=True):
    mac: bytes


class FileStatus(Message, frozen=True):
    """`delay`: milliseconds until the next piece; `size`: of messages from now on, 0 as before."""

    action: int
    delay: int
    detail: int
    size: int


class Busy(Message, frozen=True):
    pass


class _Layout(msgspec.Struct, frozen=True):
    """How a message lies in its data bytes; `rest`: whether one `bytes` field follows."""

    kind: type[Message]
    fixed: str
    rest: bool = False


_COMMANDS: Mapping[int, _Layout] = {
    CommandCode.POLL: _Layout(Poll, "<"),
    CommandCode.ID: _Layout(IdentityRequest, "<B"),
    CommandCode.CAP: _Layout(CapabilityRequest, "<B"),
    CommandCode.LSTAT: _Layout(LocalStatusRequest, "<"),
    CommandCode.ISTAT: _Layout(InputStatusRequest, "<"),
    CommandCode.OSTAT: _Layout(OutputStatusRequest, "<"),
    CommandCode.OUT: _Layout(Output, "<BBH"),
    CommandCode.LED: _Layout(Led, "<BBBBBBBHBBBBB"),
    CommandCode.BUZ: _Layout(Buzzer, "<BBBBB"),
    CommandCode.TEXT: _Layout(Text, "<BBBBBB", rest=True),
    CommandCode.COMSET: _Layout(CommunicationSet, "<BI"),
    CommandCode.KEYSET: _Layout(KeySet, "<BB16s"),
    CommandCode.FILETRANSFER: _Layout(FileTransfer, "<BIIH", rest=True),
    CommandCode.ABORT: _Layout(Abort, "<"),
    CommandCode.CHLNG: _Layout(Challenge, "<8s"),
    CommandCode.SCRYPT: _Layout(PanelCryptogram, "<16s"),
}

_REPLIES: Mapping[int, _Layout] = {
    ReplyCode.ACK: _Layout(Ack, "<"),
    ReplyCode.NAK: _Layout(Nak, "<B", rest=True),
    ReplyCode.PDID: _Layout(Identity, "<3sBBI3s"),
    ReplyCode.PDCAP: _Layout(Capabilities, "<", rest=True),
    ReplyCode.LSTATR: _Layout(LocalStatus, "<BB"),
    ReplyCode.ISTATR: _Layout(InputStatus, "<", rest=True),
    ReplyCode.OSTATR: _Layout(OutputStatus, "<", rest=True),
    ReplyCode.RAW: _Layout(RawCard, "<BBH", rest=True),
    ReplyCode.FMT: _Layout(FormattedCard, "<BBB", rest=True),
    ReplyCode.KEYPAD: _Layout(Keypad, "<BB", rest=True),
    ReplyCode.COM: _Layout(Communication, "<BI"),
    ReplyCode.CCRYPT: _Layout(ReaderCryptogram, "<8s8s16s"),
    ReplyCode.RMAC_I: _Layout(InitialMac, "<16s"),
    ReplyCode.FTSTAT: _Layout(FileStatus, "<BHhH"),
    ReplyCode.BUSY: _Layout(Busy, "<"),
}

_CODES: Mapping[type[Message], int] = {
    layout.kind: code for table in (_COMMANDS, _REPLIES) for code, layout in table.items()
}
_LAYOUTS: Mapping[type[Message], _Layout] = {
    layout.kind: layout for table in (_COMMANDS, _REPLIES) for layout in table.values()
}


def encode(message: Message) -> tuple[int, bytes]:
    """Code byte and data bytes. Raises ValueError when a number does not fit its field."""
    layout = _LAYOUTS[type(message)]
    values = list(msgspec.structs.astuple(message))
    rest = values.pop() if layout.rest else b""
    fixed = struct.Struct(layout.fixed)
    try:
        packed = fixed.pack(*values)
    except struct.error as error:
        raise ValueError(f"{type(message).__name__}: {error}") from None
    if b"".join(_texts(fixed, packed)) != b"".join(v for v in values if isinstance(v, bytes)):
        # struct pads and cuts byte fields in silence; a key or nonce must never be.
        raise ValueError(f"{type(message).__name__}: a byte field has the wrong length")
    return _CODES[type(message)], packed + rest


def _texts(fixed: struct.Struct, packed: bytes) -> list[bytes]:
    return [value for value in fixed.unpack(packed) if isinstance(value, bytes)]


def decode_command(code: int, data: bytes) -> Message | None:
    """The command, or None when the code is unknown or the length is wrong."""
    return _decode(_COMMANDS.get(code), data)


def decode_reply(code: int, data: bytes) -> Message | None:
    """The reply, or None when the code is unknown or the length is wrong."""
    return _decode(_REPLIES.get(code), data)


def _decode(layout: _Layout | None, data: bytes) -> Message | None:
    if layout is None:
        return None
    fixed = struct.Struct(layout.fixed)
    if len(data) < fixed.size or (len(data) > fixed.size and not layout.rest):
        return None
    values: list[object] = list(fixed.unpack_from(data))
    if layout.rest:
        values.append(data[fixed.size :])
    return layout.kind(*values)
