"""A panel and its readers joined in memory, in virtual time."""

import random
from collections.abc import Callable
from typing import TypeVar

from drivers.api import Action, Command, CommandEnded, Fact, Priority
from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig, ReaderConfig
from drivers.upkeep import DeviceProfiled, KeyProven, PairingEnded, Upkeep
from simulators.osdp_reader import SimulatedReader

MS = 1_000_000
KEPT = KeyProven | PairingEnded | DeviceProfiled
F = TypeVar("F", bound=Fact)


def key_of(address: int) -> bytes:
    return bytes((address * 5 + place * 7 + 1) % 256 for place in range(16))


def reader_config(number: int, **changes: object) -> ReaderConfig:
    values: dict[str, object] = {
        "name": f"r{number}",
        "address": number,
        "key_file": key_of(number).hex().encode(),
        "inputs": 2,
        "outputs": 2,
    }
    return ReaderConfig(**(values | changes))  # type: ignore[arg-type]


class World:
    """`to_reader` and `to_panel` see every transmission and may change or swallow (b"") it.

    `on_fact` is the edge: it may submit while it hears. What it keeps for a driver is in `kept`.
    """

    def __init__(
        self, *addresses: int, seed: int = 1, baud: int = 115200, **changes: object
    ) -> None:
        source = random.Random(seed)
        self.now_ns = 1_000_000 * MS
        self.entropy: Callable[[int], bytes] = source.randbytes
        self.readers = {
            address: SimulatedReader(address, key_of(address), source.randbytes)
            for address in addresses
        }
        configs = tuple(reader_config(address, **changes) for address in addresses)
        self.config = LineConfig(port="memory", baud=baud, readers=configs)
        self.bus = Bus(self.config, self._draw)
        self.facts: list[Fact] = []
        self.kept: list[Fact] = []
        self.sent: list[tuple[int, bytes]] = []
        self.heard: list[bytes] = []
        self.stands = True
        self.latency_ms = 1.0
        self.asked: list[str] = []
        self.to_reader: Callable[[bytes], bytes] = lambda data: data
        self.to_panel: Callable[[bytes], bytes] = lambda data: data
        self.on_fact: Callable[[Fact], None] = lambda fact: None
        self._arrivals: list[tuple[int, bytes]] = []
        self._ids = 0
        self.bus.start(self.now_ns, self._stands)

    def _draw(self, size: int) -> bytes:
        return self.entropy(size)

    def _stands(self, command: Command) -> bool:
        self.asked.append(command.id)
        return self.stands

    def run(self, ms: float) -> "World":
        end_ns = self.now_ns + int(ms * MS)
        while True:
            self._turn()
            times = [arrival_ns for arrival_ns, _ in self._arrivals]
            times += [at for reader in self.readers.values() if (at := reader.deadline())]
            deadline_ns = self.bus.deadline()
            if deadline_ns is not None:
                times.append(deadline_ns)
            next_ns = max(self.now_ns, min(times, default=end_ns))
            if next_ns >= end_ns:
                self.now_ns = end_ns
                self._turn()
                return self
            self.now_ns = next_ns

    def _turn(self) -> None:
        while self._arrivals and self._arrivals[0][0] <= self.now_ns:
            self.bus.receive(self._arrivals.pop(0)[1], self.now_ns)
        self.bus.handle_deadline(self.now_ns)
        for reader in self.readers.values():
            reader.handle_deadline(self.now_ns)
        data = self.bus.bytes_to_send(self.now_ns)
        if data:
            self.sent.append((self.now_ns, data))
            self._deliver(self.to_reader(data))
        while (fact := self.bus.next_fact()) is not None:
            (self.kept if isinstance(fact, KEPT) else self.facts).append(fact)
            self.on_fact(fact)

    def _deliver(self, data: bytes) -> None:
        for reader in self.readers.values():
            if reader.baud not in (None, self.bus.baud):
                continue  # noise to it
            reply = reader.receive(data, self.now_ns)
            if reply:
                self.heard.append(reply)
                self.inject(self.to_panel(reply))

    def inject(self, data: bytes, after_ms: float | None = None) -> None:
        """Bytes on their way to the panel, whoever sent them."""
        if data:
            wait_ms = self.latency_ms if after_ms is None else after_ms
            self._arrivals.append((self.now_ns + int(wait_ms * MS), data))
            self._arrivals.sort(key=lambda arrival: arrival[0])

    def online(self) -> "World":
        self.run(100)
        self.facts.clear()
        self.sent.clear()
        self.asked.clear()
        return self

    def submit(
        self,
        action: Action,
        *,
        address: int = 1,
        priority: Priority = Priority.PASSAGE,
        within_ms: int | None = 1_000,
    ) -> str:
        self._ids += 1
        limit_ns = None if within_ms is None else self.now_ns + within_ms * MS
        command = Command(
            id=f"c{self._ids}",
            device=f"r{address}",
            action=action,
            priority=priority,
            not_after_ns=limit_ns,
        )
        self.bus.submit(command, self.now_ns)
        return command.id

    def upkeep(self, order: Upkeep) -> "World":
        self.bus.upkeep(order, self.now_ns)
        return self

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in (*self.facts, *self.kept) if isinstance(fact, kind)]

    def outcome(self, command: str) -> str:
        ends = [fact for fact in self.of(CommandEnded) if fact.command == command]
        assert len(ends) == 1, f"{command} ended {len(ends)} times"
        return ends[0].outcome.value


class PacedWorld(World):
    """Bytes take the time that they take at the line's speed, and readers a moment to answer."""

    TURNAROUND_MS = 3.0

    def _deliver(self, data: bytes) -> None:
        byte_ms = 10_000 / self.config.baud
        there_ms = len(data) * byte_ms
        for reader in self.readers.values():
            reply = reader.receive(data, self.now_ns + int(there_ms * MS))
            if reply:
                self.heard.append(reply)
                back_ms = self.TURNAROUND_MS + len(reply) * byte_ms
                self.inject(self.to_panel(reply), there_ms + back_ms)
