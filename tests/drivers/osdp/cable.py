"""A cable between two real ports that flips bits, loses bytes and can be cut, both ways."""

import asyncio
import os
import random
import tty
from pathlib import Path
from types import TracebackType

from simulators.osdp_line import point_link

_READ_MAX = 4096


class Cable:
    """Ends at `link`, which the driver opens, and at `far`, which the other side has made.

    `flipped` and `lost` are the shares of bytes that arrive with another bit or not at all, `cut`
    swallows everything. What is done is drawn from `seed`. An asynchronous context manager; after
    `connect` a new port behind the name `far` is taken.
    """

    def __init__(self, link: Path, far: Path, seed: int) -> None:
        self.link = link
        self.flipped = self.lost = 0.0
        self.cut = False
        self.spoilt = 0
        self._far = far
        self._chance = random.Random(seed)
        self._near_fd = self._slave_fd = self._far_fd = -1

    async def __aenter__(self) -> "Cable":
        self._near_fd, self._slave_fd = os.openpty()
        tty.setraw(self._slave_fd)  # stays open: without it the other end reports hang-ups
        os.set_blocking(self._near_fd, False)
        point_link(self.link, os.ttyname(self._slave_fd))
        asyncio.get_running_loop().add_reader(self._near_fd, self._down)
        self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disconnect()
        asyncio.get_running_loop().remove_reader(self._near_fd)
        os.close(self._near_fd)
        os.close(self._slave_fd)

    def connect(self) -> None:
        """Join the port that is behind the name of the far end now."""
        self.disconnect()
        self._far_fd = os.open(self._far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._far_fd)
        asyncio.get_running_loop().add_reader(self._far_fd, self._up)

    def disconnect(self) -> None:
        """Nothing is at the far end."""
        if self._far_fd >= 0:
            asyncio.get_running_loop().remove_reader(self._far_fd)
            os.close(self._far_fd)
            self._far_fd = -1

    def _down(self) -> None:
        self._carry(self._near_fd, self._far_fd)

    def _up(self) -> None:
        self._carry(self._far_fd, self._near_fd)

    def _carry(self, source: int, target: int) -> None:
        try:
            data = os.read(source, _READ_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and source == self._far_fd:
            self.disconnect()  # its process has died
        arriving = b"" if self.cut else self._disturbed(data)
        if arriving and target >= 0:
            try:
                os.write(target, arriving)
            except OSError:
                return  # it died just now

    def _disturbed(self, data: bytes) -> bytes:
        arriving = bytearray()
        for byte in data:
            if self._chance.random() < self.lost:
                self.spoilt += 1
                continue
            noise = 0
            if self._chance.random() < self.flipped:
                self.spoilt += 1
                noise = 1 << self._chance.randrange(8)
            arriving.append(byte ^ noise)
        return bytes(arriving)
