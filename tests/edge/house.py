"""A whole small site in a folder: policy, site file, keys, and simulated devices on a real pty."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from controller.events import Body, decode_body, decode_entry
from controller.ids import CredentialId, HolderId
from edge.app import opened
from edge.assembly import Edge
from edge.clock import boot_time
from edge.config import Config, load_config
from edge.people import (
    Change,
    CredentialRecord,
    HolderRecord,
    People,
    PinCost,
    PinHasher,
    PinRecord,
    credential_ref,
    load_site_key,
)
from edge.safe_mode import Run
from policies.facts import Mode
from simulators.orders import offered, towards
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader
from simulators.secret_file import write_secret

POLICY = """
schema = 1
site = "house"
version = 1
timezone = "Europe/Vienna"

[factors]
badge = { 1 = "badge" }
pin = { 1 = "badge+pin" }

[zone.street]
kind = "public"
[zone.hall]
kind = "premises"
inside = "street"
factors = "badge"
[zone.vault]
kind = "premises"
inside = "hall"
factors = "pin"

[portal.front]
from = "street"
to = "hall"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
rex = "shunt"
open-s = 2
held-s = 3

[portal.vault-door]
from = "hall"
to = "vault"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
open-s = 2
held-s = 3

[fire.panel]

[role.staff]
clearance = 3

[[grant]]
id = "g1"
roles = ["staff"]
zones = ["hall", "vault"]
"""

SITE = """
site = "house"
edge = "gate"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"
trust-clock = "always"
{broker}
[line.north]
driver = "osdp"
port = "north"
baud = 115200
poll-ms = 20

[device.front-in]
line = "north"
address = 1
key = "front-in.key"

[device.vault-in]
line = "north"
address = 2
key = "vault-in.key"
keypad = true

[device.vault-out]
line = "north"
address = 3
key = "vault-out.key"

[device.board]
line = "north"
address = 4
key = "board.key"
inputs = 4
outputs = 2

[portal.front]
lock = {{ device = "board", output = 0 }}
contact = {{ device = "board", input = 0 }}
rex = {{ device = "board", input = 1 }}
entry-reader = "front-in"

[portal.vault-door]
lock = {{ device = "board", output = 1 }}
contact = {{ device = "board", input = 2 }}
entry-reader = "vault-in"
exit-reader = "vault-out"

[fire.panel]
input = {{ device = "board", input = 3 }}
"""

READERS = {"front-in": 1, "vault-in": 2, "vault-out": 3, "board": 4}
FRONT, VAULT = 0, 1
"""Outputs of the board."""
FRONT_CONTACT, FRONT_REX, VAULT_CONTACT, FIRE_LOOP = 0, 1, 2, 3
"""Inputs of the board."""

ADA, BOB = b"\x2e\xc0\xc8\x40", b"\x11\x22\x33\x40"
"""26-bit badges, left-aligned."""
PIN = "4711"
SOON_S = 0.01


class House:
    """The simulated side of the site, and the folder that describes it."""

    def __init__(self, folder: Path, broker: str = "") -> None:
        self.folder = folder
        self.strikes: list[tuple[float, int, bool]] = []
        (folder / "policy.toml").write_text(POLICY)
        (folder / "site.toml").write_text(SITE.format(broker=broker))
        write_secret(folder / "site.key", secrets.token_bytes(32))
        keys = {name: secrets.token_bytes(16) for name in READERS}
        for name, key in keys.items():
            write_secret(folder / f"{name}.key", key.hex().encode())
        self.readers = {
            name: SimulatedReader(
                address,
                keys[name],
                os.urandom,
                inputs=4 * (name == "board"),
                outputs=2 * (name == "board"),
                on_output=self._on_output,
            )
            for name, address in READERS.items()
        }
        self.board.set_input(FIRE_LOOP, True)
        self._enrol()

    @property
    def board(self) -> SimulatedReader:
        return self.readers["board"]

    def config(self) -> Config:
        return load_config(self.folder / "site.toml")

    def line(self) -> ReaderLine:
        return ReaderLine(self.folder / "north", list(self.readers.values()))

    def badge(self, reader: str, data: bytes) -> None:
        """Shown a moment later where the reader was only just found, and hands over what it kept:
        a badge would be taken for one that was shown while the reader was away.
        """
        device = self.readers[reader]
        if device.is_telling_stored:
            asyncio.get_running_loop().call_later(SOON_S, self.badge, reader, data)
        else:
            assert device.present_card(26, data)

    def opened_at(self, output: int) -> list[float]:
        """When the lock of an output was let go: current on the strike, none on the magnet."""
        return [
            at for at, number, on in self.strikes if number == output and on is (output == FRONT)
        ]

    def _on_output(self, number: int, energised: bool) -> None:
        self.strikes.append((asyncio.get_running_loop().time(), number, energised))

    def _enrol(self) -> None:
        """Ada is staff with a PIN; Bob has a badge and no role."""
        key = load_site_key(self.folder / "site.key")
        (self.folder / "state").mkdir(mode=0o700)
        cheap = PinHasher(PinCost(time_cost=1, memory_kib=8, lanes=1))
        with People.open(self.folder / "state" / "site.db", create=True) as people:
            people.apply(
                Change(
                    base=people.version,
                    holders=(
                        HolderRecord(id="a" * 16, external_id="1", name="Ada L", roles=("staff",)),
                        HolderRecord(id="b" * 16, external_id="2", name="Bob M", roles=()),
                    ),
                    credentials=(
                        CredentialRecord(
                            id=CredentialId("c" * 16),
                            holder=HolderId("a" * 16),
                            ref=credential_ref(key, 26, ADA),
                        ),
                        CredentialRecord(
                            id=CredentialId("d" * 16),
                            holder=HolderId("b" * 16),
                            ref=credential_ref(key, 26, BOB),
                        ),
                    ),
                    pins=(PinRecord(holder="a" * 16, hash=cheap.hash(PIN)),),
                )
            )


@asynccontextmanager
async def running(house: House) -> AsyncIterator[Edge]:
    """The edge of the house, stopped in good order at the end."""
    run = Run(house.folder / "state", boot_time)
    async with opened(house.config(), run) as edge:
        task = asyncio.create_task(edge.run(), name="edge")
        try:
            yield edge
        finally:
            edge.daemon.stop()
            await task
            run.ended()


def posture(edge: Edge, mode: Mode, threat: int = 1) -> None:
    """Bring the site to this by orders."""
    daemon = edge.daemon
    orders, utc_s = daemon.site.state.orders, daemon.now().utc_s
    for order in list(towards(orders, mode, threat, utc_s, daemon.new_id)):
        daemon.judge(offered(order))


async def bodies(edge: Edge, kind: type[Body] = Body) -> list[Body]:
    """What is on disk, of one kind."""
    stored = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
    found = [decode_body(decode_entry(record.entry)) for record in stored]
    return [body for body in found if isinstance(body, kind)]


async def until(edge: Edge, kind: type[Body], count: int = 1, within_s: float = 30.0) -> list[Body]:
    """Wait until the journal holds so many of a kind."""
    async with asyncio.timeout(within_s):
        while len(found := await bodies(edge, kind)) < count:
            await asyncio.sleep(0.01)
    return found
