"""For how long the journal is kept: it goes on in another segment each month, what is past its time
goes, and what can go early goes before the disk is full.

Nothing goes that is not somewhere else: the archive has said that it stored it, and the witness,
whose signature verifies, has cosigned a tree that has it in it and that is ours. Without a witness
nothing goes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from controller.checkpoint import CheckpointError, checkpoint_of
from controller.inputs import PruningDecided
from controller.moment import Moment
from controller.retention import RecordClass
from edge.checkpoints import Checkpointer
from edge.daemon import Daemon
from edge.journal import JournalClosed, JournalError, JournalWriter, Signers
from edge.journal.pruning import Segment
from edge.notes import NoteError, cosigned_at, is_by, opened
from edge.witness_keys import cosigner

LOOK_S = 10.0
"""Between two looks at the time and at the room on the disk, which no journal fills in it."""

PRUNE_S = 3600.0
"""Between two looks for what is past its time."""

SEGMENT_ENTRIES_MAX = 1_000_000
"""Half a gigabyte: a busier month is more than one segment."""

SEGMENT_ENTRIES_LOW = 10_000
"""Five megabytes, worth a segment of their own where the disk is nearly full: only what is sealed
can go.
"""

DAY_US = 86_400_000_000

log = logging.getLogger(__name__)


def month(utc_us: int) -> tuple[int, int]:
    """Year and month."""
    at = datetime.fromtimestamp(utc_us / 1e6, UTC)
    return at.year, at.month


class Keeper:
    """Of one daemon's journal. `room_is_low()` blocks on the disk for a moment."""

    def __init__(
        self,
        daemon: Daemon,
        checkpoints: Checkpointer,
        clock: Callable[[], Moment],
        days: Mapping[RecordClass, int],
        signers: Callable[[], Signers],
        room_is_low: Callable[[], bool],
    ) -> None:
        """`days`: for how long each class is kept; one that is not named is kept for good."""
        self._daemon = daemon
        self._writer: JournalWriter = daemon.writer
        self._checkpoints = checkpoints
        self._clock = clock
        self._days = dict(days)
        self._signers = signers
        self._room_is_low = room_is_low
        self._said = ""
        self._state_at = 0

    async def run(self) -> None:
        """Serve until cancelled. Raises JournalClosed: a bug."""
        looks = 0
        while True:
            await asyncio.sleep(LOOK_S)
            looks += 1
            await self.look(old=looks % int(PRUNE_S / LOOK_S) == 1)

    async def look(self, *, old: bool) -> None:
        """See to it now; with `old` also to what is past its time. Raises JournalClosed."""
        if self._daemon.recorder.down:
            return
        moment = self._clock()
        try:
            low = await asyncio.to_thread(self._room_is_low)
            if moment.trusted:
                await self._seal_if_due(moment.utc_us, low=low)
            if low:
                await self._drop_early()
                return
            if moment.trusted and old and self._days:
                await self._prune(moment.utc_us)
        except JournalClosed:
            raise
        except JournalError as error:
            self._say(f"the journal is not sealed or pruned, and it is tried again: {error}")
        else:
            self._said = ""

    async def _seal_if_due(self, utc_us: int, *, low: bool) -> None:
        """By a clock that is trusted; one that was set back to before it began ends no month."""
        entries = self._writer.in_segment
        ended = month(utc_us) > month(self._writer.begun_utc_us)
        if entries >= (SEGMENT_ENTRIES_LOW if low else SEGMENT_ENTRIES_MAX) or (entries and ended):
            await self._daemon.keep_state()
            await self._checkpoints.seal(utc_us)
            log.info("the journal goes on in another segment, after %d entries", entries)

    async def _prune(self, utc_us: int) -> None:
        """What is past its time, counted from the end of its segment."""
        proven = await self.proven()
        oldest = True
        for segment in await self._writer.sealed():
            if segment.last > proven:
                return
            age_us = utc_us - segment.ended_utc_us
            past = {one for one, days in self._days.items() if age_us >= days * DAY_US}
            if oldest and past == set(RecordClass):
                await self._drop(segment, early=False)
                continue
            oldest = False
            if past - set(segment.classes):
                await self._thin(segment, past | set(segment.classes))

    async def _drop_early(self) -> None:
        """Segments from the oldest on, until there is room."""
        proven = await self.proven()
        for segment in await self._writer.sealed():
            if segment.last > proven:
                break
            await self._drop(segment, early=True)
            if not await asyncio.to_thread(self._room_is_low):
                return
        if (newest := self._writer.last_seq) > self._state_at:
            # What is sealed goes only from before two states that are kept.
            await self._daemon.keep_state()
            self._state_at = newest
        self._say("the disk is nearly full, and nothing of the journal can go that is not needed")

    async def _drop(self, segment: Segment, *, early: bool) -> None:
        by = await self._recorded(segment, (), whole=True, early=early)
        await self._writer.drop(segment.number, by)
        log.info("entries up to %d are kept no longer", segment.last)

    async def _thin(self, segment: Segment, classes: Iterable[RecordClass]) -> None:
        named = tuple(sorted(classes))
        by = await self._recorded(segment, named, whole=False, early=False)
        await self._writer.thin(segment.number, named, by)

    async def _recorded(
        self, segment: Segment, classes: tuple[RecordClass, ...], *, whole: bool, early: bool
    ) -> int:
        """On disk before anything goes; under which number. Raises JournalError."""
        daemon = self._daemon
        outcome = daemon.judge(
            PruningDecided(
                id=daemon.new_id(),
                first=segment.first,
                last=segment.last,
                classes=classes,
                whole=whole,
                early=early,
            )
        )
        await daemon.recorder.drained()
        seq = outcome.events[-1].header.seq
        if daemon.recorder.down or self._writer.last_seq < seq:
            raise JournalError("what is pruned could not be recorded")
        return seq

    async def proven(self) -> int:
        """Entries up to this one are in the archive and cosigned. Raises JournalError."""
        writer, signers = self._writer, self._signers()
        keys = signers.log_keys(writer.site, writer.edge, writer.incarnation)
        kept = await writer.newest_cosigned()
        if signers.witness is None or not keys or kept is None or kept.cosigned is None:
            return 0
        signed_by = (key for key in keys if is_by(kept.cosigned, key))
        try:
            said = checkpoint_of(opened(kept.cosigned, next(signed_by, keys[0])))
            cosigned_at(kept.cosigned, cosigner(kept.cosigned, signers.witnesses))
        except (NoteError, CheckpointError) as error:
            self._say(f"nothing is pruned: the cosigned checkpoint on file: {error}")
            return 0
        if said.origin != keys[0].name or await writer.root_at(said.size) != said.root:
            self._say("nothing is pruned: what was cosigned is not this journal")
            return 0
        return min(writer.acked, said.size)

    def _say(self, what: str) -> None:
        if what != self._said:
            log.warning("%s", what)
            self._said = what
