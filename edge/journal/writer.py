"""The journal's thread, and the event loop's side of it.

Appends that wait while one commit runs go together into the next one: the disk's own time forms
the groups, and nobody ever waits for company.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from edge.journal.errors import (
    JournalClosed,
    JournalError,
    JournalFailed,
    JournalForeign,
    JournalForked,
    JournalStalled,
    RecordRefused,
)
from edge.journal.record import Record, Snapshot, Stored, Tip
from edge.journal.store import Journal
from edge.journal.verify import LIVE_STEP_ENTRIES, Progress, Report, Verification

BATCH_RECORDS_MAX = 1_024
"""A commit of this many takes some ten milliseconds; more in one gains nothing."""

WAITING_RECORDS_MAX = 20_000
"""With this many unwritten the disk hangs; the memory ring is the place for more."""

T = TypeVar("T")
Delivery = Callable[[], None]


class Reopened(msgspec.Struct, frozen=True):
    """What is on disk after a reopening. `restored` acknowledged records had been missing."""

    last_seq: int
    head: bytes
    restored: int


class _Append:
    """Records that wait for the disk, and who waits for them."""

    def __init__(self, records: tuple[Record, ...], done: asyncio.Future[None]) -> None:
        self.records = records
        self.done = done

    def refuse(self, error: JournalError) -> Delivery:
        return partial(_refuse, self.done, error)


class _Call:
    """Anything else that needs the journal's thread. `last`: the thread ends after it."""

    def __init__(
        self,
        run: Callable[[Journal], Delivery],
        refuse: Callable[[JournalError], Delivery],
        *,
        last: bool,
    ) -> None:
        self.run = run
        self.refuse = refuse
        self.last = last


class JournalWriter:
    """One journal on one thread, for one event loop.

    A request takes its place in the order when it is made, not when it is first waited for (see
    `submit`). A caller that stops waiting takes nothing back: what it asked for still happens, so
    a timed-out append has an unknown outcome.
    """

    def __init__(self, opening: Callable[[bool], Journal]) -> None:
        """Not for callers: see `open`. `opening(create)` gives the journal."""
        self._opening = opening
        self._loop = asyncio.get_running_loop()
        self._journal: Journal
        self._queue: queue.SimpleQueue[_Append | _Call] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._ended: JournalError | None = None
        self._closing: asyncio.Future[None] | None = None
        self._waiting = 0
        # The newest commit's records. A sync that races a device's abort may report success for
        # what never arrived; only the next success proves the one before.
        self._unproven: tuple[Record, ...] = ()

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        site: str,
        edge: str,
        entropy: Callable[[int], bytes],
        utc_us: int,
    ) -> Self:
        """Start the thread and open the journal on it, as `Journal.open`, with its errors."""

        def opening(create: bool) -> Journal:
            return Journal.open(
                folder, site=site, edge=edge, entropy=entropy, utc_us=utc_us, create=create
            )

        writer = cls(opening)
        opened: asyncio.Future[None] = writer._loop.create_future()
        threading.Thread(
            target=writer._main, args=(opened,), name=f"journal {edge}", daemon=True
        ).start()
        await opened
        return writer

    # --- the event loop's side --------------------------------------------------------------

    @property
    def site(self) -> str:
        return self._journal.site

    @property
    def edge(self) -> str:
        return self._journal.edge

    @property
    def incarnation(self) -> str:
        return self._journal.incarnation

    @property
    def tip(self) -> Tip:
        """Number and chain value of the newest durable entry."""
        return self._journal.tip

    @property
    def last_seq(self) -> int:
        return self._journal.last_seq

    @property
    def head(self) -> bytes:
        return self._journal.head

    @property
    def acked(self) -> int:
        """The archive has stored everything up to this number."""
        return self._journal.acked

    @property
    def waiting(self) -> int:
        """Records submitted and not yet durable."""
        return self._waiting

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
        self._enqueue(_Append(tuple(records), done))
        self._waiting += len(records)
        return done

    async def append(self, records: Sequence[Record]) -> None:
        """`submit`, and wait. Returns when the records are durable."""
        await self.submit(records)

    async def read(
        self, from_seq: int, limit_entries: int, limit_bytes: int, *, checked: bool = True
    ) -> list[Stored]:
        """As `Journal.read`; sees every append submitted before it."""
        return await self._call(
            lambda journal: journal.read(from_seq, limit_entries, limit_bytes, checked=checked)
        )

    async def newest_snapshot(self) -> Snapshot | None:
        """As `Journal.newest_snapshot`."""
        return await self._call(lambda journal: journal.newest_snapshot())

    async def put_snapshot(self, seq: int, state: bytes, utc_us: int) -> None:
        """As `Journal.put_snapshot`."""
        await self._call(lambda journal: journal.put_snapshot(seq, state, utc_us))

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        """As `Journal.set_acked`."""
        await self._call(lambda journal: journal.set_acked(seq, incarnation=incarnation))

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
        return await self._call(self._reopened)

    async def verify(self, progress: Progress | None = None) -> Report:
        """Verify everything stored up to now, in steps between which appends go on.

        Raises JournalFailed, JournalClosed where the journal stops meanwhile.
        """
        verification = await self._call(Verification.of)
        while not await self._call(
            lambda journal: verification.step(journal.connection, LIVE_STEP_ENTRIES)
        ):
            if progress is not None:
                progress(verification.entries, verification.last_seq)
        return verification.report()

    async def close(self) -> None:
        """Finish what is queued, checkpoint, let the folder go, end the thread. May be repeated.

        Raises JournalFailed where the last checkpoint failed; the journal is closed nevertheless.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(
                self._call(lambda journal: journal.close(), last=True)
            )
        try:
            await asyncio.shield(self._closing)
        except JournalClosed:
            return

    async def _call(self, function: Callable[[Journal], T], *, last: bool = False) -> T:
        done: asyncio.Future[T] = self._loop.create_future()

        def run(journal: Journal) -> Delivery:
            try:
                result = function(journal)
            except JournalError as error:
                return partial(_refuse, done, error)
            return partial(_give, done, result)

        self._enqueue(_Call(run, lambda error: partial(_refuse, done, error), last=last))
        return await done

    def _enqueue(self, request: _Append | _Call) -> None:
        with self._gate:
            if self._ended is not None:
                raise type(self._ended)(str(self._ended))
            self._queue.put(request)
            if isinstance(request, _Call) and request.last:
                # From here on, not from when the thread gets to it: what would come behind the
                # last request is refused at once.
                self._ended = JournalClosed("the journal was closed")

    def _deliver(self, records: int, deliveries: Sequence[Delivery]) -> None:
        self._waiting -= records
        for delivery in deliveries:
            delivery()

    # --- the thread's side ------------------------------------------------------------------

    def _main(self, opened: asyncio.Future[None]) -> None:
        try:
            self._journal = self._opening(True)
        except BaseException as error:
            self._post([partial(_refuse, opened, error)])
            if isinstance(error, JournalError):
                return
            raise
        self._post([partial(_give, opened, None)])
        taken: list[_Append | _Call] = []
        answers: list[Delivery] = []
        ended: JournalError = JournalFailed("the journal's thread died of a bug; restart the edge")
        try:
            answers.append(self._serve(taken))
            ended = JournalClosed("the journal was closed")
        finally:
            with suppress(JournalError):
                self._journal.close()
            # Whoever closed is told after nothing can be asked for any more.
            self._end(taken, ended, answers)

    def _serve(self, taken: list[_Append | _Call]) -> Delivery:
        """Until the last request; its answer.

        `taken` holds what is under way, for whoever must end it.
        """
        ahead: _Append | _Call | None = None
        while True:
            request, ahead = ahead or self._queue.get(), None
            taken.append(request)
            if isinstance(request, _Append):
                group, ahead = self._gathered(request, taken)
                self._post(self._committed(group), sum(len(one.records) for one in group))
            else:
                answer = request.run(self._journal)
                if request.last:
                    taken.clear()
                    return answer
                self._post([answer])
            taken.clear()
            if ahead is not None:
                taken.append(ahead)

    def _gathered(
        self, first: _Append, taken: list[_Append | _Call]
    ) -> tuple[list[_Append], _Append | _Call | None]:
        """The appends that wait already, and the request behind them if one had to be taken."""
        group, size = [first], len(first.records)
        while size < BATCH_RECORDS_MAX:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            taken.append(request)
            if not isinstance(request, _Append):
                return group, request
            group.append(request)
            size += len(request.records)
        return group, None

    def _committed(self, group: Sequence[_Append]) -> list[Delivery]:
        """Store the group in one transaction; what to tell each of those who wait."""
        journal = self._journal
        deliveries: list[Delivery] = []
        batch, stored = [], []
        tip = journal.tip
        try:
            # Before the numbers are looked at: after a failure none of them continues anything.
            journal.refuse_stopped()
            for append in group:
                try:
                    prepared = journal.prepare(append.records, tip)
                except RecordRefused as error:
                    deliveries.append(append.refuse(error))
                    continue
                tip = prepared.tip
                batch.append(prepared)
                stored.append(append)
            if batch:
                journal.commit(batch)
        except JournalError as error:
            return deliveries + [append.refuse(_same(error)) for append in stored or group]
        if batch:
            self._unproven = tuple(record for append in stored for record in append.records)
        return deliveries + [partial(_give, append.done, None) for append in stored]

    def _reopened(self, journal: Journal) -> Reopened:
        try:
            journal.refuse_stopped()
        except JournalError:
            pass
        else:
            return Reopened(journal.last_seq, journal.head, 0)
        journal.close()
        fresh = self._opening(False)
        try:
            if fresh.incarnation != journal.incarnation:
                raise JournalForeign(
                    f"{fresh.folder} now holds incarnation {fresh.incarnation}, not "
                    f"{journal.incarnation}; put the right storage back or restart the edge"
                )
            missing = fresh.reconcile(self._unproven)
            fresh.append(missing)
            if fresh.chain_at(journal.last_seq) != journal.head:
                raise JournalForked(journal.last_seq)
        except JournalError:
            fresh.close()
            raise
        self._journal = fresh
        return Reopened(fresh.last_seq, fresh.head, len(missing))

    def _end(
        self, taken: Sequence[_Append | _Call], ended: JournalError, answers: Sequence[Delivery]
    ) -> None:
        """Nobody waits for a thread that is gone."""
        with self._gate:
            self._ended = ended
            left = list(taken)
            while not self._queue.empty():
                left.append(self._queue.get_nowait())
        self._post([*answers, *(request.refuse(_same(ended)) for request in left)])

    def _post(self, deliveries: Sequence[Delivery], records: int = 0) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, records, deliveries)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return


def _same(error: JournalError) -> JournalError:
    """One exception for each who waits: a shared one would collect all their tracebacks."""
    copy = type(error)(str(error))
    copy.__cause__ = error.__cause__
    return copy


def _give(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def _refuse(done: asyncio.Future[T], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
