"""An operator before the wall's socket, as the wall's process speaks there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from central.alarm_words import AlarmWords
from central.alarms import AlarmBook
from central.archive_sqlite import SqliteArchive
from central.control_client import CentralClient, NoCentralError
from central.control_desk import CentralDesk
from central.distributor import Distributor
from central.operator_signins import OperatorSignIns, signing_in
from central.operator_words import OperatorRight
from central.operators import Operators
from central.order_desk import OrderDesk
from central.orders import Orders
from central.sets import SetStore
from central.wall import WallServer
from central.wall_archive import WallArchive
from central.wall_book import WallBook
from central.wall_desk import WallDesk
from central.wall_messages import WALL_SOCKET, decode_reply
from edge import wire
from edge.control.message import Message
from edge.control.messages_pages import CodeMade, MakeLink, SessionShown, SignedIn, SignInByLink
from edge.signatures import SigningKey
from edge.web.daemon import Conversation, conversing

PATIENCE_S = 60.0
T = TypeVar("T")
R = TypeVar("R", bound=Message)


async def asked(state: Path, ask: Callable[[CentralClient], T]) -> T:
    """At the control socket, as central's own account; central may be about to start."""

    def run() -> T:
        with CentralClient(state) as client:
            return ask(client)

    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await asyncio.to_thread(run)
            except NoCentralError:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def wall(state: Path, token: str = "") -> AsyncIterator[Conversation]:
    """A conversation at the wall's socket, of this session."""
    path = state / WALL_SOCKET
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists():
            await asyncio.sleep(0.02)
    async with conversing(path, decode_reply) as conversation:
        if token:
            await conversation.sign(token)
        yield conversation


async def operator(
    state: Path, name: str, *rights: OperatorRight, shown: str = "Olga Ortiz"
) -> str:
    """A new operator; a link for her."""
    done = await asked(state, lambda c: c.put_operator(name, shown, rights, new=True))
    assert done.done, done.reason
    return (await asked(state, lambda c: c.link_operator(name))).code


async def by_link(state: Path, code: str) -> SignedIn:
    async with wall(state) as page:
        return await page.ask(SignInByLink(code=code), SignedIn)


async def signed_in(state: Path, name: str, *rights: OperatorRight) -> tuple[str, SessionShown]:
    """A new operator's session."""
    done = await by_link(state, await operator(state, name, *rights))
    assert done.session is not None, done.reason
    return done.token, done.session


async def told(stream: AsyncIterator[Message], kind: type[R], holds: Callable[[R], bool]) -> R:
    """The first of that kind for which it holds."""
    async with asyncio.timeout(PATIENCE_S):
        async for message in stream:
            if isinstance(message, kind) and holds(message):
                return message
    raise AssertionError(f"no {kind.__name__} for which it holds")


class Served:
    """A wall without a broker: whatever is stored, or said by edges, is put in behind the link."""

    def __init__(self, folder: Path, distributor: Distributor, book: WallBook) -> None:
        self.folder, self.distributor, self.book = folder, distributor, book
        self.desk: OperatorSignIns

    @property
    def operators(self) -> Operators:
        return self.desk.operators

    def saw(self, edge: str, *, site: str = "house", alive: bool = True, boot: int = 1) -> None:
        """An edge's birth or death."""
        status = wire.Status(alive=alive, incarnation="0" * 16, boot=boot, number=1, version="1")
        self.distributor.seen(site, edge, status)

    async def signed_in(self, name: str, *rights: OperatorRight) -> str:
        """A new operator's token."""
        await self.operators.add(name, f"Person {name}", rights, "test")
        return (await self.link(name)).token

    async def link(self, name: str) -> SignedIn:
        """An operator's new session, by a link."""
        made = await self.desk.of_others(MakeLink(person=name), "test", may_link=True)
        assert isinstance(made, CodeMade)
        done, _ = await self.desk.enter(SignInByLink(code=made.code))
        assert isinstance(done, SignedIn)
        assert done.token, done.reason
        return done


class Behind:
    """A collector that has stored nothing and has no link."""

    def __init__(self) -> None:
        self.alarms = AlarmBook()

    def stored(self, site: str, edge: str) -> int | None:
        return None

    def witnessed(self, site: str, edge: str) -> str:
        return ""

    @property
    def alarm_words(self) -> AlarmWords:
        raise AssertionError("nothing is sent")


@asynccontextmanager
async def served_wall(
    folder: Path, archive: str = "", alarm_key: SigningKey | None = None
) -> AsyncIterator[Served]:
    """The wall's socket in `folder`; `archive`: where one is, if not in a new file there."""
    if not archive:
        archive = str(folder / "archive.db")
        SqliteArchive(Path(archive)).close()
    distributor = Distributor(lambda: SetStore(folder / "sets.db"), lambda: 1_000_000)
    await distributor.open()
    behind, orders = Behind(), OrderDesk(Orders(distributor))
    desk = CentralDesk(distributor, behind)
    book = WallBook(desk, behind.alarms, {("house", "gate"): "https://gate.example"})
    distributor.touched = book.touched
    served = Served(folder, distributor, book)
    reader = WallArchive(archive, {})
    try:
        async with signing_in(folder, "localhost", lambda _code: None) as sign_ins:
            served.desk = sign_ins
            wall_desk = WallDesk(sign_ins, desk, orders, book, reader, alarm_key)
            server = WallServer.open(wall_desk, folder / WALL_SOCKET)
            serving = asyncio.create_task(server.run(), name="wall")
            try:
                yield served
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
    finally:
        await reader.close()
        await distributor.close()
