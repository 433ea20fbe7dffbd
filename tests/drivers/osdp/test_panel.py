"""Our simulated reader under a control panel by another hand: the package `osdp` from PyPI."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers.osdp import messages as osdp
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import IDENTITY, SimulatedReader
from tests.servers import skip_or_fail

PYTHON = Path(sys.prefix) / "panel" / "bin" / "python"
PROGRAM = Path(__file__).with_name("foreign_panel.py")
PATIENCE_S = 20.0
MASTER = bytes(range(0x60, 0x70))


def key_under(master: bytes) -> bytes:
    """How that panel derives a reader's key: from the number in its handshake, and its inverse."""
    number = IDENTITY.vendor + bytes(5)
    block = number + bytes(byte ^ 0xFF for byte in number)
    return Cipher(algorithms.AES(master), modes.ECB()).encryptor().update(block)


class Panel:
    """The panel's process. `lines` is what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self._process = process
        self._spoke = asyncio.Event()
        self._reading = asyncio.create_task(self._read(), name="panel")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().strip())
            self._spoke.set()

    async def says(self, word: str) -> str:
        """The next line that begins with the word; it is taken away."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for line in self.lines:
                    if line.partition(" ")[0] == word:
                        self.lines.remove(line)
                        return line
                self._spoke.clear()
                await self._spoke.wait()

    async def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        return await self.says(line.partition(" ")[0])

    async def leave(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self._reading


@asynccontextmanager
async def panel_on(port: Path, master: bytes) -> AsyncIterator[Panel]:
    if not PYTHON.exists():
        skip_or_fail("osdp's control panel is missing: sh requirements/environment.sh panel")
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), str(PROGRAM), str(port), "1", master.hex()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    panel = Panel(process)
    try:
        yield panel
    finally:
        await panel.leave()


def test_a_foreign_panel_and_our_reader_understand_each_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        reader = SimulatedReader(1, key_under(MASTER), os.urandom)
        changes: list[tuple[int, bool]] = []
        reader.on_output = lambda number, on: changes.append((number, on))
        async with ReaderLine(tmp_path / "tty", [reader]) as line, panel_on(line.link, MASTER) as p:
            assert await p.says("nak") == "nak 6", "its first poll comes before any session"
            assert await p.says("secure") == "secure 1"
            assert await p.ask("id") == "id 00517e 1 1"
            assert "1:2 2:2" in await p.ask("cap")
            reader.present_card(26, b"\x12\x34\x56\x40")
            reader.press_keys("12*#")
            assert await p.says("card") == "card 26 12345640"
            assert await p.says("keys") == "keys 31327f0d"
            reader.set_input(1, True)
            assert await p.ask("inputs") == "inputs 01"
            reader.set_local(tampered=True)
            assert await p.ask("local") == "local 1 0"
            assert await p.ask("output 1 5 300") == "output 1"
            assert await p.ask("outputs") == "outputs 01"
            assert await p.ask("output 1 1 0") == "output 1"
            assert changes == [(1, True), (1, False)]
            assert await p.ask("led 2") == "led 1"
            asked = [done for _, done in reader.executed]
            assert asked[0] == osdp.Output(1, 5, 300)
            assert reader.color(0) == 2
            assert await p.ask("output 7 5 10") == "output 0"
            assert await p.says("nak") == "nak 9"
            reader.reboot()
            assert await p.says("nak") == "nak 6", "it knows no session any more"
            reader.present_card(32, b"\xde\xad\xbe\xc0")
            await p.says("nak")
            assert not [said for said in p.lines if said.startswith("card")]
            await p.leave()
            async with panel_on(line.link, MASTER) as another:
                assert await another.says("card") == "card 32 deadbec0"

    asyncio.run(scenario())


def test_our_reader_says_nothing_to_a_panel_with_another_key(tmp_path: Path) -> None:
    async def scenario() -> None:
        challenged: list[bytes] = []

        def draw(size: int) -> bytes:
            challenged.append(os.urandom(size))
            return challenged[-1]

        reader = SimulatedReader(1, key_under(MASTER), draw)
        reader.present_card(26, b"\x12\x34\x56\x40")
        async with (
            ReaderLine(tmp_path / "tty", [reader]) as line,
            panel_on(line.link, bytes(16)) as panel,
        ):
            async with asyncio.timeout(PATIENCE_S):
                while len(challenged) < 3:
                    await asyncio.sleep(0.01)
            assert not [said for said in panel.lines if said.startswith(("card", "secure"))]
            assert reader.has_news, "the card waits for somebody who may know it"

    asyncio.run(scenario())
