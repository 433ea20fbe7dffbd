"""Badges of one person: held to a reader or typed, blocked, found, replaced, revoked."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from controller import events as ev
from controller.events_badges import BadgeSought, SeekStep
from edge.commands.badge import badge
from edge.control.client import Client
from edge.control.client_people import PeopleClient
from edge.control.messages_people import EnrolBadge
from edge.people import Change, People
from policies.facts import CredentialStatus
from tests.edge.house import ADA, House
from tests.edge.process import (
    FRONT_STRUCK,
    PATIENCE_S,
    EdgeProcess,
    entries,
    running_process,
    told,
)

NEW = b"\x5a\x5a\x5a\x40"
"""A badge that nobody has yet."""


class Desk:
    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.folder = folder

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(badge, [*words, "--config", str(self.folder / "site.toml")])

    async def ask(self, *words: str) -> Result:
        return await asyncio.to_thread(self.run, *words)

    def badges(self, person: str = "1") -> list[str]:
        said = self.run("list", person, "--json")
        assert said.exit_code == 0, said.output
        return [one["status"] for one in json.loads(said.stdout)]

    async def until(self, edge: EdgeProcess, told_of: Callable[[ev.Body | None], bool]) -> None:
        """The running edge has such an entry."""

        def seen() -> bool:
            with Client(self.folder / "state") as client:
                entries = [ev.decode_entry(one.entry.encode()) for one in client.entries(1)]
            return any(told_of(ev.decode_body(entry)) for entry in entries)

        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(seen):
                assert edge.process.returncode is None, edge.said


def sought(step: SeekStep) -> Callable[[ev.Body | None], bool]:
    return lambda body: isinstance(body, BadgeSought) and body.step is step


def unknown(body: ev.Body | None) -> bool:
    """A badge that nobody has was an attempt."""
    return isinstance(body, ev.DecisionMade) and body.request.credential is (
        CredentialStatus.UNKNOWN
    )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_badge_is_blocked_found_and_revoked_for_good(desk: Desk) -> None:
    assert desk.run("block", "1").exit_code == 0
    assert desk.badges() == ["suspended"]
    assert desk.run("block", "1", "--lost").exit_code == 0
    assert desk.badges() == ["lost"]
    found = desk.run("unblock", "1")
    assert found.exit_code == 0, found.output
    assert desk.badges() == ["active"]
    assert desk.run("revoke", "1").exit_code == 0
    again = desk.run("unblock", "1")
    assert again.exit_code == 1
    assert "'1' has no badge that is suspended or lost" in again.output
    (own,) = json.loads(desk.run("list", "1", "--json").stdout)
    never = desk.run("unblock", "1", "--badge", own["id"])
    assert never.exit_code == 1
    assert "never is active again" in never.output
    already = desk.run("revoke", "1", "--badge", own["id"][:8])
    assert already.exit_code == 0
    assert "is revoked already" in already.output
    assert desk.badges() == ["revoked"]


def test_of_several_badges_it_is_said_which(desk: Desk) -> None:
    with People.open(desk.folder / "state" / "site.db") as people:
        mine = next(one for one in people.roll.credentials.values() if one.holder == "a" * 16)
        second = replace(mine, id="e" * 16, ref="ab" * 32)
        people.apply(Change(base=people.version, credentials=(second,)))
    unclear = desk.run("block", "1")
    assert unclear.exit_code == 1
    assert "2 badges that are active" in unclear.output
    assert desk.run("block", "1", "--badge", "eeee").exit_code == 0
    assert sorted(desk.badges()) == ["active", "suspended"]
    assert "no badge of '1' begins with dddd" in desk.run("block", "1", "--badge", "dddd").output
    assert desk.run("block", "1", "--badge", "not hex").exit_code == 2


def test_by_its_number_it_is_the_same_as_in_a_file_of_people(desk: Desk) -> None:
    done = desk.run("add", "2", "--number", "h10301:17/4711")
    assert done.exit_code == 0, done.output
    assert sorted(desk.badges("2")) == ["active", "revoked"]
    taken = desk.run("add", "1", "--number", "h10301:17/4711")
    assert taken.exit_code == 1
    assert "this badge is on file (active) for the person with id 2" in taken.output
    assert desk.run("add", "1").exit_code == 2
    assert "no daemon runs here" in desk.run("add", "1", "--reader", "front-in").output


def test_the_next_new_badge_at_a_reader_is_enrolled_and_opens_nothing(desk: Desk) -> None:
    house = desk.house

    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            struck = told(house).count(FRONT_STRUCK)
            adding = asyncio.create_task(desk.ask("replace", "1", "--reader", "front-in"))
            await desk.until(edge, sought(SeekStep.BEGAN))
            busy = await desk.ask("add", "2", "--reader", "front-in")
            assert busy.exit_code == 1
            assert "somebody waits for a badge at front-in already" in busy.output
            # Whose badge is on file comes in as ever, and is not what is waited for.
            house.badge("front-in", ADA)
            async with asyncio.timeout(PATIENCE_S):
                while told(house).count(FRONT_STRUCK) == struck:
                    await asyncio.sleep(0.01)
            house.badge("front-in", NEW)
            done = await adding
            assert done.exit_code == 0, done.output
            assert "is active, and 1 before it revoked, version 2" in done.output
            for reader, why in (("vault-out", "on a way out"), ("frnt-in", "no reader 'frnt-in'")):
                refused = await desk.ask("add", "1", "--reader", reader)
                assert refused.exit_code == 1
                assert why in refused.output
            late = await desk.ask("add", "1", "--reader", "front-in", "--within", "1")
            assert late.exit_code == 1
            assert "no new badge was shown at front-in within 1 s" in late.output
            assert await edge.stop() == 0

    asyncio.run(run())
    steps = [body.step for body in entries(house, BadgeSought)]
    assert steps == [SeekStep.BEGAN, SeekStep.ENROLLED, SeekStep.BEGAN, SeekStep.LATE]
    assert not any(map(unknown, entries(house)))
    assert sorted(desk.badges()) == ["active", "revoked"]


def test_who_goes_away_waits_no_more_and_the_reader_hears_attempts_again(desk: Desk) -> None:
    house = desk.house

    def leave() -> None:
        """Ask, and go when a sign of life shows that it is waited."""
        with PeopleClient(desk.folder / "state") as client:
            asked = EnrolBadge(person="1", reader="front-in", within_s=120)
            next(client.enrol_badge(asked))

    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            await asyncio.to_thread(leave)
            await desk.until(edge, sought(SeekStep.GIVEN_UP))
            house.badge("front-in", NEW)
            await desk.until(edge, unknown)
            assert await edge.stop() == 0

    asyncio.run(run())
    assert desk.badges() == ["active"]
