"""What people ask of the running daemon, over its real socket: fire reset, import, status."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from controller import events as ev
from edge import people_desk
from edge.app import opened
from edge.assembly import Edge
from edge.clock import boot_time
from edge.commands.person_import import tell_import
from edge.commands.person_sets import FILE_BEHIND
from edge.control.client import Client
from edge.journal import JournalClosed
from edge.people_desk import PeopleDesk
from edge.safe_mode import Run
from tests.edge.checks import ready, stalled_disk, without_a_journal
from tests.edge.house import FIRE_LOOP, VAULT, House, bodies, running, until

PEOPLE = b"id,name,roles,badge\n3,Cy N,staff,26:0000005\n"
BADGE = b"id,badge\n3,26:0000006\n"
CY = bytes.fromhex("00000140")
"""26 bits with the number 5, left-aligned."""

T = TypeVar("T")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def ask(house: House, question: Callable[[Client], T]) -> T:
    """Put a question over the control socket, as a command does."""

    def over_the_socket() -> T:
        with Client(house.folder / "state") as client:
            return question(client)

    return await asyncio.to_thread(over_the_socket)


def test_a_fire_is_reset_by_a_named_person_once_its_line_is_normal(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FIRE_LOOP, False)
            await until(edge, ev.EgressReleased)
            refused = await ask(house, lambda client: client.reset_fire("panel"))
            assert not refused.accepted
            house.board.set_input(FIRE_LOOP, True)
            await until(edge, ev.FireLineRead, 3)
            accepted = await ask(house, lambda client: client.reset_fire("panel"))
            assert accepted.accepted, accepted.reason
            (reset,) = await bodies(edge, ev.FireReset)
            assert len(reset.operator) == 64, "the name stands as a commitment"
            await until(edge, ev.EgressEnded)
            await asyncio.sleep(0.2)
            assert house.board.outputs[VAULT] is True, "the magnet holds again"

    asyncio.run(run())


def test_people_imported_into_a_running_edge_pass_at_once_and_after_a_restart(
    house: House,
) -> None:
    async def run() -> None:
        async with house.line():
            async with running(house) as edge:
                await ready(edge)
                house.badge("front-in", CY)
                (before,) = await until(edge, ev.DecisionMade)
                assert not before.decision.granted
                reply = await ask(house, lambda client: client.import_people(PEOPLE, dry_run=False))
                assert (reply.applied, reply.added) == (True, 1), reply
                replaced = await bodies(edge, ev.HoldersReplaced)
                assert replaced[-1].version == reply.version
                house.badge("front-in", CY)
                _, after = await until(edge, ev.DecisionMade, 2)
                assert after.decision.granted
            async with running(house) as edge:
                await until(edge, ev.EdgeReady, 2)
                await until(edge, ev.ReaderFound, 8)
                house.badge("front-in", CY)
                *_, again = await until(edge, ev.DecisionMade, 3)
                assert again.decision.granted

    asyncio.run(run())


@pytest.mark.parametrize("recorded", [True, False])
def test_an_import_cut_short_is_in_force_exactly_if_the_journal_has_it(
    house: House, recorded: bool
) -> None:
    """The edge died between staging and settling: with the entry on disk, or without."""
    from edge.people import plan_import, seal

    async def run() -> None:
        async with house.line():
            async with running(house) as edge:
                await ready(edge)
                people = edge.daemon.people
                desk_key = edge.daemon._wiring._key
                config = house.config()
                plan = plan_import(people.roll, PEOPLE, config.policy, desk_key)
                directory = people.stage(seal(plan, hasher=None))  # no PIN in it: none is hashed
                if recorded:
                    edge.daemon.judge_directory(directory)
                    await edge.daemon.recorder.drained()
            async with opened(house.config(), Run(house.folder / "state", boot_time)) as edge:
                assert edge.daemon.people.staged is None
                holders = edge.daemon.people.directory().holders
                assert len(holders) == (3 if recorded else 2)

    asyncio.run(run())


def test_the_status_tells_every_device_portal_and_fire_input(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            status = await ask(house, lambda client: client.status())
            assert {reader.id for reader in status.readers if reader.online} == set(house.readers)
            assert {portal.id: portal.state for portal in status.portals} == {
                "front": "locked",
                "vault-door": "locked",
            }
            assert [(fire.id, fire.line) for fire in status.fires] == [("panel", "normal")]
            assert status.ready
            assert status.seq == edge.daemon.site.state.seq

    asyncio.run(run())


def test_people_that_cannot_be_settled_yet_do_not_end_the_edge(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has its disk back before `site.db` can be written."""
    monkeypatch.setattr(people_desk, "SETTLE_AGAIN_S", 0.1)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            people = edge.daemon.people
            free, stalled = await stalled_disk(edge)
            reply = await ask(house, lambda client: client.import_people(PEOPLE, dry_run=False))
            assert not reply.applied
            assert reply.kept
            assert [problem.message for problem in reply.problems] == [people_desk.KEPT]
            again = await ask(house, lambda client: client.import_people(PEOPLE, dry_run=False))
            assert not again.kept, "of the second one nothing is staged"
            assert "earlier import" in again.problems[0].message
            assert people.staged is not None
            in_the_way = house.folder / "state" / "site.db-journal"
            in_the_way.mkdir()
            free.set()
            await stalled
            await until(edge, ev.JournalRestored)
            await asyncio.sleep(0.3)
            assert people.staged is not None
            in_the_way.rmdir()
            async with asyncio.timeout(5):
                while people.staged is not None:
                    await asyncio.sleep(0.02)
            assert edge.daemon.site.state.holders_version == people.version

    asyncio.run(run())


def _desk(edge: Edge) -> PeopleDesk:
    return edge.desk._people


def test_a_fire_is_not_reset_while_that_would_not_be_on_record(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FIRE_LOOP, False)
            await until(edge, ev.EgressReleased)
            house.board.set_input(FIRE_LOOP, True)
            await until(edge, ev.FireLineRead, 3)
            free, stalled = await without_a_journal(edge)
            refused = await ask(house, lambda client: client.reset_fire("panel"))
            assert not refused.accepted
            assert refused.reason == (
                "the journal cannot be written; the reset would not be on record"
            )
            assert edge.daemon.site.state.fires["panel"].latched
            free.set()
            await stalled
            await until(edge, ev.JournalRestored)
            accepted = await ask(house, lambda client: client.reset_fire("panel"))
            assert accepted.accepted, accepted.reason

    asyncio.run(run())


def test_an_import_of_which_nothing_is_staged_is_to_be_tried_later(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            free, stalled = await without_a_journal(edge)
            reply = await ask(house, lambda client: client.import_people(PEOPLE, dry_run=False))
            free.set()
            await stalled
            assert (reply.applied, reply.kept) == (False, False)
            assert "try later" in reply.problems[0].message
            assert edge.daemon.people.staged is None

    asyncio.run(run())


def test_people_in_the_journal_that_cannot_be_settled_at_once_are_settled_later(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The journal has the entry, and `site.db` fails just then and for a while."""
    monkeypatch.setattr(people_desk, "SETTLE_AGAIN_S", 0.05)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            people = edge.daemon.people
            honest, tries = people.settle, 0
            in_the_way = house.folder / "state" / "site.db-journal"

            def settle(seq: int | None) -> None:
                nonlocal tries
                tries += 1
                if tries == 1:
                    in_the_way.mkdir()
                honest(seq)

            monkeypatch.setattr(people, "settle", settle)
            reply = await ask(house, lambda client: client.import_people(PEOPLE, dry_run=False))
            assert (reply.applied, reply.kept, reply.problems) == (True, True, ()), reply
            assert (reply.version, reply.added) == (edge.daemon.site.directory.version, 1)
            assert people.directory() is edge.daemon.site.directory, "nobody follows older people"
            tell_import(reply, dry_run=False)
            assert capsys.readouterr() == (
                "1 added, 0 changed, 0 unchanged\n",
                f"{FILE_BEHIND}\n",
            )
            again = await ask(house, lambda client: client.import_people(BADGE, dry_run=False))
            assert (again.applied, again.kept) == (False, False)
            assert again.problems[0].message == people_desk.WAITING
            async with asyncio.timeout(5):
                while tries < 3:
                    await asyncio.sleep(0.02)
            assert people.staged is not None
            in_the_way.rmdir()
            async with asyncio.timeout(5):
                while people.staged is not None:
                    await asyncio.sleep(0.02)
            assert len(people.directory().holders) == 3
            assert edge.daemon.site.state.holders_digest == people.directory().digest
            assert len([r for r in caplog.records if "not settled" in r.getMessage()]) == 1

    asyncio.run(run())


def test_a_journal_that_is_closed_under_the_desk_is_a_bug_and_ends_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            one = _desk(edge)

            async def closed() -> None:
                raise JournalClosed

            monkeypatch.setattr(one, "_settle_late", closed)
            one._unsettled.set()
            await asyncio.sleep(0.3)

    with pytest.raises(ExceptionGroup) as ended:
        asyncio.run(run())
    assert ended.value.subgroup(JournalClosed) is not None
