"""What is asked of a Modbus module and what it answers, on pymodbus's messages and frames.

Modbus application protocol 1.1b3 clauses 6.1, 6.2, 6.5 and 7; Modbus over serial line 1.02 clause
2.5.1. A reply is looked for by what was asked: only one frame can be the answer, and it is found
behind whatever else the line has brought.
"""

import struct

import msgspec
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteSingleCoilRequest,
)

ADDRESS_MIN, ADDRESS_MAX = 1, 247  # serial line 1.02 clause 2.2; 0 is everybody
REFUSED_BIT = 0x80
REFUSAL_LENGTH = 5

FLASH_ON, FLASH_OFF = 0x0200, 0x0400
"""Waveshare, "Modbus RTU Relay", development protocol V2: written with a time, the relay of this
number behind the base switches on (off) for it and back again by itself."""
FLASH_STEP_MS, FLASH_STEPS_MAX = 100, 0x7FFF

_READ_COILS, _READ_INPUTS, _WRITE_COIL = 1, 2, 5

# Clause 7: what a module says when it will not.
_REFUSALS = {
    1: "it does not know this function",
    2: "it has not so many points",
    3: "it does not take this value",
    4: "it has failed",
    5: "it is at it still",
    6: "it is busy",
}


class ReadInputs(msgspec.Struct, frozen=True):
    """Read this many inputs from the first one on."""

    count: int


class ReadOutputs(msgspec.Struct, frozen=True):
    """Read this many outputs from the first one on."""

    count: int


class Switch(msgspec.Struct, frozen=True):
    """Set an output for good."""

    output: int
    on: bool


class Flash(msgspec.Struct, frozen=True):
    """Set an output for so many tenths of a second; the module's own timer sets it back."""

    output: int
    on: bool
    steps: int


Ask = ReadInputs | ReadOutputs | Switch | Flash


class Points(msgspec.Struct, frozen=True):
    """The states that were asked for."""

    states: tuple[bool, ...]


class Done(msgspec.Struct, frozen=True):
    """It says that it did what it was told."""


class Refused(msgspec.Struct, frozen=True):
    """It says that it will not. `why` is for people."""

    why: str


Reply = Points | Done | Refused


class _WriteValue(ModbusPDU):
    """Function 05 with a value of its own, which pymodbus's message cannot have."""

    function_code = _WRITE_COIL

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self.registers[0])


_FRAMER = FramerRTU(DecodePDU(is_server=False))
_DECODER = DecodePDU(is_server=False)


def frame_of(unit: int, ask: Ask) -> bytes:
    """The bytes that ask it of the module at an address."""
    message: ModbusPDU
    match ask:
        case ReadInputs():
            message = ReadDiscreteInputsRequest(dev_id=unit, count=ask.count)
        case ReadOutputs():
            message = ReadCoilsRequest(dev_id=unit, count=ask.count)
        case Switch():
            message = WriteSingleCoilRequest(dev_id=unit, address=ask.output, bits=[ask.on])
        case Flash():
            base = FLASH_ON if ask.on else FLASH_OFF
            message = _WriteValue(dev_id=unit, address=base + ask.output, registers=[ask.steps])
    return bytes(_FRAMER.buildFrame(message))


def reply_length(ask: Ask) -> int:
    """How many bytes the answer has when it is done."""
    match ask:
        case ReadInputs() | ReadOutputs():
            return 5 + (ask.count + 7) // 8
        case _:
            return 8


def reply_in(data: bytes, unit: int, ask: Ask) -> Reply | None:
    """The answer that lies somewhere in what was received, or None.

    A frame counts if it comes from the module, has its check sum, and is what can be said to this
    question alone: as many bytes as points were asked for, or the very request once more.
    """
    request = frame_of(unit, ask)
    for start in range(len(data) - REFUSAL_LENGTH + 1):
        if data[start] == unit:
            reply = _reply_at(data[start:], request, ask)
            if reply is not None:
                return reply
    return None


def _reply_at(data: bytes, request: bytes, ask: Ask) -> Reply | None:
    function = request[1]
    if data[1] == function | REFUSED_BIT:
        refusal = _sound(data[:REFUSAL_LENGTH], REFUSAL_LENGTH)
        if refusal is None:
            return None
        code = refusal[2]
        return Refused(f"{_REFUSALS.get(code, 'it will not')} (Modbus exception {code})")
    if isinstance(ask, Switch | Flash):
        return Done() if data[: len(request)] == request else None
    length = reply_length(ask)
    frame = _sound(data[:length], length)
    if frame is None or frame[1] != function or frame[2] != length - 5:
        return None
    message = _DECODER.decode(frame[1:-2])
    return None if message is None else Points(tuple(message.bits[: ask.count]))


def _sound(frame: bytes, length: int) -> bytes | None:
    """The frame if it is whole and its check sum is right."""
    if len(frame) < length:
        return None
    return frame if FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")) else None


def describe(ask: Ask) -> str:
    """The question in one line for people."""
    match ask:
        case ReadInputs():
            return f"read {ask.count} inputs"
        case ReadOutputs():
            return f"read {ask.count} outputs"
        case Switch():
            return f"output {ask.output} {'on' if ask.on else 'off'}"
        case Flash():
            for_s = ask.steps * FLASH_STEP_MS / 1000
            return f"output {ask.output} {'on' if ask.on else 'off'} for {for_s:g} s"


def describe_reply(reply: Reply) -> str:
    """The answer in one line for people."""
    match reply:
        case Points():
            on = ", ".join(str(number) for number, state in enumerate(reply.states) if state)
            return f"on: {on or 'none'}"
        case Done():
            return "done"
        case Refused():
            return reply.why
