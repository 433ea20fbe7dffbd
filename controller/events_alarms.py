"""Events of what people do with alarms. Which entry is an alarm, and what becomes of it while
nobody does anything, follows from the entries themselves: `controller.alarm_queue`.
"""

from enum import StrEnum

from controller.body import Body, Seq
from controller.ids import HolderId
from controller.ledger import Commitment


class AlarmCause(StrEnum):
    """What an alarm turned out to be, by whoever closed it."""

    DEALT_WITH = "dealt-with"
    FALSE_ALARM = "false-alarm"
    TEST = "test"
    OTHER = "other"  # a note says what


class AlarmRefusal(StrEnum):
    """Why something that was asked of an alarm was not done."""

    UNKNOWN = "unknown"  # no such alarm, or it is closed for so long that it is kept no more
    CLOSED = "closed"
    ALREADY = "already"  # somebody has acknowledged it before
    TOLD_AGAIN = "told-again"  # since whoever acknowledges it looked
    NOT_ACKNOWLEDGED = "not-acknowledged"
    STILL_SO = "still-so"  # it closes by itself, as soon as it is over
    NOBODY = "nobody"  # who is meant is not on file


class AlarmAnswer(Body, frozen=True, kw_only=True):
    """What somebody did about the alarm that entry `alarm` raised."""

    alarm: Seq
    operator: Commitment


class AlarmAcknowledged(AlarmAnswer, frozen=True, kw_only=True):
    """Somebody has seen the alarm. `reason`: what he said to it, where he said something."""

    reason: Commitment | None = None


class AlarmAssigned(AlarmAnswer, frozen=True, kw_only=True):
    """Somebody on file sees to the alarm from here on: `holder`."""

    holder: HolderId


class AlarmNoted(AlarmAnswer, frozen=True, kw_only=True):
    """Somebody has written something down about the alarm."""

    text: Commitment


class AlarmClosed(AlarmAnswer, frozen=True, kw_only=True):
    """Somebody says that the alarm is done with, and what it was."""

    cause: AlarmCause


class AlarmAnswerRefused(Body, frozen=True, kw_only=True):
    """Something was asked of an alarm and not done; nothing changed by it."""

    alarm: Seq
    why: AlarmRefusal
    operator: Commitment
