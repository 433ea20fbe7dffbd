"""What was said of a journal's size, in rows beside its entries, and the tree it is said of."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from controller.merkle import EMPTY, HASH_BYTES, Frontier, above, consistency
from edge.journal.disk import Connection
from edge.journal.record import refuse_rotten

if TYPE_CHECKING:
    from edge.journal.store import Journal

KEPT_MAX = 100
"""The newest ones; of those before, the last of each day and the newest that was cosigned stay."""

DAY_US = 86_400_000_000
LEAVES_AT_ONCE = 10_000

FIRST_VERSION = 2
"""Of the segment's tables: the first with checkpoints."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One checkpoint. `note` is signed; `cosigned` is the same with the witness's line, or None."""

    frontier: Frontier
    utc_us: int
    note: str
    cosigned: str | None = None

    @property
    def size(self) -> int:
        return self.frontier.size


def _leaves(connection: Connection, begin: int, end: int) -> Iterator[bytes]:
    """The leaf hashes of entries `begin` + 1 to `end`: the tree counts from 0, entries from 1."""
    while begin < end:
        upto = min(end, begin + LEAVES_AT_ONCE)
        rows = connection.execute(
            "SELECT seq, leaf FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq", (begin, upto)
        ).fetchall()
        for seq, leaf in rows:
            refuse_rotten(seq, leaf)
            yield leaf
        begin = upto


def tree(connection: Connection, size: int) -> Frontier:
    """The tree of the first `size` leaves, grown from the newest checkpoint that is whole."""
    for kept in _newest(connection, size):
        if kept.frontier.whole:
            return kept.frontier.with_leaves(_leaves(connection, kept.size, size))
    return EMPTY.with_leaves(_leaves(connection, 0, size))


def _newest(connection: Connection, size: int) -> Iterator[Kept]:
    """The checkpoints of at most that size, the largest first."""
    rows = connection.execute(
        "SELECT size, utc_us, peaks, note, cosigned FROM checkpoint WHERE size <= ?"
        " ORDER BY size DESC",
        (size,),
    )
    return (_kept(*row) for row in rows if _sound(*row))


def every(connection: Connection) -> Iterator[tuple[int, Kept | None]]:
    """Each that is kept, by its size, the smallest first; None where its row lost its types.

    Nothing in a journal of the first version, which had no place for them. Raises sqlite3.Error.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < FIRST_VERSION:
        return
    for row in connection.execute(
        "SELECT size, utc_us, peaks, note, cosigned FROM checkpoint ORDER BY size"
    ).fetchall():
        yield row[0], _kept(*row) if _sound(*row) else None


def take(journal: "Journal", sign: Callable[[Frontier], str], utc_us: int) -> Kept:
    """Say what is stored now, durably; `sign` makes the note of the tree. One of the same size
    keeps its cosignature. Raises JournalFailed (journal stopped).
    """
    journal.refuse_stopped()
    frontier = journal.tree
    note = sign(frontier)
    with journal.writing() as connection:
        connection.execute(
            "INSERT INTO checkpoint VALUES (?, ?, ?, ?, NULL) ON CONFLICT (size) DO UPDATE"
            " SET utc_us = excluded.utc_us, peaks = excluded.peaks, note = excluded.note",
            (frontier.size, utc_us, b"".join(frontier.peaks), note),
        )
        connection.execute(
            "DELETE FROM checkpoint WHERE size NOT IN"
            " (SELECT size FROM checkpoint ORDER BY size DESC LIMIT ?)"
            " AND size NOT IN (SELECT max(size) FROM checkpoint GROUP BY utc_us / ?)"
            " AND size IS NOT (SELECT max(size) FROM checkpoint WHERE cosigned IS NOT NULL)",
            (KEPT_MAX, DAY_US),
        )
    return Kept(frontier=frontier, utc_us=utc_us, note=note)


def note_cosigned(journal: "Journal", size: int, cosigned: str) -> None:
    """Keep the witness's word beside the checkpoint of that size, if it is kept still, durably.

    Raises JournalFailed (journal stopped).
    """
    with journal.writing() as connection:
        connection.execute("UPDATE checkpoint SET cosigned = ? WHERE size = ?", (cosigned, size))


def note(journal: "Journal", key: str, value: str) -> None:
    """Keep a word about this journal as a whole, durably.

    It is read again when the journal is opened next. Raises JournalFailed (journal stopped).
    """
    with journal.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def newest_cosigned(journal: "Journal") -> Kept | None:
    """The largest that the witness has cosigned. Raises JournalFailed as `Journal.read`."""
    with journal.reading() as connection:
        row = connection.execute(
            "SELECT size, utc_us, peaks, note, cosigned FROM checkpoint"
            " WHERE cosigned IS NOT NULL ORDER BY size DESC LIMIT 1"
        ).fetchone()
    return None if row is None else _kept(*row)


def said(connection: Connection, size: int | None) -> tuple[Kept, ...]:
    """The checkpoint of a size, if it is kept; with None the newest, and the newest that was
    cosigned, the smaller one first. Raises sqlite3.Error.
    """
    found = [kept for _, kept in every(connection) if kept is not None]
    if size is not None:
        return tuple(kept for kept in found if kept.size == size)
    cosigned = [kept for kept in found if kept.cosigned is not None]
    newest = {kept.size: kept for kept in (*cosigned[-1:], *found[-1:])}
    return tuple(newest.values())


def leaves_of(connection: Connection, begin: int, end: int) -> bytes:
    """The leaf hashes of entries `begin` + 1 to `end`, one behind the other, as far as they go.

    Raises sqlite3.Error.
    """
    return b"".join(_leaves(connection, begin, end))


def root_at(journal: "Journal", size: int) -> bytes | None:
    """The root over the first `size` entries; None where there are not as many.

    Raises JournalFailed as `Journal.read`.
    """
    if not 0 <= size <= journal.last_seq:
        return None
    with journal.reading() as connection:
        return tree(connection, size).root


def proof_since(journal: "Journal", old: int, size: int) -> tuple[bytes, ...] | None:
    """That the first `size` entries begin with the first `old`; None where there are not as many.

    Raises JournalFailed as `Journal.read`.
    """
    if not 0 <= old <= size <= journal.last_seq:
        return None
    with journal.reading() as connection:

        def newer(begin: int, end: int) -> Iterable[bytes]:
            return _leaves(connection, begin, end)

        return consistency(old, size, above(tree(connection, old), newer))


def _sound(size: object, utc_us: object, peaks: object, note: object, cosigned: object) -> bool:
    """Whether a row has its types still: SQLite checks them on writing only."""
    numbers = isinstance(size, int) and isinstance(utc_us, int)
    texts = isinstance(note, str) and isinstance(cosigned, str | None)
    return numbers and texts and isinstance(peaks, bytes)


def _kept(size: int, utc_us: int, peaks: bytes, note: str, cosigned: str | None) -> Kept:
    hashes = (peaks[place : place + HASH_BYTES] for place in range(0, len(peaks), HASH_BYTES))
    frontier = Frontier(size, tuple(hashes))
    return Kept(frontier=frontier, utc_us=utc_us, note=note, cosigned=cosigned)
