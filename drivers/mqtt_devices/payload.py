"""From a payload to what it says, by a device's rules. Pure; what comes in may be anything.

Nothing of a payload gets into an exception, a log or a record: it may hold a badge or a PIN.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from drivers.badges import Badge, badge_from_number
from drivers.mqtt_devices.mapping import (
    AliveEntry,
    AnswerEntry,
    AskedEntry,
    AvailabilityEntry,
    BadgeEntry,
    BadgeForm,
    Condition,
    InputEntry,
    KeysEntry,
    KeysForm,
    MessageEntry,
    MisbehaviourEntry,
    OutputEntry,
    RefusalEntry,
    Scalar,
    TamperEntry,
    TimeEntry,
    TimeForm,
)
from drivers.mqtt_devices.plan import Plan
from drivers.mqtt_topics import matches

PAYLOAD_BYTES_MAX = 16 * 1024
"""A Shelly's whole status is about 3 KiB, and nothing that is mapped is larger."""

KEYS_MAX = 32
"""As on an OSDP line: more than any PIN."""

BADGE_BYTES_MAX = 32
"""The longest identifier of a card (ISO 14443) has 10 bytes; more than three times that is none."""

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){1,32}\Z")
_SEPARATED = re.compile(r"[0-9A-Fa-f]{2}(?:([-:])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2})*)?\Z")
_DECIMAL = re.compile(r"[0-9]{1,20}\Z")
_KEYS = re.compile(rf"[0-9*#]{{1,{KEYS_MAX}}}\Z")
_KEY_NAMES = "0123456789*#"


class Violation(StrEnum):
    """What a device must not send. The values are for people to read."""

    TOO_LARGE = "a message larger than any of its kind"
    NOT_JSON = "a message that is not the JSON that it has to be"
    WRONG_VALUE = "a message with a value that it cannot have"
    NO_BADGE = "a badge that is none"
    NO_KEYS = "keys that are none"
    KEPT = "a badge, keys or a command's answer that the broker had kept: retained, so not of now"
    STALE = "a message of earlier, or of a clock that is wrong"
    OUT_OF_ORDER = "a message that is older than the one before"
    AWAY = "badges or keys from before it was back"


class BadgeShown(msgspec.Struct, frozen=True):
    badge: Badge


class BadgeMisread(msgspec.Struct, frozen=True):
    """The device has seen a badge and could not read it."""


class KeysTyped(msgspec.Struct, frozen=True):
    keys: str

    def __repr__(self) -> str:
        return "KeysTyped(keys=…)"


class InputRead(msgspec.Struct, frozen=True):
    """`active` None: a value that nobody defined. `falls_after_ms`: it was pressed and that is all
    that is told.
    """

    number: int
    active: bool | None
    falls_after_ms: int | None


class OutputRead(msgspec.Struct, frozen=True):
    number: int
    on: bool


class TamperRead(msgspec.Struct, frozen=True):
    tampered: bool


class Availability(msgspec.Struct, frozen=True):
    topic: str
    online: bool


class Alive(msgspec.Struct, frozen=True):
    """Nothing more than a sign of life."""


class Asked(msgspec.Struct, frozen=True):
    """The answer to a question; `id` is the number that it repeats, where it has to."""

    id: int | None = None


class Refused(msgspec.Struct, frozen=True):
    """The device does not do what it was told."""


class Answered(msgspec.Struct, frozen=True):
    """The answer to the command of this number."""

    id: int
    done: bool


class Misbehaved(msgspec.Struct, frozen=True):
    says: str


Said = (
    BadgeShown
    | BadgeMisread
    | KeysTyped
    | InputRead
    | OutputRead
    | TamperRead
    | Availability
    | Alive
    | Asked
    | Refused
    | Answered
    | Misbehaved
    | Violation
)


class Stamp(msgspec.Struct, frozen=True):
    """The device's own time of a message: `at` in seconds, or counted; None where it gave none."""

    entry: TimeEntry
    at: float | int | str | None


class Reading(msgspec.Struct, frozen=True):
    """`plain`: by a rule that takes the payload as text, whatever it is."""

    said: Said
    stamp: Stamp | None = None
    plain: bool = False


class _Message:
    """A payload, looked at in the ways that rules ask for."""

    def __init__(self, payload: bytes) -> None:
        self.text: str | None = None
        self.json: object = None
        self.is_json = False
        try:
            self.text = payload.decode()
            self.json = msgspec.json.decode(payload)
            self.is_json = True
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            pass  # what every rule makes of it is told by `readings`

    def at(self, path: str) -> object:
        """What stands there; None also where nothing does."""
        value = self.json
        for part in path.split("."):
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 4:
                value = value[int(part)] if int(part) < len(value) else None
            else:
                return None
        return value

    def holds(self, condition: Condition) -> bool:
        value = self.at(condition.path)
        if condition.is_not is not None and is_one_of(value, condition.is_not):
            return False
        return value is not None if condition.is_ is None else is_one_of(value, condition.is_)


def readings(plan: Plan, topic: str, payload: bytes) -> tuple[Reading, ...]:
    """What a message of this topic says of the device; nothing where it is about something else."""
    rules = [rule for rule in plan.rules if matches(rule.topic, topic)]
    answers = [answer for answer in plan.answers if matches(answer.topic, topic)]
    if not payload or not (rules or answers):
        return ()  # an empty one takes back what a broker had kept
    if len(payload) > PAYLOAD_BYTES_MAX:
        return (Reading(Violation.TOO_LARGE),)
    message = _Message(payload)
    found = [*_of_rules(rules, message), *_of_answers(answers, message)]
    # On one topic some versions of a device write JSON and others a word: either may fit.
    sure = [one for one in found if not (one.plain and one.said is Violation.WRONG_VALUE)]
    if not found and not message.is_json:
        return (Reading(Violation.NOT_JSON),)
    return tuple(sure or found[:1])


def is_one_of(value: object, scalars: Iterable[Scalar]) -> bool:
    """By type as well: in JSON true is not 1."""
    return any(type(value) is type(scalar) and value == scalar for scalar in scalars)


def _of_rules(rules: list[MessageEntry], message: _Message) -> Iterator[Reading]:
    for rule in rules:
        if not all(message.holds(condition) for condition in rule.when):
            continue
        value = message.text if rule.path is None else message.at(rule.path)
        if value is None and rule.path is not None:
            continue
        stamp = None if rule.time is None else _stamp(rule.time, message)
        for said in _said(rule, value, message):
            yield Reading(said, stamp, plain=rule.path is None)


def _said(rule: MessageEntry, value: object, message: _Message) -> Iterator[Said]:
    match rule:
        case BadgeEntry():
            yield _badge(rule, value, message)
        case KeysEntry():
            yield _keys(rule.form, value)
        case InputEntry():
            yield from _input(rule, value)
        case OutputEntry(number=number, on=on, off=off):
            energised = _either(value, on, off)
            assert isinstance(number, int), "a plan has numbers"
            yield Violation.WRONG_VALUE if energised is None else OutputRead(number, energised)
        case TamperEntry(tampered=tampered, closed=closed):
            opened = _either(value, tampered, closed)
            yield Violation.WRONG_VALUE if opened is None else TamperRead(opened)
        case AvailabilityEntry(topic=topic, online=yes, offline=no):
            online = _either(value, yes, no)
            yield Violation.WRONG_VALUE if online is None else Availability(topic, online)
        case MisbehaviourEntry(says=says):
            yield Misbehaved(says)
        case AskedEntry(id=None):
            yield Asked()
        case AskedEntry(id=path):
            assert path is not None, "the case before"
            repeated = message.at(path)
            yield Asked(repeated) if type(repeated) is int else Violation.WRONG_VALUE
        case RefusalEntry():
            yield Refused()
        case _:
            assert isinstance(rule, AliveEntry), "every kind of rule is here"
            yield Alive()


def _either(value: object, yes: Iterable[Scalar], no: Iterable[Scalar]) -> bool | None:
    if is_one_of(value, yes):
        return True
    return False if is_one_of(value, no) else None


def _input(rule: InputEntry, value: object) -> Iterator[Said]:
    assert isinstance(rule.number, int), "a plan has numbers"
    active = _either(value, rule.active, rule.inactive)
    if rule.falls_after_ms is None:
        yield InputRead(rule.number, active, None)
        if active is None:
            yield Violation.WRONG_VALUE
    elif active:
        yield InputRead(rule.number, True, rule.falls_after_ms)


def _badge(rule: BadgeEntry, value: object, message: _Message) -> Said:
    if rule.form is BadgeForm.NUMBER:
        return _numbered_badge(rule, value, message)
    pattern = _HEX if rule.form is BadgeForm.HEX else _SEPARATED
    if not isinstance(value, str) or not pattern.match(value):
        return Violation.NO_BADGE
    data = bytes.fromhex(value.replace("-", "").replace(":", ""))
    if len(data) > BADGE_BYTES_MAX:
        return Violation.NO_BADGE
    return BadgeShown(Badge(8 * len(data), data)) if any(data) else BadgeMisread()


def _numbered_badge(rule: BadgeEntry, value: object, message: _Message) -> Said:
    bits = rule.bits if rule.bits_path is None else message.at(rule.bits_path)
    if isinstance(value, str) and _DECIMAL.match(value):
        value = int(value)
    if type(bits) is not int or type(value) is not int or not rule.bits_less < bits <= 64:
        return Violation.NO_BADGE
    if value == 0:
        return BadgeMisread()
    try:
        return BadgeShown(badge_from_number(bits - rule.bits_less, value))
    except ValueError:
        return Violation.NO_BADGE


def _keys(form: KeysForm, value: object) -> Said:
    if form is KeysForm.TEXT and isinstance(value, str) and _KEYS.match(value):
        return KeysTyped(value)
    if form is KeysForm.NUMBER and type(value) is int and 0 <= value < len(_KEY_NAMES):
        return KeysTyped(_KEY_NAMES[value])
    return Violation.NO_KEYS


def _stamp(entry: TimeEntry, message: _Message) -> Stamp:
    value = message.at(entry.path)
    if entry.form is TimeForm.TEXT:
        return Stamp(entry, value if isinstance(value, str) else None)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**53:
        return Stamp(entry, None)
    return Stamp(entry, value / 1000 if entry.form is TimeForm.UNIX_MS else value)


def _of_answers(answers: list[AnswerEntry], message: _Message) -> Iterator[Reading]:
    for answer in answers:
        number = message.at(answer.id)
        if type(number) is not int:
            continue
        if answer.refused is not None and message.at(answer.refused) is not None:
            yield Reading(Answered(number, done=False))
        elif message.at(answer.done) is not None:
            yield Reading(Answered(number, done=True))
