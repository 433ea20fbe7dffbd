"""A browser is a terminal because somebody with the right has made it one, and by nothing else."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.events_signins import (
    How,
    SessionEnded,
    SignInRefused,
    TerminalChange,
    TerminalChanged,
)
from edge.commands.signin import signin
from edge.control.messages import Refusal, Status, StatusReply
from edge.control.messages_pages import (
    BadgeAwaited,
    BecomeTerminal,
    CodeMade,
    MakeTerminalCode,
    RemoveTerminal,
    SignedIn,
    SignInByPassword,
    SignInByPin,
    SignInChanged,
    TerminalTaken,
    UseSession,
    WaitsForBadge,
)
from edge.signins.codes import LINKED_US
from edge.web.daemon import DaemonRefusedError
from tests.edge.house import bodies, running
from tests.edge.signins.gatehouse import PIN, Gatehouse


async def waits(house: Gatehouse, token: str) -> BadgeAwaited:
    async with house.page() as page:
        return await page.ask(WaitsForBadge(terminal=token), BadgeAwaited)


async def stands(house: Gatehouse, token: str) -> bool:
    async with house.page() as page:
        return (await page.ask(UseSession(token=token), SignedIn)).session is not None


def command(house: Gatehouse, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(signin, [*words, "--state", str(house.folder / "state")])
    return done.exit_code, done.output


@pytest.mark.parametrize("claim", ["lodge", "", "x" * 43, "A" * 64])
def test_a_browser_that_says_it_is_a_terminal_is_none(tmp_path: Path, claim: str) -> None:
    """While the guard's badge lies at the lodge's reader: neither is it offered to somebody else,
    nor does a PIN that he has learnt sign in elsewhere, nor do his tries keep the guard out.
    """
    asyncio.run(_claimed(Gatehouse(tmp_path), claim))


async def _claimed(house: Gatehouse, claim: str) -> None:
    async with house.line(), running(house) as edge:
        async with house.page() as page:
            await house.hold_badge(page)
            told = await waits(house, claim)
            assert (told.seen, told.terminal, told.reader) == (False, "", False)
            done = await page.ask(SignInByPin(terminal=claim, pin=PIN), SignedIn)
            assert done.session is None
            for _ in range(7):
                guess = SignInByPassword(person="x", password="y", code="1", terminal=claim)
                await page.ask(guess, SignedIn)
            wait_s = 0.0
            while not wait_s:  # until nobody's try elsewhere is looked at any more
                guess_code = BecomeTerminal(code="ABCD-EFGH")
                wait_s = (await page.ask(guess_code, TerminalTaken)).wait_s
            assert (await house.typed(page, PIN)).session is not None, "the terminal is not shut"
        refused = await bodies(edge, SignInRefused)
        assert {one.terminal for one in refused} == {""}


def test_a_code_makes_one_browser_the_terminal_and_the_one_before_is_none(tmp_path: Path) -> None:
    asyncio.run(_becomes(Gatehouse(tmp_path)))


async def _becomes(house: Gatehouse) -> None:
    async with house.line(), running(house) as edge:
        first = await house.screen("lodge")
        told = await waits(house, first)
        assert (told.terminal, told.reader) == ("lodge", True)
        session, _ = await house.by_badge()
        office = await house.screen("office")
        assert (await waits(house, office)).terminal == "office"
        assert not (await waits(house, office)).reader
        code = await asyncio.to_thread(house.terminal_code, "lodge")
        assert await stands(house, session), "a code that nobody uses changes nothing"
        async with house.page() as page:
            taken = await page.ask(BecomeTerminal(code=code), TerminalTaken)
            again = await page.ask(BecomeTerminal(code=code), TerminalTaken)
        assert (taken.terminal, len(taken.token)) == ("lodge", 43)
        assert (again.token, again.terminal) == ("", ""), "a code counts once"
        assert taken.token not in repr(taken)
        assert (await waits(house, taken.token)).terminal == "lodge"
        assert (await waits(house, first)).terminal == "", "a terminal is one browser"
        assert not await stands(house, session), "who was signed in at the other is signed out"
        assert (await waits(house, office)).terminal == "office"
        changes = [(one.terminal, one.change) for one in await bodies(edge, TerminalChanged)]
        assert changes == [
            (name, change)
            for name in ("lodge", "office", "lodge")
            for change in (TerminalChange.CODE_MADE, TerminalChange.TAKEN)
        ]
    kept = b"".join(one.read_bytes() for one in (house.folder / "state").rglob("*.db*"))
    for secret in (first, taken.token, code):
        assert secret.encode() not in kept
    async with house.line(), running(house):
        assert (await waits(house, taken.token)).terminal == "lodge", "and after a restart"
        assert (await waits(house, first)).terminal == ""


def test_a_terminal_is_shown_and_taken_away(tmp_path: Path) -> None:
    asyncio.run(_taken_away(Gatehouse(tmp_path)))


async def _taken_away(house: Gatehouse) -> None:
    async with house.line(), running(house) as edge:
        screen = await house.screen("lodge")
        session, shown = await house.by_badge()
        assert shown.terminal == "lodge"
        _, said = await asyncio.to_thread(command, house, "list", "--json")
        lodge, office = json.loads(said)["terminals"]
        assert (lodge["terminal"], lodge["portals"], lodge["reader"]) == ("lodge", ["front"], True)
        assert lodge["since_utc_us"] > 0
        assert (office["terminal"], office["since_utc_us"]) == ("office", 0)
        waiting = await asyncio.to_thread(house.terminal_code, "lodge")
        status, said = await asyncio.to_thread(command, house, "terminal", "lodge", "--end")
        assert status == 0, said
        assert not await stands(house, session)
        assert (await waits(house, screen)).terminal == ""
        async with house.page() as page:
            late = await page.ask(BecomeTerminal(code=waiting), TerminalTaken)
        assert late.token == "", "a code that waited is taken away as well"
        status, said = await asyncio.to_thread(command, house, "terminal", "lodge", "--end")
        assert (status, "no browser is this terminal" in said) == (1, True)
        status, said = await asyncio.to_thread(command, house, "terminal", "gate-9")
        assert (status, "no such terminal" in said) == (1, True)
        status, said = await asyncio.to_thread(command, house, "list")
        assert (status, "lodge" in said, "no browser is it" in said) == (0, True, True)
        (ended,) = await bodies(edge, SessionEnded)
        assert ended.operator is not None


def test_who_may_make_a_terminal_and_wrong_codes_are_counted(tmp_path: Path) -> None:
    asyncio.run(_made(Gatehouse(tmp_path)))


async def _made(house: Gatehouse) -> None:
    async with running(house) as edge:
        asked = (MakeTerminalCode(terminal="lodge"), RemoveTerminal(terminal="lodge"))
        for person in ("gil", "cleo"):
            token = await house.session(edge, person)
            for one in asked:
                async with house.page() as page:
                    await page.sign(token)
                    with pytest.raises(DaemonRefusedError) as refused:
                        await page.ask(one, CodeMade)
                assert refused.value.refused.code is Refusal.NO_RIGHT
        token = await house.session(edge, "dora")
        async with house.page() as page:
            await page.sign(token)
            made = await page.ask(asked[0], CodeMade)
            assert made.code
            assert (await page.ask(asked[1], SignInChanged)).done
        async with house.page() as page:
            for _ in range(150):
                wrong = await page.ask(BecomeTerminal(code="ABCD-EFGH"), TerminalTaken)
                assert wrong.token == ""
            assert wrong.wait_s > 0, "nobody tries for long"
            code = await asyncio.to_thread(house.terminal_code, "lodge")
            right = await page.ask(BecomeTerminal(code=code), TerminalTaken)
            assert right.token, "and nobody is kept out by it"
        refused = [one.how for one in await bodies(edge, SignInRefused)]
        assert set(refused) == {How.TERMINAL}
        assert len(refused) < 100, "what comes in a pause is not on record"


def test_a_code_is_used_at_once_or_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.signins.terminals.LINKED_US", 0)
    assert LINKED_US > 0
    asyncio.run(_late(Gatehouse(tmp_path)))


async def _late(house: Gatehouse) -> None:
    async with running(house):
        assert (await house.become("lodge")).token == ""


def test_a_session_ends_with_its_terminal_in_the_site_file(tmp_path: Path) -> None:
    """Without it the session would be bound to no portals, and work all of them."""
    house = Gatehouse(tmp_path)
    token = asyncio.run(_session_at_the_lodge(house))
    site = tmp_path / "site.toml"
    said = site.read_text()
    site.write_text(said.replace("[terminal.lodge]", "[terminal.other]"))
    assert asyncio.run(_after(house, token)) is False
    site.write_text(said)
    assert asyncio.run(_after(house, token)) is False, "and is over for good"


async def _session_at_the_lodge(house: Gatehouse) -> str:
    async with running(house) as edge:
        token = await house.session(edge, "gil", terminal="lodge")
        async with house.page() as page:
            assert (await page.sign(token)).portals == ("front",)
            await page.ask(Status(), StatusReply)
        return token


async def _after(house: Gatehouse, token: str) -> bool:
    async with running(house):
        return await stands(house, token)


def test_what_a_backup_brings_back_is_no_terminal(tmp_path: Path) -> None:
    """The token is bound to the journal's incarnation, as a session's is."""
    from edge.signins.codes import screen_hash, token_hash

    assert screen_hash("t", "1") != screen_hash("t", "2")
    assert screen_hash("t", "1") != token_hash("t", "1"), "a session's token makes no terminal"
