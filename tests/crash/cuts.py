"""One journal through many power cuts, and what must be there after each.

The daemon's own `Recorder`, `JournalWriter` and `Journal` on a simulated disk, in virtual time:
eight producers record, and beside them everything else that writes to a journal goes on, on a disk
that also fails its syncs, fills up and hangs. The power goes in front of an operation of the disk,
so that something is always in flight; of what was not synced some sectors arrive and others do not.
"""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.events import BadgeIgnored, EntryDropped, Event, Header, kind_of
from controller.events_people import ErasedValues
from controller.ids import ReaderId
from controller.ledger import Personal, commitment
from controller.merkle import Frontier
from edge.journal import JournalError, JournalFailed, JournalWriter, Record, Signers
from edge.journal.checkpoints import Kept
from edge.notes import Algorithm, NoteKey, cosignature, signed
from edge.recorder import Recorder, record_of
from edge.signatures import SigningKey
from simulators.virtual.disk import Disk
from simulators.virtual.hand import VirtualHand, disk_latency
from simulators.virtual.loop import run, virtual_loop
from tests.edge.journal.support import EDGE, SALT, SITE, entropy
from tests.virtual.disks import FOLDER, disk_of

PRODUCERS = 8
EACH_S = 0.004
"""Between two entries of one producer, on average: one commit serves several."""

DOWN_EACH_S = 0.05
"""While the journal is down: everything has to fit into memory."""

KEEP_EACH_S = 0.01
"""Between two other things."""

LIVES = 5
"""Power cuts in a row of one journal."""

PERSON_ONE_IN = 3
BASE_US = 1_700_000_000_000_000
BETWEEN_ENTRIES_US = 3 * 3_600_000_000
"""By the wall clock of the entries: months pass in a life."""

LIFE_S = 5.0
"""Whoever has met no cut by then meets it now."""

OWN = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
CENTRAL = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
WITNESS = NoteKey("central", CENTRAL.public, Algorithm.WITNESS)

Deed = Callable[[], Awaitable[None]]

KEPT, LOST, RUINED, MORE, DOWN = "kept", "lost", "ruined", "more than was said", "disk failed"
COPY = "a copy in a divided page"


class Known:
    """What was recorded, and what of it was acknowledged."""

    def __init__(self) -> None:
        self.made: dict[int, Record] = {}
        """The newest record that was given each number."""
        self.acked = 0
        self.archived = 0
        self.snapshot = -1
        self.cosigned = 0
        self.going: set[int] = set()
        """Entries whose value was to be erased: it may be gone."""
        self.gone: set[int] = set()
        """Of these it was said that it is."""
        self.copies: set[int] = set()
        """Of these a copy is left in a page that SQLite has divided."""
        self.found = Counter[str]()

    def forgive(self) -> None:
        """A device that lied may have lost what is beside the entries, which costs a little work:
        the archive says its number again, a snapshot a longer replay.
        """
        self.archived, self.snapshot, self.cosigned, self.gone = 0, -1, 0, set()

    def is_there(self, last_seq: int) -> None:
        """From here on what is there counts: what was lost is a fault once."""
        self.made = {seq: one for seq, one in self.made.items() if seq <= last_seq}
        self.acked = last_seq
        self.going = {seq for seq in self.going if seq <= last_seq}
        self.gone &= self.going
        self.copies &= self.gone


def token(seq: int) -> bytes:
    """What the value about a person begins with, and nothing else has."""
    return f"<person {seq}>".encode()


def entry(incarnation: str, seq: int) -> Event:
    """Number `seq`; every third commits to a value about a person that no other entry has."""
    value = Personal("badge", token(seq).decode() + "p" * (seq * 37 % 300), SALT)
    personal = () if seq % PERSON_ONE_IN else (value,)
    body = BadgeIgnored(
        reader=ReaderId("r1"),
        reason="r" * (seq * 53 % 400),
        badge=commitment(value) if personal else None,
    )
    return Event(
        header=header(incarnation, seq, kind_of(BadgeIgnored)), body=body, personal=personal
    )


def header(incarnation: str, seq: int, kind: str) -> Header:
    return Header(
        site=SITE,
        edge=EDGE,
        incarnation=incarnation,
        seq=seq,
        kind=kind,
        utc_us=BASE_US + seq * BETWEEN_ENTRIES_US,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )


def state_after(seq: int) -> bytes:
    """A snapshot's bytes."""
    return Random(seq).randbytes(seq * 131 % 9_000)


class Life:
    """One process on the disk, from its opening to the cut."""

    def __init__(self, disk: Disk, chance: Random, known: Known) -> None:
        self._disk, self._chance, self.known = disk, chance, known
        self.writer: JournalWriter
        self.recorder: Recorder
        self._next = 1

    async def run(self) -> None:
        """Until the power goes. Raises JournalError where the journal cannot be opened."""
        await self.open()
        await self.look()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.recorder.run())
            tasks.create_task(self._keep())
            for _ in range(PRODUCERS):
                tasks.create_task(self._produce())

    async def open(self) -> None:
        """Open the journal, with its errors."""
        hand = VirtualHand(disk_latency(self._disk, self._chance))
        self.writer = writer = await JournalWriter.open(
            FOLDER, site=SITE, edge=EDGE, entropy=entropy, utc_us=1, disk=self._disk, hand=hand
        )
        self._next = writer.last_seq + 1
        self.recorder = Recorder(
            writer,
            carry=lambda _: None,
            committed=self._committed,
            failed=self._failed,
            recovered=self._recovered,
            header=lambda seq: header(writer.incarnation, seq, kind_of(EntryDropped)),
            make_room=self._make_room,
        )

    # --- what is done -----------------------------------------------------------------------

    async def _produce(self) -> None:
        while True:
            each_s = EACH_S if not self.recorder.down else DOWN_EACH_S
            await asyncio.sleep(self._chance.expovariate(1 / each_s))
            self.record()

    def record(self) -> None:
        """The next entry."""
        event = entry(self.writer.incarnation, self._next)
        self.known.made[self._next] = record_of(event)
        self._next += 1
        self.recorder.record((event,), ())

    async def _keep(self) -> None:
        """All that writes to a journal beside its entries, and what befalls a disk."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / KEEP_EACH_S))
            await self.do(self._chance.choice((*self.deeds, self._befall)))

    @property
    def deeds(self) -> tuple[Deed, ...]:
        """What writes to a journal beside its entries."""
        return self._snapshot, self._archive, self._cosign, self._erase, self._seal

    async def do(self, deed: Deed) -> None:
        """As far as the disk allows it now."""
        try:
            await deed()
        except JournalFailed:
            self.known.found[DOWN] += 1

    async def _snapshot(self) -> None:
        seq = self.writer.last_seq
        await self.writer.put_snapshot(seq, state_after(seq), seq)
        self.known.snapshot = max(self.known.snapshot, seq)

    async def _archive(self) -> None:
        seq = self._chance.randint(self.writer.acked, self.writer.last_seq)
        await self.writer.set_acked(seq, incarnation=self.writer.incarnation)
        self.known.archived = seq

    async def _cosign(self) -> None:
        kept = await self.writer.checkpoint(self._signed, self._utc_us)
        await self._noted(kept)

    async def _seal(self) -> None:
        """Another segment."""
        kept = await self.writer.seal(self._signed, self._utc_us)
        if kept is not None:
            await self._noted(kept)

    async def _noted(self, kept: Kept) -> None:
        """The witness's word comes back."""
        text = kept.note.rpartition("\n\n")[0] + "\n"
        line = cosignature(text, WITNESS.name, CENTRAL, BASE_US // 1_000_000)
        await self.writer.note_cosigned(kept.size, kept.note + line)
        self.known.cosigned = max(self.known.cosigned, kept.size)

    def _signed(self, tree: Frontier) -> str:
        name = log_name(SITE, EDGE, self.writer.incarnation)
        return signed(Checkpoint(name, tree.size, tree.root).text, name, OWN)

    @property
    def _utc_us(self) -> int:
        return BASE_US + self._next * BETWEEN_ENTRIES_US

    async def _erase(self) -> None:
        last = self.writer.last_seq
        with_values = range(PERSON_ONE_IN, last + 1, PERSON_ONE_IN)
        if not with_values:
            return
        some = set(self._chance.sample(with_values, min(5, len(with_values))))
        self.known.going |= some
        ranges = tuple((seq, seq) for seq in sorted(some))
        await self.writer.remove([ErasedValues(fields=("badge",), entries=ranges)])
        await self.writer.settle_erasures(last)
        self.known.gone |= some
        self._note_copies()

    async def _befall(self) -> None:
        match self._chance.randrange(4):
            case 0:
                self._disk.syncs_to_fail = self._chance.randint(1, 4)
            case 1:
                self._disk.fill()
                await asyncio.sleep(self._chance.uniform(0, 3))
                self._disk.limit_bytes = None
            case 2:
                self._disk.slow = True
                await asyncio.sleep(self._chance.uniform(0, 3))
                self._disk.slow = False
            case _:
                report = await self.writer.verify()
                assert report.sound, report.findings

    # --- what is said -----------------------------------------------------------------------

    def _committed(self, records: Sequence[Record]) -> None:
        if records:
            self.known.acked = max(self.known.acked, records[-1].seq)

    def _failed(self, _reason: str) -> None:
        self.known.found[DOWN] += 1

    def _recovered(self, dropped: int) -> None:
        assert not dropped, "the memory is large enough here"
        self.known.acked = max(self.known.acked, self.writer.last_seq)

    async def _make_room(self) -> bool:
        return False

    # --- what is there ----------------------------------------------------------------------

    async def look(self) -> None:
        """Compare what is there with what is known; from then on what is there is known."""
        writer, known = self.writer, self.known
        last = writer.last_seq
        lost = [*self._lost_beside()]
        snapshot = await writer.newest_snapshot()
        kept = -1 if snapshot is None else snapshot.seq
        if kept < known.snapshot:
            lost.append(f"snapshot {known.snapshot}, there is {kept}")
        if snapshot is not None:
            assert snapshot.state == state_after(snapshot.seq)
        cosigned = await writer.newest_cosigned()
        size = 0 if cosigned is None else cosigned.size
        if size < known.cosigned:
            lost.append(f"cosignature of {known.cosigned}, there is {size}")
        for one in await self._stored():
            assert one.seq in known.made, f"entry {one.seq} was lost, and is back"
            made = known.made[one.seq]
            assert one.entry == made.entry, (
                f"entry {one.seq} is another: {one.entry!r}, not {made.entry!r}"
            )
            if one.seq in known.gone:
                assert not one.personal, f"the value of {one.seq} is back"
            elif one.seq not in known.going or one.personal:
                assert one.personal == made.personal, f"the value of {one.seq}"
        report = await writer.verify(None, Signers(log=OWN.public, witness=WITNESS))
        assert report.sound, report.findings
        assert report.last_seq == last
        known.found[LOST if lost else KEPT] += 1
        known.found[MORE] += last > known.acked
        known.is_there(last)
        known.archived, known.snapshot, known.cosigned = writer.acked, kept, size

    def _lost_beside(self) -> Iterator[str]:
        writer, known = self.writer, self.known
        if writer.last_seq < known.acked:
            yield f"entries {writer.last_seq + 1} to {known.acked}"
        if writer.acked < known.archived:
            yield f"the archive's {known.archived}, there is {writer.acked}"
        self._note_copies()
        for seq in known.gone - known.copies:
            for name, file in self._disk.names.items():
                assert token(seq) not in file.content, f"the value of {seq} is left in {name}"

    def _note_copies(self) -> None:
        """Which erased values are left in a segment: docs/security.md says that SQLite may leave a
        copy of a row in a page that it has divided. With its page it comes into the log again.
        """
        known = self.known
        segments = [file for name, file in self._disk.names.items() if name.endswith(".db")]
        left = {seq for seq in known.gone if any(token(seq) in one.content for one in segments)}
        known.found[COPY] += len(left - known.copies)
        known.copies |= left

    async def _stored(self) -> list[Record]:
        found: list[Record] = []
        while part := await self.writer.read(len(found) + 1, 2_000, 1 << 22):
            found += [Record(one.seq, one.entry, one.personal) for one in part]
        return found


def aim(disk: Disk, chance: Random, cut: Callable[[str], None]) -> None:
    """Choose the operation in front of which the power goes: often in the opening, often a sync."""
    only = chance.choice(("", "", "sync", "sync", "truncate"))
    most = {"": 600, "sync": 150, "truncate": 6}[only]
    left = chance.randint(1, chance.choice((10, most)))

    def before(operation: str, _name: str) -> None:
        nonlocal left
        left -= only in {"", operation}
        if left == 0:
            disk.before = None
            disk.power_cut()
            cut(operation)

    disk.before = before


async def _lives(disk: Disk, chance: Random, known: Known) -> None:
    for number in range(LIVES):
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        aim(disk, chance, over.set_result)
        life = virtual_loop().spawn(number, Life(disk, chance, known).run(), name="edge")
        await asyncio.wait([life, over], timeout=LIFE_S, return_when=asyncio.FIRST_COMPLETED)
        if life.done() and not over.done():
            await life
        virtual_loop().kill(number)
        disk.before = disk.limit_bytes = None
        disk.slow, disk.syncs_to_fail = False, 0
        if not over.done():
            disk.power_cut()
        known.found[f"cut in {over.result() if over.done() else 'between'}"] += 1
    await last_look(disk, chance, known)


async def last_look(disk: Disk, chance: Random, known: Known) -> None:
    """Open the journal, look, and close it in good order."""
    life = Life(disk, chance, known)
    await life.open()
    await life.look()
    await life.writer.close()


def lives_of_a_journal(seed: int) -> Counter[str]:
    """What LIVES power cuts in a row leave of one journal: kept after each, lost, or ruined."""
    known = Known()
    with disk_of(seed) as disk, quiet():
        try:
            run(_lives(disk, Random(seed), known))
        except (JournalError, sqlite3.Error, AssertionError, ExceptionGroup) as error:
            known.found[RUINED] += 1
            known.found[f"{type(error).__name__}: {error}"[:1500]] += 1
    return known.found


@contextmanager
def quiet() -> Iterator[None]:
    """What the recorder says of disks that fail would bury everything else."""
    was = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(was)
