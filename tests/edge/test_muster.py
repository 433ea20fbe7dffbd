"""`sentrypost muster` at a whole edge: doors, control socket, files where none runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller import events_muster as em
from edge.assembly import Edge
from edge.commands import muster as command
from edge.commands.muster import gathered, muster
from edge.control.messages_muster import MusterReply
from edge.control.messages_visits import VisitReply
from edge.muster_desk import meant
from edge.people.records import EMPTY, HolderRecord, Roll, Touched
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import ADA, FRONT_CONTACT, FRONT_REX, House, bodies, running, until


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def asked(house: House, *arguments: str) -> Result:
    return CliRunner().invoke(
        muster, [*arguments, "--config", str(house.folder / "site.toml")], catch_exceptions=False
    )


def answer(house: House, *arguments: str) -> dict[str, Any]:
    page = asked(house, "list", *arguments, "--json")
    assert page.exit_code == 0, page.output
    return json.loads(page.stdout)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    """Ada is in the hall; then the scene."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await until(edge, ev.ReaderFound, 3)
            house.badge("front-in", ADA)
            await until(edge, ev.PortalGranted)
            await opens(edge, house, ev.PassageMade)
            await what(edge)

    asyncio.run(run())


async def opens(edge: Edge, house: House, kind: type[ev.Body]) -> None:
    closed = len(await bodies(edge, ev.PortalClosed))
    house.board.set_input(FRONT_CONTACT, True)
    await until(edge, kind)
    house.board.set_input(FRONT_CONTACT, False)
    await until(edge, ev.PortalClosed, closed + 1)


async def beside(house: House, *arguments: str) -> Result:
    """What a command does while the daemon goes on in this process."""
    return await asyncio.to_thread(asked, house, *arguments)


async def read(house: House, *arguments: str) -> dict[str, Any]:
    return await asyncio.to_thread(answer, house, *arguments)


def test_who_is_inside_is_listed_by_name_with_evidence_and_is_checked_off(house: House) -> None:
    async def story(edge: Edge) -> None:
        (ada,) = (await read(house))["people"]
        assert (ada["person"], ada["name"], ada["missing"]) == ("1", "Ada L", True)
        assert (ada["seen"]["zone"], ada["seen"]["portal"]) == ("hall", "front")
        assert ada["seen"]["confidence"] == "passage"
        assert ada["seen"]["age_s"] is not None
        (passed,) = await bodies(edge, ev.PassageMade)
        assert isinstance(passed, ev.PassageMade)
        assert passed.moved is not None

        early = await beside(house, "check", "ada")
        assert early.exit_code == 1
        assert "no muster goes on" in early.output
        assert (await beside(house, "begin")).exit_code == 0
        done = await beside(house, "check", "ada", "--at", "old-oak")
        assert "Ada L (1) is at old-oak" in done.output, done.output
        found = await read(house)
        assert (found["missing"], found["checked"]) == (0, 1)
        assert found["people"][0]["seen"]["check"]["where"] == "old-oak"
        assert (await read(house, "--missing"))["people"] == []
        assert (await read(house, "--zone", "vault"))["people"] == []
        assert (await beside(house, "uncheck", "1")).exit_code == 0
        assert (await read(house))["missing"] == 1
        assert "1 still missing" in (await beside(house, "end")).output
        (checked,) = await bodies(edge, em.PersonCheckedOff)
        assert isinstance(checked, em.PersonCheckedOff)
        assert (checked.holder, checked.inside) == ("a" * 16, False)

    scene(house, story)


def test_who_may_have_left_by_a_button_is_listed_as_unknown(house: House) -> None:
    async def story(edge: Edge) -> None:
        house.board.set_input(FRONT_REX, True)
        await until(edge, ev.ExitRequested)
        await opens(edge, house, ev.PortalOpened)
        found = await read(house)
        assert (found["unknown"], found["people"][0]["seen"]["doubt"]) == (1, "exit")
        page = await beside(house)
        assert "UNKNOWN since" in page.output
        assert "somebody left unasked" in page.output
        assert "Ada L" in page.output

    scene(house, story)


def test_without_an_edge_the_roll_is_read_off_the_files_and_nothing_is_changed(
    house: House,
) -> None:
    async def nothing(_: Edge) -> None:
        pass

    scene(house, nothing)
    files = house.folder / "state" / "journal"
    before = {file: file.read_bytes() for file in files.iterdir() if file.is_file()}
    found = answer(house)
    assert (found["running"], found["listed"]) == (False, 1)
    assert found["people"][0]["name"] == "Ada L"
    assert found["timezone"] == "Europe/Vienna"
    assert "NO EDGE RUNS" in asked(house).output
    assert {file: file.read_bytes() for file in files.iterdir() if file.is_file()} == before
    refused = asked(house, "begin")
    assert refused.exit_code == 1
    assert "no daemon runs here" in refused.output


def test_checking_off_goes_on_where_nothing_can_be_recorded(house: House) -> None:
    async def story(edge: Edge) -> None:
        await beside(house, "begin")
        free, stalled = await without_a_journal(edge)
        done = await beside(house, "check", "ada")
        assert done.exit_code == 1
        assert "it holds from here on and is not on record" in done.output
        assert (await read(house))["checked"] == 1
        free.set()
        await stalled
        await until(edge, em.PersonCheckedOff)

    scene(house, story)


def test_watching_shows_every_change_and_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "WATCH_S", 0.01)
    shown: list[bytes] = []

    class Enough(Exception):  # noqa: N818 - ends the watching
        pass

    def note(line: bytes) -> None:
        shown.append(line)
        if len(shown) == 2:
            raise Enough

    async def story(edge: Edge) -> None:
        def watch() -> None:
            with pytest.raises(Enough):
                command._watch(
                    house.folder / "state", lambda whole: note(command._json(whole)), clear=False
                )

        watching = asyncio.create_task(asyncio.to_thread(watch))
        while not shown:
            await asyncio.sleep(0.01)
        house.badge("vault-in", b"\x01\x02\x03\x40")  # nobody's: no news
        await until(edge, ev.DecisionMade, 2)
        await beside(house, "begin")
        await asyncio.wait_for(watching, 30)
        assert [json.loads(line)["muster"] is not None for line in shown] == [False, True]

    scene(house, story)


def on_file(*people: tuple[str, str]) -> Roll:
    records = tuple(
        HolderRecord(id=f"{one:>016}", external_id=one, name=name, roles=()) for one, name in people
    )
    return EMPTY.after(version=1, holders=records, gone=Touched())


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        ("7", "7"),  # the id counts first
        ("ann lee", "1"),
        ("ANN", None),
        ("ann l", None),
        ("seven", "8"),
        ("nobody", None),
    ],
)
def test_who_is_meant_by_an_id_a_name_or_a_part_of_it(asked_for: str, found: str | None) -> None:
    from controller.state import SiteState

    roll = on_file(("1", "Ann Lee"), ("2", "Ann Leeds"), ("7", "Eve"), ("8", "Seven 7"))
    who = meant(roll, SiteState(), asked_for)
    if found is None:
        assert isinstance(who, VisitReply)
        assert who.remedy
        assert asked_for in who.reason
    else:
        assert isinstance(who, HolderRecord)
        assert who.external_id == found


def test_a_roll_of_many_pages_that_changes_meanwhile_is_read_again(house: House) -> None:
    async def story(edge: Edge) -> None:
        first = await edge.desk.muster(0)
        pages = iter([first, _emptied(first), _later(first), _emptied(first)])
        whole = gathered(lambda _: next(pages))
        assert whole.head.seq == first.head.seq + 1
        assert len(whole.people) == 1

    scene(house, story)


def _later(reply: MusterReply) -> MusterReply:
    from msgspec.structs import replace

    return replace(reply, head=replace(reply.head, seq=reply.head.seq + 1))


def _emptied(reply: MusterReply) -> MusterReply:
    from msgspec.structs import replace

    return replace(_later(reply), people=(), extra=())
