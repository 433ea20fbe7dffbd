"""Golden vectors of Modbus RTU, with their sources."""

import pytest

from drivers.modbus.messages import (
    Ask,
    Done,
    Flash,
    Points,
    ReadInputs,
    ReadOutputs,
    Refused,
    Reply,
    Switch,
    describe,
    describe_reply,
    frame_of,
    reply_in,
)
from simulators.modbus_module import crc

# Waveshare's wiki, "Modbus RTU Relay" and "Modbus RTU Relay (D)", development protocol V2: its
# examples, as others' tests and programs quote them. The one that switches off for a time is ours,
# in the form of those that switch on.
WAVESHARE = [
    (1, Switch(0, True), "01 05 00 00 ff 00 8c 3a"),
    (1, Switch(0, False), "01 05 00 00 00 00 cd ca"),
    (1, Switch(1, True), "01 05 00 01 ff 00 dd fa"),
    (1, ReadOutputs(8), "01 01 00 00 00 08 3d cc"),
    (1, Flash(0, True, 7), "01 05 02 00 00 07 8d b0"),
    (1, Flash(1, True, 8), "01 05 02 01 00 08 9c 74"),
    (1, Flash(0, False, 7), "01 05 04 00 00 07 8d 38"),
    (1, ReadInputs(8), "01 02 00 00 00 08 79 cc"),
]

# A manual of another maker's eight-channel module, as quoted at
# blog.csdn.net/weixin_43176183/article/details/112915034: its factory address is 255.
OTHERS = [
    (255, Switch(0, True), "ff 05 00 00 ff 00 99 e4"),
    (255, Switch(0, False), "ff 05 00 00 00 00 d8 14"),
]


@pytest.mark.parametrize(("unit", "ask", "expected"), WAVESHARE + OTHERS)
def test_a_question_has_these_bytes(unit: int, ask: Ask, expected: str) -> None:
    assert frame_of(unit, ask).hex(" ") == expected


# Answers: Modbus application protocol 1.1b3, the examples of clauses 6.1 and 6.2 (19 outputs from
# 20 on, 22 inputs from 197 on) and of clause 7; their check sums are the simulator's, whose codec
# is not the driver's.
ANSWERS: list[tuple[Ask, str, Reply]] = [
    (
        ReadOutputs(19),
        "01 03 cd 6b 05",
        Points(tuple(digit == "1" for digit in "10110011" + "11010110" + "101")),
    ),
    (
        ReadInputs(22),
        "02 03 ac db 35",
        Points(tuple(digit == "1" for digit in "00110101" + "11011011" + "101011")),
    ),
    (Switch(0xAC, True), "05 00 ac ff 00", Done()),
    (Flash(0, True, 7), "05 02 00 00 07", Done()),
    (ReadOutputs(1), "81 02", Refused("it has not so many points (Modbus exception 2)")),
    (Switch(0, True), "85 63", Refused("it will not (Modbus exception 99)")),
]


# Answers of modules that others have on their lines, as their notes have them.
CAPTURED = [
    (ReadInputs(8), "01 02 01 20 a0 50", {5}),
    (ReadOutputs(8), "01 01 01 b6 d0 3e", {1, 2, 4, 5, 7}),
    (ReadOutputs(8), "01 01 01 00 51 88", set()),
]


@pytest.mark.parametrize(("ask", "frame", "on"), CAPTURED)
def test_an_answer_of_a_real_module_is_read(ask: Ask, frame: str, on: set[int]) -> None:
    states = tuple(number in on for number in range(8))
    assert reply_in(bytes.fromhex(frame), 1, ask) == Points(states)


@pytest.mark.parametrize(("ask", "body", "reply"), ANSWERS)
def test_an_answer_means_this(ask: Ask, body: str, reply: Reply) -> None:
    frame = b"\x11" + bytes.fromhex(body)
    frame += crc(frame)
    assert reply_in(frame, 0x11, ask) == reply
    assert reply_in(b"\x11\x01\x11" + frame + b"\x11\x02", 0x11, ask) == reply
    for place in range(len(frame)):
        assert reply_in(frame[:place], 0x11, ask) is None
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[place] ^= 1 << bit
            assert reply_in(bytes(damaged), 0x11, ask) is None


def test_an_answer_to_another_question_is_none() -> None:
    inputs = b"\x01\x02\x01\xff"
    inputs += crc(inputs)
    assert reply_in(inputs, 1, ReadInputs(8)) == Points((True,) * 8)
    assert reply_in(inputs, 1, ReadOutputs(8)) is None
    assert reply_in(inputs, 1, ReadInputs(9)) is None
    assert reply_in(inputs, 2, ReadInputs(8)) is None
    contradictory = b"\x01\x02\x02\xff"
    assert reply_in(contradictory + crc(contradictory), 1, ReadInputs(8)) is None
    assert reply_in(frame_of(1, Switch(1, True)), 1, Switch(1, False)) is None
    assert reply_in(frame_of(1, Switch(1, True)), 1, Switch(0, True)) is None


def test_a_watched_line_is_read_by_people() -> None:
    assert describe(Flash(3, True, 5)) == "output 3 on for 0.5 s"
    assert describe(Switch(0, False)) == "output 0 off"
    assert describe(ReadInputs(8)) == "read 8 inputs"
    assert describe_reply(Points((False, True, True))) == "on: 1, 2"
    assert describe_reply(Points((False,))) == "on: none"
