"""The event loop's side of the journal, and the thread that does its work."""

import asyncio
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeVar

from controller.events_people import ErasedValues, Range
from controller.merkle import Frontier
from controller.retention import RecordClass
from edge.journal import checkpoints, copying, erasure, pruning, reading, sealing
from edge.journal import folder as files
from edge.journal.checkpoints import Kept
from edge.journal.disk import Disk
from edge.journal.errors import JournalClosed, JournalError, JournalStalled
from edge.journal.record import Following, Record, Snapshot, Stored, Tip
from edge.journal.rewriting import Rewriting
from edge.journal.segments import Segments
from edge.journal.store import Journal
from edge.journal.verify import LIVE_STEP_ENTRIES, NOBODY, Progress, Report, Verification
from edge.journal.verify_checkpoints import Signers
from edge.journal.work import Answers, Append, Call, Delivery, Reopened, Work, give, refuse

WAITING_RECORDS_MAX = 20_000
"""With this many unwritten the disk hangs; the memory ring is the place for more."""

T = TypeVar("T")


class Hand(Protocol):
    """Who does the journal's work, and when."""

    def start(self, work: Work) -> None:
        """Begin with `work.open`; called once, on the event loop, which must not wait for it."""

    def wake(self) -> None:
        """Something waits; called on the event loop."""


class ThreadHand:
    """A thread of its own, so that the event loop never waits for the disk."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def start(self, work: Work) -> None:
        threading.Thread(target=self._main, args=(work,), name=self._name, daemon=True).start()

    def wake(self) -> None:
        self._bell.put(None)

    def _main(self, work: Work) -> None:
        work.tell(work.open())
        while not work.over:
            self._bell.get()
            while work.take():
                work.tell(work.turn())


class JournalWriter:
    """One journal, worked on by one hand, for one event loop.

    A request takes its place in the order when it is made, not when it is first waited for (see
    `submit`). A caller that stops waiting takes nothing back: what it asked for still happens, so
    a timed-out append has an unknown outcome.
    """

    def __init__(self, opening: Callable[[bool], Journal], hand: Hand) -> None:
        """Not for callers: see `open`. `opening(create)` gives the journal."""
        self._loop = asyncio.get_running_loop()
        self._hand = hand
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._work = Work(opening, self._opened, self._tell)
        self._closing: asyncio.Future[None] | None = None
        self._waiting = 0
        self._asked, self._answered = 1, 0  # to be opened is the first thing it is asked for

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        site: str,
        edge: str,
        entropy: Callable[[int], bytes],
        utc_us: int,
        shrunk: bool = False,
        disk: Disk = files,
        hand: Hand | None = None,
    ) -> Self:
        """Open the journal as `Journal.open`, with its errors, by the `hand` that does all further
        work on it: a thread unless another is given.
        """

        def opening(create: bool) -> Journal:
            return Journal.open(
                folder,
                site=site,
                edge=edge,
                entropy=entropy,
                utc_us=utc_us,
                create=create,
                shrunk=shrunk,
                disk=disk,
            )

        writer = cls(opening, hand or ThreadHand(f"journal {edge}"))
        writer._hand.start(writer._work)
        await writer._opened
        return writer

    @property
    def site(self) -> str:
        return self._work.journal.site

    @property
    def edge(self) -> str:
        return self._work.journal.edge

    @property
    def incarnation(self) -> str:
        return self._work.journal.incarnation

    @property
    def tip(self) -> Tip:
        """Number and chain value of the newest durable entry."""
        return self._work.journal.tip

    @property
    def last_seq(self) -> int:
        return self._work.journal.last_seq

    @property
    def head(self) -> bytes:
        return self._work.journal.head

    @property
    def acked(self) -> int:
        """The archive has stored everything up to this number."""
        return self._work.journal.acked

    @property
    def stopped(self) -> bool:
        """Whether the disk failed in any request since the last reopening: none succeeds now."""
        return self._work.journal.stopped

    @property
    def waiting(self) -> int:
        """Records submitted and not yet durable."""
        return self._waiting

    @property
    def answered(self) -> int:
        """Requests that were answered, well or badly: a sign of life."""
        return self._answered

    @property
    def idle(self) -> bool:
        """Whether no request waits for its answer."""
        return self._answered == self._asked

    @property
    def over(self) -> bool:
        """Whether nobody does its work any more: it was closed, or its thread died of a bug."""
        return self._work.over

    def submit(self, records: Sequence[Record]) -> asyncio.Future[None]:
        """Queue `records` now; the future ends when they are durable.

        Ends with RecordRefused (nothing stored) or JournalFailed (unknown; every append fails from
        there on until `reopen`). Raises JournalStalled (nothing taken) or JournalClosed at once.
        """
        if self._waiting + len(records) > WAITING_RECORDS_MAX:
            raise JournalStalled(
                f"{self._waiting} entries wait for the disk: it hangs; see the kernel's log"
            )
        done: asyncio.Future[None] = self._loop.create_future()
        self._put(Append(tuple(records), done))
        self._waiting += len(records)
        return done

    async def append(self, records: Sequence[Record]) -> None:
        """`submit`, and wait. Returns when the records are durable."""
        await self.submit(records)

    async def read(
        self,
        from_seq: int,
        limit_entries: int,
        limit_bytes: int,
        *,
        checked: bool = True,
        kept: bool = False,
    ) -> list[Stored]:
        """As `Journal.read`; sees every append submitted before it."""
        return await self._call(
            lambda journal: journal.read(
                from_seq, limit_entries, limit_bytes, checked=checked, kept=kept
            )
        )

    async def following(
        self, from_seq: int, limit_entries: int, limit_bytes: int
    ) -> Following[Stored]:
        """As `Journal.following`; sees every append submitted before it."""
        return await self._call(
            lambda journal: journal.following(from_seq, limit_entries, limit_bytes)
        )

    async def copy_mark(self) -> copying.Mark:
        """As `edge.journal.copying.mark_of`."""
        return await self._read(copying.mark_of)

    async def copy_begin(self) -> copying.Place:
        """As `edge.journal.copying.first_place`."""
        return await self._read(copying.first_place)

    async def copy_rows(self, place: copying.Place) -> copying.Rows:
        """As `edge.journal.copying.next_rows`: a step between which appends go on."""
        return await self._read(lambda segments: copying.next_rows(segments, place))

    async def newest_snapshot(self) -> Snapshot | None:
        """As `Journal.newest_snapshot`."""
        return await self._call(lambda journal: journal.newest_snapshot())

    async def put_snapshot(self, seq: int, state: bytes, utc_us: int) -> None:
        """As `Journal.put_snapshot`."""
        await self._call(lambda journal: journal.put_snapshot(seq, state, utc_us))

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        """As `Journal.set_acked`."""
        await self._call(lambda journal: journal.set_acked(seq, incarnation=incarnation))

    async def checkpoint(self, sign: Callable[[Frontier], str], utc_us: int) -> Kept:
        """As `checkpoints.take`; covers every append submitted before it."""
        return await self._call(lambda journal: checkpoints.take(journal, sign, utc_us))

    async def seal(self, sign: Callable[[Frontier], str], utc_us: int) -> Kept | None:
        """As `sealing.seal`; behind every append submitted before it."""
        return await self._call(lambda journal: sealing.seal(journal, sign, utc_us))

    @property
    def begun_utc_us(self) -> int:
        """When the segment began that is written on."""
        return self._work.journal.segments.began_utc_us

    @property
    def in_segment(self) -> int:
        """How many entries the segment has that is written on."""
        journal = self._work.journal
        return journal.last_seq - journal.segments.active.seq

    async def sealed(self) -> tuple[pruning.Segment, ...]:
        """As `pruning.sealed`."""
        return await self._call(pruning.sealed)

    async def drop(self, number: int, by: int) -> None:
        """As `pruning.drop`."""
        await self._call(lambda journal: pruning.drop(journal, number, by))

    async def thin(self, number: int, classes: Collection[RecordClass], by: int) -> None:
        """As `pruning.Thinning`, in steps between which appends go on."""
        thinning = await self._call(lambda journal: pruning.Thinning(journal, number, classes, by))
        while not await self._call(thinning.step):
            pass

    async def note_cosigned(self, size: int, cosigned: str) -> None:
        """As `checkpoints.note_cosigned`."""
        await self._call(lambda journal: checkpoints.note_cosigned(journal, size, cosigned))

    @property
    def doubted(self) -> int | None:
        """As `Journal.doubted`."""
        return self._work.journal.doubted

    @property
    def continues(self) -> str:
        """As `Journal.continues`."""
        return self._work.journal.continues

    async def note_doubted(self, witnessed: int) -> None:
        """A witness remembers so many entries of another journal of this name."""
        await self._call(lambda journal: checkpoints.note(journal, "doubted", str(witnessed)))

    async def note_continues(self, before: str) -> None:
        """This journal goes on from the incarnation `before`, which was doubted."""
        await self._call(lambda journal: checkpoints.note(journal, "continues", before))

    async def newest_cosigned(self) -> Kept | None:
        """As `checkpoints.newest_cosigned`."""
        return await self._call(checkpoints.newest_cosigned)

    async def next_end(self, size: int) -> Kept | None:
        """The final checkpoint of the first segment that ended behind `size`, if the witness has
        not cosigned it.
        """

        def found(segments: Segments) -> Kept | None:
            ends = (one for one in segments.boundaries[1:] if one.seq > size)
            end = next(ends, None)
            return None if end is None or end.cosigned else checkpoints.final(end)

        return await self._read(found)

    async def root_at(self, size: int) -> bytes | None:
        """As `checkpoints.root_at`."""
        return await self._call(lambda journal: checkpoints.root_at(journal, size))

    async def proof_since(self, old: int, size: int) -> tuple[bytes, ...] | None:
        """As `checkpoints.proof_since`."""
        return await self._call(lambda journal: checkpoints.proof_since(journal, old, size))

    async def search(self, search: erasure.Search) -> None:
        """As `erasure.look`, to its end, in steps between which appends go on."""
        while not await self._call(lambda journal: erasure.look(journal, search)):
            pass

    async def erased_up_to(self) -> int:
        """As `erasure.done`."""
        return await self._call(erasure.done)

    async def erasures(self, first: int, last: int) -> list[erasure.Recorded]:
        """As `erasure.recorded`, in steps."""
        found: list[erasure.Recorded] = []
        for at in range(first, last + 1, erasure.STEP_ENTRIES):
            upto = min(last, at + erasure.STEP_ENTRIES - 1)
            found += await self._call(partial(erasure.recorded, first=at, last=upto))
        return found

    async def remove(self, values: Iterable[ErasedValues]) -> None:
        """As `erasure.remove`, in steps."""
        for one in values:
            for at in range(0, len(one.entries), erasure.STEP_RANGES):
                some = one.entries[at : at + erasure.STEP_RANGES]
                await self._call(partial(erasure.remove, fields=one.fields, entries=some))

    async def rewrite(self, gone: Iterable[Range]) -> None:
        """As `rewriting.Rewriting`: about the values of these entries, which are removed."""
        rewriting = Rewriting(gone)
        while not await self._call(rewriting.step):
            pass

    async def settle_erasures(self, seq: int) -> None:
        """As `erasure.settle`."""
        await self._call(lambda journal: erasure.settle(journal, seq))

    async def said(self, size: int | None) -> tuple[Kept, ...]:
        """As `checkpoints.said`. Raises JournalFailed as `Journal.read`."""
        return await self._read(lambda segments: checkpoints.said(segments, size))

    async def begun(self) -> Frontier:
        """The tree over the entries that are not there any more."""
        return await self._read(lambda segments: segments.begun.tree)

    async def leaves_of(self, begin: int, end: int) -> bytes:
        """As `reading.leaves`, one behind the other: a thousand hold up the appends behind them for
        some 1 ms. Raises JournalFailed as `Journal.read`.
        """
        return await self._read(lambda segments: b"".join(reading.leaves(segments, begin, end)))

    async def reconcile(self, pending: Sequence[Record]) -> tuple[Record, ...]:
        """As `Journal.reconcile`: which of the records with unknown outcome to append again."""
        return await self._call(lambda journal: journal.reconcile(pending))

    async def reopen(self) -> Reopened:
        """Open the journal anew after a failure and tell what is on disk.

        Acknowledged records that are missing there are appended again first. A journal that works
        is left alone. Never makes a new journal. Raises as `Journal.open` and, where disk and
        memory disagree, JournalForked or JournalShrank; it may be called again.

        Until the caller has reconciled and appended what was pending, it must submit nothing else.
        """
        return await self._call(self._work.reopen)

    async def verify(
        self,
        progress: Progress | None = None,
        signers: Signers = NOBODY,
        *,
        pause_s: float = 0.0,
    ) -> Report:
        """Verify everything stored up to now, in steps between which appends go on, and with a
        pause behind each.

        Raises JournalFailed, JournalClosed where the journal stops meanwhile.
        """
        verification = await self._call(lambda journal: Verification.of(journal, signers))
        while not await self._call(
            lambda journal: verification.step(journal.rows, LIVE_STEP_ENTRIES)
        ):
            if progress is not None:
                progress(verification.entries, verification.last_seq)
            await asyncio.sleep(pause_s)
        return verification.report()

    async def close(self) -> None:
        """Finish what is queued, checkpoint, let the folder go, end the thread. May be repeated.

        Raises JournalFailed where the last checkpoint failed; the journal is closed nevertheless.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(
                self._call(lambda journal: journal.close(), last=True)
            )
            # Whoever closed may have stopped waiting for a disk that hangs.
            self._closing.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.shield(self._closing)
        except JournalClosed:
            return

    async def _read(self, function: Callable[[Segments], T]) -> T:
        def read(journal: Journal) -> T:
            with journal.reading() as segments:
                return function(segments)

        return await self._call(read)

    async def _call(self, function: Callable[[Journal], T], *, last: bool = False) -> T:
        done: asyncio.Future[T] = self._loop.create_future()

        def run(journal: Journal) -> Delivery:
            try:
                result = function(journal)
            except JournalError as error:
                return partial(refuse, done, error)
            return partial(give, done, result)

        self._put(Call(run, lambda error: partial(refuse, done, error), last=last))
        return await done

    def _put(self, request: Append | Call) -> None:
        self._work.put(request)
        self._asked += 1
        self._hand.wake()

    def _tell(self, answers: Answers) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, answers)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return

    def _deliver(self, answers: Answers) -> None:
        self._waiting -= answers.records
        self._answered += len(answers.deliveries)
        for delivery in answers.deliveries:
            delivery()
