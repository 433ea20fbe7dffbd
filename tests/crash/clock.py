"""The wall clock of a running edge goes back a day, and ten years ahead: nothing else does."""

import asyncio
from pathlib import Path

from controller import events as ev
from controller.events import decode_body, decode_entry
from edge.clock import SystemClock, Trust
from edge.control.client import Client
from edge.control.messages import StatusReply
from edge.journal import verify_folder
from tests.central.rig import running_central
from tests.edge.agreement import differences
from tests.edge.house import House
from tests.edge.process import PATIENCE_S, EdgeProcess, entries, running_process

DAY_MS = 86_400_000
STEPS = ((-1, -1), (3_651, 3_652), (0, -3_651))
"""Days by which the clock is wrong from then on, and the jump that it makes."""

TOLERANCE_MS = 60_000

PLANT = """
import time
from pathlib import Path
import edge.daemon, edge.keeper
edge.daemon.CLOCK_CHECK_S = edge.keeper.LOOK_S = 0.1
seconds, nanoseconds, wrong_by = time.time, time.time_ns, Path({path!r})
def wrong_s(): return int(wrong_by.read_text())
time.time = lambda: seconds() + wrong_s()
time.time_ns = lambda: nanoseconds() + wrong_s() * 10**9
"""
"""Python's wall clock is wrong by what a file says, its monotonic clock is the machine's. (Under
libfaketime 0.9.10 threads of Python 3.11 wait for each other for seconds.)"""


class WallClock:
    """Of a process that is started with `plant`: `set` while it runs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wrong-by"
        self.set(0)
        self.plant = PLANT.format(path=str(self._file))

    def set(self, days: int) -> None:
        """At once, and never half of it."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{days * DAY_MS // 1_000}")
        written.replace(self._file)


class Asked:
    """The edge's own word, over its control socket."""

    def __init__(self, house: House) -> None:
        self._state = house.folder / "state"

    async def status(self) -> StatusReply:
        def ask() -> StatusReply:
            with Client(self._state) as client:
                return client.status()

        return await asyncio.to_thread(ask)

    async def archived(self) -> None:
        """Everything up to now."""
        last = (await self.status()).seq
        async with asyncio.timeout(PATIENCE_S):
            while (uplink := (await self.status()).uplink) is None or uplink.acked < last:
                await asyncio.sleep(0.05)


def jump(tmp_path: Path, port: int, trust: Trust) -> None:
    """Doors, chain and sync go on, and each jump is recorded. `port`: of a broker."""
    folder, archive = tmp_path / "house", tmp_path / "archive.db"
    folder.mkdir()
    house = House(folder, f'\n[broker]\nhost = "127.0.0.1"\nport = {port}\n')
    site = folder / "site.toml"
    site.write_text(site.read_text().replace('"always"', f'"{trust}"'))
    clock, asked = WallClock(tmp_path), Asked(house)
    trusted = SystemClock(trust).trusted()

    async def jumped(edge: EdgeProcess, times: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (await jumps(asked)) < times:
                await asyncio.sleep(0.05)
        await edge.badge_opens()
        await asked.archived()

    async def run() -> None:
        async with (
            running_central(archive, port),
            house.line(),
            running_process(house, plant=clock.plant) as edge,
        ):
            for number, (days, _) in enumerate(STEPS, start=1):
                clock.set(days)
                await jumped(edge, number)
                async with asyncio.timeout(PATIENCE_S):
                    while trusted and days > 0 and len(segments(house)) < 2:
                        await asyncio.sleep(0.05)
            assert await edge.stop() == 0
            assert "Traceback" not in edge.said

    asyncio.run(run())
    report = verify_folder(folder / "state" / "journal")
    assert report.sound
    assert differences(folder / "state" / "journal", archive) == []
    judged = [one for one in entries(house, ev.ClockJudged) if one.stepped_ms]
    for one, (_, days) in zip(judged, STEPS, strict=True):
        assert abs(one.stepped_ms - days * DAY_MS) < TOLERANCE_MS
    assert {one.trusted for one in judged} == {trusted}, "a jump is no reason to believe it more"
    sealed = len(segments(house)) - 1
    assert sealed == (1 if trusted else 0), "a clock that nobody vouches for seals nothing"
    assert len(entries(house, ev.DecisionMade)) == len(STEPS)


def segments(house: House) -> list[Path]:
    return list((house.folder / "state" / "journal").glob("segment-*.db"))


async def jumps(asked: Asked) -> int:
    """How many the edge has recorded."""

    def count() -> int:
        with Client(asked._state) as client:
            return sum(
                body.stepped_ms != 0
                for one in client.entries(1)
                if isinstance(body := decode_body(decode_entry(one.entry.encode())), ev.ClockJudged)
            )

    return await asyncio.to_thread(count)
