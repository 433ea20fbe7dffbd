"""What entries about alarms say, in words. What was written down about one is never among them."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_alarms as ea
from controller.body import Body
from controller.events_alarms import AlarmRefusal
from edge.tone import Names, Said, Tone, operator

REFUSALS = {
    AlarmRefusal.UNKNOWN: "no such alarm is kept",
    AlarmRefusal.CLOSED: "it is closed",
    AlarmRefusal.ALREADY: "somebody has acknowledged it",
    AlarmRefusal.TOLD_AGAIN: "it was told again since",
    AlarmRefusal.NOT_ACKNOWLEDGED: "nobody has acknowledged it",
    AlarmRefusal.STILL_SO: "it is still so",
    AlarmRefusal.NOBODY: "who is meant is not on file",
}


def _by(text: str) -> Callable[[Any, Names], Said]:
    return lambda body, names: (
        Tone.NOTICE,
        f"alarm {body.alarm} {text.format(body=body, by=operator(names))}",
    )


def _refused(body: ea.AlarmAnswerRefused, names: Names) -> Said:
    why = REFUSALS[body.why]
    return Tone.NOTICE, f"alarm {body.alarm} stays as it is for {operator(names)}: {why}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    ea.AlarmAcknowledged: _by("is acknowledged by {by}"),
    ea.AlarmAssigned: _by("is for {body.holder}: {by} says so"),
    ea.AlarmNoted: _by("has a note by {by}"),
    ea.AlarmClosed: _by("is closed by {by}: {body.cause}"),
    ea.AlarmAnswerRefused: _refused,
}
