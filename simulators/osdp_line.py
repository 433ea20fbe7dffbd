"""A pty with simulated OSDP readers at its far end, and what can go wrong with a cable.

The driver opens a symlink whose name stays the same while ptys come and go behind it.
"""

import asyncio
import os
import random
import termios
import time
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from drivers.osdp.config import BAUDS
from simulators.osdp_reader import SimulatedReader

_READ_MAX = 4096
_SPEED = 5  # of what tcgetattr gives: how fast the panel sends
_BITS_PER_BYTE = 10  # start and stop bit included
_LUMP_S = 0.002  # bytes come in lumps of this, as an adapter hands them over
_BAUDS = {getattr(termios, f"B{baud}"): baud for baud in BAUDS}


class ReaderLine:
    """Readers on one RS-485 line, an asynchronous context manager.

    Bytes take the time that they take at the speed to which the panel has set its port: an answer
    begins when the question has passed, and no byte of it is there before its last bit has.
    `noise` is the share of replies in which one bit is flipped, drawn from `seed`; `silent`
    swallows every reply after the readers obeyed; `damage_next` flips a bit in so many replies.
    """

    def __init__(
        self,
        link: Path,
        readers: Sequence[SimulatedReader],
        *,
        seed: int = 0,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.link = link
        self.readers = tuple(readers)
        self.noise = 0.0
        self.silent = False
        self.damage_next = 0
        self._random = random.Random(seed)
        self._clock_ns = clock_ns
        self._master = -1
        self._slave = -1
        self._timer: asyncio.TimerHandle | None = None
        self._lumps: list[asyncio.TimerHandle] = []
        self._free_s = 0.0

    async def __aenter__(self) -> "ReaderLine":
        self.replug()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()
        self.link.unlink(missing_ok=True)

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

        The name goes first: the number of the pty may be somebody else's as soon as it is closed.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for lump in self._lumps:
            lump.cancel()
        self._lumps, self._free_s = [], 0.0
        if self._master >= 0:
            self.link.unlink(missing_ok=True)
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _READ_MAX)
        except BlockingIOError:
            return
        now_ns = self._clock_ns()
        baud = _BAUDS.get(termios.tcgetattr(self._slave)[_SPEED], 0)
        asked_s = asyncio.get_running_loop().time() + _wire_s(data, baud)
        self._free_s = max(self._free_s, asked_s)
        for reader in self.readers:
            if reader.baud not in (None, baud):
                continue  # noise to it
            reply = reader.receive(data, now_ns)
            if reply and not self.silent:
                self._pace(self._disturbed(reply), baud)
        self._set_timer()

    def _pace(self, reply: bytes, baud: int) -> None:
        loop = asyncio.get_running_loop()
        size = max(1, int(baud * _LUMP_S / _BITS_PER_BYTE)) if baud else len(reply)
        self._lumps = [lump for lump in self._lumps if lump.when() > loop.time()]
        for at in range(0, len(reply), size):
            lump = reply[at : at + size]
            self._free_s += _wire_s(lump, baud)
            self._lumps.append(loop.call_at(self._free_s, self._send, lump))

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._master, data)
        except BlockingIOError:
            pass  # nobody has read the line for long: what is said now is lost, as on a wire

    def _disturbed(self, reply: bytes) -> bytes:
        if self.damage_next > 0:
            self.damage_next -= 1
        elif self._random.random() >= self.noise:
            return reply
        return flip_one_bit(reply, self._random)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [time_ns for reader in self.readers if (time_ns := reader.deadline()) is not None]
        if times:
            pause_s = max(0, min(times) - self._clock_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._timers_due)

    def _timers_due(self) -> None:
        self._timer = None
        for reader in self.readers:
            reader.handle_deadline(self._clock_ns())
        self._set_timer()


def _wire_s(data: bytes, baud: int) -> float:
    """How long bytes are on the wire; a speed that no reader has is a pty that nobody has set."""
    return len(data) * _BITS_PER_BYTE / baud if baud else 0.0


def flip_one_bit(reply: bytes, source: random.Random) -> bytes:
    """Noise that the check characters catch."""
    damaged = bytearray(reply)
    damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
    return bytes(damaged)


def point_link(link: Path, target: str) -> None:
    """Let the stable name point to this port, with no moment at which it does not exist."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
