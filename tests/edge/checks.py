"""What must hold of the running daemon, each as one check that a planted bug has to break."""

import asyncio
import threading
import time

from controller import events as ev
from controller.effects import ReleasePortal
from controller.ids import PortalId
from controller.portal import STRIKE_WITHIN_US, State
from drivers.osdp.messages import Output, OutputControl
from edge.assembly import Edge
from policies.facts import Mode
from simulators.osdp_line import ReaderLine
from tests.edge.house import (
    ADA,
    FIRE_LOOP,
    FRONT,
    VAULT,
    House,
    bodies,
    posture,
    running,
    until,
)

STALL_S = 0.4


async def ready(edge: Edge) -> None:
    """Every fire input heard, all readers found, and the first securing confirmed."""
    await until(edge, ev.EdgeReady)
    await until(edge, ev.ReaderFound, 4)
    await until(edge, ev.EffectEnded, 2)


def stall_disk(edge: Edge, for_s: float) -> "asyncio.Task[None]":
    """Keep the journal's own thread busy, as a disk does that hangs for a moment."""
    busy = edge.daemon.writer._call(lambda _: time.sleep(for_s))
    return asyncio.get_running_loop().create_task(busy)


async def stalled_disk(edge: Edge) -> tuple[threading.Event, "asyncio.Future[bool]"]:
    """The disk hangs until the event is set; what is written from here on comes behind it."""
    free, hangs = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_: object) -> bool:
        loop.call_soon_threadsafe(hangs.set)
        return free.wait(20)

    stalled = asyncio.ensure_future(edge.daemon.writer._call(hang))
    async with asyncio.timeout(5):
        await hangs.wait()
    return free, stalled


async def without_a_journal(edge: Edge) -> tuple[threading.Event, "asyncio.Future[bool]"]:
    """Its disk hangs until the event is set, and the edge has seen it."""
    free, stalled = await stalled_disk(edge)
    edge.daemon.judge_directory(edge.daemon.people.directory())
    async with asyncio.timeout(5):
        while not edge.daemon.recorder.down:
            await asyncio.sleep(0.02)
    return free, stalled


async def strike_waits_for_the_disk(house: House, line: ReaderLine) -> None:
    async with running(house) as edge:
        await ready(edge)
        loop = asyncio.get_running_loop()
        stall = stall_disk(edge, STALL_S)
        house.badge("front-in", ADA)
        await stall
        durable_not_before = loop.time()
        granted = await until(edge, ev.PortalGranted)
        assert len(granted) == 1
        async with asyncio.timeout(2):
            while not house.opened_at(FRONT):
                await asyncio.sleep(0.005)
        struck = house.opened_at(FRONT)
        assert len(struck) == 1, f"one badge, one strike, not {len(struck)}"
        assert struck[0] >= durable_not_before - 0.01, "the strike came before the commit"


async def lockdown_while_committing_withdraws_the_strike(house: House, line: ReaderLine) -> None:
    async with running(house) as edge:
        await ready(edge)
        daemon = edge.daemon
        stall = stall_disk(edge, STALL_S)
        house.badge("front-in", ADA)
        async with asyncio.timeout(STALL_S / 2):
            while daemon.site.state.portals["front"].state is not State.GRANTED:
                await asyncio.sleep(0.005)
        posture(edge, Mode.LOCKDOWN)
        await stall
        await until(edge, ev.GrantAborted)
        await asyncio.sleep(0.3)
        assert house.opened_at(FRONT) == [], "a strike was sent although a lockdown had come"
        ended = [body.outcome for body in await bodies(edge, ev.EffectEnded)]
        assert "withdrawn" in ended, "the withdrawal was not recorded"


async def late_strike_is_never_sent(house: House, line: ReaderLine) -> None:
    """The strike is queued for its device when the whole process stands still past its time."""
    async with running(house) as edge:
        await ready(edge)
        house.badge("front-in", ADA)
        async with asyncio.timeout(1):
            while edge.daemon.site.state.portals[PortalId("front")].passing is None:
                await asyncio.sleep(0)
            # Granted, and not on disk yet: from here on the board is deaf, and for no longer.
            house.board.silent = True
            while not any(isinstance(e, ReleasePortal) for e in edge.daemon._outstanding.values()):
                await asyncio.sleep(0)
        house.board.silent = False
        # Shorter than what makes a device count as gone: its session stands when we wake.
        time.sleep(STRIKE_WITHIN_US / 1e6 + 0.1)  # noqa: ASYNC251 - nothing runs meanwhile
        await asyncio.sleep(1)
        assert house.opened_at(FRONT) == [], "the door opened long after anybody expected it"
        assert await bodies(edge, ev.PortalLost) == [], "the strike had a device to go to"


async def restart_in_a_fire_secures_nothing_released(house: House, line: ReaderLine) -> None:
    async with running(house) as edge:
        await ready(edge)
        house.board.set_input(FIRE_LOOP, False)
        await until(edge, ev.EgressReleased)
        await asyncio.sleep(0.2)
    assert house.board.outputs[VAULT] is False, "fire cuts the magnet's current"
    house.board.set_input(FIRE_LOOP, True)  # the panel is quiet again, but nobody has reset it
    house.board.executed.clear()
    async with running(house) as edge:
        await until(edge, ev.EdgeReady, 2)
        await asyncio.sleep(0.5)
        told = [command for _, command in house.board.executed if isinstance(command, Output)]
        locked = [
            c for c in told if c.number == VAULT and c.control == OutputControl.ON_ABORT_TIMED
        ]
        assert locked == [], "a door that a fire had released was locked by a restart"
        freed = [
            c for c in told if c.number == VAULT and c.control == OutputControl.OFF_ABORT_TIMED
        ]
        assert freed, "the release was not repeated after the restart"
        assert house.board.outputs[VAULT] is False
