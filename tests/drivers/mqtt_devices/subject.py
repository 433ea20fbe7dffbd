"""Devices at an MQTT broker in the conformance kit: a Tasmota relay with a switch.

The line is the TCP connection between driver and broker. What a bad cable does to bytes, TCP turns
into silence or into the end of the connection; what somebody puts into the stream arrives as it is.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from drivers.api import CommandEnded, Fact, InputsReported, InputState, OutputsReported, Pulse
from drivers.mqtt_devices.driver import MqttDevices
from drivers.mqtt_devices.family import parts
from drivers.mqtt_link import Publication
from simulators.mqtt_devices import SimulatedTasmota
from simulators.serial_line import Treatment, untouched
from tests.drivers.conformance import Bench, Subject, Watch
from tests.drivers.mqtt import until
from tests.drivers.mqtt_devices.site_rig import device, line

OPEN = Pulse(0, 200)
NAME = "gate1"


class Cable:
    """See `conformance.Line`: a proxy before the broker."""

    def __init__(self, broker: int, simulated: SimulatedTasmota) -> None:
        self.treatment: Treatment = untouched
        self.port = 0
        self._broker, self._device = broker, simulated
        self._is_plugged = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Cable"]:
        """Take connections until the block ends."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.unplug()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def say(self, data: bytes) -> None:
        """The device publishes it."""
        self._publish(f"stat/{NAME}/RESULT", data)

    def write(self, data: bytes) -> int:
        """Somebody publishes it where the driver listens."""
        return len(data) if self._publish(f"tele/{NAME}/SENSOR", data) else 0

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self._device.link.connected:
            self._device.link.publish(Publication(topic=topic, payload=payload))
        return self._device.link.connected

    def unplug(self) -> None:
        """Every connection ends, and so does each new one."""
        self._is_plugged = False
        for writer in self._writers:
            writer.transport.abort()

    def replug(self) -> None:
        """Connections are carried again."""
        self._is_plugged = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "started by the server"
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self._is_plugged:
                await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one of both ends has gone, and so has the other now; or the block has ended
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._broker)
        up = asyncio.create_task(self._up(reader, up_writer), name="proxy up")
        try:
            await self._down(up_reader, writer)
        finally:
            up.cancel()
            up_writer.transport.abort()
            await asyncio.gather(up, return_exceptions=True)

    async def _up(self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            up_writer.write(data)
        up_writer.transport.abort()

    async def _down(self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_gap = False
        while data := await up_reader.read(65536):
            pieces = list(self.treatment(data))
            said = b"".join(piece for _, piece in pieces)
            if not said:
                has_gap = True  # what comes behind a gap cannot be delivered by TCP
                continue
            is_sound = said.startswith(data)
            if has_gap or not (is_sound or data.startswith(said)):
                return
            for pause_s, piece in pieces:
                await asyncio.sleep(pause_s)
                writer.write(piece)
            if not is_sound:
                await writer.drain()
                return


class MqttBench:
    """See `conformance.Bench`."""

    def __init__(self, cable: Cable, simulated: SimulatedTasmota) -> None:
        wired = {NAME: device("tasmota", topic=NAME, inputs=1, outputs=1)}
        self.line = cable
        self.device = NAME
        self.driver = MqttDevices(*parts(line(cable.port, wired)))
        self._device = simulated

    async def exchange(self, watch: Watch) -> None:
        """A switch is seen to change, and a relay to go on and off again."""
        await watch.until(lambda: watch.online)
        for active in (True, False):
            state = InputState.ACTIVE if active else InputState.INACTIVE
            await watch.again(
                lambda active=active: self._device.switch(0, active),  # type: ignore[misc]
                lambda state=state: _last(watch) == (state,),  # type: ignore[misc]
            )
        strokes = self.acts()
        await watch.confirmed(OPEN)
        relay = self._device.relays[0]
        await watch.again(lambda: None, lambda: self.acts() > strokes and not relay.on)

    def is_true(self, fact: Fact) -> bool:
        match fact:
            case InputsReported(states=states):
                return len(states) == 1 and states[0] in {InputState.ACTIVE, InputState.INACTIVE}
            case OutputsReported(states=states):
                return len(states) == 1
            case CommandEnded():
                return True
            case _:
                return False

    def acts(self) -> int:
        return self._device.relays[0].strokes

    def sample(self) -> bytes:
        return json.dumps({"Switch1": {"Action": "OFF"}}).encode()


def _last(watch: Watch) -> object:
    told = watch.of(InputsReported)
    return told[-1].states if told else None


def bench(broker: int) -> Callable[[Path], AbstractAsyncContextManager[Bench]]:
    @asynccontextmanager
    async def made(_folder: Path) -> AsyncIterator[Bench]:
        simulated = SimulatedTasmota(broker, NAME)
        playing = asyncio.create_task(simulated.run(), name="tasmota")
        try:
            async with Cable(broker, simulated).open() as cable:
                await until(lambda: simulated.link.connected, "the device is at the broker")
                yield MqttBench(cable, simulated)
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)

    return made


def subject(broker: int) -> Subject:
    """At a broker on a port of this machine, in real time."""
    return Subject(
        family="mqtt",
        bench=bench(broker),
        command=OPEN,
        notices_silence=False,
        run=asyncio.run,
        pace=0.3,
    )
