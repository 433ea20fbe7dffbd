"""What a watched line shows: every frame in the open, and nothing that opens a door.

A watched line is looked at by people and kept in files that are sent to manufacturers. So it must
not help anybody to a badge, a PIN or a key:

- Of each message only the leading bytes that are known to be harmless are shown; what is behind
  them, and all of a message that nobody listed here, is hidden. A reader that is not ours yet, or
  says what it should not, is covered by that too.
- Proofs, random numbers and MACs are hidden. They do not give the key away, but with them and a key
  that was lost later somebody could open what else was recorded of the session.
- What was encrypted is replaced by its plain message with the same bytes hidden. The encrypted
  bytes themselves are never shown: for who has the key one day they are the plain ones.
- Texts on a display, files and manufacturers' own messages are hidden: they may hold names or keys.
- Of bytes that are no whole frame nothing is shown: a flipped bit would make a card of anything.

How many keys were pressed and how many bits a card has is shown: the timing of the line, and the
length of the encrypted message, tell it to everybody who listens.
"""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from drivers.api import Spoken
from drivers.osdp.frame import (
    REPLY_BIT,
    START,
    Block,
    Frame,
    FrameDecoder,
    carries_mac,
    encode,
)
from drivers.osdp.messages import (
    CommandCode,
    Message,
    Nak,
    NakReason,
    ReplyCode,
    decode_command,
    decode_reply,
)
from drivers.osdp.messages import encode as encode_message

HIDDEN = b"*"
"""Stands for each hidden byte; no key of a keypad has this code (clause 7.12)."""

CHANGED = 0x80
"""In the control byte: not the bytes of the line. libosdp's view for Wireshark calls it mangled."""

NOT_BELIEVED = ", not believed"

_SEQUENCE_AND_CHECK = 0x03, 0x04
_BLOCK_BIT = 0x08
_HEADER_LENGTH = 5
_ALL = 1 << 16

# How many leading data bytes of a message may be seen. What stands behind them is a secret or may
# be one; a message that is not listed shows none. By number and not by name, so that the list
# covers messages that the panel itself does not use.
_SHOWN_OF_COMMANDS: Mapping[int, int] = {
    0x61: 1,  # ID
    0x62: 1,  # CAP
    0x68: _ALL,  # OUT
    0x69: _ALL,  # LED
    0x6A: _ALL,  # BUZ
    0x6B: 6,  # TEXT: where and for how long; the text may be a name
    0x6E: 5,  # COMSET
    0x75: 2,  # KEYSET: kind and length of the key
    0x7B: 2,  # ACURXSIZE
    0x7C: 11,  # FILETRANSFER: kind, size, place and length
    0xA7: 2,  # KEEPACTIVE
}
_SHOWN_OF_REPLIES: Mapping[int, int] = {
    0x41: 1,  # NAK: what it adds may be a piece of what it refuses
    0x45: 12,  # PDID
    0x46: _ALL,  # PDCAP
    0x48: 2,  # LSTATR
    0x49: _ALL,  # ISTATR
    0x4A: _ALL,  # OSTATR
    0x4B: _ALL,  # RSTATR
    0x50: 4,  # RAW: reader, format, number of bits
    0x51: 3,  # FMT: reader, direction, number of characters
    0x53: 2,  # KEYPAD: reader, number of keys
    0x54: 5,  # COM
    0x76: 8,  # CCRYPT: the reader's number, which is in PDID as well
    0x7A: 7,  # FTSTAT
}

_ENCRYPTED = (Block.COMMAND_ENCRYPTED, Block.REPLY_ENCRYPTED)


def said(device: str, raw: bytes, message: Message, at_ns: int) -> Spoken:
    """A command as it goes out; `raw` is its frame, `message` what it says in clear."""
    decoder = FrameDecoder(replies=False)
    decoder.feed(raw)
    frame = decoder.take()
    if not isinstance(frame, Frame):
        return _words(device, at_ns, "a command that cannot be shown", outgoing=True)
    return _spoken(device, frame, encode_message(message)[1], at_ns, "")


def was_heard(
    device: str, frame: Frame, opened: bytes | None, at_ns: int, *, believed: bool
) -> Spoken:
    """A whole frame came. `opened`: its data in clear, where the session could open it."""
    return _spoken(device, frame, opened, at_ns, "" if believed else NOT_BELIEVED)


def heard_badly(device: str, at_ns: int) -> Spoken:
    """Bytes came that began like a frame and were none."""
    return _words(device, at_ns, "a damaged reply", outgoing=False)


def heard_nothing(device: str, at_ns: int) -> Spoken:
    """No answer came that could be believed."""
    return _words(device, at_ns, "no answer", outgoing=False)


def _words(device: str, at_ns: int, text: str, *, outgoing: bool) -> Spoken:
    return Spoken(at_ns=at_ns, device=device, outgoing=outgoing, text=text)


def _spoken(device: str, frame: Frame, plain: bytes | None, at_ns: int, note: str) -> Spoken:
    """One frame for whoever watches. Of an encrypted one nothing is shown without `plain`."""
    is_sealed = frame.block in _ENCRYPTED and plain is None
    data = frame.data if plain is None else plain
    shown = 0 if is_sealed else shown_bytes(frame)
    masked = data[:shown] + HIDDEN * len(data[shown:])
    return Spoken(
        at_ns=at_ns,
        device=device,
        outgoing=not frame.is_reply,
        text=_text(frame, masked, len(data[shown:]), is_sealed=is_sealed) + note,
        frame=_open_frame(frame, masked),
    )


def shown_bytes(frame: Frame) -> int:
    """How many leading bytes of its data may be seen."""
    table = _SHOWN_OF_REPLIES if frame.is_reply else _SHOWN_OF_COMMANDS
    return table.get(frame.code, 0)


def _open_frame(frame: Frame, masked: bytes) -> bytes:
    """The bytes of the line where nothing of them is hidden, otherwise a frame that says it is not.

    Such a frame has neither MAC nor check: both would be of other bytes.
    """
    if masked == frame.data and not carries_mac(frame.block):
        return encode(frame)
    sequence, uses_crc = _SEQUENCE_AND_CHECK
    control = CHANGED | (frame.sequence & sequence) | (uses_crc if frame.uses_crc else 0)
    block = b""
    if frame.block is not None:
        control |= _BLOCK_BIT
        block = bytes([2 + len(frame.block_data), frame.block]) + frame.block_data
    body = block + bytes([frame.code]) + masked
    address = frame.address | (REPLY_BIT if frame.is_reply else 0)
    length = _HEADER_LENGTH + len(body)
    return bytes([START, address, length & 0xFF, length >> 8, control]) + body


def _text(frame: Frame, masked: bytes, hidden: int, *, is_sealed: bool) -> str:
    codes: type[IntEnum] = ReplyCode if frame.is_reply else CommandCode
    known = [code.name for code in codes if code == frame.code]
    words = [*known, f"{frame.code:#04x}"][:1]
    words.append(f"sequence {frame.sequence}")
    words.append("in clear" if frame.block is None else f"SCS_{frame.block:02x}")
    if is_sealed:
        words.append(f"{len(masked)} bytes that cannot be read")
        return ", ".join(words)
    message = (decode_reply if frame.is_reply else decode_command)(frame.code, masked)
    if message is None:
        shown = masked[: len(masked) - hidden].hex()
        words += [shown] if shown else []
        words += [f"{hidden} bytes hidden"] if hidden else []
    else:
        words += _fields(message)
    return ", ".join(words)


def _fields(message: Message) -> list[str]:
    """The fields of a message whose secret bytes are hidden already."""
    if isinstance(message, Nak):
        reasons = [reason.name.lower().replace("_", " ") for reason in NakReason]
        numbers = [int(reason) for reason in NakReason]
        if message.reason in numbers:
            return [f"reason {message.reason} ({reasons[numbers.index(message.reason)]})"]
    fields = msgspec.structs.asdict(message)
    return [f"{name} {_value(value)}" for name, value in fields.items() if value != b""]


def _value(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return "hidden" if set(value) == set(HIDDEN) else value.hex()
