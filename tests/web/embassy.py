"""The demonstration's embassy for the pages' tests: its simulated doors and people, its edge, and
the pages, each a process of its own, started by its public command.
"""

import json
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Self

from edge.duress import recipient_text
from edge.duress_keys import make_duress_key
from simulators.secret_file import write_secret
from tests.commands import command

SENTRYPOST = (sys.executable, "-m", "edge.main")
READY_S = 60.0
STOP_S = 15.0

ANNA, BEN, CLARA, DAVID = "1", "2", "3", "4"
"""Head of mission, diplomat, staff, guard: the ids of people.csv."""

IDA = "40"
"""The administrator, who opens no door."""

PIN, DURESS_PIN = "7412", "2147"
"""The guard's."""

TERMINAL = "lodge"

LODGE = """
[device.lodge-in]
line    = "gate"
address = 5
key     = "lodge-in.key"

[terminal.lodge]
reader = "lodge-in"

[pages]
name = "localhost"
"""
"""The guard's screen has a reader of its own. A browser takes localhost for a place to be trusted,
so that passkeys can be tried without TLS.
"""

WALKS = """
[[way]]
person  = "ben"
portals = ["main-gate", "-main-gate"]
start-s = 3
every-s = 9

[[way]]
person  = "grace"
portals = ["main-gate"]
start-s = 7
every-s = 9
"""
"""Somebody who may come in, and a badge that was reported lost, again and again."""

PRESENTED = """
[person.nobody-yet]
name  = "a badge out of the drawer"
badge = "h10301:118/1699"

[[presented]]
person = "david"
reader = "lodge-in"
cue    = "guard at the lodge"

[[presented]]
person = "nobody-yet"
reader = "lodge-in"
cue    = "new badge at the lodge"

[[presented]]
person = "grace"
reader = "gate-in"
cue    = "crowd"

[[presented]]
person = "stranger"
reader = "archive-in"
cue    = "crowd"

[[presented]]
person = "grace"
reader = "archive-out"
cue    = "crowd"

[[presented]]
person = "stranger"
reader = "safe-in"
cue    = "crowd"
"""
"""What is held to readers on a word of a test: at a terminal, and everywhere at once."""

HOSTILE_WALK = """
[[way]]
person  = "hostile-{number}"
portals = ["main-gate"]
start-s = {start}
every-s = 12
"""

HOSTILE = (
    "<script>window.hostile=1</script><img src=x onerror='window.hostile=1'>",
    "السفير زوي 123 (GRANTED)",
    "{{ 7 * 7 }} %(name)s " + "x" * 75,
)
"""Names of people who walk by as well. A name with signs that turn a direction round, or of 10 kB,
is not put on file at all (tests/edge/people).
"""


class Process:
    """One of them. `lines`: what it said on standard output."""

    def __init__(self, name: str, folder: Path, *words: str) -> None:
        self.log = folder / f"{name}.log"
        self.lines: queue.Queue[str] = queue.Queue()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*SENTRYPOST, *words],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def hear(self, line: str) -> None:
        """Say it on its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def said(self, wanted: str) -> str:
        """The first line with that in it. Fails with the log where it does not come."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.process.poll() is None:
            try:
                line = self.lines.get(timeout=0.2)
            except queue.Empty:
                continue
            if wanted in line:
                return line
        raise AssertionError(f"'{wanted}' never came:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Embassy:
    """`with Embassy(folder) as site:` and its doors work, and its pages are at `site.address`."""

    def __init__(self, folder: Path, walks: str = WALKS, also: Sequence[str] = HOSTILE) -> None:
        self.folder = folder
        source = files("simulators") / "embassy"
        # No broker and no central: everything here works without them.
        site = (source / "site.toml").read_text("utf-8")
        head, _, rest = site.partition("[broker]")
        rest = rest[rest.index("\n[") + 1 :]
        watch_room = make_duress_key(folder / "watch-room.key")
        told = recipient_text(watch_room.public_key().public_bytes_raw())
        site = f'{head}{rest}{LODGE}\n[duress]\nrecipients = ["{told}"]\n'
        (folder / "site.toml").write_text(site, "utf-8")
        policy = files("policies") / "examples" / "embassy.toml"
        (folder / "policy.toml").write_text(policy.read_text("utf-8"), "utf-8")
        scenario = (source / "scenario.toml").read_text("utf-8")
        people = scenario[: scenario.index("# --- A normal morning")]
        for number in range(len(also)):
            people += f'[person.hostile-{number}]\nname = "x"\nbadge = "h10301:77/{number}"\n'
            walks += HOSTILE_WALK.format(number=number, start=5 + 3 * number)
        (folder / "scenario.toml").write_text(people + PRESENTED + walks, "utf-8")
        people = (source / "people.csv").read_text("utf-8")
        people = people.replace(f",{PIN},,", f",{PIN},{DURESS_PIN},")
        people += f"{IDA},Ida Holm,administrator,,,,active\n"
        for number, name in enumerate(also):
            quoted = name.replace('"', '""')
            people += f'{90 + number},"{quoted}",staff,h10301:77/{number},,,active\n'
        (folder / "people.csv").write_text(people, "utf-8")
        write_secret(folder / "site.key", secrets.token_bytes(32))
        for line in site.splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "key":
                write_secret(
                    folder / value.strip().strip('"'), secrets.token_bytes(16).hex().encode()
                )
        (folder / "state").mkdir(mode=0o700)
        self.address = ""
        self.hardware: Process
        self.edge: Process
        self.web: Process

    def __enter__(self) -> Self:
        self.command("person", "import", "people.csv")
        self.hardware = Process(
            "hardware", self.folder, "sim", "run", "--scenario", "scenario.toml", "--json"
        )
        self.hardware.said('"ready"')
        self.start_edge()
        self.start_web()
        return self

    def start_edge(self) -> None:
        self.edge = Process("edge", self.folder, "run")
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            done = self.run("status", "--json")
            if done.returncode == 0 and json.loads(done.stdout)["ready"]:
                return
            time.sleep(0.2)
        raise AssertionError(f"the edge is not ready:\n{self.edge.log.read_text()[-3000:]}")

    def start_web(self, port: int = 0) -> None:
        self.web = Process("web", self.folder, "web", "--listen", f"127.0.0.1:{port}")
        said = self.web.said("http://").split()[-1].rstrip("/")
        # A passkey's site has a name; Chromium takes localhost for a place to be trusted.
        self.address = said.replace("127.0.0.1", "localhost")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def __exit__(self, *_: object) -> None:
        for part in ("web", "edge", "hardware"):
            if hasattr(self, part):
                getattr(self, part).stop()

    def cue(self, word: str) -> None:
        """Let happen at the doors what waits for this word."""
        self.hardware.hear(word)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return command(*words, cwd=self.folder, NO_COLOR="1")

    def command(self, *words: str) -> str:
        """A command of ours to its end; what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stderr or done.stdout}"
        return done.stdout

    def link(self, person: str) -> str:
        """The code of a one-time link that signs somebody in."""
        made: dict[str, str] = json.loads(self.command("signin", "link", person, "--json"))
        return made["code"]

    def terminal_code(self, terminal: str) -> str:
        """The code by which a browser becomes that terminal."""
        made: dict[str, str] = json.loads(self.command("signin", "terminal", terminal, "--json"))
        return made["code"]
