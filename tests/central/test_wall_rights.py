"""Who may ask what at the wall: every request, for everybody, over the wall's socket."""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from central.operator_rights import TABLE
from central.operator_words import OperatorRight
from central.wall import WALL_CLIENTS_MAX
from central.wall_messages import AskWall, FollowWall, WallAbout, WallRequest
from edge.control.message import Message
from edge.control.messages import Refusal
from edge.control.messages_pages import LockSession, SignedIn, SignOut, UseSession
from edge.control.needs import ANYBODY, STREAMS_OF_ONE_MAX, Needs
from edge.web.daemon import DaemonAwayError, DaemonRefusedError
from tests.central.walled import Served, served_wall, wall
from tests.edge.signins.requests import garbage, requests

SEEDS = (1, 2, int(os.environ["SENTRYPOST_SEED"]))
SESSIONLESS = frozenset({Refusal.NO_SESSION, Refusal.NO_RIGHT, Refusal.LOCKED})


class Somebody(NamedTuple):
    """`rights` None: nobody who is signed in."""

    name: str
    rights: frozenset[OperatorRight] | None
    locked: bool = False


PEOPLE = (
    Somebody("nobody", None),
    Somebody("without", frozenset()),
    *(Somebody(one.value, frozenset({one})) for one in OperatorRight),
    Somebody("everything", frozenset(OperatorRight)),
    Somebody("away", frozenset(OperatorRight), locked=True),
)


def expected(needs: Needs, who: Somebody) -> Refusal | None:
    """The second reading of the table."""
    if not who.rights:
        return Refusal.NO_SESSION  # without a right nobody is signed in
    if not needs.signed_in and not needs.rights & who.rights:
        return Refusal.NO_RIGHT
    return Refusal.LOCKED if who.locked and not needs.locked else None


def test_every_request_for_everybody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wrong, count = asyncio.run(_matrix(tmp_path))
    assert wrong == []
    assert count == len(PEOPLE) * sum(needs is not ANYBODY for needs in TABLE.values())
    assert "ended by a bug" not in caplog.text


async def _matrix(folder: Path) -> tuple[list[str], int]:
    wrong, count = [], 0
    async with served_wall(folder) as at:
        for who in PEOPLE:
            token = await _token(at, who)
            # What locks the session, and what ends it, comes last.
            last = (LockSession, SignOut)
            every = sorted(
                requests(WallRequest).items(),
                key=lambda one: last.index(one[0]) if one[0] in last else -1,
            )
            for kind, request in every:
                needs = TABLE[kind]
                if needs is ANYBODY:
                    continue
                count += 1
                got = await _refused(folder, token, request, locked=who.locked)
                if got != expected(needs, who):
                    wrong.append(f"{who.name} asks {kind.__name__}: {got}")
    return wrong, count


async def _token(at: Served, who: Somebody) -> str:
    if who.rights is None:
        return ""
    if who.rights:
        return await at.signed_in(who.name, *who.rights)
    token = await at.signed_in(who.name, OperatorRight.WATCH)
    await at.operators.change(who.name, "Nobody any more", (), "test")
    return token


async def _refused(folder: Path, token: str, request: Message, *, locked: bool) -> Refusal | None:
    """How the session stood in its way, if it did."""
    async with wall(folder) as page:
        if token:
            await page.ask(UseSession(token=token), SignedIn)
        if locked:
            await page.ask(LockSession(), SignedIn)
        told = page.follow(request)
        try:
            await anext(told)
        except DaemonRefusedError as error:
            return error.refused.code if error.refused.code in SESSIONLESS else None
        return None


def test_who_may_what_stands_here_once_more() -> None:
    """Whoever gives a request to others changes it in two places."""
    found: dict[str, set[str]] = {}
    for kind, needs in TABLE.items():
        if needs.rights:
            (right,) = needs.rights
            found.setdefault(right, set()).add(kind.__name__)
    assert found == {
        "watch": {
            "AskWall", "FollowWall", "FollowEntries", "ListOrders", "FollowOrders", "AskCounts",
            "AskSeries",
        },
        "names": {"Search", "ListIncidents", "AskIncident", "NoteIncident"},
        "alarms": {"AcknowledgeAt"},
        "orders": {"SendOrder"},
        "operators": {
            "ReadSignIns", "EndSession", "Invite", "RemoveSignIn", "ReadOperators", "PutOperator",
            "RemoveOperator", "ReadOperatorLog",
        },
    }  # fmt: skip
    free = {kind.__name__ for kind, needs in TABLE.items() if needs is ANYBODY}
    assert free == {
        "UseSession", "SignInByPassword", "AskPasskey", "SignInByPasskey", "SignInByLink",
        "TakeInvitation", "ConfirmInvitation",
    }  # fmt: skip
    assert "MakeLink" not in {kind.__name__ for kind in TABLE}, "whoever has one is that person"


def test_a_wall_that_was_left_shows_alarms_and_nothing_acts_from_it() -> None:
    locked = {kind.__name__ for kind, needs in TABLE.items() if needs.locked and needs.rights}
    assert locked == {"AskWall", "FollowWall"}


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_sent_central_goes_on(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(_garbled(tmp_path, random.Random(seed)))
    assert "ended by a bug" not in caplog.text


async def _garbled(folder: Path, chance: random.Random) -> None:
    known = list(requests(WallRequest).values())
    async with served_wall(folder) as at:
        token = await at.signed_in("olga", *OperatorRight)
        for _ in range(120):
            async with wall(folder) as page:
                if chance.random() < 0.7:
                    await page.ask(UseSession(token=token), SignedIn)
                page._writer.write(garbage(chance, chance.choice(known)))
                page._writer.write_eof()
                try:
                    async with asyncio.timeout(30):
                        while True:
                            await page.receive()
                except (DaemonRefusedError, DaemonAwayError):
                    pass
        still = await at.signed_in("otto", OperatorRight.WATCH)
        async with wall(folder, still) as page:
            assert not (await page.ask(AskWall(), WallAbout)).on_wire


def test_one_operator_follows_so_much_and_leaves_room_for_others(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at, AsyncExitStack() as open_:
            greedy = await at.signed_in("greedy", OperatorRight.WATCH)
            other = await at.signed_in("other", OperatorRight.WATCH)
            for _ in range(STREAMS_OF_ONE_MAX):
                page = await open_.enter_async_context(wall(tmp_path, greedy))
                await anext(page.follow(FollowWall()))
            page = await open_.enter_async_context(wall(tmp_path, greedy))
            with pytest.raises(DaemonRefusedError) as full:
                await anext(page.follow(FollowWall()))
            assert full.value.refused.code is Refusal.BUSY
            page = await open_.enter_async_context(wall(tmp_path, other))
            await anext(page.follow(FollowWall()))

    asyncio.run(run())


def test_walls_are_counted_and_never_crowd_out_whoever_owns_central(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path), AsyncExitStack() as open_:
            for _ in range(WALL_CLIENTS_MAX):
                await open_.enter_async_context(wall(tmp_path))
            with pytest.raises(DaemonRefusedError) as full:
                await open_.enter_async_context(wall(tmp_path))
            assert full.value.refused.code is Refusal.BUSY

    asyncio.run(run())
