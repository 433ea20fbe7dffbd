"""Who may ask what from a page: every request, for everybody, over the pages' socket."""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.assembly import Edge
from edge.control.client import Client
from edge.control.message import Message
from edge.control.messages import Refusal
from edge.control.messages_gate import FollowGate, ReleaseAtGate
from edge.control.messages_muster import BeginMuster, ChangeMuster, MusterReply, ReadMuster
from edge.control.messages_orders import ListOrders, OrdersReply
from edge.control.messages_pages import LockSession, SignedIn, SignOut, UseSession
from edge.control.messages_visitors import CorrectPresence
from edge.control.messages_visits import LetPass, VisitReply
from edge.control.needs import ANYBODY, NEVER, STREAMS_OF_ONE_MAX, Needs
from edge.control.page_rights import TABLE
from edge.control.pages import PAGE_CLIENTS_MAX
from edge.web.daemon import DaemonAwayError, DaemonRefusedError
from policies.facts import Direction
from policies.rights import Right
from tests.edge.house import running
from tests.edge.signins.gatehouse import Gatehouse
from tests.edge.signins.requests import garbage, requests

SEEDS = (1, 2, int(os.environ["SENTRYPOST_SEED"]))


class Somebody(NamedTuple):
    """`person`: empty for nobody who is signed in."""

    name: str
    person: str
    rights: frozenset[Right]
    locked: bool = False


PEOPLE = (
    Somebody("nobody", "", frozenset()),
    Somebody("a guard", "gil", frozenset({Right.GATE})),
    Somebody("the chief", "cleo", frozenset({Right.CONSOLE})),
    Somebody("a clerk", "dora", frozenset({Right.PEOPLE})),
    Somebody("a guard who is away", "gil", frozenset({Right.GATE}), locked=True),
)


def expected(needs: Needs, who: Somebody) -> Refusal | None:
    """The second reading of the table."""
    if needs.anybody:
        return None
    if not who.person:
        return Refusal.NO_SESSION
    if not needs.signed_in and not needs.rights & who.rights:
        return Refusal.NO_RIGHT
    return Refusal.LOCKED if who.locked and not needs.locked else None


def test_every_request_for_everybody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    TOKENS.clear()
    wrong = asyncio.run(_matrix(Gatehouse(tmp_path)))
    assert wrong == []
    assert "ended by a bug" not in caplog.text


async def _matrix(house: Gatehouse) -> list[str]:
    wrong = []
    async with running(house) as edge:
        for who in PEOPLE:
            # The one that ends the session last.
            for kind, request in sorted(requests().items(), key=lambda one: one[0] is SignOut):
                needs = TABLE[kind]
                if needs is ANYBODY:
                    continue  # `test_signing_in` has them, and what they are answered
                token = await _token(house, edge, who)
                got = await _asked(house, token, request, locked=who.locked)
                if got != expected(needs, who):
                    wrong.append(f"{who.name} asks {kind.__name__}: {got}")
    return wrong


async def _token(house: Gatehouse, edge: Edge, who: Somebody) -> str:
    """A session of his that stands."""
    if not who.person:
        return ""
    if who.name not in TOKENS or not await _stands(house, TOKENS[who.name], locked=who.locked):
        TOKENS[who.name] = await house.session(edge, who.person)
    return TOKENS[who.name]


TOKENS: dict[str, str] = {}


async def _stands(house: Gatehouse, token: str, *, locked: bool) -> bool:
    async with house.page() as page:
        done = await page.ask(UseSession(token=token), SignedIn)
        return done.session is not None and done.session.locked == locked


SESSIONLESS = frozenset({Refusal.NO_SESSION, Refusal.NO_RIGHT, Refusal.LOCKED})


async def _asked(house: Gatehouse, token: str, request: Message, *, locked: bool) -> Refusal | None:
    """How the session stood in its way, if it did."""
    async with house.page() as page:
        if token:
            await page.sign(token)
        if locked:
            await page.ask(LockSession(), SignedIn)
        told = page.follow(request)
        try:
            await anext(told)
        except DaemonRefusedError as error:
            return error.refused.code if error.refused.code in SESSIONLESS else None
        return None


def test_what_no_page_asks() -> None:
    """What would give away the journal with its names, or act without a person, stays so."""
    never = {kind.__name__ for kind, needs in TABLE.items() if needs == NEVER}
    assert {
        "Subscribe", "ReadEntries", "ReadNames", "ReportPerson", "ErasePerson", "ExportPeople",
        "TakePeople", "LoadPolicy", "ReturnPolicy", "GiveOrder", "GiveConsent", "MakeLink",
        "ServiceDevice", "TryDevice", "TraceLine", "EnrolFace", "TakeFacePicture", "CopyJournal",
    } <= never  # fmt: skip
    locked = {kind.__name__ for kind, needs in TABLE.items() if needs.locked and needs.rights}
    assert "FollowAlarms" in locked
    assert not {"LetPass", "ReleaseAtGate", "RaiseFromPage", "AnswerAlarm", "PutPerson"} & locked


def test_a_terminal_works_its_own_portals(tmp_path: Path) -> None:
    asyncio.run(_own_portals(Gatehouse(tmp_path)))


async def _own_portals(house: Gatehouse) -> None:
    way = {"direction": Direction.ENTRY, "reason": "known to me"}
    async with running(house) as edge:
        token = await house.session(edge, "gil", terminal="lodge")
        for other in (
            LetPass(portal="vault-door", person="1", **way),
            ReleaseAtGate(portal="vault-door", **way),
        ):
            assert await _asked(house, token, other, locked=False) is Refusal.NO_RIGHT
        own = LetPass(portal="front", person="1", **way)
        assert await _asked(house, token, own, locked=False) is None
        begin = ChangeMuster(step=BeginMuster())
        assert await _asked(house, token, begin, locked=False) is None
        stored = await edge.daemon.writer.read(1, 999, 10**7)
        names = [one.value for entry in stored for one in entry.personal if one.field == "operator"]
        assert names[-1] == "gil", "an act is recorded under the person's own id"


def test_pages_never_crowd_out_the_operator(tmp_path: Path) -> None:
    asyncio.run(_crowded(Gatehouse(tmp_path)))


async def _crowded(house: Gatehouse) -> None:
    async with running(house), AsyncExitStack() as open_:
        for _ in range(PAGE_CLIENTS_MAX):
            await open_.enter_async_context(house.page())
        with pytest.raises(DaemonRefusedError) as full:
            await open_.enter_async_context(house.page())
        assert full.value.refused.code is Refusal.BUSY
        status = await asyncio.to_thread(_status, house)
        assert status == "house"


def test_one_person_leaves_room_for_what_others_follow(tmp_path: Path) -> None:
    asyncio.run(_many_streams(Gatehouse(tmp_path)))


async def _many_streams(house: Gatehouse) -> None:
    async with running(house) as edge, AsyncExitStack() as open_:
        guard, chief = [await house.session(edge, person) for person in ("gil", "cleo")]

        async def follow(token: str) -> None:
            page = await open_.enter_async_context(house.page())
            await page.sign(token)
            told = page.follow(FollowGate())
            await anext(told)
            open_.push_async_callback(told.aclose)  # type: ignore[attr-defined]

        for _ in range(STREAMS_OF_ONE_MAX):
            await follow(guard)
        with pytest.raises(DaemonRefusedError) as full:
            await follow(guard)
        assert full.value.refused.code is Refusal.BUSY
        await follow(chief)
        async with house.page() as page:
            await page.sign(guard)
            await page.ask(ListOrders(), OrdersReply)  # what he does goes on
        await open_.aclose()
        async with asyncio.timeout(30):
            while True:  # a place is free as soon as the edge has noticed who is gone
                try:
                    await follow(guard)
                    break
                except DaemonRefusedError:
                    await asyncio.sleep(0.05)


def _status(house: Gatehouse) -> str:
    with Client(house.folder / "state") as client:
        return client.status().site


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_sent_the_edge_goes_on(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(_garbled(Gatehouse(tmp_path), random.Random(seed)))
    assert "ended by a bug" not in caplog.text


async def _garbled(house: Gatehouse, chance: random.Random) -> None:
    known = list(requests().values())
    async with running(house) as edge:
        token = await house.session(edge, "gil")
        for _ in range(60):
            async with house.page() as page:
                if chance.random() < 0.5:
                    await page.ask(UseSession(token=token), SignedIn)
                page._writer.write(garbage(chance, chance.choice(known)))
                page._writer.write_eof()
                try:
                    async with asyncio.timeout(30):
                        while True:
                            await page.receive()
                except (DaemonRefusedError, DaemonAwayError):
                    pass
        assert await asyncio.to_thread(_status, house) == "house"


def test_a_guard_s_roll_has_a_protected_person_without_her_name(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path)
    file = tmp_path / "policy.toml"
    file.write_text(file.read_text().replace("[role.staff]\n", "[role.staff]\nprotected = true\n"))
    asyncio.run(_rolls(house))


async def _rolls(house: Gatehouse) -> None:
    async with running(house) as edge:
        tokens = {who: await house.session(edge, who) for who in ("gil", "cleo")}
        named = {}
        for who, token in tokens.items():
            async with house.page() as page:
                await page.sign(token)
                if who == "gil":
                    inside = CorrectPresence(person="1", where="hall", inside=True, reason="seen")
                    assert (await page.ask(inside, VisitReply)).accepted
            async with house.page() as page:
                await page.sign(token)
                (one,) = (await page.ask(ReadMuster(), MusterReply)).people
                named[who] = one.name
                assert one.protected
        assert named == {"gil": "", "cleo": "Ada L"}
