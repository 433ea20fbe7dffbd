"""The service manager's end of sd_notify(3): a real datagram socket, read by the test."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Manager:
    """What the edge told it. `feeds`: when the watchdog was fed, by the loop's clock."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[str] = []
        self.feeds: list[float] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def environment(self, watchdog_s: float | None = None) -> dict[str, str]:
        watched = {} if watchdog_s is None else {"WATCHDOG_USEC": f"{watchdog_s * 1e6:.0f}"}
        return {"NOTIFY_SOCKET": self.address, **watched}

    @property
    def status(self) -> str:
        """The newest."""
        found = [one for one in self.told if one.startswith("STATUS=")]
        return found[-1].removeprefix("STATUS=") if found else ""

    def listen(self) -> None:
        """Read on the running loop."""
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    async def until_told(self, words: str, within_s: float = 30.0) -> None:
        async with asyncio.timeout(within_s):
            while not any(words in one for one in self.told):
                await asyncio.sleep(0.01)

    async def until_fed(self, times: int, within_s: float = 30.0) -> None:
        """So many more times."""
        already = len(self.feeds)
        async with asyncio.timeout(within_s):
            while len(self.feeds) < already + times:
                await asyncio.sleep(0.01)

    async def until_hungry(self, for_s: float, within_s: float = 30.0) -> None:
        """Not fed for so long, as the service manager counts it."""
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(within_s):
            while now() - self.feeds[-1] < for_s:
                await asyncio.sleep(0.01)

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        for line in self._socket.recv(65_536).decode().split("\n"):
            self.told.append(line)
            if line == "WATCHDOG=1":
                self.feeds.append(asyncio.get_running_loop().time())


@contextmanager
def managing(folder: Path, *, abstract: bool = False) -> Iterator[Manager]:
    name = f"@sentrypost-test-{os.getpid()}-{id(folder)}" if abstract else str(folder / "notify")
    manager = Manager(name)
    try:
        yield manager
    finally:
        manager.close()
