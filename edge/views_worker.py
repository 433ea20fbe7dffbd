"""Keeps `views.db` beside a running daemon: behind the journal by a second, and never in its way.

It reads the journal as the control socket does, a few entries at a time, and writes on a thread of
its own. Nothing waits for it and nothing depends on it. Whatever goes wrong is said in the log, and
tried again.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from controller.events import EntryError
from edge.journal import JournalClosed, JournalError, Stored
from edge.journal.record import Snapshot
from edge.restore import state_of
from edge.views_file import Journal, ViewsError, ViewsFailed, ViewsUnusable
from edge.views_fold import Beginning, Piece, ViewsFold, ViewsGapError

STEP_ENTRIES, STEP_BYTES = 32, 256 * 1024
"""Of one step: some two milliseconds of the interpreter, which a decision may have to wait for."""

PAUSE_S = 0.02
"""Behind each step while there is more: a million entries take ten minutes."""

LINGER_S = 1.0
"""Between two steps where there was nothing more: what happens together is written together."""

AGAIN_S = 60.0
"""After something went wrong."""

CLOSE_WITHIN_S = 1.0
"""What the end waits for a step under way; a disk that hangs keeps nobody."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class Reading(Protocol):
    """What is needed of the journal (`edge.journal.writer.JournalWriter`)."""

    @property
    def site(self) -> str: ...
    @property
    def edge(self) -> str: ...
    @property
    def incarnation(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def continues(self) -> str: ...

    async def read(
        self, from_seq: int, limit_entries: int, limit_bytes: int, *, kept: bool
    ) -> list[Stored]: ...

    async def newest_snapshot(self) -> Snapshot | None: ...


class Progress(NamedTuple):
    """Up to where the rows are, of how many entries; `trouble`: why they do not get on."""

    seq: int
    last_seq: int
    trouble: str


class Views:
    """Of one daemon. `timezone`: in which zone its days are, by the policy in force."""

    def __init__(self, path: Path, journal: Reading, timezone: Callable[[], str]) -> None:
        self.path, self._journal, self._timezone = path, journal, timezone
        self._fold: ViewsFold | None = None
        self._wanted = asyncio.Event()
        self._anew = False
        self._trouble = ""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def progress(self) -> Progress:
        seq = 0 if self._fold is None or self._anew else self._fold.at.seq
        return Progress(seq, self._journal.last_seq, self._trouble)

    def rebuild(self) -> None:
        """Begin from nothing, soon."""
        self._anew, self._trouble = True, ""
        self._wanted.set()

    async def run(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        """Serve until cancelled. `wait_beyond(seq)` returns when there is an entry after `seq`.

        A bug in here ends the reports, and no door.
        """
        task = asyncio.create_task(self._serve(wait_beyond), name="views.db")
        try:
            await asyncio.wait({task})
            self._trouble = "they have ended by a bug: see the daemon's log"
            log.error("reports have ended by a bug", exc_info=task.exception())
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _serve(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        try:
            while True:
                await self._until_trouble(wait_beyond)
                await self._close()
                await self._either(asyncio.sleep(AGAIN_S))
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await self._close()

    async def _until_trouble(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        try:
            while True:
                fold = await self._ready()
                if self._journal.last_seq <= fold.at.seq:
                    await self._either(wait_beyond(fold.at.seq))
                    await asyncio.sleep(LINGER_S)
                    continue
                stored = await self._journal.read(
                    fold.at.seq + 1, STEP_ENTRIES, STEP_BYTES, kept=True
                )
                try:
                    await self._aside(partial(fold.take, _pieces(stored)))
                except ViewsGapError:
                    await self._begin(fold.journal, pruned=True)
                    continue
                if self._trouble:
                    log.info("%s follows the journal again", self.path)
                self._trouble = ""
                await asyncio.sleep(PAUSE_S)
        except JournalClosed:
            raise
        except (ViewsError, JournalError, EntryError) as error:
            self._anew = self._anew or isinstance(error, ViewsUnusable)
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.warning("reports stand still: %s", error)

    async def _ready(self) -> ViewsFold:
        """The fold in which to go on; begun anew where that was asked for or must be."""
        journal = self._identity()
        fold = self._fold
        if fold is not None and not self._anew and fold.journal == journal:
            return fold
        await self._close()
        if not self._anew:
            try:
                return await self._resumed(journal)
            except ViewsUnusable as error:
                await self._close()
                log.info("reports are made anew from the journal: %s", error)
        return await self._begin(journal)

    async def _begin(self, journal: Journal, *, pruned: bool = False) -> ViewsFold:
        """From nothing. `pruned`: entries are missing, and the state comes from the core."""
        await self._close()
        beginning = await self._beginning(pruned=pruned)
        self._fold = await self._aside(partial(ViewsFold.anew, self.path, journal, beginning))
        self._anew = False
        return self._fold

    async def _resumed(self, journal: Journal) -> ViewsFold:
        self._fold = await self._aside(partial(ViewsFold.resumed, self.path, journal))
        at = self._fold.at
        if at.chain:
            stored = await self._journal.read(at.seq, 1, STEP_BYTES, kept=True)
            if not stored or (stored[0].seq, stored[0].chain.hex()) != (at.seq, at.chain):
                raise ViewsUnusable(f"the journal has another entry {at.seq} than the one there")
        return self._fold

    async def _beginning(self, *, pruned: bool) -> Beginning:
        first = await self._journal.read(1, 1, STEP_BYTES, kept=True)
        begins = first[0].seq if first else self._journal.last_seq + 1
        if begins == 1 and not pruned and not self._journal.continues:
            return Beginning()
        newest = await self._journal.newest_snapshot()
        if newest is None:
            raise ViewsFailed(
                "the journal's first entries are pruned and it has kept no state that verifies; "
                "reports begin with its next snapshot, a day from the start at most"
            )
        return Beginning(begins, state_of(newest), newest.made_utc_us)

    def _identity(self) -> Journal:
        journal = self._journal
        return Journal(journal.site, journal.edge, journal.incarnation, self._timezone())

    async def _close(self) -> None:
        """Let the file go, after the step under way."""
        await self._idle.wait()
        fold, self._fold = self._fold, None
        if fold is not None:
            with suppress(ViewsError):
                await self._aside(fold.close)

    async def _either(self, waiting: Awaitable[None]) -> None:
        """Until what is waited for has come, or somebody asks for a rebuild."""
        tasks = {
            asyncio.ensure_future(waiting),
            asyncio.ensure_future(self._wanted.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._wanted.clear()
        finally:
            for task in tasks:
                task.cancel()

    async def _aside(self, work: Callable[[], T]) -> T:
        """The result of `work`, which may wait for a disk, from a thread that keeps no end up."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._idle.clear()
        done.add_done_callback(lambda _: self._idle.set())

        def act() -> None:
            say = partial(_refuse, done, RuntimeError("the thread of views died of a bug"))
            try:
                say = partial(_give, done, work())
            except (ViewsError, EntryError) as error:
                say = partial(_refuse, done, error)
            finally:
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(say)

        threading.Thread(target=act, name="views", daemon=True).start()
        return await asyncio.shield(done)


def _give(done: "asyncio.Future[T]", result: T) -> None:
    done.set_result(result)


def _refuse(done: "asyncio.Future[T]", error: BaseException) -> None:
    done.set_exception(error)
    done.exception()  # whoever waited may have stopped


def _pieces(stored: Sequence[Stored]) -> list[Piece]:
    return [Piece(one.entry, one.chain.hex()) for one in stored]
