"""A pty with one simulated device at its far end, of whatever protocol, and a cable that can fail.

The driver opens a symlink whose name stays the same while ptys come and go behind it.
"""

import asyncio
import os
import time
import tty
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from simulators.osdp_line import point_link

_READ_MAX = 4096
_BITS_PER_BYTE = 10  # start and stop bit included
_LUMP_S = 0.002  # bytes that arrive together: no timer is finer on a busy machine


class Peer(Protocol):
    """The device: sans-I/O, with monotonic time as an argument."""

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """What it answers to these bytes; often nothing."""
        ...

    def deadline(self) -> int | None:
        """When its next timer ends."""
        ...

    def handle_deadline(self, now_ns: int) -> None:
        """Timers that have ended do what they are for."""
        ...


Treatment = Callable[[bytes], Iterable[tuple[float, bytes]]]
"""What becomes of bytes on their way to the driver: pieces, each after a pause in seconds."""


def untouched(data: bytes) -> Iterable[tuple[float, bytes]]:
    """A good cable."""
    return ((0.0, data),)


def paced(baud: int) -> Treatment:
    """A good cable with a UART behind it: no byte is there before its last bit has passed."""
    size = max(1, int(baud * _LUMP_S / _BITS_PER_BYTE))

    def pieces(data: bytes) -> Iterable[tuple[float, bytes]]:
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            yield len(piece) * _BITS_PER_BYTE / baud, piece

    return pieces


class SerialLine:
    """One device on one port, an asynchronous context manager.

    `treatment` may be set at any time. `say` is how a device that speaks unasked is heard.
    """

    def __init__(
        self, link: Path, peer: Peer, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.link = link
        self.peer = peer
        self.treatment: Treatment = untouched
        self._clock_ns = clock_ns
        self._master = -1
        self._slave = -1
        self._timer: asyncio.TimerHandle | None = None
        self._pieces: list[asyncio.TimerHandle] = []
        self._free_s = 0.0

    async def __aenter__(self) -> "SerialLine":
        self.replug()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()
        if self._timer is not None:
            self._timer.cancel()

    def replug(self) -> None:
        """Plug the adapter in: a new pty under the old name."""
        self.unplug()
        self._master, self._slave = os.openpty()
        # Our own slave end stays open: without it a master with nobody there reports hang-ups.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        point_link(self.link, os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        """Pull the adapter out: whoever has the port open is hung up on, the name is gone.

        The device keeps its power and its timers.
        """
        for piece in self._pieces:
            piece.cancel()
        self._pieces, self._free_s = [], 0.0
        if self._master >= 0:
            # The name goes first: once closed, the number of the pty may be somebody else's.
            self.link.unlink(missing_ok=True)
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def say(self, data: bytes) -> None:
        """The device speaks; what it says goes through the cable's treatment, in order."""
        loop = asyncio.get_running_loop()
        at_s = max(loop.time(), self._free_s)
        for pause_s, piece in self.treatment(data):
            at_s += pause_s
            if at_s <= loop.time():
                self.write(piece)
            else:
                self._pieces.append(loop.call_at(at_s, self.write, piece))
        self._free_s = at_s
        self._pieces = [piece for piece in self._pieces if piece.when() > loop.time()]

    def write(self, data: bytes) -> int:
        """Put bytes on the line as they are; returns how many it had room for."""
        if self._master < 0:
            return 0
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0  # nobody has read the line for long: what is said is lost, as on a wire

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _READ_MAX)
        except BlockingIOError:
            return
        answer = self.peer.receive(data, self._clock_ns())
        if answer:
            self.say(answer)
        self.set_timer()

    def set_timer(self) -> None:
        """The device has begun something that its own timer ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_ns = self.peer.deadline()
        if due_ns is not None:
            pause_s = max(0, due_ns - self._clock_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        self.peer.handle_deadline(self._clock_ns())
        self.set_timer()
