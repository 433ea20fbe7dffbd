"""The key that a journal's size is signed with, and how another takes its place.

A rotation has three states on the disk, and a power cut leaves one of them:

1. `journal.key` alone: it signs.
2. `journal.key.next` beside it: every checkpoint is signed with both, which tells the witness, who
   knows the first, to follow to the second. It stays so until the witness has said that it did.
3. The former one's public half in `journal.former`, which makes its signatures readable for good;
   then `journal.key.next` is renamed to `journal.key`, and that is the first state again.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.key_files import KeyFileError, key_bytes
from edge.secret_file import rename_durably, replace_file, write_new_secret
from edge.signatures import PublicKeyError, SigningKey, public_key, public_text
from edge.signing_keys import load_signing_key, make_signing_key

KEY_FILE, NEXT_FILE, FORMER_FILE = "journal.key", "journal.key.next", "journal.former"

FORMER_MAX = 100
"""A key each month, for eight years."""

log = logging.getLogger(__name__)


class RotationError(Exception):
    """The key was not rotated. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class JournalKey(NamedTuple):
    """What a journal is signed with; `of_this_run`: nobody will see this key again.

    `successor`: signs as well, until the witness knows it. `former`: public halves of those that
    have signed before, the newest first.
    """

    key: SigningKey
    of_this_run: bool = False
    successor: SigningKey | None = None
    former: tuple[bytes, ...] = ()

    @property
    def signing(self) -> tuple[SigningKey, ...]:
        """Those that sign now, the newest first."""
        return (self.key,) if self.successor is None else (self.successor, self.key)

    @property
    def publics(self) -> tuple[bytes, ...]:
        """Those under which something may be signed, the newest first."""
        return tuple(dict.fromkeys((*(one.public for one in self.signing), *self.former)))


def journal_key(state: Path) -> JournalKey:
    """The key in the state folder, made by the first start.

    Doors do not depend on it: where it cannot be read or made another one serves until the end.
    """
    path = state / KEY_FILE
    try:
        if not path.exists():
            return JournalKey(make_signing_key(path))
        # It has no passphrase: nobody stands by at a start.
        return JournalKey(
            load_signing_key(path, str), successor=_next(state), former=former_keys(state)
        )
    except KeyFileError as error:
        log.error("the journal's size is signed under a key of this run alone: %s", error)
        return JournalKey(SigningKey(Ed25519PrivateKey.generate()), of_this_run=True)


def public_keys(state: Path) -> tuple[bytes, ...]:
    """Those of a state folder under which its journal is signed, the newest first; none where its
    key cannot be read.
    """
    try:
        return rotation_of(state).publics
    except RotationError:
        return ()


def rotation_of(state: Path) -> JournalKey:
    """What a state folder holds, without making anything. Raises RotationError."""
    try:
        key = load_signing_key(state / KEY_FILE, str)
    except KeyFileError as error:
        raise RotationError(
            f"the journal's key cannot be read: {error}", "run it as the edge's account, or root"
        ) from error
    return JournalKey(key, successor=_next(state), former=former_keys(state))


def former_keys(state: Path) -> tuple[bytes, ...]:
    """Public halves of those that have signed before; without lines that are none."""
    try:
        lines = (state / FORMER_FILE).read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return ()
    found: list[bytes] = []
    for line in lines[:FORMER_MAX]:
        try:
            found.append(public_key(line))
        except PublicKeyError as error:
            log.error("%s: a line %s", state / FORMER_FILE, error)
    return tuple(found)


def begin_rotation(state: Path) -> SigningKey:
    """Make the next key; a running edge takes it with its next checkpoint. Raises RotationError."""
    path = state / NEXT_FILE
    if path.exists():
        raise RotationError(
            "a rotation is under way: the witness has not followed yet",
            "let the edge run until it reaches central; `sentrypost journal key show` tells",
        )
    try:
        load_signing_key(state / KEY_FILE, str)
    except KeyFileError as error:
        raise RotationError(
            f"there is no key to rotate from: {error}",
            "remove the damaged file, start the edge, and let central forget the old key",
        ) from error
    made = SigningKey(Ed25519PrivateKey.generate())
    try:
        write_new_secret(path, key_bytes(made.private), like=state / KEY_FILE)
    except OSError as error:
        raise RotationError(
            f"{path} cannot be written: {error.strerror}", "run it as the edge's account, or root"
        ) from error
    return made


class KeyRing:
    """The keys of a running edge, which follow what stands in its state folder.

    `advance` reads and writes there, and is called where a disk may block: on the journal's thread.
    The others belong to the loop. `followed` is called when everybody who has to know the newest
    key knows it, and then has `record(key, former)` put that on record; what is on record is done.
    """

    def __init__(self, keys: JournalKey, state: Path | None = None) -> None:
        self.keys = keys
        self.record: Callable[[str, str], None] | None = None
        self._state = state
        self._asked: SigningKey | None = None
        self._recorded: SigningKey | None = None

    def followed(self) -> None:
        """The newest key is known to everybody who has to know it."""
        newest = self.keys.successor
        if newest is None or newest is self._asked:
            return
        self._asked = newest
        if self.record is None:
            self._recorded = newest
        else:
            self.record(newest.id, self.keys.key.id)

    def recorded(self) -> None:
        """That it was followed is on disk."""
        self._recorded = self._asked

    def ask_again(self) -> None:
        """There was no disk for a while, and what was to be on record may be lost."""
        self._asked = self._recorded

    def advance(self) -> JournalKey:
        """Take the next step of a rotation, if one is due; never raises for a disk's sake."""
        state = self._state
        if state is None or self.keys.of_this_run:
            return self.keys
        try:
            if self.keys.successor is None:
                self.keys = self.keys._replace(successor=_next(state))
            elif self.keys.successor is self._recorded:
                self.keys = _finished(state, self.keys)
        except (OSError, KeyFileError) as error:
            log.error("the journal's key is not rotated: %s", error)
        return self.keys


def _finished(state: Path, keys: JournalKey) -> JournalKey:
    """Raises OSError."""
    assert keys.successor is not None, "there is one to finish with"
    former = tuple(dict.fromkeys((keys.key.public, *keys.former)))[:FORMER_MAX]
    lines = "".join(f"{public_text(public)}\n" for public in former)
    replace_file(state / FORMER_FILE, lines.encode())
    rename_durably(state / NEXT_FILE, state / KEY_FILE)
    log.info("the journal's key is %s from here on", keys.successor.id)
    return JournalKey(keys.successor, former=former)


def _next(state: Path) -> SigningKey | None:
    path = state / NEXT_FILE
    try:
        return load_signing_key(path, str) if path.exists() else None
    except KeyFileError as error:
        log.error("the journal's next key is not used: %s", error)
        return None
