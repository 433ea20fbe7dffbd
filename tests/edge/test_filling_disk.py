"""The rungs of a disk that fills, on a real one: what is elsewhere goes, the reserve, then entry.

What entry is without a journal, and that people leave, stands in `test_daemon.py`.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from controller import events as ev
from controller.body import Body
from edge import recorder
from edge.ballast import BALLAST_BYTES, FILE, LOW_FACTOR, ROOM_FACTOR, Ballast
from edge.journal import verify_folder
from edge.renewal import JOURNAL
from tests.edge.house import House, running, until
from tests.edge.journal.tmpfs import Tmpfs
from tests.edge.test_keeper import MONTH_DAYS, Kept, entries, segments
from tests.servers import skip_or_fail

MEBIBYTE = 1024 * 1024
ROOM = (ROOM_FACTOR + 2) * BALLAST_BYTES
SHORT_BYTES = BALLAST_BYTES
"""Under what is low, and far from full."""


def take_all_but(folder: Path, left_bytes: int) -> None:
    with (folder / "others").open("ab") as file:
        while True:
            found = os.statvfs(folder)
            took = found.f_bavail * found.f_frsize - left_bytes
            if took <= 0:
                return
            try:
                os.posix_fallocate(file.fileno(), file.tell(), took)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                continue  # the edge took some of it meanwhile
            return


def place(found: list[tuple[int, Body]], kind: type[Body]) -> int:
    """Where the first of a kind stands."""
    return next(seq for seq, body in found if isinstance(body, kind))


async def fill_until(done: Callable[[], bool], kept: Kept, folder: Path) -> None:
    """Somebody else takes whatever room there is."""
    async with asyncio.timeout(60):
        while not done():
            take_all_but(folder, 0)
            await kept.happens()
            await asyncio.sleep(0.01)


def test_the_rungs_come_one_after_the_other_and_each_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.05)
    disk = Tmpfs(tmp_path, ROOM // MEBIBYTE)
    if not disk.mounted:
        skip_or_fail("only root may mount a small disk")
    house, ballast = House(tmp_path), Ballast(tmp_path / "state")

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            async with asyncio.timeout(30):
                while not (tmp_path / "state" / FILE).exists():
                    await asyncio.sleep(0.01)
            kept = Kept(edge, {})
            kept.keeper._room_is_low = ballast.room_is_low
            for _ in range(2):
                await kept.happens()
                await kept.later(MONTH_DAYS)
            await kept.confirmed()
            await kept.keeper.look(old=False)
            assert segments(house) == [1, 2, 3], "there is room"

            take_all_but(tmp_path, SHORT_BYTES)
            assert ballast.room_is_low()
            await kept.keeper.look(old=False)
            assert segments(house) == [3], "the first rung"
            assert (tmp_path / "state" / FILE).exists()
            assert not edge.daemon.recorder.down

            reserve = tmp_path / "state" / FILE
            await fill_until(lambda: not reserve.exists(), kept, tmp_path)
            async with asyncio.timeout(30):
                while edge.daemon.recorder.down:
                    await asyncio.sleep(0.01)

            await fill_until(lambda: edge.daemon.recorder.down, kept, tmp_path)
            assert not edge.daemon.site.state.recorded, "the third: entry is refused"
            (tmp_path / "others").unlink()
            async with asyncio.timeout(30):
                while edge.daemon.recorder.down:
                    await asyncio.sleep(0.01)
            await edge.daemon.recorder.drained()
            found = await entries(edge)
            early = [body for _, body in found if isinstance(body, ev.EntriesPruned)]
            assert [(one.whole, one.early) for one in early] == [(True, True)] * 2
            lost = [seq for seq, body in found if isinstance(body, ev.JournalLost)]
            assert place(found, ev.EntriesPruned) < lost[0]
            assert place(found, ev.EntriesPruned) < place(found, ev.ReserveUsed) < lost[-1]

    try:
        asyncio.run(run())
        assert verify_folder(tmp_path / "state" / JOURNAL).sound
    finally:
        disk.unmount()
    assert LOW_FACTOR * BALLAST_BYTES > SHORT_BYTES
