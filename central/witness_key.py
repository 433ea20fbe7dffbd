"""The witness's key in its file, and how another takes its place.

Beside FILE stands FILE.former: the successions that lead to its key, each signed by both. A
rotation has three steps, and a power cut leaves one of them behind it:

1. FILE.next is the next key. FILE still cosigns.
2. FILE.former says that it follows. Whoever cosigns from here on is FILE.next.
3. FILE.next is renamed to FILE.

Whoever loads the key behind the second step does the third; before it nothing has happened yet.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.witness import NAME
from edge.key_files import KeyFileError, key_bytes
from edge.secret_file import rename_durably, write_new_secret
from edge.signatures import SigningKey
from edge.signing_keys import load_signing_key
from edge.witness_keys import Succession, read_successions, succeeded, succession, write_successions

NEXT, FORMER = ".next", ".former"


class WitnessKey(NamedTuple):
    """What the witness cosigns with, and the successions that lead to it, the oldest first."""

    key: SigningKey
    successions: tuple[Succession, ...] = ()


def load_witness_key(file: Path, ask: Callable[[], str]) -> WitnessKey:
    """The key in force. Raises KeyFileError; `ask` gives a passphrase where there is one."""
    steps = _steps(file)
    if steps and (following := _next(file)).exists():
        made = load_signing_key(following, ask)
        if made.public == steps[-1].key.public:
            with suppress(KeyFileError):  # whoever may not write here cosigns with it all the same
                _put_in_place(file)
            return WitnessKey(made, steps)
    key = load_signing_key(file, ask)
    if steps and key.public != steps[-1].key.public:
        raise KeyFileError(
            f"{file}: another key than the one to which {_former(file)} leads: bring the right file"
            " back, or take the other away where a witness begins anew"
        )
    return WitnessKey(key, steps)


def rotate_witness_key(file: Path, passphrase: str, utc_s: int) -> WitnessKey:
    """Another key in its place; one that was begun and cut off is ended. `passphrase`: of the file,
    and of the new one; empty where there is none. Raises KeyFileError.
    """

    def ask() -> str:
        return passphrase

    present, following = load_witness_key(file, ask), _next(file)
    try:
        if not following.exists():
            made = SigningKey(Ed25519PrivateKey.generate())
            write_new_secret(following, key_bytes(made.private, passphrase.encode()), like=file)
        made = load_signing_key(following, ask)
        step = succession(succeeded(NAME, present.key, made, utc_s))
        write_successions(_former(file), (*present.successions, step))
    except OSError as error:
        raise KeyFileError(
            f"{file}: no other key beside it ({error.strerror}); run it as central's account"
        ) from error
    _put_in_place(file)
    return WitnessKey(made, (*present.successions, step))


def _put_in_place(file: Path) -> None:
    try:
        rename_durably(_next(file), file)
    except OSError as error:
        raise KeyFileError(
            f"{file}: the next key cannot take its place ({error.strerror});"
            " run it as central's account"
        ) from error


def _steps(file: Path) -> tuple[Succession, ...]:
    return tuple(succession(note) for note in read_successions(_former(file)))


def _next(file: Path) -> Path:
    return file.with_name(file.name + NEXT)


def _former(file: Path) -> Path:
    return file.with_name(file.name + FORMER)
