"""Who does a journal's work in virtual time: at moments that a model of the disk gives."""

from collections.abc import Callable
from contextvars import copy_context
from random import Random

from edge.journal.work import Answers, Work
from simulators.virtual.disk import Disk
from simulators.virtual.loop import virtual_loop

Latency = Callable[[], tuple[float, float]]
"""Seconds until SQLite has done a turn's work, and from then until the event loop hears of it."""

USUAL_S, HELD_UP_S, SLOW_S = 0.0003, 0.006, 3.0
"""A commit at the median and at the 99th percentile of a busy machine; of a card that is dying."""

HELD_UP_ONE_IN = 50


def disk_latency(disk: Disk, chance: Random) -> Latency:
    """As measured on a shared machine; seconds on average while the disk is slow."""

    def latency() -> tuple[float, float]:
        if disk.slow:
            mean_s = SLOW_S
        else:
            mean_s = HELD_UP_S if chance.randrange(HELD_UP_ONE_IN) == 0 else USUAL_S
        return chance.expovariate(1 / mean_s), chance.uniform(0.0, USUAL_S)

    return latency


class VirtualHand:
    """`edge.journal.writer.ThreadHand` in virtual time, for one journal of one process.

    What waits is taken when the hand is free, its SQL runs in one moment later, the answers come
    after another while: a kill falls before the commit, or between it and the answers.
    """

    def __init__(self, latency: Latency) -> None:
        self._latency = latency
        self._loop = virtual_loop()
        # The process's own: a kill stops the hand, whoever put what it works on.
        self._context = copy_context()
        self._work: Work
        self._busy = True

    def start(self, work: Work) -> None:
        self._work = work
        self._after(work.open)

    def wake(self) -> None:
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._go_on, context=self._context)

    def _go_on(self) -> None:
        self._busy = self._work.take()
        if self._busy:
            self._after(self._work.turn)

    def _after(self, work: Callable[[], Answers]) -> None:
        until_done_s, until_told_s = self._latency()
        self._later(until_done_s, lambda: self._done(work(), until_told_s))

    def _done(self, answers: Answers, until_told_s: float) -> None:
        self._later(until_told_s, lambda: self._told(answers))

    def _told(self, answers: Answers) -> None:
        self._work.tell(answers)
        if not self._work.over:
            self._go_on()

    def _later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._loop.call_later(delay_s, callback, context=self._context)
