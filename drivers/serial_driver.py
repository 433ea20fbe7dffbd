"""A sans-I/O machine on a real serial port: bytes and time for it, its facts for the edge.

What every driver of a serial line has in common. A family writes the machine and hands it over.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from drivers.api import Command, Fact, LinkLostError, Report, Stands, Tap
from drivers.serial_port import SerialPort

_READS_MAX = 8  # per turn; a flooding line must not keep the loop
_NAME_EVERY_NS = 1_000_000_000  # how soon a name is noticed that leads to another port
_REST_MAX_NS = 1_000_000_000  # `turns` grows at least every two seconds


class Machine(Protocol):
    """One line and the devices on it, without a port and without a clock.

    `receive`, `handle_deadline` and `submit` change it; then `bytes_to_send` and `next_fact` are
    asked until nothing is left, and `deadline` says when `handle_deadline` is due. Times are
    monotonic nanoseconds. `unanswered` counts the questions that were given up on: whatever still
    lies in the port then is discarded. `tap` hears every message.
    """

    tap: Tap | None

    @property
    def devices(self) -> tuple[str, ...]: ...

    @property
    def unanswered(self) -> int: ...

    def start(self, now_ns: int, stands: Stands) -> None:
        """A line was opened. `stands` is asked for every command when its bytes are due."""
        ...

    def stop(self, now_ns: int, reason: str) -> None:
        """The line is gone: every device is reported offline and every command ends."""
        ...

    def submit(self, command: Command, now_ns: int) -> None:
        """Queue a command. Raises ValueError for one that this line cannot be told."""
        ...

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes came from the line; `now_ns` is when the last of them did."""
        ...

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed. Harmless at any time."""
        ...

    def bytes_to_send(self, now_ns: int) -> bytes:
        """What goes out now, or nothing."""
        ...

    def next_fact(self) -> Fact | None:
        """The next fact in the order in which they came to be."""
        ...

    def deadline(self) -> int | None:
        """When `handle_deadline` and `bytes_to_send` are to be called at the latest."""
        ...


class SerialDriver:
    """One serial line, `drivers.api.Driver`."""

    def __init__(
        self,
        machine: Machine,
        port: str,
        baud: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._machine = machine
        self._port, self._baud = port, baud
        self._clock_ns = clock_ns
        self._report: Report | None = None
        self._is_telling = False
        self._wake = asyncio.Event()
        self._turns = 0
        self._name_due_ns = 0

    @property
    def devices(self) -> tuple[str, ...]:
        """See `drivers.api.Driver.devices`."""
        return self._machine.devices

    @property
    def turns(self) -> int:
        """See `drivers.api.Driver.turns`."""
        return self._turns

    async def run(self, report: Report, stands: Stands) -> None:
        """See `drivers.api.Driver.run`."""
        self._report = report
        reason = "the line was closed"
        try:
            port = SerialPort(self._port, self._baud)
            try:
                await self._serve(port, stands)
            finally:
                port.close()
        except LinkLostError as error:
            reason = str(error)
            raise
        finally:
            self._machine.stop(self._clock_ns(), reason)
            self._tell()

    def submit(self, command: Command) -> None:
        """See `drivers.api.Driver.submit`.

        Raises ValueError for a device or an action that this line does not have.
        """
        self._machine.submit(command, self._clock_ns())
        self._look()

    def watch(self, tap: Tap | None) -> None:
        """See `drivers.api.Driver.watch`."""
        self._machine.tap = tap

    def _look(self) -> None:
        """Something was asked of the machine: it may have something to say, or to send."""
        self._tell()
        self._wake.set()

    async def _serve(self, port: SerialPort, stands: Stands) -> None:
        loop = asyncio.get_running_loop()
        port.discard()  # what waited for us before we came answers nothing
        self._machine.start(self._clock_ns(), stands)
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
            self._machine.receive(data, self._clock_ns())
        unanswered = self._machine.unanswered
        self._machine.handle_deadline(self._clock_ns())
        if self._machine.unanswered != unanswered:
            port.discard()
        data = self._machine.bytes_to_send(self._clock_ns())
        if data:
            port.write(data)
        self._tell()
        if self._clock_ns() >= self._name_due_ns:
            self._name_due_ns = self._clock_ns() + _NAME_EVERY_NS
            port.check_name()

    async def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        now_ns, deadline_ns = self._clock_ns(), self._machine.deadline()
        pause_ns = _REST_MAX_NS if deadline_ns is None else min(deadline_ns - now_ns, _REST_MAX_NS)
        timer = loop.call_later(max(0, pause_ns) / 1e9, self._wake.set)
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
            while (fact := self._machine.next_fact()) is not None:
                self._report(fact)
        finally:
            self._is_telling = False
