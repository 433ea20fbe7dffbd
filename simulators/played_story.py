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
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.events import Entry, Event, decode_entry
from controller.ids import HolderId
from controller.state import SiteState, apply
from edge.config import Config, load_config
from edge.control.client import Client, ControlClientError
from edge.control.messages import ResetFireReply
from edge.control.messages_orders import Carrier, OrderReply
from edge.duress import recipient_text
from edge.people import People
from edge.policy_bundle import compiled
from policies.facts import Direction
from policies.problems import SourceFile
from simulators.children import die_with_parent
from simulators.scenario import Person, Scenario
from simulators.secret_file import write_secret
from simulators.story import Line, Story, Told
from simulators.story_paper import key_entry
from simulators.story_player import GoneError, Player
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


class House(NamedTuple):
    """The embassy in a folder, with the story's people on file. `named`: who is who there."""

    config: Config
    people: dict[str, Person]
    named: dict[HolderId, str]
    recipient: X25519PrivateKey


async def play(story: Story, folder: Path, tell: Callable[[Line], None]) -> Told:
    """Play it in an empty folder; `tell` hears of each step as it has come. Raises PlayError."""
    house = _house(story, folder)
    world = World(
        house.config, Scenario(person=house.people), tell=lambda _: None, ready=lambda: None
    )
    hardware = asyncio.create_task(world.run(), name="hardware")
    doors = Doors(story, house, world)
    lines = []
    try:
        await doors.start()
        steps = Player(story, doors)
        waits = lambda at_s, last_s: min(at_s - last_s, GAP_S_MAX)  # noqa: E731 - one line
        async for line in steps.lines(time.monotonic, waits):
            tell(line)
            lines.append(line)
    finally:
        await doors.stop()
        hardware.cancel()
        await asyncio.gather(hardware, return_exceptions=True)
    return Told(title=story.title, lines=tuple(lines), kinds=doors.mirror.kinds())


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


class Doors:
    """`simulators.story_player.Stage` at real ports, with the edge as a process of its own."""

    def __init__(self, story: Story, house: House, world: World) -> None:
        self.config, self.recipient = house.config, house.recipient
        self.mirror = Mirror(house.config.state)
        self._story, self._house, self._world = story, house, world
        self._where = dict.fromkeys(story.person, "street")
        self._ways = ways_of(house.config.policy)
        self._edge: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Until the edge accepts cards and every door answers. Raises PlayError."""
        log = self.config.file.parent / "edge.log"
        self._edge = _run_edge(log)
        before = len(self.mirror.entries)
        if not await self.until(lambda: self._is_up(before), START_S_MAX):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise PlayError(f"the edge is not ready after {START_S_MAX:.0f} s:\n{tail}")

    def _is_up(self, before: int) -> bool:
        """Behind so many entries of an edge that was there before."""
        state = self.mirror.state
        linked = all(portal.linked for portal in state.portals.values())
        return len(self.mirror.entries) > before and state.ready and linked

    async def stop(self) -> None:
        if self._edge is not None and self._edge.poll() is None:
            self._edge.terminate()
            await asyncio.to_thread(self._edge.wait)

    # --- what is seen -----------------------------------------------------------------------

    @property
    def where(self) -> Mapping[str, str]:
        return self._where

    @property
    def utc_us(self) -> int:
        return time.time_ns() // 1_000

    def state(self) -> SiteState:
        return self.mirror.state

    def entries(self) -> Sequence[Entry]:
        return self.mirror.entries

    def on_file(self, name: str) -> str:
        return name

    def named(self, holder: HolderId) -> str:
        return self._house.named[holder]

    # --- what is done -----------------------------------------------------------------------

    async def walk(self, who: str, zone: str, *, forced: bool) -> None:
        """As far as the doors let; out by the way that he came."""
        person = self._house.people[who]
        if forced:
            duress = self._story.person[who].duress
            person = Person(name=person.name, badge=person.badge, pin=duress)
        target, tries = self._ways[zone], TRIES
        while tries:
            way = self._ways[self._where[who]]
            if way == target:
                return
            out = way != target[: len(way)]
            name = way[-1] if out else target[len(way)]
            direction = Direction.EXIT if out else Direction.ENTRY
            if await self._world.pass_through(person, name, direction):
                rule = self.config.policy.portal(name)
                assert rule is not None, "a door of the policy"
                self._where[who] = rule.outer if out else rule.inner
                tries = TRIES
            elif out:
                tries -= 1
            else:
                return

    async def give(self, envelope: bytes, by: str) -> OrderReply:
        return await self._ask(lambda edge: edge.give_order(envelope, Carrier.FILE))

    async def reset_fire(self, fire: str) -> ResetFireReply:
        return await self._ask(lambda edge: edge.reset_fire(fire))

    def turn(self, source: str, on: bool) -> None:
        sensor = self._world.sensors[f"source.{source}"]
        sensor.trip(time.monotonic()) if on else sensor.rest()

    def burn(self, fire: str, burns: bool) -> None:
        self._world.burn(fire, burns)

    def cut(self, device: str, away: bool) -> None:
        self._world.readers[device].silent = away

    async def kill(self) -> None:
        assert self._edge is not None, "it runs"
        self._edge.kill()
        await asyncio.to_thread(self._edge.wait)
        await self.start()

    async def until(self, holds: Callable[[], bool], within_s: float) -> bool:
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

    async def _ask(self, question: Callable[[Client], T]) -> T:
        def asked() -> T:
            with Client(self.config.state) as edge:
                return question(edge)

        try:
            return await asyncio.to_thread(asked)
        except ControlClientError as error:
            raise GoneError from error


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


def _house(story: Story, folder: Path) -> House:
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
    return House(config, people, named, recipient)


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
