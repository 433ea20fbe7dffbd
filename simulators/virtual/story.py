"""A story played in virtual time: the real edge and archive, the embassy's doors, people on them.

Orders are files that were really signed, and are given to the edge's own desk.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.events import Entry, decode_entry
from controller.ids import HolderId
from controller.moment import SECOND_US
from controller.state import SiteState
from drivers.badges import parse_badge
from edge.assembly import Edge
from edge.config import load_config
from edge.control.messages import ResetFireReply
from edge.control.messages_orders import OrderReply
from edge.duress import Occasion, Sealer
from edge.people import Checked
from simulators.secret_file import write_secret
from simulators.story import Actor, Line, Story, Told
from simulators.story_paper import key_entry
from simulators.story_player import GoneError, Player
from simulators.virtual.loop import run
from simulators.virtual.machines import VirtualPins
from simulators.virtual.plan import Character, Person, Plan, enrolled, ways_of
from simulators.virtual.seen import Trace
from simulators.virtual.site import Site

FACILITY, FIRST_BADGE = 118, 1700
LOOK_S = 0.1
START_S = 60.0
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
    stage = _Stage(story, plan, site)
    await stage.ready()
    now_s = site.loop.time
    began_s = now_s()
    steps = Player(story, stage).lines(now_s, lambda at_s, _: began_s + at_s - now_s())
    lines = [line async for line in steps]
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


class _Stage:
    """`simulators.story_player.Stage` in virtual time."""

    def __init__(self, story: Story, plan: Plan, site: Site) -> None:
        self._pins = site.edge.pins = _Pins(story, plan)
        self.config, self.recipient = plan.config, self._pins.recipient
        self._story, self._site = story, site
        self._people = {person.name: person for person in plan.people}
        self._names = {HolderId(_holder(name)): name for name in story.person}
        self._chance = Steady()

    async def ready(self) -> None:
        """Until the edge accepts cards."""
        await self.until(self._is_up, START_S)

    def _is_up(self) -> bool:
        state = self.state()
        return state.ready and all(portal.linked for portal in state.portals.values())

    # --- what is seen -----------------------------------------------------------------------

    @property
    def where(self) -> Mapping[str, str]:
        return self._site.crowd.where

    @property
    def utc_us(self) -> int:
        return self._edge().daemon.now().utc_us

    def state(self) -> SiteState:
        return self._edge().daemon.site.state

    def entries(self) -> Sequence[Entry]:
        return [decode_entry(data) for data in self._site.ledger.entries]

    def on_file(self, name: str) -> str:
        return _holder(name)

    def named(self, holder: HolderId) -> str:
        return self._names[holder]

    # --- what is done -----------------------------------------------------------------------

    async def walk(self, who: str, zone: str, *, forced: bool) -> None:
        person = self._people[who]
        if forced:
            person = person._replace(pin=self._story.person[who].duress)
        try:
            async with asyncio.timeout(ARRIVES_S):
                await self._site.crowd.walk(person, zone, self._chance)
        except TimeoutError:
            pass

    async def give(self, envelope: bytes, by: str) -> OrderReply:
        reply = await self._ask(lambda edge: edge.desk.orders.take(envelope, "file", by))
        assert isinstance(reply, OrderReply)
        return reply

    async def reset_fire(self, fire: str) -> ResetFireReply:
        reply = await self._ask(lambda edge: edge.desk.reset_fire(fire, "the fire officer"))
        assert isinstance(reply, ResetFireReply)
        return reply

    def turn(self, source: str, on: bool) -> None:
        self._site.hardware.set_input(self.config.local_sources[source].input, on)

    def burn(self, fire: str, burns: bool) -> None:
        self._site.hardware.set_fire(fire, burns)

    def cut(self, device: str, away: bool) -> None:
        self._site.hardware.mute(device, away)

    async def kill(self) -> None:
        self._site.edge.kill()
        await self.ready()

    async def until(self, holds: Callable[[], bool], within_s: float) -> bool:
        until_s = self._site.loop.time() + within_s
        while self._site.loop.time() < until_s:
            if self._site.edge.edge is not None and holds():
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def _edge(self) -> Edge:
        edge = self._site.edge.edge
        if edge is None:
            raise GoneError
        return edge

    async def _ask(self, question: Callable[[Edge], object]) -> object:
        """Asked within the edge's own process."""
        return await self._site.edge.ask(question(self._edge()), "story")  # type: ignore[arg-type]


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
