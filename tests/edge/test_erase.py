"""Somebody is erased: on file, beside the journal, in every byte of the files; the log verifies."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.events_people import Range
from controller.ids import ReaderId
from controller.reader import Reader
from edge import people_desk
from edge.assembly import Edge
from edge.commands.person_erase import erase as erase_command
from edge.control.client import Client, ControlClientError
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.journal import Journal, Report, erasure, verify_folder
from edge.journal.folder import SEGMENT
from edge.people import credential_ref, load_site_key
from edge.renewal import ASIDE
from policies.codes import Code
from tests.edge.agreement import rows
from tests.edge.checks import ready
from tests.edge.house import ADA, BOB, FRONT_CONTACT, House, bodies, running, until
from tests.edge.process import entries, running_process, stored

WHO, WHY = "smith", "asked for by the person"
ADA_ID = "a" * 16


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def badges(edge: Edge, house: House, *data: bytes) -> None:
    """At the front door, one after the other, each until it was decided."""
    for one in data:
        count = len(await bodies(edge, ev.DecisionMade))
        # What is shown in a line's first moment counts as shown before, and is shown again.
        while len(await bodies(edge, ev.DecisionMade)) == count:
            ignored = len(await bodies(edge, ev.BadgeIgnored))
            house.badge("front-in", one)
            async with asyncio.timeout(30):
                while (
                    len(await bodies(edge, ev.DecisionMade)) == count
                    and len(await bodies(edge, ev.BadgeIgnored)) == ignored
                ):
                    await asyncio.sleep(0.01)


def asked(person: str = "1", reason: str = WHY, **flags: bool) -> ErasePerson:
    fields = {"even_inside": False, "dry_run": False} | flags
    return ErasePerson(person=person, reason=reason, **fields)


async def erased(edge: Edge, **flags: bool) -> ErasePersonReply:
    return await edge.desk.erase_person(asked(**flags), WHO)


def folder(house: House) -> Path:
    return house.folder / "state" / "journal"


def values_of(house: House, badge: bytes, name: str) -> dict[str, bytes]:
    """What must not be found of somebody any more: name, badge, and every salt beside them."""
    ref = credential_ref(load_site_key(house.folder / "site.key"), 26, badge)
    salts = [
        row[0]
        for row in rows(
            folder(house) / SEGMENT,
            f"SELECT salt FROM personal WHERE value IN ('{name}', '{ref}')",
        )
    ]
    assert salts, "there is something to be erased"
    found = {f"salt {number}": salt for number, salt in enumerate(salts)}
    return found | {"name": name.encode(), "badge": ref.encode()}


def left_in(where: Path, values: dict[str, bytes]) -> list[str]:
    """Which of them some file under `where` holds, byte for byte."""
    return [
        f"{name} in {path.relative_to(where)}"
        for path in sorted(where.rglob("*"))
        if path.is_file()
        for name, value in values.items()
        if value in path.read_bytes()
    ]


def verified(house: House) -> Report:
    report = verify_folder(folder(house))
    assert not report.findings
    return report


def head_and_root(house: House, size: int) -> tuple[bytes, list[bytes]]:
    """The chain's value and the leaves up to an entry."""
    found = stored(house)[:size]
    return found[-1].chain, [one.leaf for one in found]


def test_a_running_edge_erases_somebody_and_no_byte_is_left(house: House) -> None:
    ours: dict[str, bytes] = {}
    locked: list[int] = []

    async def before(edge: Edge) -> None:
        await badges(edge, house, ADA, BOB, ADA)
        locked.append(len(await bodies(edge, ev.EffectEnded)))

    async def after(edge: Edge) -> None:
        await until(edge, ev.EffectEnded, locked[0] + 1)  # the line is at work by then
        reply = await erased(edge)
        assert (reply.erased, reply.entries, reply.values) == (True, 2, 4), reply
        assert (reply.badges, reply.pin) == (1, True)
        state = house.folder / "state"
        assert left_in(state, ours) == [], "while the edge runs as well"
        await badges(edge, house, ADA)
        *_, last = await bodies(edge, ev.DecisionMade)
        assert isinstance(last, ev.DecisionMade)
        assert last.decision.code is Code.UNKNOWN_CREDENTIAL

    scene(house, before)
    ours |= values_of(house, ADA, "Ada L")
    bobs = values_of(house, BOB, "Bob M")
    size = verified(house).last_seq
    kept = head_and_root(house, size)
    assert left_in(house.folder / "state", ours), "the look through the files finds what is there"
    scene(house, after)
    state = house.folder / "state"
    # The stranger's badge that was shown afterwards is a new value of nobody on file.
    ours.pop("badge")
    assert left_in(state, ours) == []
    assert left_in(state, bobs), "the others are where they were"
    assert head_and_root(house, size) == kept
    verified(house)


def test_somebody_is_erased_in_segments_that_are_sealed_too(house: House) -> None:
    ours = seen_once(house)

    async def run(edge: Edge) -> None:
        writer = edge.daemon.writer
        await edge.checkpoints.seal(edge.daemon.now().utc_us)
        behind = writer.last_seq - writer.in_segment + 1
        site = edge.daemon.site

        def front() -> Reader:
            return site.state.readers.get(ReaderId("front-in"), Reader())

        async with asyncio.timeout(30):
            # Of this run: what a reader was shown before its session is dropped.
            while not site.state.ready or not front().online:
                await asyncio.sleep(0.01)
            house.badge("front-in", ADA)
            while not any(
                b'"decision-made"' in one.entry for one in await writer.read(behind, 99, 1 << 20)
            ):
                await asyncio.sleep(0.01)
        reply = await erased(edge)
        assert (reply.erased, reply.entries) == (True, 2), reply
        assert left_in(house.folder / "state", ours) == []

    scene(house, run)
    assert len(list(folder(house).glob("segment-*.db"))) == 2
    assert left_in(house.folder / "state", ours) == []
    verified(house)


# --- the command ----------------------------------------------------------------------------------


def command(house: House, *words: str) -> Result:
    site = str(house.folder / "site.toml")
    return CliRunner().invoke(erase_command, ["--config", site, *words])


def seen_once(house: House) -> dict[str, bytes]:
    """Ada and Bob were at the door; what is kept of Ada."""
    scene(house, lambda edge: badges(edge, house, ADA, BOB))
    return values_of(house, ADA, "Ada L")


def test_without_a_daemon_the_same_is_done_and_the_next_start_goes_on_from_it(house: House) -> None:
    ours, size = seen_once(house), verified(house).last_seq
    kept = head_and_root(house, size)
    done = command(house, "1", "--reason", WHY)
    assert (done.exit_code, done.output) == (
        0,
        "'1' is erased: name, 1 badges, a PIN, 2 values beside 1 entries\n",
    )
    assert left_in(house.folder / "state", ours) == []
    assert head_and_root(house, size) == kept
    assert verified(house).last_seq == size + 1
    (body,) = entries(house, ev.PersonErased)
    assert (body.holder, body.reason, body.inside) == (ADA_ID, WHY, False)

    async def after(edge: Edge) -> None:
        *_, known = await bodies(edge, ev.HoldersReplaced)
        assert isinstance(known, ev.HoldersReplaced)
        assert (known.holders, known.credentials) == (1, 1)

    scene(house, after)
    assert left_in(house.folder / "state", ours) == []


def test_a_journal_that_is_kept_as_evidence_is_named_as_left(house: House) -> None:
    ours = seen_once(house)
    state = house.folder / "state"
    shutil.copytree(folder(house), state / f"{ASIDE}.0011223344556677")
    ours_aside = left_in(state / f"{ASIDE}.0011223344556677", ours)
    assert ours_aside
    said = f"not looked into: {state / ASIDE}.0011223344556677, a journal that is kept as evidence"
    for words in (("--dry-run",), ()):
        done = command(house, "1", "--reason", WHY, *words)
        assert done.exit_code == 0
        assert said in done.output

    async def running_edge(edge: Edge) -> None:
        reply = await edge.desk.erase_person(asked("2"), WHO)
        assert reply.aside == (f"{ASIDE}.0011223344556677",)

    scene(house, running_edge)
    assert left_in(state / f"{ASIDE}.0011223344556677", ours) == ours_aside, "it is evidence"


def test_a_dry_run_says_what_there_is_and_writes_nothing(house: House) -> None:
    ours, before = seen_once(house), verified(house)
    done = command(house, "1", "--reason", WHY, "--dry-run")
    assert done.output == "'1' would be erased: name, 1 badges, a PIN, 2 values beside 1 entries\n"
    assert verified(house) == before
    assert left_in(house.folder / "state", ours)

    async def dry(edge: Edge) -> None:
        reply = await erased(edge, dry_run=True)
        assert (reply.erased, reply.reason, reply.values) == (False, "", 2)
        assert await bodies(edge, ev.PersonErased) == []

    scene(house, dry)
    assert left_in(house.folder / "state", ours)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("7", "--reason", WHY), "nobody on file has the id '7'"),
        (("3", "--reason", "Ingeborg asked for it"), "has the person's name in it"),
        (("3", "--reason", ""), "Expected `str` of length >= 1"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    house: House, words: tuple[str, ...], why: str
) -> None:
    async def enrol(edge: Edge) -> None:
        reply = await edge.desk.import_people(b"id,name,roles\n3,Ingeborg S,staff\n", WHO, False)
        assert reply.applied

    scene(house, enrol)
    before = verified(house)
    done = command(house, *words)
    assert done.exit_code != 0
    assert why in done.output
    assert verified(house) == before


def test_who_is_inside_is_not_erased_by_mistake(house: House) -> None:
    """No reader on the way out would know the badge any more."""

    async def goes_in(edge: Edge) -> None:
        await badges(edge, house, ADA)
        house.board.set_input(FRONT_CONTACT, True)
        await until(edge, ev.PassageMade)
        reply = await erased(edge)
        assert reply.reason == "the person is inside, last seen in hall"
        assert "--even-inside" in reply.remedy

    scene(house, goes_in)
    refused = command(house, "1", "--reason", WHY)
    assert "the person is inside, last seen in hall" in refused.output
    assert entries(house, ev.PersonErased) == []
    assert command(house, "1", "--reason", WHY, "--even-inside").exit_code == 0
    (body,) = entries(house, ev.PersonErased)
    assert body.inside


# --- cut off --------------------------------------------------------------------------------------

CUT = """
import os
from edge.journal import erasure
from edge.people.store import People
from edge.people_desk import PeopleDesk
def dies(*_, **__):
    os._exit(9)
"""

CUTS = {
    "before anything was done": "PeopleDesk.remove = dies",
    "off the file, and the file not written anew": "People.compact = dies",
    "before the first value went": "erasure.remove = dies",
    "before the log was cut": "erasure.settle = dies",
}


@pytest.mark.parametrize("where", CUTS)
def test_what_a_crash_leaves_the_next_start_does(house: House, where: str) -> None:
    ours = seen_once(house)

    async def run() -> None:
        async with house.line():
            async with running_process(house, plant=CUT + CUTS[where]) as edge:
                lost = await asyncio.to_thread(ask, house)
                assert lost is not None, "it died over it"
                assert await edge.ended() == 9
            assert left_in(house.folder / "state", ours), "there is something left to do"
            async with running(house) as again:
                await until(again, ev.PersonErased)
                async with asyncio.timeout(30):
                    while left_in(house.folder / "state", ours):
                        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert len(entries(house, ev.PersonErased)) == 1
    assert left_in(house.folder / "state", ours) == []
    verified(house)
    assert "nobody on file" in command(house, "1", "--reason", WHY).output


def ask(house: House) -> ControlClientError | None:
    try:
        with Client(house.folder / "state") as client:
            client.erase_person(asked())
    except ControlClientError as error:
        return error
    return None


def test_a_disk_that_fails_in_the_middle_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = seen_once(house)
    failing = threading.Event()
    failing.set()
    really = erasure.remove

    def remove(journal: Journal, fields: tuple[str, ...], entries: tuple[Range, ...]) -> None:
        if failing.is_set():
            raise journal.stop(sqlite3.OperationalError("disk I/O error"))
        really(journal, fields, entries)

    monkeypatch.setattr(erasure, "remove", remove)

    async def what(edge: Edge) -> None:
        reply = await erased(edge)
        assert (reply.erased, reply.kept) == (False, True)
        assert "carried out as soon as" in reply.remedy
        failing.clear()
        async with asyncio.timeout(30):
            while left_in(house.folder / "state", ours):
                await asyncio.sleep(0.05)

    scene(house, what)
    assert left_in(house.folder / "state", ours) == []
    verified(house)


def test_nobody_is_erased_while_the_file_of_people_cannot_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows him any more by then, and the file still does."""
    ours = seen_once(house)
    monkeypatch.setattr(people_desk, "SETTLE_AGAIN_S", 0.05)
    in_the_way = house.folder / "state" / "site.db-journal"

    async def what(edge: Edge) -> None:
        people = edge.daemon.people
        honest = people.settle

        def settle(seq: int | None) -> None:
            in_the_way.mkdir()
            monkeypatch.setattr(people, "settle", honest)
            honest(seq)

        monkeypatch.setattr(people, "settle", settle)
        monkeypatch.setattr(people, "compact", lambda: None)
        reply = await erased(edge)
        assert (reply.erased, reply.kept, reply.reason) == (False, True, people_desk.BEHIND)
        assert people.roll.named("1") is None
        assert left_in(house.folder / "state", ours)
        monkeypatch.undo()
        in_the_way.rmdir()
        async with asyncio.timeout(30):
            while left_in(house.folder / "state", ours):
                await asyncio.sleep(0.05)

    scene(house, what)
    assert left_in(house.folder / "state", ours) == []
