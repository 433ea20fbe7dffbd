"""What the control server needs of the daemon where alarms are asked about."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.control.messages_alarms import AlarmReply, AlarmsReply, AnswerAlarm, ReadAlarms
from edge.gate_sight import Guard


class AlarmsAsked(Protocol):
    """As `edge.control.desk.Desk`, for the alarm queue. Whatever is told names nobody whom `guard`
    may not see; alarms themselves are never left out.
    """

    async def read(self, asked: ReadAlarms, guard: Guard) -> AlarmsReply:
        """Some of the queue, the most urgent first."""
        ...

    def follow(self, guard: Guard) -> AsyncGenerator[AlarmsReply, None]:
        """The open ones, and then every change, without end."""
        ...

    async def answer(self, asked: AnswerAlarm, guard: Guard) -> AlarmReply:
        """Let the core judge it, and say what it came to once that is on disk."""
        ...
