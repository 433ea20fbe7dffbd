"""The hardware of one site file, simulated: readers on ptys, doors, sensors, a fire loop, people.

Everything is named and wired as the site file says, so the edge runs on it unchanged. A reader that
the scenario gives to another program is played by that program, in a process of its own.
"""

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from drivers.badges import Badge, Code, parse_presented
from drivers.family import LineSpec
from drivers.family import SerialLine as SerialOptions
from drivers.modbus.family import line_config as modbus_config
from drivers.osdp.family import line_config, options_of
from edge.config import Config
from edge.site_file import Input, PortalEntry
from policies.compiled import Egress
from policies.facts import Direction
from simulators.before_cameras import TEXT_COLUMNS, Cameras, Stay
from simulators.boom import Boom
from simulators.door import Door, Lock
from simulators.lcus_board import board_line
from simulators.modbus_module import Modules, SimulatedModule
from simulators.osdp_line import ReaderLine, flip_one_bit
from simulators.osdp_reader import SimulatedReader
from simulators.peer import Peer
from simulators.scenario import (
    MISHAPS,
    Mishap,
    Person,
    Presented,
    Scenario,
    ScenarioError,
    Way,
    step_of,
)
from simulators.sensor import Fault, Sensor
from simulators.serial_line import SerialLine, untouched
from simulators.speaking import DEVICES, Speaking

TICK_S = 0.02
"""How often doors and people look: a tenth of what a person notices."""

PATIENCE_S = 4.0
"""Somebody whose badge moved nothing for so long gives up."""

PANEL_S_MAX = 20.0
"""A scenario begins without a panel that has not spoken to every device by then."""

REACTION_S = 0.4
"""From a reader that asks for a PIN to the first key."""

PAUSE_S = 1.0
"""Between two doors of one way."""

NOISE = 0.2
"""The share of replies that arrive damaged on a noisy line."""

RED, GREEN, AMBER = 1, 2, 3
"""SIA OSDP v2.2 table 20: what a reader shows that refuses, grants, or asks for more."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """How one person fared at one portal.

    `took_ms`: from the last thing presented to the answer that a person sees, the lock that lets
    go or the red light; None where nothing was presented or nothing answered.
    """

    person: str
    portal: str
    direction: Direction
    passed: bool
    took_ms: float | None


class World:
    """One site's hardware and people.

    `ready` is called when the ports are there, `tell` with every visit when it has ended.
    """

    def __init__(
        self,
        config: Config,
        scenario: Scenario,
        tell: Callable[[Visit], None],
        ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._scenario = scenario
        self._tell = tell
        self._ready = ready
        self.readers: dict[str, SimulatedReader] = {}
        self.doors: dict[str, Door] = {}
        self.sensors: dict[str, Sensor] = {}
        self.modules: dict[str, SimulatedModule] = {}
        self.speaking: dict[str, Speaking] = {}
        self.lines: dict[str, ReaderLine | SerialLine] = {}
        self._peers: dict[str, Peer] = {}
        self._cameras = Cameras(config)
        self._tasks: asyncio.TaskGroup | None = None
        self._busy: dict[str, asyncio.Lock] = {}
        self._walked: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Who has taken a way to its end, wherever that was."""
        self._build()

    async def run(self) -> None:
        """Play the scenario until cancelled."""
        async with AsyncExitStack() as stack:
            for line in self.lines.values():
                await stack.enter_async_context(line)
            for peer in self._peers.values():
                await stack.enter_async_context(peer)
            await stack.enter_async_context(self._cameras)
            self._ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tick(), name="doors")
                await self._spoken_to()
                self._tasks = tasks
                for number, way in enumerate(self._scenario.way):
                    if way.cue is None:
                        tasks.create_task(self.walk(way), name=f"way {number}")
                for number, shown in enumerate(self._scenario.presented):
                    if shown.cue is None:
                        tasks.create_task(self.hold(shown), name=f"presented {number}")
                for number, mishap in enumerate(self._scenario.mishap):
                    tasks.create_task(self._happen(mishap), name=f"mishap {number}")

    def cue(self, word: str) -> bool:
        """Let begin what waits for this word; False: nothing does, or not yet."""
        ways = [way for way in self._scenario.way if way.cue == word]
        badges = [shown for shown in self._scenario.presented if shown.cue == word]
        if self._tasks is not None:
            for way in ways:
                self._tasks.create_task(self.walk(way), name=f"way on {word}")
            for shown in badges:
                self._tasks.create_task(self.hold(shown), name=f"presented on {word}")
        return bool(ways or badges) and self._tasks is not None

    async def _spoken_to(self) -> None:
        """Nothing happens before whoever works the doors is there, or is late."""
        late_s = time.monotonic() + PANEL_S_MAX
        while time.monotonic() < late_s:
            if all(device.spoken_to for device in (self.readers | self.modules).values()):
                return
            await asyncio.sleep(TICK_S)

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        for name, (driver, spec) in self._config.lines.items():
            match driver:
                case "osdp":
                    self._build_readers(name, spec)
                case "modbus":
                    self._build_modules(name, spec)
                case "lcus":
                    self.lines[name] = board_line(spec)
                case driver if driver in DEVICES:
                    self._build_speaking(name, driver, spec)
                case _:
                    raise ScenarioError(f"line '{name}': no simulated devices for '{driver}'")
        for name, portal in self._config.portals.items():
            self.doors[name] = self._door(name, portal)
            self._busy[name] = asyncio.Lock()
        for fire in self._config.fires.values():
            self._set(fire.input, True)
        self._build_sensors()
        self._check_places()

    def _build_readers(self, name: str, spec: LineSpec) -> None:
        own = []
        line = line_config(spec)
        # Beside a camera there is a display, which says which way to turn.
        displays = {
            reader
            for portal, entry in self._config.portals.items()
            for direction, reader in (
                (Direction.ENTRY, entry.entry_reader),
                (Direction.EXIT, entry.exit_reader),
            )
            if self._cameras.look_at(portal, direction)
        }
        keys = {device.name: options_of(device).key for device in spec.devices}
        for device in line.readers:
            if device.name in self._scenario.peers:
                key_file = self._config.file.parent / keys[device.name]
                self._peers[device.name] = Peer(Path(line.port), device.address, key_file)
                continue
            reader = SimulatedReader(
                device.address,
                device.key,
                os.urandom,
                inputs=device.inputs,
                outputs=device.outputs,
                text_columns=TEXT_COLUMNS if device.name in displays else 0,
                on_output=self._output_of(device.name),
            )
            self.readers[device.name] = reader
            own.append(reader)
        if own:
            self.lines[name] = ReaderLine(Path(line.port), own)

    def _build_modules(self, name: str, spec: LineSpec) -> None:
        line = modbus_config(spec)
        own = {
            module.name: SimulatedModule(
                module.address,
                inputs=module.inputs,
                outputs=module.outputs,
                flash=module.flash,
                on_output=self._output_of(module.name),
            )
            for module in line.modules
        }
        self.modules |= own
        self.lines[name] = SerialLine(Path(line.port), Modules(tuple(own.values())))

    def _build_speaking(self, name: str, driver: str, spec: LineSpec) -> None:
        options = spec.options
        assert isinstance(options, SerialOptions), "each of them has a port"
        for device in spec.devices:
            one = self.speaking[device.name] = Speaking(driver, Path(options.port), options.baud)
            self.lines[name] = one.line

    def _build_sensors(self) -> None:
        """Alarm points, key switches and buttons, and a loop for each barrier."""
        for name, point in self._config.points.items():
            kind = self._config.policy.points[name].kind
            self.sensors[f"point.{name}"] = self._sensor(point.input, kind, point.mask)
        for name, source in self._config.local_sources.items():
            self.sensors[f"source.{name}"] = self._sensor(source.input)
        for name, portal in self._config.portals.items():
            if portal.loop is not None:
                self.sensors[f"loop.{name}"] = self._sensor(portal.loop)

    def _sensor(self, point: Input, kind: str = "", mask: Input | None = None) -> Sensor:
        return Sensor(
            self._at(point),
            kind=kind,
            inverted=point.inverted,
            on_mask=None if mask is None else self._at(mask),
            mask_inverted=mask is not None and mask.inverted,
        )

    def _at(self, point: Input) -> Callable[[int], None]:
        board = self._board(point)
        return lambda says: board.set_input(point.input, says)

    def _board(self, point: Input) -> SimulatedReader | SimulatedModule:
        return self.modules.get(point.device) or self.readers[point.device]

    def _check_places(self) -> None:
        places: dict[str, Collection[str]] = {
            "portal": self.doors,
            "line": self.lines,
            "device": self.readers | self.modules | self.speaking,
            "fire input": self._config.fires,
            "sensor": self.sensors,
        }
        for way in self._scenario.way:
            for word in way.portals:
                if step_of(word)[0] not in self.doors:
                    raise ScenarioError(f"a way of '{way.person}': no portal '{step_of(word)[0]}'")
        readers = self.readers | self._peers | self.speaking
        for shown in self._scenario.presented:
            if shown.reader not in readers:
                raise ScenarioError(f"'{shown.person}': no simulated reader '{shown.reader}'")
        for mishap in self._scenario.mishap:
            kind = MISHAPS[mishap.what]
            if mishap.where not in places[kind]:
                raise ScenarioError(f"'{mishap.what}': no simulated {kind} '{mishap.where}'")

    def _door(self, name: str, portal: PortalEntry) -> Door:
        rule = self._config.policy.portal(name)
        assert rule is not None, "the site file wires the policy's portals and no others"
        if portal.lower is not None:
            return Boom(
                name,
                on_contact=lambda on: self._set(portal.contact, on),
                on_loop=lambda there: self._loop(name, there),
                on_up=lambda on: self._set(portal.up, on),
            )
        return Door(
            name,
            Lock(rule.lock),
            panic_bar=rule.egress is Egress.MECHANICAL,
            on_contact=lambda on: self._set(portal.contact, on),
            on_exit_request=lambda on: self._set(portal.rex, on),
            on_bolt=lambda on: self._set(portal.bolt, on),
        )

    def _output_of(self, device: str) -> Callable[[int, bool], None]:
        def changed(number: int, energised: bool) -> None:
            for name, portal in self._config.portals.items():
                if (portal.lock.device, portal.lock.output) == (device, number):
                    self.doors[name].energise(energised, time.monotonic())
                lower, boom = portal.lower, self.doors[name]
                if lower is not None and (lower.device, lower.output) == (device, number):
                    assert isinstance(boom, Boom), "what is driven is a boom"
                    boom.lower(energised, time.monotonic())

        return changed

    def _loop(self, portal: str, there: bool) -> None:
        sensor = self.sensors.get(f"loop.{portal}")
        if sensor is not None:
            sensor.trip(time.monotonic()) if there else sensor.rest()

    def _set(self, point: Input | None, on: bool) -> None:
        if point is not None:
            self._board(point).set_input(point.input, on is not point.inverted)

    # --- what happens -------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for door in self.doors.values():
                door.elapse(time.monotonic())
            for sensor in self.sensors.values():
                sensor.elapse(time.monotonic())

    async def walk(self, way: Way) -> None:
        """Somebody of the scenario takes a way, from `start_s` after now on."""
        person = self._scenario.person[way.person]
        await self._time_of(way.after, way.start_s)
        while True:
            began = time.monotonic()
            for number, word in enumerate(way.portals):
                if number:
                    await asyncio.sleep(PAUSE_S)
                portal, direction = step_of(word)
                for _ in range(way.tries):
                    if passed := await self.pass_through(person, portal, direction):
                        break
                if not passed:
                    break
            self._walked[way.person].set()
            if way.every_s is None:
                return
            await asyncio.sleep(max(0.0, began + way.every_s - time.monotonic()))

    async def hold(self, shown: Presented) -> None:
        """Somebody holds a badge to a reader, from `start_s` after now on, and goes nowhere."""
        await asyncio.sleep(shown.start_s)
        badge = parse_presented(self._scenario.person[shown.person].badge)
        present(self._reader(shown.reader), badge)

    def burn(self, fire: str, burns: bool) -> None:
        """A fire loop opens, or closes again."""
        self._set(self._config.fires[fire].input, not burns)

    async def pass_through(self, person: Person, portal: str, direction: Direction) -> bool:
        """One person at one portal, when nobody else stands there; whether the leaf opened."""
        async with self._busy[portal]:
            return await self._pass(person, portal, direction)

    async def _pass(self, person: Person, portal: str, direction: Direction) -> bool:
        """One person at one portal; whether the leaf opened."""
        door, entry = self.doors[portal], self._config.portals[portal]
        reader = entry.entry_reader if direction is Direction.ENTRY else entry.exit_reader
        if reader is None:
            passed = door.leave(time.monotonic())
            self._tell(self._visit(person, portal, direction, passed, None))
            return passed
        display = self.readers.get(reader)
        async with self._cameras.stay((portal, direction), person.face, display) as stay:
            answer_s, presented_s = await self._answer(door, reader, person, stay)
            # A polite person: whom a red light refuses does not try the handle.
            refused = self._shows(reader) == RED
            passed = False if refused else door.push(time.monotonic())
        took_ms = None if answer_s is None else max(0.0, answer_s - presented_s) * 1_000
        self._tell(self._visit(person, portal, direction, passed, took_ms))
        while door.open:  # noqa: ASYNC110 - a person waits and looks
            await asyncio.sleep(TICK_S)
        return passed

    def _shows(self, reader: str) -> int:
        return self._reader(reader).color(time.monotonic_ns())

    def _reader(self, name: str) -> Peer | Speaking | SimulatedReader:
        return self._peers.get(name) or self.speaking.get(name) or self.readers[name]

    async def _answer(
        self, door: Door, reader: str, person: Person, stay: Stay
    ) -> tuple[float | None, float]:
        """When lock or light answered, if they did, and when the last thing was presented."""
        device = self._reader(reader)
        # What the light still says was for somebody else.
        patient_until_s = time.monotonic() + PATIENCE_S
        while self._shows(reader) and time.monotonic() < patient_until_s:  # noqa: ASYNC110 - as below
            await asyncio.sleep(TICK_S)
        stood_open = door.unlocked
        presented_s = time.monotonic()
        present(device, parse_presented(person.badge))
        typed = person.pin is None
        patience_s = PATIENCE_S if stay.patience_s is None else stay.patience_s
        while time.monotonic() - presented_s < patience_s:
            await asyncio.sleep(TICK_S / 10)
            await stay.obey()
            now_s, color = time.monotonic(), device.color(time.monotonic_ns())
            if door.unlocked and not stood_open:
                return door.unlocked_since_s, presented_s
            if color == RED or (color == GREEN and stood_open):
                return now_s, presented_s
            if color == AMBER and not typed:
                await asyncio.sleep(REACTION_S)
                typed, presented_s = True, time.monotonic()
                device.press_keys(f"{person.pin}#")
        return None, presented_s

    def _visit(
        self,
        person: Person,
        portal: str,
        direction: Direction,
        passed: bool,
        took_ms: float | None,
    ) -> Visit:
        return Visit(
            person=person.name,
            portal=portal,
            direction=direction,
            passed=passed,
            took_ms=took_ms,
        )

    async def _time_of(self, after: str | None, delay_s: float) -> None:
        await (asyncio.sleep(0) if after is None else self._walked[after].wait())
        await asyncio.sleep(delay_s)

    async def _happen(self, mishap: Mishap) -> None:
        await self._time_of(mishap.after, mishap.at_s)
        match mishap.what:
            case "force":
                self.doors[mishap.where].force(time.monotonic())
            case "wedge" | "unwedge":
                self.doors[mishap.where].hold(mishap.what == "wedge", time.monotonic())
            case "unplug":
                self.lines[mishap.where].unplug()
            case "replug":
                self.lines[mishap.where].replug()
            case "noise" | "calm":
                disturb(self.lines[mishap.where], NOISE if mishap.what == "noise" else 0.0)
            case "silence" | "speak":
                device = (self.readers | self.modules | self.speaking)[mishap.where]
                device.silent = mishap.what == "silence"
            case "trip" | "rest" | "cut" | "short" | "stick" | "mask" | "mend":
                meddle(self.sensors[mishap.where], mishap.what)
            case "fire" | "quiet":
                self.burn(mishap.where, mishap.what == "fire")


def present(device: Peer | Speaking | SimulatedReader, shown: Badge | Code) -> None:
    """Somebody shows something; a reader of cards sees nothing in a code."""
    if isinstance(device, Speaking):
        device.present(shown)
    elif isinstance(shown, Badge):
        device.present_card(shown.bits, shown.data)


def disturb(line: ReaderLine | SerialLine, noise: float) -> None:
    """From now on this share of the replies on a line arrives damaged."""
    if isinstance(line, ReaderLine):
        line.noise = noise
        return
    source = random.Random(0)

    def noisy(data: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, flip_one_bit(data, source) if source.random() < noise else data)]

    line.treatment = noisy if noise else untouched


_FAULTS = {"cut": Fault.CUT, "short": Fault.SHORTED, "stick": Fault.STUCK}


def meddle(sensor: Sensor, what: str) -> None:
    """One of the things that a scenario can do to a sensor."""
    match what:
        case "trip":
            sensor.trip(time.monotonic())
        case "rest":
            sensor.rest()
        case "mask":
            sensor.mask()
        case "mend":
            sensor.mend()
        case _:
            sensor.fail(_FAULTS[what])
