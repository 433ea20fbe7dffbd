"""The composition root: the only place where real clocks, lines, disks and brokers are chosen."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from random import SystemRandom
from typing import NamedTuple

from controller.site import Site
from controller.state import SiteState
from controller.turn import Origin
from drivers.api import Driver
from drivers.mqtt_link import LinkSettings, MqttLink
from edge.clock import SystemClock
from edge.config import Config
from edge.control.place import SOCKET, STATE_MODE
from edge.control.server import ControlServer
from edge.daemon import Daemon
from edge.desk import DaemonDesk
from edge.journal import JournalWriter, Record
from edge.keypads import Keypads
from edge.lines import build_lines
from edge.people import People, PinCheck, PinChecker, PinHasher, SiteKey, load_site_key
from edge.reports import Reports
from edge.restore import restored_state
from edge.uplink import Uplink
from edge.wiring import Wiring

SENT_WITHIN_S = 2.0
"""What a stop waits for the archive's word on the last entries; the next start sends the rest."""

SENT_LOOK_S = 0.02

CLOSE_WITHIN_S = 2.0
"""What the end waits for the journal's last checkpoint; a disk that hangs must not keep us."""

log = logging.getLogger(__name__)


class EdgeFailedError(Exception):
    """Something happened that must not: a bug, or a broken assumption. The edge has ended."""


class Edge(NamedTuple):
    """A daemon ready to run, and what runs beside it."""

    daemon: Daemon
    alongside: Mapping[str, Callable[[], Coroutine[None, None, None]]]
    uplink: Uplink | None

    async def run(self) -> None:
        """Serve until `daemon.stop`. Raises ExceptionGroup when a task of it fails."""
        await self.daemon.run(self.alongside, self._sent)

    async def _sent(self) -> None:
        """Until the archive has everything, for so long as it is there and within a limit."""
        if self.uplink is None:
            return
        try:
            async with asyncio.timeout(SENT_WITHIN_S):
                # The status has no event, and nothing else waits here.
                while self.uplink.status.connected and self.uplink.status.behind:  # noqa: ASYNC110
                    await asyncio.sleep(SENT_LOOK_S)
        except TimeoutError:
            log.warning("stopping before the archive has the last entries")


async def serve(config: Config) -> None:
    """Run one edge until SIGTERM or SIGINT. Raises what `opened` does, and EdgeFailedError."""
    async with opened(config) as edge:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, edge.daemon.stop)
        try:
            await edge.run()
        except ExceptionGroup as group:
            why = "; ".join(f"{type(error).__name__}: {error}" for error in _leaves(group))
            log.critical("the edge ends: %s", why, exc_info=group)
            raise EdgeFailedError(why) from group


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Edge]:
    """An edge with its journal and people open, its state restored and nothing running yet.

    Raises JournalError, PeopleError, SiteKeyError or LineError, each with its remedy, when the
    edge cannot start.
    """
    key = load_site_key(config.site_key)
    drivers = build_lines(config.lines)
    config.state.mkdir(mode=STATE_MODE, parents=True, exist_ok=True)
    # The journal first: its lock knows who has it.
    async with _journal(config) as writer:
        with People.open(config.state / "site.db", create=True) as people:
            pins = PinChecker(people.pin_hash, PinHasher())
            try:
                async with _assembled(config, key, people, writer, pins, drivers) as edge:
                    yield edge
            finally:
                pins.close()


@asynccontextmanager
async def _journal(config: Config) -> AsyncIterator[JournalWriter]:
    writer = await JournalWriter.open(
        config.state / "journal",
        site=config.site,
        edge=config.edge,
        entropy=os.urandom,
        utc_us=time.time_ns() // 1_000,
    )
    try:
        yield writer
    finally:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await writer.close()
        except TimeoutError:
            log.error("the journal's disk does not answer; the next start replays its log")


@asynccontextmanager
async def _assembled(
    config: Config,
    key: SiteKey,
    people: People,
    writer: JournalWriter,
    pins: PinCheck,
    drivers: Mapping[str, Driver],
) -> AsyncIterator[Edge]:
    """Everything that is open, put together; the control socket is open inside."""
    state = await restored_state(writer)
    settle_people(people, state)
    keypads = Keypads()
    uplink = build_uplink(config, writer)
    listeners: list[Callable[[Sequence[Record]], None]] = []

    def committed(records: Sequence[Record]) -> None:
        for listener in listeners:
            listener(records)

    daemon = Daemon(
        site=Site(Origin(config.site, config.edge, writer.incarnation), config.policy, state),
        writer=writer,
        people=people,
        wiring=Wiring(config, people, key, keypads, os.urandom),
        keypads=keypads,
        pins=pins,
        drivers=drivers,
        clock=SystemClock(config.trust_clock),
        jitter=SystemRandom(),
        version=version("sentrypost"),
        committed=committed,
    )
    desk = DaemonDesk(daemon, config, key, uplink, version("sentrypost"))
    control = ControlServer.open(desk, config.state / SOCKET)
    listeners.append(desk.committed)
    alongside: dict[str, Callable[[], Coroutine[None, None, None]]] = {
        "control": control.run,
        "desk": desk.run,
    }
    if uplink is not None:
        listeners.append(uplink.committed)
        alongside["uplink"] = uplink.run
    try:
        yield Edge(daemon, alongside, uplink)
    finally:
        control.close()


def settle_people(people: People, state: SiteState) -> None:
    """A change that waited for its entry when the edge ended is in force if the entry is there."""
    staged = people.staged
    if staged is None:
        return
    recorded = (state.holders_version, state.holders_digest) == (staged.version, staged.digest)
    people.settle(state.holders_seq if recorded else None)


def build_uplink(config: Config, writer: JournalWriter) -> Uplink | None:
    """The way to the archive, where the site file names a broker."""
    if config.broker is None:
        return None
    settings = LinkSettings(
        host=config.broker.host,
        port=config.broker.port,
        client_id=f"{config.site}.{config.edge}",
        username=config.broker.username,
        password=config.broker_password,
    )
    reports = Reports()
    return Uplink(
        writer,
        MqttLink(settings, reports.tell),
        config.site,
        config.edge,
        version("sentrypost"),
        reports.tell,
    )
