"""From the core's outcomes to the disk, and from the disk to what may act.

Outcomes are committed in the order in which the core made them, as many at once as wait. An effect
that is not life safety is handed on when its event is durable and not before. When the journal
fails the core is told at once; from then on entries are kept in memory, and effects are handed on
without the disk: whether one still stands is the core's to say, and it says no to every entry that
is not an emergency passage.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence

from controller.effects import Effect
from controller.events import EntryDropped, Event, Header, encode
from edge.journal.errors import (
    JournalClosed,
    JournalError,
    JournalFailed,
    JournalFull,
    RecordRefused,
)
from edge.journal.memory import MemoryRing
from edge.journal.store import Record
from edge.journal.work import BATCH_BYTES_MAX
from edge.journal.writer import JournalWriter

COMMIT_WITHIN_S = 1.0
"""A person waits at a door: a disk that takes longer has failed, whatever becomes of the write."""

RETRY_S = 2.0
"""Between tries to reopen a journal that failed."""

RECOVER_RECORDS = 2_000
"""Appended at once while catching up, so that the disk's own pace shows."""

log = logging.getLogger(__name__)

Carry = Callable[[Sequence[Effect]], None]


class Recorder:
    """One journal's way in. `carry` gets the effects whose turn has come, in order."""

    def __init__(
        self,
        writer: JournalWriter,
        *,
        carry: Carry,
        committed: Callable[[Sequence[Record]], None],
        failed: Callable[[str], None],
        recovered: Callable[[int], None],
        header: Callable[[int], Header],
        make_room: Callable[[], Awaitable[bool]],
    ) -> None:
        """`make_room` frees what was kept for a full disk; whether there was something to free."""
        self._writer = writer
        self._carry = carry
        self._committed = committed
        self._failed = failed
        self._recovered = recovered
        self._header = header
        self._make_room = make_room
        self._waiting: list[tuple[tuple[Event, ...], tuple[Effect, ...]]] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.settled = asyncio.Event()
        """Set, and another one put in its place, when what was recorded next is on disk, or in
        memory where there is no disk."""
        self._kept = MemoryRing()
        self._dropped_told = 0
        self._newest = writer.last_seq
        self._down = False
        self._trying = asyncio.Lock()
        self._said = ""

    @property
    def down(self) -> bool:
        """Whether entries are kept in memory because the journal cannot be written."""
        return self._down

    def record(self, events: tuple[Event, ...], effects: tuple[Effect, ...]) -> None:
        """Queue one outcome. Never blocks."""
        if events or effects:
            self._waiting.append((events, effects))
            self._idle.clear()
            self._wake.set()

    async def drained(self) -> None:
        """Wait until everything recorded so far is on disk, or in memory when there is no disk."""
        await self._idle.wait()

    async def run(self) -> None:
        """Commit what is recorded, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._commit(), name="journal commits")
            tasks.create_task(self._recover(), name="journal recovery")

    async def _commit(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._waiting = self._waiting, []
            for records, effects in _portions(taken):
                await self._store(records)
                if not self._down:
                    self._committed(records)
                self._carry(effects)
                self._settle()
            if not self._waiting:
                self._idle.set()

    def _settle(self) -> None:
        settled, self.settled = self.settled, asyncio.Event()
        settled.set()

    async def _store(self, records: list[Record]) -> None:
        if not records:
            return
        self._newest = records[-1].seq
        if self._down:
            self._keep(records, pinned=False)
            return
        try:
            # Never cancelled: the write goes on, and its outcome is unknown until then.
            stored = self._writer.submit(records)
            await asyncio.wait([stored], timeout=COMMIT_WITHIN_S)
            # Asked of the write and not of the clock: this process may have been what stood still.
            if stored.done():
                stored.result()
                return
        except JournalFailed as error:
            self._fail(records, str(error))
        else:
            stored.add_done_callback(_look_at)
            self._fail(records, f"no answer from the disk within {COMMIT_WITHIN_S:.0f} s")

    def _fail(self, records: list[Record], reason: str) -> None:
        log.error("the journal cannot be written: %s", reason)
        self._down, self._said = True, reason
        self._keep(records, pinned=True)
        self._failed(reason)

    def _keep(self, records: list[Record], *, pinned: bool) -> None:
        for record in records:
            self._kept.keep(record, pinned=pinned)

    async def _recover(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            await self.retry()

    async def retry(self) -> None:
        """Where the journal is down, try now to bring to disk what is kept. Where the disk failed
        in something else than an append, open it anew before somebody at a door has to wait for it.

        Raises JournalClosed, and RecordRefused where the numbers no longer fit: a bug. Whatever
        else is wrong with the storage somebody may mend while the edge runs on: until then ways
        out stay open to people and nobody enters.
        """
        async with self._trying:
            if not self._down and not self._writer.stopped:
                return
            try:
                await self._try()
            except JournalFull as error:
                if not await self._make_room():
                    self._say(error)
                    return
                log.critical("the disk is full: the room that was kept for that is used now")
                try:
                    await self._try()
                except JournalFailed as again:
                    self._say(again)
            except (JournalClosed, RecordRefused):
                raise
            except JournalError as error:
                self._say(error)

    async def _try(self) -> None:
        if self._down:
            await self._catch_up()
        else:
            await self._writer.reopen()

    def _say(self, error: JournalError) -> None:
        if str(error) != self._said:
            log.error("the journal still cannot be written: %s", error)
            self._said = str(error)

    async def _catch_up(self) -> None:
        """Bring what was kept to disk by its numbers; what had arrived after all stays as it is."""
        on_disk = (await self._writer.reopen()).last_seq
        arrived = [record for record in self._kept.records if record.seq <= on_disk]
        await self._writer.reconcile(arrived)
        self._brought(arrived, on_disk)
        while on_disk < self._newest:
            chunk = self._without_gaps(on_disk)
            await self._writer.append(chunk)
            on_disk = chunk[-1].seq
            self._brought(chunk, on_disk)
        dropped, self._dropped_told = self._kept.dropped - self._dropped_told, self._kept.dropped
        self._down = False
        log.warning("the journal is written again; %d entries were lost", dropped)
        self._recovered(dropped)

    def _brought(self, records: list[Record], on_disk: int) -> None:
        """What happened meanwhile is told like all that is committed: an urgent checkpoint or a new
        key waits for no next one.
        """
        self._kept.forget(on_disk)
        self._committed(records)

    def _without_gaps(self, after: int) -> list[Record]:
        """The next records after `after`; one that did not fit into memory leaves its number."""
        kept = {record.seq: record for record in self._kept.records}
        following: list[Record] = []
        size = 0
        for seq in range(after + 1, min(self._newest, after + RECOVER_RECORDS) + 1):
            record = kept.get(seq)
            if record is None:
                record = record_of(Event(header=self._header(seq), body=EntryDropped()))
            following.append(record)
            size += record.size_bytes
            if size >= BATCH_BYTES_MAX:
                break
        return following


def _portions(
    outcomes: Sequence[tuple[tuple[Event, ...], tuple[Effect, ...]]],
) -> Iterator[tuple[list[Record], list[Effect]]]:
    """In their order, as many at once as the journal commits at once. None is divided."""
    records: list[Record] = []
    effects: list[Effect] = []
    size = 0
    for events, follow in outcomes:
        made = [record_of(event) for event in events]
        records += made
        effects += follow
        size += sum(record.size_bytes for record in made)
        if size >= BATCH_BYTES_MAX:
            yield records, effects
            records, effects, size = [], [], 0
    if records or effects:
        yield records, effects


def record_of(event: Event) -> Record:
    """As the journal stores it."""
    return Record(seq=event.header.seq, entry=encode(event), personal=event.personal)


def _look_at(stored: "asyncio.Future[None]") -> None:
    """The outcome of a write that came too late is found out by reconciling, not here."""
    if not stored.cancelled() and isinstance(stored.exception(), JournalError):
        log.error("the late write failed: %s", stored.exception())
