"""From an order to the last door that obeys: one edge, 40 portals, four devices a bus.

The edge is a process of its own; the readers are simulated here, on lines as slow as 38,400 baud.
What is taken of time stands in the edge's own journal: the entry by which the order was accepted,
and those by which devices confirmed. Who cannot be reached is named is timed from outside.
"""

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from controller.arrival import CONFIRMED, Action
from controller.events import EffectEnded, Entry, OrderAccepted, decode_body, decode_entry
from edge.control.client import Client, ControlClientError
from edge.control.messages_orders import ArrivalReply, Carrier
from edge.orders import ACCEPT_S, LiftOrder, LockdownOrder, signed_by, stamp, stamped
from edge.signatures import SigningKey, public_text
from simulators.broker_process import BrokerProcess
from simulators.mosquitto import find_mosquitto
from simulators.osdp_reader import SimulatedReader
from tests.bench import Figure
from tests.bench.paced_line import PacedLine
from tests.edge.signed import ANNA, BEN
from tests.records import ROOT

BUSES, A_BUS = 10, 4
BAUD = 38_400
ORDERS = 60
GONE = 3
"""Devices that are unplugged for the last orders."""

GONE_ORDERS = 10
START_S = 60.0
AIM_MS = 250.0
LOCKED = (Action.SECURE, CONFIRMED)

POLICY = """
schema = 1
site = "bench"
version = 1
timezone = "Europe/Vienna"

[factors]
badge = { 1 = "badge" }

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
[portal.p{number}]
from = "street"
to = "hall"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
open-s = 2
"""

SITE = """
site = "bench"
edge = "gate"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"
trust-clock = "always"
"""

LINE = """
[line.bus{bus}]
driver = "osdp"
port = "bus{bus}"
baud = 38400
"""

DEVICE = """
[device.d{number}]
line = "bus{bus}"
address = {address}
key = "d{number}.key"
inputs = 1
outputs = 1

[portal.p{number}]
lock = {{ device = "d{number}", output = 0 }}
contact = {{ device = "d{number}", input = 0 }}
entry-reader = "d{number}"
accept-exposed-lock = true
"""


def make_site(folder: Path, broker: int | None) -> list[list[SimulatedReader]]:
    """The files, and the readers of each bus."""
    numbers = range(BUSES * A_BUS)
    (folder / "policy.toml").write_text(
        POLICY + "".join(PORTAL.format(number=number) for number in numbers)
    )
    text = SITE
    if broker is not None:
        text += f'\n[broker]\nhost = "127.0.0.1"\nport = {broker}\n'
    for name, person, key in (("anna", "Anna", ANNA), ("ben", "Ben", BEN)):
        public = public_text(key.public)
        text += f'\n[key.{name}]\nperson = "{person}"\npublic = "{public}"\nmay = ["order"]\n'
    buses = []
    for bus in range(BUSES):
        text += LINE.format(bus=bus)
        readers = []
        for address in range(A_BUS):
            number = bus * A_BUS + address
            text += DEVICE.format(number=number, bus=bus, address=address)
            key = secrets.token_bytes(16)
            _secret(folder / f"d{number}.key", key.hex().encode())
            readers.append(SimulatedReader(address, key, os.urandom, inputs=1, outputs=1))
        buses.append(readers)
    _secret(folder / "site.key", secrets.token_bytes(32))
    (folder / "site.toml").write_text(text)
    (folder / "state").mkdir(mode=0o700)
    return buses


def _secret(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)


@asynccontextmanager
async def running(folder: Path, buses: list[list[SimulatedReader]]) -> AsyncIterator[None]:
    """The edge and its lines, every portal found and secured."""
    command = [sys.executable, "-m", "edge.main", "run", "--config", str(folder / "site.toml")]
    async with AsyncExitStack() as stack:
        for bus, readers in enumerate(buses):
            await stack.enter_async_context(PacedLine(folder / f"bus{bus}", readers, BAUD))
        with (folder / "edge.log").open("wb") as log:
            process = await asyncio.to_thread(subprocess.Popen, command, cwd=ROOT, stderr=log)
        try:
            until_s = time.monotonic() + START_S
            while not await asyncio.to_thread(_ready, folder):
                said = (folder / "edge.log").read_text
                assert process.poll() is None, said()
                assert time.monotonic() < until_s, said()
                await asyncio.sleep(0.2)
            yield
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


def _ready(folder: Path) -> bool:
    try:
        with Client(folder / "state") as client:
            status = client.status()
    except ControlClientError:
        return False
    settled = all(portal.linked and portal.contact == "closed" for portal in status.portals)
    return status.ready and settled and len(status.portals) == BUSES * A_BUS


class Chief:
    """Whoever gives the orders, at the control socket."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "state"
        self._made_ms = 0

    def lockdown(self) -> tuple[float, float]:
        """Milliseconds from its acceptance to the last device that confirmed, by the journal; and
        from sending it to the first word that names everybody who is missing, seen from here.
        """
        with Client(self._state) as client:
            before = client.status().seq
            sent_s = time.perf_counter()
            reply = client.give_order(self._made(LockdownOrder, ANNA), Carrier.CONTROL)
            assert reply.standing, reply
            named_s = 0.0
            for said in client.follow_order(reply.order):
                if isinstance(said, ArrivalReply):
                    named_s = named_s or time.perf_counter() - sent_s
                    if all(one.obeyed or not one.linked for one in said.portals):
                        break
        with Client(self._state) as client:
            entries = [decode_entry(one.entry.encode()) for one in client.entries(before + 1)]
        with Client(self._state) as client:
            ends = {"ends": (reply.order,), "accept_until_s": int(time.time()) + ACCEPT_S}
            lifted = client.give_order(self._made(LiftOrder, ANNA, BEN, **ends), Carrier.CONTROL)
            assert lifted.accepted, lifted
        return _took_ms(entries), named_s * 1e3

    def status_linked(self) -> int:
        with Client(self._state) as client:
            return sum(portal.linked for portal in client.status().portals)

    def _made(self, kind: type, *keys: SigningKey, **fields: object) -> bytes:
        self._made_ms = max(self._made_ms + 1, time.time_ns() // 1_000_000)
        head = stamp(
            "bench",
            keys[0].id,
            "a figure",
            now_ms=self._made_ms,
            review_s=int(time.time()) + 3600,
            entropy=os.urandom,
        )
        return signed_by(stamped(kind, head)(**fields), keys)


def _took_ms(entries: list[Entry]) -> float:
    accepted_us = last_us = 0
    for entry in entries:
        body = decode_body(entry)
        if isinstance(body, OrderAccepted):
            accepted_us = entry.mono_us
        elif isinstance(body, EffectEnded) and (body.action, body.outcome) == LOCKED:
            last_us = entry.mono_us
    assert accepted_us, "no order"
    assert last_us, "no door"
    return (last_us - accepted_us) / 1e3


@contextmanager
def _broker(*, wanted: bool) -> Iterator[int | None]:
    if not wanted:
        yield None
        return
    with BrokerProcess("mosquitto") as broker:
        yield broker.port


async def measure(folder: Path, broker: int | None) -> tuple[list[float], list[float]]:
    """Of orders to all, then of some while devices are gone."""
    buses = make_site(folder, broker)
    chief = Chief(folder)
    async with running(folder, buses):
        await asyncio.to_thread(chief.lockdown)
        took_ms = [(await asyncio.to_thread(chief.lockdown))[0] for _ in range(ORDERS)]
        for readers in buses[:GONE]:
            readers[0].silent = True
        while await asyncio.to_thread(chief.status_linked) > BUSES * A_BUS - GONE:
            await asyncio.sleep(0.1)
        named_ms = [(await asyncio.to_thread(chief.lockdown))[1] for _ in range(GONE_ORDERS)]
    return took_ms, named_ms


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def run() -> list[Figure]:
    """Name, value, unit, note."""
    figures = []
    for wanted in (False, True):
        if wanted and find_mosquitto() is None:
            continue
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, _broker(wanted=wanted) as port:
            took_ms, named_ms = asyncio.run(measure(Path(name), port))
        how = "with a broker" if wanted else "no broker"
        note = f"{BUSES * A_BUS} portals, {A_BUS} devices a bus, {BAUD} baud, {len(took_ms)} orders"
        figures += [
            Figure(
                f"lockdown to last device, {how}, median", statistics.median(took_ms), "ms", note
            ),
            Figure(f"lockdown to last device, {how}, p99", _p99(took_ms), "ms", f"aim {AIM_MS:g}"),
            Figure(
                f"lockdown to {GONE} unreachable named, {how}, most",
                max(named_ms),
                "ms",
                f"{len(named_ms)} orders, from sending it at the control socket; aim 1,000",
            ),
        ]
    return figures
