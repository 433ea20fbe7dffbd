"""The driver and simulated devices at a real broker, with what each heard and said."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator

from drivers.api import (
    Action,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    DriverError,
    Fact,
    Hold,
    Priority,
    Pulse,
)
from drivers.family import DeviceSpec, LineSpec
from drivers.mqtt_devices.driver import MqttDevices
from drivers.mqtt_devices.family import MqttDevice, MqttLine, parts
from simulators.mqtt_devices import SimulatedDevice
from tests.drivers.mqtt import until

MS = 1_000_000
_COMMANDS = itertools.count(1)


def line(port: int, devices: dict[str, MqttDevice], **options: object) -> LineSpec:
    wired = MqttLine(
        **{"driver": "mqtt", "host": "127.0.0.1", "tcp_port": port, **options}  # type: ignore[arg-type]
    )
    specs = tuple(DeviceSpec(name=name, options=one) for name, one in devices.items())
    return LineSpec(name="field", options=wired, devices=specs)


def device(mapping: str, **options: object) -> MqttDevice:
    return MqttDevice(line="field", mapping=mapping, **options)  # type: ignore[arg-type]


class Site:
    """A line under test. It is run again when it fails, as the edge does it, until the block ends.

    Its clock can be put forward, in place of waiting for what only time brings.
    """

    def __init__(self, spec: LineSpec) -> None:
        self._ahead_ns = 0
        self.driver = MqttDevices(*parts(spec), clock_ns=self.clock_ns)
        self.said: list[Fact] = []
        self.errors: list[DriverError] = []

    async def run(self) -> None:
        while True:
            try:
                await self.driver.run(self.said.append, lambda _command: True)
            except DriverError as error:
                self.errors.append(error)
                await asyncio.sleep(0.05)

    def clock_ns(self) -> int:
        return time.monotonic_ns() + self._ahead_ns

    def leap(self, s: float) -> None:
        """Time passes, for the driver alone."""
        self._ahead_ns += int(s * 1e9)

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.said if isinstance(fact, kind)]

    def is_online(self, name: str) -> bool:
        told = [
            fact
            for fact in self.said
            if fact.device == name and isinstance(fact, (DeviceOnline, DeviceOffline))
        ]
        return bool(told) and isinstance(told[-1], DeviceOnline)

    async def online(self, name: str) -> None:
        await until(lambda: self.is_online(name), f"{name} is online")

    async def offline(self, name: str) -> None:
        await until(lambda: not self.is_online(name), f"{name} is offline")

    def tell(
        self,
        name: str,
        action: Action,
        priority: Priority = Priority.PASSAGE,
        within_ms: int | None = 2_000,
    ) -> str:
        number = f"c{next(_COMMANDS)}"
        not_after_ns = None if within_ms is None else self.clock_ns() + within_ms * MS
        self.driver.submit(
            Command(
                id=number,
                device=name,
                action=action,
                priority=priority,
                not_after_ns=not_after_ns,
            )
        )
        return number

    def open(self, name: str, for_ms: int = 200, within_ms: int = 2_000) -> str:
        return self.tell(name, Pulse(0, for_ms), within_ms=within_ms)

    def lock(self, name: str) -> str:
        return self.tell(name, Hold(0, on=False), Priority.SECURE, within_ms=None)

    def outcome(self, command: str) -> str | None:
        ended = [one for one in self.facts(CommandEnded) if one.command == command]
        assert len(ended) <= 1, "a command ends once"
        return ended[0].outcome.value if ended else None

    async def ended(self, command: str, outcome: str) -> None:
        await until(lambda: self.outcome(command) is not None, f"{command} ended")
        assert self.outcome(command) == outcome


@contextlib.asynccontextmanager
async def running(site: Site, *devices: SimulatedDevice) -> AsyncIterator[None]:
    """The line and these devices, until the block ends."""
    tasks = [asyncio.create_task(one.run(), name=one.name) for one in devices]
    tasks.append(asyncio.create_task(site.run(), name="line under test"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
