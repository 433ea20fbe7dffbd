"""An edge's journal and uplink, and a central, around a real broker."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path

from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive
from central.collector import Archive, Collector
from central.distributor import Distributor
from central.findings import Finding
from central.witness import Witness
from controller import ledger
from controller.events import BadgeIgnored, Body, DecisionMade, Event, Header, encode, kind_of
from controller.ids import AttemptId, PortalId, ReaderId
from drivers.mqtt_link import LinkReport, LinkSettings, MqttLink
from edge.journal.store import Record
from edge.journal.writer import JournalWriter
from edge.uplink import Uplink
from edge.uplink_reports import UplinkReport
from edge.witnessed import Sizes, Witnessed
from policies.codes import Code
from policies.facts import CredentialStatus, Decision, Direction, HolderFacts, Request

SITE, EDGE = "embassy-vienna", "gate-1"
NAME = "Ingeborg Sähnd-Brönner"
"""Looked for in everything that must not hold it."""

ROOT = Path(__file__).parents[2]


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    """Wait until it holds; fails naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.01)


def settings(port: int, name: str, **options: object) -> LinkSettings:
    """Quick to come back, so that a test need not wait."""
    defaults: dict[str, object] = {"backoff_s_min": 0.05, "backoff_s_max": 0.3}
    return LinkSettings(host="127.0.0.1", port=port, client_id=name, **(defaults | options))  # type: ignore[arg-type]


def decision(number: int) -> tuple[Body, tuple[ledger.Personal, ...]]:
    person = ledger.Personal(field="person", value=NAME, salt=f"{number:032x}")
    request = Request(
        portal="main-gate",
        direction=Direction.ENTRY,
        utc_s=1_800_000_000 + number,
        clock_trusted=True,
        credential=CredentialStatus.ACTIVE,
        holder=HolderFacts(id="h-7f3a", version=1, roles=("staff",)),
    )
    body = DecisionMade(
        attempt=AttemptId(f"a-{number}"),
        reader=ReaderId("main-gate-in"),
        portal=PortalId("main-gate"),
        direction=Direction.ENTRY,
        policy="f" * 64,
        request=request,
        decision=Decision(granted=False, code=Code.OUT_OF_SCHEDULE),
        person=ledger.commitment(person),
    )
    return body, (person,)


def record(
    incarnation: str, seq: int, *, site: str = SITE, edge: str = EDGE, reason: str = "out of turn"
) -> Record:
    """Entry `seq`: every tenth is a decision about NAME, the others a badge that was ignored."""
    body: Body = BadgeIgnored(reader=ReaderId("main-gate-in"), reason=f'{reason} "{seq}" \\ é ☃')
    personal: tuple[ledger.Personal, ...] = ()
    if seq % 10 == 0:
        body, personal = decision(seq)
    header = Header(
        site=site,
        edge=edge,
        incarnation=incarnation,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=1_800_000_000_000_000 + seq,
        mono_us=seq,
        clock_trusted=True,
        cause=f"in-{seq}",
        policy="p1",
    )
    return Record(seq, encode(Event(header=header, body=body, personal=personal)), personal)


async def journal(folder: Path, *, site: str = SITE, edge: str = EDGE) -> JournalWriter:
    return await JournalWriter.open(folder, site=site, edge=edge, entropy=os.urandom, utc_us=1)


def unwitnessed(sizes: Sizes) -> Witnessed:
    """For an edge that knows no witness."""
    return Witnessed(sizes, lambda: (), None, lambda _: None)


class EdgeRig:
    """One edge: journal, link and uplink."""

    def __init__(self, outbox: JournalWriter, link: MqttLink, uplink: Uplink) -> None:
        self.outbox = outbox
        self.link = link
        self.uplink = uplink
        self.reports: list[UplinkReport] = []
        self.link_reports: list[LinkReport] = []

    async def happen(self, count: int, *, at_once: int = 50) -> None:
        """`count` events are committed and handed to the uplink."""
        last = self.outbox.last_seq + count
        while self.outbox.last_seq < last:
            first = self.outbox.last_seq + 1
            records = [
                record(self.outbox.incarnation, seq, site=self.outbox.site, edge=self.outbox.edge)
                for seq in range(first, min(first + at_once, last + 1))
            ]
            await self.outbox.append(records)
            self.uplink.committed(records)

    async def acked(self, seq: int, timeout_s: float = 15.0) -> None:
        await until(lambda: self.outbox.acked >= seq, f"acknowledged up to {seq}", timeout_s)


@contextlib.asynccontextmanager
async def running_edge(
    folder: Path, port: int, *, site: str = SITE, edge: str = EDGE, **options: object
) -> AsyncIterator[EdgeRig]:
    outbox = await journal(folder, site=site, edge=edge)
    link_reports: list[LinkReport] = []
    reports: list[UplinkReport] = []
    link = MqttLink(settings(port, f"{site}-{edge}", **options), link_reports.append)
    uplink = Uplink(outbox, link, site, edge, "0.1.0", unwitnessed(outbox), reports.append)
    rig = EdgeRig(outbox, link, uplink)
    rig.reports, rig.link_reports = reports, link_reports
    try:
        async with running(uplink.run(), "uplink"):
            yield rig
    finally:
        await outbox.close()


@contextlib.asynccontextmanager
async def running(
    coroutine: Coroutine[object, object, None], name: str
) -> AsyncIterator[asyncio.Task[None]]:
    """A task beside the block, cancelled at its end; its own error fails the test."""
    task = asyncio.create_task(coroutine, name=name)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def running_central(
    path: Path,
    port: int,
    *,
    make: type[Collector] = Collector,
    open_archive: Callable[[], Archive] | None = None,
    witness: Witness | None = None,
    distributor: Distributor | None = None,
) -> AsyncIterator[list[Finding]]:
    found: list[Finding] = []
    stop = asyncio.Event()
    link = MqttLink(settings(port, "central"), lambda _report: None)
    opening = open_archive or (lambda: SqliteArchive(path))
    collector = make(link, opening, found.append, witness, distributor)
    task = asyncio.create_task(collector.run(stop), name="central")
    try:
        await until(lambda: link.connected or task.done(), "central connected")
        yield found
    finally:
        stop.set()
        await task


class CentralProcess:
    """`sentrypost central run` as a process."""

    def __init__(self, port: int, path: Path, *options: str, archive: str | None = None) -> None:
        """`archive`: where it is, if not in the file `path`."""
        self._lines = path.with_suffix(".out")
        command = "from central.commands import central; central()"
        with self._lines.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", command, "run", "--broker", f"127.0.0.1:{port}"),
                    *("--archive", archive or str(path)),
                    *("--state", str(path.with_suffix(".state")), *options),
                ],
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )

    @property
    def output(self) -> str:
        return self._lines.read_text()

    @property
    def json_lines(self) -> list[dict[str, object]]:
        return [
            json.loads(line) for line in self.output.splitlines(keepends=True) if line[-1:] == "\n"
        ]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)


async def assert_complete(path: Path, rig_records: Sequence[Record], outbox: JournalWriter) -> None:
    """The archive's rows are the journal's: all, once, in order, same bytes, same chain."""
    with contextlib.closing(SqliteArchive(path)) as archive:
        assert_holds(archive, rig_records, outbox)


def assert_holds(archive: SqlArchive, rig_records: Sequence[Record], outbox: JournalWriter) -> None:
    """The same of an archive that is open."""
    rows = list(archive.entries(outbox.site, outbox.edge, outbox.incarnation))
    assert [row.entry.seq for row in rows] == [stored.seq for stored in rig_records]
    assert [row.data for row in rows] == [stored.entry for stored in rig_records]
    assert [row.personal for row in rows] == [stored.personal for stored in rig_records]
    chain = ledger.origin(outbox.site, outbox.edge, outbox.incarnation)
    for row in rows:
        chain = ledger.link(chain, ledger.leaf(row.data))
    assert chain == outbox.head
    mark = archive.mark(outbox.site, outbox.edge, outbox.incarnation)
    assert (mark.seq, mark.chain, mark.gap) == (len(rows), chain, False)


async def stored_in(outbox: JournalWriter) -> list[Record]:
    """Everything in the journal."""
    found: list[Record] = []
    while records := await outbox.read(len(found) + 1, 500, 4 * 1024 * 1024):
        found += records
    return found
