"""The central process: link, collector and printer put together."""

import asyncio
import io
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from secrets import token_hex

import msgspec

from central.archive_keeping import Keeping
from central.archive_retention import Rules
from central.archives import open_archive
from central.certificates import Expiry
from central.collector import Collector
from central.control_serving import WallSettings, run_served
from central.distributor import Distributor
from central.findings import Finding
from central.orders import Orders
from central.printer import LinePrinter, clean, lines
from central.witness import Witness
from central.witness_key import WitnessKey
from controller.retention import RecordClass
from drivers.mqtt_link import (
    BrokerCertified,
    CallbackFailed,
    InboundDropped,
    LinkFailed,
    LinkReport,
    LinkSettings,
    LinkUp,
    MqttLink,
)
from edge.tls import TlsFiles

PRINT_S_MAX = 2.0
"""What waits to be printed may hold up a stop for no longer."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of JSON for whoever started us: connected and subscribed."""

    ready: bool = True
    broker: str
    archive: str


class LinkLine(msgspec.Struct, frozen=True, kw_only=True):
    link: str
    broker: str
    text: str


class NoticeLine(msgspec.Struct, frozen=True, kw_only=True):
    notice: str


class _Console:
    """Turns findings and link reports into lines. Standard output for entries, error for trouble
    with the link; with JSON everything goes to standard output.
    """

    def __init__(self, archive: str, *, as_json: bool) -> None:
        self._archive = archive
        self._as_json = as_json
        self._printer = LinePrinter(_write)
        self._last = ""
        self._was_ready = False

    def found(self, finding: Finding) -> None:
        self._printer.put(*lines(finding, as_json=self._as_json))

    def link(self, report: LinkReport) -> None:
        match report:
            case LinkUp(broker=broker):
                self._up(broker)
            case LinkFailed(broker=broker, problem=problem, detail=detail, remedy=remedy):
                self._say(problem.value, broker, f"{detail}; {remedy}; trying again")
            case InboundDropped(dropped=dropped):
                self._say("dropped", "", f"{dropped} messages came faster than they were stored")
            case CallbackFailed(detail=detail):
                self._say("fault", "", detail)
            case BrokerCertified():
                pass  # of its end is told where that is near

    def certificate(self, text: str) -> None:
        self._say("certificate", "", text)

    def notice(self, text: str) -> None:
        """Something about central itself."""
        if self._as_json:
            line = NoticeLine(notice=text)
            self._printer.put(msgspec.json.encode(line).decode())
        else:
            self._printer.put(clean(f"-- {text}"))

    def close(self) -> None:
        self._printer.close(PRINT_S_MAX)

    def _up(self, broker: str) -> None:
        self._last = ""
        if self._as_json and not self._was_ready:
            ready = Ready(broker=broker, archive=self._archive)
            self._printer.put(msgspec.json.encode(ready).decode())
        elif not self._as_json:
            self._printer.put(f"-- connected to {broker}, storing into {self._archive}")
        self._was_ready = True

    def _say(self, problem: str, broker: str, text: str) -> None:
        # A broker that stays away is news once, not at every attempt.
        if (said := f"{problem} {text}") == self._last:
            return
        self._last = said
        if self._as_json:
            line = LinkLine(link=problem, broker=broker, text=text)
            self._printer.put(msgspec.json.encode(line).decode())
        else:
            self._printer.put(clean(f"-- broker {broker} {problem.upper()}: {text}"))


class _Noted(logging.Handler):
    """What the parts that central shares with an edge say in their log is told with the rest."""

    def __init__(self, notice: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._notice = notice

    def emit(self, record: logging.LogRecord) -> None:
        self._notice(record.getMessage())


def _write(lines: str) -> None:
    try:
        sys.stdout.write(lines)
        sys.stdout.flush()
    except OSError:
        # Nobody reads. What is buffered must go somewhere when Python ends, or it ends with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


async def serve(
    settings: LinkSettings,
    archive: str,
    state: Path,
    key: WitnessKey | None,
    tls: TlsFiles | None,
    wall: WallSettings,
    *,
    days: Mapping[RecordClass, int],
    share: bool,
    as_json: bool,
) -> None:
    """Until SIGTERM or SIGINT. `state`: where its control socket is, and what it distributes.
    `key`: with which the size of journals is cosigned; None: it is not. `tls`: the files behind
    the settings' own, whose end is told. `days`: for how many each class of entries is kept; one
    that is not named is kept for good. `share`: other archivers have a part of the work where the
    broker can. `wall`: what operators have at the wall. Raises ArchiveError when the archive cannot
    be opened.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a name shows its escape; it is no reason to stop printing.
        sys.stdout.reconfigure(errors="backslashreplace")
    console = _Console(archive, as_json=as_json)
    expiry = None if tls is None else Expiry(tls, console.certificate)

    def heard(report: LinkReport) -> None:
        if expiry is not None and isinstance(report, BrokerCertified):
            expiry.saw_broker(report.until_s)
        console.link(report)

    noted = _Noted(console.notice)
    logging.getLogger().addHandler(noted)
    link = MqttLink(settings, heard)
    looking = None if expiry is None else asyncio.create_task(expiry.run(), name="certificate")
    signs = None if key is None else key.key
    keeping = Keeping(Rules(days, signs), lambda: time.time_ns() // 1_000) if days else None
    witness = None
    if key is not None:
        witness = Witness(key.key, lambda: int(time.time()), key.successions)

    def made(distributor: Distributor | None, orders: Orders | None) -> Collector:
        opening = partial(open_archive, archive)
        share_as = token_hex(8) if share else ""
        return Collector(
            link, opening, console.found, witness, distributor, share_as, orders, keeping
        )

    try:
        await run_served(made, state, wall, stop, console.notice)
    finally:
        if looking is not None:
            looking.cancel()
        logging.getLogger().removeHandler(noted)
        console.close()
