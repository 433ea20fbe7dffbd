"""What a journal's segments hold, read across them and proved on the way.

Nothing here writes. Every function may raise what `Segments.connection` does.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from controller.ledger import Personal, leaf, link
from edge.journal.disk import Connection
from edge.journal.errors import UNREADABLE, JournalDamaged, JournalError, JournalPruned
from edge.journal.record import (
    Following,
    Snapshot,
    Stored,
    Tip,
    personal_from,
    refuse_rotten,
    snapshot_digest,
)
from edge.journal.segments import Segments
from edge.journal.tables import pruning_of

READ_ENTRIES_MAX = 2_000
READ_BYTES_MAX = 4 * 1024 * 1024
"""What one read may hold up the appends behind it: some ten milliseconds."""

LEAVES_AT_ONCE = 10_000

Row = tuple[int, bytes, bytes, bytes]


def newest(segments: Segments) -> Tip:
    """The newest entry. Raises JournalDamaged."""
    active = segments.active
    row = (
        segments.connection(active.number)
        .execute("SELECT seq, chain FROM entry ORDER BY seq DESC LIMIT 1")
        .fetchone()
    )
    if row and not isinstance(row[1], bytes):
        raise JournalDamaged(row[0], "its chain value cannot be read")
    return Tip(*row) if row else Tip(active.seq, active.chain)


def chain_at(segments: Segments, seq: int) -> bytes | None:
    """The chain's value at an entry; None where it is not held, or not any more."""
    after = segments.place(seq + 1)
    if after.seq == seq:
        return after.chain
    if after.number < segments.oldest:
        return None
    row = (
        segments.connection(after.number)
        .execute("SELECT chain FROM entry WHERE seq = ?", (seq,))
        .fetchone()
    )
    return row[0] if row and isinstance(row[0], bytes) else None


def read(
    segments: Segments,
    from_seq: int,
    limit_entries: int,
    limit_bytes: int,
    *,
    checked: bool,
    kept: bool,
) -> list[Stored]:
    """As `Journal.read`."""
    first = max(from_seq, segments.begun.seq + 1 if kept else 1)
    limit = max(1, min(limit_entries, READ_ENTRIES_MAX))
    budget = min(limit_bytes, READ_BYTES_MAX)
    boundary = segments.holding(first)
    while True:
        connection = segments.connection(boundary.number)
        rows = _rows(connection, first, limit, budget, kept=kept)
        if checked:
            _prove(segments, connection, first, rows, kept=kept)
        end = segments.end(boundary.number)
        if rows or end is None:
            break
        if not kept:
            raise JournalDamaged(first, "it is missing")
        boundary, first = segments.holding(end + 1), end + 1
    return _stored(connection, rows)


def following(
    segments: Segments, from_seq: int, limit_entries: int, limit_bytes: int
) -> Following[Stored]:
    """As `Journal.following`."""
    first = max(from_seq, segments.begun.seq + 1)
    limit = max(1, min(limit_entries, READ_ENTRIES_MAX))
    boundary = segments.holding(first)
    connection = segments.connection(boundary.number)
    rows = _rows(connection, first, limit, min(limit_bytes, READ_BYTES_MAX), emptied=True)
    before = chain_at(segments, first - 1)
    if before is None or (not rows and segments.end(boundary.number) is not None):
        raise JournalDamaged(first, "it is missing")
    _prove(segments, connection, first, rows, kept=False)
    empty = next((seq for seq, entry, *_ in rows if not entry), None)
    if empty is not None and not pruning_of(connection).by:
        raise JournalDamaged(empty, "its bytes are gone, and nothing says that they were pruned")
    return Following(before, _stored(connection, rows))


def _stored(connection: Connection, rows: Sequence[Row]) -> list[Stored]:
    personal = _personal(connection, rows)
    return [
        Stored(seq, entry, personal.get(seq, ()), leaf=leaf_hash, chain=chain)
        for seq, entry, leaf_hash, chain in rows
    ]


def _rows(
    connection: Connection,
    first: int,
    limit: int,
    budget: int,
    *,
    kept: bool = False,
    emptied: bool = False,
) -> list[Row]:
    """Up to either limit, at least one where there is one; `kept` passes over what was pruned,
    `emptied` takes it as it is. Raises JournalDamaged, JournalPruned.
    """
    rows: list[Row] = []
    there = " AND length(entry) > 0" if kept else ""
    cursor = connection.execute(
        f"SELECT seq, entry, leaf, chain FROM entry WHERE seq >= ?{there} ORDER BY seq LIMIT ?",
        (first, limit),
    )
    for row in cursor:
        refuse_rotten(*row)
        if not row[1] and not emptied:
            if not rows:
                raise JournalPruned(row[0], row[0])
            break
        budget -= len(row[1])
        if rows and budget < 0:
            break
        rows.append(row)
    cursor.close()
    return rows


def _prove(
    segments: Segments, connection: Connection, first: int, rows: Sequence[Row], *, kept: bool
) -> None:
    """That nobody edited them. Raises JournalDamaged."""
    chain, following = b"", 0
    for seq, entry, leaf_hash, link_hash in rows:
        expected = following or first
        if seq != expected and not (kept and _pruned(connection, expected, seq - 1)):
            raise JournalDamaged(expected, "it is missing")
        if seq != following:
            before = chain_at(segments, seq - 1)
            if before is None:
                raise JournalDamaged(seq - 1, "it is missing")
            chain = before
        if entry and leaf(entry) != leaf_hash:
            raise JournalDamaged(seq, "its bytes are not those that were stored")
        chain = link(chain, leaf_hash)
        if chain != link_hash:
            raise JournalDamaged(seq, "the chain breaks here")
        following = seq + 1


def _pruned(connection: Connection, first: int, last: int) -> bool:
    """Whether each of these entries is there without its bytes."""
    (count,) = connection.execute(
        "SELECT count(*) FROM entry WHERE seq BETWEEN ? AND ? AND length(entry) = 0", (first, last)
    ).fetchone()
    return bool(count == last - first + 1)


def _personal(connection: Connection, rows: Sequence[Row]) -> dict[int, tuple[Personal, ...]]:
    if not rows:
        return {}
    found: dict[int, tuple[Personal, ...]] = {}
    for seq, field, value, salt in connection.execute(
        "SELECT seq, field, value, salt FROM personal WHERE seq BETWEEN ? AND ?",
        (rows[0][0], rows[-1][0]),
    ).fetchall():
        found[seq] = (*found.get(seq, ()), personal_from(seq, field, value, salt))
    return found


def entry_at(segments: Segments, seq: int) -> bytes | None:
    """The bytes under a number; None where there are none."""
    row = (
        segments.connection_to(seq)
        .execute("SELECT entry FROM entry WHERE seq = ?", (seq,))
        .fetchone()
    )
    return row[0] if row and isinstance(row[0], bytes) else None


def leaves(segments: Segments, begin: int, end: int) -> Iterator[bytes]:
    """The leaf hashes of entries `begin` + 1 to `end`, as far as they go: the tree counts from 0,
    entries from 1. Raises JournalPruned, JournalDamaged.
    """
    if begin < end:
        segments.holding(begin + 1)
    for number, first, last in segments.ranges(begin + 1, end):
        for at in range(first, last + 1, LEAVES_AT_ONCE):
            rows = (
                segments.connection(number)
                .execute(
                    "SELECT seq, leaf FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq",
                    (at, min(last, at + LEAVES_AT_ONCE - 1)),
                )
                .fetchall()
            )
            for seq, leaf_hash in rows:
                refuse_rotten(seq, leaf_hash)
                yield leaf_hash
            if not rows:
                break


def snapshots(segments: Segments) -> Iterator[Snapshot]:
    """Those that verify against the chain, the newest first.

    One that is damaged or cannot be read is passed over: the events are all there still.
    """
    for boundary in reversed(segments.there):
        connection = segments.connection(boundary.number)
        for (seq,) in connection.execute("SELECT seq FROM snapshot ORDER BY seq DESC").fetchall():
            with suppress(*UNREADABLE, JournalError):
                found = _snapshot(segments, segments.connection(boundary.number), seq)
                if found is not None:
                    yield found


def _snapshot(segments: Segments, connection: Connection, seq: int) -> Snapshot | None:
    made, digest, state = connection.execute(
        "SELECT made_utc_us, digest, state FROM snapshot WHERE seq = ?", (seq,)
    ).fetchone()
    chain = chain_at(segments, seq)
    if not isinstance(state, bytes) or chain is None:
        return None
    return Snapshot(seq, made, state) if snapshot_digest(seq, chain, state) == digest else None
