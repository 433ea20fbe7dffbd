"""The Merkle tree over the journal's leaves: roots and proofs, RFC 6962 section 2.1.

The leaf is that of `controller.ledger`. A tree is named by its size; ranges of leaves are half-open
and count from 0. Nothing here holds a whole tree: roots grow from a `Frontier` of a few hashes, and
a proof is made of roots of subtrees that the caller reads.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

HASH_BYTES = 32
SIZE_MAX = 2**53 - 1

Subtree = Callable[[int, int], bytes]
"""The root over the leaves of a range that is not empty."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier(msgspec.Struct, frozen=True):
    """A tree of `size` leaves by the roots of its complete subtrees, the largest and oldest first:
    one for each bit that is set in the size.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether there are as many hashes of the right length as the size asks for."""
        right = all(len(peak) == HASH_BYTES for peak in self.peaks)
        return 0 <= self.size <= SIZE_MAX and len(self.peaks) == self.size.bit_count() and right

    @property
    def root(self) -> bytes:
        """The tree's root."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root

    def with_leaves(self, leaves: Iterable[bytes]) -> "Frontier":
        """The tree after some more leaves."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            size += 1
            peak, complete = leaf, size
            while not complete & 1:
                peak = node(peaks.pop(), peak)
                complete >>= 1
            peaks.append(peak)
        return Frontier(size, tuple(peaks))

    def with_subtree(self, root: bytes, leaves: int) -> "Frontier":
        """The tree after a complete subtree of `leaves` leaves.

        Raises ValueError where none can begin: it is a power of two that divides the size.
        """
        if leaves < 1 or leaves & (leaves - 1) or self.size % leaves:
            raise ValueError(f"no subtree of {leaves} leaves begins behind {self.size}")
        size, peaks = self.size + leaves, list(self.peaks)
        peak, complete = root, size // leaves
        while not complete & 1:
            peak = node(peaks.pop(), peak)
            complete >>= 1
        return Frontier(size, (*peaks, peak))

    def within(self, begin: int, end: int) -> "Frontier":
        """The tree over those of its leaves alone that are in a range; over nothing where none is.

        Raises ValueError where a peak, of which the root alone is known, is in it by a part.
        """
        if begin >= self.size:
            return Frontier()
        ranges = list(zip(self.ranges(), self.peaks, strict=True))
        peaks = tuple(peak for (at, to), peak in ranges if begin <= at and to <= end)
        size = min(self.size, end) - begin
        found = Frontier(size, peaks)
        if not found.whole:
            raise ValueError(f"of leaves {begin} to {end} no more than a part of a root is left")
        return found

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Which leaves each peak stands for."""
        begin = 0
        for bit in range(self.size.bit_length() - 1, -1, -1):
            if self.size >> bit & 1:
                yield begin, begin + (1 << bit)
                begin += 1 << bit


EMPTY = Frontier()


def subtrees(begin: int, leaves: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The fewest complete subtrees over leaves that follow one another from `begin` on, in order:
    the leaves and the root of each, for `Frontier.with_subtree`.
    """
    at, end = 0, len(leaves)
    while at < end:
        place, count = begin + at, 1 << (end - at).bit_length() - 1
        count = min(count, place & -place) if place else count
        roots = leaves[at : at + count]
        while len(roots) > 1:
            roots = [node(*pair) for pair in zip(roots[::2], roots[1::2], strict=True)]
        yield count, roots[0]
        at += count


def above(frontier: Frontier, leaves: Callable[[int, int], Iterable[bytes]]) -> Subtree:
    """Subtrees of a larger tree that begins with `frontier`: its peaks are known, and the rest is
    read with `leaves(begin, end)`.
    """
    known = dict(zip(frontier.ranges(), frontier.peaks, strict=True))

    def subtree(begin: int, end: int) -> bytes:
        peak = known.get((begin, end))
        return EMPTY.with_leaves(leaves(begin, end)).root if peak is None else peak

    return subtree


# --- proofs -----------------------------------------------------------------------------------


def inclusion(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """The audit path of the leaf `index` in the tree of `size` leaves (section 2.1.1).

    Raises ValueError where there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _left(end - begin)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(begin, middle))
            begin = middle
    return tuple(reversed(path))


def consistency(old: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Proof that the tree of `size` leaves begins with that of `old` leaves (section 2.1.2).

    Raises ValueError where it cannot. Nothing proves anything about an empty tree: no hashes.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {size} leaves does not begin with one of {old}")
    path: list[bytes] = []
    begin, end = 0, size
    if old in (0, size):
        return ()
    while old < end:
        middle = begin + _left(end - begin)
        if old <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(begin, middle))
            begin = middle
    if begin > 0:  # the old tree itself is known to whoever asks
        path.append(subtree(begin, end))
    return tuple(reversed(path))


def _left(size: int) -> int:
    """How many leaves go to the left: the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


# --- checks -----------------------------------------------------------------------------------


def includes(root: bytes, size: int, index: int, leaf: bytes, path: tuple[bytes, ...]) -> bool:
    """Whether the path proves that `leaf` is the leaf `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for other in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node(other, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, other)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def continues(
    old_size: int, old_root: bytes, size: int, root: bytes, path: tuple[bytes, ...]
) -> bool:
    """Whether the path proves that the larger tree begins with the old one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    hashes = list(path)
    if not old_size & (old_size - 1):  # a complete tree is a node of the larger one
        hashes.insert(0, old_root)
    if not hashes:
        return False
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = now = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, now = node(other, before), node(other, now)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            now = node(now, other)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and now == root
