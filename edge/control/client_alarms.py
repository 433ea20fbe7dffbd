"""What is asked of the running daemon about alarms, for commands and tests."""

from collections.abc import Iterator

from edge.control.calling import unexpected
from edge.control.client import Client
from edge.control.messages import Heartbeat
from edge.control.messages_alarms import (
    AlarmReply,
    AlarmShown,
    AlarmsReply,
    AlarmStep,
    AnswerAlarm,
    FollowAlarms,
    ReadAlarms,
)


class AlarmClient(Client):
    """As `Client`, for the alarm queue."""

    def alarms(self, *, open_only: bool, begin: int = 0) -> AlarmsReply:
        return self._ask(ReadAlarms(open_only=open_only, begin=begin), AlarmsReply)

    def all_alarms(self, *, open_only: bool) -> tuple[AlarmsReply, tuple[AlarmShown, ...]]:
        """The last reply, and what all pages have. What changes meanwhile may stand there twice."""
        asked = ReadAlarms(open_only=open_only)
        reply, shown = self._ask_all(asked, AlarmsReply, lambda one: (one.alarms, one.total))
        return reply, tuple(shown)

    def answer_alarm(self, alarm: int, step: AlarmStep) -> AlarmReply:
        return self._ask(AnswerAlarm(alarm=alarm, step=step), AlarmReply)

    def follow_alarms(self) -> Iterator[AlarmsReply | Heartbeat]:
        """Without end; nothing else is asked on this connection."""
        self._send(FollowAlarms())
        while True:
            reply = self._receive()
            if not isinstance(reply, AlarmsReply | Heartbeat):
                raise unexpected(reply)
            yield reply
