"""Three whole edges of one site, each `sentrypost run`, with a central over a real broker."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from central.control_client import CentralClient, NoCentralError
from central.control_messages import Distribution, EdgeRow
from controller import events as ev
from controller.events import decode_body
from edge.control.client import Client
from edge.people import (
    LINE_MAX,
    PAYLOAD_TYPE,
    Made,
    People,
    PinHasher,
    everybody,
    load_site_key,
    plan_import,
    seal,
    sealed,
    since,
)
from edge.signatures import SigningKey, sign
from simulators.secret_file import write_secret
from tests.central.rig import ROOT, CentralProcess
from tests.commands import command
from tests.edge.house import ADA, House
from tests.edge.process import EdgeProcess, running_process
from tests.edge.signed import CARL, signed_house

EDGES = ("annex", "gate", "villa")
SITE = "house"
PATIENCE_S = 30.0
REVOKED = b"id,status\n1,revoked\n"
RESTORED = b"id,status\n1,active\n"


class Said(NamedTuple):
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Fleet:
    """The houses of the edges, the office where people are changed, and central's folder."""

    def __init__(self, folder: Path, port: int, names: Sequence[str] = EDGES) -> None:
        self.folder, self.port = folder, port
        self.houses: dict[str, House] = {}
        self.edges: dict[str, EdgeProcess] = {}
        self.office = self._house("office", port)
        for name in names:
            self.houses[name] = self._house(name, port)
            self._same_people(self.houses[name])
        self.archive = folder / "archive.db"

    def _house(self, name: str, port: int) -> House:
        folder = self.folder / name
        folder.mkdir()
        house = signed_house(folder)
        site = folder / "site.toml"
        text = site.read_text().replace('edge = "gate"', f'edge = "{name}"')
        site.write_text(f'{text}\n[broker]\nhost = "127.0.0.1"\nport = {port}\n')
        return house

    def _same_people(self, house: House) -> None:
        key, people = house.folder / "site.key", house.folder / "state" / "site.db"
        key.unlink()
        write_secret(key, (self.office.folder / "site.key").read_bytes())
        people.write_bytes((self.office.folder / "state" / "site.db").read_bytes())

    # --- the office -------------------------------------------------------------------------

    @contextmanager
    def _people(self) -> Iterator[People]:
        with People.open(self.office.folder / "state" / "site.db") as people:
            yield people

    def change(self, csv: bytes) -> int:
        """People are changed at the office; the version after it."""
        config = self.office.config()
        key = load_site_key(config.site_key)
        with self._people() as people:
            plan = plan_import(people.roll, csv, config.policy, key)
            assert not plan.problems, plan.problems[:3]
            change = seal(plan, PinHasher(), workers=1)
            people.apply(change, Made(by="officer", edge="office", utc_us=time.time_ns() // 1000))
            return people.version

    def change_set(self, base: int | None, *keys: SigningKey) -> bytes:
        """What has changed after that version, signed by Carl unless by others."""
        key = load_site_key(self.office.config().site_key)
        with self._people() as people:
            steps = people.steps(LINE_MAX)
            found = (
                everybody(SITE, "office", people.roll, steps)
                if base is None
                else since(SITE, "office", people.roll, steps, base)
            )
        return sign(sealed(found, key, os.urandom), PAYLOAD_TYPE, keys or (CARL,))

    def revocation(self) -> bytes:
        """Ada's badge opens nothing any more."""
        return self.change_set(self.change(REVOKED) - 1)

    def file(self, name: str, envelope: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(envelope)
        return path

    # --- the edges --------------------------------------------------------------------------

    async def decided(self, name: str) -> ev.DecisionMade:
        """What the edge decides about Ada's badge, here and now."""
        house = self.houses[name]
        with Client(house.folder / "state") as client:
            following = client.status().seq + 1
        house.badge("front-in", ADA)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for body in await asyncio.to_thread(bodies, house, following):
                    if isinstance(body, ev.DecisionMade):
                        return body
                await asyncio.sleep(0.02)

    async def opens(self, *names: str) -> dict[str, bool]:
        """Where Ada's badge opens the front door, and where not."""
        made = await asyncio.gather(*(self.decided(name) for name in names))
        for one in made:
            print(one.decision)  # noqa: T201  # shown where it was not what was expected
        return {name: one.decision.granted for name, one in zip(names, made, strict=True)}

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """These edges, with their devices."""
        async with asyncio.TaskGroup() as tasks:
            stop = asyncio.Event()
            up = [asyncio.Event() for _ in names]
            for name, one in zip(names, up, strict=True):
                tasks.create_task(self._run(name, one, stop))
            try:
                await asyncio.gather(*(one.wait() for one in up))
                yield
            finally:
                stop.set()

    async def _run(self, name: str, up: asyncio.Event, stop: asyncio.Event) -> None:
        house = self.houses[name]
        async with house.line(), running_process(house) as edge:
            self.edges[name] = edge
            up.set()
            await stop.wait()
            del self.edges[name]

    # --- central ----------------------------------------------------------------------------

    @property
    def state(self) -> Path:
        return self.folder / "archive.state"

    @contextmanager
    def central(self, *options: str) -> Iterator[CentralProcess]:
        process = CentralProcess(self.port, self.archive, "--json", *options)
        try:
            yield process
        finally:
            if process.process.poll() is None:
                process.kill()

    async def command(self, *words: str) -> Said:
        """`sentrypost central …`."""
        told = partial(command, "central", *words, "--state", self.state, cwd=ROOT)
        done = await asyncio.to_thread(told)
        return Said(done.returncode, done.stdout, done.stderr)

    async def distribute(self, envelope: bytes, wait_s: float = PATIENCE_S) -> Distribution:
        """As `sentrypost central distribute` asks for it."""

        def asked() -> Distribution:
            with CentralClient(self.state) as central:
                return central.distribute(envelope, "", wait_s, lambda _: None)

        return await asyncio.to_thread(asked)

    async def rows(self) -> dict[str, EdgeRow]:
        """Each edge as central shows it; empty while no central answers."""

        def asked() -> dict[str, EdgeRow]:
            try:
                with CentralClient(self.state) as central:
                    return {row.edge: row for row in central.edges()[1]}
            except NoCentralError:
                return {}

        return await asyncio.to_thread(asked)

    async def known(self, *names: str) -> None:
        """Wait until exactly these are connected."""
        async with asyncio.timeout(PATIENCE_S):
            while {n for n, row in (await self.rows()).items() if row.connected} != set(names):
                await asyncio.sleep(0.05)

    async def version(self, name: str) -> int:
        house = self.houses[name]

        def asked() -> int:
            with Client(house.folder / "state") as client:
                return client.status().people_version

        return await asyncio.to_thread(asked)

    async def reaches(self, version: int, *names: str) -> None:
        """Wait until these go by that version of the people."""
        async with asyncio.timeout(PATIENCE_S):
            while [await self.version(name) for name in names] != [version] * len(names):
                await asyncio.sleep(0.02)


def bodies(house: House, from_seq: int = 1) -> Sequence[ev.Body]:
    """What the running edge has on disk from that entry on."""
    with ExitStack() as stack:
        client = stack.enter_context(Client(house.folder / "state"))
        return [
            decode_body(ev.decode_entry(one.entry.encode())) for one in client.entries(from_seq)
        ]


def operators(house: House) -> set[str]:
    """Under which names the running edge has anything on record."""
    with Client(house.folder / "state") as client:
        return {
            value.value
            for one in client.entries(1)
            for value in one.personal
            if value.field == "operator"
        }
