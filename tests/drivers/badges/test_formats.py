"""The table of card formats: golden vectors, what parity tells, and layouts that a site writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.badges import (
    FORMATS,
    BadgeRefusedError,
    Field,
    Format,
    Parity,
    badge_from_number,
    decode,
    encode,
    flaws,
)

GOLDEN = (
    # HID's own example ("Understanding card data formats").
    ("h10301", (118, 1603), 0x2EC0C86),
    # proxmark3, `wiegand decode --raw 2006f623ae`: a leading mark and these 26 bits.
    ("h10301", (123, 4567), 0x2F623AE),
    # The npm package wiegand-encoder, README.
    ("h10301", (90, 324), 0b0_01011010_0000000101000100_0),
    # Civintec CN56 manual, 6.4.2: the data D4 1B 81.
    ("h10301", (0xD4, 0x1B81), 0b1_11010100_0001101110000001_0),
    # The same, 6.4.5: the data 89 D4 1B 81.
    ("h10306", (0x89D4, 0x1B81), 0b1_1000100111010100_0001101110000001_1),
    # Doppelganger's tests, the card 2D4A64FB8E: a leading mark and these 35 bits.
    ("c1k35", (2643, 163271), 0x54A64FB8E),
    # proxmark3, `lf hid encode`: of 37 bits the mark is none.
    ("h10302", (1041195,), 0x10001FC656),
    ("h10302", (220577,), 0x100006BB43),
    ("h10304", (1, 516907), 0x10001FC656),
    ("h10304", (49153, 516907), 0x1C001FC656),
    ("h10304", (49152, 220577), 0x1C0006BB43),
    # proxmark3's tests, `lf hid clone -r 01400076000c86`: a leading mark and these 48 bits.
    ("c1k48", (118, 1603), 0x400076000C86),
)


def test_every_format_has_a_vector_of_somebody_elses() -> None:
    assert {name for name, _, _ in GOLDEN} == set(FORMATS)


@pytest.mark.parametrize(("name", "numbers", "bits"), GOLDEN)
def test_a_card_has_the_published_bits(name: str, numbers: tuple[int, ...], bits: int) -> None:
    badge = badge_from_number(FORMATS[name].bits, bits)
    assert encode(FORMATS[name], numbers) == badge
    assert decode(FORMATS[name], badge) == numbers


@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_what_is_encoded_comes_back(name: str, data: st.DataObject) -> None:
    form = FORMATS[name]
    numbers = tuple(data.draw(st.integers(0, 2**field.width - 1)) for field in form.fields)
    assert decode(form, encode(form, numbers)) == numbers


@pytest.mark.parametrize(("name", "numbers", "bits"), GOLDEN)
def test_every_single_flipped_bit_is_refused(
    name: str, numbers: tuple[int, ...], bits: int
) -> None:
    form = FORMATS[name]
    assert form.unchecked == ()
    for at in range(form.bits):
        with pytest.raises(BadgeRefusedError, match="parity") as caught:
            decode(form, badge_from_number(form.bits, bits ^ 1 << at))
        assert f"{bits ^ 1 << at:x}" not in str(caught.value)


def test_bits_that_no_parity_covers_are_named_and_read_as_they_come() -> None:
    form = Format(5, (Field("number", 1, 4),), (Parity(5, (3, 4), odd=True),))
    assert flaws(form) == []
    assert form.unchecked == (1, 2)
    number = encode(form, (5,)).number
    for at in range(1, 6):
        flipped = badge_from_number(5, number ^ 1 << 5 - at)
        if at in form.unchecked:
            assert decode(form, flipped) != (5,)
        else:
            with pytest.raises(BadgeRefusedError):
                decode(form, flipped)


@st.composite
def layouts(draw: st.DrawFn) -> Format:
    """Any layout without flaws: fields with parity bits anywhere between, each over some of what is
    worked out before it."""
    marks = draw(st.lists(st.sampled_from("fp"), min_size=1, max_size=24))
    fields, checks, at = [], [], 1
    for mark in marks:
        width = draw(st.integers(1, 5)) if mark == "f" else 1
        if mark == "f":
            fields.append(Field(f"f{at}", at, width))
        else:
            checks.append(at)
        at += width
    if not fields:
        fields, at = [Field("f", at, 1)], at + 1
    known = [position for field in fields for position in field.covers]
    parity = []
    for check in draw(st.permutations(checks)):
        over = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
        parity.append(Parity(check, tuple(over), odd=draw(st.booleans())))
        known.append(check)
    return Format(at - 1, tuple(draw(st.permutations(fields))), tuple(parity))


@given(layouts(), st.data())
def test_any_layout_without_flaws_reads_what_it_writes_and_notices_what_it_checks(
    form: Format, data: st.DataObject
) -> None:
    assert flaws(form) == []
    numbers = tuple(data.draw(st.integers(0, 2**field.width - 1)) for field in form.fields)
    badge = encode(form, numbers)
    assert decode(form, badge) == numbers
    for at in range(1, form.bits + 1):
        flipped = badge_from_number(form.bits, badge.number ^ 1 << form.bits - at)
        if at in form.unchecked:
            assert decode(form, flipped) != numbers
        else:
            with pytest.raises(BadgeRefusedError):
                decode(form, flipped)


@pytest.mark.parametrize("bits", [25, 27, 32])
def test_another_length_is_refused(bits: int) -> None:
    with pytest.raises(BadgeRefusedError, match=f"{bits} bits, and the format has 26"):
        decode(FORMATS["h10301"], badge_from_number(bits, 0))


def test_the_table_itself_has_no_flaws() -> None:
    assert [flaws(form) for form in FORMATS.values()] == [[]] * len(FORMATS)


NUMBER = Field("number", 2, 6)
LAST, FIRST = Parity(8, (5, 6, 7), odd=True), Parity(1, (2, 3, 4), odd=False)


@pytest.mark.parametrize(
    ("form", "where", "said"),
    [
        (Format(0, (), ()), ("bits",), "1..1024"),
        (Format(1025, (), ()), ("bits",), "1..1024"),
        (Format(8, (), (FIRST, LAST)), ("fields",), "at least one field"),
        (Format(8, (Field("a", 0, 8),), ()), ("fields", 0), "'a' does not fit"),
        (Format(8, (Field("a", 2, 8),), ()), ("fields", 0), "'a' does not fit"),
        (Format(8, (Field("a", 2, 0),), ()), ("fields", 0, "width"), "at least one bit"),
        (Format(8, (Field("a", 1, 8), Field("a", 8, 1)), ()), ("fields", 1, "name"), "already"),
        (Format(8, (Field("a", 1, 8), Field("b", 8, 1)), ()), ("fields", 1), "overlaps 'a'"),
        (Format(9, (NUMBER,), (FIRST, LAST)), ("bits",), "bit 9 is in no field"),
        (Format(8, (NUMBER,), (FIRST, Parity(9, (2,), odd=True))), ("parity", 1, "at"), "1..8"),
        (Format(8, (NUMBER,), (FIRST, Parity(8, (9,), odd=True))), ("parity", 1, "over"), "1..8"),
        (Format(8, (NUMBER,), (FIRST, Parity(8, (), odd=True))), ("parity", 1, "over"), "1..8"),
        (Format(8, (NUMBER,), (FIRST, Parity(7, (2,), odd=True))), ("parity", 1, "at"), "'number'"),
        (Format(8, (NUMBER,), (FIRST, LAST, LAST)), ("parity", 2, "at"), "already"),
        (
            Format(8, (NUMBER,), (FIRST, Parity(8, (7, 8), odd=True))),
            ("parity", 1, "over"),
            "bit 8 would check itself",
        ),
        (
            Format(8, (NUMBER,), (FIRST, Parity(8, (7, 7), odd=True))),
            ("parity", 1, "over"),
            "bit 7 is named twice",
        ),
        (
            Format(8, (NUMBER,), (Parity(1, (2, 8), odd=True), LAST)),
            ("parity", 0, "over"),
            "bit 8 is worked out later",
        ),
    ],
)
def test_what_is_wrong_with_a_layout_is_said_where_it_is(
    form: Format, where: tuple[str | int, ...], said: str
) -> None:
    found = flaws(form)
    assert any(flaw.where == where and said in flaw.message for flaw in found), found
