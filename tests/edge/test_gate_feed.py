"""The gate's feed: badges at a real line, the running edge, and what each terminal is told."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec.structs import replace

from controller import events as ev
from controller.arrival import Arrival
from controller.portal import Contact, State
from edge import gate_feed
from edge.assembly import Edge
from edge.control.messages_gate import (
    AskInside,
    Awaited,
    FollowGate,
    GateHeartbeat,
    GateHello,
    GateInside,
    GatePassage,
    GatePortal,
    GatePosture,
    GateTold,
    Stage,
)
from edge.duress import recipient_text
from edge.gate_codes import Next
from edge.gate_sight import EVERYTHING, Guard, Sight
from edge.people import Change, People
from policies.codes import Code
from policies.facts import Direction, Factor, Mode
from policies.rights import ProtectedShown
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import (
    ADA,
    BOB,
    FIRE_LOOP,
    FRONT_CONTACT,
    PIN,
    POLICY,
    VAULT_CONTACT,
    House,
    posture,
    running,
    until,
)
from tests.edge.test_duress_daemon import DURESS_PIN, forceable

WITHIN_S = 20.0
OPEN = True
"""What the contact's input is then."""
ALL = FollowGate()
T = TypeVar("T", bound=GateHello | GateTold)


def guard(
    protected: ProtectedShown = ProtectedShown.STATUS,
    portals: frozenset[str] | None = None,
    *,
    people: bool = True,
) -> Guard:
    return Guard("gus", None, Sight(portals, protected, people))


GUS = guard()


class Page:
    """What one terminal was told."""

    def __init__(self) -> None:
        self.told: list[GateHello | GateTold] = []
        self.changed = asyncio.Event()

    async def reads(self, edge: Edge, asked: FollowGate, who: Guard) -> None:
        async for message in edge.desk.gates.follow(asked, who):
            self.told.append(message)
            self.changed.set()

    async def of(self, kind: type[T], **like: object) -> T:
        """The first of a kind that has these values, waited for."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for one in self.told:
                    if isinstance(one, kind) and _is_like(one, like):
                        return one
                self.changed.clear()
                await self.changed.wait()

    @property
    def hello(self) -> GateHello:
        first = self.told[0]
        assert isinstance(first, GateHello)
        return first

    def passages(self) -> list[GatePassage]:
        return [one for one in self.told if isinstance(one, GatePassage)]

    def bytes(self) -> bytes:
        return msgspec.json.encode(self.told)


def _is_like(one: object, like: dict[str, object]) -> bool:
    return all(getattr(one, name) == value for name, value in like.items())


@asynccontextmanager
async def page(edge: Edge, asked: FollowGate = ALL, who: Guard = GUS) -> AsyncIterator[Page]:
    one = Page()
    reading = asyncio.create_task(one.reads(edge, asked, who))
    try:
        await one.of(GateHello)
        yield one
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def scene(house: House, *scenes: Callable[[Edge], Awaitable[None]]) -> None:
    """One run of the edge after the other."""

    async def run() -> None:
        async with house.line():
            for what in scenes:
                async with running(house) as edge:
                    await until(edge, ev.EdgeReady, scenes.index(what) + 1)
                    await ready(edge)
                    await what(edge)

    asyncio.run(run())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def she_goes_in(edge: Edge, house: House, front: Page) -> GatePassage:
    house.badge("front-in", ADA)
    let_in = await front.of(GatePassage, stage=Stage.DECIDED)
    assert (let_in.portal, let_in.direction) == ("front", Direction.ENTRY)
    assert (let_in.person, let_in.name, let_in.roles) == ("1", "Ada L", ("staff",))
    assert (let_in.granted, let_in.code) == (True, Code.GRANTED)
    assert (let_in.next, let_in.factors) == (Next.LET_PASS, (Factor.BADGE,))
    await front.of(GatePortal, state=State.GRANTED)
    house.board.set_input(FRONT_CONTACT, OPEN)
    went = await front.of(GatePassage, stage=Stage.PASSED)
    assert (went.attempt, went.name, went.next) == (let_in.attempt, "Ada L", Next.NOTHING)
    await front.of(GatePortal, contact=Contact.OPEN)
    inside = await front.of(GateInside)
    assert {one.zone: one.people for one in inside.zones} == {"hall": 1}
    house.board.set_input(FRONT_CONTACT, not OPEN)
    people = await edge.desk.gates.inside(AskInside(), GUS)
    (found,) = people.people
    assert (found.name, found.zone, found.portal) == ("Ada L", "hall", "front")
    assert (await edge.desk.gates.inside(AskInside(zone="vault"), GUS)).people == ()
    return let_in


async def she_is_asked_for_a_pin(edge: Edge, house: House, terminal: Page) -> GatePassage:
    house.badge("vault-in", ADA)
    asked = await terminal.of(GatePassage, stage=Stage.ASKED)
    assert (asked.granted, asked.asked, asked.next) == (None, Awaited.PIN, Next.WAIT)
    assert asked.until_utc_us is not None
    async with page(edge) as late:
        (waits,) = (one for one in late.hello.recent if one.stage is Stage.ASKED)
        assert (waits.attempt, waits.name) == (asked.attempt, "Ada L")
    # However many came after her: nothing else says that she waits.
    with patch("edge.gate_feed.RECENT_MAX", 0):
        async with page(edge) as later:
            assert [one.attempt for one in later.hello.recent] == [asked.attempt]
    house.readers["vault-in"].press_keys(PIN + "#")
    let_on = await terminal.of(GatePassage, attempt=asked.attempt, stage=Stage.DECIDED)
    assert let_on.factors == (Factor.BADGE, Factor.PIN)
    assert let_on.asked is Awaited.NOTHING
    return let_on


async def all_is_locked_down(edge: Edge, house: House, terminal: Page) -> None:
    posture(edge, Mode.LOCKDOWN)
    told = await terminal.of(GatePosture, mode=Mode.LOCKDOWN)
    assert {one.zone for one in told.zones if one.mode is Mode.LOCKDOWN} >= {"hall"}
    await terminal.of(GatePortal, id="front", arrival=Arrival.CLOSED)
    house.badge("front-in", ADA)
    shut = await terminal.of(GatePassage, code=Code.LOCKDOWN)
    assert (shut.granted, shut.next) == (False, Next.NOBODY_ENTERS)


def test_what_happens_at_the_doors_is_told_as_it_happens(house: House) -> None:
    async def at_the_doors(edge: Edge) -> None:
        async with page(edge) as terminal, page(edge, FollowGate(portals=("front",))) as front:
            hello = terminal.hello
            assert (hello.site, hello.edge, hello.timezone) == ("house", "gate", "Europe/Vienna")
            assert [one.id for one in hello.portals] == ["front", "vault-door"]
            assert [one.id for one in front.hello.portals] == ["front"]
            assert (hello.portals[0].from_zone, hello.portals[0].to_zone) == ("street", "hall")
            assert [one.zone for one in hello.posture.zones] == ["street", "hall", "vault"]
            assert hello.recent == ()
            let_in = await she_goes_in(edge, house, front)
            let_on = await she_is_asked_for_a_pin(edge, house, terminal)
            assert {one.portal for one in front.passages()} == {"front"}
            assert (await terminal.of(GateHeartbeat)).recorded
            async with page(edge, FollowGate(after=let_on.seq)) as again:
                assert all(one.seq > let_on.seq for one in again.hello.recent)
            async with page(edge, FollowGate(after=let_in.seq)) as again:
                # The first as far as it has come since.
                both = [let_in.attempt, let_on.attempt]
                assert [one.attempt for one in again.hello.recent] == both
                assert not again.hello.missed
            await all_is_locked_down(edge, house, terminal)

    async def after_a_restart(edge: Edge) -> None:
        async with page(edge) as terminal:
            assert [one.code for one in terminal.hello.recent] == [100, 100, Code.LOCKDOWN]
            assert terminal.hello.recent[0].name == "Ada L"
            assert terminal.hello.recent[0].stage is Stage.PASSED
            assert terminal.hello.posture.mode is Mode.LOCKDOWN

    scene(house, at_the_doors, after_a_restart)


def test_each_terminal_is_told_what_it_may_see_and_nothing_is_told_of_lists(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    (tmp_path / "policy.toml").write_text(
        POLICY.replace("[role.staff]", "[role.staff]\nprotected = true")
        + '\n[role.help]\nclearance = 3\n[[grant]]\nid = "g2"\nroles = ["help"]\nzones = ["hall"]\n'
    )
    with People.open(tmp_path / "state" / "site.db") as people:
        bob = replace(people.roll.holders["b" * 16], roles=("help",), watchlisted=True)
        people.apply(Change(base=people.version, holders=(bob,)))

    async def what(edge: Edge) -> None:
        hidden, named = guard(ProtectedShown.HIDDEN), guard(ProtectedShown.NAME)
        elsewhere, locked = guard(portals=frozenset({"vault-door"})), guard(people=False)
        async with (
            page(edge, who=hidden) as nothing,
            page(edge) as status,
            page(edge, who=named) as name,
            page(edge, who=elsewhere) as vault,
            page(edge, who=locked) as doors,
            page(edge, who=GUS._replace(sight=EVERYTHING)) as chief,
        ):
            house.badge("front-in", ADA)
            seen = await name.of(GatePassage, stage=Stage.DECIDED)
            assert (seen.name, seen.protected, seen.granted) == ("Ada L", True, True)
            told = await status.of(GatePassage, stage=Stage.DECIDED)
            assert (told.person, told.name, told.roles, told.protected) == ("", "", (), True)
            blank = await nothing.of(GatePassage, stage=Stage.DECIDED)
            assert (blank.name, blank.protected, blank.code) == ("", False, Code.GRANTED)
            assert blank.notes == ()
            house.badge("front-in", BOB)
            for terminal in (nothing, status, name):
                refused = await terminal.of(GatePassage, granted=False)
                assert (refused.name, refused.code) == ("Bob M", 0)
                assert (refused.reasons, refused.next) == ((0,), Next.CALL_CHIEF)
            # A time has these digits in it, now and then.
            assert re.search(rb"\b401\b", name.bytes()) is None
            known = await chief.of(GatePassage, granted=False)
            assert (known.code, known.reasons) == (Code.WATCHLISTED, (Code.WATCHLISTED,))
            house.board.set_input(FRONT_CONTACT, OPEN)
            await doors.of(GatePortal, contact=Contact.OPEN)
            assert doors.passages() == []
            await vault.of(GateInside)
            assert b"front" not in vault.bytes()
            assert b"Ada" not in nothing.bytes() + status.bytes() + doors.bytes()
            gates = edge.desk.gates
            (ada,) = (await gates.inside(AskInside(), named)).people
            assert ada.name == "Ada L"
            (somebody,) = (await gates.inside(AskInside(), GUS)).people
            assert (somebody.name, somebody.person, somebody.protected) == ("", "", True)
            assert (await gates.inside(AskInside(), hidden)).people == ()

    scene(house, what)


def test_under_duress_a_terminal_is_told_exactly_the_same(tmp_path: Path) -> None:
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    house = forceable(tmp_path, recipients=[recipient_text(key)])
    seen: list[list[GatePassage]] = []

    async def opens(edge: Edge, keys: str) -> None:
        async with page(edge) as terminal:
            house.badge("vault-in", ADA)
            await terminal.of(GatePassage, stage=Stage.ASKED)
            house.readers["vault-in"].press_keys(keys + "#")
            await terminal.of(GatePortal, state=State.GRANTED)
            house.board.set_input(VAULT_CONTACT, OPEN)
            await terminal.of(GatePassage, stage=Stage.PASSED)
            house.board.set_input(VAULT_CONTACT, not OPEN)
            await terminal.of(GatePortal, state=State.LOCKED)
            seen.append(terminal.passages())

    async def both(edge: Edge) -> None:
        await opens(edge, PIN)
        await opens(edge, DURESS_PIN)

    scene(house, both)
    plain, forced = (
        msgspec.json.encode(
            [replace(one, seq=0, utc_us=0, attempt="", until_utc_us=None) for one in passages]
        )
        for passages in seen
    )
    assert b'"granted":true' in plain
    assert plain == forced


def test_who_does_not_keep_up_is_let_go_and_nobody_else(house: House) -> None:
    async def what(edge: Edge) -> None:
        asked = FollowGate(attends=True)
        assert not edge.daemon.answering.guards.attended
        slow = edge.desk.gates.follow(asked, GUS)
        async with page(edge) as terminal:
            assert isinstance(await anext(slow), GateHello)
            assert edge.daemon.answering.guards.attended
            for count in range(1, 4):
                house.badge("front-in", BOB)
                async with asyncio.timeout(WITHIN_S):
                    while len(terminal.passages()) < count:
                        await asyncio.sleep(0.01)
            with pytest.raises(StopAsyncIteration):
                await anext(slow)
            house.badge("front-in", BOB)
            async with asyncio.timeout(WITHIN_S):
                while len(terminal.passages()) < 4:
                    await asyncio.sleep(0.01)

    with patch.object(gate_feed, "QUEUE_MAX", 2):
        scene(house, what)


def test_without_a_journal_doors_are_told_and_verdicts_follow(house: House) -> None:
    async def what(edge: Edge) -> None:
        async with page(edge) as terminal:
            free, stalled = await without_a_journal(edge)
            await terminal.of(GateHeartbeat, recorded=False)
            before = edge.daemon.site.state.seq
            house.badge("front-in", ADA)
            async with asyncio.timeout(WITHIN_S):
                # Decided, before anything else happens that would be a reason as well.
                while edge.daemon.site.state.seq == before:
                    await asyncio.sleep(0.02)
            house.board.set_input(FIRE_LOOP, False)
            await terminal.of(GatePosture, fires=("panel",))
            await terminal.of(GatePortal, id="vault-door", released=True)
            assert terminal.passages() == [], "what is not on disk is not told"
            free.set()
            await stalled
            refused = await terminal.of(GatePassage, stage=Stage.DECIDED)
            assert refused.code == Code.NOT_RECORDED
            beats = len(terminal.told)
            async with asyncio.timeout(WITHIN_S):
                while not any(
                    isinstance(one, GateHeartbeat) and one.recorded for one in terminal.told[beats:]
                ):
                    await asyncio.sleep(0.05)

    scene(house, what)
