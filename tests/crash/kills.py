"""SIGKILL at any moment, the start and the recovery included, and what must be there afterwards.

Of a real edge with eight simulated readers that always have a badge waiting: what a subscriber at
its control socket was told is durable. And of the journal's writer alone with eight threads, which
dies oftener in the same time.
"""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge.control.client import Client, ControlClientError
from edge.control.messages import Entries, SentEntry
from edge.journal import verify_folder
from edge.journal.folder import SEGMENT
from tests.crash.producers import made
from tests.edge.agreement import chains, unsound
from tests.edge.busy import BusySite
from tests.edge.journal.support import open_journal, read_all
from tests.records import ROOT

LIFE_S = 0.4
"""A process that is at work is killed within this time."""

STARTING_SHARE = 0.4
"""Of the kills, the last of them apart, fall into a start: somewhere in as long as one took."""

START_S = 2.0
"""What a start is believed to take before one was seen."""

PATIENCE_S = 60.0
LOOK_EVERY = 20
"""After every so many kills what was left behind is looked through."""

AGAIN_S = 0.02


class Killed(NamedTuple):
    """What the kills were; `wrong` is empty when everything held."""

    kills: int
    starting: int
    """Of these in a start, before anything was said."""

    told: int
    stored: int
    wrong: list[str]


class Subscriber(threading.Thread):
    """Told by the control socket what is durable, over every restart."""

    def __init__(self, state: Path) -> None:
        super().__init__(name="subscriber", daemon=True)
        self.told: dict[int, SentEntry] = {}
        self.wrong: list[str] = []
        self.done = False
        self._state = state

    @property
    def last_seq(self) -> int:
        return len(self.told)

    def run(self) -> None:
        while not self.done:
            try:
                self._follow()
            except ControlClientError:
                time.sleep(AGAIN_S)  # it was killed, or does not listen yet

    def _follow(self) -> None:
        with closing(Client(self._state)) as client:
            for reply in client.subscribe(self.last_seq + 1):
                for one in reply.entries if isinstance(reply, Entries) else ():
                    if one.seq != self.last_seq + 1:
                        self.wrong.append(f"told {one.seq} after {self.last_seq}")
                    self.told[one.seq] = one


def edge_kills(folder: Path, chance: random.Random, kills: int, port: int) -> Killed:
    """Kill `sentrypost run` so often. `port`: of a broker that is not there."""
    return asyncio.run(_EdgeKills(folder, chance, port).run(kills))


class _EdgeKills:
    def __init__(self, folder: Path, chance: random.Random, port: int) -> None:
        self._site = BusySite(folder / "site", port, chance)
        self._copies = folder / "copies"
        self._chance = chance
        self._subscriber = Subscriber(self._site.state)
        self._start_s = START_S
        self._starting = 0
        self._wrong: list[str] = []

    async def run(self, kills: int) -> Killed:
        subscriber, site = self._subscriber, self._site
        async with site.plugged_in():
            site.flowing = True
            subscriber.start()
            try:
                for number in range(1, kills + 1):
                    await self._life(starting=number < kills and self._in_start())
                    if number % LOOK_EVERY == 0:
                        self._look(self._copies / f"{number}")
            finally:
                subscriber.done = True
        self._look(self._copies / "last")
        self._wrong += subscriber.wrong
        stored = verify_folder(site.journal).last_seq
        return Killed(kills, self._starting, len(subscriber.told), stored, self._wrong)

    def _in_start(self) -> bool:
        return self._chance.random() < STARTING_SHARE

    async def _life(self, *, starting: bool) -> None:
        edge = self._site.start_edge()
        try:
            if starting:
                before = self._subscriber.last_seq
                await asyncio.sleep(self._chance.uniform(0, self._start_s))
                self._starting += self._subscriber.last_seq == before
            else:
                await self._at_work(edge)
                await asyncio.sleep(self._chance.uniform(0, LIFE_S))
        finally:
            edge.kill()
            status = await asyncio.to_thread(edge.wait)
        if status != -signal.SIGKILL:
            log = (self._site.folder / "edge.log").read_text(errors="replace")
            self._wrong.append(f"an edge ended by itself, with {status}: {log[-500:]}")

    async def _at_work(self, edge: subprocess.Popen[bytes]) -> None:
        began_s, before = time.monotonic(), self._subscriber.last_seq
        while self._subscriber.last_seq == before and edge.poll() is None:
            assert time.monotonic() < began_s + PATIENCE_S, "nothing happens"
            await asyncio.sleep(0.005)
        self._start_s = time.monotonic() - began_s

    def _look(self, copy: Path) -> None:
        """At a copy, so that the next start finds what the kill has left and nothing else."""
        shutil.copytree(self._site.journal, copy)
        self._wrong += unsound(copy)
        self._wrong += differing(copy, self._subscriber.told)


def differing(journal: Path, told: Mapping[int, SentEntry]) -> list[str]:
    """What of all that somebody was told is not in a journal's folder byte for byte. The chain's
    value after an entry says that of the entry and of all before it.
    """
    stored = chains(journal)
    if sorted(stored) != list(range(1, len(stored) + 1)):
        return ["the journal's numbers are not 1, 2, 3 …"]
    return [f"entry {seq} was told" for seq, one in told.items() if stored.get(seq) != one.chain]


def writer_kills(folder: Path, chance: random.Random, kills: int, *options: str) -> Killed:
    """Kill eight threads that append, so often. `options`: as `tests.crash.producers` has them."""
    acked: set[int] = set()
    starting, start_s, wrong = 0, START_S / 4, list[str]()
    for number in range(1, kills + 1):
        began_s = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", "tests.crash.producers", str(folder), *options],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        ) as child:
            assert child.stdout is not None, "made with a pipe"
            said = b""
            if number < kills and chance.random() < STARTING_SHARE:
                time.sleep(chance.uniform(0, start_s))
            else:
                said = child.stdout.readline()
                start_s = time.monotonic() - began_s
                time.sleep(chance.uniform(0, LIFE_S / 4))
            child.kill()
            said += child.stdout.read()
        starting += not said
        if child.returncode != -signal.SIGKILL:
            wrong.append(f"a writer ended by itself, with {child.returncode}")
        # A line that was cut off in the middle says nothing.
        acked.update(int(line) for line in said.split(b"\n")[:-1])
        if (folder / SEGMENT).exists():
            # Each time: the next writer gives a number that was lost to an entry that is the same.
            report = verify_folder(folder)
            wrong += [f"{one}" for one in report.findings]
            if report.last_seq < max(acked, default=0):
                wrong.append(f"{max(acked)} was acknowledged, there is {report.last_seq}")
        elif acked:
            wrong.append("the journal is gone")
    wrong += _missing(folder)
    return Killed(kills, starting, len(acked), verify_folder(folder).last_seq, wrong)


def _missing(folder: Path) -> list[str]:
    with closing(open_journal(folder, create=False)) as journal:
        stored = read_all(journal)
    return [f"entry {seq} is another" for seq, one in enumerate(stored, 1) if one != made(seq)]
