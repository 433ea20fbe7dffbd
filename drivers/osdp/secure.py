"""Secure Channel: keys of a session, proofs of both sides, the chain of MACs, encryption.

SIA OSDP v2.2 Annex D. Randomness is always an argument. Nothing secret shows in a repr.
The standard fixes AES-128, zero padding behind 0x80 and four MAC bytes on the wire; the chain
makes each of those four bytes depend on everything said before in the session.
"""

import hmac
from collections.abc import Iterator

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from drivers.osdp.frame import MAC_LENGTH, Block, Frame, authenticated_part

KEY_LENGTH = 16
NONCE_LENGTH = 8
_AES_BLOCK = 16
_PAD_START = b"\x80"
_SEALED_OVERHEAD = 5 + 2 + 1 + MAC_LENGTH + 2  # header, security block, code, MAC, CRC
SCBK_DEFAULT = bytes(range(0x30, 0x40))  # published in Annex D.3: proves nothing about a reader
OWN_KEY = b"\x01"  # security block data: "under the reader's own key" (D.1.3)
DEFAULT_KEY = b"\x00"  # the same for SCBK-D


class NotAuthenticError(Exception):
    """A frame inside a session that its peer cannot have sent at this point."""


class SessionKeys(msgspec.Struct, frozen=True):
    encryption: bytes
    mac_first: bytes
    mac_last: bytes

    def __repr__(self) -> str:
        return "SessionKeys(…)"


def derive_keys(base_key: bytes, panel_nonce: bytes) -> SessionKeys:
    """Session keys of D.4.1: from the reader's base key and six bytes of the panel's nonce."""
    seed = panel_nonce[:6] + bytes(8)
    return SessionKeys(
        encryption=_encrypt_block(base_key, b"\x01\x82" + seed),
        mac_first=_encrypt_block(base_key, b"\x01\x01" + seed),
        mac_last=_encrypt_block(base_key, b"\x01\x02" + seed),
    )


def reader_cryptogram(keys: SessionKeys, panel_nonce: bytes, reader_nonce: bytes) -> bytes:
    """The reader's proof that it has the key (D.4.3)."""
    return _encrypt_block(keys.encryption, panel_nonce + reader_nonce)


def panel_cryptogram(keys: SessionKeys, panel_nonce: bytes, reader_nonce: bytes) -> bytes:
    """The panel's proof that it has the key (D.4.4)."""
    return _encrypt_block(keys.encryption, reader_nonce + panel_nonce)


def initial_mac(keys: SessionKeys, cryptogram_of_panel: bytes) -> bytes:
    """RMAC-I, where the chain of MACs begins (D.4.5)."""
    return _encrypt_block(keys.mac_last, _encrypt_block(keys.mac_first, cryptogram_of_panel))


def plain_room(frame_length: int) -> int:
    """How many data bytes of a command fit, encrypted, into a frame of this length."""
    return (frame_length - _SEALED_OVERHEAD) // _AES_BLOCK * _AES_BLOCK - len(_PAD_START)


def same_bytes(one: bytes, other: bytes) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(one, other)


class Session:
    """One Secure Channel session, seen from either end.

    Each command's MAC is chained to the last reply's and the other way round, so a frame is
    acceptable at one point of one session only. A command that is never answered leaves the chain
    where a second `seal_command` would fork it: repeat the same bytes or begin a new session.
    """

    def __init__(self, keys: SessionKeys, first_mac: bytes) -> None:
        # Each key is set up once: for frames of a few blocks that is most of the work.
        encryption = _cipher(keys.encryption)
        self._encrypt, self._decrypt = encryption.encryptor(), encryption.decryptor()
        self._mac_first = _cipher(keys.mac_first).encryptor()
        self._mac_last = _cipher(keys.mac_last).encryptor()
        self._reply_mac = first_mac
        self._command_mac = first_mac

    def seal_command(self, frame: Frame) -> Frame:
        """Panel: protect a command, encrypted when it has data (D.2: SCS_15 and SCS_17)."""
        block = Block.COMMAND_ENCRYPTED if frame.data else Block.COMMAND_MAC
        sealed, self._command_mac = self._seal(frame, block, self._reply_mac)
        return sealed

    def open_reply(self, frame: Frame) -> bytes:
        """Panel: the data of the answer to the command sealed last.

        Raises NotAuthenticError, and leaves the session as it was, for anything else.
        """
        mac = self._mac(frame, self._command_mac)
        if not self.verify(frame, mac, (Block.REPLY_MAC, Block.REPLY_ENCRYPTED)):
            raise NotAuthenticError
        data = self._open(frame, Block.REPLY_ENCRYPTED, self._command_mac)
        self._reply_mac = mac
        return data

    def open_command(self, frame: Frame) -> bytes:
        """Reader: the data of the panel's next command. Raises NotAuthenticError."""
        mac = self._mac(frame, self._reply_mac)
        if not self.verify(frame, mac, (Block.COMMAND_MAC, Block.COMMAND_ENCRYPTED)):
            raise NotAuthenticError
        data = self._open(frame, Block.COMMAND_ENCRYPTED, self._reply_mac)
        self._command_mac = mac
        return data

    def seal_reply(self, frame: Frame) -> Frame:
        """Reader: protect the answer to the command opened last."""
        block = Block.REPLY_ENCRYPTED if frame.data else Block.REPLY_MAC
        sealed, self._reply_mac = self._seal(frame, block, self._command_mac)
        return sealed

    def verify(self, frame: Frame, mac: bytes, blocks: tuple[Block, Block]) -> bool:
        """Whether the frame has one of the blocks that carry a MAC, and the right one (D.5)."""
        return frame.block in blocks and same_bytes(mac[:MAC_LENGTH], frame.mac)

    def _mac(self, frame: Frame, chain: bytes) -> bytes:
        """D.5: CBC over the padded frame, the last block under the second key."""
        data = authenticated_part(frame)
        if len(data) % _AES_BLOCK:
            data = _pad(data)
        if len(data) > _AES_BLOCK:
            chain = _cbc_encrypt(self._mac_first, chain, data[:-_AES_BLOCK])[-_AES_BLOCK:]
        return _cbc_encrypt(self._mac_last, chain, data[-_AES_BLOCK:])

    def _seal(self, frame: Frame, block: Block, chain: bytes) -> tuple[Frame, bytes]:
        data = frame.data
        if data:
            data = _cbc_encrypt(self._encrypt, _inverted(chain), _pad(data))
        sealed = msgspec.structs.replace(frame, block=int(block), data=data)
        mac = self._mac(sealed, chain)
        return msgspec.structs.replace(sealed, mac=mac[:MAC_LENGTH]), mac

    def _open(self, frame: Frame, encrypted: Block, chain: bytes) -> bytes:
        if frame.block != encrypted:
            return frame.data
        if not frame.data or len(frame.data) % _AES_BLOCK:
            raise NotAuthenticError
        data = _cbc_decrypt(self._decrypt, _inverted(chain), frame.data).rstrip(b"\x00")
        if not data.endswith(_PAD_START):
            raise NotAuthenticError
        return data[:-1]


def _pad(data: bytes) -> bytes:
    """D.4.6: 0x80, then zeros to a whole number of AES blocks."""
    data += _PAD_START
    return data + bytes(-len(data) % _AES_BLOCK)


def _inverted(chain: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in chain)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def _blocks(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _AES_BLOCK] for at in range(0, len(data), _AES_BLOCK))


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    """Single blocks under a key; what chains them is below."""
    return Cipher(algorithms.AES(key), modes.ECB())


def _encrypt_block(key: bytes, block: bytes) -> bytes:
    # One block of random-looking input per key: what Annex D prescribes, no mode is involved.
    return _cipher(key).encryptor().update(block)


def _cbc_encrypt(aes: CipherContext, chain: bytes, data: bytes) -> bytes:
    sealed = b""
    for block in _blocks(data):
        chain = aes.update(_xor(chain, block))
        sealed += chain
    return sealed


def _cbc_decrypt(aes: CipherContext, chain: bytes, sealed: bytes) -> bytes:
    data = b""
    for block in _blocks(sealed):
        data += _xor(chain, aes.update(block))
        chain = block
    return data
