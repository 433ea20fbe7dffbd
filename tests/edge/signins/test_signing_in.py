"""People sign in at a whole running edge, over its pages' socket."""

import asyncio
import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from controller.alarms import alarm
from controller.events import decode_entry
from controller.events_signins import (
    How,
    SessionBegan,
    SessionEnd,
    SessionEnded,
    SignInChange,
    SignInChanged,
    SignInRefused,
)
from edge.assembly import Edge
from edge.commands.signin import signin
from edge.control.message import Message
from edge.control.messages import Refusal, Status, StatusReply
from edge.control.messages_erase import ErasePerson
from edge.control.messages_gate import FollowGate
from edge.control.messages_orders import ListOrders
from edge.control.messages_pages import (
    AddPasskey,
    AskNewPasskey,
    AskPasskey,
    ConfirmInvitation,
    InvitationTaken,
    LockSession,
    PasskeyAsked,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInByPin,
    SignOut,
    TakeInvitation,
    UnlockSession,
    UseSession,
)
from edge.control.messages_pages import SignInChanged as Changed
from edge.signins.first import FILE
from edge.signins.sessions import IDLE_US, LASTS_US
from edge.signins.store import SignInStore
from edge.web.daemon import DaemonRefusedError
from policies.rights import Right
from tests.edge.house import bodies, running
from tests.edge.signins.gatehouse import (
    CHIEF,
    GUARD,
    PASSWORD,
    PIN,
    Gatehouse,
    authenticator,
)
from tests.edge.signins.soft_key import SoftKey

REPLAYED = "password and code, once more"


async def first_code(house: Gatehouse) -> str:
    path = house.folder / "state" / FILE
    async with asyncio.timeout(30):
        while not path.exists():
            await asyncio.sleep(0.01)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


async def asked(house: Gatehouse, *words: str) -> tuple[int, str]:
    """A command at the running edge."""
    args = [*words, "--state", str(house.folder / "state")]
    done = await asyncio.to_thread(CliRunner().invoke, signin, args)
    return done.exit_code, done.output


async def link_of(house: Gatehouse, person: str) -> str:
    status, said = await asked(house, "link", person)
    assert status == 0, said
    return said.strip()


async def refused_with(house: Gatehouse, token: str, request: object) -> Refusal | None:
    """What the daemon says no with, asked on this session; None where it answers."""
    async with house.page() as page:
        try:
            await page.ask(UseSession(token=token), SignedIn)
            async for _ in page.follow(request):  # type: ignore[arg-type]
                return None
        except DaemonRefusedError as error:
            return error.refused.code
    raise AssertionError("no answer")


def test_a_guard_signs_in_by_badge_and_pin_at_his_own_screen(tmp_path: Path) -> None:
    asyncio.run(_by_badge(Gatehouse(tmp_path)))


async def _by_badge(house: Gatehouse) -> None:
    async with house.line(), running(house) as edge:
        typed = SignInByPin(terminal=await house.screen("lodge"), pin=PIN)
        async with house.page() as page:
            early = await page.ask(typed, SignedIn)
            assert early.session is None
            wrong = await house.typed(page, "0000")
            assert (wrong.token, wrong.session) == ("", None)
            done = await house.typed(page, PIN)
            assert done.session is not None, done.reason
            assert (done.session.person, done.session.how) == ("gil", How.BADGE_PIN)
            assert done.session.rights == (Right.GATE,)
            assert done.session.portals == ("front",)
            again = await page.ask(typed, SignedIn)
            assert again.session is None, "a badge signs in once"
        async with house.page() as page:
            used = await page.ask(UseSession(token=done.token), SignedIn)
            assert used.session is not None
            assert used.token == ""
            await page.ask(Status(), StatusReply)
        (began,) = await bodies(edge, SessionBegan)
        assert (began.holder, began.terminal, len(began.note) > 0) == (GUARD, "lodge", True)
        (refused,) = await bodies(edge, SignInRefused)
        assert (refused.holder, refused.tries) == (GUARD, 1)
        journal = b"".join(s.entry for s in await edge.daemon.writer.read(1, 1000, 10**7))
        assert done.token.encode() not in journal
        assert b"decision-made" not in journal, "no door has heard of the badge"


def test_the_first_administrator_comes_in_by_a_code_that_counts_once(tmp_path: Path) -> None:
    asyncio.run(_first(Gatehouse(tmp_path)))


async def _first(house: Gatehouse) -> None:
    async with running(house) as edge:
        code = await first_code(house)
        async with house.page() as page:
            for wrong in (
                TakeInvitation(code="0000-0000-0000-0000", person="dora", password=PASSWORD),
                TakeInvitation(code=code, person="dora", password="short", name="Dora"),
                TakeInvitation(code=code, person="dora", password=PASSWORD),
                TakeInvitation(code=code, person="gil", password=PASSWORD),
            ):
                taken = await page.ask(wrong, InvitationTaken)
                assert taken.totp_uri == "", wrong
                assert taken.remedy, wrong
        async with house.page() as page:
            take = TakeInvitation(code=code, person="dora", password=PASSWORD, name="Dora Abel")
            taken = await page.ask(take, InvitationTaken)
            unproven = ConfirmInvitation(code=code, totp="000000")
            assert (await page.ask(unproven, SignedIn)).session is None
            assert edge.daemon.people.roll.named("dora") is None, "nothing counts before the proof"
            totp = authenticator(taken.totp_uri)
            proven = ConfirmInvitation(code=code, totp=totp.now())
            done = await page.ask(proven, SignedIn)
            assert done.session is not None, done.reason
            assert (done.session.rights, done.session.how) == ((Right.PEOPLE,), How.INVITATION)
            assert (await page.ask(proven, SignedIn)).session is None
        assert not (house.folder / "state" / FILE).exists()
        changes = [one.change for one in await bodies(edge, SignInChanged)]
        assert changes == [SignInChange.PASSWORD_SET]
        said = await asked(house, "list", "--json")
        (dora,) = [one for one in json.loads(said[1])["people"] if one["person"] == "dora"]
        assert dora["has_password"]
    async with running(house):
        assert not (house.folder / "state" / FILE).exists(), "there is an administrator"


def test_password_and_code_sign_in_and_a_code_counts_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = Gatehouse(tmp_path)
    asyncio.run(_by_password(house))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    for secret in (PASSWORD, *SEEN_SECRETS):
        assert secret.encode() not in kept
        assert secret not in caplog.text


SEEN_SECRETS: list[str] = []
"""Tokens, codes and authenticators' secrets of the test before."""


async def _by_password(house: Gatehouse) -> None:
    SEEN_SECRETS.clear()
    async with running(house) as edge:
        status, said = await asked(house, "invite", "cleo")
        assert status == 0
        code = said.strip()
        done, totp = await house.invited(code, "cleo")
        assert done.session is not None, done.reason
        SEEN_SECRETS.extend((code, done.token, totp.secret))
        used = edge.daemon.now().utc_s // 30
        async with house.page() as page:
            same = SignInByPassword(person="cleo", password=PASSWORD, code=totp.generate_otp(used))
            assert (await page.ask(same, SignedIn)).session is None, REPLAYED
            following = totp.generate_otp(used + 1)
            right = SignInByPassword(person="cleo", password=PASSWORD, code=following)
            wrong = SignInByPassword(person="cleo", password=f"{PASSWORD}!", code=following)
            unknown = SignInByPassword(person="nobody", password=PASSWORD, code=following)
            refusals = [await page.ask(one, SignedIn) for one in (wrong, unknown)]
            assert refusals[0] == refusals[1], "whether there is somebody is told to nobody"
            assert await at_once(house, right) == 1
            assert (await page.ask(right, SignedIn)).session is None, REPLAYED
        signed, session = await house.by_link(await link_of(house, "cleo"))
        assert session.rights == (Right.CONSOLE,)
        (first, second, _) = await bodies(edge, SessionBegan)
        assert (first.how, second.how) == (How.INVITATION, How.PASSWORD)
    async with running(house), house.page() as page:
        assert (await page.ask(right, SignedIn)).session is None, f"{REPLAYED}, after a restart"
        again = await page.ask(UseSession(token=signed), SignedIn)
        assert again.session is not None, "a session survives a restart"
        status, said = await asked(house, "remove", "cleo")
        assert status == 0, said
        assert (await page.ask(UseSession(token=signed), SignedIn)).session is None


def test_a_session_is_locked_ended_and_checked_at_every_request(tmp_path: Path) -> None:
    asyncio.run(_sessions(Gatehouse(tmp_path)))


async def _sessions(house: Gatehouse) -> None:
    async with running(house) as edge:
        token, session = await house.by_link(await link_of(house, "gil"))
        assert session.rights == (Right.GATE,)
        assert await refused_with(house, token, ListOrders()) is None
        async with house.page() as page:
            await page.sign(token)
            assert (await page.ask(LockSession(), SignedIn)).session.locked  # type: ignore[union-attr]
        assert await refused_with(house, token, ListOrders()) is Refusal.LOCKED
        assert await refused_with(house, token, Status()) is None
        assert await refused_with(house, token, FollowGate()) is None, "doors go on being shown"
        async with house.page() as page:
            await page.sign(token)
            wrong = await page.ask(UnlockSession(pin="1111"), SignedIn)
            assert wrong.session is None
            right = await page.ask(UnlockSession(pin=PIN), SignedIn)
            assert right.session is not None
            assert not right.session.locked
        await _ends_with_its_right(house, edge, token)
        other, _ = await house.by_link(await link_of(house, "cleo"))
        async with house.page() as page:
            await page.sign(other)
            assert (await page.ask(SignOut(), Changed)).done
        assert await refused_with(house, other, Status()) is Refusal.NO_SESSION
        ended = await bodies(edge, SessionEnded)
        assert [one.why for one in ended] == [SessionEnd.NO_RIGHT, SessionEnd.SIGNED_OUT]


async def _ends_with_its_right(house: Gatehouse, edge: Edge, token: str) -> None:
    """Who is suspended is out at his next request, and his streams end by themselves."""
    table = b"id,name,roles,status\ngil,Gil Moreau,guard,suspended\n"
    async with house.page() as page:
        await page.sign(token)
        told = page.follow(FollowGate())
        await anext(told)
        done = await edge.desk.import_people(table, "test", False)
        assert done.applied, done.problems
        async with asyncio.timeout(30):
            with pytest.raises(DaemonRefusedError) as over:
                async for _ in told:
                    pass
    assert over.value.refused.code is Refusal.NO_SESSION
    assert await refused_with(house, token, Status()) is Refusal.NO_SESSION


def test_nobody_guesses_for_long_and_the_fifth_try_is_an_alarm(tmp_path: Path) -> None:
    asyncio.run(_guessing(Gatehouse(tmp_path)))


async def _guessing(house: Gatehouse) -> None:
    async with running(house) as edge:
        done, totp = await house.invited((await asked(house, "invite", "cleo"))[1], "cleo")
        assert done.session is not None
        at = edge.daemon.now().utc_s // 30
        async with house.page() as page:
            guess = SignInByPassword(person="cleo", password="wrong horse battery", code="1")
            answers = [await page.ask(guess, SignedIn) for _ in range(6)]
            assert [one.wait_s > 0 for one in answers] == [False] * 4 + [True] * 2
            right = SignInByPassword(
                person="cleo", password=PASSWORD, code=totp.generate_otp(at + 1)
            )
            shut = await page.ask(right, SignedIn)
            assert shut.session is None, "in the pause nothing is looked at"
            token, _ = await house.by_link(await link_of(house, "cleo"))
            assert token, "another way in is not shut"
        refused = await bodies(edge, SignInRefused)
        assert [one.tries for one in refused] == [1, 2, 3, 4, 5], "who waits, is not on record"
        stored = await edge.daemon.writer.read(1, 999, 10**7)
        raised = [alarm(decode_entry(one.entry)) for one in stored]
        titles = [one.title for one in raised if one is not None]
        assert titles.count("Somebody tries to sign in") == 1


def test_a_passkey_signs_in_and_each_answer_counts_once(tmp_path: Path) -> None:
    asyncio.run(_passkeys(Gatehouse(tmp_path)))


async def _passkeys(house: Gatehouse) -> None:
    key, other = SoftKey("sentrypost.house"), SoftKey("sentrypost.house")
    async with running(house) as edge:
        token, _ = await house.by_link(await link_of(house, "cleo"))
        async with house.page() as page:
            await page.sign(token)
            options = (await page.ask(AskNewPasskey(), PasskeyAsked)).options
            for spoiled in (
                key.made(options, verified=False),
                key.made(options, origin="https://sentrypost.house.example"),
            ):
                no = await page.ask(AddPasskey(response=spoiled, label="key"), Changed)
                assert not no.done
                options = (await page.ask(AskNewPasskey(), PasskeyAsked)).options
            made = AddPasskey(response=key.made(options), label="blue key")
            done = await page.ask(made, Changed)
            assert done.done, done.reason
            assert not (await page.ask(made, Changed)).done
        async with house.page() as page:
            for refused in (
                lambda text: other.signed(text, GUARD),
                lambda text: key.signed(text, GUARD),
                lambda text: key.signed(text, CHIEF, verified=False),
                lambda text: key.signed(text, CHIEF, origin="http://sentrypost.house"),
                lambda text: key.signed(text, CHIEF, count=1),
                lambda _: "{}",
            ):
                options = (await page.ask(AskPasskey(), PasskeyAsked)).options
                asked_for = SignInByPasskey(response=refused(options))
                assert (await page.ask(asked_for, SignedIn)).session is None
            options = (await page.ask(AskPasskey(), PasskeyAsked)).options
            right = SignInByPasskey(response=key.signed(options, CHIEF))
            signed = await page.ask(right, SignedIn)
            assert signed.session is not None, signed.reason
            assert (signed.session.person, signed.session.how) == ("cleo", How.PASSKEY)
            assert (await page.ask(right, SignedIn)).session is None, "a challenge counts once"
        changed = await bodies(edge, SignInChanged)
        (added,) = [one for one in changed if one.change is not SignInChange.LINK_MADE]
        assert (added.holder, added.change) == (CHIEF, SignInChange.PASSKEY_ADDED)
        listed = (await asked(house, "list"))[1]
        assert re.search(r"cleo +[0-9a-f]{16} +blue key", listed), listed


def test_times_of_sessions(tmp_path: Path) -> None:
    """By the clock of the edge, which is turned on here: a shift and a quarter of an hour."""
    asyncio.run(_times(Gatehouse(tmp_path)))


async def _times(house: Gatehouse) -> None:
    async with running(house) as edge:
        token, _ = await house.by_link(await link_of(house, "gil"))
        clock = edge.daemon._clock
        ahead_us = 0

        class Later:
            def moment(self):
                now = clock.moment()
                mono_us, utc_us = now.mono_us + ahead_us, now.utc_us + ahead_us
                return replace(now, mono_us=mono_us, utc_us=utc_us)

            trusted, stepped_ms = clock.trusted, clock.stepped_ms

        edge.daemon._clock = Later()  # type: ignore[assignment]
        ahead_us = IDLE_US - 60_000_000
        assert await refused_with(house, token, ListOrders()) is None
        ahead_us += IDLE_US - 60_000_000
        assert await refused_with(house, token, ListOrders()) is None, "somebody was there"
        ahead_us += IDLE_US
        async with house.page() as page:
            used = await page.ask(UseSession(token=token, background=True), SignedIn)
            assert used.session is not None
            assert used.session.locked
        assert await refused_with(house, token, ListOrders()) is Refusal.LOCKED
        ahead_us = LASTS_US
        assert await refused_with(house, token, Status()) is Refusal.NO_SESSION
        (ended,) = await bodies(edge, SessionEnded)
        assert ended.why is SessionEnd.TIME_OVER


async def at_once(house: Gatehouse, asked_for: Message) -> int:
    """How many sessions come of the same asked by two at the same moment."""
    async with house.page() as one, house.page() as other:
        done = await asyncio.gather(*(page.ask(asked_for, SignedIn) for page in (one, other)))
    return sum(one.session is not None for one in done)


def test_who_is_erased_signs_in_by_nothing_any_more(tmp_path: Path) -> None:
    asyncio.run(_erased(Gatehouse(tmp_path)))


async def _erased(house: Gatehouse) -> None:
    async with running(house) as edge:
        done, _ = await house.invited((await asked(house, "invite", "cleo"))[1], "cleo")
        erase = ErasePerson(
            person="cleo", reason="left the service", even_inside=False, dry_run=False
        )
        erased = await edge.desk.erase_person(erase, "test")
        assert erased.erased, erased.reason
        assert await refused_with(house, done.token, Status()) is Refusal.NO_SESSION
    with SignInStore.open(house.folder / "state") as store:
        assert store.kept().passwords == ()


def test_a_link_is_made_by_the_account_of_the_daemon_and_counts_once(tmp_path: Path) -> None:
    asyncio.run(_links(Gatehouse(tmp_path)))


async def _links(house: Gatehouse) -> None:
    async with running(house):
        assert (await asked(house, "link", "nobody"))[0] != 0
        code = await link_of(house, "cleo")
        await house.by_link(code.lower().replace("-", " "))
        async with house.page() as page:
            assert (await page.ask(SignInByLink(code=code), SignedIn)).session is None
        twice = SignInByLink(code=await link_of(house, "cleo"))
        assert await at_once(house, twice) == 1
