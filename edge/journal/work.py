"""What is done with the journal, turn by turn, whoever does it.

Appends that wait while one commit runs go together into the next one: the disk's own time forms
the groups, and nobody ever waits for company.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from edge.journal.errors import (
    JournalClosed,
    JournalError,
    JournalFailed,
    JournalForeign,
    JournalForked,
    RecordRefused,
)
from edge.journal.record import Record
from edge.journal.store import Journal

BATCH_RECORDS_MAX = 1_024
"""A commit of this many takes some ten milliseconds; more in one gains nothing."""

BATCH_BYTES_MAX = 1024 * 1024
"""Nor does a commit of more than this, which the write-ahead log has to hold as a whole: what is
kept for a full disk (`edge.ballast`) must hold it twice."""

T = TypeVar("T")
Delivery = Callable[[], None]


class Reopened(msgspec.Struct, frozen=True):
    """What is on disk after a reopening. `restored` acknowledged records had been missing."""

    last_seq: int
    head: bytes
    restored: int


class Append:
    """Records that wait for the disk, and who waits for them."""

    def __init__(self, records: tuple[Record, ...], done: asyncio.Future[None]) -> None:
        self.records = records
        self.done = done

    def refuse(self, error: JournalError) -> Delivery:
        return partial(refuse, self.done, error)


class Call:
    """Anything else that needs the journal. `last`: nothing is done after it."""

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


class Answers(NamedTuple):
    """What a turn has to tell, on the event loop, and how many records it did away with."""

    deliveries: list[Delivery]
    records: int = 0


class Work:
    """One journal, and what waits for it.

    `put` is the event loop's; everything else belongs to the hand that does the work: `open`, then
    `take`, `turn` and `tell` again and again until it is `over`.
    """

    def __init__(
        self,
        opening: Callable[[bool], Journal],
        opened: asyncio.Future[None],
        tell: Callable[[Answers], None],
    ) -> None:
        """`opening(create)` gives the journal; `tell` brings answers to the event loop."""
        self.journal: Journal
        self.tell = tell
        self.over = False
        self._opening = opening
        self._opened = opened
        self._waiting: deque[Append | Call] = deque()
        self._taken: list[Append | Call] = []
        self._gate = threading.Lock()
        self._ended: JournalError | None = None
        # The newest commit's records. A sync that races a device's abort may report success for
        # what never arrived; only the next success proves the one before.
        self._unproven: tuple[Record, ...] = ()

    def put(self, request: Append | Call) -> None:
        """Give a request its place in the order. Raises what the journal ended with."""
        with self._gate:
            if self._ended is not None:
                raise type(self._ended)(str(self._ended))
            self._waiting.append(request)
            if isinstance(request, Call) and request.last:
                # From here on, not from when it is done: what would come behind the last request
                # is refused at once.
                self._ended = JournalClosed("the journal was closed")

    def open(self) -> Answers:
        """Open the journal; where that fails it is over. Raises what is no JournalError."""
        try:
            self.journal = self._opening(True)
        except BaseException as error:
            self.over = True
            answers = Answers([partial(refuse, self._opened, error)])
            if isinstance(error, JournalError):
                return answers
            self.tell(answers)
            raise
        return Answers([partial(give, self._opened, None)])

    def take(self) -> bool:
        """Take what is next: one call, or all appends that wait in front. False: nothing waits."""
        count, size = 0, 0
        while self._waiting and count < BATCH_RECORDS_MAX and size < BATCH_BYTES_MAX:
            request = self._waiting[0]
            if isinstance(request, Call):
                if not self._taken:
                    self._taken.append(self._waiting.popleft())
                break
            self._taken.append(self._waiting.popleft())
            count += len(request.records)
            size += sum(record.size_bytes for record in request.records)
        return bool(self._taken)

    def turn(self) -> Answers:
        """Do what was taken. Anything but a JournalError in it is a bug: it is over, all who wait
        are told, and it is raised.
        """
        first = self._taken[0]
        try:
            if isinstance(first, Call):
                answers = Answers([first.run(self.journal)])
            else:
                answers = self._commit([one for one in self._taken if isinstance(one, Append)])
        except BaseException:
            self.tell(
                self._end(JournalFailed("the journal's thread died of a bug; restart the edge"))
            )
            raise
        self._taken.clear()
        if isinstance(first, Call) and first.last:
            # Whoever closed is told after nothing can be asked for any more.
            ended = self._end(JournalClosed("the journal was closed"))
            return Answers(answers.deliveries + ended.deliveries)
        return answers

    def reopen(self, journal: Journal) -> Reopened:
        """See `JournalWriter.reopen`."""
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
        self.journal = fresh
        return Reopened(fresh.last_seq, fresh.head, len(missing))

    def _commit(self, group: Sequence[Append]) -> Answers:
        """Store the group in one transaction."""
        journal = self.journal
        deliveries: list[Delivery] = []
        records = sum(len(one.records) for one in group)
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
            deliveries += [append.refuse(_same(error)) for append in stored or group]
            return Answers(deliveries, records)
        if batch:
            self._unproven = tuple(record for append in stored for record in append.records)
        return Answers(
            deliveries + [partial(give, append.done, None) for append in stored], records
        )

    def _end(self, ended: JournalError) -> Answers:
        """Nobody waits for work that is over."""
        with suppress(JournalError):
            self.journal.close()
        with self._gate:
            self._ended = ended
            left = [*self._taken, *self._waiting]
            self._taken.clear()
            self._waiting.clear()
        self.over = True
        return Answers([request.refuse(_same(ended)) for request in left])


def _same(error: JournalError) -> JournalError:
    """One exception for each who waits: a shared one would collect all their tracebacks."""
    copy = type(error)(str(error))
    copy.__cause__ = error.__cause__
    return copy


def give(done: asyncio.Future[T], result: T) -> None:
    """Unless nobody waits any more."""
    if not done.done():
        done.set_result(result)


def refuse(done: asyncio.Future[T], error: BaseException) -> None:
    """Unless nobody waits any more."""
    if not done.done():
        done.set_exception(error)
