"""Private signing keys in files."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.key_files import KeyFileError, read_key, write_key
from edge.signatures import SigningKey

MADE_BY = "sentrypost key new"


def make_signing_key(path: Path, passphrase: bytes = b"") -> SigningKey:
    """A new key in a new file. Raises KeyFileError as `write_key` does."""
    private = Ed25519PrivateKey.generate()
    write_key(path, private, passphrase)
    return SigningKey(private)


def load_signing_key(path: Path, ask: Callable[[], str]) -> SigningKey:
    """The key of a file. Raises KeyFileError; `ask` as in `read_key`."""
    private = read_key(path, ask, made_by=MADE_BY)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; make one with: {MADE_BY}")
    return SigningKey(private)
