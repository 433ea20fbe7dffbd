"""What the archive takes away when an edge says that somebody is erased.

The values that the edge names go with the entry that names them. Beyond those, whatever names the
person by his random id goes at every journal of the same site, of edges and incarnations that are
no more as well: it is one site that knew him, under one id. That takes long in a large archive and
is done in steps; what arrives later, out of a backlog, is dropped on arrival.

Functions of one connection, used on the archive's thread.
"""

from collections.abc import Iterable, Sequence

import msgspec

from controller.erasures import ABOUT_HIM, subject
from controller.events import Entry, EntryError, PersonErased, decode_body, decode_entry, kind_of
from controller.ids import HolderId
from controller.ledger import Personal
from edge.journal.disk import Connection
from edge.journal.erasure import fields_of

SCHEMA = """
CREATE TABLE erased (
    site TEXT NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (site, holder)
) WITHOUT ROWID;
CREATE TABLE erasing (
    site TEXT NOT NULL,
    holder TEXT NOT NULL,
    journal INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (site, holder)
) WITHOUT ROWID;
"""
"""`erased`: who was, for good. `erasing`: up to where the site's journals were looked through."""

STEP_ENTRIES = 5_000
"""Entries that one step looks at: some ten milliseconds, in which no batch is stored."""

KIND = kind_of(PersonErased)


class Beside(msgspec.Struct, frozen=True):
    """An entry and the values that came beside it."""

    entry: Entry
    personal: tuple[Personal, ...]


def note(db: Connection, journal: int, entries: Iterable[Entry]) -> None:
    """Of these new entries, carry out what they name and note whom they erase. In a transaction."""
    for entry in entries:
        erased = _erased(entry)
        if erased is None:
            continue
        db.execute("INSERT OR IGNORE INTO erased VALUES (?, ?)", (entry.site, erased.holder))
        db.execute(
            "INSERT OR REPLACE INTO erasing VALUES (?, ?, 0, 0)", (entry.site, erased.holder)
        )
        for values in erased.values:
            for field in values.fields:
                db.executemany(
                    "DELETE FROM personal WHERE journal = ? AND field = ? AND seq BETWEEN ? AND ?",
                    [(journal, field, first, last) for first, last in values.entries],
                )


def kept(db: Connection, journal: int, beside: Sequence[Beside]) -> list[tuple[Personal, ...]]:
    """Of each new entry the values that are of nobody who is erased. In a transaction."""
    site, first = beside[0].entry.site, beside[0].entry.seq
    if not db.execute("SELECT 1 FROM erased WHERE site = ? LIMIT 1", (site,)).fetchone():
        return [one.personal for one in beside]
    # A gap may have let the erasure come first.
    rows = db.execute(
        "SELECT data FROM entry WHERE journal = ? AND seq > ? AND kind = ?", (journal, first, KIND)
    ).fetchall()
    said = [erased for (data,) in rows if (erased := _erased(decode_entry(data))) is not None]
    return [_kept(db, one, said) for one in beside]


def _kept(db: Connection, one: Beside, said: Sequence[PersonErased]) -> tuple[Personal, ...]:
    if not one.personal:
        return ()
    holder, about = subject(one.entry), ABOUT_HIM.get(one.entry.kind, ())
    row = (one.entry.site, holder)
    gone = (
        holder is not None
        and db.execute("SELECT 1 FROM erased WHERE site = ? AND holder = ?", row).fetchone()
    )
    return tuple(
        value
        for value in one.personal
        if not (gone and value.field in about) and not _named(said, one.entry.seq, value.field)
    )


def _named(said: Sequence[PersonErased], seq: int, field: str) -> bool:
    return any(
        field in values.fields and any(first <= seq <= last for first, last in values.entries)
        for erased in said
        for values in erased.values
    )


def step(db: Connection) -> bool:
    """Look through some more entries of a site; False when there is nothing to do now.

    A program that reads the archive keeps the write-ahead log from being cut: then it is cut later.
    """
    row = db.execute("SELECT site, holder, journal, seq FROM erasing LIMIT 1").fetchone()
    if row is None:
        return False
    site, holder, journal, seq = row
    at = db.execute(
        "SELECT id FROM journal WHERE site = ? AND id >= ? ORDER BY id LIMIT 1", (site, journal)
    ).fetchone()
    if at is None:
        return _finish(db, site, holder)
    seq = seq if at[0] == journal else 0
    journal = at[0]
    (last,) = db.execute(
        "SELECT max(seq) FROM (SELECT seq FROM entry WHERE journal = ? AND seq > ?"
        " ORDER BY seq LIMIT ?)",
        (journal, seq, STEP_ENTRIES),
    ).fetchone()
    db.execute("BEGIN IMMEDIATE")
    if last is not None:
        _erase(db, HolderId(holder), journal, seq, last)
    db.execute(
        "UPDATE erasing SET journal = ?, seq = ? WHERE site = ? AND holder = ?",
        (journal + (last is None), last or 0, site, holder),
    )
    db.execute("COMMIT")
    return True


def _erase(db: Connection, holder: HolderId, journal: int, after: int, last: int) -> None:
    rows = db.execute(
        "SELECT seq, data FROM entry WHERE journal = ? AND seq > ? AND seq <= ?"
        " AND instr(data, ?) > 0",
        (journal, after, last, f'"{holder}"'.encode()),
    ).fetchall()
    db.executemany(
        "DELETE FROM personal WHERE journal = ? AND seq = ? AND field = ?",
        [(journal, seq, field) for seq, data in rows for field in fields_of(data, holder)],
    )


def _finish(db: Connection, site: str, holder: str) -> bool:
    # Whoever reads is not waited for: batches of edges would wait as well.
    ((patience_ms,),) = db.execute("PRAGMA busy_timeout").fetchall()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, *_), *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience_ms}")
    if busy:
        return False
    db.execute("DELETE FROM erasing WHERE site = ? AND holder = ?", (site, holder))
    return True


def _erased(entry: Entry) -> PersonErased | None:
    """What the entry says of an erasure. What cannot be read, of a newer version, erases nobody."""
    if entry.kind != KIND:
        return None
    try:
        body = decode_body(entry)
    except EntryError:
        return None
    return body if isinstance(body, PersonErased) else None
