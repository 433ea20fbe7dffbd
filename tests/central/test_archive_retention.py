"""What is past its time goes from the archive, and every chain is proven as before; both stores."""

import asyncio
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.archive import ForkError
from central.archive_keeping import Keeping
from central.archive_retention import DAY_US, Look, Rules, Taken
from central.archive_sql import SqlArchive
from central.archive_sqlite import SqliteArchive
from central.audit import Audited
from central.collector import Archive, Collector
from central.commands import central
from central.commands_common import kept_days
from central.distributor import Distributor
from central.findings import EntriesEnded, Finding
from central.incidents import Closed, MeasureTaken, Opened
from central.search import By, Query
from central.witness import Witness
from controller import ledger
from controller.events import (
    Body,
    EntriesPruned,
    Event,
    Header,
    PortalForced,
    encode,
    kind_of,
)
from controller.ids import PortalId
from controller.portal import Portal
from controller.retention import RecordClass
from drivers.mqtt_link import Link
from edge import wire
from edge.journal.store import Record
from edge.signatures import SigningKey
from simulators.broker_process import BrokerProcess
from tests.central.rig import EDGE, NAME, SITE, decision, running_central, running_edge, until
from tests.central.stores import Store
from tests.central.test_archive import INCARNATION, seqs

NOW_US = 1_800_000_000_000_000
PASSAGES = {RecordClass.PASSAGES: 90}
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


class Day:
    """Makes entries one after the other; each is so many days old."""

    def __init__(self, edge: str = EDGE) -> None:
        self.edge = edge
        self.records: list[Record] = []

    def add(self, days_old: float, *, trusted: bool = True, body: Body | None = None) -> "Day":
        """A decision about NAME, unless another body is given."""
        seq = len(self.records) + 1
        made, personal = decision(seq) if body is None else (body, ())
        header = Header(
            site=SITE,
            edge=self.edge,
            incarnation=INCARNATION,
            seq=seq,
            kind=kind_of(type(made)),
            utc_us=NOW_US - int(days_old * DAY_US),
            mono_us=seq,
            clock_trusted=trusted,
            cause=f"in-{seq}",
            policy="p1",
        )
        entry = encode(Event(header=header, body=made, personal=personal))
        self.records.append(Record(seq, entry, personal))
        return self

    def batch(self, first: int = 1, last: int | None = None) -> wire.Batch:
        records = self.records[first - 1 : last]
        sent = (wire.SentEntry(entry=r.entry.decode(), personal=r.personal) for r in records)
        return wire.Batch(incarnation=INCARNATION, first=first, entries=tuple(sent))

    @property
    def chain(self) -> bytes:
        value = ledger.origin(SITE, self.edge, INCARNATION)
        for one in self.records:
            value = ledger.link(value, ledger.leaf(one.entry))
        return value


def forced() -> PortalForced:
    return PortalForced(portal=PortalId("main-gate"), after=Portal())


def ended(
    archive: SqlArchive,
    days: dict[RecordClass, int] | None = None,
    key: SigningKey | None = KEY,
    now_us: int = NOW_US,
) -> list[Taken]:
    """One whole look; what each step took."""
    look, taken = Look(Rules(days or PASSAGES, key), archive.id, now_us), []
    while not look.over:
        if (one := archive.end(look)) is not None:
            taken.append(one)
    return taken


def close_incidents(archive: SqlArchive) -> list[int]:
    """Alarms open them. Which ones."""
    numbers = [one.id for one in archive.incidents(site=SITE)]
    for one in numbers:
        steps = (MeasureTaken(text="a bolt"), Closed(cause="a thief", gaps=("none",)))
        archive.add_to_incident(one, *steps, who="anna", utc_us=NOW_US)
    return numbers


def audit(archive: SqlArchive, witness: SigningKey | None = KEY) -> Audited:
    (journal,) = archive.journals_kept(SITE, EDGE)
    return archive.audit(journal, witnesses=() if witness is None else (witness.public,))


def mixed() -> Day:
    """Old decisions with an old alarm between, then new ones."""
    day = Day()
    for age in (400, 300, 200):
        day.add(age)
    day.add(150, body=forced())
    for age in (100, 89, 10, 0):
        day.add(age)
    return day


def test_a_class_goes_when_its_time_is_over_and_the_chain_is_proven(archive: SqlArchive) -> None:
    day = mixed()
    archive.store(SITE, EDGE, day.batch())
    (taken,) = ended(archive)
    assert (taken.first, taken.last, taken.count) == (1, 5, 4)
    assert taken.days == PASSAGES
    assert seqs(archive) == [4, 6, 7, 8], "the alarm is of another class"
    assert archive.mark(SITE, EDGE, INCARNATION).chain == day.chain
    found = audit(archive)
    assert found.sound, found.findings
    assert (found.upto, found.entries, found.missing) == (8, 4, ())
    (expired,) = found.expired
    assert (expired.first, expired.last, expired.count, expired.signed) == (1, 5, 4, True)
    assert ended(archive) == [], "once"
    # What follows goes on from there, and nothing of what went is found any more.
    day.add(0)
    assert archive.store(SITE, EDGE, day.batch(9)).mark.chain == day.chain
    for query in (Query(person=NAME), Query(portal="main-gate"), Query(code=602)):
        places = [one.place.seq for one in archive.find(query)]
        assert not {1, 2, 3, 5} & set(places), query
    assert sum(one.count for one in archive.counts(Query(), By.KIND)) == 5
    assert [one.archived.entry.seq for one in archive.find(Query(person=NAME))] == [9, 8, 7, 6]


def test_every_class_has_its_own_time(archive: SqlArchive) -> None:
    archive.store(SITE, EDGE, mixed().batch())
    close_incidents(archive)
    (taken,) = ended(archive, {RecordClass.PASSAGES: 250, RecordClass.ALARMS: 120})
    assert (taken.count, seqs(archive)) == (3, [3, 5, 6, 7, 8])
    assert ended(archive, {RecordClass.SYSTEM: 1, RecordClass.PEOPLE: 1}) == []
    ended(archive, {RecordClass.PASSAGES: 1})
    assert seqs(archive) == [8]
    assert audit(archive).sound


def test_what_says_why_entries_are_gone_stays(archive: SqlArchive) -> None:
    body = EntriesPruned(first=1, last=2, classes=("passages",), whole=False)
    archive.store(SITE, EDGE, Day().add(400, body=body).add(300).add(0).batch())
    ended(archive, dict.fromkeys(RecordClass, 1))
    assert seqs(archive) == [1, 3]


def test_what_went_does_not_come_back(archive: SqlArchive) -> None:
    """A batch that a broker delivers once more, or an edge that was put back."""
    day = mixed()
    archive.store(SITE, EDGE, day.batch())
    ended(archive)
    again = archive.store(SITE, EDGE, day.batch())
    assert (again.new, again.gone, again.mark.chain) == ((), (), day.chain)
    assert seqs(archive) == [4, 6, 7, 8]
    other = Day()
    for age in (401, 300, 200):
        other.add(age)
    with pytest.raises(ForkError, match="entry 1 "):
        archive.store(SITE, EDGE, other.batch())


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        pytest.param([(20_000, False), (20_000, False)], [1, 2], id="never-a-trusted-clock"),
        pytest.param([(20_000, False), (5, True)], [1, 2], id="trusted-only-within-the-time"),
        pytest.param([(200, False), (199, True), (5, True)], [3], id="trusted-behind-it"),
        pytest.param([(5, True), (200, True), (4, True)], [1, 2, 3], id="clock-set-back"),
        pytest.param([(200, True), (-4_000, True), (150, True), (1, True)], [2, 4], id="set-ahead"),
        pytest.param([(200, True), (2, False), (150, True)], [2], id="its-own-time-counts-too"),
    ],
)
def test_a_clock_that_is_wrong_ends_nothing_early(
    archive: SqlArchive, entries: list[tuple[float, bool]], kept: list[int]
) -> None:
    day = Day()
    for age, trusted in entries:
        day.add(age, trusted=trusted)
    archive.store(SITE, EDGE, day.batch())
    ended(archive)
    assert seqs(archive) == kept
    assert audit(archive).sound


def test_nothing_goes_that_is_not_acknowledged(archive: SqlArchive) -> None:
    day = mixed()
    archive.store(SITE, EDGE, day.batch(3))
    assert ended(archive) == []
    archive.store(SITE, EDGE, day.batch(1, 2))
    assert ended(archive)


def test_what_lies_in_an_open_incident_waits_for_its_end(archive: SqlArchive) -> None:
    archive.store(SITE, EDGE, mixed().batch())
    span = Opened(title="a theft", since_us=NOW_US - 301 * DAY_US, until_us=NOW_US - 299 * DAY_US)
    archive.open_incident(SITE, span, who="anna", utc_us=NOW_US)
    ended(archive, dict.fromkeys(RecordClass, 80))
    assert seqs(archive) == [2, 4, 7, 8], "the theft's, and the forced door's own"
    assert len(close_incidents(archive)) == 2
    ended(archive, dict.fromkeys(RecordClass, 80))
    assert seqs(archive) == [7, 8]
    assert audit(archive).sound


def test_many_pages_of_several_journals(
    archive: SqlArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.archive_retention.STEP_ENTRIES", 7)
    days = [Day(), Day("gate-2")]
    for day in days:
        for number in range(40):
            day.add(120 - number, trusted=number % 3 == 0)
        archive.store(SITE, day.edge, day.batch())
    taken = ended(archive)
    assert len(taken) == 8
    for day in days:
        left = seqs(archive, edge=day.edge)
        assert left == list(range(left[0], 41))
        assert left[0] in (29, 30, 31), "to a trusted one before the ninetieth day"
    for journal in archive.journals_kept():
        assert archive.audit(journal, witnesses=(KEY.public,)).sound


# --- who takes entries out and says that it was retention --------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE pruned SET run = 0 WHERE seq = 2", "is not what is gone"),
        ("DELETE FROM retention", "nothing says why"),
        ("UPDATE pruned SET run = 77 WHERE seq = 2", "nothing says why"),
        ("INSERT INTO pruned SELECT journal, 6, leaf, run FROM pruned WHERE seq = 5", "not what"),
    ],
)
def test_what_is_gone_beyond_what_was_said_is_found(
    archive: SqlArchive, store: Store, change: str, told: str
) -> None:
    archive.store(SITE, EDGE, mixed().batch())
    ended(archive)
    assert audit(archive).sound
    if change.startswith("INSERT"):
        for table in ("personal", "entry"):
            store.change(f"DELETE FROM {table} WHERE seq = 6")
    store.change(change)
    found = audit(archive)
    assert not found.sound
    assert any(told in one for one in found.findings) or found.missing, found


def test_only_the_witness_says_that_it_was_retention(archive: SqlArchive) -> None:
    archive.store(SITE, EDGE, mixed().batch())
    ended(archive, key=None)
    assert audit(archive, None).sound, "nobody asked for a signature"
    assert audit(archive, None).expired[0].signed is False
    assert "not signed by this witness" in audit(archive, KEY).findings[0]
    close_incidents(archive)
    ended(archive, {RecordClass.ALARMS: 1}, key=OTHER)
    assert len(audit(archive, KEY).findings) == 2


def test_a_statement_of_another_journal_excuses_nothing(archive: SqlArchive, store: Store) -> None:
    """Whoever has a copy of a signed one lays it where he took entries out."""
    archive.store(SITE, EDGE, mixed().batch())
    archive.store(SITE, "gate-2", Day("gate-2").add(200).add(0).batch())
    ended(archive)
    store.change("UPDATE retention SET statement = (SELECT statement FROM retention WHERE id = 2)")
    assert "said of another journal" in audit(archive).findings[0]


# --- bytes ----------------------------------------------------------------------------------------


def test_no_value_is_left_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    day = Day()
    for age in (200, 100, 80, 0):
        day.add(age)
    with closing(SqliteArchive(path)) as archive:
        archive.store(SITE, EDGE, day.batch())
        salts = [one.personal[0].salt.encode() for one in day.records]

        def found() -> list[bool]:
            data = b"".join(file.read_bytes() for file in tmp_path.iterdir())
            return [salt in data for salt in salts]

        assert found() == [True] * 4
        ended(archive)
        assert archive.scrub() is False, "all of it in one step, and done"
        assert found() == [False, False, True, True]
        assert archive.scrub() is False
        assert audit(archive).sound


def test_a_crash_before_the_files_have_forgotten_is_made_good(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with closing(SqliteArchive(path)) as archive:
        archive.store(SITE, EDGE, mixed().batch())
        ended(archive)
    with closing(SqliteArchive(path)) as again:
        steps: list[str] = []
        monitor(again, steps.append)
        again.scrub()
        assert any(one.startswith("DELETE FROM personal WHERE (journal") for one in steps)
        steps.clear()
        again.scrub()
        assert len(steps) == 1


def monitor(archive: SqlArchive, told: Callable[[str], None]) -> None:
    archive._db._connection.set_trace_callback(told)  # type: ignore[attr-defined]


# --- put together ---------------------------------------------------------------------------------


def test_what_runs_each_day_ends_and_forgets_and_tells(archive: SqlArchive) -> None:
    archive.store(SITE, EDGE, mixed().batch())
    found: list[Finding] = []

    async def run() -> None:
        async def blocking(function: Callable[..., object], *arguments: object) -> object:
            return function(*arguments)

        keeping = Keeping(Rules(PASSAGES, KEY), lambda: NOW_US, first_s=0)
        task = asyncio.create_task(keeping.run(archive, blocking, found.append))
        async with asyncio.timeout(30):
            while archive._db.execute("SELECT 1 FROM meta WHERE name = 'scrub'").fetchone() or (
                not found
            ):
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(run())
    assert found == [EntriesEnded(site=SITE, edge=EDGE, count=4)]
    assert seqs(archive) == [4, 6, 7, 8]


class Ending(Collector):
    """One for which everything is long past its time."""

    def __init__(
        self,
        link: Link,
        open_archive: Callable[[], Archive],
        found: Callable[[Finding], None],
        witness: Witness | None = None,
        distributor: Distributor | None = None,
    ) -> None:
        keeping = Keeping(Rules(PASSAGES, KEY), lambda: NOW_US + 400 * DAY_US, first_s=0)
        super().__init__(link, open_archive, found, witness, distributor, keeping=keeping)


def test_edges_send_and_are_acknowledged_while_it_ends_what_is_past(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    path = tmp_path / "archive.db"

    async def scene() -> None:
        async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
            await edge.happen(1_500)
            async with running_central(path, mosquitto.port):
                await edge.acked(1_500)
            async with running_central(path, mosquitto.port, make=Ending) as found:
                await until(lambda: any(isinstance(one, EntriesEnded) for one in found), "ended")
                await edge.happen(200)
                await edge.acked(1_700)
                assert edge.reports == []

    asyncio.run(scene())
    with closing(SqliteArchive(path)) as archive:
        (journal,) = archive.journals_kept()
        audited = archive.audit(journal, witnesses=(KEY.public,))
        assert audited.sound, audited.findings
        assert (audited.upto, audited.missing) == (1_700, ())
        (expired,) = audited.expired
        assert (expired.count, audited.entries) == (1_500, 200)


def test_the_command_tells_what_is_past_its_time_and_proves_it(store: Store) -> None:
    with closing(store.open(os.urandom)) as archive:
        archive.store(SITE, EDGE, mixed().batch())
        ended(archive)
    text = Witness(KEY, int).key.text
    done = CliRunner().invoke(central, ["verify", "--archive", store.where, "--witness", text])
    assert done.exit_code == 0, done.output
    assert "4 of entries 1 to 5 are gone: past their time here on 2027-01-15" in done.output
    assert "signed by the witness" in done.output
    wrong = Witness(OTHER, int).key.text
    done = CliRunner().invoke(central, ["verify", "--archive", store.where, "--witness", wrong])
    assert (done.exit_code, "not signed by this witness" in done.output) == (1, True)
    done = CliRunner().invoke(central, ["verify", "--archive", store.where, "--witness", "x"])
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("passages", "is not CLASS=DAYS"),
        ("people=x", "is not CLASS=DAYS"),
        ("people=0", "1 to 36500 days"),
        ("people=99999", "1 to 36500 days"),
        ("everything=3", "classes are passages, alarms"),
    ],
)
def test_what_is_kept_is_said_by_class(said: str, told: str) -> None:
    command = ["run", "--broker", "localhost", "--archive", "a.db", "--keep", said]
    done = CliRunner().invoke(central, command)
    assert (done.exit_code, told in done.output) == (2, True), done.output
    assert kept_days(("passages=90", "alarms=730")) == {
        RecordClass.PASSAGES: 90,
        RecordClass.ALARMS: 730,
    }
