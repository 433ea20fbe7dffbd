"""The site's key, and what it makes of a badge: a name that tells badges apart and gives no bit."""

import hashlib
import hmac
import shlex
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controller.ids import CredentialRef
from drivers.badges import BADGE_BITS_MAX, Badge, Code
from edge.secret_file import NotAFileError, OpenToOthersError, read_secret

KEY_BYTES = 32
"""As long as the hash: a longer key adds nothing."""

VISITOR_PREFIX = "SPV1."
"""With what visitors' codes begin, and no other text that is a badge."""

_TAG = b"sentrypost credential 1\x00"
_CODE_TAG = b"sentrypost code 1\x00"


class SiteKeyError(Exception):
    """The key file cannot be used; the message names the remedy and never a byte of the key."""


class SiteKey:
    """The secret that the site's edges share. No repr, comparison or pickle gives it away."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Raises SiteKeyError for a key of another length, or of zeros (a file lost to a crash)."""
        if len(key) != KEY_BYTES:
            raise SiteKeyError(f"a site key has {KEY_BYTES} bytes, not {len(key)}")
        if not any(key):
            raise SiteKeyError("the site key is all zeros")
        self._key = bytes(key)

    def __repr__(self) -> str:
        return "SiteKey(…)"

    def __reduce__(self) -> str:
        raise TypeError("a site key is not copied to other processes")

    def cipher(self, use: bytes) -> ChaCha20Poly1305:
        """What seals files of one use for the site's edges and nobody else (RFC 8439, 5869)."""
        info = b"sentrypost seal 1\x00" + use
        return ChaCha20Poly1305(HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self._key))

    def signing(self, use: bytes) -> Ed25519PrivateKey:
        """The key with which the site's edges sign for one use (RFC 8032, 5869)."""
        info = b"sentrypost sign 1\x00" + use
        seed = HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self._key)
        return Ed25519PrivateKey.from_private_bytes(seed)

    def digest(self, message: bytes) -> str:
        """HMAC-SHA-256 in hex. The message begins with the tag of its use."""
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def load_site_key(path: Path) -> SiteKey:
    """The key from its file: exactly 32 raw bytes that nobody but the owner can touch.

    Raises SiteKeyError, with the command that mends it.
    """
    make = f"make one with: (umask 077; head -c {KEY_BYTES} /dev/urandom > {_quoted(path)})"
    try:
        key = read_secret(path, KEY_BYTES + 1)
    except FileNotFoundError:
        raise SiteKeyError(
            f"{path}: there is no site key; copy it from another edge of the site, "
            f"or if this is the first edge, {make}"
        ) from None
    except OSError as error:
        raise SiteKeyError(
            f"{path}: the site key cannot be read ({error.strerror}); "
            "make it readable for the user that runs this, and nobody else"
        ) from error
    except NotAFileError:
        raise SiteKeyError(f"{path}: the site key must be a file; {make}") from None
    except OpenToOthersError:
        raise SiteKeyError(
            f"{path}: others on this machine can read or change the site key; "
            f"close it with: chmod 600 {_quoted(path)}"
        ) from None
    try:
        return SiteKey(key)
    except SiteKeyError:
        raise SiteKeyError(
            f"{path}: the site key must be exactly {KEY_BYTES} random bytes (no hex, no newline); "
            f"copy it again from another edge of the site, or if no badge is enrolled yet, {make}"
        ) from None


def credential_ref(key: SiteKey, bits: int, data: bytes) -> CredentialRef:
    """What a badge is called: HMAC over the use's tag, the number of bits (2 bytes) and the bits.

    `data` holds the bits left-aligned; unused low bits of its last byte do not count. Raises
    ValueError for no bits, too many, or data of another length.
    """
    if not 1 <= bits <= BADGE_BITS_MAX:
        raise ValueError(f"bits: a badge has 1..{BADGE_BITS_MAX}")
    if len(data) != (bits + 7) // 8:
        raise ValueError(f"data: {bits} bits are {(bits + 7) // 8} bytes")
    used = data[:-1] + bytes([data[-1] & 0xFF << -bits % 8 & 0xFF])
    return CredentialRef(key.digest(_TAG + bits.to_bytes(2, "big") + used))


def code_ref(key: SiteKey, text: str) -> CredentialRef:
    """What a badge that is a text is called: no bits of any length have the same reference."""
    return CredentialRef(key.digest(_CODE_TAG + text.encode()))


def ref_of(key: SiteKey, presented: Badge | Code) -> CredentialRef:
    """What a badge of either kind is called. Raises ValueError as `credential_ref` does."""
    if isinstance(presented, Code):
        return code_ref(key, presented.text)
    return credential_ref(key, presented.bits, presented.data)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
