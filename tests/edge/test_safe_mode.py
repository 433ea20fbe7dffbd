"""Three unclean ends within ten minutes: what doors need goes on, by what is known to serve."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from controller import events as ev
from edge import assembly, kept
from edge.assembly import LATE_S_MAX
from edge.clock import BootTime, boot_time
from edge.commands.status import lines
from edge.config import load_config
from edge.control.client import Client
from edge.control.messages import StatusReply
from edge.kept import keep, kept_instead
from edge.safe_mode import RUNS, SERVED_S, UNCLEAN_ENDS, WITHIN_S, Run, note_service
from simulators.osdp_line import ReaderLine
from simulators.virtual.loop import run as run_virtually
from tests.edge.house import ADA, FIRE_LOOP, FRONT, House
from tests.edge.journal.tmpfs import Tmpfs
from tests.edge.process import (
    VAULT_STRUCK,
    EdgeProcess,
    entries,
    freed,
    opens,
    running_process,
)
from tests.servers import skip_or_fail

PROMPT = "import edge.assembly as assembly\nassembly.LATE_S_MAX = 0\n"
"""No test waits for the broker's sake."""

SERVES_AT_ONCE = "import edge.safe_mode as safe_mode\nsafe_mode.SERVED_S = 0.3\n"

POISONED_UPLINK = (
    PROMPT + "from edge.uplink import Uplink\n"
    "async def run(self): raise ZeroDivisionError('what the archive said')\n"
    "Uplink.run = run"
)

POISONED_POLICY = (
    "from controller.inputs import BadgeRead\n"
    "from controller.site import Site\n"
    "honest = Site.step\n"
    "def step(self, fact, moment):\n"
    "    if self.policy.version == 2 and isinstance(fact, BadgeRead):\n"
    "        raise ZeroDivisionError('what the policy said')\n"
    "    return honest(self, fact, moment)\n"
    "Site.step = step"
)

NO_BROKER_THERE = "start the broker there"


class Machine:
    """Its clock since the start, and its starts."""

    def __init__(self) -> None:
        self.boot, self.at_s = "first", 10_000.0

    def __call__(self) -> BootTime:
        return BootTime(self.boot, self.at_s)

    def restart(self, at_s: float = 20.0) -> None:
        self.boot, self.at_s = f"not {self.boot}", at_s


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def run_that_dies(state: Path, machine: Machine, after_s: float = 60.0) -> Run:
    run = Run(state, machine)
    run.begin()
    machine.at_s += after_s
    return run


# --- what is remembered -------------------------------------------------------------------------


def test_the_start_after_three_unclean_ends_is_in_safe_mode(
    tmp_path: Path, machine: Machine
) -> None:
    runs = [run_that_dies(tmp_path, machine) for _ in range(5)]
    assert [run.safe_mode for run in runs] == [False, False, False, True, True]
    assert [run.unclean for run in runs] == [False, True, True, True, True]
    assert (UNCLEAN_ENDS, WITHIN_S) == (3, 600.0)


@pytest.mark.parametrize(("apart_s", "safe_mode"), [(299.0, True), (301.0, False)])
def test_only_ends_within_ten_minutes_count(
    tmp_path: Path, machine: Machine, apart_s: float, safe_mode: bool
) -> None:
    runs = [run_that_dies(tmp_path, machine, apart_s) for _ in range(9)]
    assert [run.safe_mode for run in runs] == [False] * 3 + [safe_mode] * 6


def test_an_end_in_good_order_clears_them(tmp_path: Path, machine: Machine) -> None:
    for _ in range(3):
        last = run_that_dies(tmp_path, machine)
    assert Run(tmp_path, machine).safe_mode
    last.ended()
    assert not Run(tmp_path, machine).unclean


def test_ten_minutes_of_service_clear_them(tmp_path: Path, machine: Machine) -> None:
    for _ in range(3):
        run_that_dies(tmp_path, machine)
    run = Run(tmp_path, machine)
    run.begin()
    run.served()
    # It is the first of the next three.
    assert [run_that_dies(tmp_path, machine).safe_mode for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(("up_s", "safe_mode"), [(20.0, True), (599.0, True), (601.0, False)])
def test_time_without_power_is_not_counted(
    tmp_path: Path, machine: Machine, up_s: float, safe_mode: bool
) -> None:
    for _ in range(3):
        run_that_dies(tmp_path, machine, after_s=0)
        machine.restart()
    Run(tmp_path, machine).refused()
    machine.restart(up_s)
    assert Run(tmp_path, machine).safe_mode is safe_mode


def test_a_start_that_is_refused_is_no_end_and_mends_none(tmp_path: Path, machine: Machine) -> None:
    for _ in range(2):
        run_that_dies(tmp_path, machine)
    for _ in range(5):
        run = Run(tmp_path, machine)
        run.begin()
        run.refused()
    run = run_that_dies(tmp_path, machine)
    assert (run.safe_mode, run.unclean) == (False, True)
    assert Run(tmp_path, machine).safe_mode


def test_who_only_looks_changes_nothing(tmp_path: Path, machine: Machine) -> None:
    first = Run(tmp_path, machine)
    first.begin()
    before = (tmp_path / RUNS).read_bytes()
    for _ in range(5):
        Run(tmp_path, machine)
    assert (tmp_path / RUNS).read_bytes() == before
    assert (tmp_path / RUNS).stat().st_mode & 0o777 == 0o600
    first.ended()
    assert list(tmp_path.iterdir()) == []


def _a_folder(file: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [
        _a_folder,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(os.urandom(500)),
        lambda file: file.write_text('{"running": 3}'),
        lambda file: file.write_text('{"running": true, "ends": [["x"]]}'),
        lambda file: file.write_text("[" * 100_000),
        lambda file: file.symlink_to(file),
    ],
)
def test_what_cannot_be_read_is_no_memory(
    tmp_path: Path,
    machine: Machine,
    spoil: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    spoil(tmp_path / RUNS)
    run = Run(tmp_path, machine)
    assert not run.safe_mode
    assert "how earlier runs ended is not known" in caplog.text
    run.begin()
    run.served()
    run.ended()


def test_a_full_disk_keeps_what_was_there_and_lets_the_end_be_clean(
    tmp_path: Path, machine: Machine
) -> None:
    disk = Tmpfs(tmp_path)
    if not disk.mounted:
        skip_or_fail("only root may mount a small disk")
    try:
        run_that_dies(tmp_path, machine)
        run = Run(tmp_path, machine)
        disk.fill()
        before = (tmp_path / RUNS).read_bytes()
        run.begin()
        assert (tmp_path / RUNS).read_bytes() == before
        assert Run(tmp_path, machine).unclean
        run.ended()
        assert not Run(tmp_path, machine).unclean
    finally:
        disk.unmount()


def test_the_real_clock_knows_this_start_of_the_machine() -> None:
    first, second = boot_time(), boot_time()
    assert first.boot == second.boot != ""
    assert 0 < first.at_s <= second.at_s


# --- ten minutes --------------------------------------------------------------------------------


@pytest.mark.parametrize("safe_mode", [False, True])
def test_what_has_served_for_ten_minutes_is_kept_unless_in_safe_mode(
    tmp_path: Path, machine: Machine, safe_mode: bool
) -> None:
    for _ in range(3 * safe_mode):
        run_that_dies(tmp_path, machine)
    run = Run(tmp_path, machine)
    run.begin()
    noted: list[str] = []

    async def aside(action: Callable[[], None]) -> None:
        action()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        noting = asyncio.create_task(note_service(run, lambda: noted.append("kept"), aside))
        await asyncio.sleep(SERVED_S - 1)
        assert len(json.loads((tmp_path / RUNS).read_bytes())["ends"]) == 3 * safe_mode
        assert noted == []
        await noting
        assert loop.time() - began == SERVED_S == 600.0

    run_virtually(scene())
    assert json.loads((tmp_path / RUNS).read_bytes()) == {"running": True, "ends": []}
    assert noted == ([] if safe_mode else ["kept"])


def held_back(*, unclean: bool, safe_mode: bool, seed: int = 1) -> float:
    """When the uplink begins, in seconds from the edge's start, in virtual time."""
    outside = SimpleNamespace(jitter=Random(seed), unclean=unclean, safe_mode=safe_mode)
    began: list[float] = []

    async def uplink() -> None:
        began.append(asyncio.get_running_loop().time())

    run_virtually(assembly._later(assembly._held_back_s(outside), uplink))
    return began[0]


def test_after_an_unclean_end_each_edge_waits_another_time_for_the_broker() -> None:
    assert held_back(unclean=False, safe_mode=False) == 0
    waits = sorted(held_back(unclean=True, safe_mode=False, seed=seed) for seed in range(100))
    assert 0 <= waits[0] < LATE_S_MAX / 10
    assert LATE_S_MAX * 9 / 10 < waits[-1] <= LATE_S_MAX
    assert len(set(waits)) == 100
    late = [held_back(unclean=True, safe_mode=True, seed=seed) for seed in range(20)]
    assert min(late) >= SERVED_S
    assert max(late) <= SERVED_S + LATE_S_MAX
    assert len(set(late)) == 20, "nor do edges leave safe mode together"


# --- the copy -----------------------------------------------------------------------------------


def edit_policy(house: House) -> None:
    """The same policy, one version on."""
    file = house.folder / "policy.toml"
    file.write_text(file.read_text().replace("\nversion = 1\n", "\nversion = 2\n"))


def test_the_copy_is_what_was_read_and_not_what_lies_there_when_it_is_made(house: House) -> None:
    config = house.config()
    edit_policy(house)
    keep(config)
    assert (config.state / kept.KEPT).stat().st_mode & 0o777 == 0o600
    instead = kept_instead(house.config())
    assert instead is not None
    assert instead.kept
    assert (instead.policy.version, instead.policy.digest) == (1, config.policy.digest)
    assert instead.lines == config.lines
    assert instead.site_key == config.site_key
    assert not house.config().kept


def test_the_copy_stands_in_for_files_that_are_gone(house: House) -> None:
    config = house.config()
    keep(config)
    text = (house.folder / "site.toml").read_text()
    (house.folder / "policy.toml").rename(house.folder / "other.toml")
    (house.folder / "site.toml").write_text(text.replace("policy.toml", "other.toml"))
    instead = kept_instead(house.config())
    assert instead is not None
    assert instead.policy.digest == config.policy.digest


def test_calendar_files_are_policy_files_and_are_kept_with_them(house: House) -> None:
    """Listed beside the policy; another one is another policy."""
    feasts = house.folder / "feasts.ics"
    event = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:{}\nEND:VEVENT\n"
    feasts.write_text(f"BEGIN:VCALENDAR\n{event.format('20261225')}END:VCALENDAR\n")
    policy, site = house.folder / "policy.toml", house.folder / "site.toml"
    calendar = '[calendar.feasts]\nfile = "feasts.ics"\n'
    hours = '[schedule.s]\ndaily = ["08:00-18:00"]\nexcept = "feasts"\n'
    policy.write_text(policy.read_text() + calendar + hours)
    text = site.read_text()
    site.write_text(text.replace('["policy.toml"]', '["policy.toml", "feasts.ics"]'))
    config = house.config()
    keep(config)
    feasts.write_text(feasts.read_text().replace("20261225", "20261226"))
    instead = kept_instead(house.config())
    assert instead is not None
    assert instead.policy.digest == config.policy.digest != house.config().policy.digest
    assert instead.policy.schedules["s"] == config.policy.schedules["s"]


def test_keys_are_those_of_today(house: House) -> None:
    keep(house.config())
    edit_policy(house)
    (house.folder / "front-in.key").write_text(bytes(range(16)).hex())
    instead, present = kept_instead(house.config()), house.config()
    assert instead is not None
    assert instead.lines == present.lines


def test_no_copy_no_difference_no_change(house: House) -> None:
    assert kept_instead(house.config()) is None
    keep(house.config())
    assert kept_instead(house.config()) is None


def _change(house: House, old: str, new: str) -> None:
    file = house.config().state / kept.KEPT
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda house: (house.config().state / kept.KEPT).write_bytes(b"{"), "cannot be read"),
        (lambda house: _change(house, "zones", "zoness"), "cannot be loaded"),
        (lambda house: _change(house, '\\"house\\"', '\\"other\\"'), "not of this edge"),
        (lambda house: _change(house, '\\"gate\\"', '\\"back\\"'), "not of this edge"),
        (lambda house: _change(house, '\\"state\\"', '\\"elsewhere\\"'), "not of this edge"),
        (lambda house: (house.config().state / kept.KEPT).chmod(0o640), "not believed"),
    ],
)
def test_a_copy_that_cannot_be_used_is_left_and_the_present_files_are_taken(
    house: House,
    spoil: Callable[[House], None],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keep(house.config())
    edit_policy(house)
    spoil(house)
    assert kept_instead(house.config()) is None
    assert said in caplog.text


def test_the_copy_is_written_only_when_something_else_is_kept(house: House) -> None:
    keep(house.config())
    file = house.config().state / kept.KEPT
    first = file.stat().st_ino
    keep(house.config())
    assert file.stat().st_ino == first
    edit_policy(house)
    keep(house.config())
    assert file.stat().st_ino != first
    assert load_config(house.folder / "site.toml").sources[
        house.folder / "policy.toml"
    ].decode() in (json.loads(file.read_bytes())["files"].values())


def test_a_copy_that_cannot_be_made_harms_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    config = house.config()
    (config.state / "kept.new").mkdir()
    with caplog.at_level(logging.WARNING):
        keep(config)
    assert "are not kept" in caplog.text


# --- real processes -----------------------------------------------------------------------------


@pytest.fixture
def lonely(tmp_path: Path, silent_port: int) -> House:
    """A house whose broker is gone."""
    return House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {silent_port}\n')


def with_line(house: House, scene: Callable[[ReaderLine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line() as line:
            await scene(line)

    asyncio.run(run())


async def status_of(house: House) -> StatusReply:
    def ask() -> StatusReply:
        with Client(house.folder / "state") as client:
            return client.status()

    return await asyncio.to_thread(ask)


async def dies(house: House, *, plant: str = "") -> None:
    """One run, killed as soon as it serves."""
    async with running_process(house, plant=plant) as edge:
        await edge.kill()


async def doors_are_as_ever(house: House, edge: EdgeProcess) -> None:
    await edge.badge_opens()
    await opens(house, VAULT_STRUCK, "vault-out")
    house.board.set_input(FIRE_LOOP, False)
    await freed(house)


def test_killed_three_times_it_serves_doors_and_nothing_else(lonely: House) -> None:
    async def scene(_: ReaderLine) -> None:
        async with running_process(lonely) as edge:
            await edge.until_said(NO_BROKER_THERE)
            await edge.kill()
        for _ in range(2):
            await dies(lonely, plant=PROMPT)
        async with running_process(lonely) as edge:
            await doors_are_as_ever(lonely, edge)
            status = await status_of(lonely)
            assert (status.safe_mode, status.kept_copy) == (True, False)
            page = [line.text for line in lines(status)]
            assert "safe mode ON: it kept ending; nothing goes to the archive" in page
            assert any(one.startswith("archive   NOT IN SAFE MODE") for one in page)
            assert "safe mode: the edge ended 3 times without being asked to" in edge.said
            assert NO_BROKER_THERE not in edge.said, "nobody went for the broker"
            assert await edge.stop() == 0
        async with running_process(lonely) as edge:
            await edge.until_said(NO_BROKER_THERE)
            assert not (await status_of(lonely)).safe_mode
            assert await edge.stop() == 0
        starts = entries(lonely, ev.EdgeStarted)
        assert [one.safe_mode for one in starts] == [False, False, False, True, False]

    with_line(lonely, scene)


def test_what_kills_it_in_the_uplink_is_survived(lonely: House) -> None:
    async def scene(_: ReaderLine) -> None:
        for _ in range(3):
            edge = await EdgeProcess.start(lonely, plant=POISONED_UPLINK, check=False)
            assert await edge.ended() == 1
            assert "the edge ended: ZeroDivisionError: what the archive said" in edge.said
        async with running_process(lonely, plant=POISONED_UPLINK) as edge:
            await doors_are_as_ever(lonely, edge)
            assert await edge.stop() == 0

    with_line(lonely, scene)


def test_a_policy_that_kills_it_gives_way_to_the_one_that_served(house: House) -> None:
    async def scene(_: ReaderLine) -> None:
        async with running_process(house, plant=SERVES_AT_ONCE) as edge:
            async with asyncio.timeout(10):
                while not (house.folder / "state" / kept.KEPT).exists():
                    await asyncio.sleep(0.01)
            assert await edge.stop() == 0
        edit_policy(house)
        for _ in range(3):
            async with running_process(house, plant=POISONED_POLICY) as edge:
                house.badge("front-in", ADA)
                assert await edge.ended() == 1
                assert house.opened_at(FRONT) == []
        async with running_process(house, plant=POISONED_POLICY) as edge:
            status = await status_of(house)
            assert (status.safe_mode, status.kept_copy, status.policy_version) == (True, True, 1)
            assert any("KEPT COPY in force" in line.text for line in lines(status))
            assert "the site file and policy that last served are in force" in edge.said
            await doors_are_as_ever(house, edge)
            assert await edge.stop() == 0
        starts = entries(house, ev.EdgeStarted)
        assert [one.kept_copy for one in starts] == [False] * 4 + [True]
        assert starts[-1].policy == starts[0].policy != starts[1].policy

    with_line(house, scene)


def test_safe_mode_is_over_when_it_has_lasted_and_the_uplink_begins(lonely: House) -> None:
    async def scene(_: ReaderLine) -> None:
        for _ in range(3):
            await dies(lonely, plant=PROMPT)
        async with running_process(lonely, plant=SERVES_AT_ONCE + PROMPT) as edge:
            await edge.until_said("safe mode is over")
            await edge.until_said(NO_BROKER_THERE)
            assert not (await status_of(lonely)).safe_mode
            await edge.kill()
        assert not (lonely.folder / "state" / kept.KEPT).exists(), "it was not tried whole"
        async with running_process(lonely, plant=PROMPT) as edge:
            assert not (await status_of(lonely)).safe_mode
            assert await edge.stop() == 0

    with_line(lonely, scene)


def test_after_a_kill_the_doors_do_not_wait_and_the_broker_does(lonely: House) -> None:
    very_late = "import edge.assembly as assembly\nassembly.LATE_S_MAX = 1e9\n"

    async def scene(_: ReaderLine) -> None:
        async with running_process(lonely, plant=very_late) as edge:
            await edge.until_said(NO_BROKER_THERE)
            await edge.kill()
        async with running_process(lonely, plant=very_late) as edge:
            await doors_are_as_ever(lonely, edge)
            assert NO_BROKER_THERE not in edge.said
            assert await edge.stop() == 0

    with_line(lonely, scene)


def test_what_refuses_to_start_has_not_ended(house: House) -> None:
    """Mistakes in a file, people that cannot be read, a second daemon."""
    site, people = house.folder / "site.toml", house.folder / "state" / "site.db"
    good, known = site.read_text(), people.read_bytes()

    async def scene(_: ReaderLine) -> None:
        for _ in range(2):
            await dies(house)
        for _ in range(2):
            site.write_text(good.replace('edge = "gate"', 'edge = "7gate"'))
            mistaken = await EdgeProcess.start(house, check=False)
            assert await mistaken.ended() == 78
            site.write_text(good)
            people.write_bytes(b"no database" * 1_000)
            refused = await EdgeProcess.start(house, check=False)
            assert await refused.ended() == 1
            assert "remedy: " in refused.said
            people.write_bytes(known)
        async with running_process(house) as edge:
            assert not (await status_of(house)).safe_mode
            second = await EdgeProcess.start(house, check=False)
            assert await second.ended() == 1
            assert "another daemon" in second.said
            await edge.kill()
        async with running_process(house) as edge:
            assert (await status_of(house)).safe_mode, "the third end counts"
            assert await edge.stop() == 0

    with_line(house, scene)
