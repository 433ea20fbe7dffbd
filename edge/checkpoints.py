"""When the journal's size is said: now and then, even when nothing happens, and at once where it
matters. What is said is signed under the journal's own key, which signs nothing else.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from controller.checkpoint import Checkpoint, log_name
from controller.events import (
    URGENT,
    JournalKeyRotated,
    JournalRestored,
    decode_entry,
    kind_of,
)
from controller.merkle import Frontier
from edge.journal import JournalClosed, JournalError, JournalWriter, Record
from edge.journal.checkpoints import Kept
from edge.journal_keys import KeyRing
from edge.notes import Algorithm, NoteKey, signed

EVERY_S = 60.0
"""An idle journal says so, too: nobody can pass off an old state as the present one for longer."""

EVERY_ENTRIES = 1_000
AGAIN_S = 5.0
"""After the journal did not take one."""

ROTATED, RESTORED = kind_of(JournalKeyRotated), kind_of(JournalRestored)

log = logging.getLogger(__name__)


class Checkpointer:
    """Of one journal. `utc_us()` is the clock's; `taken` is called with each, on the loop.

    `witnessed`: there is a witness who has to follow to another key before the old one goes.
    """

    def __init__(
        self,
        writer: JournalWriter,
        ring: KeyRing,
        utc_us: Callable[[], int],
        taken: Callable[[Kept], None],
        *,
        witnessed: bool = False,
    ) -> None:
        self._writer = writer
        self.ring = ring
        self._witnessed = witnessed
        self._utc_us = utc_us
        self._taken = taken
        self._due = asyncio.Event()
        self._entries = 0
        self._said = ""

    @property
    def key(self) -> NoteKey:
        """Under which name and key it signs; the newest, where there are two."""
        return self.keys[0]

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        """Those under which its checkpoints are signed, former ones too, the newest first."""
        return tuple(
            NoteKey(self._name, public, Algorithm.LOG) for public in self.ring.keys.publics
        )

    @property
    def _name(self) -> str:
        writer = self._writer
        return log_name(writer.site, writer.edge, writer.incarnation)

    def committed(self, records: Sequence[Record]) -> None:
        """`records` are on disk. Called on the loop; never blocks."""
        self._entries += len(records)
        kinds = {decode_entry(record.entry).kind for record in records}
        if ROTATED in kinds:
            self.ring.recorded()
        elif RESTORED in kinds:
            self.ring.ask_again()
        if not URGENT.isdisjoint(kinds) or self._entries >= EVERY_ENTRIES:
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

    async def seal(self, utc_us: int) -> None:
        """The last word on a segment's size, and another one. Raises JournalError."""
        kept = await self._writer.seal(self._sign, utc_us)
        if kept is not None:
            self._entries = 0
            self._taken(kept)

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
        if not self._witnessed:
            self.ring.followed()  # it stands in the journal, and nobody else has to know
        self._taken(kept)
        return True

    def _sign(self, tree: Frontier) -> str:
        """On the journal's thread."""
        keys = self.ring.advance().signing
        return signed(Checkpoint(self._name, tree.size, tree.root).text, self._name, *keys)
