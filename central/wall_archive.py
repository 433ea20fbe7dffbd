"""What the wall asks of the archive, read on threads of its own beside the one that stores, each
over a connection of its own: nobody who looks something up holds up an edge's entries.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from central.archive import ArchiveError, Gone
from central.archive_sql import SqlArchive
from central.archives import change_archive, read_archive
from central.incidents import Noted, Step
from central.search import PAGE_MAX, Place, Query
from central.told_entries import MESSAGE_BYTES, Addresses, stored_entry
from central.wall_messages import (
    COUNTS_MAX,
    GAPS_MAX,
    INCIDENTS_MAX,
    POINTS_MAX,
    STEPS_MAX,
    AskCounts,
    AskIncident,
    AskSeries,
    CountsReply,
    IncidentNoted,
    IncidentReply,
    IncidentsReply,
    ListIncidents,
    NoteIncident,
    Search,
    SearchReply,
    SeriesPoint,
    SeriesReply,
    StoredEntry,
)

WAITING_MAX = 16
"""Questions that wait for one thread; each is some milliseconds, or some seconds of counting."""

ANSWER_S_MAX = 30.0
"""A question that takes longer is given up; whoever counts a year has the command line."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class NotFoundOutError(Exception):
    """The archive has not said it. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Reader:
    """One thread and what it reads the archive by, opened when it is first needed."""

    def __init__(self, where: str, name: str) -> None:
        self._where = where
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting = 0
        self._archive: SqlArchive | None = None

    async def ask(self, question: Callable[[SqlArchive], T]) -> T:
        """The answer. Raises NotFoundOutError, IncidentError."""
        if self._waiting >= WAITING_MAX:
            raise NotFoundOutError("too many questions wait for the archive", "ask again")
        self._waiting += 1
        until_s = time.monotonic() + ANSWER_S_MAX
        work = asyncio.get_running_loop().run_in_executor(
            self._thread, self._answered, question, until_s
        )
        work.add_done_callback(self._done)
        return await work

    def _done(self, work: "asyncio.Future[T]") -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # whoever asked may be gone

    async def close(self) -> None:
        """Nothing is asked any more; what is being answered is waited for."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._closed)
        self._thread.shutdown(wait=False)

    def _closed(self) -> None:
        if self._archive is not None:
            archive, self._archive = self._archive, None
            archive.close()

    def _answered(self, question: Callable[[SqlArchive], T], until_s: float) -> T:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise NotFoundOutError("the archive is busy with other questions", "ask again")
        try:
            if self._archive is None:
                self._archive = read_archive(self._where)
            with self._archive.within(left_s):
                return question(self._archive)
        except ArchiveError as error:
            self._closed()
            late = time.monotonic() >= until_s
            if late:
                why = f"the archive has not answered within {ANSWER_S_MAX:.0f} s"
                raise NotFoundOutError(why, "ask about less, or by `sentrypost central`") from error
            message, _, remedy = str(error).partition("; ")
            raise NotFoundOutError(message, remedy or "see the log of central") from error


class WallArchive:
    """One central's. Every question raises NotFoundOutError, IncidentError."""

    def __init__(self, where: str, addresses: Addresses) -> None:
        self._where, self._addresses = where, addresses
        self._entries = Reader(where, "wall entries")
        self._figures = Reader(where, "wall figures")
        """Apart: whoever counts a month keeps nobody from looking something up."""

    async def close(self) -> None:
        await self._entries.close()
        await self._figures.close()

    async def search(self, asked: Search) -> SearchReply:
        query = Query(
            site=asked.site,
            edge=asked.edge,
            person=asked.person,
            portal=asked.portal,
            code=asked.code,
            kind=asked.kind,
            since_us=asked.since_us,
            until_us=asked.until_us,
        )
        behind = _place(asked.before)

        def found(archive: SqlArchive) -> SearchReply:
            entries, more = self._page(archive, query, behind, asked.count, newest_first=True)
            gaps, unnamed = _gaps(archive, query)
            before = entries[-1].place if more else ""
            return SearchReply(entries=tuple(entries), before=before, gaps=gaps, more_gaps=unnamed)

        return await self._entries.ask(found)

    async def counts(self, asked: AskCounts) -> CountsReply:
        query = Query(
            site=asked.site, edge=asked.edge, since_us=asked.since_us, until_us=asked.until_us
        )

        def counted(archive: SqlArchive) -> CountsReply:
            found = archive.counts(query, asked.by)
            gaps, unnamed = _gaps(archive, query)
            return CountsReply(
                counts=tuple(found[:COUNTS_MAX]),
                more=max(0, len(found) - COUNTS_MAX),
                gaps=gaps,
                more_gaps=unnamed,
            )

        return await self._figures.ask(counted)

    async def series(self, asked: AskSeries) -> SeriesReply:
        span_us, step_us = asked.until_us - asked.since_us, asked.step_s * 1_000_000
        if span_us <= 0:
            raise NotFoundOutError("it ends before it begins", "choose a later end")
        if -(-span_us // step_us) > POINTS_MAX:
            why = f"that is more than {POINTS_MAX} steps"
            raise NotFoundOutError(why, "choose a longer step, or less time")
        query = Query(site=asked.site, since_us=asked.since_us, until_us=asked.until_us)
        steps = await self._figures.ask(lambda archive: archive.series(query, asked.step_s))
        points = (
            SeriesPoint(utc_us=utc_us, grants=grants, refusals=refusals, alarms=alarms)
            for utc_us, grants, refusals, alarms in steps
        )
        return SeriesReply(step_s=asked.step_s, points=tuple(points))

    async def incidents(self, asked: ListIncidents) -> IncidentsReply:
        found = await self._entries.ask(
            lambda archive: archive.incidents(site=asked.site, closed=asked.closed)
        )
        shown = tuple(found[:INCIDENTS_MAX])
        return IncidentsReply(incidents=shown, more=len(found) - len(shown))

    async def incident(self, asked: AskIncident) -> IncidentReply:
        behind = _place(asked.after)

        def shown(archive: SqlArchive) -> IncidentReply:
            whole = archive.incident(asked.number)
            since_us, until_us = whole.span
            query = Query(site=whole.summary.site, since_us=since_us, until_us=until_us)
            entries, more = self._page(archive, query, behind, asked.count, newest_first=False)
            left = [step for step in whole.steps if step.number > asked.steps_after]
            steps = _steps(left)
            return IncidentReply(
                summary=whole.summary,
                span_from_us=since_us,
                span_to_us=until_us,
                steps=tuple(steps),
                steps_after=steps[-1].number if len(left) > len(steps) else 0,
                entries=tuple(entries),
                after=entries[-1].place if more else "",
            )

        return await self._entries.ask(shown)

    async def note(self, asked: NoteIncident, who: str) -> IncidentNoted:
        """Written beside the central that stores, as the command does."""

        def noted(_: SqlArchive) -> IncidentNoted:
            archive = change_archive(self._where)
            try:
                archive.add_to_incident(
                    asked.number, Noted(text=asked.text), who=who, utc_us=time.time_ns() // 1_000
                )
            finally:
                archive.close()
            return IncidentNoted()

        return await self._entries.ask(noted)

    def _page(
        self,
        archive: SqlArchive,
        query: Query,
        behind: Place | None,
        count: int,
        *,
        newest_first: bool,
    ) -> tuple[list[StoredEntry], bool]:
        """As many as one message holds, and whether there are more."""
        wanted = min(count + 1, PAGE_MAX)
        found = archive.find(query, behind=behind, count=wanted, newest_first=newest_first)
        entries: list[StoredEntry] = []
        size = 0
        for one in found[:count]:
            size += len(one.archived.data)
            if entries and size > MESSAGE_BYTES:
                break
            place = ".".join(map(str, one.place))
            entries.append(stored_entry(one.archived, self._addresses, place, names=True))
        return entries, len(found) > len(entries)


def _steps(left: list[Step]) -> list[Step]:
    """As many as one message holds."""
    steps: list[Step] = []
    size = 0
    for step in left[:STEPS_MAX]:
        size += len(msgspec.json.encode(step))
        if steps and size > MESSAGE_BYTES:
            break
        steps.append(step)
    return steps


def _place(text: str) -> Place | None:
    """Raises NotFoundOutError where no answer has said it."""
    if not text:
        return None
    parts = text.split(".")
    if len(parts) != len(Place._fields) or not all(
        one.isascii() and one.isdecimal() and len(one) <= 16 for one in parts
    ):
        raise NotFoundOutError(f"no answer ends at '{text}'", "take what an earlier answer said")
    return Place(*map(int, parts))


def _gaps(archive: SqlArchive, query: Query) -> tuple[tuple[str, ...], int]:
    """What was asked about may have stood in what is gone: that, in words, and how much more."""
    missing = archive.missing(query.site, query.edge)
    said = tuple(
        f"{site}/{edge}, journal {incarnation}: {Gone(*what)}"
        for site, edge, incarnation, *what in missing[:GAPS_MAX]
    )
    return said, len(missing) - len(said)
