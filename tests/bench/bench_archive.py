"""How fast the archive stores what edges send, in a file and in PostgreSQL.

Batches as they come off the wire, decoded already, into an archive on this machine's disk: checked,
chained, indexed for searching and committed durably, one transaction a batch. Every tenth entry is
a decision with a name beside it.
"""

import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from central.archive_sql import SqlArchive
from central.archives import open_archive
from central.search import By, Query
from edge import wire
from tests.bench import Figure
from tests.central.rig import EDGE, NAME, SITE, record
from tests.postgres import PostgresServer, find_server

STORED = 50_000
AT_ONCE = (100, 1_000)
INCARNATION = "00112233445566aa"


def batches(at_once: int) -> list[wire.Batch]:
    return [
        wire.Batch(
            incarnation=INCARNATION,
            first=first,
            entries=tuple(
                wire.SentEntry(entry=one.entry.decode(), personal=one.personal)
                for one in (record(INCARNATION, seq) for seq in range(first, first + at_once))
            ),
        )
        for first in range(1, STORED + 1, at_once)
    ]


def rate(archive: SqlArchive, sent: list[wire.Batch]) -> float:
    """Entries a second, of the batches behind the first: that one makes room for the others."""
    first, *rest = sent
    archive.store(SITE, EDGE, first)
    started = time.perf_counter()
    for batch in rest:
        archive.store(SITE, EDGE, batch)
    return sum(len(batch.entries) for batch in rest) / (time.perf_counter() - started)


@contextmanager
def places() -> Iterator[dict[str, Iterator[str]]]:
    """By name of a store, one new place in it after the other."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        files = (str(Path(folder) / f"{number}.db") for number in itertools.count())
        if find_server() is None:
            yield {"SQLite": files}
            return
        with PostgresServer() as server:
            databases = (server.make() for _ in itertools.count())
            yield {"SQLite": files, "PostgreSQL": databases}


def run() -> list[Figure]:
    """Both stores, PostgreSQL where it is found."""
    figures: list[Figure] = []
    with places() as stores:
        for (name, new), at_once in itertools.product(stores.items(), AT_ONCE):
            sent = batches(at_once)
            note = f"{STORED:,} entries, a commit for each batch"
            with closing(open_archive(next(new))) as archive:
                stored = rate(archive, sent)
                what = f"archive, {name}: stored {at_once} at once"
                figures.append(Figure(what, stored, "entries/s", note))
                if at_once == AT_ONCE[-1]:
                    again = rate(archive, sent)
                    what = f"archive, {name}: the same sent again"
                    figures.append(Figure(what, again, "entries/s", "nothing is stored"))
                    figures += asked(name, archive)
    return figures


def asked(name: str, archive: SqlArchive) -> list[Figure]:
    """Questions to an archive of that many entries."""
    started = time.perf_counter()
    found = archive.find(Query(person=NAME), count=100)
    person_ms = since_ms(started)
    assert len(found) == 100
    started = time.perf_counter()
    counted = archive.counts(Query(), By.KIND)
    counted_ms = since_ms(started)
    assert sum(one.count for one in counted) == STORED
    note = f"of {STORED:,} entries"
    return [
        Figure(f"archive, {name}: a person's last 100 entries", person_ms, "ms", note),
        Figure(f"archive, {name}: counted by kind", counted_ms, "ms", note),
    ]


def since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1_000
