"""Answers what is asked about alarms once, on whichever socket it is."""

from edge.control.desk_alarms import AlarmsAsked
from edge.control.message import Message
from edge.control.messages_alarms import AnswerAlarm, ReadAlarms
from edge.gate_sight import Guard


async def answer(alarms: AlarmsAsked, asked: ReadAlarms | AnswerAlarm, guard: Guard) -> Message:
    """The reply."""
    if isinstance(asked, ReadAlarms):
        return await alarms.read(asked, guard)
    return await alarms.answer(asked, guard)
