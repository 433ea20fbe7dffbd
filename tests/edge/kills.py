"""Edge, central and broker killed with SIGKILL while badges flow, and what must hold afterwards.

All three are processes of their own; only the simulated readers and this file stay alive. Nobody
looks into the files of a process that runs: what is known of the edge meanwhile comes from its
control socket, and everything that it ever called durable there must be in the archive at the end.
"""

import asyncio
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from edge.control.client import Client, ControlClientError
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.edge.agreement import chains, differences, forgotten, unsound
from tests.edge.busy import BusySite

VICTIMS = ("edge", "central", "broker")

STEP_S_MAX = 60.0
"""What one step may take on a machine with other work to do; seconds as a rule."""

LOOK_S = 0.01
"""Between two looks at the edge: some ten events."""

MOMENT_S = 0.05
"""A kill is drawn from this span, in which a batch is made, sent, stored and acknowledged."""

PAUSE_S = 1.5
"""Half of the victims are gone for up to so long, the others are started again at once."""

SUSPICIONS = ("Traceback", "AckIgnored", "ArchiveDiverged", "ArchiveFellBack", '"finding":')
"""Not to be said by anybody: nothing here loses an archive, forks a journal or forges a word."""

HARMLESS = '"finding":"edge-'
"""Births and deaths."""

AUTOSAVE = ("autosave_interval 1",)
"""Mosquitto writes down what it keeps every second: something to remember, or to forget."""


class Kill(NamedTuple):
    """One kill, due when the journal has `at_seq` entries. `forgets`: a broker loses its disk."""

    at_seq: int
    victim: str
    moment_s: float
    pause_s: float
    forgets: bool


class Run(NamedTuple):
    """What a run was; `wrong` is empty when everything held.

    `behind`: entries that the archive did not have, summed over the moments of the kills.
    """

    events: int
    kills: Counter[str]
    behind: int
    flow_s: float
    drain_s: float
    wrong: list[str]


def plan(chance: random.Random, events: int, times: int) -> list[Kill]:
    """Each victim so many times, in any order, anywhere in the flow but its ends."""
    victims = list(VICTIMS * times)
    chance.shuffle(victims)
    places = sorted(chance.sample(range(events // 20, events * 9 // 10), len(victims)))
    return [
        Kill(
            at_seq=place,
            victim=victim,
            moment_s=chance.uniform(0, MOMENT_S),
            pause_s=chance.choice((0.0, chance.uniform(0, PAUSE_S))),
            forgets=chance.random() < 0.5,
        )
        for place, victim in zip(places, victims, strict=True)
    ]


class Witness:
    """Hears at the edge's control socket what is durable and what the archive has."""

    def __init__(self, state: Path) -> None:
        self.told: dict[int, str] = {}
        """The chain's value after each entry of which the edge spoke."""
        self.last_seq = self.acked = self.behind = 0
        self.done = False
        self._state = state
        self._client: Client | None = None

    async def listen(self) -> None:
        """Until `done`, over every restart of the edge."""
        while not self.done:
            await asyncio.to_thread(self._ask)
            await asyncio.sleep(LOOK_S)

    def _ask(self) -> None:
        try:
            self._client = self._client or Client(self._state)
            for entry in self._client.read(self.last_seq + 1).entries:
                self.told[entry.seq] = entry.chain
                self.last_seq = entry.seq
            uplink = self._client.status().uplink
            assert uplink is not None, "the site file names a broker"
            self.acked, self.behind = uplink.acked, uplink.behind
        except ControlClientError:
            self.leave()  # it was killed, or does not listen yet

    def leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class Scene:
    """One site, one central, one broker, and their deaths."""

    def __init__(self, folder: Path, broker: BrokerProcess, chance: random.Random) -> None:
        """`broker` is not started yet."""
        self.archive = folder / "archive.db"
        self._left_behind = folder / "left-behind"
        self._broker = broker
        self.site = BusySite(folder / "site", broker.port, chance)
        self.witness = Witness(self.site.state)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        """Edge and central, once they were started."""
        self._logs = {
            "edge": folder / "site" / "edge.log",
            "central": self.archive.with_suffix(".out"),
        }
        self._started_at = dict.fromkeys(VICTIMS, 0)
        self._down = set(VICTIMS)
        self._kills: Counter[str] = Counter()
        self._behind = 0

    async def run(self, events: int, times: int, kills: list[Kill]) -> Run:
        """`kills` in a flow of at least `events`, then an end in good order."""
        began_s = time.monotonic()
        try:
            async with self.site.plugged_in(), asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self.witness.listen(), name="witness")
                for victim in ("broker", "central", "edge"):
                    await self._start(victim)
                self.site.flowing = True
                await self._carry_out(kills)
                await self._until(lambda: self.witness.last_seq >= events, f"{events} events")
                self.site.flowing = False
                flow_s = time.monotonic() - began_s
                await self._until(lambda: self.witness.behind == 0, "the archive has everything")
                drain_s = time.monotonic() - began_s - flow_s
                self.witness.done = True
                await listening
                await self._end()
        finally:
            self._close()
        wrong = self._wrong()
        made = self.witness.last_seq
        if made < events or any(self._kills[victim] < times for victim in VICTIMS):
            wrong.append(f"{made} of {events} events, {dict(self._kills)} of {times} kills each")
        return Run(made, self._kills, self._behind, flow_s, drain_s, wrong)

    async def _carry_out(self, kills: list[Kill]) -> None:
        """The next one dies whether or not the one before is back already."""
        async with asyncio.TaskGroup() as returning:
            for kill in kills:
                await self._until(partial(self._is_due, kill), f"{kill}")
                await asyncio.sleep(kill.moment_s)
                self._kill(kill.victim)
                returning.create_task(self._return(kill), name=kill.victim)

    def _is_due(self, kill: Kill) -> bool:
        """So many events were, the victim has done work, and something is on its way."""
        witness = self.witness
        done = witness.last_seq if kill.victim == "edge" else witness.acked
        at_work = kill.victim not in self._down and done > self._started_at[kill.victim]
        return witness.last_seq >= kill.at_seq and at_work and witness.behind > 0

    def _kill(self, victim: str) -> None:
        self._behind += self.witness.behind
        self._down.add(victim)
        if victim == "broker":
            status = self._broker.kill()
        else:
            self._processes[victim].kill()
            status = self._processes[victim].wait()
        assert status == -signal.SIGKILL, f"{victim} had ended by itself, with {status}"
        self._kills[victim] += 1
        if victim == "edge":
            shutil.copytree(self.site.journal, self._left_behind / f"{self._kills[victim]}")

    async def _return(self, kill: Kill) -> None:
        await asyncio.sleep(kill.pause_s)
        if kill.victim == "broker" and kill.forgets:
            (self._broker.folder / "mosquitto.db").unlink(missing_ok=True)
        await self._start(kill.victim)

    async def _start(self, victim: str) -> None:
        if victim == "broker":
            await asyncio.to_thread(self._broker.start)
        elif victim == "edge":
            self._processes[victim] = self.site.start_edge()
        else:
            central = CentralProcess(self._broker.port, self.archive, "--json")
            self._processes[victim] = central.process
        witness = self.witness
        self._started_at[victim] = witness.last_seq if victim == "edge" else witness.acked
        self._down.discard(victim)

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + STEP_S_MAX
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {STEP_S_MAX} s: {what}"
            for victim in self._processes.keys() - self._down:
                alive = self._processes[victim].poll() is None
                assert alive, f"{victim} ended by itself: {self._logs[victim].read_text()}"
            await asyncio.sleep(LOOK_S / 2)

    async def _end(self) -> None:
        for victim in ("edge", "central"):
            self._processes[victim].terminate()
            status = await asyncio.to_thread(self._processes[victim].wait, STEP_S_MAX)
            assert status == 0, f"{victim} ended with {status}: {self._logs[victim].read_text()}"

    def _close(self) -> None:
        self.witness.leave()
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._broker.close()

    def _wrong(self) -> list[str]:
        """Everything that does not hold at the end."""
        journal = self.site.journal
        wrong = [*unsound(journal), *differences(journal, self.archive)]
        wrong += forgotten(self.archive, self.witness.told)
        for left in sorted(self._left_behind.iterdir()):
            wrong += unsound(left)
            wrong += forgotten(self.archive, chains(left))
        return wrong + [line for log in self._logs.values() for line in suspicious(log)]


def suspicious(log: Path) -> list[str]:
    """The lines of a log that nobody may write here."""
    return [
        line
        for line in log.read_text(errors="replace").splitlines()
        if any(word in line for word in SUSPICIONS) and HARMLESS not in line
    ]
