"""Signatures by `ssh-keygen -Y sign` (OpenSSH, PROTOCOL.sshsig), Ed25519 keys alone.

Deviates from PROTOCOL.sshsig: nothing may stand in the reserved field, and whoever is asked for is
known, so that all but the last 64 bytes of a signature are written down beforehand and compared.
"""

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

from edge.signatures import (
    PUBLIC_BYTES,
    SIGNATURE_BYTES,
    EnvelopeError,
    PublicKeyError,
    fits,
    not_anybodys,
)

ALGORITHM = b"ssh-ed25519"
PREFIX = "ssh-ed25519 "
"""With which such a key begins in a file of OpenSSH."""

_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_ARMOUR = re.compile(
    rb"\s*-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*"
)

ARMOURED_BYTES_MAX = 4096
"""Ten times what a signature of such a key takes."""


class _Shape(NamedTuple):
    """By which hash, what stands before the 64 bytes, and what they are over."""

    before: bytes
    signed: bytes


def namespace(site: str) -> str:
    """What `ssh-keygen -Y sign -n` is told: a signature for one site is none for another."""
    return f"sentrypost-order@{site}"


def ssh_public_key(text: str) -> bytes:
    """The 32 bytes of `ssh-ed25519 AAAA… comment`. Raises PublicKeyError."""
    words = text.split(maxsplit=2)
    if len(words) < 2 or words[0] != ALGORITHM.decode():
        raise PublicKeyError(f"is no line that begins with '{PREFIX}'")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise PublicKeyError("is no base64 behind its first word") from None
    public = blob[-PUBLIC_BYTES:]
    if blob != _public_blob(public) or len(public) != PUBLIC_BYTES:
        raise PublicKeyError("is no Ed25519 key of OpenSSH")
    return not_anybodys(public)


def unarmoured(text: bytes) -> bytes:
    """The signature in a file that ssh-keygen has written. Raises EnvelopeError."""
    found = _ARMOUR.fullmatch(text) if len(text) <= ARMOURED_BYTES_MAX else None
    try:
        if found is not None:
            return base64.b64decode(b"".join(found[1].split()), validate=True)
    except binascii.Error:
        pass
    raise EnvelopeError(
        "no signature of ssh-keygen", "name the file that `ssh-keygen -Y sign` has written (.sig)"
    )


def made_by(signature: bytes, public: bytes, site: str, message: bytes) -> bool:
    """Whether the owner of this key has signed the message, as an order for this site."""
    return any(
        signature[:-SIGNATURE_BYTES] == shape.before
        and fits(public, signature[-SIGNATURE_BYTES:], shape.signed)
        for shape in _shapes(public, site, message)
    )


def _shapes(public: bytes, site: str, message: bytes) -> tuple[_Shape, ...]:
    """Both hashes that PROTOCOL.sshsig names."""
    digests = ((b"sha512", hashlib.sha512), (b"sha256", hashlib.sha256))
    return tuple(_shape(public, site, name, digest(message).digest()) for name, digest in digests)


def _shape(public: bytes, site: str, hashed_by: bytes, digest: bytes) -> _Shape:
    about = b"".join(map(_string, (namespace(site).encode(), b"", hashed_by)))
    length = len(_string(ALGORITHM)) + len(_string(bytes(SIGNATURE_BYTES)))
    before = (
        _MAGIC + _VERSION + _string(_public_blob(public)) + about
        + length.to_bytes(4, "big") + _string(ALGORITHM) + SIGNATURE_BYTES.to_bytes(4, "big")
    )  # fmt: skip
    return _Shape(before, _MAGIC + about + _string(digest))


def _public_blob(public: bytes) -> bytes:
    return _string(ALGORITHM) + _string(public)


def _string(data: bytes) -> bytes:
    """RFC 4251, section 5."""
    return len(data).to_bytes(4, "big") + data
