"""What one event takes of disk, wire and archive, and how far `docs/sizing.py` is from that.

The events are those of a virtual day of four doors without faults, apart by what makes them:
people who pass, and the lease of a door that stands open by schedule. Each kind then goes through
journal, messages and stores of its own, renumbered.
"""

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import psycopg

from central.archive_postgres import PostgresArchive
from central.archive_postgres_schema import NAMESPACE
from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive
from central.findings import EntriesStored, Finding
from controller.events import EffectEnded, Entry, Event, Header, decode_body, encode
from controller.ledger import Personal
from docs import sizing
from drivers.mqtt_link import Publication
from edge import wire
from edge.journal.store import Record
from edge.topics import parse
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.faults import Level
from simulators.virtual.machines import CentralMachine
from simulators.virtual.run import Options, simulate
from tests.bench import Figure
from tests.central.rig import EDGE, SITE, journal
from tests.postgres import PostgresServer, find_server

DAY = Options(seed=1, days=1.0, faults=Level.NONE, portals=4, people=40)
COUNT = 6_000
"""Of each kind, the day's repeated as often as needed: files have a size of their own."""

TOGETHER = 2
"""Entries of one commit, and of one batch at low load, in that day."""

INCARNATION = "0" * 16
LIVE_TOPIC_BYTES = 60
"""Of a live event: `sentrypost/v1/{site}/{edge}/event/{kind}` and what MQTT puts before it."""
FIXED_HEADER_BYTES = 4
"""Of an MQTT publication, beside its topic."""

Sample = Sequence[tuple[Entry, tuple[Personal, ...]]]


@contextmanager
def listening() -> Iterator[tuple[list[tuple[Entry, tuple[Personal, ...]]], Counter[str]]]:
    """What the virtual archive stores meanwhile, and the bytes on the wire by topic."""
    stored: list[tuple[Entry, tuple[Personal, ...]]] = []
    carried: Counter[str] = Counter()
    found, accept = CentralMachine._found, VirtualBroker._accept

    def finding(self: CentralMachine, what: Finding) -> None:
        if isinstance(what, EntriesStored):
            stored.extend((archived.entry, archived.personal) for archived in what.new)
        found(self, what)

    def accepting(self: VirtualBroker, what: Publication) -> None:
        size = len(what.payload) + len(what.topic) + FIXED_HEADER_BYTES
        carried[parse(what.topic).leaf.partition("/event")[0]] += size
        accept(self, what)

    with (
        mock.patch.object(CentralMachine, "_found", finding),
        mock.patch.object(VirtualBroker, "_accept", accepting),
    ):
        yield stored, carried


def apart(stored: Sample) -> tuple[Sample, Sample]:
    """What people made, and what leases did: an effect's name begins with its event's number."""
    leases = {str(entry.seq) for entry, _ in stored if entry.kind == "portal-leased"}

    def of_lease(entry: Entry) -> bool:
        body = decode_body(entry)
        made_by = body.effect.partition(".")[0] if isinstance(body, EffectEnded) else str(entry.seq)
        return made_by in leases

    passing = [one for one in stored if not of_lease(one[0])]
    return passing, [one for one in stored if of_lease(one[0])]


def renumbered(sample: Sample) -> list[Record]:
    """COUNT of them in one journal of their own."""
    records = []
    for seq in range(1, COUNT + 1):
        entry, personal = sample[(seq - 1) % len(sample)]
        header = Header(
            site=SITE,
            edge=EDGE,
            incarnation=INCARNATION,
            seq=seq,
            kind=entry.kind,
            utc_us=entry.utc_us,
            mono_us=entry.mono_us,
            clock_trusted=entry.clock_trusted,
            cause=entry.cause,
            policy=entry.policy,
        )
        body = decode_body(entry)
        assert body is not None, entry.kind
        event = Event(header=header, body=body, personal=personal)
        records.append(Record(seq, encode(event), personal))
    return records


def batches(records: Sequence[Record], count: int) -> Iterator[wire.Batch]:
    for at in range(0, len(records), count):
        sent = tuple(
            wire.SentEntry(entry=one.entry.decode(), personal=one.personal)
            for one in records[at : at + count]
        )
        yield wire.Batch(incarnation=INCARNATION, first=at + 1, entries=sent)


def written_bytes() -> int:
    """By this process to its disks, so far."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["write_bytes"])


async def in_journal(records: Sequence[Record], folder: Path) -> tuple[float, float]:
    """Bytes of the file, and bytes written, for each entry."""
    outbox = await journal(folder)
    before = written_bytes()
    own = [
        Record(
            r.seq, r.entry.replace(INCARNATION.encode(), outbox.incarnation.encode(), 1), r.personal
        )
        for r in records
    ]
    for at in range(0, len(own), TOGETHER):
        await outbox.append(own[at : at + TOGETHER])
    await outbox.close()
    written = written_bytes() - before
    size = sum(file.stat().st_size for file in folder.rglob("*.db"))
    return size / len(own), written / len(own)


def in_archive(records: Sequence[Record], archive: SqlArchive) -> None:
    for batch in batches(records, wire.BATCH_ENTRIES_MAX):
        archive.store(SITE, EDGE, batch)
    archive.close()


def in_postgres(records: Sequence[Record], server: PostgresServer) -> float:
    where = server.make()
    in_archive(records, PostgresArchive(where))
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute("VACUUM FULL")  # what a table of a few thousand rows has to spare
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'",
            (NAMESPACE,),
        ).fetchone()
    assert row is not None
    return float(row[0]) / len(records)


def measured(sample: Sample, events: float, around: float, folder: Path) -> sizing.Footprint:
    """`around`: bytes of live view and acknowledgements for each entry."""
    folder.mkdir()
    records = renumbered(sample)
    size, written = asyncio.run(in_journal(records, folder / "journal"))
    sent = sum(len(wire.encode_batch(batch)) for batch in batches(records, TOGETHER))
    live = sum(len(one.entry) for one in records)
    queued = sum(len(wire.encode_batch(b)) for b in batches(records, wire.BATCH_ENTRIES_MAX))
    in_archive(records, SqliteArchive(folder / "archive.db"))
    postgres = 0.0
    if find_server() is not None:
        with closing(PostgresServer()) as server:
            postgres = in_postgres(records, server.start())
    return sizing.Footprint(
        events=events,
        journal=size,
        written=written,
        wire=(sent + live) / COUNT + around,
        backlog=queued / COUNT,
        sqlite=(folder / "archive.db").stat().st_size / COUNT,
        postgres=postgres,
    )


def compared(name: str, found: sizing.Footprint, model: sizing.Footprint) -> Iterator[Figure]:
    for field, value in found._asdict().items():
        unit = "" if field == "events" else "bytes"
        stands = getattr(model, field)
        yield Figure(f"{name}, {field}", value, unit, f"docs/sizing.py has {stands:,.4g}")


def run() -> list[Figure]:
    """One virtual day, then files, messages and stores of what happened in it."""
    logging.disable(logging.CRITICAL)
    with listening() as (stored, carried):
        verdict = simulate(DAY)
    logging.disable(logging.NOTSET)
    assert not verdict.broken, verdict.broken
    passing, leased = apart(stored)
    passages = verdict.entries["passage-made"] + verdict.entries["exit-let-go"]
    hours = verdict.entries["portal-leased"] / 360
    around = carried["journal/ack"] / len(stored) + LIVE_TOPIC_BYTES
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        people = measured(passing, len(passing) / passages, around, Path(name) / "people")
        lease = measured(leased, len(leased) / hours, around, Path(name) / "leases")
    checkpoints = (carried["checkpoint"] + carried["checkpoint/ack"]) / sizing.CHECKPOINTS_A_DAY
    stands = f"docs/sizing.py has {sizing.CHECKPOINT_WIRE:,}"
    return [
        *compared("an event of a passage", people, sizing.PASSAGE),
        *compared("an event of a lease", lease, sizing.LEASED_HOUR),
        Figure("a checkpoint and its answer", checkpoints, "bytes", stands),
    ]
