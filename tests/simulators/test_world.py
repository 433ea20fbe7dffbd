"""The simulated hardware of a site file, with a real edge on it."""

import asyncio
from pathlib import Path

import pytest

from controller import events as ev
from drivers.badges import parse_presented
from policies.facts import Direction
from simulators.ascii_reader import id12_frame, rdm6300_frame
from simulators.scenario import ScenarioError, Way, load_scenario
from simulators.speaking import Speaking
from simulators.world import Visit, World
from tests.edge.cabinet import wire_to_a_module
from tests.edge.desk_reader import MODULE, TAG, enrol_tag, wire
from tests.edge.house import PIN, House, running, until

SCENARIO = f"""
[person.ada]
name = "Ada L"
badge = "26:0bb0321"
pin = "{PIN}"

[person.bob]
name = "Bob M"
badge = "26:0000001"

[[way]]
person = "ada"
portals = ["front", "vault-door", "-vault-door", "-front"]
start-s = 1.0

[[way]]
person = "bob"
portals = ["front"]
start-s = 1.5
tries = 2

[[way]]
person = "bob"
portals = ["front"]
cue = "once more"

[[mishap]]
after = "bob"
at-s = 0.5
what = "force"
where = "front"
"""


def scenario(folder: Path, text: str):
    file = folder / "scenario.toml"
    file.write_text(text)
    return load_scenario(file)


def test_people_walk_through_real_decisions_and_doors_tell_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody here tires of a machine that does much else.
    monkeypatch.setattr("simulators.world.PATIENCE_S", 60.0)
    house = House(tmp_path)
    visits: list[Visit] = []
    ports = asyncio.Event()
    world = World(house.config(), scenario(tmp_path, SCENARIO), visits.append, ports.set)

    async def run() -> None:
        assert not world.cue("once more"), "nothing has begun"
        hardware = asyncio.create_task(world.run())
        await ports.wait()
        async with running(house) as edge:
            await until(edge, ev.PortalForced, within_s=30)
            bobs = [visit for visit in visits if visit.person == "Bob M"]
            assert len(bobs) == 2, "he tried twice, and waits for his cue"
            assert not world.cue("never")
            assert world.cue("once more")
            async with asyncio.timeout(30):
                while sum(visit.person == "Bob M" for visit in visits) < 3:
                    await asyncio.sleep(0.02)
            passed = await until(edge, ev.PassageMade, 3)
            assert {body.portal for body in passed} == {"front", "vault-door"}
            opened = await until(edge, ev.PortalOpened)
            assert [body.portal for body in opened] == ["front"], "out by the panic bar"
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)

    asyncio.run(run())
    fared = {(v.person, v.portal, v.direction): v for v in visits}
    assert fared["Ada L", "front", Direction.ENTRY].passed
    assert fared["Ada L", "vault-door", Direction.ENTRY].passed
    assert fared["Ada L", "vault-door", Direction.EXIT].passed
    assert fared["Ada L", "front", Direction.EXIT].took_ms is None, "nobody is asked"
    stranger = fared["Bob M", "front", Direction.ENTRY]
    assert not stranger.passed
    assert stranger.took_ms is not None, "the red light was seen"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[person.a]\nname = 'A'\nbadge = '26:0000001'\n[[way]]\nperson='b'\nportals=[]", "'b'"),
        ("[person.a]\nname = 'A'\nbadge = 'x'", "badge"),
        ("[person.a]\nname = 'A'\nbadge = '26:0000001'\nshoe = 1", "shoe"),
        ("[person]\n[[mishap]]\nat-s=1\nwhat='flood'\nwhere='x'", "flood"),
        ("[person]\n[[mishap]]\nafter='b'\nat-s=1\nwhat='fire'\nwhere='x'", "after 'b'"),
        ("[person", "table declaration"),
    ],
)
def test_a_scenario_that_cannot_be_played_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        scenario(tmp_path, text)


def test_a_relay_board_is_played_and_a_line_that_nobody_simulates_is_named(tmp_path: Path) -> None:
    house = House(tmp_path)
    site = tmp_path / "site.toml"
    alone = site.read_text()
    board = "driver = 'lcus'\nport = 'desk'\n[device.siren]\nline = 'desk'\noutputs = 1\n"
    site.write_text(f"{alone}[line.desk]\n{board}")
    played = scenario(tmp_path, "[person]")
    world = World(house.config(), played, lambda _: None, lambda: None)
    assert set(world.lines) == {"north", "desk"}
    broker = (
        "driver = 'mqtt'\nhost = '127.0.0.1'\n[device.siren]\nline = 'desk'\n"
        "mapping = 'tasmota'\ntopic = 'siren'\noutputs = 1\n"
    )
    site.write_text(f"{alone}[line.desk]\n{broker}")
    with pytest.raises(ScenarioError, match="line 'desk': no simulated devices for 'mqtt'"):
        World(house.config(), played, lambda _: None, lambda: None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("what = 'unplug'\nwhere = 'south'", "no simulated line 'south'"),
        ("what = 'force'\nwhere = 'north'", "no simulated portal 'north'"),
        ("what = 'silence'\nwhere = 'panel'", "no simulated device 'panel'"),
    ],
)
def test_a_mishap_where_nothing_is_says_so(tmp_path: Path, text: str, said: str) -> None:
    house = House(tmp_path)
    played = scenario(tmp_path, f"[person]\n[[mishap]]\nat-s = 1\n{text}")
    with pytest.raises(ScenarioError, match=said):
        World(house.config(), played, lambda _: None, lambda: None)


def test_a_badge_that_is_only_presented_is_decided_and_nobody_goes_anywhere(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    text = (
        "[person.ada]\nname = 'Ada L'\nbadge = '26:0bb0321'\n"
        "[[presented]]\nperson = 'ada'\nreader = 'front-in'\ncue = 'shown'\n"
    )
    played = scenario(tmp_path, text)
    assert played.cued
    ports = asyncio.Event()
    visits: list[Visit] = []
    world = World(house.config(), played, visits.append, ports.set)

    async def run() -> None:
        hardware = asyncio.create_task(world.run())
        await ports.wait()
        async with running(house) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, ev.ReaderFound, count=3)
            async with asyncio.timeout(20):
                while not world.cue("shown"):
                    await asyncio.sleep(0.05)
            (decision,) = await until(edge, ev.DecisionMade)
            assert decision.decision.granted
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)

    asyncio.run(run())
    assert visits == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("person = 'ada'\nreader = 'front-in'", "nobody is called 'ada'"),
        ("person = 'bob'\nreader = 'nowhere'", "no simulated reader 'nowhere'"),
    ],
)
def test_a_badge_that_cannot_be_presented_says_so(tmp_path: Path, text: str, said: str) -> None:
    house = House(tmp_path)
    known = "[person.bob]\nname = 'Bob M'\nbadge = '26:0000001'\n"

    def built() -> World:
        played = scenario(tmp_path, f"{known}[[presented]]\n{text}")
        return World(house.config(), played, lambda _: None, lambda: None)

    with pytest.raises(ScenarioError, match=said):
        built()


def test_noisy_lines_lose_replies_and_no_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers on an OSDP line, locks and contacts on a Modbus line."""
    wire_to_a_module(monkeypatch)
    house = House(tmp_path)
    text = SCENARIO.split("[[way]]", maxsplit=1)[0] + "".join(
        f"[[mishap]]\nat-s = 0\nwhat = 'noise'\nwhere = '{line}'\n" for line in ("north", "cabinet")
    )
    visits: list[Visit] = []
    ports = asyncio.Event()
    world = World(house.config(), scenario(tmp_path, text), visits.append, ports.set)

    async def run() -> None:
        hardware = asyncio.create_task(world.run())
        await ports.wait()
        async with running(house) as edge:
            # Who comes before the reader is online is not seen by anybody.
            await until(edge, ev.EdgeReady)
            await until(edge, ev.ReaderFound, count=3)
            await world.walk(Way(person="ada", portals=("front",)))
            await until(edge, ev.PassageMade)
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)

    asyncio.run(run())
    assert [visit.passed for visit in visits] == [True]


def test_people_at_a_reader_that_only_speaks(tmp_path: Path) -> None:
    house = House(tmp_path)
    wire(house, MODULE)
    enrol_tag(house)
    text = f"[person.ada]\nname = 'Ada L'\nbadge = '40:{TAG.hex()}'\n"
    ports = asyncio.Event()
    world = World(house.config(), scenario(tmp_path, text), lambda _: None, ports.set)

    async def run() -> None:
        hardware = asyncio.create_task(world.run())
        await ports.wait()
        async with running(house) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, ev.ReaderFound, count=4)
            way = asyncio.create_task(world.walk(Way(person="ada", portals=("front",))))
            (passage,) = await until(edge, ev.PassageMade)
            assert passage.portal == "front"
        for task in (way, hardware):
            task.cancel()
        await asyncio.gather(way, hardware, return_exceptions=True)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("driver", "badge", "heard"),
    [
        ("rdm6300", f"40:{TAG.hex()}", rdm6300_frame(TAG)),
        ("rdm6300", "26:0bb0321", b""),
        ("rdm6300", "code:A", b""),
        ("id12", f"40:{TAG.hex()}", id12_frame(TAG)),
        ("scanner", "code:STAFF 17", b"STAFF 17\r\n"),
        ("scanner", f"40:{TAG.hex()}", b""),
    ],
)
def test_what_people_show_is_heard_where_it_can_be(
    tmp_path: Path, driver: str, badge: str, heard: bytes
) -> None:
    async def shown(*, silent: bool) -> bytes:
        said = b""

        def hear(data: bytes) -> list[tuple[float, bytes]]:
            nonlocal said
            said += data
            return []

        one = Speaking(driver, tmp_path / "tty", 9600)
        one.line.treatment = hear
        one.silent = silent
        one.present(parse_presented(badge))
        return said

    assert asyncio.run(shown(silent=False)) == heard
    assert asyncio.run(shown(silent=True)) == b""
