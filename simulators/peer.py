"""A reader of a simulated site that another program plays, in a process of its own."""

import asyncio
import sys
import time
from pathlib import Path
from types import TracebackType


class Peer:
    """A reader that another program plays; what it shows is what that program says it shows."""

    def __init__(self, link: Path, address: int, key_file: Path) -> None:
        self._link, self._address, self._key_file = link, address, key_file
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._color = 0
        self._until_s = 0.0

    async def __aenter__(self) -> "Peer":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulators.libosdp_reader",
            "--link",
            str(self._link),
            "--address",
            str(self._address),
            "--key-file",
            str(self._key_file),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._listening = asyncio.create_task(self._listen(), name="peer")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None, "entered before it is left"
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        if self._listening is not None:
            await self._listening

    async def _listen(self) -> None:
        """`led READER NUMBER temporary COLOR TIMER`, the timer in tenths of a second."""
        assert self._process is not None, "started"
        assert self._process.stdout is not None, "made with a pipe"
        async for line in self._process.stdout:
            words = line.decode().split()
            if words[:1] == ["led"] and words[3] == "temporary":
                self._color, self._until_s = int(words[4]), time.monotonic() + int(words[5]) / 10

    def color(self, now_ns: int) -> int:
        """The colour number that the light shows."""
        return self._color if now_ns / 1e9 < self._until_s else 0

    def present_card(self, bits: int, data: bytes) -> None:
        self._say(f"card {bits} {data.hex()}")

    def press_keys(self, keys: str) -> None:
        self._say(f"keys {keys}")

    def _say(self, line: str) -> None:
        assert self._process is not None, "entered before it is used"
        assert self._process.stdin is not None, "made with a pipe"
        self._process.stdin.write(line.encode() + b"\n")
