"""Journals and archives on simulated disks, and what must hold of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from random import Random

from central.archive_sqlite import SqliteArchive
from edge import wire
from edge.journal import Journal, Record
from edge.journal.verify import Verification
from edge.journal.verify_checkpoints import Signers
from simulators.virtual.disk import Disk
from tests.central import rig
from tests.central.rig import record as archived
from tests.edge.journal.support import EDGE, INCARNATION, SITE, entropy, read_all, record

FOLDER = Path("/edge/journal")
SEGMENT = FOLDER / "segment-000001.db"
ARCHIVE = Path("/central/archive.db")


@contextmanager
def disk_of(seed: int) -> Iterator[Disk]:
    with closing(Disk(Random(seed))) as disk:
        yield disk


def journal_on(disk: Disk, *, create: bool = True) -> Journal:
    return Journal.open(
        FOLDER, site=SITE, edge=EDGE, entropy=entropy, utc_us=1, create=create, disk=disk
    )


def archive_on(disk: Disk) -> SqliteArchive:
    disk.make_folder(ARCHIVE.parent)
    return SqliteArchive(ARCHIVE, connect=disk.connect_archive, entropy=disk.chance.randbytes)


def made(first: int, count: int) -> list[Record]:
    """Entries of different lengths, always the same ones."""
    return [record(seq, person="p" * (seq * 37 % 700)) for seq in range(first, first + count)]


def assert_sound(journal: Journal, known: Sequence[Record]) -> None:
    """SQLite, the chain and whoever wrote the entries agree on what is there."""
    assert journal.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    verification = Verification.of(journal, Signers())
    while not verification.step(journal.segments):
        pass
    assert verification.report().sound
    assert read_all(journal) == list(known[: journal.last_seq])


def strike_at(disk: Disk, count: int, strike: Callable[[], None], *, only: str = "") -> None:
    """Do something right before the disk's next operation but `count` - 1."""
    left = count

    def before(operation: str, _name: str) -> None:
        nonlocal left
        left -= only in {"", operation}
        if left == 0:
            disk.before = None
            strike()

    disk.before = before


def bytes_of(disk: Disk) -> dict[str, bytes]:
    return {name: bytes(file.content) for name, file in disk.names.items()}


@cache
def batch(first: int, count: int) -> wire.Batch:
    """Entries as an edge sends them."""
    records = [archived(INCARNATION, seq) for seq in range(first, first + count)]
    entries = tuple(wire.SentEntry(entry=one.entry.decode()) for one in records)
    return wire.Batch(incarnation=INCARNATION, first=first, entries=entries)


def mark_of(archive: SqliteArchive) -> int:
    """How far the archive has it; every entry up to there is there, and SQLite finds no fault."""
    assert archive._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    mark = archive.mark(rig.SITE, rig.EDGE, INCARNATION)
    found = [row.entry.seq for row in archive.entries(rig.SITE, rig.EDGE, INCARNATION)]
    assert (found, mark.gap) == (list(range(1, mark.seq + 1)), False)
    return mark.seq
