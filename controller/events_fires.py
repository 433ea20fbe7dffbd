"""Events about fire inputs. While all is well an input's line is closed; anything else is fire."""

from enum import StrEnum

import msgspec

from controller.body import Body, Name, Text
from controller.ledger import Commitment
from controller.moment import Micros


class FireLine(StrEnum):
    """A fire input is closed while all is well: everything else counts as fire."""

    UNKNOWN = "unknown"
    NORMAL = "normal"
    ALARM = "alarm"
    CUT = "cut"
    SHORTED = "shorted"
    GONE = "gone"


class Fire(msgspec.Struct, frozen=True, kw_only=True):
    """One fire input. `heard`: its line was read since the start. `deadline_us`: when not hearing
    from it becomes fire.
    """

    line: FireLine = FireLine.UNKNOWN
    latched: bool = False
    heard: bool = False
    deadline_us: Micros | None = None


class FireChange(Body, frozen=True, kw_only=True):
    """What a fire input is after this event, whole."""

    fire: Name
    after: Fire


class FireLineRead(FireChange, frozen=True, kw_only=True):
    """The input's line says something new."""


class FireLatched(FireChange, frozen=True, kw_only=True):
    """Fire: egress is released until the input is normal and a named person resets it."""

    reason: Text


class FireReset(FireChange, frozen=True, kw_only=True):
    """A named person reset the latch."""

    operator: Commitment


class FireResetRefused(Body, frozen=True, kw_only=True):
    fire: Text
    operator: Commitment
    reason: Text
