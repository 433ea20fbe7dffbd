"""How long reports take: a rebuild of views.db from a journal, a fresh start, and a question."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from controller.events import Body, Entry, Event, decode_body, decode_entry, encode
from edge.control.closed import opened_closed
from edge.journal import Journal, Record
from edge.views_closed import brought_up
from edge.views_file import VIEWS_FILE
from edge.views_file import Journal as Identity
from edge.views_query import counts, doors, inside
from tests.bench import Figure
from tests.edge.histories import ZONE, an_hour

ENTRIES = 1_000_000
AT_ONCE = 1_000
DAY_US = 86_400_000_000
ENTRIES_A_DAY = 14_000
"""As many as 5 million a year."""


def run() -> list[Figure]:
    """The figures over one journal."""
    with TemporaryDirectory(prefix="sentrypost-bench-") as place:
        folder = Path(place)
        identity = _written(folder / "journal")
        return list(_figures(folder, identity))


def _figures(folder: Path, identity: Identity) -> Iterator[Figure]:
    file = folder / VIEWS_FILE
    with opened_closed(folder / "journal") as journal:
        for name, note in (
            (f"views.db from {ENTRIES:,} entries", "rebuilt where no edge runs"),
            ("views.db opened again", "every page looked through, nothing new"),
        ):
            began = time.process_time()
            fold = brought_up(file, identity, journal, lambda *_: None)
            yield Figure(name, time.process_time() - began, "CPU s", note)
            fold.close()
        fold = brought_up(file, identity, journal, lambda *_: None)
        yield Figure("views.db, size", file.stat().st_size / 1e6, "MB", f"{ENTRIES:,} entries")
        database = fold.file.database
        began = time.perf_counter()
        rows = counts(database, ("day",), None, None)
        took_s = time.perf_counter() - began
        yield Figure("report counts --by day", 1_000 * took_s, "ms", f"{len(rows)} days")
        began = time.perf_counter()
        people, portals = inside(database).people, doors(database)
        took_s = time.perf_counter() - began
        note = f"{len(people)} people, {len(portals)} doors"
        yield Figure("report inside and doors", 1_000 * took_s, "ms", note)
        fold.close()


def _written(folder: Path) -> Identity:
    """A journal of as many entries: one dense hour again and again, on one day after the other."""
    whole = an_hour(7).journal
    with closing(
        Journal.open(
            folder,
            site=whole.site,
            edge=whole.edge,
            entropy=lambda _: bytes.fromhex(whole.incarnation),
            utc_us=1,
        )
    ) as journal:
        records = islice(_records(), ENTRIES)
        while some := list(islice(records, AT_ONCE)):
            journal.append(some)
    return whole._replace(timezone=ZONE)


def _records() -> Iterator[Record]:
    entries = [decode_entry(piece.entry) for piece in an_hour(7).pieces]
    events = [Event(header=entry, body=_body(entry)) for entry in entries]
    seqs = count(1)
    while True:
        for event in events:
            seq = next(seqs)
            utc_us = event.header.utc_us + seq // ENTRIES_A_DAY * DAY_US
            header = replace(event.header, seq=seq, utc_us=utc_us)
            yield Record(seq, encode(Event(header=header, body=event.body)))


def _body(entry: Entry) -> Body:
    body = decode_body(entry)
    assert body is not None
    return body
