"""The archive in PostgreSQL: what holds of it alone, with a server that is stopped and killed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from central.archive import ArchiveError, ForkError, Mark, Receipt
from central.archive_postgres import PostgresArchive, PostgresDatabase
from central.archive_postgres_schema import SCHEMA_VERSION
from central.archives import open_archive, read_archive
from central.search import Query
from controller.events import decode_entry
from edge import wire
from tests.central.rig import EDGE, NAME, SITE, record
from tests.central.stores import PostgresStore
from tests.central.test_archive import INCARNATION, batch, chain, seqs
from tests.central.test_erasures import erase_all, erasure, plain, salted, store, valued
from tests.edge.test_erase import left_in
from tests.postgres import PASSWORD, PostgresServer

MONTH_US = 31 * 86_400_000_000
GOLDEN = Path(__file__).parents[1] / "golden" / "archives"
VERSIONS = sorted(int(path.stem.removeprefix("postgres-")) for path in GOLDEN.glob("*.sql"))


@pytest.fixture
def place(postgres: PostgresServer) -> PostgresStore:
    return PostgresStore(postgres.emptied())


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def mortal(mortal_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that a test may stop and kill, with an empty database."""
    mortal_server.emptied()
    yield mortal_server
    if not mortal_server.running:
        mortal_server.start()


def shifted(seq: int, by_us: int) -> wire.SentEntry:
    """Entry `seq` at another time."""
    entry = record(INCARNATION, seq).entry
    was = decode_entry(entry).utc_us
    return wire.SentEntry(entry=entry.decode().replace(f":{was},", f":{was + by_us},"))


def sent(first: int, *entries: wire.SentEntry) -> wire.Batch:
    return wire.Batch(incarnation=INCARNATION, first=first, entries=entries)


def test_a_key_that_somebody_wrote_past_our_locks_is_an_error_and_nothing_is_stored(
    place: PostgresStore,
) -> None:
    """What it stands for cannot be compared: the edge keeps its entries and sends them again."""
    with closing(place.open()) as archive:
        archive.store(SITE, EDGE, batch(1, 3))
        with psycopg.connect(place.where, autocommit=True) as other:
            other.execute(
                "INSERT INTO sentrypost.entry_key SELECT journal, 5, 0 FROM"
                " sentrypost.entry_key WHERE seq = 1"
            )
        with pytest.raises(ArchiveError, match="duplicate key") as caught:
            archive.store(SITE, EDGE, batch(4, 6))
        assert "(5" not in str(caught.value), "no value of a row is told"
        assert seqs(archive) == [1, 2, 3]
        with psycopg.connect(place.where, autocommit=True) as other:
            other.execute("DELETE FROM sentrypost.entry_key WHERE utc_us = 0")
        assert archive.store(SITE, EDGE, batch(4, 6)).mark.seq == 6


def test_entries_lie_in_the_month_of_their_time_and_numbers_hold_across_months(
    place: PostgresStore,
) -> None:
    with closing(place.open()) as archive:
        entries = [shifted(seq, seq * MONTH_US) for seq in range(1, 6)]
        assert archive.store(SITE, EDGE, sent(1, *entries)).mark.seq == 5
        partitions = place.rows("SELECT DISTINCT tableoid::regclass::text FROM entry ORDER BY 1")
        assert [name for (name,) in partitions] == [
            *("entry_2027_02", "entry_2027_03", "entry_2027_04", "entry_2027_05", "entry_2027_06")
        ]
        # The same numbers in other months: each partition's own index would take them.
        for by in (0, 7 * MONTH_US):
            with pytest.raises(ForkError, match="entry 3 "):
                archive.store(SITE, EDGE, sent(3, shifted(3, by), shifted(4, by)))
        assert [row.data for row in archive.entries(SITE, EDGE, INCARNATION)] == [
            one.data for one in entries
        ]
        assert place.rows("SELECT count(*) FROM entry") == [(5,)]


def test_a_clock_that_is_wild_makes_no_partitions(place: PostgresStore) -> None:
    with closing(place.open()) as archive:
        times = [-1_799_999_999_000_000, 7_000_000_000_000_000, 7_100_000_000_000_000]
        entries = [shifted(seq, by) for seq, by in enumerate(times, 1)]
        assert archive.store(SITE, EDGE, sent(1, *entries)).mark.seq == 3
        partitions = place.rows("SELECT tableoid::regclass::text FROM entry ORDER BY utc_us")
        assert partitions == [("entry_before",), ("entry_behind",), ("entry_behind",)]


def test_a_new_month_waits_for_nobody_who_reads(
    place: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump of the database takes its hours, over the turn of a month too."""
    monkeypatch.setattr("central.archive_postgres.LOCKED_MS", 200)
    with closing(place.open()) as archive, psycopg.connect(place.where) as dump:
        archive.store(SITE, EDGE, batch(1, 3))
        dump.execute("SELECT * FROM sentrypost.entry, sentrypost.mention").fetchall()
        assert archive.store(SITE, EDGE, sent(4, shifted(4, MONTH_US))).mark.seq == 4
        assert dump.info.transaction_status == TransactionStatus.INTRANS


def test_a_partition_that_somebody_dropped_is_made_again(place: PostgresStore) -> None:
    with closing(place.open()) as archive:
        assert archive.store(SITE, EDGE, batch(1, 3)).mark.seq == 3
        place.change("DROP TABLE mention_2027_01")
        with pytest.raises(ArchiveError, match="no partition"):
            archive.store(SITE, EDGE, batch(4, 10))
        assert archive.store(SITE, EDGE, batch(4, 10)).mark.seq == 10


def test_two_archivers_store_the_same_batches_exactly_once(place: PostgresStore) -> None:
    """Both get every batch at the same moment, in another order, with months yet to be made."""
    batches = [
        sent(n, *(shifted(seq, seq * 86_400_000_000) for seq in range(n, n + 20)))
        for n in range(1, 401, 20)
    ]
    started = threading.Barrier(2)

    def work(order: list[wire.Batch]) -> list[Receipt]:
        with closing(place.open()) as archive:
            started.wait(30)
            return [archive.store(SITE, EDGE, one) for one in order]

    with ThreadPoolExecutor(2) as pool:
        both = pool.map(work, [batches, batches[:10] + batches[:9:-1]])
        receipts = [receipt for one in both for receipt in one]
    new = [archived.entry.seq for receipt in receipts for archived in receipt.new]
    assert sorted(new) == list(range(1, 401)), "each was new to one of them"
    with closing(place.open()) as archive:
        assert seqs(archive) == list(range(1, 401))
        mark = archive.mark(SITE, EDGE, INCARNATION)
        assert (mark.seq, mark.gap) == (400, False)
        assert {receipt.mark.chain for receipt in receipts if receipt.mark.seq == 400} == {
            mark.chain
        }


def test_what_one_archiver_erases_the_other_does_not_store_meanwhile(place: PostgresStore) -> None:
    """The erasure waits for a batch under way, so that nothing slips in behind the search."""
    with (
        closing(place.open()) as one,
        closing(place.open()) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        store(one, *plain(1, 10, edge="annex"))
        with one._db.transaction():
            one._db.lock_site(SITE, alone=False)
            erased = pool.submit(store, other, erasure(1))
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while place.rows(waiting) == [(0,)]:
                assert not erased.done(), "it must wait"
        assert erased.result(30)[1] == 1
        assert store(one, *plain(11, 20, edge="annex")) == ([], 20)
        erase_all(one)
        assert valued(other, edge="annex") == []


def test_no_byte_is_left_in_the_tables_of_the_server(mortal: PostgresServer) -> None:
    """Not in pages, indexes and the planner's statistics. Its write-ahead log forgets by itself."""
    tables = mortal.data / "base"
    with closing(open_archive(mortal.where("postgres"))) as archive:
        store(archive, *plain(1, 200))
        with psycopg.connect(mortal.where("postgres"), autocommit=True) as owner:
            owner.execute("ANALYZE")
            owner.execute("CHECKPOINT")
            needles = salted(range(1, 101))
            assert len(left_in(tables, needles)) > 10
            store(archive, erasure(201, (1, 200)))
            erase_all(archive)
            owner.execute("CHECKPOINT")
        assert left_in(tables, needles) == []


def test_somebody_who_reads_does_not_hold_an_erasure_up(
    place: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.archive_postgres.LOCKED_MS", 50)
    with closing(place.open()) as archive:
        store(archive, *plain(1, 20))
        with psycopg.connect(place.where) as reader:
            reader.execute("SELECT * FROM sentrypost.personal").fetchall()
            store(archive, erasure(21, (10, 20)))
            erase_all(archive)
            assert store(archive, *plain(22, 30)) == ([], 30), "batches are stored meanwhile"
            assert place.rows("SELECT count(*) FROM erasing") == [(1,)], "not done yet"
        erase_all(archive)
        assert place.rows("SELECT count(*) FROM erasing") == [(0,)]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_that_ends_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    mortal: PostgresServer, end: str
) -> None:
    """Ended before one of the statements of a batch, before another the next time."""
    where = mortal.where("postgres")
    acked, first = 0, 1
    with closing(PostgresArchive(where)) as archive:
        database = archive._db
        execute = type(database).execute
        for strike in (2, 5, 8):
            left = strike

            def counted(self: object, sql: str, *rest: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    getattr(mortal, end)()
                return execute(self, sql, *rest)  # type: ignore[arg-type]

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(database), "execute", counted)
                with suppress(ArchiveError):
                    acked = archive.store(SITE, EDGE, batch(first, first + 49)).mark.seq
            if left <= 0:
                with pytest.raises(ArchiveError):
                    archive.mark(SITE, EDGE, INCARNATION)
                mortal.start()
            mark = archive.mark(SITE, EDGE, INCARNATION)
            assert mark.seq >= acked, "what was acknowledged is there"
            assert (mark.chain, mark.gap) == (chain(mark.seq), False)
            acked = archive.store(SITE, EDGE, batch(first, first + 49)).mark.seq
            assert acked == first + 49
            first += 50
        assert seqs(archive) == list(range(1, acked + 1))


def test_a_commit_of_which_nobody_heard_is_no_second_one(
    mortal: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server dies after its commit and before its word."""
    with closing(PostgresArchive(mortal.where("postgres"))) as archive:
        archive.store(SITE, EDGE, batch(1, 10))
        transaction = PostgresDatabase.transaction

        @contextmanager
        def unheard(database: PostgresDatabase) -> Iterator[None]:
            with transaction(database):
                yield
            mortal.kill()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        with monkeypatch.context() as patch:
            patch.setattr(PostgresDatabase, "transaction", unheard)
            with pytest.raises(ArchiveError, match="send them again"):
                archive.store(SITE, EDGE, batch(11, 20))
        mortal.start()
        with suppress(ArchiveError):
            archive.mark(SITE, EDGE, INCARNATION)  # the connection learns that it is none
        again = archive.store(SITE, EDGE, batch(11, 20))
        assert (again.new, again.mark.seq) == ((), 20)


def test_nothing_goes_on_behind_a_transaction_that_was_lost(place: PostgresStore) -> None:
    """On a new connection what is left of it would be committed by itself."""
    with closing(PostgresArchive(place.where)) as archive:
        database = archive._db

        def cut_off() -> None:
            with database.transaction():
                with suppress(psycopg.OperationalError):
                    database.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                database.execute("INSERT INTO meta VALUES ('half', 'done')")

        with pytest.raises(psycopg.OperationalError):
            cut_off()
        assert place.rows("SELECT count(*) FROM meta WHERE name = 'half'") == [(0,)]


def test_a_password_comes_from_a_file_and_never_from_the_command_line(
    place: PostgresStore, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(place.where, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS guarded")
        owner.execute(f"CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    where = f"postgresql://guarded@127.0.0.1:{postgres.port}/postgres"
    with pytest.raises(ArchiveError, match="PGPASSFILE"):
        open_archive(where)
    with pytest.raises(ArchiveError, match="command line") as refused:
        open_archive(where.replace("guarded@", f"guarded:{PASSWORD.replace(' ', '%20')}@"))
    assert PASSWORD.split()[0] not in str(refused.value)
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:*:*:guarded:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    with closing(open_archive(where)) as archive:
        assert archive.store(SITE, EDGE, batch(1, 3)).mark.seq == 3


def test_a_server_or_database_that_may_lose_entries_is_refused(
    postgres: PostgresServer, mortal: PostgresServer
) -> None:
    mortal.stop()
    mortal.start("fsync=off")
    with pytest.raises(ArchiveError, match="fsync = off"):
        open_archive(mortal.where("postgres"))
    mortal.stop()
    with pytest.raises(ArchiveError, match="UTF8"):
        open_archive(postgres.make("SQL_ASCII"))
    with pytest.raises(ArchiveError, match="check that the server runs"):
        open_archive(postgres.where("nowhere"))


def test_commits_are_durable_whatever_the_account_is_set_to(place: PostgresStore) -> None:
    with closing(
        PostgresArchive(f"{place.where}&options=-c%20synchronous_commit%3Doff")
    ) as archive:
        assert archive._db.execute("SHOW synchronous_commit").fetchone() == ("on",)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_archive_of_an_earlier_version_is_brought_up_to_date(
    place: PostgresStore, version: int
) -> None:
    """As the program of that version made it, by `pg_dump`."""
    place.change((GOLDEN / f"postgres-{version}.sql").read_text())
    with pytest.raises(ArchiveError, match="start `sentrypost central run`"):
        read_archive(place.where)
    with closing(place.open()) as archive:
        assert archive.id == "0001020304050607"
        assert archive.mark(SITE, EDGE, INCARNATION) == Mark(seq=20, chain=chain(20))
        annex = archive.mark(SITE, "annex", INCARNATION)
        assert (annex.seq, annex.gap) == (12, True)
        assert [one.title for one in archive.incidents()] == ["a badge was lent"]
        assert len(archive.find(Query(person=NAME))) == 4
        assert archive.store(SITE, EDGE, batch(21, 30)).mark.seq == 30
        audited = [archive.audit(one) for one in archive.journals_kept()]
        assert [(one.sound, one.entries, one.waits) for one in audited] == [
            (True, 18, 6),
            (True, 30, 0),
        ]
    with closing(place.open()) as new:
        assert len(new.find(Query(person=NAME))) == 5
    assert place.rows("SELECT value FROM meta WHERE name = 'version'") == [(f"{SCHEMA_VERSION}",)]


def test_tables_are_the_same_whatever_version_they_began_with(place: PostgresStore) -> None:
    def columns() -> list[tuple[object, ...]]:
        return place.rows(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'sentrypost' ORDER BY 1, 2"
        )

    def indexes() -> list[tuple[object, ...]]:
        return place.rows(
            "SELECT tablename, indexdef FROM pg_indexes"
            " WHERE schemaname = 'sentrypost' ORDER BY 1, 2"
        )

    made = []
    for version in (None, *VERSIONS):
        place.change("DROP SCHEMA IF EXISTS sentrypost CASCADE")
        if version is not None:
            place.change((GOLDEN / f"postgres-{version}.sql").read_text())
        with closing(place.open()) as archive:
            archive.store(SITE, EDGE, batch(1, 20))
        made.append((columns(), indexes()))
    assert all(one == made[0] for one in made)


def test_every_version_that_ever_wrote_an_archive_is_kept() -> None:
    """The first never stood alone: what the second adds came before anybody had one."""
    assert [1, *VERSIONS] == list(range(1, SCHEMA_VERSION))


def test_an_archive_of_a_later_version_is_left_alone(place: PostgresStore) -> None:
    with pytest.raises(ArchiveError, match="start `sentrypost central run`"):
        read_archive(place.where)
    place.open().close()
    place.change(f"UPDATE meta SET value = '{SCHEMA_VERSION + 1}' WHERE name = 'version'")
    for opening in (open_archive, read_archive):
        with pytest.raises(ArchiveError, match="install the version"):
            opening(place.where)


def test_an_error_quotes_no_value(place: PostgresStore, postgres: PostgresServer) -> None:
    with closing(place.open()) as archive:
        archive.store(SITE, EDGE, batch(1, 10))
        place.change("ALTER TABLE personal ADD CHECK (length(value) < 3) NOT VALID")
        with pytest.raises(ArchiveError, match="personal") as failed:
            archive.store(SITE, EDGE, batch(11, 20))
    assert NAME not in str(failed.value)
