"""One or more devices of ready mappings on a field in virtual time, without a broker."""

import json
from collections.abc import Sequence

import msgspec

from drivers.api import Action, Command, CommandEnded, Fact, Hold, Priority, Pulse
from drivers.mqtt_devices.field import Field
from drivers.mqtt_devices.mapping import MappingEntry, ready_mappings
from drivers.mqtt_devices.orders import Outgoing
from drivers.mqtt_devices.plan import Plan, Wanted, plan_of

MS = 1_000_000
WALL_S = 1_795_171_715.0


def mapping_of(text: str) -> MappingEntry:
    return msgspec.toml.decode(text, type=MappingEntry)


def plan(
    mapping: str | MappingEntry,
    *,
    device: str = "gate1",
    inputs: int = 0,
    outputs: int = 0,
    keypad: bool = False,
    topic: str | None = "gate1",
    name: str | None = None,
    relock_ms: int | None = None,
    silent_after_s: int | None = None,
    max_age_s: int | None = None,
) -> Plan:
    entry = ready_mappings()[mapping] if isinstance(mapping, str) else mapping
    fill = {"topic": topic, "name": name}
    return plan_of(
        entry,
        Wanted(
            device=device,
            inputs=inputs,
            outputs=outputs,
            keypad=keypad,
            fill={key: value for key, value in fill.items() if value is not None},
            reply=f"to-sentrypost/edge/{device}",
            exact=isinstance(mapping, MappingEntry),
            relock_ms=relock_ms,
            silent_after_s=silent_after_s,
            max_age_s=max_age_s,
        ),
    )


class Rig:
    """`said` are the facts, `sent` what was published; the device answers only where it is told."""

    def __init__(self, *plans: Plan, wanted: bool = True) -> None:
        self.field = Field(plans, first_number=7)
        self.now_ns = 1_000_000 * MS
        self.wall_s = WALL_S
        self.said: list[Fact] = []
        self.sent: list[Outgoing] = []
        self.wanted = wanted
        self.asked: list[Command] = []
        self._commands = 0

    def connect(self) -> None:
        self.field.start(self.now_ns, self._stands)
        self.turn()

    def _stands(self, command: Command) -> bool:
        self.asked.append(command)
        return self.wanted

    def turn(self) -> None:
        while (message := self.field.next_to_send(self.now_ns, self.wall_s)) is not None:
            self.sent.append(message)
        while (fact := self.field.next_fact()) is not None:
            self.said.append(fact)

    def hear(self, topic: str, payload: object, *, retained: bool = False) -> None:
        """A message; what is not bytes or text is JSON."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        data = payload if isinstance(payload, bytes) else payload.encode()
        self.field.receive(topic, data, retained=retained, now_ns=self.now_ns, wall_s=self.wall_s)
        self.turn()

    def wait(self, ms: float) -> None:
        """Time passes, and every deadline in it is met."""
        end_ns = self.now_ns + int(ms * MS)
        for _ in range(10_000):
            due = self.field.deadline()
            if due is None or due > end_ns:
                break
            self._to(max(due, self.now_ns))
        else:
            raise AssertionError("a deadline that never goes away")
        self._to(end_ns)

    def _to(self, now_ns: int) -> None:
        self.wall_s += (now_ns - self.now_ns) / 1e9
        self.now_ns = now_ns
        self.field.handle_deadline(now_ns)
        self.turn()

    def tell(
        self,
        action: Action,
        priority: Priority = Priority.PASSAGE,
        *,
        within_ms: int | None = 2_000,
        device: str = "gate1",
    ) -> str:
        """Submit a command; its id."""
        self._commands += 1
        not_after_ns = None if within_ms is None else self.now_ns + within_ms * MS
        command = Command(
            id=f"c{self._commands}",
            device=device,
            action=action,
            priority=priority,
            not_after_ns=not_after_ns,
        )
        self.field.submit(command, self.now_ns)
        self.turn()
        return command.id

    def lock(self, **more: int) -> str:
        return self.tell(Hold(more.get("output", 0), on=False), Priority.SECURE, within_ms=None)

    def open(self, for_ms: int = 5_000, output: int = 0) -> str:
        return self.tell(Pulse(output, for_ms))

    def payloads(self, topic: str) -> list[str]:
        return [one.payload.decode() for one in self.sent if one.topic == topic]

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.said if isinstance(fact, kind)]

    def ends(self) -> dict[str, str]:
        return {
            fact.command: fact.outcome.value for fact in self.said if isinstance(fact, CommandEnded)
        }


def tasmota(**options: object) -> Rig:
    """A connected, settled Tasmota that has answered once."""
    rig = Rig(plan("tasmota", **options))  # type: ignore[arg-type]
    rig.connect()
    rig.hear("tele/gate1/LWT", "Online", retained=True)
    answer_state(rig)
    rig.wait(2_000)
    rig.said.clear()
    rig.sent.clear()
    return rig


def answer_state(rig: Rig, power: str = "OFF") -> None:
    """What Tasmota says to `State`."""
    state = {"Time": "2026-11-20T10:00:00", "Uptime": "0T00:10:11", "POWER": power}
    rig.hear("stat/gate1/RESULT", state)


Facts = Sequence[Fact]
