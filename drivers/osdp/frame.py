"""OSDP frames: bytes to Frame and back, and finding frames again after noise.

Nothing here knows keys or meaning. SIA OSDP v2.2 clause 5.7 (packet format) and Annex C (CRC).
"""

import binascii
from enum import Enum, IntEnum

import msgspec

START = 0x53
MARK = b"\xff"  # one idle character before each frame lets RS-485 receivers settle (clause 5.5)
REPLY_BIT = 0x80
ADDRESS_MAX = 0x7E  # 0x7F addresses every reader at once and is never used here (clause 5.4)
BROADCAST = 0x7F

_SEQUENCE_MASK = 0x03
_CRC_BIT = 0x04
_BLOCK_BIT = 0x08
_RESERVED_BITS = 0xF0  # multi-part and future use: a frame that sets them is not ours to guess

_CRC_START = 0x1D0F  # Annex C
_HEADER_LENGTH = 5
_BLOCK_HEADER_LENGTH = 2
_LENGTH_MIN = _HEADER_LENGTH + 2  # one code byte and a one-byte checksum
LENGTH_MAX = 1440  # the longest packet the standard allows (clause 5.7, table 2)
BUFFER_MAX = 4 * LENGTH_MAX  # a half-duplex line owes us one frame; older bytes than this are noise
MAC_LENGTH = 4  # only the first four bytes of a MAC travel (Annex D.5)


class Block(IntEnum):
    """Security block types (Annex D.1.3): odd ones are commands, even ones replies."""

    CHALLENGE = 0x11
    READER_CRYPTOGRAM = 0x12
    PANEL_CRYPTOGRAM = 0x13
    INITIAL_MAC = 0x14
    COMMAND_MAC = 0x15
    REPLY_MAC = 0x16
    COMMAND_ENCRYPTED = 0x17
    REPLY_ENCRYPTED = 0x18


_BLOCKS_WITH_MAC = frozenset(
    {Block.COMMAND_MAC, Block.REPLY_MAC, Block.COMMAND_ENCRYPTED, Block.REPLY_ENCRYPTED}
)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One packet without its check characters.

    `block` is the security block's type or None; `mac` is four bytes exactly when that type
    carries one. `data` may be card data: it is kept out of the repr.
    """

    address: int
    is_reply: bool
    sequence: int
    code: int
    data: bytes = b""
    block: int | None = None
    block_data: bytes = b""
    mac: bytes = b""
    uses_crc: bool = True

    def __repr__(self) -> str:
        block = "none" if self.block is None else f"{self.block:#04x}"
        return (
            f"Frame(address={self.address}, is_reply={self.is_reply}, sequence={self.sequence}, "
            f"code={self.code:#04x}, block={block}, data=…)"
        )


class Damaged(msgspec.Struct, frozen=True):
    """Bytes that began like a frame of `address` and were none: wrong check or inner lengths.

    `sequence` is told where the check was right: somebody meant to send just this.
    """

    address: int
    sequence: int | None = None


class NeedMore(Enum):
    """The bytes so far hold no further frame."""

    NEED_MORE = "need more"


NEED_MORE = NeedMore.NEED_MORE


def crc16(data: bytes) -> int:
    """CRC of Annex C: polynomial 0x1021, start 0x1D0F, most significant bit first."""
    return binascii.crc_hqx(data, _CRC_START)


def checksum(data: bytes) -> int:
    """Two's complement of the sum of all bytes, modulo 256 (clause 5.7.5)."""
    return -sum(data) & 0xFF


def carries_mac(block: int | None) -> bool:
    """Whether frames with this security block type end in a MAC."""
    return block in _BLOCKS_WITH_MAC


def authenticated_part(frame: Frame) -> bytes:
    """Everything of the frame in front of MAC and check: what a MAC is computed over (D.5)."""
    if not 0 <= frame.address <= BROADCAST or not 0 <= frame.sequence <= _SEQUENCE_MASK:
        raise ValueError(f"address 0..{BROADCAST} and sequence 0..3 expected in {frame!r}")
    block = b""
    control = frame.sequence | (_CRC_BIT if frame.uses_crc else 0)
    if frame.block is not None:
        block = bytes([_BLOCK_HEADER_LENGTH + len(frame.block_data), frame.block])
        block += frame.block_data
        control |= _BLOCK_BIT
    mac_length = MAC_LENGTH if carries_mac(frame.block) else 0
    check_length = 2 if frame.uses_crc else 1
    length = _HEADER_LENGTH + len(block) + 1 + len(frame.data) + mac_length + check_length
    if length > LENGTH_MAX:
        raise ValueError(f"a frame of {length} bytes; OSDP allows {LENGTH_MAX}")
    address = frame.address | (REPLY_BIT if frame.is_reply else 0)
    header = bytes([START, address, length & 0xFF, length >> 8, control])
    return header + block + bytes([frame.code]) + frame.data


def encode(frame: Frame) -> bytes:
    """The frame as it travels, from its start byte to its check, without the marking byte.

    Raises ValueError when a field is out of range or the MAC does not fit the block type.
    """
    if len(frame.mac) != (MAC_LENGTH if carries_mac(frame.block) else 0):
        raise ValueError(f"MAC length does not fit the security block of {frame!r}")
    body = authenticated_part(frame) + frame.mac
    if frame.uses_crc:
        return body + crc16(body).to_bytes(2, "little")
    return body + bytes([checksum(body)])


class FrameDecoder:
    """Finds the frames of one direction in a stream of bytes.

    Feed it anything in any pieces; it never raises and never holds more than BUFFER_MAX bytes.
    """

    def __init__(self, *, replies: bool) -> None:
        self._direction = REPLY_BIT if replies else 0
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add received bytes; of too many, the oldest are dropped."""
        self._buffer += data[-BUFFER_MAX:]
        if len(self._buffer) > BUFFER_MAX:
            del self._buffer[: len(self._buffer) - BUFFER_MAX]

    def clear(self) -> None:
        """Forget what was received: a new command makes every older byte stale."""
        self._buffer.clear()

    def skip_start(self) -> None:
        """Give up on the frame that began and never ended; look for another one behind it."""
        del self._buffer[:1]

    def take(self) -> Frame | Damaged | NeedMore:
        """The next frame, the next damaged one, or NEED_MORE."""
        while True:
            start = self._buffer.find(START)
            if start < 0:
                self._buffer.clear()
                return NEED_MORE
            del self._buffer[:start]
            if not self._plausible():
                del self._buffer[:1]
                continue
            if len(self._buffer) < _HEADER_LENGTH:
                return NEED_MORE
            length = self._buffer[2] | self._buffer[3] << 8
            if len(self._buffer) < length:
                return NEED_MORE
            raw = bytes(self._buffer[:length])
            frame = _decode(raw)
            if isinstance(frame, Damaged):
                # A true frame may begin inside: a stray start byte must cost only itself.
                del self._buffer[:1]
            else:
                del self._buffer[:length]
            return frame

    def _plausible(self) -> bool:
        """Whether the bytes at hand can still become a frame of our direction."""
        buffer = self._buffer
        if len(buffer) > 1 and buffer[1] & REPLY_BIT != self._direction:
            return False
        if len(buffer) > 3 and not _LENGTH_MIN <= (buffer[2] | buffer[3] << 8) <= LENGTH_MAX:
            return False
        return len(buffer) <= 4 or not buffer[4] & _RESERVED_BITS


def _decode(raw: bytes) -> Frame | Damaged:
    """One frame of exactly these bytes; header fields were found plausible before."""
    address, control = raw[1] & ~REPLY_BIT, raw[4]
    uses_crc = bool(control & _CRC_BIT)
    if uses_crc:
        end = len(raw) - 2
        good = crc16(raw[:end]) == raw[end] | raw[end + 1] << 8
    else:
        end = len(raw) - 1
        good = checksum(raw[:end]) == raw[end]
    if not good:
        return Damaged(address)
    position = _HEADER_LENGTH
    block: int | None = None
    block_data = b""
    if control & _BLOCK_BIT:
        block_length, block = raw[position], raw[position + 1]
        good = block_length >= _BLOCK_HEADER_LENGTH
        block_data = raw[position + _BLOCK_HEADER_LENGTH : position + block_length]
        position += block_length
    mac_length = MAC_LENGTH if carries_mac(block) else 0
    if not good or position + 1 + mac_length > end:
        return Damaged(address, control & _SEQUENCE_MASK)
    return Frame(
        address=address,
        is_reply=bool(raw[1] & REPLY_BIT),
        sequence=control & _SEQUENCE_MASK,
        code=raw[position],
        data=raw[position + 1 : end - mac_length],
        block=block,
        block_data=block_data,
        mac=raw[end - mac_length : end],
        uses_crc=uses_crc,
    )
