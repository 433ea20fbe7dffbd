"""The tree over the journal's leaves, held against the published vectors and a plain reading."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ledger import leaf
from controller.merkle import (
    EMPTY,
    EMPTY_ROOT,
    Frontier,
    above,
    consistency,
    continues,
    includes,
    inclusion,
    node,
    subtrees,
)

# google/certificate-transparency, `merkle_tree_test.cc`: inputs and roots of the first n of them.
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [leaf(data) for data in INPUTS]


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node(plain_root(leaves[:split]), plain_root(leaves[split:]))


def plain_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*plain_path(index, leaves[:split]), plain_root(leaves[split:])]
    return [*plain_path(index - split, leaves[split:]), plain_root(leaves[:split])]


def plain_proof(old: int, leaves: list[bytes], known: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if old == len(leaves):
        return [] if known else [plain_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*plain_proof(old, leaves[:split], known), plain_root(leaves[split:])]
    return [*plain_proof(old - split, leaves[split:], False), plain_root(leaves[:split])]


def some(count: int) -> list[bytes]:
    return [leaf(str(number).encode()) for number in range(count)]


def roots_in(leaves: list[bytes]):  # type: ignore[no-untyped-def]
    return lambda begin, end: plain_root(leaves[begin:end])


def test_the_published_roots() -> None:
    assert EMPTY.root == EMPTY_ROOT == plain_root([])
    for size, root in enumerate(ROOTS, 1):
        assert EMPTY.with_leaves(LEAVES[:size]).root.hex() == root


def test_the_published_paths() -> None:
    """RFC 6962 section 2.1.3: the tree of seven leaves, and what proves d0, d3, d4 and d6."""
    a, b, c, d, e, f = LEAVES[:6]
    g, h, i, j = node(a, b), node(c, d), node(e, f), LEAVES[6]
    k, l = node(g, h), node(i, j)  # noqa: E741  # the names of the RFC
    subtree = roots_in(LEAVES[:7])
    assert inclusion(0, 7, subtree) == (b, h, l)
    assert inclusion(3, 7, subtree) == (c, g, l)
    assert inclusion(4, 7, subtree) == (f, j, k)
    assert inclusion(6, 7, subtree) == (i, k)
    assert consistency(3, 7, subtree) == (c, d, g, l)
    assert consistency(4, 7, subtree) == (l,)
    assert consistency(6, 7, subtree) == (i, j, k)


@given(st.lists(st.integers(0, 40), max_size=6))
def test_a_frontier_that_grows_in_any_steps_has_the_plain_root(steps: list[int]) -> None:
    leaves, frontier = some(sum(steps)), EMPTY
    for step in steps:
        frontier = frontier.with_leaves(leaves[frontier.size : frontier.size + step])
        assert frontier.whole
    assert frontier.root == plain_root(leaves)
    ranges = list(frontier.ranges())
    assert [plain_root(leaves[begin:end]) for begin, end in ranges] == list(frontier.peaks)


@given(st.lists(st.integers(0, 6), max_size=8))
def test_complete_subtrees_in_their_places_grow_the_same_tree(steps: list[int]) -> None:
    leaves, frontier = some(600), EMPTY
    for step in steps:
        begin, size = frontier.size, 1 << step
        if begin % size:
            with pytest.raises(ValueError, match=f"no subtree of {size} leaves begins"):
                frontier.with_subtree(b"", size)
            continue
        frontier = frontier.with_subtree(plain_root(leaves[begin : begin + size]), size)
        assert frontier == EMPTY.with_leaves(leaves[: begin + size])


@given(st.integers(0, 70), st.integers(0, 70))
def test_the_fewest_subtrees_over_leaves_grow_the_same_tree(begin: int, count: int) -> None:
    leaves = some(begin + count)
    frontier = EMPTY.with_leaves(leaves[:begin])
    found = list(subtrees(begin, leaves[begin:]))
    for size, root in found:
        frontier = frontier.with_subtree(root, size)
    assert frontier == EMPTY.with_leaves(leaves)
    assert len(found) <= 2 * (begin + count).bit_length(), "the fewest"


@pytest.mark.parametrize("leaves", [-2, 0, 3, 6])
def test_a_subtree_that_is_not_complete_is_refused(leaves: int) -> None:
    with pytest.raises(ValueError, match="leaves begins behind"):
        EMPTY.with_subtree(b"", leaves)


def test_every_proof_up_to_a_size_is_the_plain_one_and_convinces() -> None:
    for size in range(1, 34):
        leaves = some(size)
        root, subtree = plain_root(leaves), roots_in(leaves)
        for index in range(size):
            path = inclusion(index, size, subtree)
            assert list(path) == plain_path(index, leaves)
            assert includes(root, size, index, leaves[index], path)
        for old in range(1, size + 1):
            before = plain_root(leaves[:old])
            path = consistency(old, size, subtree)
            assert list(path) == plain_proof(old, leaves)
            assert continues(old, before, size, root, path)
        assert continues(0, EMPTY_ROOT, size, root, ())


def test_a_proof_from_an_older_frontier_reads_no_leaf_that_is_older() -> None:
    leaves = some(300)
    for old in (1, 7, 64, 128, 200, 255, 299):
        frontier = EMPTY.with_leaves(leaves[:old])

        def newer(begin: int, end: int, old: int = old) -> list[bytes]:
            assert begin >= old, "a proof needs nothing that was there before"
            return leaves[begin:end]

        path = consistency(old, 300, above(frontier, newer))
        assert continues(old, frontier.root, 300, plain_root(leaves), path)


def test_what_was_changed_anywhere_convinces_nobody(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(400):
        size = dice.randrange(2, 70)
        leaves = some(size)
        root, subtree = plain_root(leaves), roots_in(leaves)
        index, old = dice.randrange(size), dice.randrange(1, size)
        path, proof = inclusion(index, size, subtree), consistency(old, size, subtree)
        before = plain_root(leaves[:old])
        other = dice.randbytes(32)
        assert not includes(other, size, index, leaves[index], path)
        assert not includes(root, size, index, other, path)
        assert not includes(root, size, index, leaves[index], changed(path, dice))
        assert not continues(old, other, size, root, proof)
        assert not continues(old, before, size, other, proof)
        assert not continues(old, before, size, root, changed(proof, dice))


def changed(path: tuple[bytes, ...], dice: random.Random) -> tuple[bytes, ...]:
    """One hash more, one fewer, or another one."""
    place = dice.randrange(len(path) + 1)
    match dice.randrange(3):
        case 0:
            return (*path[:place], dice.randbytes(32), *path[place:])
        case 1 if path:
            return path[:-1]
        case _:
            place = min(place, len(path) - 1)
            other = dice.randbytes(32)
            return (*path[:place], other, *path[place + 1 :]) if path else (other,)


@pytest.mark.parametrize("wrong", [-1, 8])
def test_there_is_no_proof_of_what_is_not_there(wrong: int) -> None:
    subtree = roots_in(LEAVES)
    with pytest.raises(ValueError, match="no leaf"):
        inclusion(wrong, 8, subtree)
    assert not includes(plain_root(LEAVES), 8, wrong, LEAVES[0], ())
    with pytest.raises(ValueError, match="does not begin"):
        consistency(9, 8, subtree)
    assert not continues(9, plain_root(LEAVES), 8, plain_root(LEAVES), ())


@pytest.mark.parametrize(
    "frontier",
    [Frontier(1, ()), Frontier(2, (b"\0" * 31,)), Frontier(0, (b"\0" * 32,)), Frontier(-1)],
)
def test_a_frontier_that_was_not_stored_whole_is_told(frontier: Frontier) -> None:
    assert not frontier.whole
