"""The edge as a process: killed, stopped, without room, among strangers. Doors first."""

import asyncio
import os
import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller import events as ev
from edge.assembly import SENT_WITHIN_S
from edge.journal import Journal, verify_folder
from edge.journal.folder import SEGMENT
from policies.codes import Code
from simulators.broker_process import BrokerProcess
from simulators.osdp_line import ReaderLine
from tests.central.rig import CentralProcess
from tests.edge.house import ADA, FIRE_LOOP, FRONT, VAULT, House
from tests.edge.journal.tmpfs import Tmpfs
from tests.edge.process import (
    FRONT_STRUCK,
    VAULT_SECURED,
    VAULT_STRUCK,
    EdgeProcess,
    SmallFiles,
    entries,
    freed,
    opens,
    running_process,
    stored,
    told,
)
from tests.servers import make_broker, skip_or_fail

CONFIGURATION = 78


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def with_line(house: House, scene: Callable[[ReaderLine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line() as line:
            await scene(line)

    asyncio.run(run())


def sound(house: House) -> bool:
    return verify_folder(house.folder / "state" / "journal").sound


# --- who may start ------------------------------------------------------------------------------


def test_a_second_daemon_is_refused_and_the_first_goes_on(house: House) -> None:
    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as first:
            second = await EdgeProcess.start(house, check=False)
            assert await second.ended() == 1
            assert f"another daemon (pid {first.pid})" in second.said
            assert "remedy: " in second.said
            assert "Traceback" not in second.said
            await first.badge_opens()
            assert await first.stop() == 0
            assert sound(house)

    with_line(house, scene)


def test_the_group_of_a_new_state_folder_reaches_sockets_and_reports_and_nothing_else(
    house: House,
) -> None:
    state = house.folder / "state"
    shutil.rmtree(state)

    async def scene(_: ReaderLine) -> None:
        before = os.umask(0o022)
        async with running_process(house) as edge:
            os.umask(before)
            assert state.stat().st_mode & 0o777 == 0o750
            for path in state.iterdir():
                sockets = {"control.sock", "pages.sock"}
                reached = path.name in sockets or path.name.startswith("views.db")
                assert bool(path.stat().st_mode & 0o070) is reached, path
                assert path.stat().st_mode & 0o007 == 0
            assert await edge.stop() == 0

    with_line(house, scene)


def _random_file(folder: Path) -> None:
    (folder / SEGMENT).write_bytes(os.urandom(20_000))


def _other_site(folder: Path) -> None:
    Journal.open(folder, site="elsewhere", edge="gate", entropy=os.urandom, utc_us=0).close()


@pytest.mark.parametrize(
    ("foreign", "remedy"),
    [
        (_random_file, "move it away, or name another state folder"),
        (_other_site, "name that edge's state folder"),
    ],
)
def test_a_journal_that_is_not_ours_is_refused_and_left_alone(
    house: House, foreign: Callable[[Path], None], remedy: str
) -> None:
    folder = house.folder / "state" / "journal"
    folder.mkdir(mode=0o700)
    foreign(folder)
    before = (folder / SEGMENT).read_bytes()

    async def scene(_: ReaderLine) -> None:
        house.badge("front-in", ADA)
        edge = await EdgeProcess.start(house, check=False)
        assert await edge.ended() == 1
        assert f"remedy: {remedy}" in edge.said
        assert "Traceback" not in edge.said
        assert house.strikes == []
        assert told(house) == [], "no device was told anything"

    with_line(house, scene)
    assert (folder / SEGMENT).read_bytes() == before


def test_ten_mistakes_are_ten_lines_with_their_place(house: House) -> None:
    file = house.folder / "site.toml"
    text = file.read_text()
    for good, bad in [
        ('edge = "gate"', 'edge = "7gate"'),
        ('trust-clock = "always"', 'trust-clock = "allways"'),
        ("keypad = true", "keybad = true"),
        ("address = 2\n", 'address = "two"\n'),
        ('contact = { device = "board", input = 0 }', 'contact = { device = "bored", input = 0 }'),
        ('rex = { device = "board", input = 1 }', 'rex = { device = "board", input = 9 }'),
        ("output = 1 }", "output = 0 }"),
        ('exit-reader = "vault-out"', ""),
        ("[fire.panel]", "[fire.pannel]"),
    ]:
        assert text.count(good) == 1, good
        text = text.replace(good, bad)
    file.write_text(text)

    async def scene(_: ReaderLine) -> None:
        edge = await EdgeProcess.start(house, check=False)
        assert await edge.ended() == CONFIGURATION
        places = [line for line in edge.lines if line.startswith(f"{file}:")]
        for word in (
            *("must start with a letter", "allways", "keybad", "vault-in.address", "bored"),
            *("4 inputs", "already used", "asks for an exit reader", "pannel"),
        ):
            assert any(word in line for line in places), (word, edge.said)
        for line in places:
            row, column, *_ = line.removeprefix(f"{file}:").split(":")
            assert int(row) >= 1
            assert int(column) >= 1
        assert len({tuple(line.split(":")[1:3]) for line in places}) >= 10
        assert "did you mean 'always'" in edge.said
        assert "did you mean 'keypad'" in edge.said
        assert "mistakes" in edge.said
        assert not (house.folder / "state" / "journal").exists(), "nothing was opened"

    with_line(house, scene)


@pytest.mark.parametrize("name", ["site.key", "front-in.key"])
def test_a_key_that_others_may_read_is_refused(house: House, name: str) -> None:
    (house.folder / name).chmod(0o644)

    async def scene(_: ReaderLine) -> None:
        edge = await EdgeProcess.start(house, check=False)
        assert await edge.ended() == CONFIGURATION
        assert f"chmod 600 {house.folder / name}" in edge.said
        assert (house.folder / name).read_bytes().hex() not in edge.said
        assert (house.folder / name).read_bytes()[:32].decode(errors="replace") not in edge.said

    with_line(house, scene)


def test_its_memory_with_the_keys_leaves_the_process_in_no_core_file(house: House) -> None:
    plant = (
        "import resource\n"
        "_, most = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (most, most))\n"
        "import edge.commands.check as check\n"
        "honest = check.loaded\n"
        "def loaded(config):\n"
        "    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), 'before the keys'\n"
        "    import ctypes\n"
        "    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0, 'PR_GET_DUMPABLE'\n"
        "    return honest(config)\n"
        "check.loaded = loaded"
    )

    async def scene(_: ReaderLine) -> None:
        async with running_process(house, plant=plant) as edge:
            limits = Path(f"/proc/{edge.pid}/limits").read_text().splitlines()
            (core,) = [line for line in limits if line.startswith("Max core file size")]
            assert core.split()[4:6] == ["0", "0"]
            # What cannot be dumped belongs to root, whoever runs it: nobody else may trace it.
            assert Path(f"/proc/{edge.pid}/mem").stat().st_uid == 0
            assert "memory stays readable" not in edge.said
            assert await edge.stop() == 0

    with_line(house, scene)


def test_a_badge_that_nobody_knows_is_refused_and_recorded_without_its_number(
    house: House,
) -> None:
    stranger = b"\x5a\x5a\x5a\x40"

    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            house.badge("front-in", stranger)
            await edge.badge_opens()
            assert told(house).count(FRONT_STRUCK) == 1
            assert await edge.stop() == 0
            assert stranger.hex() not in edge.said
        first, _second = entries(house, ev.DecisionMade)
        assert first.decision.code is Code.UNKNOWN_CREDENTIAL
        assert all(stranger.hex().encode() not in one.entry for one in stored(house))

    with_line(house, scene)


# --- how it ends --------------------------------------------------------------------------------


def test_sigterm_secures_writes_down_and_the_next_start_builds_on_it(house: House) -> None:
    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            await edge.badge_opens()
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert await edge.stop(5.0) == 0
            assert loop.time() - began < 5.0
            assert house.board.outputs == (False, True), "the strike rests, the magnet holds"
            assert VAULT_SECURED in told(house)
        assert entries(house, ev.EdgeStopping)
        _damage_an_old_entry(house.folder / "state" / "journal")
        async with running_process(house) as again:
            # Whoever reads the entries from the first on is stopped by the damaged one.
            await again.badge_opens()
            assert await again.stop() == 0

    with_line(house, scene)


def _damage_an_old_entry(folder: Path) -> None:
    with closing(sqlite3.connect(folder / SEGMENT)) as connection:
        (newest,) = connection.execute("SELECT max(seq) FROM entry").fetchone()
        (kept,) = connection.execute("SELECT max(seq) FROM snapshot").fetchone()
        assert kept == newest, "the snapshot stands on the last entry"
        connection.execute("UPDATE entry SET entry = x'7b7d' WHERE seq = 2")
        connection.commit()


def test_a_bug_in_a_driver_ends_the_process_and_says_so(house: House) -> None:
    plant = (
        "from drivers.osdp.bus import Bus\n"
        "def receive(self, data, now_ns): raise ZeroDivisionError('planted')\n"
        "Bus.receive = receive"
    )

    async def scene(_: ReaderLine) -> None:
        edge = await EdgeProcess.start(house, plant=plant, check=False)
        assert await edge.ended() == 1
        (line,) = [line for line in edge.log if line["level"] == "critical"]
        assert line["message"] == "the edge ends: ZeroDivisionError: planted"
        assert "Traceback" in line["trace"]
        assert "error: the edge ended: ZeroDivisionError: planted" in edge.said
        assert "remedy: " in edge.said
        assert house.strikes == []

    with_line(house, scene)
    assert sound(house)


def test_a_driver_that_ends_by_itself_ends_the_process(house: House) -> None:
    plant = (
        "from drivers.osdp.driver import OsdpDriver\n"
        "async def run(self, report, stands): pass\n"
        "OsdpDriver.run = run"
    )

    async def scene(_: ReaderLine) -> None:
        edge = await EdgeProcess.start(house, plant=plant, check=False)
        assert await edge.ended() == 1
        assert "line north ended, though nobody had asked it to" in edge.said

    with_line(house, scene)


def test_killed_in_a_fire_the_next_start_locks_nothing_that_the_fire_released(
    house: House,
) -> None:
    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            house.board.set_input(FIRE_LOOP, False)
            await freed(house)
            await asyncio.sleep(0.2)  # its entry is written by now
            await edge.kill()
        house.board.set_input(FIRE_LOOP, True)  # quiet again, and nobody has reset it
        async with running_process(house) as again:
            await asyncio.sleep(0.5)
            assert VAULT_SECURED not in told(house), "a restart locked what a fire had released"
            assert (VAULT, 1) in told(house), "the release was said again"
            assert house.board.outputs[VAULT] is False
            assert await again.stop() == 0
            assert house.board.outputs[VAULT] is False, "nor does a stop lock it"
        assert len(entries(house, ev.FireLatched)) == 1
        assert entries(house, ev.FireReset) == []
        assert sound(house)

    with_line(house, scene)


def test_killed_while_badges_flow_every_strike_has_its_decision(house: House, seed: int) -> None:
    chance = random.Random(seed)
    strikes = 0

    async def scene(_: ReaderLine) -> None:
        nonlocal strikes
        for _ in range(5):
            async with running_process(house) as edge:
                pump = asyncio.create_task(_badges(house))
                await edge.badge_opens()
                await asyncio.sleep(chance.uniform(0.05, 0.5))
                await edge.kill()
                pump.cancel()
            strikes += told(house).count(FRONT_STRUCK)
            granted = [
                one
                for one in entries(house, ev.DecisionMade)
                if one.decision.granted and one.portal == "front"
            ]
            assert strikes <= len(granted), "a strike without a decision on disk"
            assert sound(house)

    with_line(house, scene)
    assert strikes >= 5


def test_killed_at_the_moment_of_a_strike_its_decision_is_on_disk(house: House) -> None:
    """A disk that takes its time shows whoever does not wait for it."""
    plant = (
        "import time\n"
        "from edge.journal.store import Journal\n"
        "honest = Journal.commit\n"
        "def commit(self, batch): time.sleep(0.15); honest(self, batch)\n"
        "Journal.commit = commit"
    )

    async def scene(_: ReaderLine) -> None:
        async with running_process(house, plant=plant) as edge:
            await edge.badge_opens()
            await edge.kill()
        (decision,) = entries(house, ev.DecisionMade)
        assert decision.decision.granted
        assert sound(house)

    with_line(house, scene)


async def _badges(house: House) -> None:
    while True:
        house.readers["front-in"].present_card(26, ADA)
        await asyncio.sleep(0.03)


# --- no room ------------------------------------------------------------------------------------


class SmallDisk:
    """A file system of two megabytes, and a file that fills it."""

    def __init__(self, folder: Path) -> None:
        self._disk = Tmpfs(folder)
        if not self._disk.mounted:
            skip_or_fail("only root may mount a small disk")

    def fill(self, _: EdgeProcess) -> None:
        self._disk.fill()

    def free(self, _: EdgeProcess) -> None:
        self._disk.empty()

    def close(self) -> None:
        self._disk.unmount()


@pytest.fixture(params=[SmallDisk, SmallFiles])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk | SmallFiles]:
    made = request.param(tmp_path)
    yield made
    made.close()


def test_without_room_nobody_enters_everybody_leaves_and_nothing_is_lost(
    room: SmallDisk | SmallFiles, tmp_path: Path
) -> None:
    house = House(tmp_path)

    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            await edge.badge_opens()
            room.fill(edge)
            for _ in range(4):
                house.badge("front-in", ADA)
                await asyncio.sleep(0.15)
            await edge.until_said("the journal cannot be written")
            assert len(house.opened_at(FRONT)) == 1, "no entry without its entry on disk"
            await opens(house, VAULT_STRUCK, "vault-out")
            room.free(edge)
            await edge.until_said("the journal is written again; 0 entries were lost")
            await edge.badge_opens()
            room.fill(edge)
            house.board.set_input(FIRE_LOOP, False)
            await freed(house)
            await edge.until_said("the journal cannot be written", times=2)
            room.free(edge)
            assert await edge.stop() == 0
            assert house.board.outputs[VAULT] is False
        decisions = entries(house, ev.DecisionMade)
        assert [one.reader for one in decisions] == ["front-in"] * 5 + ["vault-out", "front-in"]
        assert decisions[0].decision.granted
        assert decisions[-1].decision.granted
        assert len(entries(house, ev.JournalLost)) == 2
        assert len(entries(house, ev.FireLatched)) == 1, "kept in memory, and written by the stop"
        assert entries(house, ev.EntryDropped) == []
        assert sound(house)

    with_line(house, scene)


# --- nobody reads ---------------------------------------------------------------------------------


TALKS = (
    "import logging\n"
    "from edge.daemon import Daemon\n"
    "honest = Daemon.hear\n"
    "def hear(self, fact):\n"
    "    for _ in range(2_000): logging.getLogger('flood').warning('x' * 200)\n"
    "    honest(self, fact)\n"
    "Daemon.hear = hear"
)


@pytest.mark.parametrize("read_later", [True, False])
def test_with_standard_error_blocked_a_fire_frees_the_way_out_and_a_stop_is_one(
    house: House, read_later: bool
) -> None:
    async def scene(_: ReaderLine) -> None:
        edge = await EdgeProcess.start(house, plant=TALKS, check=False)
        edge._reading.cancel()
        try:
            await edge.ready()
            await asyncio.sleep(0.5)
            house.board.set_input(FIRE_LOOP, False)
            await freed(house, within_s=1.0)
            if read_later:
                edge._reading = asyncio.create_task(edge._read())
                await edge.until_said("lines were dropped here")
            edge.process.terminate()
            async with asyncio.timeout(6):
                # `wait` would wait for the pipe's end as well, which nobody reads.
                while edge.process.returncode is None:
                    await asyncio.sleep(0.02)
            assert edge.process.returncode == 0
        finally:
            if edge.process.returncode is None:
                edge.process.kill()
            edge.process._transport.close()

    with_line(house, scene)
    assert sound(house)


GAVE_UP = "stopping before the archive has the last entries"

# --- strangers ----------------------------------------------------------------------------------


def test_a_broker_that_is_not_there_is_named_with_its_remedy_and_doors_work(
    tmp_path: Path, silent_port: int
) -> None:
    house = House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {silent_port}\n')

    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            await edge.until_said("start the broker there, or correct its host")
            await edge.badge_opens()
            assert await edge.stop() == 0
            assert GAVE_UP not in edge.said, "nobody waits for an archive that is not there"

    with_line(house, scene)


def test_a_broker_that_wants_a_password_is_named_with_its_remedy_and_doors_work(
    tmp_path: Path,
) -> None:
    with make_broker("mosquitto", extra=("allow_anonymous false",)) as broker:
        house = House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n')

        async def scene(_: ReaderLine) -> None:
            async with running_process(house) as edge:
                await edge.until_said("check user name, password or certificate")
                await edge.badge_opens()
                assert await edge.stop() == 0
                assert GAVE_UP not in edge.said

        with_line(house, scene)


def test_a_stop_waits_until_the_archive_has_the_last_entry(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    house = House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n')
    path = tmp_path / "archive.db"
    central = CentralProcess(mosquitto.port, path)

    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            await edge.badge_opens()
            async with asyncio.timeout(10):
                while not _archived(path):
                    await asyncio.sleep(0.05)
            await edge.badge_opens()
            assert await edge.stop() == 0
        assert _archived(path) == len(stored(house)), "all is there when the edge has ended"

    try:
        with_line(house, scene)
    finally:
        central.stop()


def _archived(path: Path) -> int:
    """How many entries the archive has stored."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        try:
            (count,) = connection.execute("SELECT count(*) FROM entry").fetchone()
        except sqlite3.OperationalError:  # it is being made
            return 0
    return int(count)


def test_a_stop_does_not_wait_for_long_for_an_archive_that_says_nothing(
    tmp_path: Path, embedded_broker: BrokerProcess
) -> None:
    house = House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {embedded_broker.port}\n')

    async def scene(_: ReaderLine) -> None:
        async with running_process(house) as edge:
            await edge.badge_opens()
            await edge.until_said("LinkUp")
            assert await edge.stop() == 0
            assert GAVE_UP in edge.said
            assert SENT_WITHIN_S <= 2.0

    with_line(house, scene)


class WrongParity(ReaderLine):
    """With `parity` the readers send seven bits and even parity, as a misconfigured converter."""

    parity = False

    def _disturbed(self, reply: bytes) -> bytes:
        if not self.parity:
            return reply
        seven = (byte & 0x7F for byte in reply)
        return bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in seven)


async def _wrong_parity(line: WrongParity) -> None:
    line.parity = True
    await asyncio.sleep(1.8)  # longer, and the fire input's device counts as gone: that is fire
    line.parity = False


async def _garbage(line: WrongParity) -> None:
    """What a cable next to a motor says, and frames' first bytes among it."""
    for _ in range(300):
        try:
            os.write(line._master, random.Random(_).randbytes(40) + b"\xff\x53\x81")
        except BlockingIOError:
            pass
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("trouble", [_wrong_parity, _garbage])
def test_noise_on_the_line_opens_nothing_and_the_readers_return(
    house: House, trouble: Callable[[WrongParity], Awaitable[None]]
) -> None:
    async def run() -> None:
        async with WrongParity(house.folder / "north", list(house.readers.values())) as line:
            async with running_process(house) as edge:
                await trouble(line)
                assert house.opened_at(FRONT) == []
                async with asyncio.timeout(10):
                    while not house.opened_at(FRONT):
                        house.readers["front-in"].present_card(26, ADA)
                        await asyncio.sleep(0.5)
                assert await edge.stop() == 0
            assert sound(house)

    asyncio.run(run())
