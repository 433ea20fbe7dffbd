"""`sentrypost watch` on a terminal: a real pseudo-terminal, before it a real edge."""

import asyncio
import fcntl
import os
import re
import signal
import struct
import sys
import termios
from pathlib import Path

from edge.commands.watch_screen import ENTER, HOME, LEAVE
from tests.edge.house import FIRE_LOOP, House
from tests.edge.process import PATIENCE_S, ROOT, running_process

ROWS, COLUMNS = 24, 100
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
DRAWING = re.compile(r"\x1b\[[0-9;]*[mKJ]")
INTERRUPTED = 130


class Terminal:
    """A pseudo-terminal of 24 by 100 with the command on it; `frame` is what stands on it now."""

    def __init__(self, house: House, **environment: str) -> None:
        self._state = house.folder / "state"
        self._environment = environment
        self.shown = ""

    async def __aenter__(self) -> "Terminal":
        self._main, terminal = os.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._terminal = terminal
        asyncio.get_running_loop().add_reader(self._main, self._read)
        os.set_blocking(self._main, False)
        return self

    async def begin(self) -> None:
        """Start the command."""
        terminal = self._terminal
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        environment |= {"TERM": "xterm", "PYTHONPATH": str(ROOT), **self._environment}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "edge.main",
            "watch",
            "--state",
            str(self._state),
            env=environment,
            cwd=ROOT,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)

    async def interrupted(self) -> None:
        """Ctrl-C ends it, and the terminal is as it was."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            assert await self.process.wait() == INTERRUPTED
            while LEAVE not in self.shown:
                await asyncio.sleep(0.01)
        assert self.shown.startswith(ENTER)

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._main)
        os.close(self._main)

    def _read(self) -> None:
        try:
            self.shown += os.read(self._main, 65_536).decode()
        except OSError:  # the command has ended, and with it the other side
            asyncio.get_running_loop().remove_reader(self._main)

    @property
    def frame(self) -> str:
        """The last whole one."""
        frames = self.shown.split(HOME)
        return frames[-2] if len(frames) > 2 else ""

    async def until(self, words: str, *, gone: bool = False) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (words in self.frame) is gone or not self.frame:
                assert self.process.returncode is None, self.shown[-2_000:]
                await asyncio.sleep(0.02)


def test_the_screen_follows_the_edge_through_a_restart_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)

    async def run() -> None:
        async with house.line(), Terminal(house, NO_COLOR="1") as screen:
            async with running_process(house) as edge:
                await screen.begin()
                for words in ("posture   normal", "front", "vault-door", "alarms    none open"):
                    await screen.until(words)
                await edge.badge_opens()
                await screen.until("granted")
                rows = DRAWING.sub("", screen.frame).split("\r\n")
                assert len(rows) <= ROWS
                assert max(map(len, rows)) <= COLUMNS
                assert await edge.stop() == 0
            await screen.until("NOT LIVE")
            async with running_process(house):
                await screen.until("NOT LIVE", gone=True)
                await screen.interrupted()
            assert not COLOUR.search(screen.shown)

    asyncio.run(run())


def test_colour_comes_beside_the_word(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def run() -> None:
        async with house.line(), running_process(house), Terminal(house) as screen:
            await screen.begin()
            house.board.set_input(FIRE_LOOP, False)
            await screen.until("FIRE")
            assert COLOUR.search(screen.frame)
            await screen.interrupted()

    asyncio.run(run())
