"""When the journal's size is said: now and then, even when nothing happens, and at once where it
matters. What is said is signed under the journal's own key, which signs nothing else.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.events import URGENT, decode_entry
from controller.merkle import Frontier
from edge.journal import JournalClosed, JournalError, JournalWriter, Record
from edge.journal.checkpoints import Kept
from edge.key_files import KeyFileError
from edge.notes import Algorithm, NoteKey, signed
from edge.signatures import SigningKey
from edge.signing_keys import load_signing_key, make_signing_key

EVERY_S = 60.0
"""An idle journal says so, too: nobody can pass off an old state as the present one for longer."""

EVERY_ENTRIES = 1_000
AGAIN_S = 5.0
"""After the journal did not take one."""

KEY_FILE = "journal.key"

log = logging.getLogger(__name__)


class JournalKey(NamedTuple):
    """What a journal is signed with; `of_this_run`: nobody will see this key again."""

    key: SigningKey
    of_this_run: bool = False


def journal_key(state: Path) -> JournalKey:
    """The key in the state folder, made by the first start.

    Doors do not depend on it: where it cannot be read or made another one serves until the end.
    """
    path = state / KEY_FILE
    try:
        if not path.exists():
            return JournalKey(make_signing_key(path))
        # It has no passphrase: nobody stands by at a start.
        return JournalKey(load_signing_key(path, str))
    except KeyFileError as error:
        log.error("the journal's size is signed under a key of this run alone: %s", error)
        return JournalKey(SigningKey(Ed25519PrivateKey.generate()), of_this_run=True)


class Checkpointer:
    """Of one journal. `utc_us()` is the clock's; `taken` is called with each, on the loop."""

    def __init__(
        self,
        writer: JournalWriter,
        key: SigningKey,
        utc_us: Callable[[], int],
        taken: Callable[[Kept], None],
    ) -> None:
        self._writer = writer
        self._private = key
        self._utc_us = utc_us
        self._taken = taken
        self._due = asyncio.Event()
        self._entries = 0
        self._said = ""

    @property
    def key(self) -> NoteKey:
        """Under which name and key it signs."""
        writer = self._writer
        name = log_name(writer.site, writer.edge, writer.incarnation)
        return NoteKey(name, self._private.public, Algorithm.LOG)

    def committed(self, records: Sequence[Record]) -> None:
        """`records` are on disk. Called on the loop; never blocks."""
        self._entries += len(records)
        urgent = any(decode_entry(record.entry).kind in URGENT for record in records)
        if urgent or self._entries >= EVERY_ENTRIES:
            self._due.set()

    async def run(self) -> None:
        """Serve until cancelled. Raises JournalClosed: a bug."""
        while True:
            pause_s = EVERY_S if await self.take() else AGAIN_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._due.wait()
            except TimeoutError:
                continue

    async def take(self) -> bool:
        """Say the size now; False where the journal does not take it. Raises JournalClosed."""
        self._due.clear()
        self._entries = 0
        try:
            kept = await self._writer.checkpoint(self._sign, self._utc_us())
        except JournalClosed:
            raise
        except JournalError as error:
            if str(error) != self._said:
                log.warning("no checkpoint, and tried again: %s", error)
            self._said = str(error)
            return False
        self._said = ""
        self._taken(kept)
        return True

    def _sign(self, tree: Frontier) -> str:
        name = self.key.name
        return signed(Checkpoint(name, tree.size, tree.root).text, name, self._private)
