"""The keys of a mapping of MQTT devices, as `mqtt-devices.md` tells them: table by table."""

from collections.abc import Mapping

import msgspec

from drivers.mqtt_devices.mapping import (
    AnswerEntry,
    AskEntry,
    AvailabilityEntry,
    BadgeEntry,
    CommandEntry,
    Condition,
    InputEntry,
    KeysEntry,
    MappingEntry,
    MessageEntry,
    MisbehaviourEntry,
    OutputEntry,
    TamperEntry,
    TimeEntry,
)

COMMON = {
    "topic": "where it is said",
    "path": "where in the JSON; without it the whole payload is meant",
    "when": "conditions that all have to hold, or the rule says nothing",
    "time": "the device's own time of the message",
}

Told = tuple[str, type[msgspec.Struct], Mapping[str, str]]
"""What the table is called, its struct, and the meaning of each key that is its own."""

TABLES: tuple[Told, ...] = (
    (
        "The mapping",
        MappingEntry,
        {
            "what": "who the device is, for people",
            "silent-after-s": "a device that said nothing for so long is away",
            "availability": "rules for what says that it is there",
            "ask": "a question that it answers",
            "badge": "rules for badges",
            "keys": "rules for keys of a keypad",
            "input": "rules for inputs",
            "output": "rules for how outputs stand",
            "tamper": "rules for its housing",
            "misbehaviour": "rules for what it must not say",
            "refusal": "rules by which it says that it does not do what it was told",
            "alive": "rules for what is a sign of life and nothing more",
            "command": "how its outputs are told",
        },
    ),
    ("Every rule for a message", MessageEntry, COMMON),
    (
        "`when`",
        Condition,
        {
            "path": "what is looked at",
            "is": "what it has to be; without it, anything that is there",
            "is-not": "what it must not be",
        },
    ),
    (
        "`time`",
        TimeEntry,
        {
            "path": "where it stands",
            "form": "how it is written; a `text` can be compared with the same text alone",
            "max-age-s": "the device's clock is right, and what is older or ahead does not act",
        },
    ),
    (
        "`availability`",
        AvailabilityEntry,
        {"online": "what says that it is there", "offline": "what says that it is not"},
    ),
    (
        "`ask`",
        AskEntry,
        {
            "topic": "where it is asked",
            "payload": "what is sent",
            "answer": "the rule for its answer; at its `id` it repeats the `{id}` of the question, "
            "and then no answer to another question counts",
            "every-s": "how often it is asked, beside right before each release",
            "within-s": "a device whose answer takes longer is away",
        },
    ),
    (
        "`badge`",
        BadgeEntry,
        {
            "form": "how it is written",
            "bits": "how many bits a number has",
            "bits-path": "where it says how many",
            "bits-less": "how many of them it has taken away",
        },
    ),
    ("`keys`", KeysEntry, {"form": "how they are written"}),
    (
        "`input`",
        InputEntry,
        {
            "number": "which input, from 0",
            "active": "what says that it is energised: open, asked for, bolted",
            "inactive": "what says the contrary",
            "falls-after-ms": "it says only that it was pressed, and counts as pressed for so long",
        },
    ),
    (
        "`output`",
        OutputEntry,
        {
            "number": "which output, from 0",
            "on": "what says that it is energised, or a lock unlocked",
            "off": "what says the contrary",
        },
    ),
    (
        "`tamper`",
        TamperEntry,
        {"tampered": "what says that it was opened", "closed": "what says the contrary"},
    ),
    ("`misbehaviour`", MisbehaviourEntry, {"says": "what goes on record"}),
    (
        "`command`",
        CommandEntry,
        {
            "number": "which output, from 0",
            "topic": "where it is told",
            "pulse": "energise it for a time",
            "pulse-off": "cut its current for a time",
            "on": "energise it for good; a timer that runs ends",
            "off": "cut its current for good; a timer that runs ends",
            "step-ms": "the steps in which the device counts",
            "ms-max": "the longest time that it can run by itself",
            "relock-ms": "its one fixed time, where none can be told it",
            "confirm-s": "an order that it did not confirm within this is lost",
            "answer": "how it answers an order; without it its `output` says that it obeyed",
        },
    ),
    (
        "`answer`",
        AnswerEntry,
        {
            "topic": "where it answers",
            "id": "where the order's number stands",
            "done": "where something stands if it obeyed",
            "refused": "where something stands if it did not",
        },
    ),
)


def told_elsewhere(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The keys that every rule for a message has."""
    is_rule = issubclass(kind, MessageEntry) and kind is not MessageEntry
    return frozenset(COMMON) if is_rule else frozenset()
