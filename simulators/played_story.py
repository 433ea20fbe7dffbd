"""A story played for real: the edge as a process of its own, hardware at ports, people at doors.

What a story leaves hours for happens within minutes: nobody waits longer than a few seconds for the
next step, and the schedules stand where they stood when it began. Orders are files that were really
signed; what came of them is read from the journal that the edge hands out.
"""

import asyncio
import csv
import io
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.events import Entry, Event, decode_entry
from controller.ids import HolderId, OrderId
from controller.state import SiteState, apply
from edge.config import Config, load_config
from edge.control.client import Client, ControlClientError
from edge.control.messages_orders import Carrier
from edge.duress import recipient_text
from edge.people import People
from edge.policy_bundle import compiled
from policies.facts import Direction
from policies.problems import SourceFile
from simulators.children import die_with_parent
from simulators.scenario import Person, Scenario
from simulators.secret_file import write_secret
from simulators.story import (
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
from simulators.virtual.plan import ways_of
from simulators.virtual.records_rules import body_of
from simulators.world import World

SENTRYPOST = [sys.executable, "-m", "edge.main"]

GAP_S_MAX = 2.0
"""Between two steps; what happens at doors and at the edge takes its own time."""

START_S_MAX = 60.0
LOOK_S = 0.1
TRIES = 3
"""At a door that leads out: whoever wants to leave tries again."""

FACILITY, FIRST_BADGE = 118, 1700

T = TypeVar("T")


class PlayError(RuntimeError):
    """It cannot be played here; the message says why."""


class Stage(NamedTuple):
    """The embassy in a folder, with the story's people on file. `named`: who is who there."""

    config: Config
    people: dict[str, Person]
    named: dict[HolderId, str]
    recipient: X25519PrivateKey


async def play(
    story: Story, folder: Path, tell: Callable[[Line], None], gap_s_max: float = GAP_S_MAX
) -> Told:
    """Play it in an empty folder; `tell` hears of each step as it has come. Raises PlayError."""
    stage = _stage(story, folder)
    world = World(
        stage.config, Scenario(person=stage.people), tell=lambda _: None, ready=lambda: None
    )
    hardware = asyncio.create_task(world.run(), name="hardware")
    player = _Player(story, stage, world)
    try:
        await player.start()
        lines = []
        async for line in player.lines(gap_s_max):
            tell(line)
            lines.append(line)
    finally:
        await player.stop()
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)
    return Told(title=story.title, lines=tuple(lines), kinds=player.mirror.kinds())


class Mirror:
    """The site as whoever reads the edge's journal over its control socket knows it."""

    def __init__(self, state: Path) -> None:
        self._folder = state
        self.state = SiteState()
        self.entries: list[Entry] = []

    def follow(self) -> None:
        """Read on. Raises ControlClientError where no edge runs."""
        with Client(self._folder) as edge:
            for sent in edge.entries(len(self.entries) + 1):
                entry = decode_entry(sent.entry.encode())
                self.entries.append(entry)
                self.state = apply(self.state, Event(header=entry, body=body_of(entry)))

    def kinds(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry in self.entries:
            found[entry.kind] = found.get(entry.kind, 0) + 1
        return dict(sorted(found.items()))


class _Player:
    def __init__(self, story: Story, stage: Stage, world: World) -> None:
        self._story, self._stage, self._world = story, stage, world
        self._folder = stage.config.state
        self.mirror = Mirror(self._folder)
        self._ids: dict[str, OrderId] = {}
        self._where = dict.fromkeys(story.person, "street")
        self._ways = ways_of(stage.config.policy)
        self._paper = Desk(stage.config.site, story.title, str)
        policy, recipient = stage.config.policy, stage.recipient
        self._looks = Looks(policy, self._ids, stage.named.__getitem__, recipient)
        self._edge: subprocess.Popen[bytes] | None = None

    # --- the edge ---------------------------------------------------------------------------

    async def start(self) -> None:
        """Until the edge accepts cards and every door answers. Raises PlayError."""
        log = self._stage.config.file.parent / "edge.log"
        self._edge = _run_edge(log)
        if not await self._until(self._is_up, START_S_MAX):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise PlayError(f"the edge is not ready after {START_S_MAX:.0f} s:\n{tail}")

    def _is_up(self) -> bool:
        state = self.mirror.state
        linked = all(portal.linked for portal in state.portals.values())
        return state.ready and linked and bool(state.portals)

    async def stop(self) -> None:
        if self._edge is not None and self._edge.poll() is None:
            self._edge.terminate()
            await asyncio.to_thread(self._edge.wait)

    async def _killed(self) -> None:
        assert self._edge is not None, "it runs"
        self._edge.kill()
        await asyncio.to_thread(self._edge.wait)
        before = len(self.mirror.entries)
        await self.start()
        await self._until(lambda: len(self.mirror.entries) > before and self._is_up(), START_S_MAX)

    async def _ask(self, question: Callable[[Client], T]) -> T:
        def asked() -> T:
            with Client(self._folder) as edge:
                return question(edge)

        return await asyncio.to_thread(asked)

    async def _until(self, holds: Callable[[], bool], within_s: float) -> bool:
        until_s = time.monotonic() + within_s
        while True:
            try:
                await asyncio.to_thread(self.mirror.follow)
                if holds():
                    return True
            except ControlClientError:
                pass  # it starts, or it was killed
            if time.monotonic() > until_s:
                return False
            await asyncio.sleep(LOOK_S)

    # --- the story --------------------------------------------------------------------------

    async def lines(self, gap_s_max: float) -> AsyncIterator[Line]:
        began_s, told_s = time.monotonic(), 0.0
        for step in self._story.step:
            await asyncio.sleep(min(step.at_s - told_s, gap_s_max))
            told_s = step.at_s
            said, wrong = await self._take(step)
            yield Line(time.monotonic() - began_s, step.tells or said, wrong)

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
                self._world.burn(fire, burns)
                return f"{fire}: {'fire' if burns else 'quiet'}", ""
            case Reset():
                return await self._reset(step)
            case Cut(device=device, mended=mended):
                self._world.readers[device].silent = not mended
                return f"{device} is {'mended' if mended else 'cut off'}", ""
            case Kill():
                await self._killed()
                return "the edge is killed and starts again", ""
            case Expect():
                return await self._expect(step)
            case _:
                raise AssertionError(step)

    async def _walk(self, step: Walk) -> tuple[str, str]:
        person = self._stage.people[step.who]
        if step.forced:
            duress = self._story.person[step.who].duress
            person = Person(name=person.name, badge=person.badge, pin=duress)
        await self._go(step.who, person, step.to)
        where = self._where[step.who]
        said = f"{step.who} goes to the {step.to} and is in the {where}"
        return said, "" if (where == step.to) is step.arrives else f"arrives: {where == step.to}"

    async def _go(self, who: str, person: Person, zone: str) -> None:
        """From where somebody is to a zone, as far as the doors let; out by the way they came."""
        target, tries = self._ways[zone], TRIES
        while tries:
            way = self._ways[self._where[who]]
            if way == target:
                return
            out = way != target[: len(way)]
            name = way[-1] if out else target[len(way)]
            direction = Direction.EXIT if out else Direction.ENTRY
            if await self._world.pass_through(person, name, direction):
                rule = self._stage.config.policy.portal(name)
                assert rule is not None, "a door of the policy"
                self._where[who] = rule.outer if out else rule.inner
                tries = TRIES
            elif out:
                tries -= 1
            else:
                return

    async def _flee(self, step: Flee) -> tuple[str, str]:
        """Everybody at once, each by the way that he came."""
        inside = sorted(who for who, where in self._where.items() if where != "street")
        going = [
            asyncio.create_task(self._go(who, self._stage.people[who], "street")) for who in inside
        ]
        if going:
            _, late = await asyncio.wait(going, timeout=step.within_s)
            for task in late:
                task.cancel()
        stuck = [who for who in inside if self._where[who] != "street"]
        said = f"{', '.join(inside) or 'nobody'}: out"
        return said, f"not out: {', '.join(stuck)}" if stuck else ""

    async def _give(self, step: Give) -> tuple[str, str]:
        envelope = self._paper.signed(step, self._ids, time.time_ns() // 1_000)
        reply = await self._ask(lambda edge: edge.give_order(envelope, Carrier.FILE))
        self._ids[step.called] = reply.order
        by = " and ".join(step.by)
        said = f"{by} order {'an exercise of ' if step.drill else ''}{step.kind}: {reply.reason}"
        return said, because(step, accepted=reply.accepted, reason=reply.reason)

    async def _turn(self, source: str) -> None:
        before = set(self.mirror.state.orders.in_force)
        sensor = self._world.sensors[f"source.{source}"]
        sensor.trip(time.monotonic())
        await self._until(lambda: set(self.mirror.state.orders.in_force) != before, 5)
        sensor.rest()
        given = set(self.mirror.state.orders.in_force) - before
        self._ids[source] = next(iter(given), "")

    async def _reset(self, step: Reset) -> tuple[str, str]:
        reply = await self._ask(lambda edge: edge.reset_fire(step.fire))
        said = f"{step.fire} is {'' if reply.accepted else 'not '}reset"
        return said, "" if reply.accepted is step.done else f"done: {reply.accepted}"

    async def _expect(self, step: Expect) -> tuple[str, str]:
        await self._until(lambda: not any(self._differences(step)), step.within_s)
        return looked_at(step), "; ".join(self._differences(step))

    def _differences(self, step: Expect) -> Iterator[str]:
        return self._looks.differences(step, self.mirror.state, self.mirror.entries)


def _run_edge(log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(
            [*SENTRYPOST, "run"],
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )


# --- the embassy --------------------------------------------------------------------------------


def _stage(story: Story, folder: Path) -> Stage:
    """The embassy of the demonstration without a broker, with the story's people and their keys."""
    folder.mkdir(parents=True, exist_ok=True)
    policy = (files("policies") / "examples/embassy.toml").read_text()
    (folder / "policy.toml").write_text(_standing_still(policy, story.begins))
    embassy = (files("simulators") / "embassy" / "site.toml").read_text()
    head, _, rest = embassy.partition("[broker]")
    text = head + rest[rest.index("[line.") :]
    signers = [name for name, actor in story.person.items() if actor.signs]
    text += "".join(key_entry(name, name) for name in signers)
    recipient = X25519PrivateKey.generate()
    public = recipient_text(recipient.public_key().public_bytes_raw())
    text += f'\n[duress]\nrecipients = ["{public}"]\n'
    (folder / "site.toml").write_text(text)
    write_secret(folder / "site.key", secrets.token_bytes(32))
    for said in text.splitlines():
        key, _, name = said.partition("=")
        if key.strip() == "key":
            write_secret(folder / name.strip(' "'), secrets.token_bytes(16).hex().encode())
    (folder / "state").mkdir(mode=0o700)
    people = {
        name: Person(name=name, badge=f"h10301:{FACILITY}/{FIRST_BADGE + number}", pin=actor.pin)
        for number, (name, actor) in enumerate(story.person.items())
    }
    (folder / "people.csv").write_text(_csv(story, people))
    done = subprocess.run(
        [*SENTRYPOST, "person", "import", "people.csv"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PlayError((done.stderr or done.stdout).strip())
    config = load_config(folder / "site.toml")
    with People.open(config.state / "site.db") as on_file:
        named = {HolderId(one): record.external_id for one, record in on_file.roll.holders.items()}
    return Stage(config, people, named, recipient)


def _standing_still(policy: str, at: datetime) -> str:
    """The policy with each schedule as it is at this moment on the site's wall, for good."""
    source = SourceFile("policy.toml", policy.encode())
    made = compiled((source,))
    zone = made.zone if isinstance(made.zone, ZoneInfo) else None
    utc_s = int(at.replace(tzinfo=zone).timestamp())

    far = (datetime.now(zone) + timedelta(hours=12)).replace(minute=0)
    closed = f"{far:%H:%M}-{far + timedelta(minutes=1):%H:%M}"  # a schedule has to have hours

    def stands(found: re.Match[str]) -> str:
        hours = "00:00-24:00" if made.is_open(found[1], utc_s) else closed
        return f'[schedule.{found[1]}]\ndaily = ["{hours}"]\n\n'

    return re.sub(r"^\[schedule\.([a-z0-9_-]+)\]\n(?:[^\[\n].*\n|\n)*", stands, policy, flags=re.M)


def _csv(story: Story, people: dict[str, Person]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["id", "name", "roles", "badge", "pin", "duress-pin"])
    for name, actor in story.person.items():
        roles = " ".join(actor.roles)
        rows.writerow([name, name, roles, people[name].badge, actor.pin, actor.duress])
    return text.getvalue()
