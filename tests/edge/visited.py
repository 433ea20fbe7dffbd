"""The small house with scanners at its doors, a visitor on file and a host who takes her along."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from click.testing import CliRunner, Result

from controller import events as ev
from drivers.api import CodeRead
from edge.assembly import Edge
from edge.commands.visitor import visitor
from edge.people import load_site_key
from edge.visitor_codes import VisitorCodes
from policies.codes import Code
from simulators.ascii_reader import Scanner
from simulators.serial_line import SerialLine
from tests.edge.checks import ready
from tests.edge.house import POLICY, House, bodies, running, until

VISITS = (
    POLICY.replace("[role.staff]", "[role.staff]\nescort = true")
    + """
[role.visitor]
kind = "visitor"
[[grant]]
id = "visitors"
roles = ["visitor"]
zones = ["hall"]
"""
)

SCANNERS = """
[line.outside]
driver = "scanner"
port = "outside"
[device.scan-in]
line = "outside"
[line.inside]
driver = "scanner"
port = "inside"
[device.scan-out]
line = "inside"
"""

HOST = "ADA-1"
"""What stands on Ada's pass as a barcode: she takes Vera along."""

PEOPLE = f"id,name,roles,badge,valid-until\n7,Vera,visitor,,2099-01-01\n1,Ada,staff,code:{HOST},\n"


class Site:
    """The house with a scanner at its front door, and one on the inner side of the vault's."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        (folder / "policy.toml").write_text(VISITS)
        file = folder / "site.toml"
        text = file.read_text().replace('entry-reader = "front-in"', 'entry-reader = "scan-in"')
        file.write_text(text.replace('exit-reader = "vault-out"', 'exit-reader = "scan-out"'))
        with file.open("a") as opened:
            opened.write(SCANNERS)
        self.scanners = {"scan-in": Scanner(), "scan-out": Scanner()}
        self.by_port = False

    def scan(self, edge: Edge, code: str, scanner: str = "scan-in") -> None:
        """Through the port, where a code that is held before a scanner is one code; otherwise as
        the driver reports it.
        """
        if self.by_port:
            self.scanners[scanner].scan(code)
        else:
            edge.daemon.hear(CodeRead(device=scanner, at_ns=0, reader=0, text=code))

    def codes(self) -> VisitorCodes:
        return VisitorCodes("house", load_site_key(self.house.folder / "site.key"))

    async def asks(self, *words: str) -> Result:
        """`sentrypost visitor code` in the site's folder."""
        config = str(self.house.folder / "site.toml")
        arguments = ["code", *words, "--config", config]
        return await asyncio.to_thread(CliRunner().invoke, visitor, arguments)

    async def makes(self, *words: str) -> str:
        """The text of a code."""
        done = await self.asks(*words, "--text")
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    async def enters(self, edge: Edge, code: str) -> Code:
        """What is decided about a visitor whose host comes right behind."""
        asked, decided = [
            len(await bodies(edge, kind)) for kind in (ev.SecondAsked, ev.DecisionMade)
        ]
        self.scan(edge, code)
        await until(edge, ev.SecondAsked, asked + 1)
        self.scan(edge, HOST)
        of_host, of_visitor = (await until(edge, ev.DecisionMade, decided + 2))[-2:]
        assert isinstance(of_host, ev.DecisionMade)
        assert isinstance(of_visitor, ev.DecisionMade)
        assert of_host.decision.granted
        return of_visitor.decision.code

    async def decided(self, edge: Edge, code: str, scanner: str = "scan-in") -> Code:
        """What is decided about a code at a door."""
        before = len(await bodies(edge, ev.DecisionMade))
        self.scan(edge, code, scanner)
        last = (await until(edge, ev.DecisionMade, before + 1))[-1]
        assert isinstance(last, ev.DecisionMade)
        return last.decision.code

    async def ignored(self, edge: Edge, code: str) -> str:
        """Why a code at the front door is not looked at."""
        before = len(await bodies(edge, ev.BadgeIgnored))
        self.scan(edge, code)
        last = (await until(edge, ev.BadgeIgnored, before + 1))[-1]
        assert isinstance(last, ev.BadgeIgnored)
        assert last.reader == "scan-in"
        return last.reason


def scene(site: Site, what: Callable[[Edge], Awaitable[None]]) -> None:
    """With the edge running, and Vera expected."""

    async def run() -> None:
        folder = site.house.folder
        async with (
            site.house.line(),
            SerialLine(folder / "outside", site.scanners["scan-in"]) as outside,
            SerialLine(folder / "inside", site.scanners["scan-out"]) as inside,
            running(site.house) as edge,
        ):
            site.scanners["scan-in"].say = outside.say
            site.scanners["scan-out"].say = inside.say
            await ready(edge)
            await until(edge, ev.ReaderFound, 6)
            assert not (await edge.desk.import_people(PEOPLE.encode(), "smith", False)).problems
            await what(edge)

    asyncio.run(run())
