"""The composition root: the only place where real clocks, lines, disks and brokers are chosen."""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

from drivers.cameras.camera import CameraProcess
from drivers.faces.faces import Faces
from drivers.mqtt_link import LinkReport, MqttLink
from edge.assembly import Edge, Outside, assembled
from edge.ballast import Ballast
from edge.broker_link import broker_settings
from edge.camera_views import CameraViews
from edge.cameras import build_cameras, simulated_distances
from edge.clock import SystemClock, boot_time
from edge.config import Config
from edge.control.listening import ControlError
from edge.control.pages import serve_pages
from edge.control.place import PAGES_SOCKET, PEOPLE_FILE, SOCKET, STATE_MODE
from edge.control.server import ControlServer
from edge.cosigned_beside import CosignedBeside
from edge.descriptors import DescriptorsSaid
from edge.duress import Sealer
from edge.journal import JournalError, JournalWriter
from edge.journal_keys import journal_key
from edge.kept import keep, kept_instead
from edge.lines import build_lines
from edge.order_key import order_key
from edge.people import People, PeopleError, PinChecker, PinHasher, load_site_key
from edge.pictures.beside import open_at_rest
from edge.renewal import sound_journal
from edge.safe_mode import UNCLEAN_ENDS, Run, note_service
from edge.service_manager import ServiceManager, service_manager
from edge.signins.beside import opened as opened_sign_ins
from edge.tls import identity
from edge.undisturbed import set_aside
from edge.views_file import VIEWS_FILE
from edge.watchdog import Watchdog, extend_start

ASIDE_S = 1.0
"""What is waited for a note in the state folder; without it the end counts as unclean, no more."""

CLOSE_WITHIN_S = 2.0
"""What the end waits for the journal's last checkpoint; a disk that hangs must not keep us."""

NETWORK = "network"
"""In the state folder: the recognition network as it was converted, made anew where it is gone."""

log = logging.getLogger(__name__)


class EdgeFailedError(Exception):
    """Something happened that must not: a bug, or a broken assumption. The edge has ended."""


async def serve(config: Config) -> None:
    """Run one edge until SIGTERM or SIGINT. Raises what `opened` does, and EdgeFailedError."""
    manager = service_manager(os.environ, os.getpid())
    run = Run(config.state, boot_time)
    if run.safe_mode:
        log.critical("safe mode: the edge ended %d times without being asked to", UNCLEAN_ENDS)
        kept = kept_instead(config)
        if kept is not None:
            log.critical("the site file and policy that last served are in force, not the present")
            config = kept
    async with opened(config, run, manager) as edge:

        def stop() -> None:
            if manager is not None:
                manager.tell("STOPPING=1")
            edge.daemon.stop()

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(DescriptorsSaid())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        set_aside()
        try:
            await edge.run()
        except ExceptionGroup as group:
            why = "; ".join(f"{type(error).__name__}: {error}" for error in _leaves(group))
            log.critical("the edge ends: %s", why, exc_info=group)
            raise EdgeFailedError(why) from group
        await aside(run.ended)


async def aside(action: Callable[[], None]) -> None:
    """Do it on a thread that nobody waits for longer than ASIDE_S: its disk may hang."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def act() -> None:
        action()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=act, name="aside", daemon=True).start()
    try:
        async with asyncio.timeout(ASIDE_S):
            await done.wait()
    except TimeoutError:
        log.error("the disk of the state folder does not answer")


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


@asynccontextmanager
async def opened(
    config: Config, run: Run, manager: ServiceManager | None = None
) -> AsyncIterator[Edge]:
    """An edge with its journal and people open, its state restored and nothing running yet.

    `run` is told that it began, or was refused. Raises JournalError, PeopleError, SiteKeyError,
    ControlError or LineError, each with its remedy, when the edge cannot start.
    """
    key = load_site_key(config.site_key)
    drivers = build_lines(config.lines)
    config.state.mkdir(mode=STATE_MODE, parents=True, exist_ok=True)
    signing, ordering = journal_key(config.state), order_key(config.state)
    # The journal first: its lock knows who has it.
    async with _journal(config) as writer:
        run.begin()
        try:
            with People.open(config.state / PEOPLE_FILE, create=True) as people:
                pins = PinChecker(people.pin, PinHasher(), Sealer(config.recipients))
                jitter = SystemRandom()
                cameras = _cameras(config, jitter)
                outside = Outside(
                    key=key,
                    journal_key=signing,
                    order_key=ordering,
                    clock=SystemClock(config.trust_clock),
                    entropy=os.urandom,
                    jitter=jitter,
                    drivers=drivers,
                    writer=writer,
                    people=people,
                    pins=pins,
                    ballast=Ballast(config.state),
                    link=_link(config),
                    identity=None if config.tls is None else partial(identity, config.tls),
                    unclean=run.unclean,
                    safe_mode=run.safe_mode,
                    views=config.state / VIEWS_FILE,
                    cameras=cameras,
                    faces=_faces(config, cameras, jitter),
                    distances=simulated_distances(config.cameras),
                    pictures=open_at_rest(config, cameras=bool(config.cameras)),
                    cosigned=CosignedBeside(config.state),
                )
                try:
                    with opened_sign_ins(config, key, people, os.urandom, _show) as means:
                        outside = outside._replace(signing_in=means)
                        async with _served(config, outside, run, manager) as edge:
                            yield edge
                finally:
                    pins.close()
                    outside.pictures.close()
                    for camera in cameras.values():
                        camera.close()
        except (JournalError, PeopleError, ControlError):
            run.refused()
            raise


def _show(code: str) -> None:
    """The first administrator's code, where somebody has started the edge in a terminal: standard
    output of a service goes into a log.
    """
    if sys.stdout.isatty():
        sys.stdout.write(f"one-time code for the first administrator at the pages: {code}\n")
        sys.stdout.flush()


def _cameras(config: Config, jitter: Random) -> dict[str, CameraProcess]:
    views = CameraViews(config.state)
    return build_cameras(config.cameras, jitter, views.known(config.cameras), views.keep)


def _faces(config: Config, cameras: Mapping[str, CameraProcess], jitter: Random) -> Faces | None:
    """What compares faces, where there is anything to see them with."""
    if not cameras:
        return None
    memories = {name: camera.memory for name, camera in cameras.items()}
    return Faces(memories, config.state / NETWORK, jitter=jitter)


@asynccontextmanager
async def _served(
    config: Config, outside: Outside, run: Run, manager: ServiceManager | None
) -> AsyncIterator[Edge]:
    """The edge with its control socket, and with what is noted and told of it while it runs."""
    async with _extended(manager, outside.writer):
        edge = await assembled(config, outside)
    control = ControlServer.open(edge.desk, config.state / SOCKET)
    edge.alongside["control"] = control.run
    edge.alongside["pages"] = partial(serve_pages, edge.desk, _pages_socket(config))
    # What the start serves by; a policy that is loaded meanwhile has to last for itself.
    began = edge.policy.config
    edge.alongside["service note"] = partial(note_service, run, partial(keep, began), aside)
    if not run.safe_mode:
        edge.alongside["policy note"] = partial(edge.policy.note_service, keep, aside)
    if manager is not None:
        edge.alongside["watchdog"] = Watchdog(manager, edge).run
    try:
        yield edge
    finally:
        control.close()


def _pages_socket(config: Config) -> Path:
    named = config.pages.socket
    return config.state / PAGES_SOCKET if named is None else config.file.parent / named


@asynccontextmanager
async def _extended(manager: ServiceManager | None, writer: JournalWriter) -> AsyncIterator[None]:
    """A start that reads on is given its time."""
    if manager is None:
        yield
        return
    asking = asyncio.create_task(extend_start(manager, writer), name="extend start")
    try:
        yield
    finally:
        asking.cancel()


@asynccontextmanager
async def _journal(config: Config) -> AsyncIterator[JournalWriter]:
    now_us = time.time_ns() // 1_000

    async def opening(folder: Path, shrunk: bool) -> JournalWriter:
        return await JournalWriter.open(
            folder,
            site=config.site,
            edge=config.edge,
            entropy=os.urandom,
            utc_us=now_us,
            shrunk=shrunk,
        )

    writer = await sound_journal(config.state, opening, now_us)
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
    settings = broker_settings(config)
    if settings is None:
        return None
    return lambda report: MqttLink(settings, report)
