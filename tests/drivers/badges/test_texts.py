"""Badges as text: two ways of writing the same bits, and codes as they are scanned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.badges import (
    FORMATS,
    Badge,
    BadgeTextError,
    Code,
    Field,
    Format,
    badge_from_number,
    encode,
    parse_badge,
    parse_presented,
    valid_format_name,
)


def test_h10301_gives_the_published_bits() -> None:
    # Facility 118, card 1603 is 0x2EC0C86 as a 26-bit number.
    badge = parse_badge("h10301:118/1603")
    assert badge.bits == 26
    assert badge.data == (0x2EC0C86 << 6).to_bytes(4, "big") == bytes.fromhex("bb032180")


def test_both_ways_of_writing_are_the_same_badge() -> None:
    assert parse_badge("26:2ec0c86") == parse_badge("26:2EC0C86") == parse_badge("H10301:118/01603")


@given(st.integers(0, 255), st.integers(0, 65535))
def test_h10301_has_even_ones_in_front_and_odd_ones_behind(facility: int, card: int) -> None:
    badge = encode(FORMATS["h10301"], (facility, card))
    bits = f"{int.from_bytes(badge.data, 'big'):032b}"
    assert bits[26:] == "000000"
    assert bits[1:9] == f"{facility:08b}"
    assert bits[9:25] == f"{card:016b}"
    assert bits[:13].count("1") % 2 == 0
    assert bits[13:26].count("1") % 2 == 1


@given(st.integers(1, 1024), st.data())
def test_bits_written_as_hex_come_back_left_aligned(bits: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 2**bits - 1))
    badge = parse_badge(f"{bits}:{number:0{(bits + 3) // 4}x}")
    assert badge == badge_from_number(bits, number)
    assert f"{int.from_bytes(badge.data, 'big'):0{len(badge.data) * 8}b}"[:bits] == (
        f"{number:0{bits}b}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a badge"),
        ("1603", "not a badge"),
        ("26:", "not a badge"),
        ("26:2ec0c86\n", "not a badge"),
        ("26:2ec0c8g", "not a badge"),
        ("٢٦:2ec0c86", "not a badge"),
        ("0:0", "1..1024"),
        ("1025:" + "0" * 256, "1..1024"),
        ("26:2ec0c8", "7 hex digits, not 6"),
        ("26:02ec0c86", "7 hex digits, not 8"),
        ("26:4000000", "does not fit"),
        ("1.23E+15", "spreadsheet"),
        ("h10303:1/2", "known: c1k35, c1k48, h10301"),
        ("h10301:256/1", "facility is 0..255"),
        ("h10301:1/65536", "card is 0..65535"),
        ("h10301:1603", "facility/card"),
        ("h10301:1/2/3", "facility/card"),
    ],
)
def test_what_is_no_badge_is_refused_with_a_hint(text: str, said: str) -> None:
    with pytest.raises(BadgeTextError) as caught:
        parse_badge(text)
    assert said in str(caught.value)
    assert caught.value.hint


def test_neither_repr_nor_error_shows_the_bits() -> None:
    assert "bb03" not in repr(parse_badge("26:2ec0c86"))
    for text in ("26:7ec0c86", "27:2ec0c8612", "h10301:118/91603", "2ec0c86"):
        with pytest.raises(BadgeTextError) as caught:
            parse_badge(text)
        assert text.split(":")[-1] not in str(caught.value)


def test_a_sites_own_format_is_written_like_any_other() -> None:
    formats = FORMATS | {"house-30": Format(30, (Field("lot", 1, 10), Field("card", 11, 20)), ())}
    assert parse_badge("house-30:3/5", formats) == badge_from_number(30, 3 << 20 | 5)
    with pytest.raises(BadgeTextError, match="lot/card"):
        parse_badge("house-30:3", formats)
    with pytest.raises(BadgeTextError, match="house-30"):
        parse_badge("house-31:3/5", formats)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("house-30", True),
        ("em_26", True),
        ("26", False),
        ("3house", False),
        ("House", False),
        ("", False),
        ("a/b", False),
        ("h10301", False),
        ("raw", False),
        ("code", False),
    ],
)
def test_no_name_of_a_format_can_be_taken_for_something_else(name: str, valid: bool) -> None:
    assert valid_format_name(name) is valid


def test_a_code_is_taken_character_by_character() -> None:
    assert parse_presented("code:AB-1603 x") == Code("AB-1603 x")
    assert parse_presented("code:26:2ec0c86") == Code("26:2ec0c86")
    assert parse_presented("26:2ec0c86") == Badge(26, bytes.fromhex("bb032180"))
    assert parse_presented(f"code:{'x' * 256}") == Code("x" * 256)
    assert "AB" not in repr(parse_presented("code:AB-1603"))


@pytest.mark.parametrize(
    "text", ["code:", "code: x", "code:x ", "code:\x07", "code:ä", f"code:{'x' * 257}"]
)
def test_what_no_scanner_gives_is_no_code(text: str) -> None:
    with pytest.raises(BadgeTextError):
        parse_presented(text)
