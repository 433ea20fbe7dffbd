"""`sentrypost alarm` at a whole edge: what a door raises, what people do about it, what is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller import events_alarms as ea
from controller.alarm import State
from edge.alarm_words import AlarmWord, signed
from edge.assembly import Edge
from edge.commands.alarm import alarm as command
from edge.control.client_alarms import AlarmClient
from edge.control.messages_alarms import Acknowledge, AlarmsReply, AnswerAlarm, ReadAlarms
from edge.gate_sight import EVERYTHING, Guard, Sight
from edge.signatures import public_text
from policies.rights import ProtectedShown
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import FRONT_CONTACT, House, bodies, running, until
from tests.edge.signed import ANNA, CARL, STRANGER

TEXT = "the courier, Mr Brown, leant on it"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def asked(house: House, *arguments: str) -> Result:
    site = str(house.folder / "site.toml")
    return CliRunner().invoke(command, [*arguments, "--config", site], catch_exceptions=False)


async def beside(house: House, *arguments: str) -> Result:
    """What a command does while the daemon goes on in this process."""
    return await asyncio.to_thread(asked, house, *arguments)


async def listed(house: House, *arguments: str) -> list[dict[str, Any]]:
    page = await beside(house, "list", *arguments, "--json")
    assert page.exit_code == 0, page.output
    return json.loads(page.stdout)


def forced(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    """The front door was opened and nobody was let in; then the scene."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PortalForced)
            await what(edge)

    asyncio.run(run())


def test_an_alarm_is_acknowledged_given_to_somebody_noted_and_closes_by_itself(
    house: House,
) -> None:
    async def story(edge: Edge) -> None:
        (alarm,) = await listed(house)
        number = str(alarm["alarm"])
        assert (alarm["kind"], alarm["source"]) == ("portal-forced", "front")
        assert (alarm["priority"], alarm["state"]) == (2, "raised")

        page = await beside(house)
        assert "1 open, 1 of them acknowledged by nobody" in page.output
        assert "A door was forced" in page.output
        done = await beside(house, "acknowledge", number, "--reason", "seen from the window")
        assert (done.exit_code, "acknowledged, still so" in done.output) == (0, True), done.output
        again = await beside(house, "acknowledge", number)
        assert again.exit_code == 1
        assert "somebody has acknowledged it" in again.output
        early = await beside(house, "close", number, "--cause", "false-alarm")
        assert early.exit_code == 1
        assert "it is still so" in early.output
        nobody = await beside(house, "assign", number, "4711")
        assert (nobody.exit_code, "not on file" in nobody.output) == (1, True)
        assert (await beside(house, "assign", number, "1")).exit_code == 0
        assert (await beside(house, "note", number, TEXT)).exit_code == 0

        (shown,) = await listed(house)
        assert shown["acknowledged"]["text"] == "seen from the window"
        assert shown["acknowledged"]["who"], "the account's name"
        assert shown["assigned"]["name"] == "Ada L"
        assert shown["notes"][0]["text"] == TEXT

        house.board.set_input(FRONT_CONTACT, False)
        await until(edge, ev.PortalClosed)
        assert await listed(house) == []
        (closed,) = await listed(house, "--all")
        assert (closed["state"], closed["cause"]) == ("closed", None)
        assert TEXT in (await beside(house, "show", number)).output
        gone = await beside(house, "show", "1")
        assert (gone.exit_code, "no alarm 1 is open" in gone.output) == (1, True)

        (noted,) = await bodies(edge, ea.AlarmNoted)
        assert TEXT not in repr(noted)
        told = [AnswerAlarm(alarm=1, step=Acknowledge(reason=TEXT))]
        assert TEXT not in repr(told)

    forced(house, story)


def test_a_restart_has_the_same_queue(house: House) -> None:
    before: list[dict[str, Any]] = []

    async def story(edge: Edge) -> None:
        (alarm,) = await listed(house)
        number = str(alarm["alarm"])
        assert (await beside(house, "acknowledge", number, "--reason", TEXT)).exit_code == 0
        before.extend(await listed(house))

    async def after() -> None:
        async with house.line(), running(house) as edge:
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.EdgeStarted)
            assert await listed(house) == before
            await ready(edge)
            house.board.set_input(FRONT_CONTACT, False)
            await until(edge, ev.PortalSettled)

    forced(house, story)
    asyncio.run(after())


def test_whoever_follows_is_told_of_every_change(house: House) -> None:
    async def story(edge: Edge) -> None:
        told: list[AlarmsReply] = []
        number = edge.daemon.site.state.alarms.open[0].seq

        def follow() -> None:
            with AlarmClient(house.config().state) as client:
                for reply in client.follow_alarms():
                    if isinstance(reply, AlarmsReply):
                        told.append(reply)
                    if told and any(one.state is State.CLOSED for one in told[-1].alarms):
                        return

        following = asyncio.create_task(asyncio.to_thread(follow))
        async with asyncio.timeout(20):
            while not told:
                await asyncio.sleep(0.02)
            assert (await beside(house, "acknowledge", str(number))).exit_code == 0
            while len(told) < 2:
                await asyncio.sleep(0.02)
            house.board.set_input(FRONT_CONTACT, False)
            await following
        assert [one.state for one in told[0].alarms] == [State.RAISED]
        assert (told[0].changes, told[0].total, told[0].unseen) == (False, 1, 1)
        assert all(reply.changes for reply in told[1:])
        states = [one.state for reply in told[1:] for one in reply.alarms]
        assert states[0] is State.ACKNOWLEDGED
        assert states[-1] is State.CLOSED
        assert told[-1].opened == 0

    forced(house, story)


def test_without_a_journal_alarms_are_seen_and_nothing_is_done_about_them(house: House) -> None:
    async def story(edge: Edge) -> None:
        free, stalled = await without_a_journal(edge)
        try:
            shown = await listed(house)
            assert {one["kind"] for one in shown} == {"portal-forced", "journal-lost"}
            number = next(one["alarm"] for one in shown if one["kind"] == "portal-forced")
            refused = await beside(house, "acknowledge", str(number))
            assert (refused.exit_code, "would not be on record" in refused.output) == (1, True)
        finally:
            free.set()
            await stalled

    forced(house, story)


def test_a_locked_session_sees_every_alarm_and_nobody_s_name(house: House) -> None:
    async def story(edge: Edge) -> None:
        desk = edge.desk.alarms
        number = edge.daemon.site.state.alarms.open[0].seq
        guard = Guard("Officer Smith", None, EVERYTHING)
        await desk.answer(AnswerAlarm(alarm=number, step=Acknowledge(reason=TEXT)), guard)
        locked = Guard("", None, Sight(None, ProtectedShown.NAME, people=False))
        (open_,) = (await desk.read(ReadAlarms(), guard)).alarms
        assert open_.acknowledged is not None
        assert (open_.acknowledged.who, open_.acknowledged.text) == ("Officer Smith", TEXT)
        (hidden,) = (await desk.read(ReadAlarms(), locked)).alarms
        assert hidden.acknowledged is not None
        assert (hidden.acknowledged.who, hidden.acknowledged.text) == ("", "")
        assert hidden.state is open_.state
        assert TEXT not in repr(open_)

    forced(house, story)


def word(at: Edge, /, **fields: object) -> AlarmWord:
    """That whoever signs it has seen the only alarm as it is."""
    alarm = at.daemon.site.state.alarms.open[0]
    values = {
        "site": "house",
        "edge": "gate",
        "incarnation": at.daemon.writer.incarnation,
        "alarm": alarm.seq,
        "last": alarm.last,
        "reason": TEXT,
    }
    return AlarmWord(**(values | fields))  # type: ignore[arg-type]


def test_a_signed_word_from_elsewhere_acts_once_and_for_what_was_seen(house: House) -> None:
    with (house.folder / "site.toml").open("a") as file:
        for name, key, use in (("anna", ANNA, "alarm"), ("carl", CARL, "people")):
            public = json.dumps(public_text(key.public))
            file.write(f'\n[key.{name}]\nperson = "{name}"\npublic = {public}\nmay = ["{use}"]\n')

    async def story(edge: Edge) -> None:
        take = edge.desk.alarms.take
        good = signed(word(edge), ANNA)
        for bad, why in (
            (signed(word(edge), CARL), "may not: carl"),
            (signed(word(edge), STRANGER), "nobody has signed"),
            (signed(word(edge, edge="back"), ANNA), "house/back"),
            (signed(word(edge, incarnation="f" * 16), ANNA), "another journal"),
            (signed(word(edge, last=1), ANNA), "told again since"),
            (signed(word(edge, alarm=1), ANNA), "no such alarm"),
            (b"{}", ""),
        ):
            reply = await take(bad)
            assert not reply.accepted, why
            assert why in reply.reason, reply.reason
            assert reply.remedy
            assert edge.daemon.site.state.alarms.open[0].state is State.RAISED
        done = await take(good)
        assert (done.accepted, done.recorded) == (True, True)
        assert done.alarm is not None
        assert done.alarm.acknowledged is not None
        assert done.alarm.acknowledged.who == "anna, over the wire"
        again = await take(good)
        assert (again.accepted, "has acknowledged it" in again.reason) == (False, True)
        house.board.set_input(FRONT_CONTACT, False)
        await until(edge, ev.PortalClosed)
        house.board.set_input(FRONT_CONTACT, True)
        await until(edge, ev.PortalForced, 2)
        late = await take(good)
        assert not late.accepted, "it was closed; what happens now is another alarm"
        assert edge.daemon.site.state.alarms.open[0].state is State.RAISED
        named = await take(signed(word(edge, by="Olga Ortiz (olga)"), ANNA))
        assert named.alarm is not None
        assert named.alarm.acknowledged is not None
        assert named.alarm.acknowledged.who == "Olga Ortiz (olga), by anna, over the wire"

    forced(house, story)
