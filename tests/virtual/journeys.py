"""Journals on their way to the archive: the real uplink and collector over a virtual broker."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import ClassVar, NamedTuple, Protocol, TypeVar

from central.archive import Archived, ArchiveError, ForkError, Mark, Receipt
from central.collector import Archive, Collector
from central.findings import EntriesStored, Finding
from controller import ledger
from controller.events import BadgeIgnored, Event, Header, decode_entry, encode, kind_of
from controller.ids import ReaderId
from drivers.mqtt_link import LinkSettings, Publication
from edge import wire
from edge.journal.record import Following
from edge.topics import Topics
from edge.uplink import Uplink
from edge.uplink_reports import UplinkReport
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.link import VirtualLink
from simulators.virtual.loop import virtual_loop
from tests.central.rig import unwitnessed

SITE, EDGE, INCARNATION = "embassy-vienna", "gate-1", "0123456789abcdef"
CENTRAL = "central"
ENTRIES = 2_000
SHOWN = 10
"""Entries of a burst that are shown live beside the journal: enough to get between its batches."""

HEALED_S_MAX = 120.0
"""Everything is stored so soon after the last fault: the longest backoff and one more."""


J = TypeVar("J", bound="Journey")


class Record(NamedTuple):
    seq: int
    entry: bytes
    leaf: bytes
    chain: bytes
    personal: tuple[ledger.Personal, ...] = ()


@cache
def records() -> tuple[Record, ...]:
    """One journal, the same for every journey."""
    body = BadgeIgnored(reader=ReaderId("main-gate-in"), reason="out of turn")
    entries = []
    for seq in range(1, ENTRIES + 1):
        header = Header(
            site=SITE,
            edge=EDGE,
            incarnation=INCARNATION,
            seq=seq,
            kind=kind_of(BadgeIgnored),
            utc_us=1_800_000_000_000_000 + seq,
            mono_us=seq,
            clock_trusted=True,
            cause=f"in-{seq}",
            policy="p1",
        )
        entries.append(encode(Event(header=header, body=body)))
    leaves = [ledger.leaf(entry) for entry in entries]
    chains = accumulate(leaves, ledger.link, initial=ledger.origin(SITE, EDGE, INCARNATION))
    next(chains)
    numbered = enumerate(zip(entries, leaves, chains, strict=True), 1)
    return tuple(Record(seq, *rest) for seq, rest in numbered)


class StoredArchive(Archive, Protocol):
    """One that shows what it stored."""

    def entries(self, site: str, edge: str, incarnation: str) -> Iterator[Archived]: ...


class MemoryArchive:
    """What central has stored."""

    id = "memory"

    def __init__(self) -> None:
        self._stored: dict[int, Archived] = {}
        self._mark = Mark(seq=0, chain=ledger.origin(SITE, EDGE, INCARNATION))

    def store(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        assert (site, edge, batch.incarnation) == (SITE, EDGE, INCARNATION)
        new = []
        for seq, sent in enumerate(batch.entries, batch.first):
            if seq not in self._stored:
                self._stored[seq] = Archived(entry=decode_entry(sent.data), data=sent.data)
                new.append(self._stored[seq])
            elif self._stored[seq].data != sent.data:
                raise ForkError(seq)
        seq, chain = self._mark.seq, self._mark.chain
        while (archived := self._stored.get(seq + 1)) is not None:
            seq, chain = seq + 1, ledger.link(chain, ledger.leaf(archived.data))
        self._mark = Mark(seq=seq, chain=chain, gap=seq < len(self._stored))
        return Receipt(mark=self._mark, new=tuple(new))

    def mark(self, site: str, edge: str, incarnation: str) -> Mark:
        assert (site, edge, incarnation) == (SITE, EDGE, INCARNATION)
        return self._mark

    def entries(self, site: str, edge: str, incarnation: str) -> Iterator[Archived]:
        assert (site, edge, incarnation) == (SITE, EDGE, INCARNATION)
        return iter([self._stored[seq] for seq in sorted(self._stored)])

    def close(self) -> None:
        """Nothing to let go of."""


class ShakyArchive:
    """An archive that outlives central, and fails in a `failing` share of batches: half of them
    before it stored, half of them after.
    """

    def __init__(self, archive: StoredArchive, random: Random) -> None:
        self.id = archive.id
        self.failing = 0.0
        self.failed = 0
        self._archive = archive
        self._random = random

    def store(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        self._fail()
        receipt = self._archive.store(site, edge, batch)
        self._fail()
        return receipt

    def mark(self, site: str, edge: str, incarnation: str) -> Mark:
        return self._archive.mark(site, edge, incarnation)

    def close(self) -> None:
        """Central's end is not its end."""

    def erase(self) -> bool:
        return False

    def _fail(self) -> None:
        if self._random.random() < self.failing / 2:
            self.failed += 1
            raise ArchiveError("planted: the disk did not take it")


class MemoryOutbox:
    """A journal on a disk that outlives the edge; `stored()` is how far the archive has it."""

    incarnation = INCARNATION

    def __init__(self, stored: Callable[[], int]) -> None:
        self.last_seq = 0
        self.acked = 0
        self.too_early: list[int] = []
        """Acknowledged while the archive did not have it."""
        self._stored = stored

    def grow(self, count: int) -> Sequence[Record]:
        first, self.last_seq = self.last_seq, min(self.last_seq + count, ENTRIES)
        return records()[first : self.last_seq]

    async def following(
        self, from_seq: int, limit_entries: int, limit_bytes: int
    ) -> Following[Record]:
        assert limit_bytes == wire.BATCH_ENTRY_BYTES, "a hundred of these entries are less"
        found = records()[from_seq - 1 : min(from_seq - 1 + limit_entries, self.last_seq)]
        return Following(b"", found)

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        assert incarnation == INCARNATION
        if seq > self._stored():
            self.too_early.append(seq)
        self.acked = max(self.acked, seq)


class Journey:
    """One edge, one central and one broker, to all of which things happen."""

    def __init__(
        self, seed: int, archive: StoredArchive, make_collector: type[Collector] = Collector
    ) -> None:
        self.random = Random(seed)
        self.found: list[Finding] = []
        self.reports: list[UplinkReport] = []
        self.kills = 0
        self._make_collector = make_collector
        self._archive = archive
        self.shaky = ShakyArchive(archive, self.random)
        self.outbox = MemoryOutbox(lambda: archive.mark(SITE, EDGE, INCARNATION).seq)
        self.broker = VirtualBroker(
            self.random,
            lambda: 0.002 + self.random.expovariate(100.0),
            persistent=self.random.random() < 0.5,
        )
        self._loop = virtual_loop()
        self._edge, self._edge_link = object(), self._link(EDGE)
        self._central, self._central_link = object(), self._link(CENTRAL)

    def _link(self, name: str) -> VirtualLink:
        settings = LinkSettings(host="virtual", port=1883, client_id=name, keepalive_s=4)
        return VirtualLink(self.broker, settings, lambda _report: None, self.random)

    def start_edge(self) -> None:
        self._edge, self._edge_link = object(), self._link(EDGE)
        witnessed = unwitnessed(self.outbox)
        self.uplink = Uplink(
            self.outbox, self._edge_link, SITE, EDGE, "0", witnessed, self.reports.append
        )
        self.edge_task = self._loop.spawn(self._edge, self.uplink.run(), name="edge")

    def start_central(self) -> None:
        self._central, self._central_link = object(), self._link(CENTRAL)
        collector = self._make_collector(self._central_link, lambda: self.shaky, self.found.append)
        self.central_task = self._loop.spawn(
            self._central, collector.run(asyncio.Event()), name="central"
        )

    # --- what happens to them ---

    def _kill_edge(self) -> None:
        self._kill(self._edge, self._edge_link, EDGE)
        self.start_edge()

    def _kill_central(self) -> None:
        self._kill(self._central, self._central_link, CENTRAL)
        self.start_central()

    def _kill(self, process: object, link: VirtualLink, name: str) -> None:
        self.kills += 1
        self._loop.kill(process)
        link.fence()
        if self.random.random() < 0.5:
            self.broker.reset(name)

    def _later(self, least_s: float, most_s: float, callback: Callable[[], None]) -> None:
        self._loop.outside(self.random.uniform(least_s, most_s), callback)

    def _partition(self) -> None:
        name = self.random.choice((EDGE, CENTRAL))
        self.broker.partition(name)
        self._later(0.5, 15.0, lambda: self.broker.heal(name))

    def _freeze(self) -> None:
        self.broker.freeze()
        self._later(0.5, 15.0, self.broker.thaw)

    def _stop_broker(self) -> None:
        self.broker.stop()
        self._later(0.0, 3.0, self.broker.start)

    def _lose(self) -> None:
        self.broker.lose_next(self.random.randint(1, 10))

    def _unreliable(self) -> None:
        self.broker.lose(self.random.uniform(0.0, 0.3))
        self.broker.double(self.random.uniform(0.0, 0.3))
        self.broker.delay(self.random.uniform(0.0, 0.1), self.random.uniform(0.1, 3.0))
        self.shaky.failing = self.random.uniform(0.0, 0.3)
        self._later(1.0, 8.0, self.reliable)

    def reliable(self) -> None:
        self.broker.lose(0.0)
        self.broker.double(0.0)
        self.broker.delay(0.0, 0.0)
        self.shaky.failing = 0.0

    def _late_wills(self) -> None:
        self.broker.delay_wills(self.random.uniform(0.0, 5.0))

    def _reset(self) -> None:
        self.broker.reset(self.random.choice((EDGE, CENTRAL)))

    def _forge(self) -> None:
        topics = Topics(SITE, EDGE)
        topic = self.random.choice((topics.journal_ack, topics.journal, topics.status))
        forged = wire.Ack(
            incarnation=INCARNATION, stored_up_to=self.outbox.last_seq, chain="0" * 64
        )
        payload = self.random.choice((b"", b"{", wire.encode_ack(forged)))
        retain = self.random.random() < 0.3
        self.broker.forge(Publication(topic=topic, payload=payload, qos=1, retain=retain))

    def _replay(self) -> None:
        for _ in range(5):
            self.broker.replay(self.random.randint(0, 255), retained=self.random.random() < 0.3)

    FAULTS: ClassVar = (
        _kill_edge,
        _kill_central,
        _partition,
        _freeze,
        _stop_broker,
        _lose,
        _unreliable,
        _late_wills,
        _reset,
        _forge,
        _replay,
    )

    # --- the journey ---

    async def travel(self) -> None:
        """All entries are made and all faults begin, in some twenty seconds."""
        self.start_edge()
        self.start_central()
        while self.outbox.last_seq < ENTRIES:
            committed = self.outbox.grow(self.random.randint(1, 100))
            self.uplink.committed(committed[-SHOWN:])
            await asyncio.sleep(self.random.expovariate(2.0))
            if self.random.random() < 0.4:
                self.random.choice(self.FAULTS)(self)

    async def arrive(self) -> None:
        """Nothing else goes wrong; then everything arrives."""
        self.reliable()
        deadline = self._loop.time() + HEALED_S_MAX
        while self.outbox.acked < ENTRIES:
            assert not self.outbox.too_early, "acknowledged what is not stored"
            assert self._loop.time() < deadline, f"{self.outbox.acked} of {ENTRIES} acknowledged"
            for task in (self.edge_task, self.central_task):
                assert not task.done(), task.exception()
            await asyncio.sleep(0.5)

    def check(self) -> None:
        """The archive has every entry, once, in order, byte for byte."""
        assert not self.outbox.too_early, "acknowledged what is not stored"
        stored = list(self._archive.entries(SITE, EDGE, INCARNATION))
        assert [archived.data for archived in stored] == [record.entry for record in records()]
        mark = self._archive.mark(SITE, EDGE, INCARNATION)
        assert (mark.seq, mark.chain, mark.gap) == (ENTRIES, records()[-1].chain, False)
        told = [
            archived.entry.seq
            for finding in self.found
            if isinstance(finding, EntriesStored)
            for archived in finding.new
        ]
        assert len(told) == len(set(told)), "told twice"

    async def end(self) -> None:
        for task in (self.edge_task, self.central_task):
            task.cancel()
        await asyncio.gather(self.edge_task, self.central_task, return_exceptions=True)


async def journey(
    seed: int, archive: StoredArchive, make_collector: type[Collector] = Collector
) -> Journey:
    """From the first entry to the last acknowledgement, checked.

    Raises AssertionError when an entry is missing, doubled, changed, or acknowledged too early.
    """
    return await travelled(Journey(seed, archive, make_collector))


async def travelled(made: J) -> J:
    """The same of a journey that was made."""
    try:
        await made.travel()
        await made.arrive()
        made.check()
    finally:
        await made.end()
    return made
