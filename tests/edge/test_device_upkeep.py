"""`sentrypost device pair`, `rekey` and `accept` at a whole edge with readers on a real pty."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.events_devices import DeviceChanged, DeviceServiced
from drivers.osdp import messages as osdp
from drivers.osdp import speed
from edge.assembly import Edge
from edge.commands.device import device
from edge.device_keys import next_file, profile_of
from edge.line_speeds import LineSpeed, keep_speed, speed_of
from policies.facts import Mode
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader
from tests.edge.house import ADA, FIRE_LOOP, House, bodies, posture, running, until

OTHER = osdp.Identity(b"\x00\x51\x7e", 1, 1, 99, b"\x01\x00\x00")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def at(house: House, scene: Callable[[Edge, ReaderLine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line() as line, running(house) as edge:
            await until(edge, ev.EdgeReady)
            await scene(edge, line)

    asyncio.run(run())


async def asked(house: House, *arguments: str) -> Result:
    """What a command does while the daemon goes on in this process."""
    named = [*arguments, "--config", str(house.folder / "site.toml")]
    return await asyncio.to_thread(CliRunner().invoke, device, named, catch_exceptions=False)


async def online(edge: Edge, name: str, *, there: bool = True) -> None:
    async with asyncio.timeout(30):
        while bool(edge.daemon.devices.of(name).online) is not there:
            await asyncio.sleep(0.01)


async def true(holds: Callable[[], bool]) -> None:
    """What is written on a thread is there soon."""
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def steps(edge: Edge, name: str) -> list[str]:
    found = await bodies(edge, DeviceServiced)
    return [
        one.step.value for one in found if isinstance(one, DeviceServiced) and one.device == name
    ]


async def stored(edge: Edge) -> str:
    """Everything that is on record, as text."""
    entries = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
    return "".join(repr(one) for one in entries)


def test_a_reader_is_paired_and_then_its_badges_count(house: House) -> None:
    """Its key file is made by it; nobody has to carry a key anywhere."""
    key_file = house.folder / "front-in.key"
    key_file.unlink()
    reader = SimulatedReader(1, None, os.urandom, inputs=0, outputs=0)
    reader.installing = True
    house.readers["front-in"] = reader

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in", there=False)
        result = await asked(house, "pair", "front-in", "--seconds", "30")
        assert result.exit_code == 0, result.output
        assert "it is paired" in result.stdout
        assert bytes.fromhex(key_file.read_text()) == reader.key
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        assert not next_file(key_file).exists()
        assert await steps(edge, "front-in") == ["pairing-opened", "paired"]
        assert reader.key is not None
        assert reader.key.hex() not in (await stored(edge)) + result.output
        opened = (await bodies(edge, DeviceServiced))[0]
        assert isinstance(opened, DeviceServiced)
        assert opened.operator is not None, "by whom"
        await online(edge, "front-in")
        async with asyncio.timeout(30):  # what it kept from before its session is no card
            while edge.daemon.drivers["north"]._bus._links[0]._reporter.stored:  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
        house.badge("front-in", ADA)
        await until(edge, ev.DecisionMade)

    at(house, scene)


def test_a_pairing_that_nobody_comes_to_ends(house: House) -> None:
    house.readers["front-in"].key = None
    house.readers["front-in"].reboot()
    key_file = house.folder / "front-in.key"
    before = key_file.read_bytes()

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in", there=False)
        result = await asked(house, "pair", "front-in", "--seconds", "1")
        assert result.exit_code == 1
        assert "not paired" in result.stderr
        assert await steps(edge, "front-in") == ["pairing-opened", "pairing-ended"]
        assert key_file.read_bytes() == before
        assert not next_file(key_file).exists(), "the new key never left"

    at(house, scene)


def test_a_new_key_and_a_restart_under_it(house: House) -> None:
    key_file, reader = house.folder / "front-in.key", house.readers["front-in"]
    before = key_file.read_bytes()

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in")
        result = await asked(house, "rekey", "front-in")
        assert result.exit_code == 0, result.output
        assert key_file.read_bytes() != before
        assert bytes.fromhex(key_file.read_text()) == reader.key
        assert not next_file(key_file).exists()
        assert await steps(edge, "front-in") == ["rekey-begun", "rekeyed"]
        assert before.decode() not in await stored(edge)

    async def again(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in")
        assert await steps(edge, "front-in") == ["rekey-begun", "rekeyed"]

    at(house, scene)
    reader.reboot()
    at(house, again)


def test_a_restart_in_the_middle_finds_out_which_key_it_is(house: House) -> None:
    """The edge went down when the reader had its new key, and the disk both."""
    key_file, reader = house.folder / "front-in.key", house.readers["front-in"]
    new = os.urandom(16)
    next_file(key_file).write_text(new.hex())
    next_file(key_file).chmod(0o600)
    reader.key = new

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in")
        await until(edge, DeviceServiced)
        assert await steps(edge, "front-in") == ["rekeyed"]
        await true(lambda: not next_file(key_file).exists())
        assert bytes.fromhex(key_file.read_text()) == new

    at(house, scene)


def test_what_cannot_be_is_refused_with_its_reason(house: House) -> None:
    house.readers["vault-in"].silent = True

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in")
        for arguments, words in (
            (("pair", "front-inn"), "no device 'front-inn'"),
            (("pair", "front-in"), "a key of its own"),
            (("accept", "front-in"), "nothing speaks against"),
        ):
            result = await asked(house, *arguments)
            assert result.exit_code == 1, arguments
            assert words in result.stderr
        result = await asked(house, "rekey", "vault-in")
        assert result.exit_code == 1
        assert "does not answer under its own key" in result.stderr
        assert await bodies(edge, DeviceServiced) == [], "and nothing of it is on record"
        assert not list(house.folder.glob("*.next"))

    at(house, scene)


def test_another_reader_in_its_place_is_an_alarm_until_it_is_accepted(house: House) -> None:
    """It has the right key: only somebody who stands before it can say that it is right."""
    reader = house.readers["front-in"]

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in")
        await true(lambda: profile_of(house.folder / "state", "front-in") is not None)

    async def swapped(edge: Edge, line: ReaderLine) -> None:
        (changed,) = await until(edge, DeviceChanged)
        assert isinstance(changed, DeviceChanged)
        assert "serial 99" in changed.reason
        await online(edge, "front-in", there=False)
        house.badge("front-in", ADA)
        result = await asked(house, "accept", "front-in")
        assert result.exit_code == 0, result.output
        await online(edge, "front-in")
        assert await steps(edge, "front-in") == ["accepted"]
        await true(lambda: "99" in (profile_of(house.folder / "state", "front-in") or ""))
        assert await bodies(edge, ev.DecisionMade) == [], "what it kept meanwhile is no card"

    at(house, scene)
    reader._identity = OTHER
    reader.reboot()
    at(house, swapped)


def test_damaged_knowledge_of_a_reader_does_not_stop_the_edge(house: House) -> None:
    folder = house.folder / "state" / "devices"
    folder.mkdir()
    (folder / "front-in.json").write_text("{")
    (folder / "front-in.json").chmod(0o600)

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await online(edge, "front-in")

    at(house, scene)


# --- speed ----------------------------------------------------------------------------------------

NEW = 38400


def with_speed(house: House, baud: int = 115200) -> None:
    for reader in house.readers.values():
        reader.baud = baud


async def all_online(edge: Edge, house: House) -> None:
    for name in house.readers:
        await online(edge, name)


def test_a_line_goes_to_another_speed_and_is_found_there_by_the_next_start(house: House) -> None:
    """Until somebody writes it into the site file, the edge remembers it."""
    with_speed(house)

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await all_online(edge, house)
        result = await asked(house, "speed", "north", str(NEW))
        assert result.exit_code == 0, result.output
        assert f"baud = {NEW}" in result.stdout
        assert {reader.baud for reader in house.readers.values()} == {NEW}
        assert await steps(edge, "north") == ["speed-begun", "speed-changed"]
        await all_online(edge, house)

    async def again(edge: Edge, line: ReaderLine) -> None:
        await all_online(edge, house)
        assert len(await steps(edge, "north")) == 2

    at(house, scene)
    at(house, again)
    site = house.folder / "site.toml"
    site.write_text(site.read_text().replace("baud = 115200", f"baud = {NEW}"))
    at(house, again)
    site.write_text(site.read_text().replace(f"baud = {NEW}", "baud = 115200"))
    with_speed(house)
    at(house, again)


def test_a_restart_in_the_middle_of_a_change_brings_all_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two had gone to the new speed, and two had not been told."""
    monkeypatch.setattr(speed, "SEEK_NS", 0)  # a pty takes no time: what is waited for is enough
    with_speed(house)
    house.readers["front-in"].baud = house.readers["board"].baud = NEW
    keep_speed(house.folder / "state", "north", LineSpeed(115200, 115200, NEW))

    async def scene(edge: Edge, line: ReaderLine) -> None:
        async with asyncio.timeout(60):
            while await steps(edge, "north") != ["speed-kept"]:
                await asyncio.sleep(0.05)
        assert {reader.baud for reader in house.readers.values()} == {115200}
        await all_online(edge, house)
        state = house.folder / "state"
        await true(lambda: speed_of(state, "north", 115200) == LineSpeed(115200, 115200))

    at(house, scene)


def test_a_speed_that_cannot_be_is_refused(house: House) -> None:
    with_speed(house)

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await all_online(edge, house)
        for arguments, words in (
            (("north", "12345"), "one of"),
            (("north", "115200"), "is at 115200"),
            (("south", "38400"), "no line 'south'"),
        ):
            result = await asked(house, "speed", *arguments)
            assert result.exit_code == 1, arguments
            assert words in result.stderr
        assert {reader.baud for reader in house.readers.values()} == {115200}
        assert speed_of(house.folder / "state", "north", 115200) == LineSpeed(115200, 115200)

    at(house, scene)


def test_no_line_leaves_its_speed_in_a_fire_or_under_an_order(house: House) -> None:
    with_speed(house)

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await all_online(edge, house)
        for mode in (Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE):
            posture(edge, mode)
            result = await asked(house, "speed", "north", str(NEW))
            assert (result.exit_code, f"an order is in force ({mode})" in result.stderr) == (
                1,
                True,
            )
        posture(edge, Mode.NORMAL)
        house.board.set_input(FIRE_LOOP, False)
        await until(edge, ev.FireLatched)
        house.board.set_input(FIRE_LOOP, True)
        result = await asked(house, "speed", "north", str(NEW))
        assert (result.exit_code, "a fire is latched" in result.stderr) == (1, True)
        assert await steps(edge, "north") == []
        assert {reader.baud for reader in house.readers.values()} == {115200}

    at(house, scene)


def test_a_lockdown_calls_off_the_change_of_a_speed(house: House) -> None:
    """Given while one reader has gone to the new speed and the next one is silent."""
    with_speed(house)
    board, silent = house.readers["board"], house.readers["front-in"]

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await all_online(edge, house)
        silent.silent = True
        change = asyncio.create_task(asked(house, "speed", "north", str(NEW)))
        await true(lambda: board.baud == NEW)
        await online(edge, "board")
        posture(edge, Mode.LOCKDOWN)
        await true(lambda: board.baud == 115200)
        silent.silent = False
        result = await change
        assert result.exit_code == 1
        assert "called off, for a door had to free or lock" in result.stderr
        assert await steps(edge, "north") == ["speed-begun", "speed-kept"]
        assert {reader.baud for reader in house.readers.values()} == {115200}
        await all_online(edge, house)

    at(house, scene)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_what_is_kept_of_a_line_and_damaged_counts_for_nothing(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "north.json").write_bytes(content)
    (tmp_path / "lines" / "north.json").chmod(0o600)
    assert speed_of(tmp_path, "north", 9600) == LineSpeed(9600, 9600)


def test_who_edits_the_site_file_has_the_last_word(tmp_path: Path) -> None:
    keep_speed(tmp_path, "north", LineSpeed(9600, 115200, 38400))
    assert speed_of(tmp_path, "north", 9600) == LineSpeed(9600, 115200, 38400)
    assert speed_of(tmp_path, "north", 19200) == LineSpeed(19200, 19200)
    keep_speed(tmp_path, "north", LineSpeed(9600, 9600))
    assert list((tmp_path / "lines").iterdir()) == []
