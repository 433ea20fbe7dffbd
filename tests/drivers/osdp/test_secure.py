"""Secure Channel. Vectors: SIA OSDP Annex E (Secure Channel example under SCBK-D), as quoted in
libosdp's tests/unit-tests/test-sc-sia-vectors.c."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.osdp.frame import Frame, encode
from drivers.osdp.secure import (
    SCBK_DEFAULT,
    NotAuthenticError,
    Session,
    derive_keys,
    initial_mac,
    panel_cryptogram,
    reader_cryptogram,
)

PANEL_NONCE = bytes(range(0xB0, 0xB8))
READER_NONCE = bytes(range(0xA0, 0xA8))


def session_pair() -> tuple[Session, Session]:
    keys = derive_keys(bytes(range(16)), PANEL_NONCE)
    first = initial_mac(keys, panel_cryptogram(keys, PANEL_NONCE, READER_NONCE))
    return Session(keys, first), Session(keys, first)


def command(data: bytes = b"", code: int = 0x60) -> Frame:
    return Frame(address=1, is_reply=False, sequence=1, code=code, data=data)


def reply(data: bytes = b"", code: int = 0x40) -> Frame:
    return Frame(address=1, is_reply=True, sequence=1, code=code, data=data)


def test_annex_e() -> None:
    keys = derive_keys(SCBK_DEFAULT, PANEL_NONCE)
    assert keys.mac_first.hex() == "5e86c676603bdee2d8beafe178637332"
    assert keys.mac_last.hex() == "6fda86e857777e81132035758239172e"
    assert keys.encryption.hex() == "bf8dc2a8329acb8c67c6d0cd9a451682"
    cryptogram = panel_cryptogram(keys, PANEL_NONCE, READER_NONCE)
    assert cryptogram.hex() == "26d3356e07762d262801fc8e6665a891"
    proof = reader_cryptogram(keys, PANEL_NONCE, READER_NONCE)
    assert proof.hex() == "fde5d2f428ec16312471ea3c02bd7796"
    assert initial_mac(keys, cryptogram).hex() == "b2a30057eb98ba2229ec1f875662b524"


@given(st.lists(st.tuples(st.binary(max_size=70), st.binary(max_size=70)), max_size=8))
def test_both_ends_agree(exchanges: list[tuple[bytes, bytes]]) -> None:
    panel, reader = session_pair()
    for asked, answered in exchanges:
        sealed = panel.seal_command(command(asked))
        encode(sealed)
        assert reader.open_command(sealed) == asked
        assert panel.open_reply(reader.seal_reply(reply(answered))) == answered


def test_data_is_encrypted_on_the_wire() -> None:
    panel, reader = session_pair()
    sealed = panel.seal_command(command(b"open the door now"))
    assert sealed.block == 0x17
    assert b"open" not in encode(sealed)
    reader.open_command(sealed)
    card = reader.seal_reply(reply(b"card number 12345"))
    assert card.block == 0x18
    assert b"card" not in encode(card)


@given(st.integers(0, 8 * 40))
def test_any_changed_bit_is_refused(bit: int) -> None:
    panel, reader = session_pair()
    reader.open_command(panel.seal_command(command()))
    sealed = reader.seal_reply(reply(b"\x01" * 20))
    raw = bytearray(sealed.data + sealed.mac)
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    forged = Frame(
        address=1,
        is_reply=True,
        sequence=1,
        code=sealed.code,
        data=bytes(raw[:-4]),
        block=sealed.block,
        mac=bytes(raw[-4:]),
    )
    with pytest.raises(NotAuthenticError):
        panel.open_reply(forged)
    assert panel.open_reply(sealed) == b"\x01" * 20


def test_a_reply_counts_once() -> None:
    panel, reader = session_pair()
    reader.open_command(panel.seal_command(command()))
    sealed = reader.seal_reply(reply())
    panel.open_reply(sealed)
    reader.open_command(panel.seal_command(command()))
    with pytest.raises(NotAuthenticError):
        panel.open_reply(sealed)


def test_a_command_counts_once() -> None:
    panel, reader = session_pair()
    sealed = panel.seal_command(command(b"\x00\x05\x32\x00", code=0x68))
    reader.open_command(sealed)
    panel.open_reply(reader.seal_reply(reply()))
    with pytest.raises(NotAuthenticError):
        reader.open_command(sealed)


def test_keys_do_not_show() -> None:
    keys = derive_keys(SCBK_DEFAULT, PANEL_NONCE)
    assert repr(keys) == "SessionKeys(…)"
