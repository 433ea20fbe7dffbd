"""The hardware of a virtual site: readers on wires, doors, fire loops, and what is seen of them."""

import asyncio
from collections.abc import Callable
from random import Random

from drivers.osdp.family import line_config
from edge.site_file import Input, PortalEntry
from policies.compiled import Egress, PortalRule
from simulators.door import Door, Lock
from simulators.osdp_reader import SimulatedReader
from simulators.virtual.loop import virtual_loop
from simulators.virtual.plan import Plan, asks_for_faces
from simulators.virtual.seen import Seen, What, Witness
from simulators.virtual.wire import Wire

DISPLAY_COLUMNS = 16

PRESS_S = 0.5
"""How long a finger stays on a request-to-exit button."""


class Signal:
    """Somebody waits for anything to change; unlike an event it needs no clearing."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def fire(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, at_most_s: float) -> None:
        """Until the next change, or until so much time has passed."""
        loop = virtual_loop()
        future = loop.create_future()
        self._waiting.append(future)
        timer = loop.call_later(at_most_s, self._give_up, future)
        try:
            await future
        finally:
            timer.cancel()

    def _give_up(self, future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)
            self._waiting.remove(future)


class Portal:
    """One door as people meet it: its leaf, its readers, its button."""

    def __init__(self, rule: PortalRule, entry: PortalEntry, hardware: "Hardware") -> None:
        self.rule = rule
        self.name = rule.id
        self.entry_reader = _reader(hardware, entry.entry_reader)
        self.exit_reader = _reader(hardware, entry.exit_reader)
        self.turn = asyncio.Lock()
        """One person at a time."""
        self.looked_at = rule.id in hardware.looked_at
        self.standing: str | None = None
        """Who stands before its camera."""
        self.changed = Signal()
        self._entry = entry
        self._hardware = hardware
        self._timer: asyncio.TimerHandle | None = None
        self.door = Door(
            self.name,
            Lock(rule.lock),
            panic_bar=rule.egress is Egress.MECHANICAL,
            on_contact=self._contact,
            on_exit_request=self._rex,
            on_bolt=lambda on: hardware.set_input(entry.bolt, on),
        )

    def energise(self, on: bool, *, failed: bool) -> None:
        """The output changed; `failed`: because its board lost power."""
        before = self.door.unlocked
        self.door.energise(on, self._hardware.now_s)
        if self.door.unlocked != before:
            released = What.FAILED_SAFE if failed else What.RELEASED
            self._hardware.tell(released if self.door.unlocked else What.SECURED, self.name)
            self.changed.fire()

    def push(self) -> bool:
        """Somebody outside, or inside without a panic bar, pulls the handle."""
        return self._after(self.door.push(self._hardware.now_s))

    def leave(self) -> bool:
        """Somebody inside works the panic bar."""
        return self._after(self.door.leave(self._hardware.now_s))

    def press_button(self) -> None:
        """Somebody inside presses the request-to-exit button."""
        self._rex(True)
        virtual_loop().outside(PRESS_S, self._rex, False)

    def force(self) -> None:
        self._hardware.tell(What.FORCED, self.name)
        self.door.force(self._hardware.now_s)
        self._after(True)

    def wedge(self, held: bool) -> None:
        self._hardware.tell(What.WEDGED, self.name, "in" if held else "out")
        self.door.hold(held, self._hardware.now_s)
        self._after(True)

    def _after(self, moved: bool) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        due_s = self.door.deadline()
        if due_s is not None:
            delay_s = max(0.0, due_s - self._hardware.now_s)
            self._timer = virtual_loop().outside(delay_s, self._elapse)
        return moved

    def _elapse(self) -> None:
        # Times are floats: what is due now must not be missed by their last bit.
        due_s = self.door.deadline()
        self.door.elapse(max(self._hardware.now_s, due_s or 0.0))
        self._after(True)

    def _contact(self, is_open: bool) -> None:
        self._hardware.tell(What.OPENED if is_open else What.CLOSED, self.name)
        self._hardware.set_input(self._entry.contact, is_open)
        self.changed.fire()

    def _rex(self, pressed: bool) -> None:
        if pressed:
            self._hardware.tell(What.EXIT_ASKED, self.name)
        self._hardware.set_input(self._entry.rex, pressed)


class Hardware:
    """Everything that stands outside when every computer of the site is dead."""

    def __init__(self, plan: Plan, chance: Random, witness: Witness) -> None:
        self._loop = virtual_loop()
        self._witness = witness
        self._plan = plan
        self._losing_power = False
        self.readers: dict[str, SimulatedReader] = {}
        self.wires: dict[str, Wire] = {}
        self.wire_of: dict[str, Wire] = {}
        self.portals: dict[str, Portal] = {}
        config = plan.config
        self.looked_at = [
            portal.id for portal in config.policy.portals if asks_for_faces(portal.inner)
        ]
        displays = {config.portals[name].entry_reader for name in self.looked_at}
        for name, (_, spec) in config.lines.items():
            line = line_config(spec)
            for device in line.readers:
                self.readers[device.name] = SimulatedReader(
                    device.address,
                    device.key,
                    chance.randbytes,
                    inputs=device.inputs,
                    outputs=device.outputs,
                    text_columns=DISPLAY_COLUMNS if device.name in displays else 0,
                    on_output=self._output_of(device.name),
                )
            own = [self.readers[device.name] for device in line.readers]
            self.wires[name] = Wire(name, own, line.baud, chance)
            self.wire_of |= {device.name: self.wires[name] for device in line.readers}
        for name, entry in config.portals.items():
            rule = config.policy.portal(name)
            assert rule is not None, "the site file wires the policy's portals"
            self.portals[name] = Portal(rule, entry, self)
        for fire in config.fires.values():
            self.set_input(fire.input, True)

    @property
    def now_s(self) -> float:
        return self._loop.time()

    def tell(self, what: What, where: str, detail: str = "") -> None:
        self._witness(Seen(self._loop.time(), what, where, detail))

    def set_input(self, point: Input | None, on: bool) -> None:
        if point is not None:
            self.readers[point.device].set_input(point.input, on is not point.inverted)

    def set_fire(self, fire: str, burning: bool) -> None:
        """The fire loop opens, or closes again."""
        self.tell(What.FIRE if burning else What.QUIET, fire)
        self.set_input(self._plan.config.fires[fire].input, not burning)

    def mute(self, device: str, silent: bool) -> None:
        """A reader says nothing any more: its cable is cut."""
        self.readers[device].silent = silent
        self.wire_of[device].wake()

    def reboot(self, device: str) -> None:
        """A reader's power fails for a moment: all its outputs are at rest."""
        self._losing_power = True
        self.readers[device].reboot()
        self._losing_power = False
        self.wire_of[device].wake()

    def noise(self, line: str, share: float) -> None:
        self.wires[line].noise = share
        self.wires[line].wake()

    def _output_of(self, device: str) -> Callable[[int, bool], None]:
        names: dict[int, str] = {
            portal.lock.output: name
            for name, portal in self._plan.config.portals.items()
            if portal.lock.device == device
        }

        def changed(number: int, energised: bool) -> None:
            self.portals[names[number]].energise(energised, failed=self._losing_power)

        return changed


def _reader(hardware: Hardware, device: str | None) -> SimulatedReader | None:
    return None if device is None else hardware.readers[device]
