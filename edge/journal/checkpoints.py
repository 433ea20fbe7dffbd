"""What was said of a journal's size, in rows beside its entries, and the tree it is said of."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from controller.checkpoint import CheckpointError, checkpoint_of
from controller.merkle import EMPTY, Frontier, above, consistency
from edge.journal import reading
from edge.journal.disk import Connection
from edge.journal.segments import Segments
from edge.journal.tables import (
    CHECKPOINTS_VERSION,
    TREE,
    Boundary,
    meta_value,
    peaks_of,
    version_of,
)
from edge.notes import NoteError, text_of

if TYPE_CHECKING:
    from edge.journal.store import Journal

KEPT_MAX = 100
"""The newest ones; of those before, the last of each day and the newest that was cosigned stay."""

DAY_US = 86_400_000_000

COLUMNS = "size, utc_us, peaks, note, cosigned"
COSIGNED = f"SELECT {COLUMNS} FROM checkpoint WHERE cosigned IS NOT NULL ORDER BY size DESC LIMIT 1"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One checkpoint. `note` is signed; `cosigned` is the same with the witness's line, or None."""

    frontier: Frontier
    utc_us: int
    note: str
    cosigned: str | None = None

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def whole(self) -> bool:
        """Whether the tree beside it is the one of its note."""
        try:
            said = checkpoint_of(text_of(self.note))
        except (NoteError, CheckpointError):
            return False
        frontier = self.frontier
        return frontier.whole and (said.size, said.root) == (frontier.size, frontier.root)


def tree(segments: Segments, size: int) -> Frontier:
    """The tree of the first `size` leaves, grown from the largest that is kept of it, and whole.

    Raises as `reading.leaves`.
    """
    after = segments.place(size + 1)
    if after.seq == size:
        return after.tree
    boundary = segments.holding(size)
    connection = segments.connection(boundary.number)
    newest = (kept.frontier for kept in _newest(connection, size) if kept.whole)
    grown = max(
        (next(newest, boundary.tree), _noted(segments, connection, size), boundary.tree), key=_size
    )
    return grown.with_leaves(reading.leaves(segments, grown.size, size))


def _size(tree: Frontier) -> int:
    return tree.size


def tree_value(tree: Frontier, chain: bytes) -> str:
    """The tree as it is noted among the entries' own transactions, bound to the chain there."""
    peaks = b"".join(tree.peaks)
    digest = hashlib.sha256(b"sentrypost tree 1\n" + tree.size.to_bytes(8, "big") + chain + peaks)
    return f"{tree.size} {peaks.hex()} {digest.hexdigest()}"


def _noted(segments: Segments, connection: Connection, size: int) -> Frontier:
    """The tree that is noted, if it is not beyond `size` and nobody has touched it."""
    value = meta_value(connection, TREE) or ""
    noted, _, rest = value.partition(" ")
    try:
        found = Frontier(int(noted), peaks_of(bytes.fromhex(rest.partition(" ")[0])))
    except ValueError:
        return EMPTY
    if not found.whole or found.size > size:
        return EMPTY
    chain = reading.chain_at(segments, found.size)
    return found if chain is not None and tree_value(found, chain) == value else EMPTY


def _newest(connection: Connection, size: int) -> Iterator[Kept]:
    """The checkpoints of at most that size that one segment keeps, the largest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM checkpoint WHERE size <= ? ORDER BY size DESC", (size,)
    )
    return (_kept(*row) for row in rows if _sound(*row))


def every(connection: Connection) -> Iterator[tuple[int, Kept | None]]:
    """Each that one segment keeps, by its size, the smallest first; None where its row lost its
    types. Nothing in a journal of the first version, which had no place for them. Raises
    sqlite3.Error.
    """
    if version_of(connection) < CHECKPOINTS_VERSION:
        return
    for row in connection.execute(f"SELECT {COLUMNS} FROM checkpoint ORDER BY size").fetchall():
        yield row[0], _kept(*row) if _sound(*row) else None


def final(boundary: Boundary) -> Kept:
    """The last checkpoint of the segment that ends where this one begins."""
    return Kept(
        frontier=boundary.tree,
        utc_us=boundary.began_utc_us,
        note=boundary.note,
        cosigned=boundary.cosigned,
    )


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
    """Keep the witness's word beside the checkpoint of that size, if it is kept still, durably:
    that of a sealed segment's end in that segment as well.

    Raises JournalFailed (journal stopped where the segment that is written on does not take it).
    """
    with journal.writing() as connection:
        connection.execute("UPDATE checkpoint SET cosigned = ? WHERE size = ?", (cosigned, size))
        connection.execute("UPDATE segment SET cosigned = ? WHERE before = ?", (cosigned, size))
    segments = journal.segments
    ended = segments.place(size)
    if segments.oldest <= ended.number < segments.active.number:
        with segments.changing(ended.number) as connection:
            connection.execute(
                "UPDATE checkpoint SET cosigned = ? WHERE size = ?", (cosigned, size)
            )
    segments.note_cosigned(size, cosigned)


def note(journal: "Journal", key: str, value: str) -> None:
    """Keep a word about this journal as a whole, durably.

    It is read again when the journal is opened next. Raises JournalFailed (journal stopped).
    """
    with journal.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def newest_cosigned(journal: "Journal") -> Kept | None:
    """The largest that the witness has cosigned. Raises JournalFailed as `Journal.read`."""
    with journal.reading() as segments:
        return _newest_cosigned(segments)


def _newest_cosigned(segments: Segments) -> Kept | None:
    finals = [final(one) for one in segments.boundaries if one.cosigned is not None]
    for boundary in reversed(segments.there):
        row = segments.connection(boundary.number).execute(COSIGNED).fetchone()
        if row is not None and _sound(*row):
            return max((*finals, _kept(*row)), key=_size_of)
    return max(finals, key=_size_of, default=None)


def _size_of(kept: Kept) -> int:
    return kept.size


def said(segments: Segments, size: int | None) -> tuple[Kept, ...]:
    """The checkpoint of a size, if it is kept; with None the newest, and the newest that was
    cosigned, the smaller one first. Raises as `Segments.connection`.
    """
    if size is not None:
        return tuple({kept.size: kept for kept in _of_size(segments, size)}.values())
    active = segments.connection(segments.active.number)
    finals = [final(one) for one in segments.boundaries[1:]]
    newest = max((*finals, *_kept_in(active)), key=_size_of, default=None)
    found = (_newest_cosigned(segments), newest)
    return tuple({kept.size: kept for kept in found if kept is not None}.values())


def _of_size(segments: Segments, size: int) -> Iterator[Kept]:
    for boundary in segments.boundaries[1:]:
        if boundary.seq == size:
            yield final(boundary)
    place = segments.place(size)
    if place.number >= segments.oldest:
        yield from (
            kept for kept in _kept_in(segments.connection(place.number)) if kept.size == size
        )


def _kept_in(connection: Connection) -> Iterator[Kept]:
    return (kept for _, kept in every(connection) if kept is not None)


def root_at(journal: "Journal", size: int) -> bytes | None:
    """The root over the first `size` entries; None where there are not as many.

    Raises JournalPruned where it cannot be told any more, JournalFailed as `Journal.read`.
    """
    if not 0 <= size <= journal.last_seq:
        return None
    with journal.reading() as segments:
        return tree(segments, size).root


def proof_since(journal: "Journal", old: int, size: int) -> tuple[bytes, ...] | None:
    """That the first `size` entries begin with the first `old`; None where there are not as many.

    Raises as `root_at`.
    """
    if not 0 <= old <= size <= journal.last_seq:
        return None
    with journal.reading() as segments:

        def newer(begin: int, end: int) -> Iterable[bytes]:
            return reading.leaves(segments, begin, end)

        return consistency(old, size, above(tree(segments, old), newer))


def _sound(size: object, utc_us: object, peaks: object, note: object, cosigned: object) -> bool:
    """Whether a row has its types still: SQLite checks them on writing only."""
    numbers = isinstance(size, int) and isinstance(utc_us, int)
    texts = isinstance(note, str) and isinstance(cosigned, str | None)
    return numbers and texts and isinstance(peaks, bytes)


def _kept(size: int, utc_us: int, peaks: bytes, note: str, cosigned: str | None) -> Kept:
    frontier = Frontier(size, peaks_of(peaks))
    return Kept(frontier=frontier, utc_us=utc_us, note=note, cosigned=cosigned)
