"""One process of the demonstration."""

import queue
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from simulators.children import die_with_parent

STOP_S_MAX = 10.0
LOG_TAIL_LINES = 15


class DemoError(RuntimeError):
    """The demonstration cannot run here; the message says why and what would help."""


class Part:
    """One process: its standard output comes as lines into the queue, the rest into a log.

    `fed`: it reads what `feed` gives it; `to_the_end`: and ends with that, where the others are
    told to. `ends`: statuses with which it ends as it should.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        folder: Path,
        lines: "queue.Queue[tuple[str, str]]",
        *,
        fed: bool = False,
        to_the_end: bool = False,
        ends: frozenset[int] = frozenset({0}),
    ) -> None:
        self.name = name
        self.ends = ends
        self._to_the_end = to_the_end
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE if fed or to_the_end else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for us: we stop the others in their order.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
            )
        self._lines = lines
        threading.Thread(target=self._read, name=name, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None, "made with a pipe"
        for line in self.process.stdout:
            self._lines.put((self.name, line.decode(errors="replace")))

    def feed(self, line: str) -> None:
        """One line into its standard input; whoever ended is found by whoever looks at it."""
        assert self.process.stdin is not None, "made to be fed"
        with suppress(BrokenPipeError):
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()

    def stop(self) -> int:
        """Ask it to end, or let it read to the end, and wait; its status."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        if not self._to_the_end and self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise DemoError(f"{self.name} did not end when asked; it was killed") from None

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
