"""A stretch of one segment in which nothing is wrong, proven in one pass.

This is the quick half of a verification: it says of rows that they hold as they stand, and of
whatever does not that it is none of its business. The careful half (`verify.py`) then reads the
same rows one by one, and says what is wrong with them. So the two cannot come to different
verdicts, and the quick one may run ahead in other processes (`verify_ahead.py`).
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import msgspec

from controller.ledger import committed
from controller.merkle import subtrees
from edge.journal.disk import Connection
from edge.journal.record import Said

BEFORE_ALL = -(2**63)
"""In front of the first number that a row can have."""

Row = tuple[int, bytes, bytes, bytes]
"""Number, entry, leaf and chain, as far as they are what their columns ask for."""

Beside = tuple[int, str, str, bytes]
"""Number, field, value and salt."""

Identity = tuple[str, str, str]
"""Site, edge, incarnation."""


Trees = tuple[tuple[int, tuple[tuple[int, bytes], ...]], ...]
"""The complete subtrees over entries (how many, root), in pieces that end at each size of which a
checkpoint was made, and at the last entry: size, subtrees.
"""


class Stretch(NamedTuple):
    """The numbers of a segment that are looked at together: from behind `after` to `last`. The
    first of a segment begins in front of all numbers, whatever rows stand there.

    Stretches depend on nothing but where the segment begins and ends: however a verification gets
    along, and whatever is wrong before, the same questions are asked of the file.
    """

    after: int
    last: int

    @classmethod
    def holding(cls, begin: int, seq: int, end: int, entries: int) -> "Stretch":
        """Of a segment whose entries go from behind `begin` to `end`, the one with number `seq`, of
        so many entries.
        """
        before = max(0, (seq - begin - 1) // entries) * entries
        after = begin + before if before else BEFORE_ALL
        return cls(after, min(end, begin + before + entries))


class Proven(NamedTuple):
    """Entries `first` to `last` and what is beside them hold by themselves: types, leaves, the
    chain from the first one on, what each says of its own place, the commitments.

    Whether `first_leaf` and `first_chain` go on from what stands before is for who asks. `trees`:
    None where nobody needed them. `personal` values were there. `pruned`: how many of the entries
    have their bytes no more, the first and the last of them; None where all have.
    """

    first: int
    last: int
    first_leaf: bytes
    first_chain: bytes
    chain: bytes
    trees: Trees | None
    personal: int
    pruned: tuple[int, int, int] | None


def rows_of(connection: Connection, stretch: Stretch) -> list[Row]:
    """Raises UNREADABLE."""
    return connection.execute(
        "SELECT seq, entry, leaf, chain FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq", stretch
    ).fetchall()


def beside_of(connection: Connection, stretch: Stretch) -> list[Beside]:
    """Raises UNREADABLE."""
    return connection.execute(
        "SELECT seq, field, value, salt FROM personal WHERE seq > ? AND seq <= ?"
        " ORDER BY seq, field",
        stretch,
    ).fetchall()


class Prover:
    """Of one journal."""

    def __init__(self, identity: Identity) -> None:
        self._site, self._edge, self._incarnation = identity
        self._said = msgspec.json.Decoder(Said)
        self._fields = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def prove(
        self, rows: Sequence[Row], beside: Iterable[Beside], first: int, sizes: Sequence[int] | None
    ) -> Proven | None:
        """That the rows are entries `first` and what follows it, with nothing wrong in them or in
        what is beside them. `sizes`: those among them of which checkpoints were made; None where
        no tree is needed. None: something is.
        """
        if not rows:
            return None
        try:
            return self._prove(rows, beside, first, sizes)
        # A column that lost its type is no bytes to hash and no text to encode.
        except (TypeError, AttributeError, msgspec.DecodeError):
            return None

    def _prove(
        self, rows: Sequence[Row], beside: Iterable[Beside], first: int, sizes: Sequence[int] | None
    ) -> Proven | None:
        site, edge, incarnation = self._site, self._edge, self._incarnation
        decoded, hashed = self._said.decode, sha256
        following = iter(beside)
        value = next(following, None)
        personal = 0
        pruned: list[int] = []
        first_leaf, before = rows[0][2:]
        if type(first_leaf) is not bytes or type(before) is not bytes:
            return None
        for expected, (seq, entry, leaf, chain) in enumerate(rows, first):
            # That the rest are bytes is seen by what they are equal to.
            if seq != expected or (seq != first and hashed(before + leaf).digest() != chain):
                return None
            before = chain
            if entry == b"":
                pruned.append(seq)  # a value beside it is left over
                continue
            said = decoded(entry)
            if (
                hashed(b"\0" + entry).digest() != leaf
                or said.seq != seq
                or said.incarnation != incarnation
                or said.edge != edge
                or said.site != site
            ):
                return None
            if value is not None and value[0] == seq:
                fields = self._fields.decode(said.body)
                while value is not None and value[0] == seq:
                    if fields.get(value[1]) != _quoted(committed(*value[1:])):
                        return None
                    personal += 1
                    value = next(following, None)
        if value is not None:
            return None
        return Proven(
            first=first,
            last=first + len(rows) - 1,
            first_leaf=first_leaf,
            first_chain=rows[0][3],
            chain=rows[-1][3],
            trees=None if sizes is None else _trees(first - 1, [row[2] for row in rows], sizes),
            personal=personal,
            pruned=(len(pruned), pruned[0], pruned[-1]) if pruned else None,
        )


def _quoted(text: str) -> msgspec.Raw:
    return msgspec.Raw(b'"%b"' % text.encode())


def _trees(begin: int, leaves: Sequence[bytes], sizes: Sequence[int]) -> Trees:
    last = begin + len(leaves)
    ends = [*sorted({size for size in sizes if begin < size < last}), last]
    return tuple(
        (end, tuple(subtrees(at, leaves[at - begin : end - begin])))
        for at, end in pairwise((begin, *ends))
    )
