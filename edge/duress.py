"""Duress: what is sealed beside every PIN check, and who can tell what it says.

A note is of one size and looks like noise, whatever was typed and whoever typed it. It holds the
same for each of its recipients: the occasion where the PIN was the one for duress, zeros where it
was not. Each part is a single-shot HPKE of RFC 9180 (DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
ChaCha20-Poly1305, base mode), so that no two notes are ever equal.

Nobody signs a note: that this edge wrote it is what the journal's chain says.
"""

import base64
import binascii
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from controller.body import NOTE_CHARS, Note
from controller.ids import AttemptId, HolderId, ReaderId

RECIPIENTS_MAX = 4
"""A note always has so many parts, so that it does not show how many can open it."""

PLAIN_BYTES = 204
"""An occasion has 190 at most: two names of 64 signs, two ids of 16, a time below 2**53."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_INFO = b"sentrypost duress 1"
_PART_BYTES = 32 + PLAIN_BYTES + 16
"""RFC 9180, 7.1 and 7.3: the sender's key, what is sealed, the tag."""

_KEY_BYTES = 32
_KEY_FORM = "x25519:"
"""Without it a key that signs could stand in its place, and nobody would ever open a note."""

NOTHING = bytes(PLAIN_BYTES)

assert len(base64.b64encode(bytes(RECIPIENTS_MAX * _PART_BYTES))) == NOTE_CHARS


class RecipientError(ValueError):
    """The text names nobody to whom a note could be sealed."""


class NotOpenedError(Exception):
    """The note is none, or was not sealed to this key."""


class Occasion(msgspec.Struct, frozen=True, array_like=True):
    """Who typed a PIN, where and when: what a note tells its recipients of duress."""

    site: str
    reader: ReaderId
    holder: HolderId
    attempt: AttemptId
    utc_us: int


_OCCASION = msgspec.json.Decoder(Occasion)


class Sealer:
    """Makes the notes of one edge. Safe to share between threads."""

    def __init__(self, recipients: Sequence[bytes]) -> None:
        """`recipients`: at most RECIPIENTS_MAX public keys, as `recipient` has checked them."""
        # Parts that nobody opens are sealed too, to keys that nobody has: they look like the rest.
        missing = RECIPIENTS_MAX - len(recipients)
        keys = [X25519PublicKey.from_public_bytes(key) for key in recipients]
        self._keys = [*keys, *(X25519PrivateKey.generate().public_key() for _ in range(missing))]

    def note(self, occasion: Occasion, *, under_duress: bool) -> Note:
        """The note of one PIN check, after the same work and of the same size either way."""
        told = msgspec.json.encode(occasion).ljust(PLAIN_BYTES)
        assert len(told) == PLAIN_BYTES, "names and ids are bounded"
        plain = told if under_duress else NOTHING
        parts = [_SUITE.encrypt(plain, key, _INFO) for key in self._keys]
        return base64.b64encode(b"".join(parts)).decode()


def opened(note: str, key: X25519PrivateKey) -> Occasion | None:
    """What the note tells whoever has this key: of duress, or None. Raises NotOpenedError."""
    if len(note) != NOTE_CHARS:
        raise NotOpenedError
    try:
        closed = base64.b64decode(note, validate=True)
    except (binascii.Error, ValueError):
        raise NotOpenedError from None
    for start in range(0, len(closed), _PART_BYTES):
        try:
            plain = _SUITE.decrypt(closed[start : start + _PART_BYTES], key, _INFO)
        except (InvalidTag, ValueError):
            continue
        return None if plain == NOTHING else _occasion(plain)
    raise NotOpenedError


def _occasion(plain: bytes) -> Occasion:
    try:
        return _OCCASION.decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotOpenedError from None


def recipient_text(public: bytes) -> str:
    """A recipient as the site file has it: base64 of the 32 bytes behind the word for its use."""
    return _KEY_FORM + base64.b64encode(public).decode()


def recipient(text: str) -> bytes:
    """The inverse of `recipient_text`. Raises RecipientError."""
    if not text.startswith(_KEY_FORM):
        raise RecipientError(f"does not begin with {_KEY_FORM}: a key that signs opens no note")
    try:
        public = base64.b64decode(text.removeprefix(_KEY_FORM), validate=True)
    except (binascii.Error, ValueError):
        raise RecipientError("is not base64") from None
    if len(public) != _KEY_BYTES:
        raise RecipientError(f"has {len(public)} bytes, a public key has {_KEY_BYTES}")
    try:
        # RFC 7748, 6.1: with a point of low order everybody has the same secret, or nobody has one.
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise RecipientError("is no key: anybody could open what is sealed to it") from None
    return public
