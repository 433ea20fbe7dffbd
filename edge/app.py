"""The composition root: the only place where real clocks, lines, disks and brokers are chosen."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from random import SystemRandom

from drivers.mqtt_link import LinkReport, LinkSettings, MqttLink
from edge.assembly import Edge, Outside, assembled
from edge.clock import SystemClock
from edge.config import Config
from edge.control.place import SOCKET, STATE_MODE
from edge.control.server import ControlServer
from edge.journal import JournalWriter
from edge.lines import build_lines
from edge.people import People, PinChecker, PinHasher, load_site_key

CLOSE_WITHIN_S = 2.0
"""What the end waits for the journal's last checkpoint; a disk that hangs must not keep us."""

log = logging.getLogger(__name__)


class EdgeFailedError(Exception):
    """Something happened that must not: a bug, or a broken assumption. The edge has ended."""


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
            outside = Outside(
                key=key,
                clock=SystemClock(config.trust_clock),
                entropy=os.urandom,
                jitter=SystemRandom(),
                drivers=drivers,
                writer=writer,
                people=people,
                pins=pins,
                link=_link(config),
            )
            try:
                edge = await assembled(config, outside)
                control = ControlServer.open(edge.desk, config.state / SOCKET)
                edge.alongside["control"] = control.run
                try:
                    yield edge
                finally:
                    control.close()
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


def _link(config: Config) -> Callable[[Callable[[LinkReport], None]], MqttLink] | None:
    """What connects to the broker, where the site file names one."""
    if config.broker is None:
        return None
    settings = LinkSettings(
        host=config.broker.host,
        port=config.broker.port,
        client_id=f"{config.site}.{config.edge}",
        username=config.broker.username,
        password=config.broker_password,
    )
    return lambda report: MqttLink(settings, report)
