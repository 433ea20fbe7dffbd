"""A control panel of `bench_readers` in a process of its own: Sentrypost's driver, or libosdp's.

    python -m tests.bench.readers_panel sentrypost|libosdp FOLDER < commands

Reads `trial.json`. Says `online` when every reader that lives is. `commands SECONDS` on standard
input: outputs are worked for so long; then it says `done`. `rest SECONDS`: nothing but
polls; then `done`. At the end of its input it says a `Said` as JSON.
"""

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import osdp
import osdp_sys

from drivers.api import (
    CardRead,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Outcome,
    Priority,
    Pulse,
)
from drivers.osdp.config import LineConfig, ReaderConfig
from drivers.osdp.driver import OsdpDriver
from drivers.serial_port import SerialPort
from tests.bench.readers_trial import CARD_BITS, POLL_MS, Said, Trial, key_of, port_of, rss_mib

STRIKE_MS = 500


class Heard:
    """What a panel has told so far. May be told from any thread."""

    def __init__(self) -> None:
        self.cards: list[tuple[int, int]] = []
        self.commands_ns: list[int] = []
        self.lost = 0

    def card(self, data: bytes) -> None:
        self.cards.append((int.from_bytes(data[: CARD_BITS // 8]), time.monotonic_ns()))


class Panel(Protocol):
    """Either of the two."""

    async def online(self) -> None:
        """Until every living reader has its session."""
        ...

    def strike(self, line: int, address: int) -> None:
        """Have a reader work its output for a moment; how long until it said so goes to Heard."""
        ...

    async def stop(self) -> None: ...


class Ours:
    """One OsdpDriver for each line, as the edge runs it."""

    def __init__(self, folder: Path, trial: Trial, heard: Heard) -> None:
        self._heard = heard
        self._online: set[str] = set()
        self._trial = trial
        self._sent: dict[str, int] = {}
        self._drivers = [
            OsdpDriver(
                LineConfig(
                    port=str(port_of(folder, line)),
                    readers=tuple(
                        ReaderConfig(
                            name=f"{line}/{address}",
                            address=address,
                            key_file=key_of(line, address).hex().encode(),
                            outputs=1,
                        )
                        for address in on
                    ),
                    baud=trial.baud,
                    poll_ms=POLL_MS,
                )
            )
            for line, on in enumerate(trial.lines)
        ]
        self._tasks = [
            asyncio.create_task(driver.run(self._hear, lambda _: True)) for driver in self._drivers
        ]

    def _hear(self, fact: Fact) -> None:
        match fact:
            case CardRead(data=data):
                self._heard.card(data)
            case DeviceOnline(device=device):
                self._online.add(device)
            case DeviceOffline(device=device):
                self._online.discard(device)
            case CommandEnded(command=command, outcome=outcome):
                took_ns = time.monotonic_ns() - self._sent.pop(command)
                if outcome is Outcome.CONFIRMED:
                    self._heard.commands_ns.append(took_ns)
                else:
                    self._heard.lost += 1
            case _:
                pass

    async def online(self) -> None:
        while len(self._online) < len(self._trial.live()):
            await asyncio.sleep(0.05)

    def strike(self, line: int, address: int) -> None:
        now_ns = time.monotonic_ns()
        name = f"c{now_ns}"
        self._sent[name] = now_ns
        self._drivers[line].submit(
            Command(
                id=name,
                device=f"{line}/{address}",
                action=Pulse(0, STRIKE_MS),
                priority=Priority.PASSAGE,
                not_after_ns=now_ns + 2_000_000_000,
            )
        )

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Port(osdp.Channel):  # type: ignore[misc]  # the package has no types
    """What libosdp reads and writes through; its methods must never raise."""

    def __init__(self, line: int, path: Path, baud: int) -> None:
        super().__init__()
        self.id = line + 1
        self._port = SerialPort(str(path), baud)

    def read(self, max_bytes: int) -> bytes:
        try:
            return os.read(self._port.fd, max_bytes)
        except OSError:
            return b""

    def write(self, buf: bytes) -> int:
        try:
            return os.write(self._port.fd, buf)
        except OSError:
            return -1

    def flush(self) -> None:
        while self.read(4096):
            pass


class Libosdp:
    """One `osdp.ControlPanel` for each line: its thread steps it every 20 ms, as it is written."""

    def __init__(self, folder: Path, trial: Trial, heard: Heard) -> None:
        self._trial, self._heard = trial, heard
        self._sent: dict[tuple[int, int], list[int]] = {}
        self._panels = [self._panel(folder, line) for line in range(len(trial.lines))]
        for panel in self._panels:
            panel.start()

    def _panel(self, folder: Path, line: int) -> Any:
        channel = Port(line, port_of(folder, line), self._trial.baud)
        infos = [
            osdp.PDInfo(
                address,
                channel,
                scbk=key_of(line, address),
                flags=[osdp.LibFlag.EnforceSecure],
                name=f"{line}-{address}",
            )
            for address in self._trial.lines[line]
        ]
        return osdp.ControlPanel(
            infos,
            log_level=osdp.LogLevel.Emergency,
            event_handler=self._event,
            command_completion_handler=self._completion(line),
        )

    def _event(self, _: int, event: dict[str, Any]) -> int:
        if event["event"] == osdp_sys.EVENT_CARDREAD:
            self._heard.card(event["data"])
        return 0

    def _completion(self, line: int) -> Callable[[int, dict[str, Any], int], None]:
        def completed(address: int, _: dict[str, Any], status: int) -> None:
            waiting = self._sent.get((line, address))
            if not waiting:
                return
            took_ns = time.monotonic_ns() - waiting.pop(0)
            if status == 0:
                self._heard.commands_ns.append(took_ns)
            else:
                self._heard.lost += 1

        return completed

    async def online(self) -> None:
        while sum(panel.get_num_sc_active() for panel in self._panels) < len(self._trial.live()):
            await asyncio.sleep(0.05)

    def strike(self, line: int, address: int) -> None:
        self._sent.setdefault((line, address), []).append(time.monotonic_ns())
        taken = self._panels[line].submit_command(
            address,
            {
                "command": osdp_sys.CMD_OUTPUT,
                "output_no": 0,
                "control_code": 5,
                "timer_count": STRIKE_MS // 100,
            },
        )
        if not taken:
            self._sent[line, address].pop()
            self._heard.lost += 1

    async def stop(self) -> None:
        for panel in self._panels:
            panel.stop()


async def serve(kind: str, folder: Path, trial: Trial) -> Said:
    """Do what standard input says; what came of it."""
    heard = Heard()
    panel: Panel = {"sentrypost": Ours, "libosdp": Libosdp}[kind](folder, trial, heard)
    await panel.online()
    print("online", flush=True)  # noqa: T201  # a process that is told what to do by a pipe
    cpu_s = wall_s = 0.0
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        cpu_began_s, began_s = time.process_time(), time.monotonic()
        if words[0] == "commands":
            await give_commands(panel, trial, float(words[1]))
        else:
            await asyncio.sleep(float(words[1]))
            cpu_s, wall_s = time.process_time() - cpu_began_s, time.monotonic() - began_s
        print("done", flush=True)  # noqa: T201
    await panel.stop()
    return Said(
        cards=heard.cards,
        commands_ns=heard.commands_ns,
        lost=heard.lost,
        cpu_s=cpu_s,
        wall_s=wall_s,
        rss_mib=rss_mib(),
    )


async def give_commands(panel: Panel, trial: Trial, for_s: float) -> None:
    chance = random.Random(1)
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        await asyncio.sleep(chance.uniform(*trial.pause_s))
        panel.strike(*chance.choice(trial.live()))
    await asyncio.sleep(1.0)  # for the last to end


if __name__ == "__main__":
    where = Path(sys.argv[2])
    asked = msgspec.json.decode((where / "trial.json").read_bytes(), type=Trial)
    print(msgspec.json.encode(asyncio.run(serve(sys.argv[1], where, asked))).decode())  # noqa: T201
    sys.stdout.flush()
    if threading.active_count() > 1:
        os._exit(0)  # a thread of libosdp's that does not end must not keep the figures
