"""Eight threads that append to one journal until they are killed: python -m tests.crash.producers

Arguments: the journal's folder, and perhaps EARLY. Each number is written to standard output when
its entry is durable and not before; with EARLY it is before, which is what a kill has to find.
"""

import asyncio
import os
import sys
import threading
from functools import partial
from pathlib import Path

from edge.journal import JournalWriter, Record
from tests.edge.journal.support import EDGE, SITE, entropy, record

EARLY = "early"
THREADS = 8
SNAPSHOT_EVERY = 200


def made(seq: int) -> Record:
    """Number `seq`, always the same; every third is about a person."""
    return record(seq, person=f"Person {seq}" if seq % 3 == 0 else None)


class Numbers:
    """Gives out what is next. Used on the loop alone."""

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._next = writer.last_seq + 1

    async def append(self, *, early: bool) -> int:
        """The next entry; its number when it is durable."""
        seq, self._next = self._next, self._next + 1
        if early:
            os.write(1, b"%d\n" % seq)
        await self._writer.append([made(seq)])
        if seq % SNAPSHOT_EVERY == 0:
            await self._writer.put_snapshot(seq, b"state", seq)
        return seq


def produce(numbers: Numbers, loop: asyncio.AbstractEventLoop, *, early: bool) -> None:
    """One thread's work."""
    while True:
        seq = asyncio.run_coroutine_threadsafe(numbers.append(early=early), loop).result()
        if not early:
            os.write(1, b"%d\n" % seq)


async def main(folder: Path, *, early: bool) -> None:
    writer = await JournalWriter.open(folder, site=SITE, edge=EDGE, entropy=entropy, utc_us=0)
    numbers, loop = Numbers(writer), asyncio.get_running_loop()
    for _ in range(THREADS):
        work = partial(produce, numbers, loop, early=early)
        threading.Thread(target=work, daemon=True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), early=EARLY in sys.argv[2:]))
