"""Central's operators: who they are, how they sign in, and that nobody changes unseen what they
did.
"""

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner, Result

from central.commands_operator import NOT_SOUND
from central.commands_operator import operator as commands
from central.control import CentralServer
from central.control_desk import CentralDesk
from central.distributor import Distributor
from central.operator_desk import answer
from central.operator_messages import (
    OperatorChanged,
    OperatorLog,
    OperatorsReply,
    PutOperator,
    ReadOperatorLog,
    ReadOperators,
    RemoveOperator,
)
from central.operator_record import FOLDER, OperatorRecord
from central.operator_signins import KEY_FILE, NoWallError, signing_in
from central.operator_store import FILE, OperatorsError, OperatorStore
from central.operator_words import OperatorRight
from central.operators import NoOperatorError
from central.order_desk import OrderDesk
from central.orders import Orders
from central.sets import SetStore
from controller.ids import HolderId
from edge.control import peer
from edge.control.messages import Refusal
from edge.control.messages_pages import (
    AddPasskey,
    AskNewPasskey,
    AskPasskey,
    CodeMade,
    ConfirmInvitation,
    InvitationTaken,
    Invite,
    LockSession,
    MakeLink,
    PasskeyAsked,
    ReadSignIns,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInChanged,
    SignInsReply,
    TakeInvitation,
    UnlockSession,
    UseSession,
)
from edge.control.place import SOCKET
from edge.journal import JournalFailed, JournalWriter, Record
from edge.signins.first import FILE as FIRST_CODE
from edge.signins.store import FILE as SIGN_INS
from edge.web.daemon import DaemonRefusedError
from tests.central.walled import Behind, Served, served_wall, wall
from tests.edge.signins.gatehouse import authenticator
from tests.edge.signins.soft_key import SoftKey

PASSWORD = "a wall by the river"
EVERYTHING = tuple(OperatorRight)


async def invited(
    folder: Path, code: str, person: str, name: str = ""
) -> tuple[SignedIn, pyotp.TOTP]:
    """Take an invitation to its end."""
    async with wall(folder) as page:
        take = TakeInvitation(code=code, person=person, password=PASSWORD, name=name)
        taken = await page.ask(take, InvitationTaken)
        assert taken.totp_uri, taken.reason
        assert "Sentrypost%20central" in taken.totp_uri
        totp = authenticator(taken.totp_uri)
        confirm = ConfirmInvitation(code=code, totp=totp.now())
        return await page.ask(confirm, SignedIn), totp


def test_the_first_start_makes_the_first_operator_by_a_code_that_counts_once(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with served_wall(tmp_path):
            file = tmp_path / FIRST_CODE
            async with asyncio.timeout(30):
                while not file.exists():
                    await asyncio.sleep(0.02)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            code = file.read_text().strip()
            async with wall(tmp_path) as page:
                bad = TakeInvitation(code=code, person="No Id", password=PASSWORD, name="Ida")
                taken = await page.ask(bad, InvitationTaken)
                totp = authenticator(taken.totp_uri)
                done = await page.ask(ConfirmInvitation(code=code, totp=totp.now()), SignedIn)
                assert done.session is None
                assert "an id has 1 to 64" in done.reason
            done, _ = await invited(tmp_path, code, "ida", "Ida First")
            assert done.session is not None, done.reason
            assert set(done.session.rights) == set(OperatorRight)
            assert (done.session.site, done.session.name) == ("central", "Ida First")
            assert not file.exists()
            async with wall(tmp_path) as page:
                again = TakeInvitation(code=code, person="eve", password=PASSWORD, name="Eve")
                assert not (await page.ask(again, InvitationTaken)).totp_uri
        async with served_wall(tmp_path) as at:
            assert not (tmp_path / FIRST_CODE).exists(), "there is somebody who may"
            assert [one.external_id for one in at.operators.all()] == ["ida"]

    asyncio.run(run())


def test_password_and_code_passkey_and_lock_are_those_of_the_edges_pages(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            chief = await at.signed_in("chief", OperatorRight.OPERATORS)
            await at.operators.add("olga", "Olga Ortiz", (OperatorRight.WATCH,), "test")
            async with wall(tmp_path, chief) as page:
                made = await page.ask(Invite(person="olga"), CodeMade)
                nobody = await page.ask(Invite(person="nobody"), CodeMade)
                assert (nobody.code, "operator list" in nobody.remedy) == ("", True)
            done, totp = await invited(tmp_path, made.code, "olga")
            assert done.session is not None, done.reason
            key = SoftKey("localhost")
            async with wall(tmp_path, done.token) as page:
                options = (await page.ask(AskNewPasskey(), PasskeyAsked)).options
                response = key.made(options, origin="http://localhost:8700")
                added = AddPasskey(response=response, label="blue key")
                assert (await page.ask(added, SignInChanged)).done
                locked = await page.ask(LockSession(), SignedIn)
                assert locked.session is not None
                assert locked.session.locked
                unlocked = await page.ask(UnlockSession(pin="1234"), SignedIn)
                assert unlocked.session is None, "operators have no PIN"
                unlocked = await page.ask(UnlockSession(password=PASSWORD), SignedIn)
                assert unlocked.session is not None
                assert not unlocked.session.locked
            holder = at.operators.called("olga")
            assert holder is not None
            async with wall(tmp_path) as page:
                options = (await page.ask(AskPasskey(), PasskeyAsked)).options
                signed = key.signed(options, holder.id, origin="http://localhost:8700")
                by_key = await page.ask(SignInByPasskey(response=signed), SignedIn)
                assert by_key.session is not None, by_key.reason
                used = SignInByPassword(person="olga", password=PASSWORD, code=totp.now())
                twice = await page.ask(used, SignedIn)
                assert twice.session is None, "the code has counted at the invitation"
                wrong = SignInByPassword(person="olga", password="x" * 12, code="000000")
                refused = await page.ask(wrong, SignedIn)
                assert refused.session is None
                assert refused.reason == twice.reason, "nothing tells what was wrong"
            async with wall(tmp_path, chief) as page:
                listed = await page.ask(ReadSignIns(), SignInsReply)
            means = {one.person: one for one in listed.people}
            assert (means["olga"].has_password, len(means["olga"].passkeys)) == (True, 1)
            log = await logged(at)
            for text in (
                "olga has set a password",
                "olga has added a passkey",
                "olga signed in by a passkey",
                "olga could not sign in by password and one-time code, try 2",
                "olga is invited to set a password, by chief",
            ):
                assert any(text in line for line in log), text

    asyncio.run(run())


async def logged(at: Served) -> list[str]:
    await at.operators.recorded()
    log = await answer(at.desk, ReadOperatorLog(), "test")
    assert isinstance(log, OperatorLog)
    return [line.text for line in log.lines]


def test_operators_are_changed_by_whoever_may_and_the_last_of_those_stays(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            chief = await at.signed_in("chief", OperatorRight.OPERATORS)
            olga = await at.signed_in("olga", OperatorRight.WATCH)
            async with wall(tmp_path, chief) as page:

                async def put(name: str, *rights: OperatorRight, new: bool) -> OperatorChanged:
                    change = PutOperator(operator=name, name="Somebody", rights=rights, new=new)
                    return await page.ask(change, OperatorChanged)

                assert (await put("otto", OperatorRight.WATCH, new=True)).done
                for done in (
                    await put("otto", new=True),
                    await put("nobody", new=False),
                    await put("chief", OperatorRight.WATCH, new=False),
                    await page.ask(RemoveOperator(operator="chief"), OperatorChanged),
                    await page.ask(RemoveOperator(operator="nobody"), OperatorChanged),
                ):
                    assert not done.done
                    assert done.reason
                    assert done.remedy
                reply = await page.ask(ReadOperators(), OperatorsReply)
                assert {one.operator: one.removable for one in reply.operators} == {
                    "chief": False, "olga": True, "otto": True,
                }  # fmt: skip
                assert (await put("otto", *EVERYTHING, new=False)).done
                assert (await page.ask(Invite(person="olga"), CodeMade)).code
                one = at.operators.called("olga")
                assert one is not None
                kept = at.desk._parts.book
                assert kept.of(HolderId(one.id))
                gone = await page.ask(RemoveOperator(operator="olga"), OperatorChanged)
                assert gone.done
                assert kept.of(HolderId(one.id)) == (), "and at once"
                assert (await page.ask(RemoveOperator(operator="chief"), OperatorChanged)).done
            for token in (olga, chief):
                async with wall(tmp_path) as page:
                    used = await page.ask(UseSession(token=token), SignedIn)
                    assert used.session is None
            log = await logged(at)
            assert any("olga is no operator any more; by chief" in line for line in log)
            assert any("otto (Somebody) may: watch; by chief" in line for line in log)
        async with served_wall(tmp_path) as at:
            assert [one.external_id for one in at.operators.all()] == ["otto"]
            assert any("olga signed in" in line for line in await logged(at)), "names stay known"

    asyncio.run(run())


def test_a_session_outlives_central_and_a_code_does_not_count_in_another_record(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            token = await at.signed_in("olga", OperatorRight.WATCH)
        async with served_wall(tmp_path), wall(tmp_path, token):
            pass
        (tmp_path / FOLDER).rename(tmp_path / "before")
        async with served_wall(tmp_path), wall(tmp_path) as page:
            assert (await page.ask(UseSession(token=token), SignedIn)).session is None

    asyncio.run(run())


def changed_entry(folder: Path, old: str, new: str) -> int:
    """Somebody changes what the journal holds, past central; how many rows."""
    count = 0
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.read_bytes()[:6] == b"SQLite":
            with sqlite3.connect(file) as database:
                count += database.execute(
                    "UPDATE entry SET entry = CAST(replace(CAST(entry AS TEXT), ?, ?) AS BLOB)"
                    " WHERE CAST(entry AS TEXT) LIKE ?",
                    (old, new, f"%{old}%"),
                ).rowcount
            database.close()
    return count


def test_a_record_that_was_changed_is_told_at_the_next_start(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            for name in ("olga", "otto", "anna"):
                await at.signed_in(name, OperatorRight.WATCH)
            assert at.operators.record.problem == ""
        assert changed_entry(tmp_path / FOLDER, '"how":"link"', '"how":"pass"') > 0
        async with served_wall(tmp_path) as at:
            assert "does not hold" in at.operators.record.problem

    asyncio.run(run())


def test_what_cannot_be_recorded_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.operator_record.PATIENCE_S", 0.2)

    async def hang(*_: object) -> None:
        await asyncio.sleep(3600)

    async def run() -> None:
        async with served_wall(tmp_path) as at:
            chief = await at.signed_in("chief", *EVERYTHING)
            link = await at.desk.of_others(
                MakeLink(person="chief"),
                "test",
                may_link=True,
            )
            assert isinstance(link, CodeMade)
            monkeypatch.setattr(OperatorRecord, "_written", hang)
            async with wall(tmp_path, chief) as page:
                put = PutOperator(operator="eve", name="Eve", rights=(), new=True)
                with pytest.raises(DaemonRefusedError) as refused:
                    await page.ask(put, OperatorChanged)
                assert refused.value.refused.code is Refusal.JOURNAL
                assert "on record" in refused.value.refused.reason
            async with wall(tmp_path) as page:
                with pytest.raises(DaemonRefusedError):
                    await page.ask(SignInByLink(code=link.code), SignedIn)
            assert at.operators.called("eve") is None
            with pytest.raises(JournalFailed):
                await at.operators.add("eve", "Eve", (), "test")

    asyncio.run(run())


def test_a_disk_that_was_full_for_a_moment_loses_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("central.operator_record.AGAIN_S", 0.01)
    appended = JournalWriter.append
    fails = 3

    async def append(writer: JournalWriter, records: Sequence[Record]) -> None:
        nonlocal fails
        if fails:
            fails -= 1
            raise JournalFailed("the disk is full")
        await appended(writer, records)

    async def run() -> None:
        async with served_wall(tmp_path) as at:
            monkeypatch.setattr(JournalWriter, "append", append)
            await at.operators.add("olga", "Olga", (OperatorRight.WATCH,), "test")
            assert fails == 0
            assert sum("olga (Olga) may: watch" in line for line in await logged(at)) == 1
        async with served_wall(tmp_path) as at:
            assert at.operators.record.problem == ""

    asyncio.run(run())
    assert sum("cannot be put on record" in one.getMessage() for one in caplog.records) == 1


def test_files_are_for_nobody_else_and_have_one_owner(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            await at.signed_in("olga", OperatorRight.WATCH)
            for name in (FILE, SIGN_INS, KEY_FILE):
                assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
            with pytest.raises(NoWallError, match="another process"):
                async with signing_in(tmp_path, "localhost", lambda _: None):
                    pass
            assert b"Person olga" not in (tmp_path / SIGN_INS).read_bytes()
        (tmp_path / KEY_FILE).chmod(0o644)
        with pytest.raises(NoWallError) as opened:
            async with signing_in(tmp_path, "localhost", lambda _: None):
                pass
        assert "chmod 600" in f"{opened.value}; {opened.value.remedy}"

    asyncio.run(run())


def test_a_store_keeps_what_it_is_given_and_refuses_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(OperatorsError):
        OperatorStore.open(tmp_path)
    (tmp_path / FILE).unlink()
    OperatorStore.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(
            "INSERT INTO operator VALUES ('00000000000000aa', 'x', 'X', 'watch fly', 0)"
        )
    database.close()
    store = OperatorStore.open(tmp_path)
    with pytest.raises(OperatorsError, match="backup"):
        store.operators()
    store.close()


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "ä", "a" * 65, "a/b", "a\n"])
def test_names_that_no_operator_has(tmp_path: Path, name: str) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            with pytest.raises(NoOperatorError, match="an id has"):
                await at.operators.add(name, "Somebody", (), "test")
            for shown in ("", "  ", "x" * 201):
                with pytest.raises(NoOperatorError, match="a name has"):
                    await at.operators.add("olga", shown, (), "test")

    asyncio.run(run())


# --- the commands ---------------------------------------------------------------------------------


def called(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(commands, [*words, "--state", str(folder)], catch_exceptions=False)


def test_commands_say_who_there_is_and_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            distributor = Distributor(lambda: SetStore(tmp_path / "more.db"), lambda: 1)
            await distributor.open()
            desk = CentralDesk(distributor, Behind())
            server = CentralServer.open(desk, OrderDesk(Orders(distributor)), tmp_path / SOCKET)
            server.sign_ins = asyncio.get_running_loop().create_future()
            server.sign_ins.set_result(at.desk)
            serving = asyncio.create_task(server.run())

            async def says(*words: str, code: int = 0) -> str:
                done = await asyncio.to_thread(called, tmp_path, *words)
                assert done.exit_code == code, done.output
                return done.output

            await says("add", "olga", "--name", "Olga", "--right", "operators")
            assert "already" in await says("add", "olga", "--name", "Olga", code=1)
            await says("add", "otto", "--name", "Otto", "--right", "watch", "--right", "names")
            code = (await says("invite", "otto")).strip()
            assert len(code.split("-")) == 4
            await says("change", "otto", "--right", "watch", "--name", "Otto Other")
            shown = await says("list")
            assert "olga (Olga) may: operators; signs in by: nothing yet" in shown
            assert "otto (Otto Other) may: watch; signs in by: invited until " in shown
            await says("change", "otto", "--no-right")
            assert "otto (Otto Other) may: nothing" in await says("list")
            assert "no operator eve" in await says("change", "eve", "--no-right", code=1)
            link = json.loads(await says("link", "olga", "--json"))
            assert len(link["code"]) == 19
            assert "last who may" in await says("remove", "olga", code=1)
            await says("remove", "otto")
            log = await says("log")
            account = f"account {peer.account_name(os.geteuid())}"
            assert f"otto is no operator any more; by {account}" in log
            assert f"olga can sign in once by a link, by {account}" in log
            assert (
                json.loads((await says("log", "--json")).splitlines()[0])["kind"] == "operator-put"
            )
            assert len((await says("log", "--from", "3")).splitlines()) == len(log.splitlines()) - 2
            at.operators.record.problem = "entry 2 does not hold: its leaf"
            assert "the record was changed: entry 2" in await says("log", code=NOT_SOUND)
            monkeypatch.setattr("central.control.owns", lambda _: False)
            assert "central's own account alone" in await says("list", code=1)
            server.sign_ins = None
            monkeypatch.undo()
            assert "nobody can sign in at the wall" in await says("list", code=1)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await distributor.close()

    asyncio.run(run())
