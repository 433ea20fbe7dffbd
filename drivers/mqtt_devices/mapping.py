"""How a device's messages are told in TOML: which topic, which place in the payload, what it means.

The mappings that come with Sentrypost (`mappings/*.toml`) are written in the same words as one in a
site file. What they mean together, with one device's names and numbers filled in, is `plan.py`.

Placeholders. Everywhere: `{topic}` and `{name}` (keys of the device), `{n}` and `{n1}` (the number
of the input or output, from 0 and from 1), `{reply}` (a topic of our own, for answers to us alone).
In payloads also `{id}` (a number for each message, which its answer repeats), `{ms}`, `{tenths}`
and `{s}` (how long a pulse lasts), `{until}` (the Unix time after which a device must not act on it
any more).
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from policies.model import Entry

Scalar = str | bool | int
TopicText = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
PathText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""Keys and indices from the top of the JSON, between dots: `params.events.0.event`."""

Values = Annotated[tuple[Scalar, ...], msgspec.Meta(min_length=1, max_length=32)]
Number = Annotated[int, msgspec.Meta(ge=0, le=63)]
Span = Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]
MaxAge = Annotated[int, msgspec.Meta(ge=1, le=3600)]


class Each(StrEnum):
    """A rule for every input or output."""

    EACH = "each"


class Condition(Entry, frozen=True, kw_only=True):
    """What stands at `path` is one of `is`, and none of `is-not`."""

    path: PathText
    is_: Values | None = msgspec.field(name="is", default=None)
    is_not: Values | None = None


class TimeForm(StrEnum):
    """How a device says when, or in which order. `text` cannot be compared, only be the same."""

    UNIX = "unix"
    UNIX_MS = "unix-ms"
    COUNTER = "counter"
    TEXT = "text"


class TimeEntry(Entry, frozen=True, kw_only=True):
    """The device's own time in a message. With `max-age-s` its clock is trusted: what is older, or
    ahead by as much, or without a time, is not acted on.
    """

    path: PathText
    form: TimeForm
    max_age_s: MaxAge | None = None


class MessageEntry(Entry, frozen=True, kw_only=True):
    """What all rules for messages share. Without `path` it is the whole payload, as text."""

    topic: TopicText
    path: PathText | None = None
    when: tuple[Condition, ...] = ()
    time: TimeEntry | None = None


class BadgeForm(StrEnum):
    HEX = "hex"  # two digits a byte
    HEX_SEPARATED = "hex-separated"  # with - or : between the bytes
    NUMBER = "number"  # decimal, as a JSON number or as text


class BadgeEntry(MessageEntry, frozen=True, kw_only=True):
    """A badge. A number has `bits` bits, or as many as stand at `bits-path`, less `bits-less` that
    the device has taken away (parity). Zero is what readers say of a badge that they misread.
    """

    form: BadgeForm
    bits: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    bits_path: PathText | None = None
    bits_less: Annotated[int, msgspec.Meta(ge=0, le=8)] = 0


class KeysForm(StrEnum):
    TEXT = "text"  # digits, * and #
    NUMBER = "number"  # one key: 0 to 9, 10 is *, 11 is #


class KeysEntry(MessageEntry, frozen=True, kw_only=True):
    form: KeysForm


class InputEntry(MessageEntry, frozen=True, kw_only=True):
    """An input. What is neither `active` nor `inactive` counts as a cut line. A button that says
    only that it was pressed has `falls-after-ms`, and is active for so long.
    """

    number: Number | Each
    active: Values
    inactive: tuple[Scalar, ...] = ()
    falls_after_ms: Annotated[int, msgspec.Meta(ge=100, le=10_000)] | None = None


class OutputEntry(MessageEntry, frozen=True, kw_only=True):
    """The state of an output, or of a lock: `on` is energised, or unlocked."""

    number: Number | Each
    on: Values
    off: Values


class TamperEntry(MessageEntry, frozen=True, kw_only=True):
    tampered: Values
    closed: tuple[Scalar, ...] = ()


class MisbehaviourEntry(MessageEntry, frozen=True, kw_only=True):
    """A message that a device must not send here; `says` is for people to read."""

    says: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class AvailabilityEntry(MessageEntry, frozen=True, kw_only=True):
    """Every topic that is named here must have said `online`, as last word."""

    online: Values
    offline: Values


class RefusalEntry(MessageEntry, frozen=True, kw_only=True):
    """The device says that it does not do what it was told, without a number."""


class AliveEntry(MessageEntry, frozen=True, kw_only=True):
    """A sign of life and nothing more; every other message of the device is one as well."""


class AskedEntry(MessageEntry, frozen=True, kw_only=True):
    """The answer to a question. At `id` it repeats the question's number, where the device does."""

    id: PathText | None = None


class AskEntry(Entry, frozen=True, kw_only=True):
    """A question that the device answers at once. It is asked when it is to prove that it is there,
    every `every-s`, and right before a lock is released.
    """

    topic: TopicText
    payload: str
    answer: AskedEntry
    every_s: Annotated[int, msgspec.Meta(ge=2, le=3600)] = 10
    within_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5


class AnswerEntry(Entry, frozen=True, kw_only=True):
    """What answers a command by its number, at `id`: something at `done`, or at `refused`."""

    topic: TopicText
    id: PathText
    done: PathText
    refused: PathText | None = None


class CommandEntry(Entry, frozen=True, kw_only=True):
    """How an output is told. `pulse` energises it, `pulse-off` cuts its current, each for the time
    that its payload names, in steps of `step-ms` up to `ms-max`; or always for `relock-ms`, if the
    device has one fixed time. `on` and `off` are for good and end a pulse.
    """

    number: Number | Each
    topic: TopicText
    pulse: str
    on: str
    off: str
    pulse_off: str | None = None
    step_ms: Span | None = None
    ms_max: Span | None = None
    relock_ms: Span | None = None
    confirm_s: Annotated[int, msgspec.Meta(ge=1, le=30)] = 2
    answer: AnswerEntry | None = None


class MappingEntry(Entry, frozen=True, kw_only=True):
    """One kind of device. `what` is for people; it stands in the journal as who the device is."""

    what: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    silent_after_s: Annotated[int, msgspec.Meta(ge=2, le=86_400)] | None = None
    availability: tuple[AvailabilityEntry, ...] = ()
    ask: AskEntry | None = None
    badge: tuple[BadgeEntry, ...] = ()
    keys: tuple[KeysEntry, ...] = ()
    input: tuple[InputEntry, ...] = ()
    output: tuple[OutputEntry, ...] = ()
    tamper: tuple[TamperEntry, ...] = ()
    misbehaviour: tuple[MisbehaviourEntry, ...] = ()
    refusal: tuple[RefusalEntry, ...] = ()
    alive: tuple[AliveEntry, ...] = ()
    command: tuple[CommandEntry, ...] = ()


@cache
def ready_mappings() -> Mapping[str, MappingEntry]:
    """Those that come with Sentrypost, by name."""
    folder = files("drivers.mqtt_devices") / "mappings"
    return {
        file.name.removesuffix(".toml"): msgspec.toml.decode(file.read_bytes(), type=MappingEntry)
        for file in sorted(folder.iterdir(), key=lambda one: one.name)
        if file.name.endswith(".toml")
    }
