"""A guard compares: badge at a real line, the running edge, the control socket, the commands."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.ids import HolderId
from drivers.cameras.api import Camera, CameraFault, CameraOptions, CameraReported, Picture
from edge import app, guard_post
from edge.assembly import Edge
from edge.commands import guard_watch
from edge.commands.guard import guard
from edge.control.client import ControlClientError, RefusedError
from edge.control.client_guard import GuardClient
from edge.control.messages_guard import AnswerComparison, ComparisonShown, Side, Verdict
from edge.gate_sight import EVERYTHING, Sight
from policies.codes import Code
from policies.facts import Factor
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import ADA, FRONT, POLICY, House, bodies, running, until

GUARDED = POLICY.replace('badge = { 1 = "badge" }', 'badge = { 1 = "badge+guard" }')
HOLDER = HolderId("a" * 16)
LIVE, ENROLLED = b"\xff\xd8 live " + b"l" * 700_000, b"\xff\xd8 enrolled"
"""Nothing between a camera and the guard's browser decodes them; one is larger than a message."""

REASON = "seen through the window"


ROOT = Path(__file__).parents[2]


class StandIn:
    """A camera that always sees the same, for as long as it is well."""

    name = "gate"
    options = CameraOptions(driver="stand-in", portal="front")
    memory = -1

    def __init__(self) -> None:
        self.sees = True

    async def run(self, report: Callable[[CameraReported], None]) -> None:
        report(CameraReported(camera=self.name, at_ns=1, faults=(), about="well"))
        await asyncio.get_running_loop().create_future()

    async def picture(self, at_ns: int, within_s: float) -> Picture | None:
        if not self.sees:
            return None
        return Picture(camera=self.name, at_ns=at_ns, jpeg=LIVE, width=2, height=2)

    async def clip(self, from_ns: int, to_ns: int) -> tuple[Picture, ...]:
        return ()

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    house = House(tmp_path)
    (tmp_path / "policy.toml").write_text(GUARDED)
    return house


def scene(house: House, what: Callable[[Edge, StandIn], Awaitable[None]]) -> None:
    camera = StandIn()
    cameras: dict[str, Camera] = {camera.name: camera}

    async def portrait(_holder: HolderId) -> bytes | None:
        return ENROLLED

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            with patch.object(edge.desk.faces, "portrait", portrait):
                await what(edge, camera)

    with patch.object(app, "_cameras", lambda *_: cameras), patch.object(app, "_faces", no_faces):
        asyncio.run(run())


def no_faces(*_: object) -> None:
    return None


async def command(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, guard, words)


async def waiting(edge: Edge) -> ComparisonShown:
    """Ada stands at the front door, and a guard is asked whether it is her."""
    async with asyncio.timeout(20):
        while not (reply := await edge.desk.guards.listed(attends=True)).comparisons:
            await asyncio.sleep(0.01)
    (one,) = reply.comparisons
    return one


async def comes(edge: Edge, house: House) -> ComparisonShown:
    await edge.desk.guards.listed(attends=True)
    house.badge("front-in", ADA)
    return await waiting(edge)


def test_a_guard_sees_both_pictures_and_lets_her_in(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def what(edge: Edge, camera: StandIn) -> None:
        one = await comes(edge, house)
        assert (one.portal, one.person, one.name, one.roles) == ("front", "1", "Ada L", ("staff",))
        assert one.until_utc_us - one.since_utc_us == 60_000_000
        assert one.pictures == (Side.LIVE, Side.ENROLLED)
        listed = json.loads((await command("list", "--json")).output)
        assert [shown["question"] for shown in listed["comparisons"]] == [one.question]
        done = await command("show", one.question, "--into", "look")
        assert done.exit_code == 0, (done.output, done.exception)
        for name, content in (("live.jpg", LIVE), ("enrolled.jpg", ENROLLED)):
            assert Path("look", name).read_bytes() == content
        for file in Path("look").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        page = Path("look", "side-by-side.html").read_text()
        assert page.count("data:image/jpeg;base64,") == 2
        assert "Is this Ada L (1)?" in page
        assert "<script" not in page
        assert re.findall(r'(?:src|href)="(?!data:)', page) == []
        again = await command("show", one.question, "--into", "look")
        assert again.exit_code == 1
        assert "something already" in again.output
        assert not house.opened_at(FRONT)
        taken = await command("accept", one.question, "--reason", REASON)
        assert taken.exit_code == 0, (taken.output, taken.exception)
        assert "taken; passage granted" in taken.output
        await until(edge, ev.PortalGranted)
        async with asyncio.timeout(10):
            while not house.opened_at(FRONT):
                await asyncio.sleep(0.01)
        (answered,) = await bodies(edge, ev.FactorAnswered)
        assert isinstance(answered, ev.FactorAnswered)
        assert (answered.factor, answered.passed) == (Factor.GUARD, True)
        stored = await edge.daemon.writer.read(1, 10_000, 2**26)
        (entry,) = [record for record in stored if b'"factor-answered"' in record.entry]
        words = {personal.field: personal.value for personal in entry.personal}
        assert (words["reason"], bool(words["operator"])) == (REASON, True)
        assert REASON.encode() not in entry.entry
        late = await command("refuse", one.question, "--reason", REASON)
        assert late.exit_code == 1
        assert "it is over" in late.output
        await until(edge, ev.AnswerIgnored)
        shown = await command("show", one.question, "--into", "late")
        assert shown.exit_code == 1
        assert not Path("late").exists()

    with caplog.at_level("DEBUG"):
        scene(house, what)
    assert "llllll" not in caplog.text
    assert "enrolled'" not in caplog.text


def test_the_list_that_goes_on_attends_and_keeps_pictures_while_she_waits(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()

    async def what(edge: Edge, camera: StandIn) -> None:
        watcher = guard_watch.Watcher(house.config().state, folder)
        watching = asyncio.create_task(asyncio.to_thread(watcher.follow))
        post = edge.daemon.answering.guards
        async with asyncio.timeout(20):
            while not post.attended:
                await asyncio.sleep(0.01)
            house.badge("front-in", ADA)
            while not list(folder.glob("*/side-by-side.html")):
                await asyncio.sleep(0.01)
        (asked,) = post.waiting()
        assert [one.name for one in folder.iterdir()] == [asked.question]
        # Not by the command: its runner takes what other threads write, and the watcher does.
        refused = AnswerComparison(question=asked.question, accepted=False, reason=REASON)
        told = await edge.desk.guards.answer(refused, "gus", EVERYTHING)
        assert told.verdict is Verdict.REFUSED
        async with asyncio.timeout(20):
            while list(folder.iterdir()):
                await asyncio.sleep(0.01)
        edge.daemon.stop()
        with pytest.raises(ControlClientError):
            await watching

    with patch.object(guard_watch, "LOOK_S", 0.02):
        scene(house, what)
    said = capsys.readouterr().out
    assert said.count("\a") == 1
    assert "front, entry: is it Ada L (1)? staff" in said
    assert "side-by-side.html" in said


def test_a_terminal_that_is_closed_leaves_no_picture(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "temporary"
    kept.mkdir()
    monkeypatch.setenv("TMPDIR", str(kept))

    async def what(edge: Edge, camera: StandIn) -> None:
        words = ("-c", "from edge.commands.guard import guard; guard()", "watch")
        watching = await asyncio.create_subprocess_exec(
            sys.executable, *words, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        async with asyncio.timeout(30):
            while not edge.daemon.answering.guards.attended:
                await asyncio.sleep(0.01)
            house.badge("front-in", ADA)
            while not list(kept.glob("*/*/side-by-side.html")):
                await asyncio.sleep(0.01)
            watching.send_signal(signal.SIGHUP)
            await watching.wait()
        assert list(kept.iterdir()) == []

    scene(house, what)


def test_at_a_terminal_of_other_doors_nobody_answers(house: House) -> None:
    async def what(edge: Edge, camera: StandIn) -> None:
        one = await comes(edge, house)
        answer = AnswerComparison(question=one.question, accepted=True, reason=REASON)
        elsewhere = Sight(frozenset({"vault-door"}))
        told = await edge.desk.guards.answer(answer, "eva", elsewhere)
        assert (told.verdict, told.released) == (Verdict.NONE, False)
        assert "no comparison" in told.reason or "it is over" in told.reason
        assert edge.daemon.answering.guards.named(one.question) is not None
        here = await edge.desk.guards.answer(answer, "gus", Sight(frozenset({"front"})))
        assert here.verdict is Verdict.GRANTED

    scene(house, what)


def test_what_a_guard_refuses_opens_nothing(house: House) -> None:
    async def what(edge: Edge, camera: StandIn) -> None:
        one = await comes(edge, house)
        for reason in ("", "  ", "x" * 201):
            assert (await command("accept", one.question, "--reason", reason)).exit_code == 2
        done = await command("refuse", one.question, "--reason", "somebody else", "--json")
        told = json.loads(done.output)
        assert (done.exit_code, told["verdict"], told["released"]) == (0, "refused", False)
        (made,) = await until(edge, ev.DecisionMade)
        assert isinstance(made, ev.DecisionMade)
        assert not made.decision.granted
        assert told["reasons"][0][0] == made.decision.code
        assert not await bodies(edge, ev.PortalGranted)
        nobody = await command("accept", "none-such", "--reason", REASON)
        assert nobody.exit_code == 1
        assert "no comparison has this name" in nobody.output
        assert not house.opened_at(FRONT)

    scene(house, what)


def test_nobody_is_made_to_wait_for_a_guard_who_is_not_there(house: House) -> None:
    """A list that is printed once is nobody who attends; one who is gone is not, ten seconds on."""

    async def what(edge: Edge, camera: StandIn) -> None:
        assert (await command("list")).exit_code == 0
        house.badge("front-in", ADA)
        await until(edge, ev.DecisionMade)
        post = edge.daemon.answering.guards
        await edge.desk.guards.listed(attends=True)
        assert post.attended
        gone_s = asyncio.get_running_loop().time() + guard_post.ATTENDED_S + 0.1
        with patch.object(post, "_now_s", lambda: gone_s):
            house.badge("front-in", ADA)
            made = await until(edge, ev.DecisionMade, 2)
        for one in made:
            assert isinstance(one, ev.DecisionMade)
            assert one.decision.code is Code.FACTORS_MISSING
        assert not await bodies(edge, ev.FactorAsked)

    scene(house, what)


def test_a_camera_that_cannot_be_relied_on_shows_a_guard_nothing(house: House) -> None:
    async def what(edge: Edge, camera: StandIn) -> None:
        one = await comes(edge, house)
        camera.sees = False
        done = await command("show", one.question, "--into", "look")
        assert done.exit_code == 0, (done.output, done.exception)
        assert "no live picture: camera 'gate' gives no picture" in done.output
        assert {file.name for file in Path("look").iterdir()} == {
            "enrolled.jpg",
            "side-by-side.html",
        }
        camera.sees = True
        frozen = CameraReported(
            camera="gate", at_ns=2, faults=(CameraFault.FROZEN,), about="frozen"
        )
        edge.daemon.answering.watch.heard(frozen)
        again = await command("show", one.question, "--into", "again")
        assert "no live picture: no camera that can be relied on looks there" in again.output
        assert (await edge.desk.guards.listed(attends=True)).comparisons[0].pictures == (
            "enrolled",
        )

    scene(house, what)


def test_without_a_journal_no_answer_is_taken(house: House) -> None:
    async def what(edge: Edge, camera: StandIn) -> None:
        one = await comes(edge, house)
        free, stalled = await without_a_journal(edge)
        try:
            done = await command("accept", one.question, "--reason", REASON)
        finally:
            free.set()
            await stalled
        assert done.exit_code == 1
        assert "it would not be on record" in done.output
        assert not await bodies(edge, ev.FactorAnswered)
        assert not house.opened_at(FRONT)

    scene(house, what)


def test_a_stranger_to_the_socket_neither_sees_nor_answers(house: House) -> None:
    async def what(edge: Edge, camera: StandIn) -> None:
        one = await comes(edge, house)
        with (
            patch("edge.control.conversation.may_speak", lambda *_: False),
            pytest.raises(RefusedError, match="may not speak to this daemon"),
        ):
            await asyncio.to_thread(GuardClient, house.config().state)
        assert (await waiting(edge)).question == one.question

    scene(house, what)
