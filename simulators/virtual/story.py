"""A story played in virtual time: the real edge and archive, the embassy's doors, people on them.

Orders are files that were really signed, and are given to the edge's own desk.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC
from importlib.resources import files
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.arrival import arrivals
from controller.events import FactorAnswered, decode_body, decode_entry
from controller.ids import HolderId, OrderId
from controller.moment import SECOND_US
from controller.muster import roll
from controller.orders import RAISING
from controller.state import SiteState
from drivers.badges import parse_badge
from edge.assembly import Edge
from edge.config import load_config
from edge.control.messages import ResetFireReply
from edge.control.messages_orders import OrderReply
from edge.duress import Occasion, Sealer, opened
from edge.orders import ACCEPT_S, AnyOrder, signed_by
from edge.people import (
    Checked,
)
from edge.present import line
from edge.signatures import SigningKey, public_text
from edge.tone import Tone
from simulators.secret_file import write_secret
from simulators.story import (
    Actor,
    Burn,
    Cut,
    Expect,
    Flee,
    Give,
    Kill,
    Reset,
    Story,
    Turn,
    Walk,
)
from simulators.virtual.loop import run
from simulators.virtual.machines import VirtualPins
from simulators.virtual.plan import Character, Person, Plan, enrolled, ways_of
from simulators.virtual.seen import Trace
from simulators.virtual.site import Site

FACILITY, FIRST_BADGE = 118, 1700
LOOK_S = 0.1
ARRIVES_S = 120.0
"""From the gate into the furthest room, with a wait at each door."""

REVIEW_S = 3600
NO_ORDER = "0" * 64
"""Stands for an order that was never given."""


class Line(NamedTuple):
    """What the summary says of one step; `wrong`: why it was not as it had to be."""

    at_s: float
    said: str
    wrong: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A story that was played. `kinds`: entries of each kind that the journal has of it."""

    title: str
    lines: tuple[Line, ...]
    kinds: dict[str, int]

    @property
    def wrong(self) -> list[str]:
        return [
            f"at {line.at_s:.1f} s: {line.said}: {line.wrong}" for line in self.lines if line.wrong
        ]


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
        self._counter = 0

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
        envelope = self._signed(step)
        reply = await self._ask(lambda edge: edge.desk.orders.take(envelope, "file", step.by[0]))
        assert isinstance(reply, OrderReply)
        self._ids[step.called] = reply.order
        by = " and ".join(step.by)
        said = f"{by} order {'an exercise of ' if step.drill else ''}{step.kind}: {reply.reason}"
        if reply.accepted is not step.taken:
            return said, f"taken: {reply.accepted}"
        missing = step.because not in reply.reason
        return said, f"it does not say '{step.because}'" if missing else ""

    def _signed(self, step: Give) -> bytes:
        """The file, signed by everybody named, as `sentrypost order new` and `sign` make it."""
        now = self._edge().daemon.now()
        keys = [_key(name) for name in step.by]
        self._counter = max(self._counter + 1, now.utc_us // 1000)
        told: dict[str, object] = {
            "schema": 1,
            "order": step.kind.value,
            "site": self._plan.config.site,
            "nonce": hashlib.sha256(step.called.encode()).hexdigest()[:32],
            "issuer": keys[0].id,
            "counter": self._counter,
            "review_s": now.utc_s + REVIEW_S,
            "reason": self._story.title,
        }
        told |= {
            "ends": [self._ids.get(name) or NO_ORDER for name in step.ends],
            "zones": step.zones,
            "portals": step.portals,
            "cover": step.cover,
            "level": step.level,
            "role": step.role,
            "person": _holder(step.person) if step.person else "",
            "unreachable": step.unreachable,
            "drill": step.drill,
            "until_s": now.utc_s + int(step.until_s) if step.until_s else None,
        }
        if step.kind not in RAISING or step.kind.value == "evacuate":
            told["accept_until_s"] = now.utc_s + ACCEPT_S
        said = {name: value for name, value in told.items() if value}
        payload = msgspec.json.decode(msgspec.json.encode(said), type=AnyOrder)
        return signed_by(payload, tuple(keys))

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
        told = [name for name in msgspec.structs.asdict(step) if getattr(step, name) is not None]
        said = ", ".join(name for name in told if name not in {"at_s", "tells", "within_s"})
        return f"looked at: {said}", "; ".join(self._differences(step))

    def _differences(self, step: Expect) -> Iterator[str]:
        state = self._state()
        called = {order: name for name, order in self._ids.items()}
        found: dict[str, object] = {
            "mode": state.mode,
            "threat": state.threat,
            "in_force": {called.get(one, one[:12]) for one in state.orders.in_force},
            "shut": {str(name) for name, portal in state.portals.items() if portal.secured},
            "free": {str(name) for name, portal in state.portals.items() if portal.released},
            "missing": self._missing(),
            "alarms": self._alarms(),
            "duress": self._told_of_duress(),
        }
        for name, value in found.items():
            wanted = getattr(step, name)
            wanted = set(wanted) if isinstance(wanted, tuple) else wanted
            if wanted is not None and wanted != value:
                yield f"{name} is {_shown(value)} and not {_shown(wanted)}"
        yield from self._not_inside(step.inside or {})

    def _not_inside(self, inside: dict[str, tuple[str, ...]]) -> Iterator[str]:
        names = {HolderId(_holder(name)): name for name in self._story.person}
        listed = roll(self._state(), None).people
        for zone, wanted in inside.items():
            there = {names[one.holder] for one in listed if zone in {one.zone, one.perhaps}}
            if there != set(wanted):
                yield f"in the {zone}: {_shown(there)} and not {_shown(set(wanted))}"

    def _missing(self) -> set[str]:
        """Portals that do not obey, or of which nobody sees that they do."""
        state, policy = self._state(), self._plan.config.policy
        return {
            str(one.portal)
            for order in state.orders.in_force.values()
            for one in arrivals(order, policy, state.portals, state.answers)
            if not one.obeyed
        }

    def _alarms(self) -> set[str]:
        entries = map(decode_entry, self._site.ledger.entries)
        return {entry.kind for entry in entries if line(entry, (), UTC).tone is Tone.ALARM}

    def _told_of_duress(self) -> set[str]:
        """What the recipient reads in the journal; nobody else can."""
        names = {_holder(name): name for name in self._story.person}
        bodies = (decode_body(decode_entry(data)) for data in self._site.ledger.entries)
        notes = [body.note for body in bodies if isinstance(body, FactorAnswered) and body.note]
        told = [opened(note, self._pins.recipient) for note in notes]
        return {names[occasion.holder] for occasion in told if occasion is not None}

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
    text += "".join(_key_entry(name) for name, actor in story.person.items() if actor.signs)
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


def _key(name: str) -> SigningKey:
    secret = hashlib.sha256(f"key of {name}".encode()).digest()
    return SigningKey(Ed25519PrivateKey.from_private_bytes(secret))


def _key_entry(name: str) -> str:
    public = public_text(_key(name).public)
    return (
        f'\n[key.{name}]\nperson = "{name}"\nholder = "{_holder(name)}"\n'
        f'public = "{public}"\nmay = ["order"]\n'
    )


def _shown(value: object) -> str:
    if isinstance(value, set):
        return ", ".join(sorted(value)) or "none"
    return str(value)
