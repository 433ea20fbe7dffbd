"""The archive: every entry of every edge, exactly once, byte for byte, in SQLite.

One connection, used by one thread at a time; all methods block. `store` is one transaction that is
on disk when it returns, which is what an acknowledgement promises.

An entry is keyed by site, edge, incarnation and number. The first bytes that come under a key stay;
others under the same key are kept aside as evidence of a fork and never acknowledged. The mark of a
journal is the last number up to which nothing is missing, with the chain over the stored bytes.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from central import erasures
from central.witness import Remembered
from controller import ledger
from controller.checkpoint import log_name
from controller.events import Entry, EntryError, decode_entry
from edge.journal.disk import Connection
from edge.journal.folder import write_log_again
from edge.wire import Batch

APPLICATION_ID = 0x53504152
"""`SPAR` in the file's header, so that no other database is taken for an archive."""

SCHEMA_VERSION = 3
BUSY_S = 5.0
"""A report that reads the archive may hold it up this long, then storing fails and is retried."""

FORKS_KEPT_MAX = 100
"""Conflicting entries kept per journal: evidence, and no way to fill the disk."""

_SCHEMA = """
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

_SECOND = """
CREATE TABLE witnessed (
    log TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    note TEXT NOT NULL
) WITHOUT ROWID;
"""
_STEPS = (_SCHEMA, _SECOND, erasures.SCHEMA)
"""What makes an archive, in order. A step that was released is never edited."""


class ArchiveError(Exception):
    """The archive cannot be opened or written; the message says what to do."""


class BatchRefusedError(Exception):
    """The batch is not what its sender may send; nothing of it was stored."""


class ForkError(BatchRefusedError):
    """Other bytes are stored under the number `seq`; those that came are kept as evidence."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"entry {seq} is stored already with other bytes")
        self.seq = seq


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its stored bytes and the personal values beside it."""

    entry: Entry
    data: bytes
    personal: tuple[ledger.Personal, ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `seq` is stored, and `chain` is the journal's chain there.

    `gap`: later entries are stored too.
    """

    seq: int
    chain: bytes
    gap: bool = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What storing a batch did. `unproven` counts personal values that no commitment stands for:
    they were left out.
    """

    mark: Mark
    new: tuple[Archived, ...]
    unproven: int = 0


class _Journal(msgspec.Struct, frozen=True):
    id: int
    mark: int
    chain: bytes


def connect(path: Path) -> Connection:
    """The file, made when it does not exist; what its log shows is durable.

    Raises sqlite3.Error, OSError.
    """
    # It holds names: nobody but its owner reads it.
    path.touch(mode=0o600)
    # Used by one thread at a time, which need not be the one that opened it.
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN IMMEDIATE")  # nobody else writes to the log meanwhile
        write_log_again(path)
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteArchive:
    """The archive in one SQLite file, made when it does not exist.

    `entropy(n)` gives n random bytes, for a new archive's `id`. Raises ArchiveError when the file
    is another program's, another version's or cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        connect: Callable[[Path], Connection] = connect,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        try:
            self._db = connect(path)
            self._db.execute("PRAGMA journal_mode = WAL")
            # An acknowledged entry must survive a power cut: NORMAL does not sync at a commit.
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA trusted_schema = OFF")
            # An erased personal value leaves no bytes behind in the file.
            self._db.execute("PRAGMA secure_delete = ON")
            self._prepare(path, entropy)
        except (sqlite3.Error, OSError) as error:
            raise ArchiveError(
                f"cannot open the archive {path}: {error}; check that its folder exists, belongs "
                "to this user and has room, and that no other program holds the file"
            ) from error
        self.id = str(self._db.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()[0])

    def _prepare(self, path: Path, entropy: Callable[[int], bytes]) -> None:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if (application, version) == (APPLICATION_ID, SCHEMA_VERSION):
            return
        known = application == APPLICATION_ID and 0 < version < SCHEMA_VERSION
        fresh = (application, version) == (0, 0) and not self._db.execute(
            "SELECT 1 FROM sqlite_schema"
        ).fetchone()
        if not known and not fresh:
            raise ArchiveError(
                f"{path} is no archive of this version (application {application:#x}, version "
                f"{version}): name another file, or install the version that wrote it"
            )
        self._db.execute("BEGIN IMMEDIATE")
        for statement in "".join(_STEPS[version:]).split(";"):
            self._db.execute(statement)
        if fresh:
            self._db.execute("INSERT INTO meta VALUES ('id', ?)", (entropy(8).hex(),))
        self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    def store(self, site: str, edge: str, batch: Batch) -> Receipt:
        """Store what is new of `batch`, in one transaction, durable on return.

        Raises BatchRefusedError (ForkError) with nothing stored, ArchiveError when the disk or
        SQLite fails; the batch may then be stored or not, and may be stored again.
        """
        entries = _checked(site, edge, batch)
        remedy = "edges keep their entries and send them again: make room or mend the disk"
        with _failing("cannot write the archive", remedy):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                receipt = self._insert(self._journal(site, edge, batch.incarnation), entries)
                self._db.execute("COMMIT")
            except ForkError as fork:
                self._db.execute("ROLLBACK")
                self._keep_evidence(site, edge, batch.incarnation, entries, fork.seq)
                raise
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        return receipt

    def mark(self, site: str, edge: str, incarnation: str) -> Mark:
        """How far the journal is stored without a gap; 0 with the chain's origin if unknown."""
        row = self._db.execute(
            "SELECT id, mark, chain FROM journal WHERE site = ? AND edge = ? AND incarnation = ?",
            (site, edge, incarnation),
        ).fetchone()
        if row is None:
            return Mark(seq=0, chain=ledger.origin(site, edge, incarnation))
        return self._mark_of(_Journal(*row))

    def entries(self, site: str, edge: str, incarnation: str) -> Iterator[Archived]:
        """Every stored entry of one journal in the order of its numbers."""
        rows = self._db.execute(
            "SELECT journal, seq, data FROM entry WHERE journal = (SELECT id FROM journal"
            " WHERE site = ? AND edge = ? AND incarnation = ?) ORDER BY seq",
            (site, edge, incarnation),
        )
        for journal, seq, data in rows:
            personal = self._db.execute(
                "SELECT field, value, salt FROM personal WHERE journal = ? AND seq = ?",
                (journal, seq),
            )
            yield Archived(
                entry=decode_entry(data),
                data=data,
                personal=tuple(ledger.Personal(*row) for row in personal),
            )

    def remembered(self, log: str) -> Remembered | None:
        """As `central.witness.Memory`."""
        with _failing("cannot read the archive", "mend the disk"):
            row = self._db.execute(
                "SELECT key, note FROM witnessed WHERE log = ?", (log,)
            ).fetchone()
        return None if row is None else Remembered(*row)

    def journals(self, site: str, edge: str) -> int:
        """As `central.witness.Memory`."""
        with _failing("cannot read the archive", "mend the disk"):
            row = self._db.execute(
                "SELECT count(*) FROM witnessed WHERE log > ? AND log < ?", _logs_of(site, edge)
            ).fetchone()
        return int(row[0])

    def forget(self, site: str, edge: str) -> int:
        """Forget what was cosigned of an edge's journals; of how many. Raises ArchiveError."""
        with _failing("cannot write the archive", "mend the disk"):
            gone = self._db.execute(
                "DELETE FROM witnessed WHERE log > ? AND log < ? RETURNING log",
                _logs_of(site, edge),
            ).fetchall()
        return len(gone)

    def remember(self, log: str, what: Remembered) -> None:
        """As `central.witness.Memory`."""
        remedy = "nothing is cosigned: make room or mend the disk"
        with _failing("cannot write the archive", remedy):
            self._db.execute("INSERT OR REPLACE INTO witnessed VALUES (?, ?, ?)", (log, *what))

    def erase(self) -> bool:
        """Look for values of erased people among some more entries; False: nothing to do now.

        Raises ArchiveError; it may be called again.
        """
        with _failing("cannot erase in the archive", "make room or mend the disk"):
            try:
                return erasures.step(self._db)
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _journal(self, site: str, edge: str, incarnation: str) -> _Journal:
        self._db.execute(
            "INSERT OR IGNORE INTO journal (site, edge, incarnation, mark, chain)"
            " VALUES (?, ?, ?, 0, ?)",
            (site, edge, incarnation, ledger.origin(site, edge, incarnation)),
        )
        row = self._db.execute(
            "SELECT id, mark, chain FROM journal WHERE site = ? AND edge = ? AND incarnation = ?",
            (site, edge, incarnation),
        ).fetchone()
        return _Journal(*row)

    def _insert(self, journal: _Journal, entries: tuple[Archived, ...]) -> Receipt:
        first, last = entries[0].entry.seq, entries[-1].entry.seq
        stored: dict[int, bytes] = dict(
            self._db.execute(
                "SELECT seq, data FROM entry WHERE journal = ? AND seq BETWEEN ? AND ?",
                (journal.id, first, last),
            ).fetchall()
        )
        for archived in entries:
            if stored.get(archived.entry.seq, archived.data) != archived.data:
                raise ForkError(archived.entry.seq)
        new = [archived for archived in entries if archived.entry.seq not in stored]
        self._db.executemany(
            "INSERT INTO entry (journal, seq, kind, utc_us, data) VALUES (?, ?, ?, ?, ?)",
            [(journal.id, a.entry.seq, a.entry.kind, a.entry.utc_us, a.data) for a in new],
        )
        proven = tuple(_proven(archived) for archived in new)
        unproven = sum(len(a.personal) for a in new) - sum(len(a.personal) for a in proven)
        proven = self._kept(journal, proven)
        # Only with a new entry: a batch sent again never brings back what was erased here.
        self._db.executemany(
            "INSERT INTO personal (journal, seq, field, value, salt) VALUES (?, ?, ?, ?, ?)",
            [
                (journal.id, a.entry.seq, personal.field, personal.value, personal.salt)
                for a in proven
                for personal in a.personal
            ],
        )
        return Receipt(
            mark=self._mark_of(self._advanced(journal)),
            new=proven,
            unproven=unproven,
        )

    def _kept(self, journal: _Journal, new: tuple[Archived, ...]) -> tuple[Archived, ...]:
        """Without what is erased, by an entry among them or by an earlier one."""
        if not new:
            return new
        erasures.note(self._db, journal.id, [archived.entry for archived in new])
        beside = [erasures.Beside(archived.entry, archived.personal) for archived in new]
        left = erasures.kept(self._db, journal.id, beside)
        return tuple(
            archived
            if archived.personal is personal
            else msgspec.structs.replace(archived, personal=personal)
            for archived, personal in zip(new, left, strict=True)
        )

    def _advanced(self, journal: _Journal) -> _Journal:
        """Move the mark over every entry that follows it without a gap."""
        mark, chain = journal.mark, journal.chain
        for seq, data in self._db.execute(
            "SELECT seq, data FROM entry WHERE journal = ? AND seq > ? ORDER BY seq",
            (journal.id, mark),
        ):
            if seq != mark + 1:
                break
            mark, chain = seq, ledger.link(chain, ledger.leaf(data))
        self._db.execute(
            "UPDATE journal SET mark = ?, chain = ? WHERE id = ?", (mark, chain, journal.id)
        )
        return _Journal(journal.id, mark, chain)

    def _mark_of(self, journal: _Journal) -> Mark:
        beyond = self._db.execute(
            "SELECT 1 FROM entry WHERE journal = ? AND seq > ? LIMIT 1", (journal.id, journal.mark)
        ).fetchone()
        return Mark(seq=journal.mark, chain=journal.chain, gap=beyond is not None)

    def _keep_evidence(
        self, site: str, edge: str, incarnation: str, entries: tuple[Archived, ...], seq: int
    ) -> None:
        data = next(archived.data for archived in entries if archived.entry.seq == seq)
        self._db.execute("BEGIN IMMEDIATE")
        journal = self._journal(site, edge, incarnation)
        kept = self._db.execute(
            "SELECT count(*) FROM fork WHERE journal = ?", (journal.id,)
        ).fetchone()[0]
        if kept < FORKS_KEPT_MAX:
            self._db.execute(
                "INSERT OR IGNORE INTO fork (journal, seq, leaf, data) VALUES (?, ?, ?, ?)",
                (journal.id, seq, ledger.leaf(data), data),
            )
        self._db.execute("COMMIT")


@contextmanager
def _failing(what: str, remedy: str) -> Iterator[None]:
    """SQLite's errors as ArchiveError."""
    try:
        yield
    except sqlite3.Error as error:
        raise ArchiveError(f"{what}: {error}; {remedy}") from error


def _logs_of(site: str, edge: str) -> tuple[str, str]:
    """The names of an edge's journals lie between these."""
    first = log_name(site, edge, "")
    return first, first[:-1] + "0"


def _checked(site: str, edge: str, batch: Batch) -> tuple[Archived, ...]:
    """The batch's entries, each of whose headers says what topic and batch say."""
    entries = []
    for number, sent in enumerate(batch.entries, start=batch.first):
        try:
            entry = decode_entry(sent.data)
        except (EntryError, UnicodeEncodeError) as error:
            raise BatchRefusedError(f"entry {number}: {error}") from error
        said = (entry.site, entry.edge, entry.incarnation, entry.seq)
        if said != (site, edge, batch.incarnation, number):
            raise BatchRefusedError(
                f"entry {number} of {site}/{edge} says it is {entry.seq} of "
                f"{entry.site}/{entry.edge}, journal {entry.incarnation}"
            )
        entries.append(Archived(entry=entry, data=sent.data, personal=sent.personal))
    return tuple(entries)


def _proven(archived: Archived) -> Archived:
    """Without the personal values that the entry does not commit to: anybody could add those."""
    proven = {
        personal.field: personal
        for personal in archived.personal
        if f'"{personal.field}":"{ledger.commitment(personal)}"'.encode() in archived.data
    }
    return msgspec.structs.replace(archived, personal=tuple(proven.values()))
