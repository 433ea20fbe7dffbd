"""The tables of the archive in SQLite, step by step. A step that was released is never edited."""

from collections.abc import Callable
from pathlib import Path

from central import archive_retention, erasures
from central.archive import Archived, ArchiveError
from central.database import MENTION, Database
from central.mentions import bucket, mention_rows
from controller.erasures import subjects
from controller.events import EntryError, decode_entry

APPLICATION_ID = 0x53504152
"""`SPAR` in the file's header, so that no other database is taken for an archive."""

FILL_ENTRIES = 5_000
"""Entries of an older archive that are looked into at a time."""

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    edge TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    mark INTEGER NOT NULL,
    chain BLOB NOT NULL,
    UNIQUE (site, edge, incarnation)
);
CREATE TABLE entry (
    journal INTEGER NOT NULL REFERENCES journal (id),
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    utc_us INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE INDEX entry_kind ON entry (kind, utc_us);
CREATE INDEX entry_utc ON entry (utc_us);
CREATE TABLE personal (
    journal INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    salt TEXT NOT NULL,
    PRIMARY KEY (journal, seq, field),
    FOREIGN KEY (journal, seq) REFERENCES entry (journal, seq)
) WITHOUT ROWID;
CREATE TABLE fork (
    journal INTEGER NOT NULL REFERENCES journal (id),
    seq INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (journal, seq, leaf)
) WITHOUT ROWID;
"""

_WITNESSED = """
CREATE TABLE witnessed (
    log TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    note TEXT NOT NULL
) WITHOUT ROWID;
"""

_SEARCH = """
ALTER TABLE personal ADD COLUMN utc_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE personal ADD COLUMN holder TEXT;
ALTER TABLE personal ADD COLUMN bucket INTEGER NOT NULL DEFAULT 0;
CREATE INDEX personal_bucket ON personal (bucket, utc_us);
CREATE TABLE mention (
    what TEXT NOT NULL,
    value TEXT NOT NULL,
    utc_us INTEGER NOT NULL,
    journal INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (what, value, utc_us, journal, seq)
) WITHOUT ROWID;
"""

_INCIDENTS = """
CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    title TEXT NOT NULL,
    drill INTEGER NOT NULL,
    by_alarm INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    alarms INTEGER NOT NULL
);
CREATE INDEX incident_open ON incident (site, by_alarm, closed, drill, last_us);
CREATE TABLE incident_step (
    incident INTEGER NOT NULL REFERENCES incident (id),
    number INTEGER NOT NULL,
    utc_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (incident, number)
) WITHOUT ROWID;
"""
"""`incident` is what its steps come to, so that it is found."""

_GAPS = """
CREATE TABLE gap (
    journal INTEGER NOT NULL REFERENCES journal (id),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    chain BLOB NOT NULL,
    PRIMARY KEY (journal, first_seq)
) WITHOUT ROWID;
CREATE TABLE pruned (
    journal INTEGER NOT NULL REFERENCES journal (id),
    seq INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
"""
"""What is gone for good: `central.gaps`."""

_RETENTION = f"""
{archive_retention.SCHEMA_RUN};
CREATE TABLE retention (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    journal INTEGER NOT NULL REFERENCES journal (id),
    statement BLOB NOT NULL
);
CREATE INDEX retention_journal ON retention (journal);
"""
"""What the archive itself has ended: `central.archive_retention`."""

_STEPS = (_FIRST, _WITNESSED, erasures.SCHEMA, _SEARCH, _INCIDENTS, _GAPS, _RETENTION)

SCHEMA_VERSION = len(_STEPS)
_WITHOUT_SEARCH = 3
"""Entries stored up to this version have to be looked into."""


def prepare(database: Database, path: Path, entropy: Callable[[int], bytes]) -> None:
    """Make the tables, or what is missing of them, in one transaction. Raises ArchiveError."""
    application, version = _found(database)
    if (application, version) == (APPLICATION_ID, SCHEMA_VERSION):
        return
    known = application == APPLICATION_ID and 0 < version < SCHEMA_VERSION
    fresh = (application, version) == (0, 0) and not database.execute(
        "SELECT 1 FROM sqlite_schema"
    ).fetchone()
    if not known and not fresh:
        raise _foreign(path, application, version)
    with database.transaction():
        for statement in "".join(_STEPS[version:]).split(";"):
            database.execute(statement)
        if fresh:
            database.execute("INSERT INTO meta VALUES ('id', ?)", (entropy(8).hex(),))
        elif version <= _WITHOUT_SEARCH:
            _fill(database)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def require_present(database: Database, path: Path) -> None:
    """Raises ArchiveError where the file is not an archive of this version."""
    application, version = _found(database)
    if application == APPLICATION_ID and 0 < version < SCHEMA_VERSION:
        raise ArchiveError(
            f"{path} was written by an earlier version: start `sentrypost central run` on it once"
        )
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        raise _foreign(path, application, version)


def _found(database: Database) -> tuple[int, int]:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return application, version


def _foreign(path: Path, application: int, version: int) -> ArchiveError:
    return ArchiveError(
        f"{path} is no archive of this version (application {application:#x}, version "
        f"{version}): name another file, or install the version that wrote it"
    )


def _fill(database: Database) -> None:
    """What is searched by, for entries that are there already."""
    database.execute(
        "UPDATE personal SET utc_us = (SELECT utc_us FROM entry"
        " WHERE entry.journal = personal.journal AND entry.seq = personal.seq)"
    )
    journal, seq = 0, 0
    while rows := database.execute(
        "SELECT journal, seq, data FROM entry WHERE (journal, seq) > (?, ?)"
        " ORDER BY journal, seq LIMIT ?",
        (journal, seq, FILL_ENTRIES),
    ).fetchall():
        read = [(row[0], _read(*row)) for row in rows]
        database.add(
            MENTION, [mention for at, one in read for mention in mention_rows(at, one.entry)]
        )
        whose = [
            (holder, at, one.entry.seq, field)
            for at, one in read
            for field, holder in subjects(one.entry).items()
        ]
        database.executemany(
            "UPDATE personal SET holder = ? WHERE journal = ? AND seq = ? AND field = ?", whose
        )
        values = database.execute(
            "SELECT value, journal, seq, field FROM personal"
            " WHERE (journal, seq) > (?, ?) AND (journal, seq) <= (?, ?)",
            (journal, seq, *rows[-1][:2]),
        ).fetchall()
        database.executemany(
            "UPDATE personal SET bucket = ? WHERE journal = ? AND seq = ? AND field = ?",
            [(bucket(value), *where) for value, *where in values],
        )
        journal, seq, _ = rows[-1]


def _read(journal: int, seq: int, data: bytes) -> Archived:
    try:
        return Archived(entry=decode_entry(data), data=data)
    except EntryError as error:
        raise ArchiveError(
            f"entry {seq} of journal {journal} in the archive cannot be read: {error}; the file is "
            "damaged: put back a copy"
        ) from error
