"""Private keys, in files, of those who may open backups."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.key_files import KeyFileError, read_key, write_key

MADE_BY = "sentrypost backup key"


def make_backup_key(path: Path, passphrase: bytes = b"") -> X25519PrivateKey:
    """A new key in a new file. Raises KeyFileError as `write_key` does."""
    private = X25519PrivateKey.generate()
    write_key(path, private, passphrase)
    return private


def load_backup_key(path: Path, ask: Callable[[], str]) -> X25519PrivateKey:
    """The key of a file. Raises KeyFileError; `ask` as in `read_key`."""
    private = read_key(path, ask, made_by=MADE_BY)
    if not isinstance(private, X25519PrivateKey):
        raise KeyFileError(f"{path}: opens no backup; make a key that does with: {MADE_BY}")
    return private
