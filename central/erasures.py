"""What the archive takes away when an edge says that somebody is erased.

The values that the edge names go with the entry that names them. Beyond those, whatever names the
person by his random id goes at every journal of the same site, of edges and incarnations that are
no more as well: it is one site that knew him, under one id. That takes long in a large archive and
is done in steps; what arrives later, out of a backlog, is dropped on arrival.

Functions of one database, used on the archive's thread.
"""

from collections.abc import Iterable, Sequence

from central.archive import Archived
from central.database import Database, Left
from controller.erasures import subjects
from controller.events import Entry, EntryError, PersonErased, decode_body, decode_entry, kind_of
from controller.ids import HolderId
from controller.ledger import Personal
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


def among(entries: Iterable[Archived]) -> bool:
    """Whether one of them erases somebody."""
    return any(archived.entry.kind == KIND for archived in entries)


def note(db: Database, journal: int, entries: Iterable[Entry]) -> None:
    """Of these new entries, carry out what they name and note whom they erase. In a transaction."""
    for entry in entries:
        erased = _erased(entry)
        if erased is None:
            continue
        db.execute(
            "INSERT INTO erased (site, holder) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (entry.site, erased.holder),
        )
        db.execute(
            "INSERT INTO erasing (site, holder, journal, seq) VALUES (?, ?, 0, 0)"
            " ON CONFLICT (site, holder) DO UPDATE SET journal = 0, seq = 0",
            (entry.site, erased.holder),
        )
        for values in erased.values:
            for field in values.fields:
                db.forget(
                    "journal = ? AND field = ? AND seq BETWEEN ? AND ?",
                    [(journal, field, first, last) for first, last in values.entries],
                )


def kept(db: Database, journal: int, beside: Sequence[Archived]) -> list[tuple[Personal, ...]]:
    """Of each new entry the values that are of nobody who is erased. In a transaction."""
    site, first = beside[0].entry.site, beside[0].entry.seq
    if not db.execute("SELECT 1 FROM erased WHERE site = ? LIMIT 1", (site,)).fetchone():
        return [one.personal for one in beside]
    # A gap may have let the erasure come first.
    rows = db.execute(
        f"SELECT data FROM {db.by_number} WHERE journal = ? AND seq > ? AND kind = ?",
        (journal, first, KIND),
    ).fetchall()
    said = [erased for (data,) in rows if (erased := _erased(decode_entry(data))) is not None]
    return [_kept(db, one, said) for one in beside]


def _kept(db: Database, one: Archived, said: Sequence[PersonErased]) -> tuple[Personal, ...]:
    if not one.personal:
        return ()
    whose = subjects(one.entry)
    gone = {holder for holder in set(whose.values()) if _is_erased(db, one.entry.site, holder)}
    return tuple(
        value
        for value in one.personal
        if whose.get(value.field) not in gone and not _named(said, one.entry.seq, value.field)
    )


def _is_erased(db: Database, site: str, holder: HolderId) -> bool:
    row = db.execute("SELECT 1 FROM erased WHERE site = ? AND holder = ?", (site, holder))
    return row.fetchone() is not None


def _named(said: Sequence[PersonErased], seq: int, field: str) -> bool:
    return any(
        field in values.fields and any(first <= seq <= last for first, last in values.entries)
        for erased in said
        for values in erased.values
    )


def step(db: Database) -> bool:
    """Look through some more entries of a site; False when there is nothing to do now.

    A program that reads the archive keeps the write-ahead log from being cut: then it is cut later.
    """
    row = db.execute(
        "SELECT site, holder, journal, seq FROM erasing ORDER BY site, holder LIMIT 1"
    ).fetchone()
    if row is None:
        return False
    site, holder, *so_far = row
    at = db.execute(
        "SELECT id FROM journal WHERE site = ? AND id >= ? ORDER BY id LIMIT 1", (site, so_far[0])
    ).fetchone()
    if at is None:
        return _finish(db, row)
    journal, seq = at[0], so_far[1] if at[0] == so_far[0] else 0
    with db.transaction():
        (last,) = db.execute(
            f"SELECT max(seq) FROM (SELECT seq FROM {db.by_number} WHERE journal = ? AND seq > ?"
            " ORDER BY seq LIMIT ?) AS page",
            (journal, seq, STEP_ENTRIES),
        ).fetchone()
        if last is not None:
            _erase(db, HolderId(holder), journal, seq, last)
        db.execute(
            "UPDATE erasing SET journal = ?, seq = ? WHERE " + _UNMOVED,
            (journal + (last is None), last or 0, *row),
        )
    return True


_UNMOVED = "site = ? AND holder = ? AND journal = ? AND seq = ?"
"""Another archiver may have gone on, or an edge have said it once more, from the beginning."""


def _erase(db: Database, holder: HolderId, journal: int, after: int, last: int) -> None:
    rows = db.execute(
        f"SELECT seq, data FROM {db.by_number} WHERE journal = ? AND seq > ? AND seq <= ?"
        f" AND {db.holds('data')}",
        (journal, after, last, f'"{holder}"'.encode()),
    ).fetchall()
    db.forget(
        "journal = ? AND seq = ? AND field = ?",
        [(journal, seq, field) for seq, data in rows for field in fields_of(data, holder)],
    )


def _finish(db: Database, row: tuple[str, str, int, int]) -> bool:
    left = db.leave_no_byte(f"{row[0]} {row[1]} {row[2]}")
    if left is not Left.NOTHING:
        return left is Left.MORE
    db.execute(f"DELETE FROM erasing WHERE {_UNMOVED}", row)
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
