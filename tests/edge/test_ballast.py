"""A disk that fills up: what is kept for that keeps the doors at work for a while."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller import events as ev
from edge import recorder
from edge.assembly import Edge
from edge.ballast import BALLAST_BYTES, FILE, ROOM_FACTOR, Ballast
from policies.facts import Mode
from tests.edge.house import House, bodies, posture, running, until
from tests.edge.journal.tmpfs import Tmpfs
from tests.servers import skip_or_fail

MEBIBYTE = 1024 * 1024
ENOUGH = (ROOM_FACTOR + 1) * BALLAST_BYTES // MEBIBYTE

Disk = Callable[[int], Tmpfs]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small file system on the test's folder."""
    mounted: list[Tmpfs] = []

    def mount(mebibytes: int) -> Tmpfs:
        one = Tmpfs(tmp_path, mebibytes)
        if not one.mounted:
            skip_or_fail("only root may mount a small disk")
        mounted.append(one)
        return one

    yield mount
    for one in mounted:
        one.unmount()


def test_room_is_kept_where_there_is_room_and_given_up_once(tmp_path: Path, disk: Disk) -> None:
    small = disk(ENOUGH)
    (tmp_path / "state").mkdir()
    ballast = Ballast(tmp_path / "state")
    assert not ballast.release()
    assert ballast.keep()
    assert ballast.keep()
    found = (tmp_path / "state" / FILE).stat()
    assert found.st_size == BALLAST_BYTES
    assert found.st_blocks * 512 >= BALLAST_BYTES, "the room is taken, not promised"
    small.fill()
    assert ballast.release()
    assert not ballast.keep(), "not before somebody has made room"
    small.empty()
    assert ballast.keep()


def test_a_small_disk_is_left_to_the_journal(tmp_path: Path, disk: Disk) -> None:
    disk(BALLAST_BYTES // MEBIBYTE + 1)
    (tmp_path / "state").mkdir()
    assert not Ballast(tmp_path / "state").keep()
    assert not (tmp_path / "state" / FILE).exists()


def test_when_the_disk_is_full_the_edge_goes_on_in_the_room_that_was_kept(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.05)
    small = disk(ENOUGH)
    house = House(tmp_path)

    async def something_happens(edge: Edge, number: int) -> None:
        posture(edge, Mode.NORMAL, number % 5 + 1)
        await edge.daemon.recorder.drained()

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            async with asyncio.timeout(30):
                while not (tmp_path / "state" / FILE).exists():
                    await asyncio.sleep(0.01)
                small.fill()
                number = 0
                while not edge.daemon.recorder.down:
                    number += 1
                    await something_happens(edge, number)
            async with asyncio.timeout(30):  # a journal that is down is not read meanwhile
                while edge.daemon.recorder.down:
                    await asyncio.sleep(0.01)
            await until(edge, ev.ReserveUsed, within_s=30)
            assert not (tmp_path / "state" / FILE).exists()
            assert not edge.daemon.recorder.down
            for more in range(100):
                await something_happens(edge, number + 1 + more)
            assert not edge.daemon.recorder.down, "there is room again"
            changes = await bodies(edge, ev.PostureChanged)
            assert len(changes) == number + 100, "nothing is lost on the way"

    asyncio.run(run())
