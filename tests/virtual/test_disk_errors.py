"""The connection answers and fails as `sqlite3` does, by class, code and name."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.journal import folder
from edge.journal.disk import Connection
from simulators.virtual.disk import Disk
from tests.virtual.disks import disk_of

HOME = Path("/home")
Use = Callable[[Connection], object]


@pytest.fixture
def disk(seed: int) -> Iterator[Disk]:
    with disk_of(seed) as disk:
        disk.make_folder(HOME)
        yield disk


def real(path: Path) -> Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def prepared(connection: Connection) -> Connection:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT NOT NULL) STRICT")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "one"), (2, "two")])
    return connection


def outcome(connection: Connection, use: Use) -> tuple[object, ...]:
    """What came of it: an answer, or an error with all that our code looks at."""
    try:
        return ("answered", use(connection))
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        return (type(error), code, getattr(error, "sqlite_errorname", None), str(error))


def full(connection: Connection) -> object:
    connection.execute("PRAGMA max_page_count = 1").fetchall()
    return connection.executemany(
        "INSERT INTO t VALUES (?, ?)", [(at, "y" * 3_000) for at in range(10, 20)]
    )


def read_only(connection: Connection) -> object:
    connection.execute("PRAGMA query_only = ON")
    return connection.execute("INSERT INTO t VALUES (9, 'nine')")


def closed(connection: Connection) -> object:
    connection.close()
    connection.close()
    return connection.execute("SELECT 1")


def in_transaction(connection: Connection) -> object:
    seen = [connection.in_transaction]
    connection.execute("BEGIN IMMEDIATE")
    seen.append(connection.in_transaction)
    connection.execute("ROLLBACK")
    return [*seen, connection.in_transaction]


def one_by_one(connection: Connection) -> object:
    cursor = connection.execute("SELECT * FROM t ORDER BY x")
    first = cursor.fetchone()
    rest = list(cursor)
    found = [first, rest, cursor.fetchone(), cursor.fetchall()]
    cursor.close()
    return found


USES: list[Use] = [
    full,
    read_only,
    closed,
    in_transaction,
    one_by_one,
    lambda db: db.execute("SELECT x, y, x'00ff', NULL, 1.5 FROM t").fetchall(),
    lambda db: db.execute("SELECT * FROM t WHERE x = ?", (2,)).fetchone(),
    lambda db: db.execute("SELECT * FROM t WHERE x = 7").fetchone(),
    lambda db: db.execute("UPDATE t SET y = 'z'").fetchall(),
    lambda db: db.executescript("BEGIN; CREATE TABLE u (x); COMMIT").fetchall(),  # type: ignore[attr-defined]
    # The last one is about memory maps, which are not there to ask about.
    lambda db: [db.execute(pragma).fetchall() for pragma in folder.PRAGMAS[:-1]],
    lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(),
    lambda db: db.execute("INSERT INTO t VALUES (1, 'again')"),
    lambda db: db.execute("INSERT INTO t VALUES (3, NULL)"),
    lambda db: db.execute("INSERT INTO t VALUES ('text', 'text')"),
    lambda db: db.execute("SELECT nonsense"),
    lambda db: db.execute("not even SQL"),
    lambda db: db.execute("COMMIT"),
    lambda db: db.execute("SELECT zeroblob(3000000000)").fetchall(),
]


@pytest.mark.parametrize("use", USES)
def test_it_answers_and_fails_as_the_real_one(disk: Disk, tmp_path: Path, use: Use) -> None:
    simulated = prepared(disk.database(HOME / "x.db"))
    with closing(prepared(real(tmp_path / "x.db"))) as actual:
        expected = outcome(actual, use)
        assert outcome(simulated, use) == expected


def test_two_connections_lock_each_other_out_as_real_ones_do(disk: Disk, tmp_path: Path) -> None:
    """Without WAL, which would need shared memory here."""
    said = []
    for connect in (lambda: disk.database(HOME / "x.db"), lambda: real(tmp_path / "x.db")):
        with closing(connect()) as one, closing(connect()) as other:
            one.execute("CREATE TABLE t (x)")
            one.execute("BEGIN IMMEDIATE")
            one.execute("INSERT INTO t VALUES (1)")
            said.append(
                [
                    outcome(other, lambda db: db.execute("SELECT * FROM t").fetchall()),
                    outcome(other, lambda db: db.execute("BEGIN IMMEDIATE")),
                    outcome(one, lambda db: db.execute("COMMIT").fetchall()),
                    outcome(other, lambda db: db.execute("SELECT * FROM t").fetchall()),
                    outcome(other, lambda db: db.execute("BEGIN EXCLUSIVE").fetchall()),
                    outcome(one, lambda db: db.execute("SELECT * FROM t").fetchall()),
                ]
            )
    assert said[0] == said[1]


def test_a_file_that_cannot_be_opened_or_is_no_database(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 100)
    bad = disk.create(str(HOME / "bad.db"), disk.age)
    bad.write(b"not a database at all" * 100, 0)
    use: Use = lambda db: db.execute("SELECT * FROM sqlite_schema").fetchall()  # noqa: E731
    with closing(real(tmp_path / "bad.db")) as actual:
        assert outcome(disk.database(HOME / "bad.db"), use) == outcome(actual, use)
    with pytest.raises(sqlite3.OperationalError) as expected:
        real(tmp_path / "nowhere" / "x.db")
    with pytest.raises(sqlite3.OperationalError) as simulated:
        disk.database(Path("/nowhere/x.db"))
    assert str(simulated.value) == str(expected.value)
    assert simulated.value.sqlite_errorname == expected.value.sqlite_errorname == "SQLITE_CANTOPEN"
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        disk.database(HOME / "missing.db", create=False)


@pytest.mark.parametrize(
    ("operation", "name"),
    [("sync", "SQLITE_IOERR_FSYNC"), ("full", "SQLITE_FULL"), ("read-only", "SQLITE_IOERR_WRITE")],
)
def test_what_the_disk_refuses_has_the_name_that_a_real_one_gives_it(
    disk: Disk, operation: str, name: str
) -> None:
    """`reference`: strace with EIO at fdatasync, a full tmpfs, a file system gone read-only."""
    connection = prepared(disk.database(HOME / "x.db"))
    disk.syncs_to_fail = int(operation == "sync")
    disk.limit_bytes = 0 if operation == "full" else None
    disk.read_only = operation == "read-only"
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t VALUES (3, 'three')")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("COMMIT")
    assert caught.value.sqlite_errorname == name
    assert caught.value.sqlite_errorcode == getattr(sqlite3, name)
    assert not connection.in_transaction
