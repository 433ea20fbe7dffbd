"""A compound on real ptys: the house with a yard board, sensors, a key switch and a barrier."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from simulators.boom import Boom
from simulators.scenario import Scenario
from simulators.secret_file import write_secret
from simulators.world import World, meddle
from tests.edge.house import POLICY, SITE, House

MORE_POLICY = """
[zone.yard]
kind = "premises"
inside = "street"
factors = "badge"

[portal.drive]
from = "street"
to = "yard"
kind = "vehicle-barrier"
lock = "power-to-unlock"
egress = "none"
exit = "reader"
hard-wired-release = true
open-s = 0.5
held-s = 20

[portal.yard-gate]
from = "street"
to = "yard"
kind = "gate"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"

[point.fence]
kind = "fence"
zone = "yard"
always = true
debounce-ms = 20
[point.beam]
kind = "beam"
zone = "yard"
stuck-s = 1.5
debounce-ms = 20
roles = ["staff"]
[point.hall-pir]
kind = "pir"
zone = "hall"
entry-delay-s = 0.4
debounce-ms = 20

[arming.yard]
zones = ["yard"]
roles = ["staff"]
[arming.house]
zones = ["hall"]
roles = ["staff"]

[[grant]]
id = "g2"
roles = ["staff"]
zones = ["yard"]
"""

MORE_SITE = """
[line.south]
driver = "osdp"
port = "south"
baud = 115200
poll-ms = 20

[device.yard-in]
line = "south"
address = 1
key = "yard-in.key"
[device.yard-out]
line = "south"
address = 2
key = "yard-out.key"
[device.yard]
line = "south"
address = 3
key = "yard.key"
inputs = 10
outputs = 3

[portal.drive]
lock = { device = "yard", output = 0 }
lower = { device = "yard", output = 1 }
contact = { device = "yard", input = 0 }
up = { device = "yard", input = 1 }
loop = { device = "yard", input = 2 }
entry-reader = "yard-in"
exit-reader = "yard-out"

[portal.yard-gate]
lock = { device = "yard", output = 2 }
contact = { device = "yard", input = 3 }

[point.fence]
input = { device = "yard", input = 4 }
supervised = true
[point.beam]
input = { device = "yard", input = 5, inverted = true }
supervised = true
[point.hall-pir]
input = { device = "yard", input = 6 }
mask = { device = "yard", input = 7 }

[source.guard-key]
input = { device = "yard", input = 8 }
gives = "lockdown"
reason = "the guard turned the key"
cover = "full"
[source.panic]
input = { device = "yard", input = 9 }
gives = "raise"
level = 5
reason = "the guard pressed the button"
"""


class Compound(House):
    """The folder; `world()` plays all of it, people and the house's own devices included."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "policy.toml").write_text(POLICY + MORE_POLICY)
        (folder / "site.toml").write_text(SITE.format(broker="") + MORE_SITE)
        for name in ("yard-in", "yard-out", "yard"):
            write_secret(folder / f"{name}.key", secrets.token_bytes(16).hex().encode())


class Played:
    """The world at work, and short words for what somebody does to it."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def boom(self) -> Boom:
        boom = self.world.doors["drive"]
        assert isinstance(boom, Boom)
        return boom

    def does(self, what: str, where: str) -> None:
        meddle(self.world.sensors[where], what)


@asynccontextmanager
async def played(compound: Compound) -> AsyncIterator[Played]:
    """Every device at its port until the end."""
    ports = asyncio.Event()
    world = World(compound.config(), Scenario(person={}), lambda _: None, ports.set)
    hardware = asyncio.create_task(world.run(), name="hardware")
    await ports.wait()
    try:
        yield Played(world)
    finally:
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)
