"""Somebody is forced to unlock his screen: it unlocks, help is called, and nobody can tell."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from controller.body import NOTE_CHARS
from controller.events_signins import How, SessionUnlocked, SignInRefused
from edge.assembly import Edge
from edge.commands.duress import TOLD
from edge.control.messages_pages import CodeMade, Invite, LockSession, SignedIn, UnlockSession
from edge.people import Change, People, PinCost, PinHasher, PinRecord
from edge.signins.sessions import Sessions
from simulators.broker_process import BrokerProcess
from tests.edge.house import bodies, running
from tests.edge.signins.gatehouse import GUARD, PASSWORD, PIN, Gatehouse
from tests.edge.test_duress_daemon import run
from tests.edge.test_duress_observed import Observer, Shape, shape

DURESS_PIN = "69331"
WRONG = "11111"


def forceable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Gatehouse:
    """Gil has two PINs, and the watch room is told of the second."""
    monkeypatch.chdir(folder)
    (recipient,) = json.loads(run("new", "watch-room").stdout.partition("recipients = ")[2])
    house = Gatehouse(folder)
    cheap = PinHasher(PinCost(time_cost=1, memory_kib=8, lanes=1))
    two = PinRecord(holder=GUARD, hash=cheap.hash(PIN), duress_hash=cheap.hash(DURESS_PIN))
    with People.open(folder / "state" / "site.db") as people:
        people.apply(Change(base=people.version, pins=(two,)))
    with (folder / "site.toml").open("a") as file:
        file.write(f"\n[duress]\nrecipients = {json.dumps([recipient])}\n")
    return house


async def unlocked(house: Gatehouse, token: str, asked: UnlockSession) -> SignedIn:
    """What the page is told; the screen was locked before."""
    async with house.page() as page:
        await page.sign(token)
        assert (await page.ask(LockSession(), SignedIn)).session.locked  # type: ignore[union-attr]
        return await page.ask(asked, SignedIn)


@pytest.mark.parametrize(("pin", "code"), [(PIN, 0), (DURESS_PIN, TOLD)])
@pytest.mark.parametrize("terminal", ["lodge", ""])
def test_the_screen_unlocks_and_those_who_can_help_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pin: str, code: int, terminal: str
) -> None:
    house = forceable(tmp_path, monkeypatch)

    async def scene() -> None:
        async with running(house) as edge:
            token = await house.session(edge, "gil", terminal=terminal)
            done = await unlocked(house, token, UnlockSession(pin=pin))
            assert done.session is not None, done.reason
            assert not done.session.locked
            (entry,) = await bodies(edge, SessionUnlocked)
            assert (entry.session, entry.holder) == (done.session.session, GUARD)
            assert (entry.how, entry.terminal) == (How.BADGE_PIN, terminal)

    asyncio.run(scene())
    shown = run("open", "state", "--key", "watch-room.key")
    assert shown.exit_code == code, shown.output
    place = terminal or "a page, no terminal"
    said = f"DURESS holder {GUARD} at {place}, site house"
    assert (said in shown.stdout) is (code == TOLD)


def test_nobody_who_reads_all_topics_and_the_journal_can_tell(
    mosquitto: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = forceable(tmp_path, monkeypatch)
    with (tmp_path / "site.toml").open("a") as file:
        file.write(f'\n[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n')
    observer = Observer(mosquitto.port, house)
    seen: list[tuple[object, Shape]] = []

    async def scene() -> None:
        async with running(house) as edge:
            token = await house.session(edge, "gil")
            await observer.until("event/session-began", 1)
            await observer.entry(edge)
            for number, pin in enumerate((PIN, DURESS_PIN, PIN), start=1):
                done = await unlocked(house, token, UnlockSession(pin=pin))
                await observer.until("event/session-unlocked", number)
                found, sent, _ = await observer.entry(edge)
                own = {key: found[key] for key in found if "unlocked" in str(key)}
                seen.append(((own, sent), shape(msgspec.to_builtins(done))))
            notes = [one.note for one in await bodies(edge, SessionUnlocked)]
            assert [len(note) for note in notes] == [NOTE_CHARS] * 3
            assert len(set(notes)) == 3, "each entry carries a note of its own"

    asyncio.run(scene())
    normal, forced, again = seen
    assert normal[0]
    assert normal == forced == again


def test_a_screen_that_stays_locked_has_no_such_entry_and_a_password_no_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = forceable(tmp_path, monkeypatch)

    async def scene() -> None:
        async with running(house) as edge:
            done, _ = await house.invited(await invitation(edge), "gil")
            wrong = await unlocked(house, done.token, UnlockSession(pin=WRONG))
            assert wrong.session is None
            assert len(await bodies(edge, SignInRefused)) == 1
            assert await bodies(edge, SessionUnlocked) == []
            right = await unlocked(house, done.token, UnlockSession(password=PASSWORD))
            assert right.session is not None
            (entry,) = await bodies(edge, SessionUnlocked)
            assert (entry.how, entry.note) == (How.PASSWORD, "")

    asyncio.run(scene())


def test_the_entry_is_on_disk_before_the_screen_unlocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = forceable(tmp_path, monkeypatch)
    locked: list[bool] = []

    async def scene() -> None:
        async with running(house) as edge:
            token = await house.session(edge, "gil")
            signing = edge.desk.sign_ins
            assert signing is not None
            premises = signing._parts.premises
            sessions: Sessions = signing._parts.sessions
            recorded = premises.recorded

            async def looked_at() -> None:
                await recorded()
                if await bodies(edge, SessionUnlocked):
                    locked.extend(one.session.locked for one in sessions)

            monkeypatch.setattr(premises, "recorded", looked_at)
            await unlocked(house, token, UnlockSession(pin=PIN))
            assert locked == [True]
            assert [one.session.locked for one in sessions] == [False]

    asyncio.run(scene())


async def invitation(edge: Edge) -> str:
    """For Gil, who has no password yet."""
    signing = edge.desk.sign_ins
    assert signing is not None
    made = await signing.of_others(Invite(person="gil"), "test", may_link=True)
    assert isinstance(made, CodeMade)
    return made.code
