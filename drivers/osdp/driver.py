"""The OSDP bus on a real serial port: bytes, time and randomness for `bus.Bus`, nothing else."""

import asyncio
import os
import time
from collections.abc import Callable

from drivers.api import Command, LinkLostError, Report, Stands, Tap
from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig
from drivers.serial_port import SerialPort

_READS_MAX = 8  # per turn; a flooding line must not keep the loop


class OsdpDriver:
    """One OSDP line, `drivers.api.Driver`."""

    def __init__(
        self,
        config: LineConfig,
        entropy: Callable[[int], bytes] = os.urandom,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._config = config
        self._clock_ns = clock_ns
        self._bus = Bus(config, entropy)
        self._report: Report | None = None
        self._is_telling = False
        self._wake = asyncio.Event()
        self._turns = 0

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in self._config.readers)

    @property
    def turns(self) -> int:
        """See `drivers.api.Driver.turns`."""
        return self._turns

    async def run(self, report: Report, stands: Stands) -> None:
        """See `drivers.api.Driver.run`."""
        self._report = report
        reason = "the line was closed"
        try:
            port = SerialPort(self._config.port, self._config.baud)
            try:
                await self._serve(port, stands)
            finally:
                port.close()
        except LinkLostError as error:
            reason = str(error)
            raise
        finally:
            self._bus.stop(self._clock_ns(), reason)
            self._tell()

    def submit(self, command: Command) -> None:
        """See `drivers.api.Driver.submit`.

        Raises ValueError for a device or an action that this line does not have.
        """
        self._bus.submit(command, self._clock_ns())
        self._tell()
        self._wake.set()

    def watch(self, tap: Tap | None) -> None:
        """See `drivers.api.Driver.watch`."""
        self._bus.tap = tap

    async def _serve(self, port: SerialPort, stands: Stands) -> None:
        loop = asyncio.get_running_loop()
        port.discard()  # what waited for us before we came answers nothing
        self._bus.start(self._clock_ns(), stands)
        loop.add_reader(port.fd, self._wake.set)
        try:
            while True:
                self._wake.clear()
                self._turn(port)
                await self._rest(loop)
        finally:
            loop.remove_reader(port.fd)

    def _turn(self, port: SerialPort) -> None:
        """Everything that can be done now.

        The port is read before deadlines are looked at: after a stall of this process a reply
        that lies in the port is an answer, not a silence.
        """
        self._turns += 1
        for _ in range(_READS_MAX):
            data = port.read()
            if not data:
                break
            self._bus.receive(data, self._clock_ns())
        unanswered = self._bus.unanswered
        self._bus.handle_deadline(self._clock_ns())
        if self._bus.unanswered != unanswered:
            port.discard()
        data = self._bus.bytes_to_send(self._clock_ns())
        if data:
            port.write(data)
        self._tell()

    async def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        deadline_ns = self._bus.deadline()
        if deadline_ns is None:
            await self._wake.wait()
            return
        pause_s = max(0, deadline_ns - self._clock_ns()) / 1e9
        timer = loop.call_later(pause_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _tell(self) -> None:
        """Report what is known, in order. Before the first `run` it waits for somebody to tell.

        Whoever hears a fact may submit a command: the facts behind it wait until it was heard.
        """
        if self._report is None or self._is_telling:
            return
        self._is_telling = True
        try:
            while (fact := self._bus.next_fact()) is not None:
                self._report(fact)
        finally:
            self._is_telling = False
