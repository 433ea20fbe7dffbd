"""What the conformance kit asks of serial lines, asked of a connection: silence, noise, lone bytes,
half and trailing frames, unplugging, a flood. Afterwards the same exchange works.

A proxy between driver and broker is the cable; the broker is the demo's own, the device simulated.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from drivers import mqtt_connection
from drivers.api import CardRead, DeviceOffline, OutputsReported
from simulators.broker_process import BrokerProcess
from simulators.mqtt_devices import SimulatedTasmota
from tests.drivers.mqtt import until
from tests.drivers.mqtt_devices.site_rig import Site, device, line, running
from tests.servers import make_broker

SEED = 20_261_122
Treatment = Callable[[bytes], list[bytes]]


@pytest.fixture(scope="module")
def own_broker() -> Iterator[BrokerProcess]:
    with make_broker("embedded") as started:
        yield started


def untouched(data: bytes) -> list[bytes]:
    return [data]


def one_by_one(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


class Cable:
    """Every connection of the driver goes through it. `treat` has what the broker says."""

    def __init__(self, port: int) -> None:
        self._broker = port
        self.treat: Treatment = untouched
        self.is_plugged = True
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def say(self, data: bytes) -> None:
        """What no broker said."""
        for writer in self._writers:
            writer.write(data)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_plugged:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass(reader, far_writer, untouched))
                tasks.create_task(self._pass(far_reader, writer, self._treated))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)

    def _treated(self, data: bytes) -> list[bytes]:
        return self.treat(data)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, treat: Treatment
    ) -> None:
        try:
            while data := await reader.read(4096):
                for part in treat(data):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
        finally:
            writer.transport.abort()


class Bench:
    """A Tasmota at the broker, and the driver at the cable."""

    def __init__(self, broker: BrokerProcess, cable: Cable) -> None:
        self.cable = cable
        self.gate = SimulatedTasmota(broker.port, "gate1")
        self.site = Site(line(cable.port, {"gate1": device("tasmota", topic="gate1", outputs=1)}))
        self._badges = 0

    async def exchange(self) -> None:
        """A badge is read, a release is confirmed, and so is the lock behind it."""
        await self.site.online("gate1")
        self.site.leap(2)
        cards, strokes = len(self.site.facts(CardRead)), self.gate.relays[0].strokes
        self._badges += 1
        self.gate.badge("BA839D07", second=self._badges)
        await until(lambda: len(self.site.facts(CardRead)) == cards + 1, "the badge")
        await self.site.ended(self.site.open("gate1", within_ms=10_000), "confirmed")
        await self.site.ended(self.site.lock("gate1"), "confirmed")
        assert self.gate.relays[0].strokes == strokes + 1


def at(broker: BrokerProcess, scene: Callable[[Bench], object]) -> None:
    async def play() -> None:
        cable = Cable(broker.port)
        async with cable.open():
            bench = Bench(broker, cable)
            async with running(bench.site, bench.gate):
                await bench.exchange()
                said = len(bench.site.said)
                await scene(bench)  # type: ignore[misc]
                assert not any(isinstance(fact, CardRead) for fact in bench.site.said[said:]), (
                    "nobody showed a badge"
                )
                bench.cable.treat, bench.cable.is_plugged = untouched, True
                await bench.exchange()
                assert bench.gate.relays[0].strokes == 2

    asyncio.run(play())


def test_bytes_come_one_by_one(own_broker):
    async def scene(bench: Bench) -> None:
        bench.cable.treat = one_by_one
        await bench.site.ended(bench.site.lock("gate1"), "confirmed")

    at(own_broker, scene)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x30\x7f\x00\x05tele/",  # the beginning of a message, and then the next one's bytes
        b"\xff" * 64,
        b"\x30\xff\xff\xff\x7f",  # a message of 256 MiB
        b"\x40\x01\x00",
        random.Random(SEED).randbytes(4096),
    ],
    ids=["half", "ones", "huge", "short", "noise"],
)
def test_garbage_behind_a_frame_costs_the_connection_and_nothing_else(own_broker, garbage):
    async def scene(bench: Bench) -> None:
        bench.cable.say(garbage)
        bench.gate.say("stat/gate1/RESULT", {"POWER": "OFF"})
        bench.cable.cut()  # where it takes the rest for a frame that is not whole yet
        await bench.site.offline("gate1")

    at(own_broker, scene)


def test_unplugged_and_plugged_in_again(own_broker):
    async def scene(bench: Bench) -> None:
        bench.cable.is_plugged = False
        bench.cable.cut()
        await bench.site.offline("gate1")
        lost = bench.site.open("gate1")
        await bench.site.ended(lost, "lost")
        (offline,) = bench.site.facts(DeviceOffline)[-1:]
        assert f"127.0.0.1:{bench.cable.port}" in offline.reason

    at(own_broker, scene)


def test_half_of_everything_that_is_said(own_broker):
    async def scene(bench: Bench) -> None:
        bench.cable.treat = lambda data: [data[: len(data) // 2]]
        late = bench.site.open("gate1", within_ms=200)
        await bench.site.ended(late, "expired")
        bench.cable.cut()
        await bench.site.offline("gate1")

    at(own_broker, scene)


def test_a_flood_of_what_is_nobodys(own_broker):
    async def scene(bench: Bench) -> None:
        for number in range(500):
            bench.gate.say("stat/gate1/RESULT", {"Flood": number})
            if number % 50 == 0:
                await until(lambda: bench.gate.link.outstanding == 0, "sent")
        await bench.site.ended(bench.site.lock("gate1"), "confirmed")
        assert len(bench.site.facts(OutputsReported)) <= 4

    at(own_broker, scene)


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x05"])
def test_what_is_no_broker_is_told(says, monkeypatch):
    monkeypatch.setattr(mqtt_connection, "ANSWER_S_MAX", 0.1)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        with contextlib.suppress(OSError):
            await reader.read(-1)
        writer.close()

    async def play() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        site = Site(line(port, {"gate1": device("tasmota", topic="gate1")}))
        async with running(site):
            await until(lambda: bool(site.errors), "told")
        assert f"127.0.0.1:{port}" in str(site.errors[0])
        assert not site.is_online("gate1")
        server.close()

    asyncio.run(play())
