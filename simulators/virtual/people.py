"""People of a virtual site: where each wants to be when, and what each does at a door."""

import asyncio
from collections.abc import Iterator
from random import Random

from policies.compiled import Egress, Rex
from policies.facts import Direction
from simulators.osdp_reader import SimulatedReader
from simulators.virtual.hardware import Hardware, Portal
from simulators.virtual.loop import virtual_loop
from simulators.virtual.plan import Person, Plan
from simulators.virtual.seen import What
from simulators.world import AMBER, PATIENCE_S, REACTION_S, RED

DAY_S = 86_400.0
HOUR_S = 3_600.0

LOOK_S_MAX = 1.0
"""From a lock that lets go to a hand on the handle."""

PAUSE_S_MIN, PAUSE_S_MAX = 2.0, 12.0
"""From one door to the next."""

SIDE_SHARE = 0.3
"""How often somebody goes home by a side door, where there is one."""

AGAIN_S_MIN, AGAIN_S_MAX = 15.0, 45.0
"""Who was refused the way out tries again after so long."""

SLIP_SHARE = 0.06
"""How often somebody types a wrong PIN."""

BORROWED_SHARE = 0.1
"""How often somebody shows a colleague's badge where a camera looks."""

PIN_ASKED = "Enter your PIN"
"""On a display (`edge/reader_signs.py`)."""

READS_S = 0.1
LOOKS_S = 22.0
"""Somebody looks into a camera and turns until the edge stops waiting (`controller/attempt.py`)."""

WRONG_PIN = "0000"
"""Nobody's."""


class Crowd:
    """Everybody at the site, as tasks that belong to no process."""

    def __init__(
        self, plan: Plan, hardware: Hardware, chance: Random, days: float, hour: int
    ) -> None:
        self._plan = plan
        self._hardware = hardware
        self._begin_s = hour * HOUR_S
        self._end_s = self._begin_s + days * DAY_S
        self._alarm = asyncio.Event()
        self.where = {person.name: "street" for person in plan.people}
        self._sides = {
            portal.rule.inner: portal
            for portal in hardware.portals.values()
            if portal.rule.outer == "street" and plan.ways[portal.rule.inner] != (portal.name,)
        }
        self._lenders = [p for p in plan.people if p.in_good_standing]
        self._chances = {p.name: Random(chance.getrandbits(64)) for p in plan.people}

    def start(self) -> list[asyncio.Task[None]]:
        """Send everybody on their ways."""
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(self._live(person), name=f"person {person.name}")
            for person in self._plan.people
        ]

    def alarm(self) -> None:
        """Sirens: everybody inside goes out now."""
        self._alarm.set()
        self._alarm = asyncio.Event()

    async def _live(self, person: Person) -> None:
        chance = self._chances[person.name]
        for at_s, zone in sorted(self._agenda(person, chance)):
            if at_s >= self._end_s:
                return
            if at_s < self._begin_s:
                continue
            while not await self._calm_until(at_s - self._begin_s):
                await asyncio.sleep(chance.uniform(1.0, 60.0))
                await self.walk(person, "street", chance)
            await self.walk(person, zone, chance)

    async def _calm_until(self, at_s: float) -> bool:
        """Wait for a time; false where an alarm comes first."""
        loop = virtual_loop()
        if loop.time() >= at_s:
            return True
        try:
            async with asyncio.timeout_at(at_s):
                await self._alarm.wait()
        except TimeoutError:
            return True
        return False

    def _agenda(self, person: Person, chance: Random) -> Iterator[tuple[float, str]]:
        """Where somebody goes, day by day, from a Monday's midnight on."""
        zones = [zone for zone in self._plan.ways if zone != "street"]
        common = [zone for zone in zones if not zone.startswith("archive")]
        archives = [zone for zone in zones if zone.startswith("archive")]
        wanted = zones if person.character.name in {"archivist", "guard"} else common
        desks = archives if archives and person.character.name == "archivist" else common
        for day in range(int(self._end_s / DAY_S) + 1):
            begin_s = day * DAY_S
            if person.character.name == "guard":
                for hour in range(int(chance.uniform(0, 3)), 24, 3):
                    yield begin_s + (hour + chance.random()) * HOUR_S, chance.choice(wanted)
                continue
            if person.character.name == "cleaner":
                come_s, leave_s, errands = 18.2, 20.7, 4
            else:
                come_s, leave_s = chance.gauss(8.3, 0.6), chance.gauss(17.5, 0.7)
                errands = chance.choice((0, 1, 1, 2, 3))
            desk = chance.choice(desks)
            yield begin_s + come_s * HOUR_S, desk
            for _ in range(errands):
                at_s = begin_s + chance.uniform(come_s + 0.2, leave_s - 0.2) * HOUR_S
                # Some try where they may not go.
                yield at_s, chance.choice(zones if chance.random() < 0.1 else wanted)
            if chance.random() < 0.3:
                yield begin_s + chance.gauss(12.4, 0.2) * HOUR_S, "street"
                yield begin_s + chance.gauss(13.2, 0.2) * HOUR_S, desk
            yield begin_s + leave_s * HOUR_S, "street"

    async def walk(self, person: Person, zone: str, chance: Random) -> None:
        """From where somebody is to a zone, as far as the doors let."""
        target = self._plan.ways[zone]
        while True:
            way = self._plan.ways[self.where[person.name]]
            if way != target[: len(way)]:
                portal = self._way_out(self.where[person.name], zone, chance)
                direction = Direction.EXIT
            elif len(way) < len(target):
                portal, direction = self._hardware.portals[target[len(way)]], Direction.ENTRY
            else:
                return
            async with portal.turn:
                passed = await self._pass(person, portal, direction, chance)
            if passed:
                inwards = direction is Direction.ENTRY
                self.where[person.name] = portal.rule.inner if inwards else portal.rule.outer
                await asyncio.sleep(chance.uniform(PAUSE_S_MIN, PAUSE_S_MAX))
            elif direction is Direction.ENTRY:
                return
            else:
                await asyncio.sleep(chance.uniform(AGAIN_S_MIN, AGAIN_S_MAX))

    def _way_out(self, zone: str, target: str, chance: Random) -> Portal:
        """The way that somebody came, or straight to the street."""
        side = self._sides.get(zone) if target == "street" else None
        if side is not None and chance.random() < SIDE_SHARE:
            return side
        return self._hardware.portals[self._plan.ways[zone][-1]]

    async def _pass(
        self, person: Person, portal: Portal, direction: Direction, chance: Random
    ) -> bool:
        """One person at one door; whether the leaf opened for them."""
        inside = direction is Direction.EXIT
        if inside and portal.rule.egress is Egress.MECHANICAL:
            portal.leave()
            answer = What.PASSED
        else:
            answer = await self._open(person, portal, inside, chance)
        self._hardware.tell(answer, portal.name, f"{direction} {person.name}")
        while portal.door.open:
            await portal.changed.wait(60.0)
        return answer is What.PASSED

    async def _open(self, person: Person, portal: Portal, inside: bool, chance: Random) -> What:
        """Have the lock let go, and pull; once more where it locked behind somebody else."""
        answer = What.GAVE_UP
        for _ in range(2):
            answer = await self._ask(person, portal, inside, chance)
            if answer is not What.PASSED:
                break
            await asyncio.sleep(chance.uniform(0.1, LOOK_S_MAX))
            if portal.push():
                break
            answer = What.GAVE_UP
        return answer

    async def _ask(self, person: Person, portal: Portal, inside: bool, chance: Random) -> What:
        """Present what there is to present, and wait for lock or light."""
        if portal.door.unlocked:
            return What.PASSED
        if inside and portal.rule.rex is Rex.UNLOCK:
            portal.press_button()
            return await self._wait(portal, None, person, chance)
        reader = portal.exit_reader if inside else portal.entry_reader
        assert reader is not None, "a door that is not free has a reader"
        detail = f"{Direction.EXIT if inside else Direction.ENTRY} {person.name}"
        shown = person
        if portal.looked_at and not inside and chance.random() < BORROWED_SHARE:
            shown = chance.choice(self._lenders)
            detail = f"{Direction.ENTRY} {shown.name}"
        self._hardware.tell(What.PRESENTED, portal.name, detail)
        portal.standing = person.name
        try:
            reader.present_card(shown.badge.bits, shown.badge.data)
            return await self._wait(portal, reader, person, chance, knows=shown is person)
        finally:
            portal.standing = None

    async def _wait(
        self,
        portal: Portal,
        reader: SimulatedReader | None,
        person: Person,
        chance: Random,
        *,
        knows: bool = True,
    ) -> What:
        """`knows`: the PIN of the badge that was presented."""
        loop = virtual_loop()
        until_s, typed, looked = loop.time() + PATIENCE_S, False, False
        if reader is not None:
            reader.on_light = portal.changed.fire
        while (left_s := until_s - loop.time()) > 0:
            if portal.door.unlocked:
                return What.PASSED
            color = None if reader is None else reader.color(loop.now_ns())
            if color == RED:
                return What.REFUSED
            asked = color == AMBER and not typed
            # The light says that something is asked for; the display, where there is one, what.
            if asked and portal.looked_at and not _asks_for_pin(reader):
                if not looked:
                    looked, until_s = True, loop.time() + LOOKS_S
                await portal.changed.wait(min(READS_S, until_s - loop.time()))
                continue
            if asked and reader is not None:
                typed = True
                await asyncio.sleep(REACTION_S + chance.random())
                slipped = chance.random() < SLIP_SHARE or not knows
                typed_what = What.MISTYPED if slipped else What.TYPED
                self._hardware.tell(typed_what, portal.name, person.name)
                reader.press_keys(f"{WRONG_PIN if slipped else person.pin}#")
                until_s = loop.time() + PATIENCE_S
                continue
            await portal.changed.wait(left_s)
        return What.GAVE_UP


def _asks_for_pin(reader: SimulatedReader | None) -> bool:
    return reader is not None and reader.text(virtual_loop().now_ns()) == PIN_ASKED
