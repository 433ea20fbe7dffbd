"""Between the edge's words and OSDP's: actions to commands, replies to facts.

Pure functions. Tenths of a second, colour numbers and key codes end here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

from drivers.api import (
    CODE_CHARACTERS_MAX,
    FILE_BYTES_MAX,
    Action,
    BadgeUnread,
    Beep,
    CardRead,
    CodeRead,
    Color,
    Fact,
    Hold,
    InputsReported,
    InputState,
    KeysPressed,
    Light,
    OutputsReported,
    Pulse,
    SendFile,
    Show,
    TamperReported,
)
from drivers.osdp.config import POINTS_MAX, ReaderConfig
from drivers.osdp.messages import (
    Buzzer,
    FormattedCard,
    Identity,
    InputStatus,
    Keypad,
    Led,
    LocalStatus,
    Message,
    Output,
    OutputControl,
    OutputStatus,
    RawCard,
    Text,
)
from drivers.osdp.states import BrokenAssumptionError

TICK_MS = 100  # OSDP timers count tenths of a second (clauses 6.10 and 6.11)
TICKS_MAX = 0xFFFF
TIMER_MS_MAX = TICK_MS * TICKS_MAX
BYTE_MAX = 0xFF
CARD_BITS_MAX = 1024  # a PIV or seos credential stays far below; more is not a card
KEYS_MAX = 32
TEXT_SECONDS_MAX = 255
TEXT_COLUMNS = 16  # of every display that the standard knows (Annex B, function 6)
READ_BACKWARDS = "it was read backwards; show it the other way round"

_LED_SET_TEMPORARY = 2
_LED_SET_PERMANENT = 1
_BLINK_TICKS = 5
_STEADY_TICKS = 1
_TONE_DEFAULT = 2
_BEEP_TICKS = 2
_TEXT_TEMPORARY = 3  # without wrapping (clause 6.13, table 21)
_TEXT_FIRST = 1  # rows and columns count from 1
_DIRECTION_BACKWARD = 2
_STX, _TRAIL = (
    b"\x02",
    b"\x03\r\n",
)  # some readers count what frames the characters on a serial line

_COLORS: Mapping[Color, int] = {
    Color.OFF: 0,
    Color.RED: 1,
    Color.GREEN: 2,
    Color.AMBER: 3,
    Color.BLUE: 4,
}

# Clause 7.12: digits are ASCII, `*` arrives as DELETE and `#` as RETURN. Some keypads send the
# printed characters themselves, which cannot be mistaken for anything else.
_KEYS: Mapping[int, str] = {
    **{ord(digit): digit for digit in "0123456789*#"},
    0x7F: "*",
    0x0D: "#",
}
_BURSTS = "0123456789*#"  # by the number that a Wiegand keypad sends
_BYTE_BITS = 8
KEY_CODES: Mapping[str, int] = {**{digit: ord(digit) for digit in "0123456789"}, "*": 0x7F, "#": 13}

# Table 52 of version 2.2.2: 2 is a shorted line and 3 an open one; earlier versions know 0 and 1.
# Its 4 (a resistance that means nothing) and 5 (not known yet), and values that nobody defined,
# count as cut: no good line sends them.
_INPUT_STATES: Mapping[int, InputState] = {
    0: InputState.INACTIVE,
    1: InputState.ACTIVE,
    2: InputState.SHORTED,
    3: InputState.CUT,
}


class Violation(StrEnum):
    """What a peer must not do. The values are for people to read."""

    UNAUTHENTICATED = "a reply without a valid MAC inside the session"
    UNENCRYPTED = "data that is authenticated but not encrypted"
    OUT_OF_PLACE = "a reply that this command cannot have"
    WRONG_KEY = "its proof of the key is wrong"
    REPEATED_NONCE = "its random number came before: its sessions can be replayed to it"
    MALFORMED = "a reply whose content contradicts itself"
    UNSUPPORTED = "a reply of a kind that is not used here"
    POINT_COUNT = "another number of inputs or outputs than configured"


def check_action(action: Action, config: ReaderConfig) -> None:
    """Raises ValueError, naming the limit, for an action that this reader cannot be told."""
    match action:
        case Pulse():
            _within("output", action.output, 0, config.outputs - 1)
            _within("for_ms", action.for_ms, TICK_MS, TIMER_MS_MAX)
            if action.for_ms % TICK_MS:
                raise ValueError(
                    f"for_ms {action.for_ms}: OSDP times outputs in steps of {TICK_MS} ms"
                )
        case Hold():
            _within("output", action.output, 0, config.outputs - 1)
        case Light():
            _within("reader", action.reader, 0, BYTE_MAX)
            _within("for_ms", action.for_ms, 0, TIMER_MS_MAX)
        case Beep():
            _within("reader", action.reader, 0, BYTE_MAX)
            _within("times", action.times, 1, BYTE_MAX)
        case SendFile():
            _within("length of the file", len(action.content), 1, FILE_BYTES_MAX)
            _within("kind", action.kind, 1, BYTE_MAX)
        case Show():
            _within("reader", action.reader, 0, BYTE_MAX)
            _within("for_ms", action.for_ms, 1, TEXT_SECONDS_MAX * 1_000)
            if not _is_printable(action.text):
                raise ValueError("text: a display shows 1 or more printable ASCII characters")
        case _:
            assert_never(action)


def command_for(action: Action) -> Message:
    """The OSDP command for an action that `check_action` let pass; a file takes many."""
    match action:
        case Pulse():
            control = OutputControl.ON_TIMED if action.on else OutputControl.OFF_TIMED
            return Output(action.output, control, action.for_ms // TICK_MS)
        case Hold():
            control = OutputControl.ON_ABORT_TIMED if action.on else OutputControl.OFF_ABORT_TIMED
            return Output(action.output, control, 0)
        case Light():
            return _led(action)
        case Beep():
            return Buzzer(action.reader, _TONE_DEFAULT, _BEEP_TICKS, _BEEP_TICKS, action.times)
        case Show():
            return _text(action)
        case SendFile():
            raise BrokenAssumptionError("a file is sent piece by piece")
        case _:
            assert_never(action)


def _led(light: Light) -> Led:
    color = _COLORS[light.color]
    on, off = (_BLINK_TICKS, _BLINK_TICKS) if light.blink else (_STEADY_TICKS, 0)
    off_color = _COLORS[Color.OFF] if light.blink else color
    if light.for_ms == 0:
        return Led(
            light.reader,
            0,
            permanent_control=_LED_SET_PERMANENT,
            permanent_on=on,
            permanent_off=off,
            permanent_on_color=color,
            permanent_off_color=off_color,
        )
    return Led(
        light.reader,
        0,
        temporary_control=_LED_SET_TEMPORARY,
        temporary_on=on,
        temporary_off=off,
        temporary_on_color=color,
        temporary_off_color=off_color,
        temporary_timer=-(-light.for_ms // TICK_MS),  # a light may last a little longer
    )


def _text(show: Show) -> Text:
    shown = show.text[:TEXT_COLUMNS].encode("ascii")
    seconds = -(-show.for_ms // 1_000)
    return Text(show.reader, _TEXT_TEMPORARY, seconds, _TEXT_FIRST, _TEXT_FIRST, len(shown), shown)


def _is_printable(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} {value}: this reader takes {low}..{high}")


def identity_text(identity: Identity) -> str:
    """What a reader says of itself, for people."""
    firmware = ".".join(str(part) for part in identity.firmware)
    return (
        f"vendor {identity.vendor.hex()} model {identity.model}.{identity.version} "
        f"serial {identity.serial} firmware {firmware}"
    )


def facts_from(message: Message, config: ReaderConfig, at_ns: int) -> tuple[Fact | Violation, ...]:
    """What an authenticated report of the reader means."""
    if isinstance(message, InputStatus):
        return _inputs(message.states, config, at_ns)
    return (_fact_from(message, config, at_ns),)


def _fact_from(message: Message, config: ReaderConfig, at_ns: int) -> Fact | Violation:
    match message:
        case RawCard():
            return _card(message, config, at_ns)
        case FormattedCard():
            return _code(message, config, at_ns)
        case Keypad():
            return _keys(message, config, at_ns)
        case OutputStatus(states=states):
            if len(states) != config.outputs:
                return Violation.POINT_COUNT
            energised = tuple(bool(state) for state in states)
            return OutputsReported(device=config.name, at_ns=at_ns, states=energised)
        case LocalStatus(tamper=tamper, power=power):
            return TamperReported(
                device=config.name, at_ns=at_ns, tampered=tamper != 0, power_failing=power != 0
            )
        case _:
            return Violation.UNSUPPORTED


def _card(card: RawCard, config: ReaderConfig, at_ns: int) -> Fact | Violation:
    if not 0 < card.bits <= CARD_BITS_MAX or len(card.data) != (card.bits + 7) // 8:
        return Violation.MALFORMED
    unused = -card.bits % 8
    if card.data[-1] & ((1 << unused) - 1):
        return Violation.MALFORMED
    if card.bits == config.key_bits:
        return _burst(card, config, at_ns)
    return CardRead(
        device=config.name, at_ns=at_ns, reader=card.reader, bits=card.bits, data=card.data
    )


def _code(card: FormattedCard, config: ReaderConfig, at_ns: int) -> Fact | Violation:
    """Clause 7.11. The characters stand for themselves: nobody knows which bits they were."""
    if card.count != len(card.characters):
        return Violation.MALFORMED
    characters = card.characters.removeprefix(_STX).rstrip(_TRAIL)
    text = characters.decode("ascii", errors="replace")
    if not _is_printable(text) or len(text) > CODE_CHARACTERS_MAX:
        return Violation.MALFORMED
    if card.direction == _DIRECTION_BACKWARD:
        return BadgeUnread(
            device=config.name, at_ns=at_ns, reader=card.reader, reason=READ_BACKWARDS
        )
    return CodeRead(device=config.name, at_ns=at_ns, reader=card.reader, text=text)


def _burst(card: RawCard, config: ReaderConfig, at_ns: int) -> Fact | Violation:
    """A key as Wiegand has it: 4 bits, or those and before them each of them turned over."""
    code = card.data[0] & 0x0F if card.bits == _BYTE_BITS else card.data[0] >> 4
    whole = card.bits != _BYTE_BITS or card.data[0] >> 4 == ~code & 0x0F
    if not whole or code >= len(_BURSTS):
        return Violation.MALFORMED
    return KeysPressed(device=config.name, at_ns=at_ns, reader=card.reader, keys=_BURSTS[code])


def _keys(keypad: Keypad, config: ReaderConfig, at_ns: int) -> Fact | Violation:
    if not 0 < keypad.count <= KEYS_MAX or len(keypad.keys) != keypad.count:
        return Violation.MALFORMED
    if any(key not in _KEYS for key in keypad.keys):
        # Leaving one out would turn what was typed into another PIN.
        return Violation.MALFORMED
    keys = "".join(_KEYS[key] for key in keypad.keys)
    return KeysPressed(device=config.name, at_ns=at_ns, reader=keypad.reader, keys=keys)


def _inputs(
    states: bytes, config: ReaderConfig, at_ns: int
) -> tuple[InputsReported] | tuple[InputsReported, Violation]:
    """A wrong number of them is reported as well: what is missing must not keep its last state."""
    known = tuple(_INPUT_STATES.get(state, InputState.CUT) for state in states[:POINTS_MAX])
    fact = InputsReported(device=config.name, at_ns=at_ns, states=known)
    if config.inputs <= len(states) <= POINTS_MAX:
        return (fact,)
    return fact, Violation.POINT_COUNT
