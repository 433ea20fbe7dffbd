"""Private keys, in files, of those who are told of duress."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.key_files import KeyFileError, read_key, write_key

MADE_BY = "sentrypost duress new"


def make_duress_key(path: Path, passphrase: bytes = b"") -> X25519PrivateKey:
    """A new key in a new file. Raises KeyFileError as `write_key` does."""
    private = X25519PrivateKey.generate()
    write_key(path, private, passphrase)
    return private


def load_duress_key(path: Path, ask: Callable[[], str]) -> X25519PrivateKey:
    """The key of a file. Raises KeyFileError; `ask` as in `read_key`."""
    private = read_key(path, ask, made_by=MADE_BY)
    if not isinstance(private, X25519PrivateKey):
        raise KeyFileError(f"{path}: opens no duress note; make a key that does with: {MADE_BY}")
    return private
