"""Many whole edges in one process, with doors that are modelled: for what only many of them show.

Core, recorder, journal, desk, uplink and link are the edge's own, as `edge.app` puts them together.
A door is a lock and a contact behind one OSDP board, four boards to a bus. Of the bus its time is
modelled: a command waits for the exchange that is on the wire, then for those before it, and takes
as long as 54 bytes at 38,400 baud and a board's pause need. Nothing is polled, nothing encrypted.
"""

import asyncio
import heapq
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random

import msgspec

from drivers import api
from drivers.api import InputState
from drivers.mqtt_link import LinkReport, MqttLink
from edge.assembly import Edge, Outside, assembled
from edge.broker_link import broker_settings
from edge.clock import SystemClock
from edge.config import Config, load_config
from edge.duress import Sealer
from edge.journal import JournalWriter
from edge.journal_keys import journal_key
from edge.order_key import order_key
from edge.people import People, PinChecker, PinHasher, load_site_key
from edge.signatures import public_text
from simulators.secret_file import write_secret
from tests.edge.signed import ANNA, BEN

SITE = "campus"
DOORS = 10
BOARDS_A_BUS = 4

EXCHANGE_S = 0.018
"""54 bytes of a secured command and its answer at 38,400 baud are 14 ms, and boards take 4."""

POLICY = """
schema = 1
site = "{site}"
version = 1
timezone = "Europe/Vienna"

[factors]
badge = {{ 1 = "badge" }}

[zone.street]
kind = "public"
[zone.hall]
kind = "premises"
inside = "street"
factors = "badge"

[role.staff]
clearance = 3

[[grant]]
id = "g1"
roles = ["staff"]
zones = ["hall"]
"""

PORTAL = """
[portal.door-{number}]
from = "street"
to = "hall"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
open-s = 2
held-s = 3
"""

EDGE = """
site = "{site}"
edge = "{edge}"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"
trust-clock = "always"

[broker]
host = "127.0.0.1"
port = {port}
"""

LINE = """
[line.bus-{number}]
driver = "osdp"
port = "bus-{number}"
baud = 38400
"""

BOARD = """
[device.board-{number}]
line = "bus-{bus}"
address = {address}
key = "board-{number}.key"
inputs = 1
outputs = 1

[portal.door-{number}]
lock = {{ device = "board-{number}", output = 0 }}
contact = {{ device = "board-{number}", input = 0 }}
"""

KEY = """
[key.{name}]
person = "{person}"
public = "{public}"
may = ["order"]
"""


def write_edge(folder: Path, edge: str, port: int, doors: int = DOORS) -> Path:
    """The site file of one edge in a folder of its own; the folder above has the site's keys."""
    site_key, own = folder / "site.key", folder / edge
    if not site_key.exists():
        write_secret(site_key, secrets.token_bytes(32))
    own.mkdir(exist_ok=True)
    portals = "".join(PORTAL.format(number=number) for number in range(doors))
    (own / "policy.toml").write_text(POLICY.format(site=SITE) + portals)
    parts = [EDGE.format(site=SITE, edge=edge, port=port).replace('"site.key"', '"../site.key"')]
    for number in range(doors):
        bus, address = divmod(number, BOARDS_A_BUS)
        write_secret(own / f"board-{number}.key", secrets.token_hex(16).encode())
        if address == 0:
            parts.append(LINE.format(number=bus))
        parts.append(BOARD.format(number=number, bus=bus, address=address))
    for name, person, key in (("anna", "Anna", ANNA), ("ben", "Ben", BEN)):
        parts.append(KEY.format(name=name, person=person, public=public_text(key.public)))
    (own / "site.toml").write_text("".join(parts))
    return own / "site.toml"


class Bus:
    """One line of boards: `drivers.api.Driver`. Every door is closed, until somebody opens it."""

    def __init__(self, devices: Sequence[str], chance: Random) -> None:
        self.devices = tuple(devices)
        self.turns = 0
        self.opened = 0
        """Commands that let somebody in or out, which boards have carried out."""
        self._chance = chance
        self._away: set[str] = set()
        self._order = count()
        self._queue: list[tuple[int, int, api.Command]] = []
        self._came = asyncio.Event()
        self._report: Callable[[api.Fact], None] = lambda _: None

    async def run(self, report: api.Report, stands: api.Stands) -> None:
        self._report = report
        for device in self.devices:
            self.comes(device)
        while True:
            self.turns += 1
            if not self._queue:
                self._came.clear()
                await self._came.wait()
                await asyncio.sleep(self._chance.uniform(0, EXCHANGE_S))
            _, _, command = heapq.heappop(self._queue)
            await self._carry_out(command, stands)

    async def _carry_out(self, command: api.Command, stands: api.Stands) -> None:
        if command.device in self._away:
            self._end(command, api.Outcome.LOST)
        elif command.not_after_ns is not None and time.monotonic_ns() > command.not_after_ns:
            self._end(command, api.Outcome.EXPIRED)
        elif not stands(command):
            self._end(command, api.Outcome.WITHDRAWN)
        else:
            await asyncio.sleep(EXCHANGE_S)
            lost = command.device in self._away
            self.opened += not lost and _opens(command.action)
            self._end(command, api.Outcome.LOST if lost else api.Outcome.CONFIRMED)

    def submit(self, command: api.Command) -> None:
        heapq.heappush(self._queue, (command.priority, next(self._order), command))
        self._came.set()

    def watch(self, tap: api.Tap | None) -> None:
        """Nothing is said on a line that is not there."""

    def goes(self, device: str) -> None:
        """It answers no more."""
        self._away.add(device)
        self._report(
            api.DeviceOffline(device=device, at_ns=time.monotonic_ns(), reason="no answer")
        )

    def comes(self, device: str) -> None:
        """It answers, and its door is closed."""
        self._away.discard(device)
        now = time.monotonic_ns()
        self._report(
            api.DeviceOnline(device=device, at_ns=now, identity="a modelled board", secure=True)
        )
        self.door(device, InputState.INACTIVE)

    def door(self, device: str, state: InputState) -> None:
        """Where its contact is: inactive is closed."""
        self._report(api.InputsReported(device=device, at_ns=time.monotonic_ns(), states=(state,)))

    def _end(self, command: api.Command, outcome: api.Outcome) -> None:
        now = time.monotonic_ns()
        self._report(
            api.CommandEnded(
                device=command.device, at_ns=now, command=command.id, outcome=outcome, sent_ns=now
            )
        )


def _opens(action: api.Action) -> bool:
    """Locks here take power to unlock."""
    match action:
        case api.Pulse(on=on) | api.Hold(on=on):
            return on
        case _:
            return False


class Modelled:
    """One running edge and its doors."""

    def __init__(self, edge: Edge, buses: dict[str, Bus]) -> None:
        self.edge = edge
        self.buses = buses

    @property
    def opened(self) -> int:
        """How often a lock was let go so far."""
        return sum(bus.opened for bus in self.buses.values())

    def bus_of(self, board: str) -> Bus:
        return next(bus for bus in self.buses.values() if board in bus.devices)


def buses_of(config: Config, chance: Random) -> dict[str, Bus]:
    """A bus for each line of the site file."""
    lines: dict[str, list[str]] = {}
    for name, device in config.devices.items():
        lines.setdefault(device.line, []).append(name)
    return {line: Bus(devices, chance) for line, devices in lines.items()}


@asynccontextmanager
async def modelled(site_file: Path, port: int | None = None) -> AsyncIterator[Modelled]:
    """The edge of a site file, running until the block ends. `port`: another way to the broker."""
    config = load_config(site_file)
    config.state.mkdir(mode=0o700, exist_ok=True)
    chance = Random(site_file.parent.name)
    buses = buses_of(config, chance)
    settings = broker_settings(config)
    assert settings is not None, "every edge here has a broker"
    if port is not None:
        settings = msgspec.structs.replace(settings, port=port)

    def link(report: Callable[[LinkReport], None]) -> MqttLink:
        return MqttLink(settings, report)

    async with AsyncExitStack() as stack:
        writer = await JournalWriter.open(
            config.state,
            site=config.site,
            edge=config.edge,
            entropy=os.urandom,
            utc_us=time.time_ns() // 1_000,
        )
        stack.push_async_callback(writer.close)
        people = stack.enter_context(People.open(config.state / "site.db", create=True))
        pins = PinChecker(people.pin, PinHasher(), Sealer(config.recipients))
        stack.callback(pins.close)
        outside = Outside(
            key=load_site_key(config.site_key),
            journal_key=journal_key(config.state),
            order_key=order_key(config.state),
            clock=SystemClock(config.trust_clock),
            entropy=os.urandom,
            jitter=chance,
            drivers=buses,
            writer=writer,
            people=people,
            pins=pins,
            ballast=None,
            link=link,
        )
        edge = await assembled(config, outside)
        task = asyncio.create_task(edge.run(), name=config.edge)
        try:
            yield Modelled(edge, buses)
        finally:
            edge.daemon.stop()
            await task
