"""How pictures go: recorded first, then their keys are destroyed, then the files removed.

A cut in between is no matter: what was to go is still there, is found again, and goes then.
"""

import asyncio
from collections.abc import Sequence

from controller.events_pictures import PictureEnd, PictureId, PictureKind
from controller.ids import HolderId
from controller.inputs_pictures import PicturesEnding
from edge.daemon import Daemon
from edge.pictures.errors import PicturesError
from edge.pictures.index import PictureIndex

DAY_US = 86_400_000_000

AT_ONCE = 64
"""So many of the oldest go at a time where the disk is nearly full: some megabytes."""

UNRECORDED = "what becomes of pictures could not be recorded; see to the journal's disk"


class PictureEnds:
    """Of one daemon. It needs neither camera nor picture key."""

    def __init__(self, daemon: Daemon, index: PictureIndex) -> None:
        self._daemon, self.index = daemon, index

    async def of_holder(self, holder: HolderId) -> None:
        """Everything in which somebody may be goes. Raises PicturesError."""
        found = await asyncio.to_thread(self.index.of_holder, holder)
        await self.erase(found, PictureEnd.PERSON_ERASED, holder)

    async def past(self, what: PictureKind, days: int) -> None:
        """What is older than so many days goes. Raises PicturesError."""
        before_us = self._daemon.now().utc_us - days * DAY_US
        while found := await asyncio.to_thread(self.index.past, what, before_us):
            await self.erase(found, PictureEnd.TIME_OVER)

    async def oldest(self) -> None:
        """Some go to make room. Raises PicturesError."""
        found = await asyncio.to_thread(self.index.oldest, AT_ONCE)
        await self.erase(found, PictureEnd.NO_ROOM)

    async def erase(
        self, pictures: Sequence[PictureId], why: PictureEnd, holder: HolderId | None = None
    ) -> None:
        """On record before anything goes. Raises PicturesError."""
        if not pictures:
            return
        daemon = self._daemon
        if self._unwritable():
            raise PicturesError(UNRECORDED)
        outcome = daemon.judge(
            PicturesEnding(id=daemon.new_id(), pictures=tuple(pictures), why=why, holder=holder)
        )
        await daemon.recorder.drained()
        if self._unwritable() or daemon.writer.last_seq < outcome.events[-1].header.seq:
            raise PicturesError(UNRECORDED)
        anew = why is PictureEnd.PERSON_ERASED
        await asyncio.to_thread(self.index.erase, pictures, anew=anew)

    def _unwritable(self) -> bool:
        return self._daemon.recorder.down
