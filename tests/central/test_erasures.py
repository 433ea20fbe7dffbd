"""The archive forgets whom an edge erases: at every journal of the site, in every byte."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from central import erasures
from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive
from controller import events as ev
from controller import ledger
from controller.events import Body, Event, Header, PersonErased, decode_entry, encode, kind_of
from controller.events_people import ErasedValues, Range
from controller.events_visits import DeliveryTaken
from controller.ids import HolderId, ReaderId
from edge import wire
from edge.journal import verify_folder
from edge.journal.store import Record
from simulators.broker_process import BrokerProcess
from tests.central.rig import EDGE, NAME, SITE, record, running_central, until
from tests.edge.checks import ready
from tests.edge.house import ADA, BOB, House, bodies, running
from tests.edge.house import until as until_recorded
from tests.edge.test_erase import asked, left_in, values_of
from tests.golden.examples import EXAMPLES

INCARNATION, OLDER = "00112233aabbccdd", "ffeeddccbbaa9988"
HOLDER = HolderId("h-7f3a")
"""Whom every tenth record is about."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def file(path: Path) -> Iterator[SqlArchive]:
    """An archive in a file, for those who look at its bytes."""
    opened = SqliteArchive(path)
    yield opened
    opened.close()


def made(
    seq: int,
    body: Body,
    *personal: ledger.Personal,
    site: str = SITE,
    edge: str = EDGE,
    incarnation: str = INCARNATION,
) -> Record:
    header = Header(
        site=site,
        edge=edge,
        incarnation=incarnation,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=1_800_000_000_000_000 + seq,
        mono_us=seq,
        clock_trusted=True,
        cause="in",
        policy="p1",
    )
    return Record(seq, encode(Event(header=header, body=body)), personal)


OPERATOR = ledger.Personal("operator", "smith", "0f" * 16)
BADGE = ledger.Personal("badge", "c0ffee" * 8, "ab" * 16)


def ignored(seq: int) -> Record:
    """A badge that nobody looked at: no entry says whose it is."""
    body = ev.BadgeIgnored(reader=ReaderId("r"), reason="early", badge=ledger.commitment(BADGE))
    return made(seq, body, BADGE)


def erasure(seq: int, *entries: Range, **where: str) -> Record:
    body = PersonErased(
        holder=HOLDER,
        reason="asked for",
        operator=ledger.commitment(OPERATOR),
        searched=seq - 1,
        values=(ErasedValues(fields=("badge", "person"), entries=entries),) if entries else (),
    )
    return made(seq, body, OPERATOR, **where)


def sent(*records: Record) -> wire.Batch:
    return wire.Batch(
        incarnation=decode_entry(records[0].entry).incarnation,
        first=records[0].seq,
        entries=tuple(
            wire.SentEntry(entry=one.entry.decode(), personal=one.personal) for one in records
        ),
    )


def store(archive: SqlArchive, *records: Record) -> tuple[list[int], int]:
    """Which of the entries came with values, as the archive passes them on; and its mark."""
    said = decode_entry(records[0].entry)
    receipt = archive.store(said.site, said.edge, sent(*records))
    with_values = [one.entry.seq for one in receipt.new if one.personal]
    return with_values, receipt.mark.seq


def plain(first: int, last: int, *, site: str = SITE, edge: str = EDGE) -> list[Record]:
    return [record(INCARNATION, seq, site=site, edge=edge) for seq in range(first, last + 1)]


def valued(
    archive: SqlArchive, site: str = SITE, edge: str = EDGE, incarnation: str = INCARNATION
) -> list[int]:
    """The entries of a journal that still have values beside them."""
    rows = archive.entries(site, edge, incarnation)
    return [row.entry.seq for row in rows if row.personal]


def erase_all(archive: SqlArchive) -> None:
    while archive.erase():
        pass


def test_the_values_that_the_edge_names_go_with_the_entry_that_names_them(
    archive: SqlArchive,
) -> None:
    store(archive, *plain(1, 20), ignored(21))
    assert valued(archive) == [10, 20, 21]
    mark = archive.mark(SITE, EDGE, INCARNATION)
    store(archive, erasure(22, (10, 10), (20, 21)))
    assert valued(archive) == [22], "who erased is kept"
    after = archive.mark(SITE, EDGE, INCARNATION)
    assert after.seq == 22
    assert after.chain == ledger.link(
        mark.chain, ledger.leaf(erasure(22, (10, 10), (20, 21)).entry)
    )


def test_what_names_him_goes_at_every_journal_of_the_site_and_at_no_other(
    archive: SqlArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "STEP_ENTRIES", 3)
    store(archive, *plain(1, 20, edge="annex"))
    store(archive, *[record(OLDER, seq) for seq in range(1, 21)])
    store(archive, *plain(1, 20, site="consulate"))
    store(archive, *plain(1, 20))
    store(archive, erasure(21, (10, 10)))
    erase_all(archive)
    assert valued(archive) == [21]
    assert valued(archive, edge="annex") == []
    assert valued(archive, incarnation=OLDER) == []
    assert valued(archive, site="consulate") == [10, 20], "another site is another matter"
    assert not archive.erase(), "and then there is nothing to do"


def test_what_arrives_later_is_dropped_on_arrival(archive: SqlArchive) -> None:
    store(archive, erasure(1))
    erase_all(archive)
    assert store(archive, *plain(1, 20, edge="annex")) == ([], 20)
    assert valued(archive, edge="annex") == []
    assert store(archive, *plain(1, 20, site="consulate")) == ([10, 20], 20)


def delivery(seq: int, recipient: HolderId, bearer: HolderId, **where: str) -> Record:
    """Brought by one for another."""
    values = [
        ledger.Personal(field, "told", f"{number:032x}")
        for number, field in enumerate(("company", "vehicle", "contents"))
    ]
    example = EXAMPLES["delivery-taken"]
    assert isinstance(example, DeliveryTaken)
    body = msgspec.structs.replace(
        example,
        recipient=recipient,
        bearer=bearer,
        operator=ledger.commitment(OPERATOR),
        **{value.field: ledger.commitment(value) for value in values},
    )
    return made(seq, body, *values, OPERATOR, **where)


def test_of_an_entry_about_two_people_the_values_of_one_stay(archive: SqlArchive) -> None:
    other = HolderId("h-other")

    def left(edge: str) -> list[list[str]]:
        rows = archive.entries(SITE, edge, INCARNATION)
        return [[one.field for one in row.personal] for row in rows]

    def both(edge: str) -> list[Record]:
        return [delivery(1, HOLDER, other, edge=edge), delivery(2, other, HOLDER, edge=edge)]

    store(archive, *both("annex"))
    store(archive, erasure(1))
    erase_all(archive)
    store(archive, *both("garage"))
    kept = [["company", "operator", "vehicle"], ["contents", "operator"]]
    assert left("annex") == kept, "those that were there"
    assert left("garage") == kept, "those that came later"


def test_values_behind_a_gap_are_dropped_where_the_erasure_came_first(
    archive: SqlArchive,
) -> None:
    store(archive, erasure(22, (10, 10), (20, 21)))
    assert store(archive, *plain(1, 20), ignored(21)) == ([], 22)
    assert valued(archive) == [22]


def test_a_batch_sent_again_brings_nothing_back(archive: SqlArchive) -> None:
    batch = [*plain(1, 20), ignored(21), erasure(22, (10, 10), (20, 21))]
    store(archive, *batch)
    assert store(archive, *batch) == ([], 22)
    erase_all(archive)
    store(archive, *batch)
    assert valued(archive) == [22]


def salted(numbers: range) -> dict[str, bytes]:
    """Name and salts of the decisions among these entries, as they stand in the file."""
    salts = {f"salt {seq}": b"%032x" % seq for seq in numbers if seq % 10 == 0}
    return salts | {"name": NAME.encode()}


def test_no_byte_is_left_in_the_files(file: SqlArchive, path: Path) -> None:
    for first in range(1, 3000, 100):
        store(file, *plain(first, first + 99))
        store(file, *plain(first, first + 99, edge="annex"))
    ours = salted(range(1, 3001))
    assert len(left_in(path.parent, ours)) > 300
    store(file, erasure(3001, *((seq, seq) for seq in range(10, 3001, 10))))
    erase_all(file)
    assert left_in(path.parent, ours) == []
    assert path.with_name("archive.db-wal").exists(), "while it is open"


def test_a_program_that_reads_does_not_hold_it_up_and_does_not_save_a_byte(
    file: SqlArchive, path: Path
) -> None:
    store(file, *plain(1, 50))
    ours = salted(range(1, 51))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchall()
        store(file, erasure(51, (10, 50)))
        erase_all(file)
        assert left_in(path.parent, ours), "its view of the file has them still"
        assert store(file, *plain(52, 60)) == ([], 60), "batches are stored meanwhile"
    erase_all(file)
    assert left_in(path.parent, ours) == []


def test_what_a_crash_leaves_is_done_after_the_next_start(
    file: SqlArchive, path: Path, tmp_path: Path
) -> None:
    store(file, *plain(1, 50, edge="annex"))
    store(file, erasure(1))
    assert file.erase()
    (tmp_path / "copy").mkdir()
    for part in (path, path.with_name("archive.db-wal")):
        (tmp_path / "copy" / part.name).write_bytes(part.read_bytes())
    assert left_in(tmp_path / "copy", salted(range(1, 51)))
    with closing(SqliteArchive(tmp_path / "copy" / "archive.db")) as again:
        erase_all(again)
        assert left_in(tmp_path / "copy", salted(range(1, 51))) == []


def test_an_erasure_that_cannot_be_read_erases_nobody(archive: SqlArchive) -> None:
    unread = erasure(11, (10, 10))
    bad = unread.entry.replace(b'"searched":10', b'"searched":-1')
    assert bad != unread.entry
    store(archive, *plain(1, 10), Record(11, bad))
    erase_all(archive)
    assert valued(archive) == [10]


def test_from_the_command_at_the_edge_to_the_last_byte_of_the_archive(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """A real edge, a real broker, a real archive; the edge had been seen before."""
    (tmp_path / "edge").mkdir()
    (tmp_path / "central").mkdir()
    broker = f'[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n'
    house, path = House(tmp_path / "edge", broker), tmp_path / "central" / "archive.db"

    async def scene() -> None:
        async with running_central(path, mosquitto.port), house.line(), running(house) as edge:
            await ready(edge)
            for badge in (ADA, BOB):
                count = len(await bodies(edge, ev.DecisionMade))
                house.badge("front-in", badge)
                await until_recorded(edge, ev.DecisionMade, count + 1)
            writer = edge.daemon.writer
            await until(lambda: writer.acked == writer.last_seq, "archived")
            assert b"Ada L" in path.read_bytes() + path.with_name("archive.db-wal").read_bytes()
            assert (await edge.desk.erase_person(asked(), "smith")).erased
            await until(lambda: writer.acked == writer.last_seq, "archived")
            needles = {"name": b"Ada L"}
            await until(lambda: not left_in(tmp_path, needles), "no byte of the name anywhere", 30)

    asyncio.run(scene())
    assert left_in(tmp_path, {"name": b"Ada L"}) == []
    assert left_in(tmp_path, {"name": b"Bob M"}), "the others are where they were"
    assert values_of(house, BOB, "Bob M")
    report = verify_folder(house.folder / "state" / "journal")
    assert not report.findings
    with closing(SqliteArchive(path)) as archive:
        mark = archive.mark("house", "gate", report.incarnation)
        assert (mark.seq, mark.chain, mark.gap) == (report.last_seq, report.head, False)
