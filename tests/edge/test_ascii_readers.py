"""A door whose reader only ever speaks: the whole edge, with a module or a scanner at a port."""

import asyncio
import time
from pathlib import Path

import pytest

from controller import events as ev
from drivers.ascii_serial.reader import WAITING
from edge.config import ConfigError, load_config
from policies.facts import Assurance
from simulators.ascii_reader import Scanner, rdm6300
from simulators.serial_line import SerialLine, paced
from tests.edge.checks import ready
from tests.edge.desk_reader import (
    CODE,
    MODULE,
    SCANNER,
    TAG,
    enrol_code,
    enrol_tag,
    wire,
)
from tests.edge.house import FRONT, House, running, until


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Takes a moment; for tests that change no more of it than its site file."""
    return House(tmp_path_factory.mktemp("house"))


def test_a_badge_at_a_module_opens_once_and_a_line_that_comes_back_opens_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wire(house, MODULE)
    enrol_tag(house)
    module = rdm6300()

    async def run() -> None:
        async with (
            house.line(),
            SerialLine(house.folder / "desk", module) as line,
            running(house) as edge,
        ):
            module.say, line.treatment = line.say, paced(9600)
            await ready(edge)
            await until(edge, ev.ReaderFound, 4)
            module.hold(TAG, time.monotonic_ns())
            line.set_timer()
            await until(edge, ev.PortalGranted)
            (decision,) = await until(edge, ev.DecisionMade)
            assert isinstance(decision, ev.DecisionMade)
            assert [one.assurance for one in decision.request.presented] == [Assurance.WEAK]
            line.unplug()
            await until(edge, ev.ReaderLost)
            line.replug()
            (ignored,) = await until(edge, ev.BadgeIgnored)
            assert isinstance(ignored, ev.BadgeIgnored)
            assert (ignored.reader, ignored.reason) == ("front-in", WAITING)
            await asyncio.sleep(0.3)  # some more repetitions
            assert len(house.opened_at(FRONT)) == 1

    asyncio.run(run())
    kept = b"".join(
        one.read_bytes() for one in (house.folder / "state").rglob("*") if one.is_file()
    )
    assert b"front-in" in kept
    for secret in (TAG, TAG.hex().encode(), TAG.hex().upper().encode()):
        assert secret not in kept
        assert secret not in caplog.text.encode()


def test_a_code_that_is_on_file_opens(house: House) -> None:
    wire(house, SCANNER)
    enrol_code(house)
    scanner = Scanner()

    async def run() -> None:
        async with (
            house.line(),
            SerialLine(house.folder / "desk", scanner) as line,
            running(house) as edge,
        ):
            scanner.say = line.say
            await ready(edge)
            await until(edge, ev.ReaderFound, 4)
            scanner.scan("STAFF 18")
            (refused,) = await until(edge, ev.DecisionMade)
            assert isinstance(refused, ev.DecisionMade)
            assert not refused.decision.granted
            scanner.scan(CODE)
            await until(edge, ev.PortalGranted)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ('port = "desk"', 'port = "desk"\nbaud = 19200', "baud"),
        ('port = "desk"', "", "'port' is missing"),
        ('line = "desk"', 'line = "desk"\naddress = 1', "unknown key 'address'"),
        ('line = "desk"', 'line = "desk"\noutputs = 1', "no inputs and no outputs"),
        ('line = "desk"', 'line = "desk"\nkeypad = true', "no keypad"),
        ('"rdm6300"', '"rdm630"', "did you mean 'rdm6300'?"),
    ],
)
def test_what_it_has_not_is_refused_at_its_place(
    built: House, good: str, bad: str, words: str
) -> None:
    wire(built, MODULE.replace(good, bad))
    with pytest.raises(ConfigError) as caught:
        load_config(built.folder / "site.toml")
    (problem,) = [one for one in caught.value.problems if words in str(one)]
    text = (built.folder / "site.toml").read_text().splitlines()
    near = text[problem.line - 1]
    assert any(word in near for word in ("desk", "baud", "address", "front-in", "rdm630")), near
