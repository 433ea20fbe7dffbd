"""Visitor codes: what is made comes back, and nothing else does."""

import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import CODE_CHARACTERS_MAX
from edge.people import SiteKey
from edge.visitor_codes import (
    PREFIX,
    VisitorCode,
    VisitorCodeError,
    VisitorCodes,
    is_visitor_code,
)

ALPHANUMERIC = set(string.digits + string.ascii_uppercase + " $%*+-./:")
"""What a QR code packs into five and a half bits (ISO/IEC 18004, 7.3.4)."""

SITE = VisitorCodes("house", SiteKey(bytes(range(32))))
CODE = VisitorCode(id=bytes(range(100, 116)), valid_from_s=1_795_212_000, valid_until_s=2**40 - 1)
TEXT = SITE.text(CODE)
PINNED = (
    "SPV1.AHLOEEUGMINILBTEMVTGO2DJNJVWY3LON5YHC4TTABVQBQXA77777777NUMOIQ7GOJGPCUSGVWF"
    "65A5HVDSS6KM3M5OONSXDSYBLN3TCWDOJ62ADAY4NH4SNGNS5LGSTR73SNCSXOANJS4GL74ZGQTJHOLG"
    "SMAA"
)
PINNED_REF = "21141925871013b5295560699e8ac9a6f1593a0f595456f5093a3209c095bf6b"


def test_a_code_is_pinned() -> None:
    # A layout that changes locks out whoever holds a code.
    assert TEXT == PINNED
    assert SITE.ref(CODE) == PINNED_REF


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1))
def test_what_is_made_comes_back(number: bytes, begins: int, ends: int) -> None:
    code = VisitorCode(id=number, valid_from_s=begins, valid_until_s=ends)
    text = SITE.text(code)
    assert SITE.read(text) == code
    assert is_visitor_code(text)
    assert set(text) <= ALPHANUMERIC
    assert len(text) <= 178 <= CODE_CHARACTERS_MAX  # of a QR code of 45 dots, version 7-M


def test_no_two_codes_are_the_same() -> None:
    made = {SITE.ref(SITE.new(1, 2, os.urandom)) for _ in range(100)}
    assert len(made) == 100


def test_another_edge_of_the_site_believes_it_and_another_site_does_not() -> None:
    assert VisitorCodes("house", SiteKey(bytes(range(32)))).read(TEXT) == CODE
    with pytest.raises(VisitorCodeError, match="of another site"):
        VisitorCodes("mill", SiteKey(bytes(range(32)))).read(TEXT)
    with pytest.raises(VisitorCodeError, match="has not signed"):
        VisitorCodes("house", SiteKey(b"x" * 32)).read(TEXT)


@pytest.mark.parametrize("at", range(len(PREFIX), len(TEXT)))
def test_every_altered_letter_is_refused(at: int) -> None:
    other = "A" if TEXT[at] != "A" else "B"
    with pytest.raises(VisitorCodeError, match="visitor code"):
        SITE.read(TEXT[:at] + other + TEXT[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        TEXT[:-1],
        TEXT + "A",
        TEXT + "=",
        TEXT.lower(),
        PREFIX + TEXT.removeprefix(PREFIX).lower(),
        TEXT + "\n",
        PREFIX + "A" * 250,
        PREFIX + "é" * 159,
        TEXT.replace(PREFIX, "SPV2."),
        # The same bytes in another spelling: the last letter has bits that stand for nothing.
        TEXT[:-1] + chr(ord(TEXT[-1]) + 1),
    ],
)
def test_what_is_no_code_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(VisitorCodeError) as caught:
        SITE.read(text)
    assert str(caught.value) == "a visitor code that is damaged"


@given(st.text(max_size=40))
def test_whatever_is_scanned_is_a_code_or_refused(text: str) -> None:
    for tried in (text, PREFIX + text, TEXT[: len(text) % len(TEXT)] + text):
        with pytest.raises(VisitorCodeError):
            SITE.read(tried)


def test_nobody_finds_the_number_in_a_repr() -> None:
    assert CODE.id.hex() not in repr(CODE)
    assert "defg" not in repr(CODE)
