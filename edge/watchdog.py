"""Signs of life for the service manager, which ends an edge that no longer does its work.

The watchdog is fed from the event loop, and only while the journal's thread and every line get on.
A thread that answers to a single one of these would go on feeding it for an edge that stands still.

**A disk that refuses is not a standstill.** Full, broken or slow, it is answered with an error, the
journal counts as failed after a second, and the edge goes on without it: people leave, a fire frees
its ways. A new process would find the same disk and know less. Only a journal whose thread gives no
answer at all, for longer than any disk that still has a driver takes to fail, is given up, because
then nothing but a new process brings entry back. While a fire is latched not even that: the ways
out are free, and that they must be may stand in this process's memory alone.
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import NoReturn

from edge.assembly import Edge
from edge.journal import JournalWriter
from edge.service_manager import ServiceManager

LINE_STANDS_S_MAX = 3.0
"""A driver that serves comes round every two seconds (`drivers.api.Driver.turns`)."""

JOURNAL_STANDS_S_MAX = 60.0
"""Linux gives a disk 30 s for a command before it resets it; twice that is no disk's own time."""

LOOK_S_MAX = 5.0
"""Between two looks; three for each feeding that is asked for, so that a late one does no harm."""

EXTEND_LOOK_S, EXTEND_S = 5.0, 30.0
"""While a start takes its time: how often it is looked at, and how long the next look may take."""

log = logging.getLogger(__name__)


class Standstill:
    """For how long a count that should grow has not grown."""

    def __init__(self) -> None:
        self._count = -1
        self._since_s = 0.0

    def seconds(self, count: int, now_s: float, *, idle: bool = False) -> float:
        """`idle`: at this moment it has no reason to grow."""
        if idle or count != self._count:
            self._count, self._since_s = count, now_s
        return now_s - self._since_s


class Watchdog:
    """Tells the service manager how one edge is."""

    def __init__(self, manager: ServiceManager, edge: Edge) -> None:
        self._manager = manager
        self._edge = edge
        self._journal = Standstill()
        self._lines: dict[str, Standstill] = {}
        self._said: list[str] = []

    async def run(self) -> NoReturn:
        """Until cancelled. Begin it behind all that it speaks for: it says that they serve."""
        watchdog_s = self._manager.watchdog_s
        pause_s = LOOK_S_MAX if watchdog_s is None else min(LOOK_S_MAX, watchdog_s / 3)
        self._manager.tell("READY=1")
        while True:
            stuck = list(self._stuck(asyncio.get_running_loop().time()))
            self._note(stuck)
            status = f"STATUS={'; '.join(stuck or self._status())}"
            if stuck or watchdog_s is None:
                self._manager.tell(status)
            else:
                self._manager.tell("WATCHDOG=1", status)
            await asyncio.sleep(pause_s)

    def _stuck(self, now_s: float) -> Iterator[str]:
        """What stands still, for people to read."""
        daemon = self._edge.daemon
        writer = daemon.writer
        stood_s = self._journal.seconds(writer.answered, now_s, idle=writer.idle)
        if not any(fire.latched for fire in daemon.site.state.fires.values()):
            if writer.over:
                yield "the journal's thread has ended"
            elif stood_s > JOURNAL_STANDS_S_MAX:
                yield f"the journal's thread has not answered for {stood_s:.0f} s"
        turns = daemon.turns
        self._lines = {name: self._lines.get(name, Standstill()) for name in turns}
        for name, line in self._lines.items():
            stood_s = line.seconds(turns[name], now_s)
            if stood_s > LINE_STANDS_S_MAX:
                yield f"line {name} has not come round for {stood_s:.0f} s"

    def _note(self, stuck: list[str]) -> None:
        if stuck and not self._said:
            log.critical("the watchdog is not fed: %s", "; ".join(stuck))
        elif self._said and not stuck:
            log.warning("the watchdog is fed again")
        self._said = stuck

    def _status(self) -> Iterator[str]:
        state = self._edge.daemon.site.state
        fires = [name for name, fire in state.fires.items() if fire.latched]
        if fires:
            yield f"FIRE: {', '.join(fires)}"
        if not state.recorded:
            yield "the journal cannot be written: nobody enters"
        if self._edge.desk.safe_mode:
            yield "safe mode: nothing goes to the archive"
        yield "cards are accepted" if state.ready else "waiting for the fire inputs"


async def extend_start(manager: ServiceManager, writer: JournalWriter) -> NoReturn:
    """While a start reads a long journal, ask for the time that it takes; until cancelled.

    A journal that gives no answer is asked no time for: the manager's own limit ends that start.
    """
    answered = -1
    while True:
        if writer.answered != answered:
            answered = writer.answered
            manager.tell(f"EXTEND_TIMEOUT_USEC={EXTEND_S * 1e6:.0f}", "STATUS=reading the journal")
        await asyncio.sleep(EXTEND_LOOK_S)
