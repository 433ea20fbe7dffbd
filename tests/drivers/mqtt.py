"""A link under test: what it reported, and what happened on it once somebody reads."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable

from drivers.mqtt_link import (
    Happening,
    LinkFailed,
    LinkReport,
    LinkSettings,
    Message,
    MqttLink,
    Problem,
    Publication,
    Session,
)


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    """Wait until it holds; fails naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.01)


class Rig:
    """A link that is quick to come back, so that a test need not wait."""

    def __init__(self, port: int, **options: object) -> None:
        defaults: dict[str, object] = {
            "host": "127.0.0.1",
            "client_id": "link-under-test",
            "backoff_s_min": 0.05,
            "backoff_s_max": 0.2,
        }
        self.reports: list[LinkReport] = []
        self.happened: list[Happening] = []
        settings = LinkSettings(port=port, **(defaults | options))  # type: ignore[arg-type]
        self.link = MqttLink(settings, self.reports.append, random.Random(7))

    async def read(self) -> None:
        while True:
            self.happened.append(await self.link.next())

    @property
    def payloads(self) -> list[bytes]:
        return [h.payload for h in self.happened if isinstance(h, Message)]

    def say(self, payload: bytes, qos: int = 1, topic: str = "t/a") -> None:
        self.link.publish(Publication(topic=topic, payload=payload, qos=qos))

    def failures(self) -> list[Problem]:
        return [report.problem for report in self.reports if isinstance(report, LinkFailed)]


@contextlib.asynccontextmanager
async def running(
    rig: Rig, session: Session | None = None, *, reading: bool = True
) -> AsyncIterator[Rig]:
    session = session or Session(filters=("t/#",))
    tasks: list[asyncio.Task[None]] = [asyncio.create_task(rig.link.run(session), name="link")]
    if reading:
        tasks.append(asyncio.create_task(rig.read(), name="reader"))
    try:
        yield rig
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def connected(rig: Rig) -> None:
    await until(lambda: rig.link.connected, "connected")
