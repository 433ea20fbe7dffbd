"""Once a day a running edge looks through its whole journal.

In small steps, each of which stands before the next append as any other request does, and with a
pause behind each: nobody at a door waits for it. Bits rot on a disk without anybody's doing, and
who edits a journal must not have until the next audit.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from edge.journal import JournalClosed, JournalError, Report, Signers
from edge.journal.verify import Progress

FIRST_S = 600.0
"""After a start, which has other things to read; an edge that starts every day is looked through
all the same."""

EVERY_S = 24 * 3600.0

AGAIN_S = 600.0
"""After the journal stopped meanwhile."""

PAUSE_S = 0.05
"""Behind each step of some 3 ms: a million entries take two minutes."""

log = logging.getLogger(__name__)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """How the last look through the journal ended, and when."""

    utc_us: int
    entries: int
    findings: int


class Verifying(Protocol):
    """What is needed of the journal (`edge.journal.writer.JournalWriter`)."""

    async def verify(
        self, progress: Progress | None = None, signers: Signers = ..., *, pause_s: float = ...
    ) -> Report: ...


class Scrubber:
    """Of one journal. `unsound` is told of what does not hold, on the loop."""

    def __init__(
        self,
        journal: Verifying,
        signers: Callable[[], Signers],
        utc_us: Callable[[], int],
        unsound: Callable[[Report], None],
    ) -> None:
        self._journal = journal
        self._signers = signers
        self._utc_us = utc_us
        self._unsound = unsound
        self.looked: Looked | None = None
        """None before the first look has ended."""

    async def run(self) -> None:
        """Serve until cancelled. Raises JournalClosed: a bug."""
        pause_s = FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = EVERY_S if await self.look() else AGAIN_S

    @property
    def signers(self) -> Signers:
        """By whose keys signatures are judged now."""
        return self._signers()

    async def look(self) -> bool:
        """Look through everything now; False where the journal stopped. Raises JournalClosed."""
        try:
            report = await self._journal.verify(None, self.signers, pause_s=PAUSE_S)
        except JournalClosed:
            raise
        except JournalError as error:
            log.warning("the journal was not looked through: %s", error)
            return False
        self.looked = Looked(
            utc_us=self._utc_us(), entries=report.entries, findings=len(report.findings)
        )
        for finding in report.findings:
            log.error("the journal does not hold: entry %d: %s", finding.seq, finding.what)
        if not report.sound:
            self._unsound(report)
        return True
