"""An old copy of the state folder is put back: what was ordered meanwhile is forgotten here, and
nothing that takes protection away acts until two people answer a challenge of this edge.
"""

import asyncio
import shutil
import time
from pathlib import Path

from click.testing import CliRunner

from central.commands import central
from controller import events as ev
from controller.ids import PortalId
from edge.assembly import Edge
from edge.control.messages_orders import Carrier, OrderReply
from edge.cosigned_beside import FILE as COSIGNED
from edge.orders import CountersOrder, UnlockOrder
from edge.renewal import ASIDE, JOURNAL
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.edge.checks import ready
from tests.edge.house import running, until
from tests.edge.ordering import ANNA, BEN, HOUR_S, id_of, lift, lockdown, made, ordered_house

WHO = "smith"


async def gives(edge: Edge, envelope: bytes) -> OrderReply:
    return await edge.desk.orders.give(envelope, Carrier.FILE, "", WHO)


def unlock() -> bytes:
    now_s = int(time.time())
    return made(
        UnlockOrder,
        ANNA,
        BEN,
        portals=("front",),
        accept_until_s=now_s + HOUR_S,
        until_s=now_s + HOUR_S,
    )


async def cosigned(edge: Edge, size: int) -> None:
    """Until the witness knows of so much: an order is told to it at once, with all before it."""
    async with asyncio.timeout(30):
        while (kept := await edge.daemon.writer.newest_cosigned()) is None or kept.size < size:
            await asyncio.sleep(0.02)


def counters(challenge: str) -> bytes:
    accept = {"accept_until_s": int(time.time()) + HOUR_S}
    return made(CountersOrder, ANNA, BEN, challenge=challenge, **accept)


def test_nothing_that_was_done_before_is_done_again_from_an_old_copy(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    key = CliRunner().invoke(central, ["key", str(tmp_path / "witness.key"), "--new"]).output
    broker = f'\n[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nwitness = "{key.strip()}"\n'
    folder = tmp_path / "house"
    folder.mkdir()
    house = ordered_house(folder, broker=broker)
    state, copy = folder / "state", tmp_path / "copy"
    opened = unlock()
    witness = ("--witness-key", str(tmp_path / "witness.key"))

    async def run() -> None:
        one = CentralProcess(mosquitto.port, tmp_path / "a.db", *witness)
        try:
            async with house.line(), running(house) as edge:
                await ready(edge)
            shutil.copytree(state, copy)
            async with house.line(), running(house) as edge:
                await ready(edge)
                assert (await gives(edge, opened)).accepted
                await until(edge, ev.PortalLeased)
                unlocked = edge.daemon.site.state.seq
                locked = lockdown()
                assert (await gives(edge, locked)).accepted
                assert (await gives(edge, lift(id_of(house, locked)))).accepted
                await cosigned(edge, unlocked)
            shutil.rmtree(state)
            shutil.copytree(copy, state)
            async with house.line(), running(house) as edge:
                await until(edge, ev.JournalDoubted)
                again = await gives(edge, opened)
                assert not again.accepted
                assert not edge.daemon.site.state.portals[PortalId("front")].leased
                late = lockdown()
                assert (await gives(edge, late)).accepted, "what protects acts at once"
                assert not (await gives(edge, lift(id_of(house, late)))).accepted
                challenge = (await edge.desk.orders.challenge(WHO)).challenge
                assert (await gives(edge, counters(challenge))).accepted
                assert not (await gives(edge, opened)).accepted, "its number was used before"
                assert (await gives(edge, lift(id_of(house, late)))).accepted
        finally:
            one.stop()

    asyncio.run(run())


def test_a_journal_that_was_put_back_alone_is_doubted_with_nobody_in_reach(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    """What the witness said last lies beside the journal, and was not put back with it."""
    key = CliRunner().invoke(central, ["key", str(tmp_path / "witness.key"), "--new"]).output
    broker = f'\n[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nwitness = "{key.strip()}"\n'
    folder = tmp_path / "house"
    folder.mkdir()
    house = ordered_house(folder, broker=broker)
    journal, copy = folder / "state" / JOURNAL, tmp_path / "copy"
    witness = ("--witness-key", str(tmp_path / "witness.key"))

    async def held(orders: int) -> str:
        """Run with central, for so many orders; the incarnation."""
        one = CentralProcess(mosquitto.port, tmp_path / "a.db", *witness)
        try:
            async with house.line(), running(house) as edge:
                await ready(edge)
                for _ in range(orders):
                    locked = lockdown()
                    assert (await gives(edge, locked)).accepted
                    assert (await gives(edge, lift(id_of(house, locked)))).accepted
                await cosigned(edge, edge.daemon.site.state.seq if orders else 1)
                return edge.daemon.writer.incarnation
        finally:
            one.stop()

    async def doubted() -> None:
        """Run without: it is known at once, and nothing is lowered."""
        shutil.rmtree(journal)
        shutil.copytree(copy, journal)
        async with house.line(), running(house) as edge:
            await until(edge, ev.JournalDoubted)
            late = lockdown()
            assert (await gives(edge, late)).accepted, "what protects acts at once"
            assert not (await gives(edge, lift(id_of(house, late)))).accepted

    async def run() -> None:
        first = await held(1)
        shutil.copytree(journal, copy)
        assert await held(2) == first
        await doubted()
        # The next start sets the copy aside, and goes on with a journal of its own.
        assert await held(0) != first
        await doubted()

    asyncio.run(run())
    (aside,) = (folder / "state").glob(f"{ASIDE}.*")
    assert (aside / COSIGNED).exists(), "it is evidence as well"
