"""The same card at readers that hand over different things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.badges import (
    FORMATS,
    RAW,
    BadgeRefusedError,
    Handing,
    Takes,
    badge_from_number,
    parse_badge,
    whole,
)

CARD = parse_badge("h10301:118/1603")


def test_the_same_card_is_the_same_badge_however_it_comes() -> None:
    h10301 = FORMATS["h10301"]
    sent = badge_from_number(26, CARD.number)
    assert RAW.badge(sent.bits, sent.data) == CARD
    assert whole(h10301).badge(sent.bits, sent.data) == CARD
    # An EM4100 tag has 40 bits; readers with a Wiegand output send the last 24 with parity.
    tag = badge_from_number(40, 0x1C00_0000_00 | 118 << 16 | 1603)
    assert Handing(h10301, 40, Takes.NUMBERS).badge(tag.bits, tag.data) == CARD
    # A controller board that gives 32 bits with the card in the last 26.
    board = badge_from_number(32, 0b101 << 29 | CARD.number)
    assert Handing(h10301, 32, Takes.LAST).badge(board.bits, board.data) == CARD


@given(st.sampled_from(sorted(FORMATS)), st.integers(0, 9), st.data())
def test_numbers_without_parity_are_the_card_with_it(
    name: str, more: int, data: st.DataObject
) -> None:
    form = FORMATS[name]
    values = [data.draw(st.integers(0, 2**field.width - 1)) for field in form.fields]
    side_by_side = "".join(
        f"{value:0{field.width}b}" for field, value in zip(form.fields, values, strict=True)
    )
    in_front = "".join(data.draw(st.sampled_from("01")) for _ in range(more))
    handing = Handing(form, len(side_by_side) + more, Takes.NUMBERS)
    assert handing.needs == len(side_by_side)
    handed = badge_from_number(handing.bits, int(in_front + side_by_side, 2))
    text = f"{name}:{'/'.join(map(str, values))}"
    assert handing.badge(handed.bits, handed.data) == parse_badge(text)


@pytest.mark.parametrize("bits", [25, 27, 37])
def test_another_length_than_the_readers_is_refused(bits: int) -> None:
    handed = badge_from_number(bits, 1)
    with pytest.raises(BadgeRefusedError, match=f"{bits} bits, and this reader's cards have 26"):
        whole(FORMATS["h10301"]).badge(handed.bits, handed.data)


def test_parity_is_looked_at_where_it_is_sent() -> None:
    wrong = badge_from_number(26, CARD.number ^ 2)
    with pytest.raises(BadgeRefusedError, match="parity") as caught:
        whole(FORMATS["h10301"]).badge(wrong.bits, wrong.data)
    assert wrong.data.hex() not in str(caught.value)
    board = badge_from_number(32, CARD.number ^ 2)
    with pytest.raises(BadgeRefusedError, match="parity"):
        Handing(FORMATS["h10301"], 32, Takes.LAST).badge(board.bits, board.data)


@pytest.mark.parametrize(
    ("bits", "data"), [(0, b""), (26, bytes(3)), (26, bytes(5)), (1025, bytes(129)), (-1, b"")]
)
def test_bits_that_are_none_are_refused_and_not_believed(bits: int, data: bytes) -> None:
    with pytest.raises(BadgeRefusedError):
        RAW.badge(bits, data)


def test_low_bits_that_stand_for_nothing_are_left_out() -> None:
    noisy = CARD.data[:-1] + bytes([CARD.data[-1] | 0x3F])
    assert RAW.badge(26, noisy) == whole(FORMATS["h10301"]).badge(26, noisy) == CARD
