"""Records as the core makes them, and ways to a journal's files past its own code."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from controller.events import BadgeIgnored, EdgeStopping, Event, Header, encode, kind_of
from controller.ids import ReaderId
from controller.ledger import Personal, commitment
from edge.journal import Journal, Record

SITE, EDGE = "vienna", "north"
INCARNATION = "0001020304050607"
SALT = "00112233445566778899aabbccddeeff"


def entropy(count: int) -> bytes:
    """So that golden rows can be written down."""
    return bytes(range(count))


def open_journal(folder: Path, *, create: bool = True) -> Journal:
    return Journal.open(
        folder, site=SITE, edge=EDGE, entropy=entropy, utc_us=1_700_000_000_000_000, create=create
    )


def record(
    seq: int,
    *,
    incarnation: str = INCARNATION,
    site: str = SITE,
    edge: str = EDGE,
    reason: str = "done",
    person: str | None = None,
) -> Record:
    """Entry `seq`; with `person` it commits to a personal value."""
    value = Personal("badge", person or "", SALT)
    body = (
        EdgeStopping(reason=reason)
        if person is None
        else BadgeIgnored(reader=ReaderId("r1"), reason=reason, badge=commitment(value))
    )
    header = Header(
        site=site,
        edge=edge,
        incarnation=incarnation,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=1_700_000_000_000_000 + seq,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )
    personal = () if person is None else (value,)
    return Record(seq, encode(Event(header=header, body=body)), personal)


def records(first: int, last: int) -> list[Record]:
    """Entries `first` to `last`; every third is about a person."""
    return [
        record(seq, person=f"Person {seq}" if seq % 3 == 0 else None)
        for seq in range(first, last + 1)
    ]


def fill(folder: Path, count: int) -> list[Record]:
    """A closed journal of `count` entries."""
    made = records(1, count)
    with closing(open_journal(folder)) as journal:
        journal.append(made)
    return made


def segment(folder: Path) -> Path:
    return folder / "segment-000001.db"


@contextmanager
def by_hand(folder: Path) -> Iterator[sqlite3.Connection]:
    """The closed journal's database in somebody else's hands; their changes are committed."""
    with closing(sqlite3.connect(segment(folder))) as connection:
        yield connection
        connection.commit()


def read_all(journal: Journal) -> Sequence[Record]:
    """Everything stored, without the hashes."""
    found: list[Record] = []
    while part := journal.read(len(found) + 1, 1_000, 1_000_000):
        found += [Record(one.seq, one.entry, one.personal) for one in part]
    return found
