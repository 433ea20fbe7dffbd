"""The file of a backup: sealed as a whole, under a passphrase or to keys that others keep.

    magic, length of the header (4 bytes, big-endian), header (JSON), pieces

A piece is a mebibyte of what is inside, the last one less, sealed with ChaCha20-Poly1305 (RFC 8439)
under a key that this file alone has. Its nonce is its number (11 bytes) and whether it is the last
(1 byte), so that none can be moved, left out or cut off; the header is what every piece is bound
to. The key lies in the header: wrapped under what Argon2id (RFC 9106) makes of the passphrase, or
by HPKE (RFC 9180) to each recipient's X25519 key.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from io import RawIOBase
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from edge.backup.errors import BackupError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MAGIC: Final = b"sentrypost backup 1\n"
LENGTH_BYTES = 4
HEADER_BYTES_MAX = 64 * 1024
PIECE_BYTES = 1024 * 1024
TAG_BYTES = 16
KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
RECIPIENTS_MAX = 8
PASSPHRASE_CHARS_MIN = 12
"""Whoever has the file may try for years: shorter ones are found."""

MEMORY_KIB = 128 * 1024
PASSES = 3
"""Half a second of one core, once a backup; twice what RFC 9106 takes where memory is scarce."""

MEMORY_KIB_MAX = 1024 * 1024
PASSES_MAX = 16
"""A file that asks for more would keep this machine busy before it is known whose it is."""

_KEY_FORM = "backup-x25519:"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_INFO = b"sentrypost backup 1"
_WRAP_AAD = b"sentrypost backup key 1"


class Passphrase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the key is wrapped under a passphrase."""

    salt: bytes
    memory_kib: Annotated[int, msgspec.Meta(ge=8, le=MEMORY_KIB_MAX)]
    passes: Annotated[int, msgspec.Meta(ge=1, le=PASSES_MAX)]
    wrapped: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be known of a backup without opening it."""

    site: Annotated[str, msgspec.Meta(max_length=64)]
    edge: Annotated[str, msgspec.Meta(max_length=64)]
    made_utc_us: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    version: Annotated[str, msgspec.Meta(max_length=64)]
    passphrase: Passphrase | None = None
    recipients: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=RECIPIENTS_MAX)] = ()


class Lock:
    """With what a new backup is closed. No repr shows it."""

    def __init__(self, passphrase: str = "", recipients: Sequence[bytes] = ()) -> None:
        """Raises BackupError where nobody, or anybody, could open it."""
        if not passphrase and not recipients:
            raise BackupError("nobody could open it", "give a passphrase or a recipient")
        if passphrase and len(passphrase) < PASSPHRASE_CHARS_MIN:
            raise BackupError(
                f"the passphrase has {len(passphrase)} characters",
                f"take at least {PASSPHRASE_CHARS_MIN}: four words that do not belong together",
            )
        if len(recipients) > RECIPIENTS_MAX:
            raise BackupError(
                f"{len(recipients)} recipients", f"a backup is sealed to {RECIPIENTS_MAX} at most"
            )
        self._passphrase, self._recipients = passphrase, tuple(recipients)

    def __repr__(self) -> str:
        return "Lock(…)"

    def wrap(self, key: bytes) -> tuple[Passphrase | None, tuple[bytes, ...]]:
        """The key as it lies in the header."""
        under = None
        if self._passphrase:
            salt = os.urandom(SALT_BYTES)
            outer = ChaCha20Poly1305(_derived(self._passphrase, salt, MEMORY_KIB, PASSES))
            under = Passphrase(
                salt, MEMORY_KIB, PASSES, outer.encrypt(bytes(NONCE_BYTES), key, _WRAP_AAD)
            )
        public = (X25519PublicKey.from_public_bytes(one) for one in self._recipients)
        return under, tuple(_SUITE.encrypt(key, one, _INFO) for one in public)


def _derived(passphrase: str, salt: bytes, memory_kib: int, passes: int) -> bytes:
    return hash_secret_raw(
        passphrase.encode(),
        salt,
        time_cost=passes,
        memory_cost=memory_kib,
        parallelism=1,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )


def recipient_text(public: bytes) -> str:
    """A recipient as the command line takes it."""
    return _KEY_FORM + base64.b64encode(public).decode()


def recipient(text: str) -> bytes:
    """The public key of such a text. Raises BackupError."""
    form, _, rest = text.strip().partition(":")
    try:
        key = base64.b64decode(rest, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if f"{form}:" != _KEY_FORM or len(key) != KEY_BYTES:
        raise BackupError(
            f"'{text[:80]}' is no recipient", "`sentrypost backup key NAME` makes one"
        )
    return key


class SealedWriter(RawIOBase):
    """What is written to it goes sealed into a file; nothing of it is in the file in the clear."""

    def __init__(self, file: BinaryIO, about: Header, lock: Lock) -> None:
        """`about`: without how the key is wrapped. Raises OSError."""
        super().__init__()
        key = ChaCha20Poly1305.generate_key()
        passphrase, recipients = lock.wrap(key)
        header = msgspec.json.encode(
            msgspec.structs.replace(about, passphrase=passphrase, recipients=recipients)
        )
        self._head = MAGIC + len(header).to_bytes(LENGTH_BYTES, "big") + header
        self._file, self._cipher = file, ChaCha20Poly1305(key)
        self._held = bytearray()
        self._count = 0
        self._file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer") -> int:
        """All of it; how much that was. Raises OSError."""
        given = bytes(data)
        self._held += given
        while len(self._held) > PIECE_BYTES:
            self._put(bytes(self._held[:PIECE_BYTES]), last=False)
            del self._held[:PIECE_BYTES]
        return len(given)

    def end(self) -> None:
        """The last piece. Raises OSError."""
        self._put(bytes(self._held), last=True)
        self._held.clear()

    def _put(self, piece: bytes, *, last: bool) -> None:
        nonce = _nonce(self._count, last=last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._head))
        self._count += 1


class SealedReader(RawIOBase):
    """Gives what is inside, piece by piece, each proven before a byte of it is given."""

    def __init__(self, file: BinaryIO, key: "Key") -> None:
        """Raises BackupError where the file is none, or the key does not open it; OSError."""
        super().__init__()
        self.header, self._head = read_header(file)
        self._cipher = ChaCha20Poly1305(key.unwrapped(self.header))
        self._file = file
        self._count = 0
        self._ended = False
        self._next = file.read(PIECE_BYTES + TAG_BYTES)
        self._held = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none at the end. Raises BackupError, OSError."""
        found = bytearray()
        while size < 0 or len(found) < size:
            if not self._held:
                if self._ended:
                    break
                self._held = self._piece()
                continue
            wanted = len(self._held) if size < 0 else size - len(found)
            found += self._held[:wanted]
            self._held = self._held[wanted:]
        return bytes(found)

    def _piece(self) -> bytes:
        sealed, self._next = self._next, self._file.read(PIECE_BYTES + TAG_BYTES)
        self._ended = not self._next
        nonce = _nonce(self._count, last=self._ended)
        self._count += 1
        try:
            return self._cipher.decrypt(nonce, sealed, self._head)
        except InvalidTag:
            raise BackupError(
                f"it was changed or cut off, in its piece {self._count}",
                "take another copy of this backup, or an earlier one",
            ) from None


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(NONCE_BYTES - 1, "big") + bytes([last])


class Key:
    """What opens a backup. No repr shows it."""

    def __init__(self, passphrase: str = "", private: X25519PrivateKey | None = None) -> None:
        self._passphrase, self._private = passphrase, private

    def __repr__(self) -> str:
        return "Key(…)"

    def unwrapped(self, header: Header) -> bytes:
        """The key of a backup. Raises BackupError where this one does not open it."""
        if self._private is not None:
            for wrapped in header.recipients:
                try:
                    return _SUITE.decrypt(wrapped, self._private, _INFO)
                except (InvalidTag, ValueError):
                    continue
            raise BackupError("it was not sealed to this key", "give the key of a recipient")
        if header.passphrase is None:
            raise BackupError(
                "it has no passphrase: it was sealed to keys", "give one of them with --key"
            )
        under = header.passphrase
        derived = _derived(self._passphrase, under.salt, under.memory_kib, under.passes)
        try:
            return ChaCha20Poly1305(derived).decrypt(bytes(NONCE_BYTES), under.wrapped, _WRAP_AAD)
        except InvalidTag:
            raise BackupError("the passphrase is wrong", "type it again") from None


def read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """What may be known without a key, and the bytes that say it. Raises BackupError, OSError."""
    magic = file.read(len(MAGIC))
    length = file.read(LENGTH_BYTES)
    size = int.from_bytes(length, "big")
    if magic != MAGIC or len(length) < LENGTH_BYTES or size > HEADER_BYTES_MAX:
        raise BackupError("it is no backup of Sentrypost", "see which file it is")
    data = file.read(size)
    try:
        header = msgspec.json.decode(data, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BackupError(
            "its header is not understood", "use the version that made it, or a newer one"
        ) from None
    return header, magic + length + data
