"""The write-ahead log is never larger than half of what is kept for a full disk.

Below that the reserve would not even let the journal be folded together.
"""

import asyncio
from pathlib import Path

from controller import events as ev
from controller.events import Event
from controller.events_people import ErasedValues
from controller.ids import HolderId
from edge.ballast import BALLAST_BYTES
from edge.journal.memory import BYTES_MAX
from edge.journal.work import BATCH_RECORDS_MAX
from edge.recorder import RECOVER_RECORDS, record_of
from tests.edge.test_recorder import Rig, rig_in

RANGES = 300
LARGE = ev.PersonErased(
    holder=HolderId("h1"),
    reason="asked for",
    operator="0" * 64,
    searched=2**50,
    values=(
        ErasedValues(
            fields=("badge",), entries=tuple((2**50 + at, 2**50 + at) for at in range(RANGES))
        ),
    ),
)
"""Some 10,000 bytes, for which SQLite takes three pages."""


def event(rig: Rig, seq: int) -> Event:
    return Event(header=rig.header(seq, ev.PersonErased), body=LARGE)


def log_bytes(folder: Path) -> int:
    """What the log has ever had to hold: it is not cut while the journal is open."""
    return next(folder.glob("*-wal")).stat().st_size


def test_what_was_kept_in_memory_is_not_written_at_once(tmp_path: Path) -> None:
    """It is behind a full disk that it is, and in the room of the reserve."""

    async def run() -> None:
        async with rig_in(tmp_path) as rig:
            free = rig.stall()
            size = record_of(event(rig, 1)).size_bytes
            count = min(BYTES_MAX // size - 1, RECOVER_RECORDS)
            rig.recorder.record((event(rig, 1),), ())
            await rig.until("failed")
            for seq in range(2, count + 1):
                rig.recorder.record((event(rig, seq),), ())
            await rig.recorder.drained()
            free.set()
            await rig.until("recovered")
            assert rig.writer.last_seq == count
            assert rig.told[-1] == "recovered 0"
            assert log_bytes(tmp_path) * 2 <= BALLAST_BYTES

    asyncio.run(run())


def test_what_many_wait_for_is_not_written_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig_in(tmp_path) as rig:
            free = rig.stall()
            waiting = [
                rig.writer.submit([record_of(event(rig, seq))])
                for seq in range(1, BATCH_RECORDS_MAX + 1)
            ]
            free.set()
            await asyncio.gather(*waiting)
            assert rig.writer.last_seq == BATCH_RECORDS_MAX
            assert log_bytes(tmp_path) * 2 <= BALLAST_BYTES

    asyncio.run(run())
