"""Durable events a second through the journal's writer, next to SQLite's bare group commit."""

import asyncio
import os
import queue
import sqlite3
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from controller.checkpoint import Checkpoint, log_name
from controller.events import BadgeIgnored, Event, Header, encode
from controller.ids import ReaderId
from controller.ledger import Personal, commitment
from controller.merkle import Frontier
from edge.journal import JournalWriter, Record, verify_folder
from edge.journal.folder import PRAGMAS
from edge.journal.verify_ahead import processes_for
from edge.journal.work import BATCH_RECORDS_MAX

Figure = tuple[str, float, str, str]

PRODUCERS = (1, 8, 64)
RUN_S = 1.0
PASSES = 3
"""The best one, for other work on the machine only ever takes away; of verifying the middle one."""

VERIFIED = 1_000_000
VERIFY_S_MAX = 3.0
"""The aim, of so many."""

SEALS = 9
UNSIGNED = "\n\u2014 nobody AAAAAAAA\n"


def made(incarnation: str, seq: int) -> Record:
    """An event of common size, about a person."""
    value = Personal("badge", "0012345678", f"{seq:032x}")
    header = Header(
        site="vienna",
        edge="north",
        incarnation=incarnation,
        seq=seq,
        kind="badge-ignored",
        utc_us=1_700_000_000_000_000 + seq,
        mono_us=seq,
        clock_trusted=True,
        cause=f"in-{seq}",
        policy="0123456789abcdef",
    )
    body = BadgeIgnored(reader=ReaderId("r1"), reason="busy", badge=commitment(value))
    return Record(seq, encode(Event(header=header, body=body)), (value,))


async def _rate(producers: int, one: Callable[[], Awaitable[None]]) -> float:
    """Events a second of `producers` tasks that each wait for their own."""
    done = 0
    begun = time.perf_counter()

    async def produce() -> None:
        nonlocal done
        while time.perf_counter() - begun < RUN_S:
            await one()
            done += 1

    await asyncio.gather(*(produce() for _ in range(producers)))
    return done / (time.perf_counter() - begun)


async def _journal(folder: Path, producers: int) -> float:
    writer = await JournalWriter.open(folder, site="vienna", edge="north", entropy=bytes, utc_us=0)
    numbers = count(1)

    async def one() -> None:
        await writer.append([made(writer.incarnation, next(numbers))])

    try:
        return await _rate(producers, one)
    finally:
        await writer.close()


BESIDE = (
    "CREATE TABLE personal (seq INTEGER, field TEXT, value TEXT, salt BLOB,"
    " PRIMARY KEY (seq, field)) STRICT, WITHOUT ROWID"
)
VALUE = ("badge", "0012345678", bytes(16))

Row = tuple[int, bytes]
Waiting = tuple[Row, "asyncio.Future[None]"]


def _serve(
    path: Path, rows: "queue.SimpleQueue[Waiting | None]", loop: object, *, beside: bool
) -> None:
    assert isinstance(loop, asyncio.AbstractEventLoop)

    def told(batch: list[Waiting]) -> None:
        for _, done in batch:
            done.set_result(None)

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(pragma).fetchall()
        connection.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, entry BLOB) STRICT")
        connection.execute(BESIDE)
        while (first := rows.get()) is not None:
            batch = [first]
            while len(batch) < BATCH_RECORDS_MAX and not rows.empty():
                row = rows.get()
                assert row is not None
                batch.append(row)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO entry VALUES (?, ?)", [row for row, _ in batch])
            if beside:
                values = [(seq, *VALUE) for (seq, _), _ in batch]
                connection.executemany("INSERT INTO personal VALUES (?, ?, ?, ?)", values)
            connection.execute("COMMIT")
            loop.call_soon_threadsafe(told, batch)


async def _bare(folder: Path, producers: int, *, beside: bool = False) -> float:
    """The same disk, pragmas and groups; ready bytes, no hash, no checks, and no personal values
    unless they are put `beside`.
    """
    loop = asyncio.get_running_loop()
    entry = made("00" * 8, 1).entry
    numbers = count(1)
    rows: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
    thread = threading.Thread(
        target=_serve, args=(folder / "bare.db", rows, loop), kwargs={"beside": beside}
    )
    thread.start()

    async def one() -> None:
        done: asyncio.Future[None] = loop.create_future()
        rows.put(((next(numbers), entry), done))
        await done

    try:
        return await _rate(producers, one)
    finally:
        rows.put(None)
        await asyncio.to_thread(thread.join)


def _best(measure: Callable[[Path, int], Awaitable[float]], producers: int) -> float:
    def passes() -> Iterator[float]:
        for _ in range(PASSES):
            with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
                yield asyncio.run(_awaited(partial(measure, Path(folder), producers)))

    return max(passes())


async def _awaited(measure: Callable[[], Awaitable[float]]) -> float:
    return await measure()


def _note(tree: Frontier, name: str = "bench") -> str:
    return Checkpoint(name, tree.size, tree.root).text + UNSIGNED


async def _filled(folder: Path) -> None:
    """So many entries, and a checkpoint of all of them: its tree is proven too."""
    writer = await JournalWriter.open(folder, site="vienna", edge="north", entropy=bytes, utc_us=0)
    for first in range(1, VERIFIED, 1_000):
        await writer.append([made(writer.incarnation, seq) for seq in range(first, first + 1_000)])
    name = log_name("vienna", "north", writer.incarnation)
    await writer.checkpoint(lambda tree: _note(tree, name), 0)
    await writer.close()


def _verified() -> Iterator[Figure]:
    """By one process, and by as many as `journal verify` takes."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        asyncio.run(_filled(Path(folder)))
        said = "a personal value each, the tree of all of them"
        for count in (1, processes_for(VERIFIED)):
            taken = median(_verified_s(Path(folder), count) for _ in range(PASSES))
            name = f"journal: verify, {count} process{'es' * (count > 1)}"
            yield name, VERIFIED / taken, "events/s", said
            yield f"{name} / aim", VERIFY_S_MAX / taken, "", f"aim: a million in {VERIFY_S_MAX:g} s"


def _verified_s(folder: Path, processes: int) -> float:
    os.sync()  # what was written just now is on its way to the disk, and none of this time
    begun = time.perf_counter()
    report = verify_folder(folder, processes=processes)
    taken = time.perf_counter() - begun
    assert (report.entries, report.checkpoints.kept, report.findings) == (VERIFIED, 1, ())
    return taken


async def _seal_ms(folder: Path) -> float:
    """How long the writer is busy with a seal: the middle one of a few."""
    writer = await JournalWriter.open(folder, site="vienna", edge="north", entropy=bytes, utc_us=0)

    took: list[float] = []
    for first in range(1, SEALS * 1_000, 1_000):
        await writer.append([made(writer.incarnation, seq) for seq in range(first, first + 1_000)])
        begun = time.perf_counter()
        await writer.seal(_note, first)
        took.append(time.perf_counter() - begun)
    await writer.close()
    return 1_000 * median(took)


def run() -> list[Figure]:
    """Name, value, unit, note."""
    figures: list[Figure] = []
    for producers in PRODUCERS:
        bare = _best(_bare, producers)
        both = _best(partial(_bare, beside=True), producers)
        whole = _best(_journal, producers)
        name = f"journal, {producers} producer{'s' * (producers > 1)}"
        figures += [
            (f"{name}: bare group commit", bare, "events/s", "one insert, ready bytes"),
            (f"{name}: durable", whole, "events/s", "encoded, hashed, with a personal value"),
            (f"{name}: durable / bare", whole / bare, "", "aim: 0.8"),
            (f"{name}: bare, a value beside each", both, "events/s", "two inserts, two tables"),
            (f"{name}: durable / that", whole / both, "", ""),
        ]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        sealed = asyncio.run(_seal_ms(Path(folder)))
    figures.append(("journal: a seal", sealed, "ms", "what an append behind it waits"))
    figures += _verified()
    return figures


if __name__ == "__main__":
    for figure in run():
        print("{:45} {:12.2f} {:10} {}".format(*figure))  # noqa: T201
