"""From a card on the wire to the strike on the wire, seen from the cable, with the commit inside.

The edge is a process of its own; the reader is played here, on a pty without pacing, so that what
is measured is the host's share. What a real line adds is computed from the bytes. The disk's own
share is measured in the same run, between the badges: SQLite's bare commit with the journal's
settings on the same disk.
"""

import os
import random
import secrets
import select
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from controller.ids import CredentialId, HolderId
from drivers.osdp.messages import Output, OutputControl
from edge.journal.folder import PRAGMAS
from edge.people import (
    Change,
    CredentialRecord,
    HolderRecord,
    People,
    credential_ref,
    load_site_key,
)
from simulators.osdp_reader import SimulatedReader
from tests.bench import Figure
from tests.records import ROOT

BADGES = 400
PAUSE_S = (0.02, 0.07)
"""Between a strike and the next badge, at random: longer than a poll, so that phases differ."""

WARM_UP = 20
LOST_AFTER_S = 1.0
START_S = 20.0
BADGE = b"\x2e\xc0\xc8\x40"
ROW_BYTES = 700
ROWS = 2
"""A grant is two entries of about so many bytes in one commit."""

BITS_PER_BYTE = 10

POLICY = """
schema = 1
site = "bench"
version = 1
timezone = "Europe/Vienna"

[factors]
badge = { 1 = "badge" }

[zone.street]
kind = "public"
[zone.hall]
kind = "premises"
inside = "street"
factors = "badge"

[portal.front]
from = "street"
to = "hall"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
contact = false
open-s = 1

[role.staff]
clearance = 3

[[grant]]
id = "g1"
roles = ["staff"]
zones = ["hall"]
"""

SITE = """
site = "bench"
edge = "gate"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"
trust-clock = "always"

[line.north]
driver = "osdp"
port = "north"
baud = 115200

[device.front-in]
line = "north"
address = 1
key = "front-in.key"
outputs = 1

[portal.front]
lock = { device = "front-in", output = 0 }
entry-reader = "front-in"
accept-exposed-lock = true
"""


class Trial(NamedTuple):
    """One badge. Seconds; `slot_s`: what the reader took to answer other questions in between."""

    total_s: float
    slot_s: float
    between: int


class Line:
    """The cable's far end: one reader, and when each frame came and went."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        (folder / "north").symlink_to(os.ttyname(self._slave))
        self.reader = SimulatedReader(1, key, os.urandom, inputs=0, outputs=1)
        self.bytes_of: dict[str, int] = {}

    def exchange(self, wait_s: float) -> tuple[float, float, bytes, bytes] | None:
        """The next frame from the panel and our answer: when read, when written, and the bytes."""
        if not select.select([self._master], [], [], wait_s)[0]:
            return None
        asked = os.read(self._master, 4096)
        read_s = time.perf_counter()
        answer = self.reader.receive(asked, time.monotonic_ns())
        if answer:
            os.write(self._master, answer)
        return read_s, time.perf_counter(), asked, answer

    def serve(self, for_s: float) -> None:
        """Answer for so long."""
        until = time.perf_counter() + for_s
        while (left := until - time.perf_counter()) > 0:
            self.exchange(left)

    def strikes(self) -> int:
        return sum(
            isinstance(command, Output) and command.control == OutputControl.ON_TIMED
            for _, command in self.reader.executed
        )

    def badge(self) -> Trial:
        """Hold the badge to the reader and wait for the strike."""
        self.reader.executed.clear()
        self.reader.present_card(26, BADGE)
        began_s, between, slot_s = 0.0, 0, 0.0
        while True:
            waiting = len(self.reader._events)
            turn = self.exchange(LOST_AFTER_S)
            assert turn is not None, "no frame from the panel"
            read_s, written_s, asked, answer = turn
            if waiting and not self.reader._events:
                began_s = written_s
                self.bytes_of["card"] = len(answer)
            elif self.strikes():
                self.bytes_of["strike"] = len(asked)
                return Trial(read_s - began_s, slot_s, between)
            elif began_s:
                between += 1
                slot_s += written_s - read_s
                self.bytes_of["question"] = len(asked) + len(answer)
                assert read_s - began_s < LOST_AFTER_S, "no strike"


class Disk:
    """SQLite with the journal's settings and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for pragma in PRAGMAS:
            self._connection.execute(pragma).fetchall()
        self._connection.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, entry BLOB) STRICT")
        self._rows = 0

    def commit(self) -> float:
        """One durable group; seconds."""
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        for _ in range(ROWS):
            self._rows += 1
            row = (self._rows, bytes(ROW_BYTES))
            self._connection.execute("INSERT INTO entry VALUES (?, ?)", row)
        self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        self._connection.close()


def make_site(folder: Path) -> bytes:
    """Policy, site file, keys and one person; the reader's key."""
    (folder / "policy.toml").write_text(POLICY)
    (folder / "site.toml").write_text(SITE)
    key = secrets.token_bytes(16)
    for name, content in (
        ("site.key", secrets.token_bytes(32)),
        ("front-in.key", key.hex().encode()),
    ):
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    (folder / "state").mkdir(mode=0o700)
    ref = credential_ref(load_site_key(folder / "site.key"), 26, BADGE)
    person = HolderRecord(id="a" * 16, external_id="1", name="Ada L", roles=("staff",))
    badge = CredentialRecord(id=CredentialId("c" * 16), holder=HolderId("a" * 16), ref=ref)
    with People.open(folder / "state" / "site.db", create=True) as people:
        people.apply(Change(base=people.version, holders=(person,), credentials=(badge,), pins=()))
    return key


@contextmanager
def running(folder: Path, line: Line) -> Iterator[subprocess.Popen[bytes]]:
    """The edge, ready: it has secured the door over its session with the reader."""
    command = [sys.executable, "-m", "edge.main", "run", "--config", str(folder / "site.toml")]
    with (folder / "edge.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        until = time.monotonic() + START_S
        while not any(isinstance(command, Output) for _, command in line.reader.executed):
            line.exchange(0.1)
            said = (folder / "edge.log").read_text
            assert process.poll() is None, said()
            assert time.monotonic() < until, said()
        yield process
    finally:
        process.terminate()
        while process.poll() is None:
            line.exchange(0.05)


def measure(folder: Path) -> tuple[list[Trial], list[float], dict[str, int]]:
    """Badges and bare commits by turns, and the bytes of each kind of frame."""
    line = Line(folder, make_site(folder))
    chance = random.Random(0)
    trials: list[Trial] = []
    bare_s: list[float] = []
    with closing(Disk(folder)) as disk, running(folder, line):
        for number in range(WARM_UP + BADGES):
            line.serve(chance.uniform(*PAUSE_S))
            trial = line.badge()
            line.serve(chance.uniform(*PAUSE_S) / 2)
            commit_s = disk.commit()
            if number >= WARM_UP:
                trials.append(trial)
                bare_s.append(commit_s)
    return trials, bare_s, line.bytes_of


def _percentiles(values_s: list[float]) -> tuple[float, float]:
    """The 50th and the 99th, in milliseconds."""
    quantiles = statistics.quantiles(values_s, n=100)
    return quantiles[49] * 1e3, quantiles[98] * 1e3


def run() -> list[Figure]:
    """Name, value, unit, note."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        trials, bare_s, bytes_of = measure(Path(folder))
    total = _percentiles([trial.total_s for trial in trials])
    slot = _percentiles([trial.slot_s for trial in trials])
    software = _percentiles([trial.total_s - trial.slot_s for trial in trials])
    bare = _percentiles(bare_s)
    aim = 2 * bare[1] + 2
    note = f"{len(trials)} badges, random phase, one reader"
    slots = "what the reader took for other questions in between, without wire time"
    share = f"aim: 2 x bare commit p99 + 2 ms = {aim:.3g} ms"
    disk = f"{ROWS} rows of {ROW_BYTES} bytes, the journal's settings, same run"
    figures = [
        Figure("card to strike, median", total[0], "ms", note),
        Figure("card to strike, p99", total[1], "ms", note),
        Figure("card to strike, bus slot, median", slot[0], "ms", slots),
        Figure("card to strike, bus slot, p99", slot[1], "ms", slots),
        Figure("card to strike, software share, median", software[0], "ms", "commit inside"),
        Figure("card to strike, software share, p99", software[1], "ms", share),
        Figure("card to strike, bare commit, median", bare[0], "ms", disk),
        Figure("card to strike, bare commit, p99", bare[1], "ms", disk),
        Figure("card to strike, software p99 / aim", software[1] / aim, "", "at most 1"),
    ]
    between = statistics.mean(trial.between for trial in trials)
    for baud in (115_200, 9_600):
        frames = bytes_of["card"] + bytes_of["strike"]
        wire_ms = frames * BITS_PER_BYTE / baud * 1e3
        question_ms = bytes_of["question"] * BITS_PER_BYTE / baud * 1e3
        said = f"{frames} bytes; each question in between {question_ms:.3g} ms, {between:.2g} of it"
        figures.append(Figure(f"card to strike, wire time at {baud}", wire_ms, "ms", said))
    return figures
