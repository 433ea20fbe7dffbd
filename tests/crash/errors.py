"""One error of the disk at every one of its operations in turn, and what must be there at the end.

The same recording each time, with everything else that writes to a journal, in virtual time. An
error means *unknown*: the journal stops, is opened anew, and by the numbers of its entries it is
found out what arrived. In the end every entry that was recorded is there once, and a power cut
then loses none.
"""

import asyncio
import errno
import sqlite3
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from edge.journal import JournalError, JournalFailed
from edge.journal.work import Reopened
from simulators.virtual.disk import Disk
from simulators.virtual.disk_files import refused
from simulators.virtual.loop import run
from tests.crash.cuts import DOWN, LOST, PRODUCERS, RUINED, Known, Life, last_look, quiet
from tests.virtual.disks import disk_of

ROUNDS = 12
RECOVERED_WITHIN_S = 60.0
"""In virtual time: the recorder tries every two seconds."""

AGAIN = "written again"

Strike = Callable[[Disk, str], None]
"""Told the operation that is about to be done; may raise OSError."""


def io_error(disk: Disk, operation: str) -> None:
    """EIO; of a sync as a kernel does it, which forgets what it could not write."""
    if operation == "sync":
        disk.syncs_to_fail = 1
    else:
        raise refused(errno.EIO)


def no_room(_disk: Disk, operation: str) -> None:
    """ENOSPC, which a file system may also say as late as in a sync."""
    raise refused(errno.ENOSPC)


def lie(disk: Disk, _operation: str) -> None:
    """The next sync says that all is well, loses it, and takes the device with it."""
    disk.dies_in_sync = True


class Struck(NamedTuple):
    """Strikes one after the other, from the first on, of the operations that the strike is for."""

    strike: Strike
    only: str = ""
    """One kind of operation; reads are among none but their own."""


STRIKES = {
    "EIO": Struck(io_error),
    "EIO in a read": Struck(io_error, "read"),
    "ENOSPC": Struck(no_room),
    "lie": Struck(lie, "sync"),
}


def operations(seed: int, only: str = "") -> int:
    """How many of these the recording takes when all is well."""
    count = 0

    def before(operation: str, _name: str) -> None:
        nonlocal count
        count += only in {"", operation}

    with disk_of(seed) as disk, quiet():
        _before(disk, only, before)
        run(_scene(disk, Random(seed), Known()))
    return count


def _before(disk: Disk, only: str, before: Callable[[str, str], None]) -> None:
    if only == "read":
        disk.before_read = lambda name: before("read", name)
    else:
        disk.before = before


def struck(seed: int, how: Struck, first: int, times: int = 1) -> Counter[str]:
    """The recording with `times` strikes in a row."""
    known = Known()
    # Another disk for each, so that what arrives is another share of it.
    with disk_of(seed + first) as disk, quiet():
        at = 0

        def before(operation: str, _name: str) -> None:
            nonlocal at
            at += how.only in {"", operation}
            if first <= at < first + times and how.only in {"", operation}:
                known.found[operation] += 1
                how.strike(disk, operation)

        _before(disk, how.only, before)
        try:
            run(_scene(disk, Random(seed), known, lying=how.strike is lie))
        except (JournalError, sqlite3.Error, AssertionError, ExceptionGroup, TimeoutError) as error:
            known.found[RUINED] += 1
            known.found[f"{type(error).__name__} at {first}: {error}"[:500]] += 1
    return known.found


async def _scene(disk: Disk, chance: Random, known: Known, *, lying: bool = False) -> None:
    life = Life(disk, chance, known)
    await _opened(life)
    _count_restored(life)
    recording = asyncio.ensure_future(life.recorder.run())
    try:
        await _recorded(life, disk, chance)
    finally:
        recording.cancel()
        await asyncio.wait([recording])
    recorded = len(known.made)
    if lying:
        known.forgive()
    if chance.random() < 0.5:
        await life.writer.close()
    disk.power_cut()
    await last_look(disk, chance, known)
    known.found[LOST] += recorded - known.acked


async def _recorded(life: Life, disk: Disk, chance: Random) -> None:
    for round_ in range(ROUNDS):
        for _ in range(PRODUCERS):
            life.record()
            await asyncio.sleep(chance.uniform(0, 0.001))
        await life.do(life.deeds[round_ % len(life.deeds)])
    await _quiet_again(life)
    disk.before = disk.before_read = None
    for _ in range(2):
        # A device that lied is found out by whoever comes next.
        life.record()
        await _quiet_again(life)


async def _opened(life: Life) -> None:
    """As a service manager does: again until it succeeds."""
    for _ in range(10):
        try:
            return await life.open()
        except JournalFailed:
            life.known.found[DOWN] += 1
            await asyncio.sleep(1.0)
    return await life.open()


def _count_restored(life: Life) -> None:
    reopen = life.writer.reopen

    async def reopened() -> Reopened:
        again = await reopen()
        life.known.found[AGAIN] += again.restored
        return again

    life.writer.reopen = reopened  # type: ignore[method-assign]


async def _quiet_again(life: Life) -> None:
    """Everything is on disk. Raises TimeoutError."""
    async with asyncio.timeout(RECOVERED_WITHIN_S):
        await life.recorder.drained()
        while life.recorder.down or life.writer.stopped:
            await asyncio.sleep(0.1)
            await life.recorder.drained()
