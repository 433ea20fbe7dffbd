"""OSDP readers on paced lines: Sentrypost's driver next to libosdp's own control panel in Python.

Both speak to the same simulated readers, which sit in a process of their own at the far end of ptys
on which every byte takes its time. A card's way ends where the panel's process hears of it; a
command's where the reader's confirmation has come back. libosdp's panel is `osdp.ControlPanel` as
its package has it. At rest, nothing but polls passes; there the whole edge is measured as well.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from simulators.secret_file import write_secret
from tests.bench import Figure
from tests.bench.bench_latency import POLICY
from tests.bench.readers_trial import POLL_MS, Said, Trial, key_of, port_of, rss_mib
from tests.records import ROOT

FOR_S = 8.0
SLOW_FOR_S = 16.0
REST_S = 5.0
SLOW_PAUSE_S = (0.6, 1.4)
"""On a line of 9600 baud: more at once than it can carry would measure its queues."""

GIVEN_UP_S = 9.0
"""libosdp asks a dead reader nine times, then not for 300 s; measured is what it is like then."""

READY_WITHIN_S = 60.0
PANELS = ("sentrypost", "libosdp")
COUNTS = (1, 8, 32)
AT_9600 = (1, 4)
"""More than four at this speed are refused."""

BUSES = 4
CPU_AIM, RSS_AIM = 15.0, 150.0

SITE = """
site = "bench"
edge = "gate"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"
trust-clock = "always"

[portal.front]
lock = { device = "r0-1", output = 0 }
entry-reader = "r0-1"
accept-exposed-lock = true
"""


class Took(NamedTuple):
    """Milliseconds of each card and each command that came through, and how many did not."""

    cards_ms: list[float]
    commands_ms: list[float]
    lost: int


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A module of ours that does what its standard input says, until that ends."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        try:
            yield one
        finally:
            one.kill()


def pipe(one: IO[str] | None) -> IO[str]:
    assert one is not None, "made with pipes"
    return one


def tell(one: subprocess.Popen[str], words: str) -> None:
    pipe(one.stdin).write(f"{words}\n")
    pipe(one.stdin).flush()


def heard(one: subprocess.Popen[str]) -> str:
    line = pipe(one.stdout).readline()
    assert line, f"{one.args} ended"
    return line.rstrip("\n")


@contextmanager
def far(folder: Path, trial: Trial) -> Iterator[subprocess.Popen[str]]:
    """The readers, ready."""
    (folder / "trial.json").write_bytes(msgspec.json.encode(trial))
    with process("tests.bench.readers_far", str(folder)) as readers:
        assert heard(readers) == "ready"
        yield readers


@contextmanager
def panel(kind: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """One of the two, with a session to every reader that lives."""
    with process("tests.bench.readers_panel", kind, str(folder)) as one:
        assert heard(one) == "online"
        yield one


def told(one: subprocess.Popen[str]) -> Said:
    """What it has to say at its end."""
    pipe(one.stdin).close()
    return msgspec.json.decode(heard(one), type=Said)


def took(kind: str, trial: Trial) -> Took:
    """One panel and one set of lines, with cards and commands at the same time."""
    with (
        tempfile.TemporaryDirectory() as name,
        far(Path(name), trial) as readers,
        panel(kind, Path(name)) as one,
    ):
        time.sleep(GIVEN_UP_S if trial.dead and kind == "libosdp" else 1.0)
        for_s = SLOW_FOR_S if trial.baud == 9600 else FOR_S
        tell(one, f"commands {for_s}")
        tell(readers, f"cards {for_s}")
        shown: dict[int, int] = {}
        while (words := heard(readers).split())[0] == "card":
            shown[int(words[1])] = int(words[2])
        assert heard(one) == "done"
        said = told(one)
    cards_ms = [(at_ns - shown[card]) / 1e6 for card, at_ns in said.cards]
    lost = said.lost + len(shown) - len(cards_ms)
    return Took(cards_ms, [ns / 1e6 for ns in said.commands_ns], lost)


def latencies(baud: int, count: int, *, dead: bool) -> Iterator[Figure]:
    """Both panels on one line with so many readers; with `dead`, one of them, or one beside one."""
    addresses = tuple(range(1, max(count, 1 + dead) + 1))
    gone = ((0, addresses[-1]),) if dead else ()
    pause_s = SLOW_PAUSE_S if baud == 9600 else Trial(baud=baud, lines=()).pause_s
    trial = Trial(baud=baud, lines=(addresses,), dead=gone, pause_s=pause_s)
    found = {kind: took(kind, trial) for kind in PANELS}
    live = len(trial.live())
    about = f"{live} reader{'s' * (live > 1)}{' and a dead one' * dead} at {baud}"
    for what, values in (
        ("card to event", {kind: one.cards_ms for kind, one in found.items()}),
        ("command to confirmation", {kind: one.commands_ms for kind, one in found.items()}),
    ):
        medians = {kind: statistics.median(ms) for kind, ms in values.items()}
        for kind, ms in values.items():
            p95 = statistics.quantiles(ms, n=20)[18]
            note = f"p95 {p95:.4g} ms of {len(ms)}; {found[kind].lost} lost"
            yield Figure(f"{what}, {about}, {kind}, median", medians[kind], "ms", note)
        ratio = medians["sentrypost"] / medians["libosdp"]
        note = "the dead one is asked every second by ours, by libosdp after 300 s" * dead
        yield Figure(f"{what}, {about}, ours / libosdp's", ratio, "", note)


# --- at rest ------------------------------------------------------------------------------------


def spread(count: int) -> tuple[tuple[int, ...], ...]:
    """So many readers on four lines, or on as many as there are readers."""
    buses = min(BUSES, count)
    return tuple(tuple(range(1, count // buses + 1)) for _ in range(buses))


def make_site(folder: Path, trial: Trial) -> None:
    """The same readers as an edge's devices."""
    site = SITE
    for line, addresses in enumerate(trial.lines):
        port = port_of(folder, line).name
        site += f'\n[line.l{line}]\ndriver = "osdp"\nport = "{port}"\nbaud = {trial.baud}\n'
        site += f"poll-ms = {POLL_MS}\n"
        for address in addresses:
            name = f"r{line}-{address}"
            site += f'\n[device.{name}]\nline = "l{line}"\naddress = {address}\n'
            site += f'key = "{name}.key"\noutputs = 1\n'
            write_secret(folder / f"{name}.key", key_of(line, address).hex().encode())
    (folder / "site.toml").write_text(site)
    (folder / "policy.toml").write_text(POLICY)
    write_secret(folder / "site.key", os.urandom(32))
    (folder / "state").mkdir(mode=0o700)


@contextmanager
def edge(folder: Path, trial: Trial) -> Iterator[int]:
    """The whole daemon, with every reader online; its process."""
    make_site(folder, trial)
    config = ["--config", str(folder / "site.toml")]
    with (folder / "edge.log").open("wb") as log:
        one = subprocess.Popen(
            [sys.executable, "-m", "edge.main", "run", *config], cwd=ROOT, stderr=log
        )
    try:
        until_s = time.monotonic() + READY_WITHIN_S
        ask = [sys.executable, "-m", "edge.main", "status", "--json", *config]
        while True:
            asked = subprocess.run(ask, cwd=ROOT, capture_output=True, check=False)
            if asked.returncode == 0 and b'"online":false' not in asked.stdout:
                break
            assert time.monotonic() < until_s, (folder / "edge.log").read_text()
            time.sleep(0.2)
        yield one.pid
    finally:
        one.terminate()
        one.wait()


def cpu_s(process: int) -> float:
    """What a process has used of the processors."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked(readers: subprocess.Popen[str]) -> int:
    """How many questions the readers have heard."""
    tell(readers, "asked")
    return int(heard(readers))


def at_rest(count: int) -> Iterator[Figure]:
    """The edge, our driver alone and libosdp's panel with nothing to do but polls."""
    trial = Trial(baud=115_200, lines=spread(count))
    buses = len(trial.lines)
    about = f"at rest, {count} on {buses} line{'s' * (buses > 1)}"
    with tempfile.TemporaryDirectory() as name, far(Path(name), trial) as readers:
        folder = Path(name)
        with edge(folder, trial) as pid:
            time.sleep(2.0)  # for what a start does behind its readiness
            began_s, used_s, heard_before = time.monotonic(), cpu_s(pid), asked(readers)
            time.sleep(REST_S)
            wall_s = time.monotonic() - began_s
            share = 100 * (cpu_s(pid) - used_s) / wall_s
            polls = (asked(readers) - heard_before) / wall_s / count
            aim = f"{polls:.3g} polls/s each, at 115200; aim: at most {CPU_AIM:.0f}"
            yield Figure(f"{about}, the whole edge, processor", share, "% of a core", aim)
            aim = f"aim: at most {RSS_AIM:.0f}"
            yield Figure(f"{about}, the whole edge, memory", rss_mib(str(pid)), "MiB", aim)
        for kind in PANELS:
            with panel(kind, folder) as one:
                heard_before = asked(readers)
                tell(one, f"rest {REST_S}")
                assert heard(one) == "done"
                polls = (asked(readers) - heard_before) / REST_S / count
                said = told(one)
            share = 100 * said.cpu_s / said.wall_s
            note = f"{polls:.3g} polls/s each; {said.rss_mib:.3g} MiB"
            yield Figure(f"{about}, {kind} alone, processor", share, "% of a core", note)


def run() -> list[Figure]:
    """Name, value, unit, note."""
    figures: list[Figure] = []
    for baud, counts in ((115_200, COUNTS), (9_600, AT_9600)):
        for count in counts:
            for dead in (False, True):
                figures += latencies(baud, count, dead=dead)
    for count in COUNTS:
        figures += at_rest(count)
    return figures
