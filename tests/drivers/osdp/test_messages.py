"""Layouts of commands and replies.

Where nothing else stands beside it, a byte string is written out from the tables of SIA OSDP v2.2.
The others are of tests that other people published: OSDP.Net is github.com/bytedreamer/OSDP.Net,
src/OSDP.Net.Tests; OSDP-Embedded is github.com/Z-bit-Systems-LLC/OSDP-Embedded; libosdp is
github.com/goToMain/libosdp.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.osdp import messages as osdp
from drivers.osdp.frame import Frame, FrameDecoder
from drivers.osdp.frame import encode as encode_frame
from drivers.osdp.messages import OutputControl, decode_command, decode_reply, encode

COMMANDS = [
    (osdp.Poll(), 0x60, ""),
    (osdp.IdentityRequest(), 0x61, "00"),
    (osdp.CapabilityRequest(), 0x62, "00"),
    (osdp.LocalStatusRequest(), 0x64, ""),
    (osdp.InputStatusRequest(), 0x65, ""),
    (osdp.OutputStatusRequest(), 0x66, ""),
    (osdp.Output(1, 5, 300), 0x68, "01052c01"),
    # OSDP.Net: Model/CommandData/OutputControlsTest.cs, the first of two records
    (osdp.Output(3, OutputControl.OFF_ABORT_TIMED, 2500), 0x68, "0301c409"),
    # OSDP.Net: Model/CommandData/ReaderLedControlsTest.cs, the first of two records
    (osdp.Led(2, 3, 2, 1, 2, 6, 0, 4, 1, 2, 6, 4, 3), 0x69, "0203020102060004000102060403"),
    # OSDP.Net: Model/CommandData/ReaderBuzzerControlTest.cs
    (osdp.Buzzer(0, 2, 5, 2, 1), 0x6A, "0002050201"),
    (osdp.Led(0, 1, 2, 3, 4, 5, 6, 0x0708), 0x69, "0001020304050608070000000000"),
    (osdp.Buzzer(0, 2, 3, 4, 5), 0x6A, "0002030405"),
    (osdp.Text(0, 3, 4, 1, 2, 2, b"Hi"), 0x6B, "0003040102024869"),
    # OSDP.Net: Model/CommandData/ReaderTextOutputTest.cs
    (osdp.Text(0, 2, 0, 1, 1, 24, b"*" * 24), 0x6B, "000200010118" + "2a" * 24),
    # OSDP.Net: Model/CommandData/FileTransferFragmentTest.cs
    (
        osdp.FileTransfer(1, 10, 0, 5, b"\x09\x08\x07\x06\x05"),
        0x7C,
        "010a0000000000000005000908070605",
    ),
    (osdp.Abort(), 0xA2, ""),
    (osdp.Challenge(b"\xb0" * 8), 0x76, "b0" * 8),
    (osdp.PanelCryptogram(b"\x01" * 16), 0x77, "01" * 16),
]
REPLIES = [
    (osdp.Ack(), 0x40, ""),
    (osdp.Nak(6), 0x41, "06"),
    (osdp.Nak(3, b"\x01"), 0x41, "0301"),
    # OSDP-Embedded: tests/test_replies.c, test_nak_decode_with_details_round_trip
    (osdp.Nak(9, b"\x09\xff\x00"), 0x41, "0909ff00"),
    # OSDP-Embedded: tests/test_replies.c, test_pdid_round_trip_known_values
    (
        osdp.Identity(b"\xca\xfe\x42", 0x10, 1, 0xDEADBEEF, b"\x01\x02\x03"),
        0x45,
        "cafe421001efbeadde010203",
    ),
    # OSDP.Net: Model/ReplyData/DeviceCapabilitiesTest.cs, of a real keypad reader
    (
        osdp.Capabilities(bytes.fromhex("0301010404010502010600000700000801000901010ac201")),
        0x46,
        "0301010404010502010600000700000801000901010ac201",
    ),
    # OSDP-Embedded: tests/test_replies.c, test_istatr_round_trip and test_ostatr_round_trip
    (osdp.InputStatus(b"\x00\x01\x03\x04"), 0x49, "00010304"),
    (osdp.OutputStatus(b"\x01\x00"), 0x4A, "0100"),
    # OSDP.Net: Model/ReplyData/RawCardDataTest.cs and KeypadDataTest.cs
    (osdp.RawCard(5, 0, 16, b"\x12\xab"), 0x50, "0500100012ab"),
    (osdp.Keypad(1, 5, bytes(range(5))), 0x53, "01050001020304"),
    (osdp.Identity(b"\x01\x02\x03", 4, 5, 6, b"\x07\x08\x09"), 0x45, "010203040506000000070809"),
    (osdp.Capabilities(b"\x01\x02\x03"), 0x46, "010203"),
    (osdp.LocalStatus(1, 0), 0x48, "0100"),
    (osdp.InputStatus(b"\x00\x01"), 0x49, "0001"),
    (osdp.OutputStatus(b"\x01"), 0x4A, "01"),
    (osdp.RawCard(0, 1, 26, b"\x12\x34\x56\x40"), 0x50, "00011a0012345640"),
    # OSDP.Net: Model/ReplyData/FormattedCardDataTest.cs
    (osdp.FormattedCard(5, 0, 9, b"testinput"), 0x51, "05000974657374696e707574"),
    (osdp.Keypad(0, 2, b"1\x0d"), 0x53, "0002310d"),
    (osdp.ReaderCryptogram(b"U" * 8, b"N" * 8, b"C" * 16), 0x76, "55" * 8 + "4e" * 8 + "43" * 16),
    (osdp.InitialMac(b"M" * 16), 0x78, "4d" * 16),
    (osdp.Busy(), 0x79, ""),
    # A reader that restarts behind its new firmware: libosdp, issue 191
    (osdp.FileStatus(0, 0, 2, 0), 0x7A, "00000002000000"),
    (osdp.FileStatus(5, 300, -3, 1440), 0x7A, "052c01fdffa005"),
]


# Whole frames: message, address, sequence, whether a reply, whether with CRC.
FRAMES = [
    # libosdp: tests/unit-tests/test-cp-phy.c, the packets of POLL, ID and CHLNG
    (osdp.Poll(), 0x65, 0, False, True, "5365080004606090"),
    (osdp.IdentityRequest(), 0x65, 0, False, True, "536509000461 00d97a"),
    (osdp.Challenge(bytes(range(1, 9))), 0x65, 0, False, True, "53651000047601020304050607080d20"),
    # OSDP.Net: Messages/LocalStatusReportCommandTest.cs and PollCommandTest.cs
    (osdp.LocalStatusRequest(), 0, 2, False, True, "53000800 06640d8c"),
    (osdp.LocalStatusRequest(), 0, 2, False, False, "53000700026440"),
    (osdp.Poll(), 0, 2, False, True, "530008000660 89cc"),
    (osdp.Poll(), 0, 2, False, False, "53000700026044"),
    # OSDP.Net: Messages/ReplyTest.cs, "Raw bytes taken off the wire from actual reader"
    (osdp.Ack(), 0, 1, True, True, "5380080005 40689f"),
]


@pytest.mark.parametrize(("message", "address", "sequence", "is_reply", "crc", "wire"), FRAMES)
def test_whole_frames(
    message: osdp.Message, address: int, sequence: int, is_reply: bool, crc: bool, wire: str
) -> None:
    code, data = encode(message)
    frame = Frame(
        address=address,
        is_reply=is_reply,
        sequence=sequence,
        code=code,
        data=data,
        uses_crc=crc,
    )
    assert encode_frame(frame) == bytes.fromhex(wire)
    decoder = FrameDecoder(replies=is_reply)
    decoder.feed(bytes.fromhex(wire))
    assert decoder.take() == frame


@pytest.mark.parametrize(("message", "code", "data"), COMMANDS + REPLIES)
def test_wire_form(message: osdp.Message, code: int, data: str) -> None:
    assert encode(message) == (code, bytes.fromhex(data))


@pytest.mark.parametrize(("message", "code", "data"), COMMANDS)
def test_commands_decode(message: osdp.Message, code: int, data: str) -> None:
    assert decode_command(code, bytes.fromhex(data)) == message


@pytest.mark.parametrize(("message", "code", "data"), REPLIES)
def test_replies_decode(message: osdp.Message, code: int, data: str) -> None:
    assert decode_reply(code, bytes.fromhex(data)) == message


@pytest.mark.parametrize("data", ["", "0105", "01052c0100"])
def test_wrong_length_is_no_message(data: str) -> None:
    assert decode_command(0x68, bytes.fromhex(data)) is None


def test_unknown_code_is_no_message() -> None:
    assert decode_reply(0x52, b"1234") is None


@pytest.mark.parametrize(
    "message",
    [osdp.Output(256, 5, 1), osdp.Output(0, 5, 65536), osdp.Challenge(b"short"), osdp.Nak(-1)],
)
def test_what_does_not_fit_is_refused(message: osdp.Message) -> None:
    with pytest.raises(ValueError, match=type(message).__name__):
        encode(message)


@given(st.integers(0, 255), st.binary(max_size=80))
def test_any_decoded_message_encodes_back(code: int, data: bytes) -> None:
    for message in (decode_command(code, data), decode_reply(code, data)):
        if message is not None:
            assert encode(message) == (code, data)


def test_secrets_do_not_show() -> None:
    assert "18" not in repr(osdp.RawCard(0, 0, 8, b"\x18"))
    assert "4711" not in repr(osdp.Keypad(0, 4, b"4711"))
    assert "4711" not in repr(osdp.FormattedCard(0, 1, 4, b"4711"))
