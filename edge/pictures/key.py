"""The key that wraps the keys of an edge's pictures."""

import os
import shlex
from hashlib import blake2b
from pathlib import Path

from edge.pictures.errors import PictureKeyError
from edge.secret_file import NotAFileError, OpenToOthersError, read_secret, write_new_secret

KEY_BYTES = 32
"""Of XChaCha20-Poly1305."""

KEY_FILE = "picture.key"
"""In the state folder, where the site file names no other."""


class PictureKey:
    """The secret. No repr, comparison or pickle gives it away. `id` tells keys apart."""

    __slots__ = ("id", "secret")

    def __init__(self, secret: bytes) -> None:
        """Raises PictureKeyError for a key of another length, or of zeros."""
        if len(secret) != KEY_BYTES or not any(secret):
            raise PictureKeyError(
                f"a picture key has {KEY_BYTES} random bytes; give the file as it was made"
            )
        self.secret = bytes(secret)
        named = blake2b(self.secret, digest_size=8, person=b"sentrypost-pict")
        self.id = named.hexdigest()

    def __repr__(self) -> str:
        return f"PictureKey({self.id})"

    def __reduce__(self) -> str:
        raise TypeError("a picture key is not copied to other processes")


def picture_key(state: Path, named: Path | None) -> PictureKey:
    """The key of the file that the site file names: 32 raw bytes for nobody but their owner.

    Without one, that of the state folder, which is made where there is none: it keeps an erased
    picture shut all the same, and whoever has the whole folder opens the others. Raises
    PictureKeyError.
    """
    path = state / KEY_FILE if named is None else named
    try:
        if named is None and not path.exists():
            write_new_secret(path, os.urandom(KEY_BYTES))
        return PictureKey(read_secret(path, KEY_BYTES + 1))
    except OpenToOthersError:
        raise PictureKeyError(
            f"{path}: others on this machine can read or change the picture key; "
            f"close it with: chmod 600 {shlex.quote(str(path))}"
        ) from None
    except (OSError, NotAFileError) as error:
        why = getattr(error, "strerror", None) or "not a file"
        raise PictureKeyError(
            f"{path}: the picture key cannot be read ({why}); make one with: "
            f"(umask 077; head -c {KEY_BYTES} /dev/urandom > {shlex.quote(str(path))})"
        ) from None
