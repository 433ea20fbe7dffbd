"""What the archive lacks and its edge keeps no more: an archive that was lost, or put back from an
old copy, gets what is left, and writes down what is not.

A range that the edge dropped as a whole is a row of `gap`, with the chain behind it, which the edge
alone vouches for. An entry of which the edge kept the hashes is a row of `pruned`; the chain over
its leaf is proven as ever. Why it went says the edge's own journal, in its `entries-pruned`.

Functions of one database, used on the archive's thread.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from central.archive import DivergedError, Gone, Pruned, Sent
from central.database import Database
from controller import ledger


class Missing(NamedTuple):
    """Of one journal: so many entries of a range are gone."""

    site: str
    edge: str
    incarnation: str
    first: int
    last: int
    number: int


class Place(NamedTuple):
    """What is stored under a number: the bytes, or the leaf hash alone."""

    seq: int
    data: bytes | None
    kept_leaf: bytes | None
    run: int
    """By which run of the archive's own retention its bytes went; 0: they are there, or it was the
    edge that kept them no more."""

    @property
    def leaf(self) -> bytes:
        if self.data is not None:
            return ledger.leaf(self.data)
        assert self.kept_leaf is not None, "a row of either table"
        return self.kept_leaf


def after(db: Database, journal: int, seq: int, count: int) -> list[Place]:
    """The next places behind `seq`, with gaps between them where there are any."""
    rows = db.execute(
        "SELECT seq, data, NULL, 0 FROM"
        f" (SELECT seq, data FROM {db.by_number}"
        " WHERE journal = ? AND seq > ? ORDER BY seq LIMIT ?) AS whole"
        " UNION ALL SELECT seq, NULL, leaf, run FROM"
        " (SELECT seq, leaf, run FROM pruned"
        " WHERE journal = ? AND seq > ? ORDER BY seq LIMIT ?) AS bare"
        " ORDER BY 1 LIMIT ?",
        (journal, seq, count, journal, seq, count, count),
    ).fetchall()
    return [Place(*row) for row in rows]


class Bare(NamedTuple):
    """What is kept of an entry without its bytes; `run` as in `Place`."""

    leaf: bytes
    run: int


def leaves(db: Database, journal: int, first: int, last: int) -> dict[int, Bare]:
    """Of the entries in a range that are known by their leaf alone."""
    rows: Sequence[tuple[int, bytes, int]] = db.execute(
        "SELECT seq, leaf, run FROM pruned WHERE journal = ? AND seq BETWEEN ? AND ?",
        (journal, first, last),
    ).fetchall()
    return {seq: Bare(leaf, run) for seq, leaf, run in rows}


def refuse_within(db: Database, journal: int, seqs: Collection[int]) -> None:
    """Raises DivergedError where one of these numbers lies in a range that was said to be gone."""
    if not seqs:
        return
    ranges = db.execute(
        "SELECT first_seq, last_seq FROM gap"
        " WHERE journal = ? AND first_seq <= ? AND last_seq >= ?",
        (journal, max(seqs), min(seqs)),
    ).fetchall()
    for first, last in ranges:
        inside = next((seq for seq in seqs if first <= seq <= last), None)
        if inside is not None:
            raise DivergedError(
                f"entry {inside} comes after its edge had said that entries {first} to {last} are"
                " gone: nothing can prove it any more"
            )


def jumped(
    db: Database, journal: int, mark: int, chain: bytes, sent: Sent
) -> tuple[int, bytes, tuple[Gone, ...]]:
    """Mark and chain from which the batch goes on. Where it begins behind a range that its edge
    keeps no more, that is noted. Raises DivergedError.
    """
    upto = sent.first - 1
    if sent.before is None or upto < mark:
        return mark, chain, ()
    if upto == mark:
        if sent.before != chain:
            raise DivergedError(f"the chain after entry {mark} is another than that of its edge")
        return mark, chain, ()
    db.execute(
        "INSERT INTO gap (journal, first_seq, last_seq, chain) VALUES (?, ?, ?, ?)",
        (journal, mark + 1, upto, sent.before),
    )
    return upto, sent.before, (Gone(mark + 1, upto, upto - mark),)


def note(db: Database, journal: int, new: Sequence[Pruned]) -> tuple[Gone, ...]:
    """Entries that will be known by their leaf alone, none of which is known yet."""
    if not new:
        return ()
    db.executemany(
        "INSERT INTO pruned (journal, seq, leaf) VALUES (?, ?, ?)",
        [(journal, *one) for one in new],
    )
    return (Gone(new[0].seq, new[-1].seq, len(new)),)


def fill(db: Database, journal: int, seqs: Sequence[int]) -> None:
    """The bytes of these have come after all."""
    db.executemany(
        "DELETE FROM pruned WHERE journal = ? AND seq = ?", [(journal, seq) for seq in seqs]
    )


def known(db: Database, site: str, edge: str) -> list[Missing]:
    """What is missing for good, of a site and an edge, or of all where that is empty."""
    where, values = "", []
    for column, value in (("site", site), ("edge", edge)):
        if value:
            where += f" AND j.{column} = ?"
            values.append(value)
    whole = db.execute(
        "SELECT j.site, j.edge, j.incarnation, g.first_seq, g.last_seq,"
        " g.last_seq - g.first_seq + 1"
        f" FROM gap AS g, journal AS j WHERE j.id = g.journal{where}",
        values,
    ).fetchall()
    single = db.execute(
        "SELECT j.site, j.edge, j.incarnation, min(p.seq), max(p.seq), count(*)"
        f" FROM pruned AS p, journal AS j WHERE j.id = p.journal{where}"
        " GROUP BY j.site, j.edge, j.incarnation",
        values,
    ).fetchall()
    return sorted(Missing(*row) for row in (*whole, *single))
