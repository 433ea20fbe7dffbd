"""The driver that `docs/drivers.md` shows: taken from the page, installed, put through the kit."""

import importlib
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drivers.api import CardRead, Command, CommandEnded, Fact, Light, Priority, Spoken
from drivers.family import DeviceSpec, Family, LineSpec
from drivers.serial_driver import SerialDriver
from edge.config import ConfigError
from edge.lines import DRIVERS_GROUP, build_lines, family_of
from simulators.serial_line import SerialLine
from tests.docs.pages import ROOT, marked
from tests.docs.test_examples import SITE, site_in
from tests.drivers.conformance import TRIALS, Subject, Trial, Watch, put
from tests.drivers.hasty import clock_ns

PAGE = (ROOT / "docs" / "drivers.md").read_text()
MODULE = "wiegand_line"
NAME = "wiegand-line"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's module where Python finds it, with the entry point of the page."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / f"{MODULE}.py").write_text(marked(PAGE, f"{MODULE}.py"))
    project = tomllib.loads(marked(PAGE, "pyproject.toml"))["project"]
    (points,) = project["entry-points"].values()
    assert list(project["entry-points"]) == [DRIVERS_GROUP]
    metadata = folder / f"{MODULE}-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1\n")
    told = "".join(f"{name} = {where}\n" for name, where in points.items())
    (metadata / "entry_points.txt").write_text(f"[{DRIVERS_GROUP}]\n{told}")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(MODULE, None)
        importlib.invalidate_caches()


def line_of(bits: int, card: bytes) -> bytes:
    """What the page says that the converter prints; its codec is not the driver's."""
    said = f"{bits}:{card.hex().upper()}"
    check = 0
    for character in said:
        check ^= ord(character)
    return f"W{said}*{check:02X}\r\n".encode()


class Silent:
    """A converter takes nothing and has no timers."""

    def receive(self, data: bytes, now_ns: int) -> bytes:
        return b""

    def deadline(self) -> int | None:
        return None

    def handle_deadline(self, now_ns: int) -> None:
        """It has no timers."""


class Bench:
    """See `conformance.Bench`."""

    def __init__(self, line: SerialLine, module: Any) -> None:
        self.line = line
        self.device = "side-reader"
        machine = module.Converter(self.device)
        self.driver = SerialDriver(machine, str(line.link), 115200, clock_ns)
        self._shown: list[bytes] = []

    async def exchange(self, watch: Watch) -> None:
        """A badge is read."""
        await watch.until(lambda: watch.online)
        card = len(self._shown).to_bytes(4, "big")
        self._shown.append(card)
        await watch.again(
            lambda: self.line.say(line_of(32, card)),
            lambda: any(fact.data == card and fact.bits == 32 for fact in watch.of(CardRead)),
        )

    def is_true(self, fact: Fact) -> bool:
        return isinstance(fact, CardRead) and fact.data in self._shown

    def acts(self) -> int:
        return 0

    def sample(self) -> bytes:
        return line_of(32, self._shown[0])


@asynccontextmanager
async def bench(module: ModuleType, folder: Path) -> AsyncIterator[Bench]:
    async with SerialLine(folder / "port", Silent(), clock_ns=clock_ns) as line:
        yield Bench(line, module)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.__name__)
def test_the_page_s_driver_survives(trial: Trial, installed: Path, tmp_path: Path) -> None:
    made = partial(bench, importlib.import_module(MODULE))
    put(Subject(family=NAME, bench=made, notices_silence=False), trial, tmp_path)


def test_a_site_file_finds_it(installed: Path, tmp_path: Path) -> None:
    config = site_in(tmp_path, site=SITE + marked(PAGE, "site.toml"))
    assert build_lines(config.lines)["side"].devices == ("side-reader",)
    wrong = marked(PAGE, "site.toml").replace('line = "side"', 'line = "side"\ninputs = 1')
    with pytest.raises(ConfigError, match="reads badges and nothing else"):
        site_in(tmp_path, site=SITE + wrong)


def machine(module: Any) -> tuple[Any, list[Spoken]]:
    """One that is watched, on an open line."""
    made, heard = module.Converter("side-reader"), []
    made.tap = heard.append
    made.start(1, lambda command: True)
    made.next_fact()
    return made, heard


def test_it_reads_the_line_that_the_page_shows(installed: Path) -> None:
    (shown,) = [line.strip() for line in PAGE.splitlines() if line.startswith("    W26:")]
    assert shown.encode() + b"\r\n" == line_of(26, bytes.fromhex("1A2B3C40"))
    made, heard = machine(importlib.import_module(MODULE))
    made.receive(shown.encode() + b"\r\n", 7)
    (read,) = iter(made.next_fact, None)
    assert (read.bits, read.data.hex(), read.at_ns) == (26, "1a2b3c40", 7)
    assert [spoken.text for spoken in heard] == ["a badge of 26 bits"]


@pytest.mark.parametrize(
    "line",
    [
        b"W26:1A2B3C40*00\r\n",
        line_of(26, bytes.fromhex("1A2B3C41")),
        line_of(24, bytes.fromhex("1A2B3C40")),
        line_of(0, b"\x00"),
        b"W26:1A2B3C4*27\r\n",
    ],
)
def test_it_reads_nothing_into_noise(line: bytes, installed: Path) -> None:
    made, _ = machine(importlib.import_module(MODULE))
    made.receive(line, 7)
    assert made.next_fact() is None


def test_what_it_is_told_ends(installed: Path) -> None:
    made, _ = machine(importlib.import_module(MODULE))
    about = {"device": "side-reader", "priority": Priority.SIGNAL, "not_after_ns": None}
    for _ in range(2):
        made.submit(Command(id="c", action=Light(0, "green", 0), **about), 7)  # type: ignore[arg-type]
        made.stop(8, "unplugged")
    ends = [fact.outcome for fact in iter(made.next_fact, None) if isinstance(fact, CommandEnded)]
    assert ends == ["refused", "lost"]


def test_two_on_a_port_are_refused(installed: Path) -> None:
    family: Family = family_of(NAME)
    options = family.line(driver=NAME, port="/dev/ttyUSB0")  # type: ignore[call-arg]
    device = DeviceSpec(name="one", options=family.device(line="side"))
    with pytest.raises(ValueError, match="one converter on a port"):
        family.build(LineSpec(name="side", options=options, devices=(device, device)))
