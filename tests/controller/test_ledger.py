"""The journal's arithmetic against vectors that were made without it."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ledger import Personal, commitment, leaf, link, origin

# The leaf vectors of RFC 6962's hasher as its implementations carry them (transparency-dev/merkle,
# rfc6962_test.go: "RFC6962 Empty Leaf" and "RFC6962 Leaf").
LEAVES = [
    (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (b"L123456", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"),
]

# Made with printf and sha256sum from the bytes that `commitment` documents:
# "pf1", then for field, salt and value four bytes of length, big-endian, and the bytes.
RENEE = Personal("person", "Renée Käse", "1e" * 16)
RENEE_COMMITMENT = "e86de022d430ac8aac71c67a2413fac7ed3acfe9a9e5e7cadc99c09a9b551615"

# Made with printf and openssl dgst: the origin, then two entries, `first` and `second`.
ORIGIN = "dfe14015d4c3ac623c87a40cafb443af585aa29cd2c7229d1394e5f3b1219eb2"
AFTER_ONE = "5533b1e51d9061664fbf44828fbe34679e982429863693b14b2e55eafe940eb6"
AFTER_TWO = "a4e92ac3c82f4423145d513f6270b1b5884ced5103115178890061d15333d027"

salts = st.binary(min_size=16, max_size=16).map(bytes.hex)
personals = st.builds(Personal, st.text(max_size=8), st.text(max_size=8), salts)


@pytest.mark.parametrize(("entry", "expected"), LEAVES)
def test_a_leaf_is_that_of_rfc_6962(entry: bytes, expected: str) -> None:
    assert leaf(entry).hex() == expected


def test_a_leaf_is_no_inner_node() -> None:
    # RFC 6962 section 2.1 keeps the two apart by their first byte.
    left, right = leaf(b"a"), leaf(b"b")
    assert leaf(left + right) != hashlib.sha256(b"\x01" + left + right).digest()


def test_a_commitment_is_that_of_the_documented_bytes() -> None:
    assert commitment(RENEE) == RENEE_COMMITMENT


def test_the_chain_is_that_of_the_documented_bytes() -> None:
    start = origin("testonia", "gatehouse", "0123456789abcdef")
    assert start.hex() == ORIGIN
    one = link(start, leaf(b"first"))
    assert one.hex() == AFTER_ONE
    assert link(one, leaf(b"second")).hex() == AFTER_TWO


@pytest.mark.parametrize(
    "other",
    [
        ("testonia2", "gatehouse", "0123456789abcdef"),
        ("testonia", "gatehouse2", "0123456789abcdef"),
        ("testonia", "gatehouse", "0123456789abcdee"),
        ("testoni", "agatehouse", "0123456789abcdef"),
    ],
)
def test_every_journal_has_an_origin_of_its_own(other: tuple[str, str, str]) -> None:
    assert origin(*other).hex() != ORIGIN


def test_order_counts_in_the_chain() -> None:
    start = origin("testonia", "gatehouse", "0123456789abcdef")
    first, second = leaf(b"first"), leaf(b"second")
    assert link(link(start, first), second) != link(link(start, second), first)


@given(personals, personals)
def test_two_different_values_have_two_commitments(one: Personal, other: Personal) -> None:
    assert (one == other) == (commitment(one) == commitment(other))


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12), salts)
def test_where_one_part_ends_and_the_next_begins_counts(a: str, b: str, salt: str) -> None:
    moved = [
        Personal(a + b[0], b[1:], salt),
        Personal(a[:-1], a[-1] + b, salt),
        Personal(b, a, salt),
    ]
    kept = Personal(a, b, salt)
    for other in moved:
        assert (other == kept) == (commitment(other) == commitment(kept))


@given(st.text(max_size=20), salts, salts)
def test_the_salt_hides_equal_values(value: str, one: str, other: str) -> None:
    made = {commitment(Personal("person", value, salt)) for salt in (one, other)}
    assert len(made) == len({one, other})


@pytest.mark.parametrize("salt", ["", "1e" * 15, "1e" * 17, "1E" * 16, "xx" * 16, "1e" * 16 + "\n"])
def test_a_salt_of_another_form_is_refused(salt: str) -> None:
    stored = msgspec.json.encode(Personal("person", "x", salt))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(stored, type=Personal)
