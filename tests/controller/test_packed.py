"""A packed map is a dict that nobody can change, with a digest that only its contents decide."""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.packed import WIDTH, Form, Line, Packed, long, short

TEXT = Form[str, str](str.encode, lambda _, data: data.decode())
EMPTY = Packed(TEXT)

IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
ODD = st.one_of(st.text(max_size=5), st.text("0aAfF \x00\x01", max_size=6))
KEYS = st.one_of(IDS, ODD)


def of(records: dict[str, str]) -> Packed[str, str]:
    return EMPTY.replaced(records.items())


class AgainstADict(RuleBasedStateMachine):
    """Few keys, so that the same ones come, change and go."""

    @initialize(keys=st.lists(KEYS, min_size=1, max_size=12, unique=True))
    def begin(self, keys: list[str]) -> None:
        self.keys = keys
        self.known: dict[str, str] = {}
        self.packed = EMPTY
        self.before: list[tuple[Packed[str, str], dict[str, str]]] = []

    @rule(data=st.data(), gone=st.sets(st.integers(0, 11)), put=st.sets(st.integers(0, 11)))
    def change(self, data: st.DataObject, gone: set[int], put: set[int]) -> None:
        self.before.append((self.packed, dict(self.known)))
        removed = [self.keys[n] for n in gone if n < len(self.keys)]
        brought = {self.keys[n]: data.draw(st.text(max_size=3)) for n in put if n < len(self.keys)}
        self.packed = self.packed.replaced(brought.items(), removed)
        self.known = {k: v for k, v in self.known.items() if k not in removed} | brought

    @invariant()
    def holds_the_same(self) -> None:
        assert dict(self.packed.items()) == self.known
        assert sorted(self.packed) == sorted(self.known)
        assert sorted(self.packed.values()) == sorted(self.known.values())
        assert len(self.packed) == len(self.known)
        for key in self.keys:
            assert self.packed.get(key) == self.known.get(key)
            assert (key in self.packed) is (key in self.known)

    @invariant()
    def the_way_to_it_does_not_show(self) -> None:
        at_once = of(dict(sorted(self.known.items(), reverse=True)))
        assert (at_once, at_once.digest) == (self.packed, self.packed.digest)
        assert list(at_once.items()) == list(self.packed.items())

    @invariant()
    def what_was_before_is_as_it_was_and_differs_where_it_does(self) -> None:
        for packed, known in self.before[-3:]:
            assert dict(packed.items()) == known
            keys = known.keys() | self.known.keys()
            apart = {key for key in keys if known.get(key) != self.known.get(key)}
            assert sorted(packed.differing(self.packed)) == sorted(apart)
            assert (packed == self.packed) is (not apart)


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


# --- keys ---------------------------------------------------------------------------------------


@given(st.one_of(KEYS, st.text()))
def test_a_short_key_gives_the_key_back(text: str) -> None:
    assert long(short(text)) == text


def test_an_id_takes_half_its_room() -> None:
    assert len(short("0123456789abcdef")) == 9


@pytest.mark.parametrize(
    "keys",
    [
        ("0aff", "0AFF", "0a ff", " 0aff"),
        ("", "00", "0000", "\0", "\0\0"),
        ("ab", "abab", "ababab", "abababab"),
    ],
)
def test_keys_that_look_alike_are_kept_apart(keys: Sequence[str]) -> None:
    known = {key: f"value of {key!r}" for key in keys}
    assert dict(of(known).items()) == known
    for key in keys:
        left = of(known).replaced((), [key])
        assert key not in left
        assert dict(left.items()) == {k: v for k, v in known.items() if k != key}


def test_many_in_one_shard_are_told_apart() -> None:
    """Ids whose checksums lead to the same place."""
    alike = (key for key in ids() if crc32(short(key)) % WIDTH**3 == 7)
    known = {key: key[-4:] for key in islice(alike, 8)}
    assert dict(of(known).items()) == known
    assert of(dict(reversed(known.items()))).digest == of(known).digest
    last = max(known)
    others = [key for key in known if key != last]
    assert of(known).replaced((), others) == of({last: known[last]})


def ids() -> Iterator[str]:
    return (f"{number:016x}" for number in count())


def test_who_is_not_there_is_nobody() -> None:
    assert EMPTY.get("a") is None
    with pytest.raises(KeyError):
        EMPTY["a"]
    assert 7 not in EMPTY
    assert EMPTY.replaced((), ["a"]) == EMPTY


def test_no_record_shows_in_the_repr() -> None:
    assert repr(of({"a": "Anna"})) == "Packed(1 records)"


def test_a_change_shares_what_it_does_not_touch() -> None:
    """What makes it cheap: of all the nodes below the top, one is new."""
    before = of({f"{number:016x}": "x" for number in range(3_000)})
    after = before.replaced([(f"{7:016x}", "y")])
    fresh = [
        new
        for old, new in zip(before._root.parts, after._root.parts, strict=True)
        if old is not new
    ]
    assert len(fresh) == 1


# --- records ------------------------------------------------------------------------------------


class Old(msgspec.Struct):
    name: str
    level: int = 1
    marks: tuple[str, ...] = ()


class New(Old):
    note: str | None = None


OLD, NEW = Line(msgspec.structs.fields(Old)), Line(msgspec.structs.fields(New))


@given(st.text(max_size=3), st.integers(0, 3), st.lists(st.text(max_size=2)).map(tuple))
def test_a_line_gives_its_values_back(name: str, level: int, marks: tuple[str, ...]) -> None:
    values = (name, level, marks)
    assert OLD.unpack(OLD.pack(values)) == values


@given(st.text(max_size=3), st.integers(0, 3), st.lists(st.text(max_size=2)).map(tuple))
def test_a_field_added_behind_changes_no_record_that_says_nothing_about_it(
    name: str, level: int, marks: tuple[str, ...]
) -> None:
    values = (name, level, marks)
    assert NEW.pack((*values, None)) == OLD.pack(values)
    assert NEW.unpack(OLD.pack(values)) == (*values, None)
    assert NEW.pack((*values, "said")) != OLD.pack(values)
