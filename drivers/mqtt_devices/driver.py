"""The devices at a real broker: messages, time and randomness for `field.Field`, nothing else."""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from typing import NoReturn

import msgspec

from drivers.api import Command, LinkLostError, Report, Stands, Tap
from drivers.mqtt_connection import (
    CallbackFailed,
    CongestedError,
    Connection,
    EndedError,
    LinkReport,
    LinkSettings,
    Message,
    NotConnectedError,
    Problem,
    Publication,
    Session,
)
from drivers.mqtt_devices.field import Field
from drivers.mqtt_devices.payload import PAYLOAD_BYTES_MAX
from drivers.mqtt_devices.plan import Plan
from drivers.mqtt_link import REMEDIES

REST_S_MAX = 1.0
"""`turns` has to grow at least every two seconds."""

INBOUND_MAX = 1024
"""Messages that came in one turn; a site's devices together say a few in a second."""

log = logging.getLogger(__name__)


class MqttDevices:
    """One broker and the devices at it, `drivers.api.Driver`. Each run is one connection."""

    def __init__(
        self,
        plans: tuple[Plan, ...],
        broker: LinkSettings,
        entropy: Callable[[int], bytes] = os.urandom,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._broker = broker
        self._clock_ns, self._wall_s = clock_ns, wall_s
        # Thirty-one bits: numbers that a device repeats have to fit where C has an int.
        self._field = Field(plans, int.from_bytes(entropy(4)) >> 2)
        self._report: Report | None = None
        self._is_telling = False
        self._wake = asyncio.Event()
        self._turns = 0
        self._attempts = 0
        self._is_open = self._is_older = False
        self._inbound: deque[tuple[Message, int, float]] = deque()

    @property
    def devices(self) -> tuple[str, ...]:
        """See `drivers.api.Driver.devices`."""
        return self._field.devices

    @property
    def turns(self) -> int:
        """See `drivers.api.Driver.turns`."""
        return self._turns

    async def run(self, report: Report, stands: Stands) -> None:
        """See `drivers.api.Driver.run`."""
        self._report = report
        reason = "the line was closed"
        try:
            await self._serve(stands)
        except EndedError as error:
            remedy = REMEDIES[error.problem]
            where = f"{self._broker.host}:{self._broker.port}"
            reason = f"broker {where}: {error.detail}"
            raise LinkLostError(f"{reason}; {remedy}") from error
        finally:
            self._field.stop(self._clock_ns(), reason)
            self._tell()

    def submit(self, command: Command) -> None:
        """See `drivers.api.Driver.submit`."""
        self._field.submit(command, self._clock_ns())
        self._tell()
        self._wake.set()

    def watch(self, tap: Tap | None) -> None:
        """See `drivers.api.Driver.watch`."""
        self._field.tap = tap

    async def _serve(self, stands: Stands) -> None:
        """Until the connection ends; then raises EndedError.

        MQTT 5 first, because its messages expire at the broker; who does not speak it says so in
        several ways, hangs up, or says nothing at all.
        """
        if not self._is_older:
            try:
                await self._connect(stands, is_mqtt5=True)
            except EndedError as error:
                if self._is_open or error.problem is Problem.UNREACHABLE:
                    raise
        await self._connect(stands, is_mqtt5=False)

    async def _connect(self, stands: Stands, *, is_mqtt5: bool) -> NoReturn:
        self._attempts += 1
        self._inbound.clear()
        self._is_open = False

        def opened() -> None:
            self._is_open, self._is_older = True, not is_mqtt5
            self._field.start(self._clock_ns(), stands)
            self._wake.set()

        connection = Connection(
            msgspec.structs.replace(self._broker, is_mqtt5=is_mqtt5),
            Session(filters=self._field.filters),
            self._attempts,
            opened=opened,
            hand_over=self._keep_message,
            report=_told,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(connection), name="mqtt connection")
                tasks.create_task(self._turn_round(connection), name="mqtt devices")
        except* EndedError as group:
            raise group.exceptions[0] from group
        finally:
            await connection.take_leave(None)
            connection.close()
        raise AssertionError("a connection that ends says why")

    async def _keep(self, connection: Connection) -> None:
        await connection.open()
        await connection.serve()

    def _keep_message(self, message: Message) -> None:
        """paho swallows what goes wrong in here: it is only put aside."""
        payload = message.payload[: PAYLOAD_BYTES_MAX + 1]  # one more tells that it is too large
        kept = msgspec.structs.replace(message, payload=payload)
        self._inbound.append((kept, self._clock_ns(), self._wall_s()))
        self._wake.set()

    async def _turn_round(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            self._turns += 1
            self._read()
            self._field.handle_deadline(self._clock_ns())
            self._send(connection)
            self._tell()
            pause_s = REST_S_MAX
            deadline_ns = self._field.deadline()
            if deadline_ns is not None:
                pause_s = min(pause_s, max(0, deadline_ns - self._clock_ns()) / 1e9)
            timer = loop.call_later(pause_s, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    def _read(self) -> None:
        """What came in, before deadlines are looked at: an answer that lies here is no silence."""
        if len(self._inbound) > INBOUND_MAX:
            # Some left out would be states that nobody says again; a new connection hears them all.
            self._inbound.clear()
            raise EndedError(Problem.LOST, "more messages than can be read: a device floods it")
        while self._inbound:
            message, now_ns, wall_s = self._inbound.popleft()
            self._field.receive(
                message.topic,
                message.payload,
                retained=message.retained,
                now_ns=now_ns,
                wall_s=wall_s,
            )

    def _send(self, connection: Connection) -> None:
        while (message := self._field.next_to_send(self._clock_ns(), self._wall_s())) is not None:
            try:
                connection.publish(
                    Publication(
                        topic=message.topic,
                        payload=message.payload,
                        expires_s=message.expires_s,
                    )
                )
            except NotConnectedError:
                return  # its end is on the way here
            except CongestedError:
                detail = "it takes nothing any more"
                raise EndedError(Problem.SILENT, detail) from None

    def _tell(self) -> None:
        """Report what is known, in order.

        Whoever hears a fact may submit a command: the facts behind it wait until it was heard.
        """
        if self._report is None or self._is_telling:
            return
        self._is_telling = True
        try:
            while (fact := self._field.next_fact()) is not None:
                self._report(fact)
        finally:
            self._is_telling = False


def _told(report: LinkReport) -> None:
    """Of a connection only what went wrong is of interest here; its end is told by `run`."""
    if isinstance(report, CallbackFailed):
        log.warning("MQTT devices: %s", report.detail)
