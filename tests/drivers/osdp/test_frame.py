"""Frames. Vectors: SIA OSDP Annex E, as quoted in libosdp (test-sc-sia-vectors.c)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.osdp.frame import (
    BUFFER_MAX,
    NEED_MORE,
    Damaged,
    Frame,
    FrameDecoder,
    checksum,
    crc16,
    encode,
)

ANNEX_E_ID = bytes.fromhex("53000900046100 c066")
ANNEX_E_ID_CHECKSUM = bytes.fromhex("53000800006100 44")
ANNEX_E_COMSET = bytes.fromhex("537f0d00046e0080250000 6e38")


def frames_in(decoder: FrameDecoder) -> list[Frame | Damaged]:
    found: list[Frame | Damaged] = []
    while (one := decoder.take()) is not NEED_MORE:
        found.append(one)
    return found


def decoded(data: bytes, *, replies: bool) -> list[Frame | Damaged]:
    decoder = FrameDecoder(replies=replies)
    decoder.feed(data)
    return frames_in(decoder)


def test_crc_of_annex_e() -> None:
    assert crc16(ANNEX_E_ID[:-2]) == 0x66C0
    assert crc16(ANNEX_E_COMSET[:-2]) == 0x386E


def test_checksum_of_annex_e() -> None:
    assert checksum(ANNEX_E_ID_CHECKSUM[:-1]) == 0x44
    assert checksum(bytes.fromhex("537f0c00006e0080250000")) == 0x0F


def test_annex_e_frame_is_encoded_and_decoded() -> None:
    frame = Frame(address=0, is_reply=False, sequence=0, code=0x61, data=b"\x00")
    assert encode(frame) == ANNEX_E_ID
    assert decoded(ANNEX_E_ID, replies=False) == [frame]


def test_checksum_frames_are_received() -> None:
    frames = decoded(ANNEX_E_ID_CHECKSUM, replies=False)
    assert frames == [
        Frame(address=0, is_reply=False, sequence=0, code=0x61, data=b"\x00", uses_crc=False)
    ]


@pytest.mark.parametrize("raw", [ANNEX_E_ID, ANNEX_E_ID_CHECKSUM])
def test_every_flipped_bit_is_noticed(raw: bytes) -> None:
    whole = decoded(raw, replies=False)
    for bit in range(len(raw) * 8):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decoded(bytes(damaged), replies=False) != whole
        assert not any(isinstance(f, Frame) for f in decoded(bytes(damaged), replies=False))


def test_byte_by_byte_with_garbage_between() -> None:
    decoder = FrameDecoder(replies=False)
    found: list[Frame | Damaged] = []
    stream = b"\xff\x00\x11" + ANNEX_E_ID + b"\xff\xfe\x53" + ANNEX_E_COMSET + b"\x53\x53\xff"
    for byte in stream + ANNEX_E_ID:
        decoder.feed(bytes([byte]))
        found += frames_in(decoder)
    assert [frame.code for frame in found if isinstance(frame, Frame)] == [0x61, 0x6E, 0x61]


def test_stray_start_costs_only_itself() -> None:
    swallowing = b"\x53\x00\x40\x00\x04"
    decoder = FrameDecoder(replies=False)
    decoder.feed(swallowing + ANNEX_E_ID)
    assert frames_in(decoder) == []
    decoder.skip_start()
    assert [type(frame) for frame in frames_in(decoder)] == [Frame]


def test_true_frame_inside_a_damaged_one_is_found() -> None:
    found = decoded(b"\x53\x00\x10\x00\x04" + ANNEX_E_ID + bytes(2), replies=False)
    assert [type(one) for one in found] == [Damaged, Frame]


def test_reserved_control_bits_are_no_frame() -> None:
    body = bytes.fromhex("5300090084 6100")
    raw = body + crc16(body).to_bytes(2, "little")
    assert decoded(raw, replies=False) == []


def test_other_direction_is_not_ours() -> None:
    assert decoded(ANNEX_E_ID, replies=True) == []


def test_mac_must_fit_its_block() -> None:
    with pytest.raises(ValueError, match="MAC length"):
        encode(Frame(address=1, is_reply=True, sequence=1, code=0x40, block=0x16))
    # A frame that claims a MAC and is too short for one.
    body = bytes.fromhex("53810b000d02164001")
    raw = body + crc16(body).to_bytes(2, "little")
    assert decoded(raw, replies=True) == [Damaged(1, 1)]


def test_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="1440"):
        encode(Frame(address=1, is_reply=True, sequence=1, code=0x50, data=bytes(1440)))


frames = st.builds(
    lambda address, is_reply, sequence, code, data, block, block_data, uses_crc: Frame(
        address=address,
        is_reply=is_reply,
        sequence=sequence,
        code=code,
        data=data,
        block=block,
        block_data=b"" if block is None else block_data,
        mac=b"\x01\x02\x03\x04" if block is not None and block >= 0x15 else b"",
        uses_crc=uses_crc,
    ),
    st.integers(0, 126),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 255),
    st.binary(max_size=200),
    st.none() | st.sampled_from(list(range(0x11, 0x19))),
    st.binary(max_size=4),
    st.booleans(),
)


@given(frames)
def test_decode_undoes_encode(frame: Frame) -> None:
    assert decoded(encode(frame), replies=frame.is_reply) == [frame]


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_arbitrary_bytes_never_crash_nor_pile_up(pieces: list[bytes]) -> None:
    decoder = FrameDecoder(replies=True)
    for piece in pieces:
        decoder.feed(piece)
        frames_in(decoder)
        assert len(decoder) <= BUFFER_MAX


@given(st.binary(max_size=60), frames)
def test_a_frame_is_found_behind_any_garbage(garbage: bytes, frame: Frame) -> None:
    decoder = FrameDecoder(replies=frame.is_reply)
    decoder.feed(garbage + encode(frame))
    found = frames_in(decoder)
    while len(decoder):
        decoder.skip_start()
        found += frames_in(decoder)
    # Garbage that is itself a valid prefix around the frame has a chance of 2**-8 per start byte
    # with a checksum; then the frame is inside another one.
    assert frame in found or any(isinstance(one, Frame) for one in found)


def test_flood_is_bounded() -> None:
    decoder = FrameDecoder(replies=True)
    decoder.feed(b"\x53\x81\xa0\x05" + bytes(10 * BUFFER_MAX))
    assert len(decoder) <= BUFFER_MAX


def test_repr_shows_no_data() -> None:
    frame = Frame(address=1, is_reply=True, sequence=1, code=0x50, data=b"\xde\xad\xbe\xef")
    assert "dead" not in repr(frame).lower()
    assert "\\xde" not in repr(frame)


def test_what_was_meant_and_cannot_be_is_told_from_noise() -> None:
    """A poll with the security block of a session that does not stand, and without a MAC."""
    meant = bytes.fromhex("53010a000c021560396d")
    assert decoded(meant, replies=False) == [Damaged(1, 0)]
    noise = meant[:-1] + b"\x6e"
    assert decoded(noise, replies=False)[0] == Damaged(1)
