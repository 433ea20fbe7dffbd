"""How a template is sealed: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), by libsodium.

A nonce of 24 random bytes needs no counter, so that a file that was put back gives none twice. What
a template belongs to is authenticated with it: bytes that are moved to another person, version,
model, edge or site do not open.
"""

import hashlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.secret_file import NotAFileError, OpenToOthersError, read_secret

KEY_BYTES = 32
NONCE_BYTES = 24
TAG_BYTES = 16

INSTALL = "install it with the extra of cameras: pip install 'sentrypost[biometrics]'"

_USE = b"sentrypost templates 1"
_ID = b"sentrypost template key id 1"

ID_BYTES = 8


class TemplateKeyError(Exception):
    """The key cannot be used; the message names the remedy and never a byte of the key."""


class SealError(Exception):
    """The bytes do not open under this key and for this owner. It says no more than that."""


class Belongs(NamedTuple):
    """What sealed bytes belong to. `what` tells the kinds of them apart."""

    what: str
    site: str
    edge: str
    holder: str
    version: int
    model: str

    def associated(self) -> bytes:
        """One spelling: each part behind its length, so that no two give the same bytes."""
        parts = (part.encode() for part in map(str, self))
        return b"sp1" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class TemplateKey:
    """The secret under which templates lie. No repr, comparison or pickle gives it away."""

    __slots__ = ("_key", "id")

    def __init__(self, key: bytes) -> None:
        """Raises TemplateKeyError for a key of another length, or of zeros (lost to a crash)."""
        if len(key) != KEY_BYTES:
            raise TemplateKeyError(f"a template key has {KEY_BYTES} bytes, not {len(key)}")
        if not any(key):
            raise TemplateKeyError("the template key is all zeros")
        self._key = hashlib.blake2b(_USE, key=key, digest_size=KEY_BYTES).digest()
        self.id = hashlib.blake2b(_ID, key=key, digest_size=ID_BYTES).hexdigest()
        """Tells keys apart, and says nothing of them."""

    def __repr__(self) -> str:
        return f"TemplateKey(id={self.id!r})"

    def __reduce__(self) -> str:
        raise TypeError("a template key is not copied to other processes")

    def seal(self, plain: bytes, to: Belongs, entropy: Callable[[int], bytes]) -> bytes:
        """Nonce, then what is sealed and its tag. Raises TemplateKeyError without PyNaCl."""
        nonce = entropy(NONCE_BYTES)
        return nonce + _sodium().seal(plain, to.associated(), nonce, self._key)

    def open(self, sealed: bytes, to: Belongs) -> bytes:
        """What was sealed. Raises SealError, and TemplateKeyError without PyNaCl."""
        sodium = _sodium()
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise SealError
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return sodium.open(rest, to.associated(), nonce, self._key)
        except sodium.refused:
            raise SealError from None


class _Sodium(NamedTuple):
    seal: Callable[[bytes, bytes, bytes, bytes], bytes]
    open: Callable[[bytes, bytes, bytes, bytes], bytes]
    refused: type[Exception]


def _sodium() -> _Sodium:
    """PyNaCl, which an edge without cameras does without. Raises TemplateKeyError."""
    try:
        from nacl import bindings
        from nacl.exceptions import CryptoError
    except ImportError:
        raise TemplateKeyError(f"PyNaCl is not installed; {INSTALL}") from None
    return _Sodium(
        bindings.crypto_aead_xchacha20poly1305_ietf_encrypt,
        bindings.crypto_aead_xchacha20poly1305_ietf_decrypt,
        CryptoError,
    )


def load_template_key(path: Path) -> TemplateKey:
    """The key from its file: exactly 32 raw bytes that nobody but the owner can touch.

    A credential of the service manager is such a file; see `edge.credentials`. Raises
    TemplateKeyError, with the command that mends it.
    """
    quoted = shlex.quote(str(path))
    make = f"make one with: (umask 077; head -c {KEY_BYTES} /dev/urandom > {quoted})"
    try:
        key = read_secret(path, KEY_BYTES + 1)
    except OSError as error:
        raise TemplateKeyError(
            f"{path}: the template key cannot be read ({error.strerror}); put it back from where "
            f"you keep it, or if nobody is enrolled yet, {make}"
        ) from None
    except NotAFileError:
        raise TemplateKeyError(f"{path}: the template key must be a file; {make}") from None
    except OpenToOthersError:
        raise TemplateKeyError(
            f"{path}: others on this machine can read or change the template key; "
            f"close it with: chmod 600 {quoted}"
        ) from None
    try:
        return TemplateKey(key)
    except TemplateKeyError:
        raise TemplateKeyError(
            f"{path}: the template key must be exactly {KEY_BYTES} random bytes (no hex, no "
            f"newline); put it back from where you keep it, or if nobody is enrolled yet, {make}"
        ) from None
