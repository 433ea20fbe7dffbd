"""A site whose readers always have a badge waiting: as many events as its lines carry.

The readers live in the process of whoever uses it and on real ptys, so they outlive an edge that is
killed and answer the next one. The edge is `sentrypost run`, a process of its own.
"""

import asyncio
import os
import random
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from controller.ids import CredentialId, HolderId
from edge.people import (
    Change,
    CredentialRecord,
    HolderRecord,
    People,
    credential_ref,
    load_site_key,
)
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader
from simulators.secret_file import write_secret
from tests.records import ROOT

LINES = 4
READERS = 2
"""On each line. Readers take the time that their bytes take at the line's speed: with so many lines
the edge's own processor limits the flow, and not the cables."""

REFILL_S = 0.01
"""The site's poll time: no reader is asked for its next card sooner."""

WAITING_MIN = 2
"""Cards that wait in each reader while badges flow: none is ever asked in vain."""

KNOWN, ROLELESS = b"\x2e\xc0\xc8\x40", b"\x11\x22\x33\x40"
"""26-bit badges, left-aligned; any other one is a stranger's."""

PORTAL = """
[portal.{name}]
from = "street"
to = "hall"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
contact = false
open-s = 1
"""

POLICY = """
schema = 1
site = "busy"
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
{portals}
[role.staff]
clearance = 3

[[grant]]
id = "g1"
roles = ["staff"]
zones = ["hall"]
"""

SITE = """
site = "busy"
edge = "gate"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"
trust-clock = "always"

[broker]
host = "127.0.0.1"
port = {port}
"""

LINE = """
[line.{line}]
driver = "osdp"
port = "{line}"
baud = 230400
poll-ms = 10
"""

DEVICE = """
[device.{name}]
line = "{line}"
address = {address}
key = "{name}.key"
outputs = 1

[portal.{portal}]
lock = {{ device = "{name}", output = 0 }}
entry-reader = "{name}"
accept-exposed-lock = true
"""


class BusySite:
    """A folder that describes the site, and the readers at the far ends of its lines."""

    def __init__(self, folder: Path, broker_port: int, chance: random.Random) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = folder / "state"
        self.journal = self.state / "journal"
        self.flowing = False
        self._chance = chance
        self.lines: dict[str, list[SimulatedReader]] = {}
        site, portals = SITE.format(port=broker_port), ""
        for line in (f"line-{number}" for number in range(1, LINES + 1)):
            site += LINE.format(line=line)
            self.lines[line] = []
            for address in range(1, READERS + 1):
                name, portal = f"{line}-reader-{address}", f"{line}-door-{address}"
                site += DEVICE.format(name=name, line=line, address=address, portal=portal)
                portals += PORTAL.format(name=portal)
                key = secrets.token_bytes(16)
                write_secret(folder / f"{name}.key", key.hex().encode())
                self.lines[line].append(
                    SimulatedReader(address, key, os.urandom, inputs=0, outputs=1)
                )
        (folder / "site.toml").write_text(site)
        (folder / "policy.toml").write_text(POLICY.format(portals=portals))
        write_secret(folder / "site.key", secrets.token_bytes(32))
        self._enrol()

    @asynccontextmanager
    async def plugged_in(self) -> AsyncIterator[None]:
        """The readers on their ptys; cards come while `flowing`."""
        async with AsyncExitStack() as stack:
            for line, readers in self.lines.items():
                await stack.enter_async_context(ReaderLine(self.folder / line, readers))
            cards = asyncio.create_task(self._hold_cards(), name="cards")
            try:
                yield
            finally:
                cards.cancel()

    async def _hold_cards(self) -> None:
        readers = [reader for line in self.lines.values() for reader in line]
        while True:
            await asyncio.sleep(REFILL_S)
            for reader in readers if self.flowing else ():
                while len(reader._events) < WAITING_MIN:
                    reader.present_card(26, self._card())

    def _card(self) -> bytes:
        return self._chance.choice((KNOWN, ROLELESS, self._chance.randbytes(3) + b"\x40"))

    def _enrol(self) -> None:
        self.state.mkdir(mode=0o700)
        key = load_site_key(self.folder / "site.key")
        people = (
            ("a" * 16, "c" * 16, "Ada Löwe", ("staff",), KNOWN),
            ("b" * 16, "d" * 16, "Bob Maier", (), ROLELESS),
        )
        with People.open(self.state / "site.db", create=True) as file:
            file.apply(
                Change(
                    base=file.version,
                    holders=tuple(
                        HolderRecord(id=holder, external_id=holder[:4], name=name, roles=roles)
                        for holder, _, name, roles, _ in people
                    ),
                    credentials=tuple(
                        CredentialRecord(
                            id=CredentialId(credential),
                            holder=HolderId(holder),
                            ref=credential_ref(key, 26, badge),
                        )
                        for holder, credential, _, _, badge in people
                    ),
                    pins=(),
                )
            )

    def start_edge(self) -> subprocess.Popen[bytes]:
        """`sentrypost run`, at once; what it says goes to `edge.log`."""
        command = [sys.executable, "-m", "edge.main", "run", "--config"]
        with (self.folder / "edge.log").open("ab") as log:
            return subprocess.Popen(
                [*command, str(self.folder / "site.toml")], cwd=ROOT, stderr=log
            )
