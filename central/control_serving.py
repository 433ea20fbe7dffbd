"""A collector with its sockets beside it, central's own and the wall's, and without where that
cannot be: the archive depends on neither.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from central.collector import Collector
from central.control import CentralServer, SignInsComing
from central.control_desk import CentralDesk
from central.distributor import Distributor
from central.operator_signins import NoWallError, OperatorSignIns, show_first, signing_in
from central.order_desk import OrderDesk
from central.orders import Orders
from central.sets import SetsError, SetStore
from central.told_entries import Addresses
from central.wall import WallServer
from central.wall_archive import WallArchive
from central.wall_book import WallBook
from central.wall_desk import WallDesk
from central.wall_messages import WALL_SOCKET
from edge.control.conversation import Listener
from edge.control.listening import ControlError
from edge.control.place import SOCKET, STATE_MODE
from edge.signatures import SigningKey

SETS_FILE = "sets.db"


class WallSettings(NamedTuple):
    """`host`: to which operators' passkeys are bound for good. `addresses`: where edges' own pages
    are. `alarm_key`: by which alarms are acknowledged; None: they are not. `socket`: where the
    wall's process asks; None: in the state folder.
    """

    archive: str
    host: str
    addresses: Addresses
    alarm_key: SigningKey | None = None
    socket: Path | None = None


async def run_served(
    make: Callable[[Distributor | None, Orders | None], Collector],
    state: Path,
    wall: WallSettings,
    stop: asyncio.Event,
    notice: Callable[[str], None],
) -> None:
    """Run the collector until `stop`, with sockets in `state`.

    Where the folder is another central's, or cannot be used, `notice` is told, and nothing is
    distributed from here: the archive does not depend on it. Raises ArchiveError.
    """
    distributor = Distributor(lambda: SetStore(state / SETS_FILE), lambda: time.time_ns() // 1_000)
    orders = Orders(distributor)
    collector = make(distributor, orders)
    try:
        state.mkdir(mode=STATE_MODE, exist_ok=True)
        desk, order_desk = CentralDesk(distributor, collector), OrderDesk(orders)
        server = CentralServer.open(desk, order_desk, state / SOCKET)
    except (ControlError, OSError) as error:
        remedy = getattr(error, "remedy", "give it another folder with --state")
        notice(f"nothing is distributed from here: {error}; {remedy}")
        await make(None, None).run(stop)
        return
    try:
        await distributor.open()
    except SetsError as error:
        server.close()
        notice(f"nothing is distributed from here: {error}; {error.remedy}")
        await make(None, None).run(stop)
        return
    book = WallBook(desk, collector.alarms, wall.addresses)
    collector.also_tell(book.found)
    distributor.touched = collector.witness_said = book.touched
    server.sign_ins = asyncio.get_running_loop().create_future()
    walled = _walled(state, wall, desk, order_desk, book, notice)
    beside = (
        asyncio.create_task(server.run(), name="central control"),
        asyncio.create_task(_serve_wall(walled, server.sign_ins), name="wall"),
    )
    for task in beside:
        task.add_done_callback(partial(_told, notice))
    try:
        await collector.run(stop)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        server.close()
        await distributor.close()


def _told(notice: Callable[[str], None], task: asyncio.Task[None]) -> None:
    """A bug beside it ends what it is in, not the archive."""
    if not task.cancelled() and (error := task.exception()) is not None:
        notice(f"{task.get_name()} ended by a bug, {type(error).__name__}: {error}; start anew")


async def _serve_wall(
    walled: AbstractAsyncContextManager[OperatorSignIns | None], coming: SignInsComing
) -> None:
    """Until cancelled; what stores does not wait for it."""
    try:
        async with walled as sign_ins:
            coming.set_result(sign_ins)
            await asyncio.get_running_loop().create_future()
    finally:
        if not coming.done():
            coming.set_result(None)


@asynccontextmanager
async def _walled(
    state: Path,
    wall: WallSettings,
    desk: CentralDesk,
    orders: OrderDesk,
    book: WallBook,
    notice: Callable[[str], None],
) -> AsyncIterator[OperatorSignIns | None]:
    """With the wall's socket where it can be served."""
    async with AsyncExitStack() as stack:
        try:
            signing = signing_in(state, wall.host, show_first)
            sign_ins = await stack.enter_async_context(signing)
        except NoWallError as error:
            notice(f"there is no wall: {error}; {error.remedy}")
            yield None
            return
        if sign_ins.operators.record.problem:
            notice(
                "the record of what operators did was changed:"
                f" {sign_ins.operators.record.problem}; keep the folder as evidence, and compare it"
                " with a backup"
            )
        archive = WallArchive(wall.archive, wall.addresses)
        stack.push_async_callback(archive.close)
        wall_desk = WallDesk(sign_ins, desk, orders, book, archive, wall.alarm_key)
        try:
            server = WallServer.open(wall_desk, wall.socket or state / WALL_SOCKET)
        except ControlError as error:
            notice(f"there is no wall: {error}; {error.remedy}")
        else:
            await stack.enter_async_context(_listening(server))
        yield sign_ins


@asynccontextmanager
async def _listening(server: Listener) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.run(), name="wall")
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        server.close()
