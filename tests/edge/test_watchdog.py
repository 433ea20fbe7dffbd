"""The watchdog is fed while loop, journal and every line get on, and by nothing less."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from edge import watchdog
from edge.journal import JournalWriter
from edge.service_manager import ServiceManager, service_manager
from edge.watchdog import JOURNAL_STANDS_S_MAX, LINE_STANDS_S_MAX, Standstill, extend_start
from tests.edge.house import ADA, FIRE_LOOP, FRONT, House
from tests.edge.manager import Manager, managing
from tests.edge.process import (
    VAULT_STRUCK,
    EdgeProcess,
    SmallFiles,
    freed,
    opens,
    running_process,
)

WATCHDOG_S = 0.9
"""Fed every 0.3 s; a test that waits for it to go hungry waits longer than a busy machine takes."""
HUNGRY_S = 4 * WATCHDOG_S

Scene = Callable[[EdgeProcess, Manager], Awaitable[None]]

SHORT = "import edge.watchdog as watchdog\nwatchdog.JOURNAL_STANDS_S_MAX = 1.0\n"

BLOCKED_LOOP = (
    "import time\n"
    "from drivers.api import CardRead\n"
    "from edge.daemon import Daemon\n"
    "honest = Daemon.hear\n"
    "def hear(self, fact):\n"
    "    if isinstance(fact, CardRead): time.sleep(1_000)\n"
    "    honest(self, fact)\n"
    "Daemon.hear = hear"
)

HANGS = "import threading\nhang = threading.Event()\n"

STUCK_WRITER = (
    SHORT + HANGS + "from edge.journal.store import Journal\n"
    "honest = Journal.commit\n"
    "def commit(self, batch):\n"
    "    if b'decision-made' in repr(batch).encode(): hang.wait()\n"
    "    honest(self, batch)\n"
    "Journal.commit = commit"
)

DEAD_WRITER = (
    "from edge.journal.store import Journal\n"
    "honest = Journal.commit\n"
    "def commit(self, batch):\n"
    "    if b'decision-made' in repr(batch).encode(): raise ZeroDivisionError\n"
    "    honest(self, batch)\n"
    "Journal.commit = commit"
)

HUNG_DRIVER = (
    "import asyncio\n"
    "from drivers.api import CardRead\n"
    "from drivers.osdp.driver import OsdpDriver\n"
    "honest = OsdpDriver._rest\n"
    "read = []\n"
    "async def rest(self, loop):\n"
    "    if read: await asyncio.Event().wait()\n"
    "    await honest(self, loop)\n"
    "OsdpDriver._rest = rest\n"
    "from edge.daemon import Daemon\n"
    "hear_honestly = Daemon.hear\n"
    "def hear(self, fact):\n"
    "    if isinstance(fact, CardRead): read.append(fact)\n"
    "    hear_honestly(self, fact)\n"
    "Daemon.hear = hear"
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def watched(house: House, scene: Scene, *, plant: str = "", abstract: bool = False) -> None:
    """A scene with a running edge whose service manager is the test."""

    async def run() -> None:
        with managing(house.folder, abstract=abstract) as manager:
            manager.listen()
            async with house.line():
                environment = manager.environment(WATCHDOG_S)
                async with running_process(house, plant=plant, environment=environment) as edge:
                    await manager.until_told("STATUS=cards are accepted")
                    await scene(edge, manager)

    asyncio.run(run())


@pytest.mark.parametrize("abstract", [False, True])
def test_a_healthy_edge_feeds_it_and_says_how_it_is(house: House, abstract: bool) -> None:
    async def scene(edge: EdgeProcess, manager: Manager) -> None:
        assert manager.told[0].startswith("EXTEND_TIMEOUT_USEC=")
        assert manager.told.count("READY=1") == 1
        began = len(manager.feeds)
        await manager.until_fed(6)
        gaps = sorted(after - before for before, after in pairwise(manager.feeds[began:]))
        assert gaps[len(gaps) // 2] < WATCHDOG_S / 2, "a third, as a rule"
        house.board.set_input(FIRE_LOOP, False)
        await manager.until_told("STATUS=FIRE: panel; cards are accepted")
        assert await edge.stop() == 0
        await manager.until_told("STOPPING=1")
        assert "the watchdog is not fed" not in edge.said

    watched(house, scene, abstract=abstract)


def test_a_blocked_loop_starves_it_and_the_abort_shows_where(house: House) -> None:
    async def scene(edge: EdgeProcess, manager: Manager) -> None:
        house.badge("front-in", ADA)
        await manager.until_hungry(HUNGRY_S)
        edge.process.send_signal(signal.SIGABRT)
        assert await edge.ended() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in edge.said
        assert "in hear" in edge.said

    watched(house, scene, plant=BLOCKED_LOOP)


def test_a_writer_that_gives_no_answer_starves_it_and_ways_out_work_until_the_end(
    house: House,
) -> None:
    async def scene(edge: EdgeProcess, manager: Manager) -> None:
        house.badge("front-in", ADA)
        await edge.until_said("no answer from the disk within 1 s")
        await manager.until_told("STATUS=the journal's thread has not answered for")
        await manager.until_hungry(HUNGRY_S)
        assert "the watchdog is not fed: the journal's thread has not answered for" in edge.said
        assert house.opened_at(FRONT) == []
        await opens(house, VAULT_STRUCK, "vault-out")

    watched(house, scene, plant=STUCK_WRITER)


def test_in_a_fire_it_is_fed_whatever_the_writer_does(house: House) -> None:
    async def scene(edge: EdgeProcess, manager: Manager) -> None:
        house.badge("front-in", ADA)
        await manager.until_told("STATUS=the journal's thread has not answered for")
        house.board.set_input(FIRE_LOOP, False)
        await freed(house)
        await manager.until_fed(6)
        assert "the watchdog is fed again" in edge.said
        assert manager.status.startswith("FIRE: panel; the journal cannot be written")

    watched(house, scene, plant=STUCK_WRITER)


def test_a_writer_whose_thread_died_starves_it(house: House) -> None:
    async def scene(_: EdgeProcess, manager: Manager) -> None:
        house.badge("front-in", ADA)
        await manager.until_told("STATUS=the journal's thread has ended")
        await manager.until_hungry(HUNGRY_S)

    watched(house, scene, plant=DEAD_WRITER)


def test_a_driver_that_hangs_starves_it(house: House) -> None:
    async def scene(edge: EdgeProcess, manager: Manager) -> None:
        house.badge("front-in", ADA)
        await manager.until_told("STATUS=line north has not come round for")
        await manager.until_hungry(HUNGRY_S)
        assert "the watchdog is not fed: line north has not come round for" in edge.said

    watched(house, scene, plant=HUNG_DRIVER)


def test_a_line_that_is_unplugged_is_no_reason(house: House) -> None:
    async def run() -> None:
        with managing(house.folder) as manager:
            manager.listen()
            environment = manager.environment(WATCHDOG_S)
            async with running_process(house, check=False, environment=environment) as edge:
                await edge.until_said("no such port")
                await manager.until_told("READY=1")
                loop = asyncio.get_running_loop()
                end = loop.time() + LINE_STANDS_S_MAX + HUNGRY_S
                while loop.time() < end:
                    await manager.until_fed(1, within_s=HUNGRY_S)
                assert "the watchdog is not fed" not in edge.said

    asyncio.run(run())


def test_a_journal_without_room_is_no_reason(house: House) -> None:
    """For longer than a journal that gives no answer is waited for."""
    room = SmallFiles(house.folder)

    async def scene(edge: EdgeProcess, manager: Manager) -> None:
        room.fill(edge)
        house.badge("front-in", ADA)
        await edge.until_said("the journal cannot be written")
        await manager.until_told("STATUS=the journal cannot be written: nobody enters")
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.0 + HUNGRY_S
        while loop.time() < end:
            await manager.until_fed(1, within_s=HUNGRY_S)
        await opens(house, VAULT_STRUCK, "vault-out")
        assert "the watchdog is not fed" not in edge.said
        room.free(edge)
        assert await edge.stop() == 0

    watched(house, scene, plant=SHORT)


def test_without_anybody_to_tell_nothing_is_told(house: House) -> None:
    assert service_manager({}, 7) is None
    assert service_manager({"NOTIFY_SOCKET": ""}, 7) is None
    assert service_manager({"NOTIFY_SOCKET": "vsock:2:1"}, 7) is None

    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            await edge.badge_opens()
            assert await edge.stop() == 0
            assert "service manager" not in edge.said

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "\N{SUPERSCRIPT TWO}"}, None),
        ({}, None),
    ],
)
def test_who_is_watched_and_how_often(said: dict[str, str], watchdog_s: float | None) -> None:
    manager = service_manager({"NOTIFY_SOCKET": "/run/systemd/notify", **said}, 7)
    assert manager is not None
    assert manager.watchdog_s == watchdog_s


@pytest.mark.parametrize("address", ["/nowhere/at/all", "/" + 200 * "x"])
def test_a_service_manager_that_is_gone_is_said_once_and_harms_nobody(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ServiceManager(address, None)
    for _ in range(3):
        manager.tell("STATUS=here")
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the service manager does not hear us"
    ]


def test_nothing_waits_for_a_service_manager_that_does_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with managing(tmp_path) as manager:
        ours = ServiceManager(manager.address, None)
        for _ in range(10_000):
            ours.tell("STATUS=" + 1_000 * "x")
    assert len(caplog.records) == 1


def test_a_standstill_counts_from_the_last_time_that_there_was_nothing_to_do() -> None:
    stands = Standstill()
    assert stands.seconds(5, 100.0) == 0
    assert stands.seconds(5, 103.0) == 3
    assert stands.seconds(6, 104.0) == 0
    assert stands.seconds(6, 164.0, idle=True) == 0
    assert stands.seconds(6, 170.0) == 6


def test_no_disk_that_still_answers_takes_as_long_as_the_journal_may() -> None:
    assert JOURNAL_STANDS_S_MAX >= 2 * 30, "Linux waits 30 s for a disk's command"


def test_a_long_start_is_given_time_while_its_journal_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "EXTEND_LOOK_S", 0.02)

    async def run() -> None:
        with managing(tmp_path) as manager:
            manager.listen()
            writer = await JournalWriter.open(
                tmp_path / "j", site="vienna", edge="north", entropy=bytes, utc_us=0
            )
            asking = asyncio.create_task(
                extend_start(ServiceManager(manager.address, None), writer)
            )
            for times in (1, 2, 3):
                await writer.read(1, 1, 1)
                async with asyncio.timeout(5):
                    while manager.told.count("EXTEND_TIMEOUT_USEC=30000000") < times:
                        await asyncio.sleep(0.01)
            busy = threading.Event()
            held = asyncio.ensure_future(writer._call(lambda _: busy.wait(10)))
            await asyncio.sleep(0.05)
            told = len(manager.told)
            await asyncio.sleep(0.5)
            assert len(manager.told) == told, "a journal that hangs is given no time"
            busy.set()
            await held
            await manager.until_told("EXTEND_TIMEOUT_USEC")
            asking.cancel()
            await writer.close()

    asyncio.run(run())
