"""What stands in a segment beside its entries: its tables, whose it is, and where it begins."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from controller.ledger import origin
from controller.merkle import EMPTY, HASH_BYTES, Frontier
from edge.journal.disk import Connection
from edge.journal.errors import JournalDamaged, JournalForeign, JournalNewer

APPLICATION_ID = 0x53504A4C
"""`SPJL`, where `file` and SQLite look for it."""

STEPS = ("0001_init.sql", "0002_checkpoint.sql", "0003_segment.sql")
"""What makes a segment, in order. A step that was released is never edited."""

SCHEMA_VERSION = len(STEPS)
CHECKPOINTS_VERSION = 2
"""The first with checkpoints."""

SEGMENTS_VERSION = 3
"""The first that can stand behind another segment."""

META_KEYS = {"site", "edge", "incarnation", "created_utc_us", "acked"}

CREATED, TREE, PRUNED = "created_utc_us", "tree", "pruned"
OWN_META = {CREATED, TREE, PRUNED}
"""What `meta` says of one segment alone; the rest is about the journal, and goes on to the next.
`pruned`: the entry that says which of its entries have their bytes no more, and their classes.
"""

GONE = "gone"


def refuse_version(segment: Path, version: int) -> None:
    """Raises JournalNewer where this program is older than the file."""
    if version > SCHEMA_VERSION:
        raise JournalNewer(
            f"{segment} has schema {version}, this version knows {SCHEMA_VERSION}; "
            "install the version that wrote it, or a newer one"
        )


def version_of(connection: Connection) -> int:
    """Raises sqlite3.Error."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def refuse_schema(segment: Path, connection: Connection) -> int:
    """The version of the segment's tables, which are those of that version.

    Raises JournalNewer, and JournalForeign where tables differ or something was added: a trigger
    could alter what is stored.
    """
    version = version_of(connection)
    refuse_version(segment, version)
    found = frozenset(connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall())
    if found != expected_schema(version):
        names = ", ".join(sorted({str(row[1]) for row in found ^ expected_schema(version)}))
        raise JournalForeign(
            f"{segment} has tables that are not ours ({names}); keep it as evidence, and put a "
            "copy that verifies in its place or start with an empty folder"
        )
    return version


def bring_up(connection: Connection, version: int) -> None:
    """Add what this version keeps beside the rows; no row of an older one changes a byte."""
    if version == SCHEMA_VERSION:
        return
    steps = "".join(step_sql(name) for name in STEPS[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{steps}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )


class Meta(NamedTuple):
    """Whose journal it is, and how far the archive has it."""

    site: str
    edge: str
    incarnation: str
    acked: int
    doubted: int | None
    """As `Journal.doubted`."""
    continues: str
    """As `Journal.continues`."""
    gone: int
    """The entry that says why the oldest segments are not there; 0 where they are."""


def read_meta(segment: Path, connection: Connection) -> Meta:
    """Raises JournalForeign where it is not all there."""
    found = {str(key): str(value) for key, value in connection.execute("SELECT * FROM meta")}
    acked = found.get("acked", "")
    if not found.keys() >= META_KEYS or not (acked.isascii() and acked.isdigit()):
        raise JournalForeign(
            f"{segment} does not say whose journal it is; keep it as evidence, and put a copy "
            "that verifies in its place or start with an empty folder"
        )
    witnessed, gone = found.get("doubted", ""), found.get(GONE, "")
    return Meta(
        found["site"],
        found["edge"],
        found["incarnation"],
        int(acked[:18]),
        int(witnessed[:18]) if witnessed.isascii() and witnessed.isdigit() else None,
        found.get("continues", ""),
        int(gone[:18]) if gone.isascii() and gone.isdigit() else 0,
    )


def meta_value(connection: Connection, key: str) -> str | None:
    """Raises sqlite3.Error."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


class Pruning(NamedTuple):
    """What was pruned of a segment: of these classes, as entry `by` says; 0 where nothing was."""

    by: int = 0
    classes: tuple[str, ...] = ()


def pruning_of(connection: Connection) -> Pruning:
    """Raises sqlite3.Error."""
    by, _, classes = (meta_value(connection, PRUNED) or "").partition(" ")
    number = int(by[:18]) if by.isascii() and by.isdigit() else 0
    return Pruning(number, tuple(classes.split()))


class Boundary(NamedTuple):
    """Where a segment begins: the last entry that stands before it, chain and tree there, and the
    final checkpoint of the segment before, empty where there is none before.
    """

    number: int
    seq: int
    chain: bytes
    tree: Frontier
    began_utc_us: int = 0
    note: str = ""
    cosigned: str | None = None

    @property
    def row(self) -> tuple[int, int, bytes, bytes, int, str, str | None]:
        """As it is stored."""
        return (
            self.number,
            self.seq,
            self.chain,
            b"".join(self.tree.peaks),
            self.began_utc_us,
            self.note,
            self.cosigned,
        )


def boundaries(connection: Connection, meta: Meta) -> tuple[Boundary, ...]:
    """Where every segment begins up to this one, which is the last.

    Raises JournalDamaged, sqlite3.Error.
    """
    first = Boundary(1, 0, origin(*meta[:3]), EMPTY)
    if version_of(connection) < SEGMENTS_VERSION:
        return (first,)
    rows = connection.execute("SELECT * FROM segment ORDER BY number").fetchall()
    return (first, *(_boundary(*row) for row in rows))


def peaks_of(data: bytes) -> tuple[bytes, ...]:
    """Hashes that were stored one behind the other."""
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


def _boundary(number: int, seq: int, *columns: object) -> Boundary:
    """Raises JournalDamaged where a column lost its type: SQLite looks at it on writing only."""
    match columns:
        case bytes(chain), bytes(peaks), int(began_utc_us), str(note), str() | None as cosigned:
            tree = Frontier(seq, peaks_of(peaks))
            return Boundary(number, seq, chain, tree, began_utc_us, note, cosigned)
    raise JournalDamaged(seq, "where its segment ends cannot be read")


def fill_segment(
    connection: Connection, meta: Iterable[tuple[str, str]], begins: Sequence[Boundary] = ()
) -> None:
    """Make an empty database a segment without entries, in one transaction; `begins`: where it and
    those before it begin, without the first. Raises sqlite3.Error.
    """
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript("BEGIN IMMEDIATE;\n" + "".join(step_sql(name) for name in STEPS))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", list(meta))
    connection.executemany(
        "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)", [one.row for one in begins]
    )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def first_meta(site: str, edge: str, incarnation: str, utc_us: int) -> tuple[tuple[str, str], ...]:
    """Of a new journal."""
    return (
        ("site", site),
        ("edge", edge),
        ("incarnation", incarnation),
        (CREATED, str(utc_us)),
        ("acked", "0"),
    )


def step_sql(name: str) -> str:
    return files("edge.journal").joinpath("schema", name).read_text("utf-8")


@cache
def expected_schema(version: int) -> frozenset[tuple[str, str, str | None]]:
    """What SQLite itself makes of the steps up to a version."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("".join(step_sql(name) for name in STEPS[:version]))
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    return frozenset(rows)
