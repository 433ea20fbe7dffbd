"""A year without a network: five million events in twelve months are held; arguments: [EVENTS].

Appended through the journal's own writer, sealed at each month's end, acknowledged by nobody; then
opened by a process that has nothing else in its memory, read to its end and verified.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from controller.checkpoint import Checkpoint, log_name
from controller.merkle import Frontier
from edge.journal import JournalWriter, verify_folder
from tests.bench.bench_journal import made
from tests.campaigns import Result

EVENTS, MONTHS = 5_000_000, 12
AT_ONCE = 1_000
MONTH_US = 30 * 86_400_000_000

OPENED = """
import asyncio, resource, sys, time
from pathlib import Path
from edge.journal import JournalWriter

async def run():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    writer = await JournalWriter.open(
        Path(sys.argv[1]), site="vienna", edge="north", entropy=bytes, utc_us=0
    )
    opened = time.perf_counter() - began
    newest = await writer.newest_snapshot()
    (last,) = await writer.read(writer.last_seq, 1, 1 << 16)
    (first,) = await writer.read(1, 1, 1 << 16)
    restored = time.perf_counter() - began
    assert newest.seq == last.seq and first.seq == 1
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await writer.close()
    print(writer.last_seq, opened, restored, (after - before) / 1024)

asyncio.run(run())
"""


def run(_seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    events = int(arguments[0]) if arguments else EVENTS
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        folder = Path(place)
        began = time.perf_counter()
        sealing_s = asyncio.run(_filled(folder, events))
        filled_s = time.perf_counter() - began
        size = sum(path.stat().st_size for path in folder.iterdir())
        command = [sys.executable, "-c", OPENED, place]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        last, opened_s, restored_s, grown = map(float, ran.stdout.split())
        began = time.perf_counter()
        report = verify_folder(folder)
        verified_s = time.perf_counter() - began
        segments = len(list(folder.glob("segment-*.db")))
    passed = report.sound and report.entries == last == events and segments == MONTHS
    return Result(
        passed,
        f"{report.entries} events in {segments} segments, {size / 1e9:.2f} GB, {size / events:.0f} "
        f"bytes each; appended at {events / filled_s:.0f}/s, a seal {max(sealing_s) * 1e3:.0f} ms "
        f"at most; opened in {opened_s * 1e3:.0f} ms, with its state and both ends read in "
        f"{restored_s * 1e3:.0f} ms, {grown:.0f} MiB more memory; verified in {verified_s:.0f} s",
    )


async def _filled(folder: Path, events: int) -> list[float]:
    """How long each seal took, while nobody else waited for the writer."""
    writer = await JournalWriter.open(folder, site="vienna", edge="north", entropy=bytes, utc_us=0)
    name = log_name("vienna", "north", writer.incarnation)

    def note(tree: Frontier) -> str:
        return f"{Checkpoint(name, tree.size, tree.root).text}\n\u2014 nobody AAAAAAAA\n"

    took: list[float] = []
    for first in range(1, events + 1, AT_ONCE):
        month = (first - 1) * MONTHS // events
        if month > len(took):
            began = time.perf_counter()
            assert await writer.seal(note, month * MONTH_US) is not None
            took.append(time.perf_counter() - began)
            sys.stdout.write(f"{first - 1} events, month {month}\n")
        upto = min(events, first + AT_ONCE - 1)
        await writer.append([made(writer.incarnation, seq) for seq in range(first, upto + 1)])
    await writer.put_snapshot(writer.last_seq, b"state", 0)
    await writer.close()
    return took
