"""An edge that may open nothing any more: doors and journal go on, it says so, and it recovers."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from controller import events as ev
from edge.control.client import Client
from edge.journal import verify_folder
from tests.edge.house import House
from tests.edge.process import PATIENCE_S, EdgeProcess, entries, running_process


@contextmanager
def exhausted(edge: EdgeProcess) -> Iterator[None]:
    """The kernel gives the process no further descriptor."""
    limits = resource.prlimit(edge.pid, resource.RLIMIT_NOFILE)
    in_use = [int(path.name) for path in Path(f"/proc/{edge.pid}/fd").iterdir()]
    free = next(number for number in range(len(in_use) + 1) if number not in in_use)
    resource.prlimit(edge.pid, resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(edge.pid, resource.RLIMIT_NOFILE, limits)


def status_of(house: House) -> int:
    with closing(Client(house.folder / "state")) as client:
        return client.status().seq


def exhaust(tmp_path: Path) -> None:
    """It goes on, says so once, and recovers."""
    house = House(tmp_path)

    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            await edge.badge_opens()
            with exhausted(edge):
                await edge.badge_opens()
                asked = asyncio.create_task(asyncio.to_thread(status_of, house))
                await edge.until_said("Too many open files")
                await edge.badge_opens()
                assert not asked.done(), "whoever comes waits until there is room"
            async with asyncio.timeout(PATIENCE_S):
                assert await asked > 0
            await edge.badge_opens()
            with suppress(ProcessLookupError), exhausted(edge):
                assert await edge.stop() == 0, "the last snapshot and checkpoint open nothing"
            assert edge.said.count("nobody else can be taken on at the control socket") == 1
            assert "Traceback" not in edge.said

    asyncio.run(run())
    report = verify_folder(tmp_path / "state" / "journal")
    assert (report.sound, report.snapshots) == (True, 1)
    assert len(entries(house, ev.DecisionMade)) == 4
    assert entries(house, ev.JournalLost) == []
