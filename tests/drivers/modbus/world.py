"""A Modbus line and its modules joined in memory, in virtual time."""

from collections.abc import Callable
from typing import TypeVar

from drivers.api import Action, Command, CommandEnded, Fact, Priority
from drivers.modbus.bus import Bus
from drivers.modbus.config import LineConfig, ModuleConfig
from simulators.modbus_module import SimulatedModule

MS = 1_000_000
F = TypeVar("F", bound=Fact)


def module_config(address: int) -> ModuleConfig:
    return ModuleConfig(name=f"m{address}", address=address, inputs=8, outputs=8, flash=True)


class World:
    """Frames take their time on the wire, modules 10 ms for their answer.

    `to_module` and `to_panel` see every transmission and may change or swallow (b"") it.
    """

    def __init__(self, *addresses: int, baud: int = 9600, **options: bool) -> None:
        self.now_ns = 1_000_000 * MS
        configs = tuple(module_config(address) for address in addresses)
        self.bus = Bus(LineConfig(port="memory", modules=configs, baud=baud))
        self.modules = {n: SimulatedModule(n, **options) for n in addresses}  # type: ignore[arg-type]
        self.facts: list[Fact] = []
        self.sent: list[tuple[int, bytes]] = []
        self.stands = True
        self.on_fact: Callable[[Fact], None] = lambda fact: None
        self.to_module: Callable[[bytes], bytes] = lambda data: data
        self.to_panel: Callable[[bytes], bytes] = lambda data: data
        self._byte_ns = 10 * 1_000_000_000 // baud
        self._arrivals: list[tuple[int, bytes]] = []
        self._ids = 0
        self.bus.start(self.now_ns, lambda command: self.stands)

    def run(self, ms: float) -> "World":
        """Let so much time pass."""
        end_ns = self.now_ns + round(ms * MS)
        while True:
            self._turn()
            times = [end_ns, *(at_ns for at_ns, _ in self._arrivals)]
            times += [self.bus.deadline() or end_ns]
            times += [due for m in self.modules.values() if (due := m.deadline()) is not None]
            following_ns = max(min(times), self.now_ns + 1)
            if following_ns > end_ns:
                break
            self.now_ns = following_ns
            if self.now_ns == end_ns:
                self._turn()
                break
        self.now_ns = end_ns
        return self

    def _turn(self) -> None:
        for module in self.modules.values():
            module.handle_deadline(self.now_ns)
        for at_ns, data in list(self._arrivals):
            if at_ns <= self.now_ns:
                self._arrivals.remove((at_ns, data))
                self.bus.receive(data, self.now_ns)
        self.bus.handle_deadline(self.now_ns)
        data = self.bus.bytes_to_send(self.now_ns)
        if data:
            self.sent.append((self.now_ns, data))
            self._deliver(self.to_module(data))
        while (fact := self.bus.next_fact()) is not None:
            self.facts.append(fact)
            self.on_fact(fact)

    def _deliver(self, data: bytes) -> None:
        heard_ns = self.now_ns + len(data) * self._byte_ns
        for module in self.modules.values():
            answer = self.to_panel(module.receive(data, heard_ns) if data else b"")
            if answer:
                at_ns = heard_ns + 10 * MS + len(answer) * self._byte_ns
                self._arrivals.append((at_ns, answer))

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def submit(
        self,
        action: Action,
        *,
        address: int = 1,
        priority: Priority = Priority.PASSAGE,
        within_ms: int | None = 2_000,
    ) -> str:
        self._ids += 1
        command = Command(
            id=f"c{self._ids}",
            device=f"m{address}",
            action=action,
            priority=priority,
            not_after_ns=None if within_ms is None else self.now_ns + within_ms * MS,
        )
        self.bus.submit(command, self.now_ns)
        return command.id

    def outcome(self, command: str) -> str | None:
        (ended,) = [fact for fact in self.of(CommandEnded) if fact.command == command] or [None]
        return None if ended is None else ended.outcome.value
