"""Private signing keys in files: PKCS #8 in PEM (RFC 5958), encrypted where a passphrase is set."""

import shlex
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.secret_file import NotAFileError, OpenToOthersError, read_secret, write_new_secret
from edge.signatures import SigningKey

KEY_FILE_BYTES_MAX = 4096


class SigningKeyError(Exception):
    """The key file cannot be used; the message names the remedy and never a byte of the key."""


def make_signing_key(path: Path, passphrase: bytes = b"") -> SigningKey:
    """A new key in a new file of mode 600. Raises SigningKeyError where the file exists."""
    private = Ed25519PrivateKey.generate()
    closed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed)
    try:
        write_new_secret(path, pem)
    except FileExistsError:
        raise SigningKeyError(
            f"{path}: there is such a file, and a key is never written over; choose another name"
        ) from None
    except OSError as error:
        raise SigningKeyError(
            f"{path}: cannot be written ({error.strerror}); choose a folder that you may write to"
        ) from error
    return SigningKey(private)


def load_signing_key(path: Path, ask: Callable[[], str]) -> SigningKey:
    """The key of a file; `ask` gives its passphrase and is called only where there is one.

    Raises SigningKeyError.
    """
    try:
        pem = read_secret(path, KEY_FILE_BYTES_MAX)
    except OpenToOthersError:
        raise SigningKeyError(
            f"{path}: others on this machine can read or change the key; "
            f"close it with: chmod 600 {shlex.quote(str(path))}"
        ) from None
    except (OSError, NotAFileError) as error:
        why = getattr(error, "strerror", None) or "not a file"
        raise SigningKeyError(
            f"{path}: cannot be read ({why}); make a key with: sentrypost key new"
        ) from None
    try:
        encrypted = b"-----BEGIN ENCRYPTED " in pem
        private = load_pem_private_key(pem, ask().encode() if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError(
            f"{path}: not a private key, or the passphrase is wrong; try again, or use the file "
            "that `sentrypost key new` has made"
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(f"{path}: not an Ed25519 key; make one with: sentrypost key new")
    return SigningKey(private)
