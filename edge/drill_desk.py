"""What people ask of the running daemon about drills that were held: which, and what each showed.

The journal is read piece by piece and folded on a thread; one report is made at a time.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from controller.events import EntryError
from controller.ids import HolderId
from edge.config import Config
from edge.control.messages import SentEntry
from edge.control.messages_page_orders import (
    DRILLS_SHOWN_MAX,
    DrillReportPart,
    DrillShown,
    DrillsReply,
    ReadDrillReport,
)
from edge.daemon import Daemon
from edge.drill_page import page
from edge.drill_words import Names
from edge.drills import report
from edge.failed import Failed
from edge.journal import JournalError, Stored
from edge.views_file import ViewsError, to_read
from edge.views_query import Drilled, drills

PIECE_CHARS_MAX = 64 * 1024
"""A frame holds it however many bytes its characters take."""

READ_ENTRIES_MAX = 500
READ_BYTES_MAX = 512 * 1024
READ_WITHIN_S = 30.0
"""A journal that is not there for so long ends the report; somebody asks again."""


class DrillDesk:
    """One daemon's. `views`: the file that reports are made from; None where none is kept."""

    def __init__(self, daemon: Daemon, config: Config, views: Path | None) -> None:
        self._daemon = daemon
        self._config = config
        self._views = views
        self._making = asyncio.Lock()

    async def listed(self) -> DrillsReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        timezone = self._daemon.site.policy.timezone
        found: tuple[Drilled, ...] = ()
        trouble = "this run keeps no reports: `sentrypost drill report` reads the journal"
        if self._views is not None:
            trouble = ""
            try:
                found = await asyncio.to_thread(_drilled, self._views)
            except (ViewsError, sqlite3.Error) as error:
                trouble = f"reports are not ready: {error}"
        shown = tuple(
            DrillShown(
                order=one.id,
                order_kind=one.kind,
                scope=one.scope.replace(" ", ", "),
                reason=one.reason,
                given_utc_us=one.given_utc_us,
                ended_utc_us=one.ended_utc_us,
            )
            for one in found
        )
        return DrillsReply(timezone=timezone, drills=shown, trouble=trouble)

    async def report(self, asked: ReadDrillReport) -> AsyncGenerator[DrillReportPart, None]:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        loop = asyncio.get_running_loop()
        async with self._making:
            made = await asyncio.to_thread(self._made, asked.order, loop)
        if isinstance(made, DrillReportPart):
            yield made
            return
        for at in range(0, len(made), PIECE_CHARS_MAX):
            piece = made[at : at + PIECE_CHARS_MAX]
            yield DrillReportPart(html=piece, ends=at + PIECE_CHARS_MAX >= len(made))

    def _made(self, order: str, loop: asyncio.AbstractEventLoop) -> str | DrillReportPart:
        """Beside the event loop."""
        daemon, policy = self._daemon, self._daemon.site.policy
        journal = _Journal(daemon, loop)
        try:
            found = report(journal, daemon.writer.last_seq, order, policy, _unheard)
        except Failed as error:
            return DrillReportPart(reason=str(error), remedy=error.remedy)
        except (JournalError, EntryError, TimeoutError) as error:
            return DrillReportPart(
                reason=f"the journal cannot be read: {error}",
                remedy="`sentrypost journal verify` says why",
            )
        names = self._named({one.holder for one in found.drill.found})
        return page(found, names, self._config.site, self._config.edge, policy.zone)

    def _named(self, ids: set[str]) -> Names:
        on_file = self._daemon.people.roll.holders
        known = (on_file.get(HolderId(one)) for one in ids)
        return {one.id: (one.external_id, one.name) for one in known if one is not None}


class _Journal:
    """`edge.drills.Entries`, for a thread beside the loop that the journal is read on."""

    def __init__(self, daemon: Daemon, loop: asyncio.AbstractEventLoop) -> None:
        self._daemon = daemon
        self._loop = loop

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]:
        following = from_seq
        while following <= to_seq:
            stored = self._read(following, min(READ_ENTRIES_MAX, to_seq - following + 1))
            if not stored:
                return
            for one in stored:
                yield SentEntry(
                    seq=one.seq,
                    entry=one.entry.decode(),
                    chain=one.chain.hex(),
                    personal=one.personal,
                )
            following = stored[-1].seq + 1

    def _read(self, from_seq: int, limit: int) -> list[Stored]:
        reading = self._daemon.writer.read(from_seq, limit, READ_BYTES_MAX, kept=True)
        return asyncio.run_coroutine_threadsafe(reading, self._loop).result(READ_WITHIN_S)


def _drilled(path: Path) -> tuple[Drilled, ...]:
    with to_read(path) as database:
        return drills(database, DRILLS_SHOWN_MAX)


def _unheard(done: int, total: int) -> None:
    """Whoever waits hears the heartbeats of his connection."""
