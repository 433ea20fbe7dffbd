"""A story played in virtual time: the real edge and archive, the embassy's doors, people on them.

Orders are files that were really signed, and are given to the edge's own desk.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.resources import files
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.events import decode_entry
from controller.ids import HolderId, OrderId
from controller.moment import SECOND_US
from controller.state import SiteState
from drivers.badges import parse_badge
from edge.assembly import Edge
from edge.config import load_config
from edge.control.messages import ResetFireReply
from edge.control.messages_orders import OrderReply
from edge.duress import Occasion, Sealer
from edge.people import (
    Checked,
)
from simulators.secret_file import write_secret
from simulators.story import (
    Actor,
    Burn,
    Cut,
    Expect,
    Flee,
    Give,
    Kill,
    Line,
    Reset,
    Story,
    Told,
    Turn,
    Walk,
)
from simulators.story_looks import Looks, looked_at
from simulators.story_paper import Desk, because, key_entry
from simulators.virtual.loop import run
from simulators.virtual.machines import VirtualPins
from simulators.virtual.plan import Character, Person, Plan, enrolled, ways_of
from simulators.virtual.seen import Trace
from simulators.virtual.site import Site

FACILITY, FIRST_BADGE = 118, 1700
LOOK_S = 0.1
ARRIVES_S = 120.0
"""From the gate into the furthest room, with a wait at each door."""


def tell(story: Story, seed: int = 1) -> Told:
    """Play it. What is left to chance at doors and on wires is drawn from `seed`."""
    with TemporaryDirectory(prefix="sentrypost-story-") as folder:
        return run(_play(story, Path(folder), Random(seed)))


async def _play(story: Story, folder: Path, chance: Random) -> Told:
    plan = _plan(story, folder, chance)
    zone = plan.config.policy.zone
    begins = story.begins.replace(tzinfo=zone if isinstance(zone, ZoneInfo) else None)
    site = Site(plan, chance, 0.0, Trace(None), [], utc_us=int(begins.timestamp()) * SECOND_US)
    for task in site.start():
        if task.get_name() == "caretaker":
            task.cancel()
    player = _Player(story, plan, site)
    await player.ready()
    lines = [line async for line in player.lines()]
    if site.violation is not None:
        lines.append(Line(site.loop.time(), "the site", str(site.violation)))
    await asyncio.wait_for(site.edge.stop(), 60.0)
    await asyncio.wait_for(site.central.stop(), 60.0)
    site.close()
    return Told(title=story.title, lines=tuple(lines), kinds=dict(sorted(site.kinds.items())))


class Steady(Random):
    """Of somebody who makes no mistake: never early or late, and no key beside the right one."""

    def random(self) -> float:
        return 0.5


class _Pins(VirtualPins):
    """With a second PIN for who is forced, and notes that one recipient can open."""

    def __init__(self, story: Story, plan: Plan) -> None:
        super().__init__(plan.pins, Steady(), lambda _: None)
        self.recipient = X25519PrivateKey.generate()
        self._sealer = Sealer([self.recipient.public_key().public_bytes_raw()])
        self._forced = {HolderId(_holder(n)): a.duress for n, a in story.person.items() if a.duress}

    async def check(self, occasion: Occasion, pin: str) -> Checked:
        """Right with either; the note alone tells which, and is as long."""
        forced = self._forced.get(occasion.holder) == pin
        usual = self._pins.get(occasion.holder, "") if forced else pin
        checked = await super().check(occasion, usual)
        return checked._replace(note=self._sealer.note(occasion, under_duress=forced))


class _GoneError(Exception):
    """The edge's program does not run, where it has to."""


class _Player:
    def __init__(self, story: Story, plan: Plan, site: Site) -> None:
        self._pins = site.edge.pins = _Pins(story, plan)
        self._story = story
        self._plan = plan
        self._site = site
        self._people = {person.name: person for person in plan.people}
        self._ids: dict[str, OrderId] = {}
        self._chance = Steady()
        names = {HolderId(_holder(name)): name for name in story.person}
        policy, recipient = plan.config.policy, self._pins.recipient
        self._looks = Looks(policy, self._ids, names.__getitem__, recipient)
        self._paper = Desk(plan.config.site, story.title, _holder)

    async def ready(self) -> None:
        """Until the edge accepts cards."""
        await self._until(lambda: self._edge().daemon.site.state.ready and not self._unlinked(), 60)

    async def lines(self) -> AsyncIterator[Line]:
        began_s = self._site.loop.time()
        for number, step in enumerate(self._story.step, 1):
            await asyncio.sleep(max(0.0, began_s + step.at_s - self._site.loop.time()))
            try:
                said, wrong = await self._take(step)
            except _GoneError:
                said, wrong = f"step {number}", "no edge runs"
            yield Line(self._site.loop.time() - began_s, step.tells or said, wrong)

    async def _take(self, step: object) -> tuple[str, str]:
        match step:
            case Walk():
                return await self._walk(step)
            case Flee():
                return await self._flee(step)
            case Give():
                return await self._give(step)
            case Turn(source=source):
                await self._turn(source)
                return f"{source} is worked", ""
            case Burn(fire=fire, burns=burns):
                self._site.hardware.set_fire(fire, burns)
                return f"{fire}: {'fire' if burns else 'quiet'}", ""
            case Reset():
                return await self._reset(step)
            case Cut(device=device, mended=mended):
                self._site.hardware.mute(device, not mended)
                return f"{device} is {'mended' if mended else 'cut off'}", ""
            case Kill():
                self._site.edge.kill()
                await self.ready()
                return "the edge is killed and starts again", ""
            case Expect():
                return await self._expect(step)
            case _:
                raise AssertionError(step)

    # --- people -----------------------------------------------------------------------------

    async def _walk(self, step: Walk) -> tuple[str, str]:
        crowd, person = self._site.crowd, self._people[step.who]
        if step.forced:
            person = person._replace(pin=self._story.person[step.who].duress)
        try:
            async with asyncio.timeout(ARRIVES_S):
                await crowd.walk(person, step.to, self._chance)
        except TimeoutError:
            pass
        where = crowd.where[step.who]
        arrived = where == step.to
        said = f"{step.who} goes to the {step.to} and is in the {where}"
        return said, "" if arrived is step.arrives else f"arrives: {arrived}"

    async def _flee(self, step: Flee) -> tuple[str, str]:
        """Everybody at once, each by the way that he came."""
        where = self._site.crowd.where
        inside = [person for person in self._people.values() if where[person.name] != "street"]
        going = [
            asyncio.create_task(self._site.crowd.walk(person, "street", self._chance))
            for person in inside
        ]
        if going:
            _, left = await asyncio.wait(going, timeout=step.within_s)
            for task in left:
                task.cancel()
        stuck = sorted(person.name for person in inside if where[person.name] != "street")
        names = ", ".join(sorted(person.name for person in inside)) or "nobody"
        return f"{names}: out", f"not out: {', '.join(stuck)}" if stuck else ""

    # --- orders, switches, fires ------------------------------------------------------------

    async def _give(self, step: Give) -> tuple[str, str]:
        envelope = self._paper.signed(step, self._ids, self._edge().daemon.now().utc_us)
        reply = await self._ask(lambda edge: edge.desk.orders.take(envelope, "file", step.by[0]))
        assert isinstance(reply, OrderReply)
        self._ids[step.called] = reply.order
        by = " and ".join(step.by)
        said = f"{by} order {'an exercise of ' if step.drill else ''}{step.kind}: {reply.reason}"
        return said, because(step, accepted=reply.accepted, reason=reply.reason)

    async def _turn(self, source: str) -> None:
        point = self._plan.config.local_sources[source].input
        before = set(self._state().orders.in_force)
        self._site.hardware.set_input(point, True)
        await asyncio.sleep(0.5)
        self._site.hardware.set_input(point, False)
        await self._until(lambda: set(self._state().orders.in_force) != before, 5)
        self._ids |= dict.fromkeys(
            [source], next(iter(set(self._state().orders.in_force) - before), "")
        )

    async def _reset(self, step: Reset) -> tuple[str, str]:
        reply = await self._ask(lambda edge: edge.desk.reset_fire(step.fire, "the fire officer"))
        assert isinstance(reply, ResetFireReply)
        said = f"{step.fire} is {'' if reply.accepted else 'not '}reset"
        return said, "" if reply.accepted is step.done else f"done: {reply.accepted}"

    # --- what must be so --------------------------------------------------------------------

    async def _expect(self, step: Expect) -> tuple[str, str]:
        await self._until(lambda: not any(self._differences(step)), step.within_s)
        return looked_at(step), "; ".join(self._differences(step))

    def _differences(self, step: Expect) -> Iterator[str]:
        entries = [decode_entry(data) for data in self._site.ledger.entries]
        return self._looks.differences(step, self._state(), entries)

    def _unlinked(self) -> bool:
        return not all(portal.linked for portal in self._state().portals.values())

    # --- the edge ---------------------------------------------------------------------------

    def _edge(self) -> Edge:
        edge = self._site.edge.edge
        if edge is None:
            raise _GoneError
        return edge

    def _state(self) -> SiteState:
        return self._edge().daemon.site.state

    async def _ask(self, question: Callable[[Edge], object]) -> object:
        """Asked within the edge's own process."""
        return await self._site.edge.ask(question(self._edge()), "story")  # type: ignore[arg-type]

    async def _until(self, holds: Callable[[], bool], within_s: float) -> None:
        until_s = self._site.loop.time() + within_s
        while self._site.loop.time() < until_s:
            if self._site.edge.edge is not None and holds():
                return
            await asyncio.sleep(LOOK_S)


# --- the embassy --------------------------------------------------------------------------------


def _plan(story: Story, folder: Path, chance: Random) -> Plan:
    """The embassy of the demonstration with the story's people and their keys."""
    embassy = files("simulators") / "embassy"
    (folder / "policy.toml").write_text((files("policies") / "examples/embassy.toml").read_text())
    text = (embassy / "site.toml").read_text().replace("{port}", "1883")
    text += "".join(
        key_entry(name, _holder(name)) for name, actor in story.person.items() if actor.signs
    )
    (folder / "site.toml").write_text(text)
    write_secret(folder / "site.key", chance.randbytes(32))
    for said in text.splitlines():
        key, _, name = said.partition("=")
        if key.strip() == "key":
            write_secret(folder / name.strip(' "'), chance.randbytes(16).hex().encode())
    config = load_config(folder / "site.toml")
    people = tuple(_person(number, *one) for number, one in enumerate(story.person.items()))
    pins = enrolled(config, [(_holder(person.name), person) for person in people])
    return Plan(config, people, pins, ways_of(config.policy))


def _person(number: int, name: str, actor: Actor) -> Person:
    badge = parse_badge(f"h10301:{FACILITY}/{FIRST_BADGE + number}")
    return Person(name, Character(name, actor.roles, 0), badge, actor.pin)


def _holder(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
