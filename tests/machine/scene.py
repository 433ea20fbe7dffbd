"""What every part of the campaign works with: one machine, the house at its line, what was found.

A part is a function of a scene. It says with `expect` what has to hold and with `saw` a figure; a
command that must not fail and does ends the campaign with what it said.
"""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.edge.house import House
from tests.edge.process import FRONT_STRUCK, opens
from tests.machine.computer import Computer, Image
from tests.machine.delivery import INSTANCE, STATE, delivered, disk

EDGE = f"sentrypost@{INSTANCE}.service"
PAGES = f"sentrypost-web@{INSTANCE}.service"
CENTRAL, WALL = "sentrypost-central.service", "sentrypost-wall.service"
UNITS = (EDGE, PAGES, CENTRAL, WALL)

STATE_DISK, PLAIN_DISK = "/dev/vdc", "/dev/vdd"

BADGE_WITHIN_S = 60.0
WITHIN_S = 180.0
"""What anything may take that a busy machine does by software; no limit of the edge's own."""


class Scene:
    """One run. `wrong`: what did not hold; `seen`: figures, in their order."""

    def __init__(self, computer: Computer, house: House) -> None:
        self.computer = computer
        self.house = house
        self.wrong: list[str] = []
        self.seen: list[str] = []
        self.held = 0
        self._began_s = time.monotonic()

    def expect(self, holds: bool, what: str, said: str = "") -> None:
        """`said`: printed where it does not hold."""
        self.held += holds
        self._tell(f"{'yes' if holds else 'NO '}  {what}")
        if not holds:
            self.wrong.append(what)
            self._tell("".join(f"\n         {line}" for line in said.splitlines()[-40:]))

    def saw(self, what: str) -> None:
        self.seen.append(what)
        self._tell(f"     {what}")

    async def said(self, command: str) -> str:
        """Whatever its status."""
        return (await self.computer.run(command)).said.strip()

    async def until(self, command: str, words: str, within_s: float = WITHIN_S) -> str:
        """What it says once it says this; the last that it said where it never does."""
        until_s = time.monotonic() + within_s
        while words not in (said := await self.said(command)) and time.monotonic() < until_s:
            await asyncio.sleep(1)
        return said

    async def shown(self, unit: str, *names: str) -> list[str]:
        """Properties of a unit, as systemd has them."""
        wanted = " ".join(f"-P {name}" for name in names)
        said = await self.computer.check(f"systemctl show {wanted} {unit}")
        return [line for line in said.split("\n") if line or len(names) == 1][: len(names)]

    async def pid(self, unit: str = EDGE) -> int:
        return int((await self.shown(unit, "MainPID"))[0])

    async def now(self) -> str:
        """The machine's time, for `log`."""
        return await self.computer.check("date +@%s.%N")

    async def log(self, since: str, unit: str = EDGE) -> str:
        return await self.said(f"journalctl --no-pager -o short-monotonic -u {unit} -S '{since}'")

    async def serves(self, within_s: float = WITHIN_S) -> str:
        """The edge accepts cards; what `status` says then."""
        asked = f"/opt/sentrypost/bin/sentrypost status --state {STATE}"
        return await self.until(asked, "cards are accepted", within_s)

    async def badge_opens(self, when: str) -> None:
        """The simulated reader, the machine's serial port, policy, journal, and the lock."""
        # An emulator can take ten seconds to the first reading of the fire input: that is fire.
        await self.said(f"/opt/sentrypost/bin/sentrypost fire reset panel --state {STATE}")
        try:
            await opens(self.house, FRONT_STRUCK, "front-in", BADGE_WITHIN_S)
        except TimeoutError:
            self.expect(False, f"a badge opens the door {when}")
        else:
            self.expect(True, f"a badge opens the door {when}")

    async def seconds_since_start(self) -> float:
        """Of the machine, by the clock that systemd's times have."""
        return float((await self.computer.check("cat /proc/uptime")).split()[0])

    def _tell(self, line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began_s:6.0f} s  {line}\n")
        sys.stdout.flush()


def number(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found else None


@asynccontextmanager
async def opened(folder: Path, image: Image) -> AsyncIterator[Scene]:
    """The machine with nothing of ours installed, its devices alive."""
    house, brought = delivered(folder, image.python)
    disks = (brought, disk(folder / "state.disk", mib=512), disk(folder / "plain.disk", mib=64))
    own = folder / "machine"
    own.mkdir()
    async with house.line(), Computer(image, own, disks, house.folder / "north") as computer:
        yield Scene(computer, house)
