"""What twenty guards' terminals cost the edge, and how soon each of them is told.

The edge is a process of its own with one reader played here, as in `bench_latency`. Nineteen
terminals take what they are sent and throw it away; the twentieth decodes it, and says when the
passage came. The pages' own process and the browser come behind that.
"""

import os
import random
import selectors
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge.control.calling import ControlClientError
from edge.control.client_gate import GateClient
from edge.control.frames import frame
from edge.control.messages_gate import FollowGate, GatePassage, Stage
from edge.control.place import SOCKET, address_of
from tests.bench import Figure
from tests.bench.bench_latency import WARM_UP, Line, make_site, running

BADGES = 150
PAUSE_S = (0.05, 0.1)
TERMINALS = 20
TOLD_WITHIN_S = 5.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Told:
    """The one terminal that looks at what it is told."""

    def __init__(self, state: Path) -> None:
        self.at_s: list[float] = []
        self._client = GateClient(state)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for message in self._client.follow_gate(FollowGate()):
                if isinstance(message, GatePassage) and message.stage is Stage.DECIDED:
                    self.at_s.append(time.perf_counter())
        except ControlClientError:
            return  # the edge has ended

    def wait(self, line: Line, count: int) -> None:
        """Until so many passages were told; the reader is played meanwhile."""
        until = time.monotonic() + TOLD_WITHIN_S
        while len(self.at_s) < count:
            assert time.monotonic() < until, "a passage was not told"
            line.exchange(0.002)


@contextmanager
def silent(state: Path, count: int) -> Iterator[None]:
    """So many terminals that follow and look at nothing."""
    done = threading.Event()
    with ExitStack() as stack, selectors.DefaultSelector() as chosen:
        for _ in range(count):
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            with address_of(state / SOCKET) as address:
                one.connect(address)
            one.sendall(frame(FollowGate()))
            chosen.register(one, selectors.EVENT_READ)

        def read() -> None:
            while not done.is_set():
                for key, _ in chosen.select(0.1):
                    os.read(key.fd, 1 << 16)

        reading = threading.Thread(target=read)
        reading.start()
        try:
            yield
        finally:
            done.set()
            reading.join()


def used_s(pid: int) -> float:
    """What the process has had of a core."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(kilobytes) / 1024


def badges(line: Line, chance: random.Random, pid: int, told: Told | None) -> tuple[float, float]:
    """CPU of one badge with the polls around it, above what polls alone take. Seconds, and the
    median of what it took until it was told.
    """
    began_s, since_s = used_s(pid), time.perf_counter()
    line.serve(3.0)
    idle = (used_s(pid) - began_s) / (time.perf_counter() - since_s)
    began_s, since_s = used_s(pid), time.perf_counter()
    late_s = []
    for _ in range(BADGES):
        line.serve(chance.uniform(*PAUSE_S))
        count = 0 if told is None else len(told.at_s)
        trial = line.badge()
        card_s = time.perf_counter() - trial.total_s
        if told is not None:
            told.wait(line, count + 1)
            late_s.append(told.at_s[count] - card_s)
    busy_s = used_s(pid) - began_s - idle * (time.perf_counter() - since_s)
    quantiles = statistics.quantiles(late_s, n=20) if late_s else [0.0] * 19
    return busy_s / BADGES, quantiles[18]


def run() -> list[Figure]:
    """Name, value, unit, note."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        line = Line(folder, make_site(folder))
        state = folder / "state"
        with running(folder, line) as process:
            for _ in range(WARM_UP):
                line.serve(chance.uniform(*PAUSE_S))
                line.badge()
            alone_s, _ = badges(line, chance, process.pid, None)
            before_mb = resident_mb(process.pid)
            with silent(state, TERMINALS - 1):
                told = Told(state)
                line.serve(1.0)
                followed_s, late_s = badges(line, chance, process.pid, told)
                after_mb = resident_mb(process.pid)
    each_us = (followed_s - alone_s) / TERMINALS * 1e6
    many = f"{TERMINALS} terminals"
    return [
        Figure("gate feed, card to told, p95", late_s * 1e3, "ms", f"{many}, one reader"),
        Figure("gate feed, CPU of a badge, nobody looks", alone_s * 1e3, "ms", "beyond polls"),
        Figure("gate feed, CPU of a badge, followed", followed_s * 1e3, "ms", many),
        Figure("gate feed, CPU of a badge, each terminal", each_us, "us", "the difference, shared"),
        Figure("gate feed, memory, nobody looks", before_mb, "MB", "resident"),
        Figure("gate feed, memory of the terminals", after_mb - before_mb, "MB", many),
    ]
