"""Private keys in files: PKCS #8 in PEM (RFC 5958), encrypted where a passphrase is set."""

import shlex
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.secret_file import NotAFileError, OpenToOthersError, read_secret, write_new_secret

KEY_FILE_BYTES_MAX = 4096


class KeyFileError(Exception):
    """The key file cannot be used; the message names the remedy and never a byte of the key."""


Private = Ed25519PrivateKey | X25519PrivateKey | EllipticCurvePrivateKey


def key_bytes(key: Private, passphrase: bytes = b"") -> bytes:
    """As such a file holds it."""
    closed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed)


def write_key(path: Path, key: Private, passphrase: bytes) -> None:
    """A new file of mode 600. Raises KeyFileError where the file exists."""
    try:
        write_new_secret(path, key_bytes(key, passphrase))
    except FileExistsError:
        raise KeyFileError(
            f"{path}: there is such a file, and a key is never written over; choose another name"
        ) from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot be written ({error.strerror}); choose a folder that you may write to"
        ) from error


def read_key(path: Path, ask: Callable[[], str], *, made_by: str) -> PrivateKeyTypes:
    """The key of a file; `ask` gives its passphrase and is called only where there is one.

    `made_by`: the command that makes such a key. Raises KeyFileError.
    """
    try:
        pem = read_secret(path, KEY_FILE_BYTES_MAX)
    except OpenToOthersError:
        raise KeyFileError(
            f"{path}: others on this machine can read or change the key; "
            f"close it with: chmod 600 {shlex.quote(str(path))}"
        ) from None
    except (OSError, NotAFileError) as error:
        why = getattr(error, "strerror", None) or "not a file"
        raise KeyFileError(f"{path}: cannot be read ({why}); make a key with: {made_by}") from None
    try:
        encrypted = b"-----BEGIN ENCRYPTED " in pem
        return load_pem_private_key(pem, ask().encode() if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(
            f"{path}: not a private key, or the passphrase is wrong; try again, or use the file "
            f"that `{made_by}` has made"
        ) from None
