"""What people ask of alarms, judged: recorded, or refused and recorded as that."""

from collections.abc import Callable

from controller.alarm import Signal
from controller.alarm_queue import found, refusal
from controller.events_alarms import (
    AlarmAcknowledged,
    AlarmAnswerRefused,
    AlarmAssigned,
    AlarmClosed,
    AlarmNoted,
    AlarmRefusal,
)
from controller.inputs import Input
from controller.inputs_alarms import (
    AlarmAcknowledgeAsked,
    AlarmAsked,
    AlarmAssignAsked,
    AlarmCloseAsked,
    AlarmNoteAsked,
)
from controller.ledger import commitment
from controller.turn import Turn


def _is_refused(turn: Turn, asked: AlarmAsked, signal: Signal | None) -> bool:
    why = refusal(turn.state.alarms, asked.alarm, signal)
    if why is None and isinstance(asked, AlarmAssignAsked):
        known = turn.directory.holders.get(asked.holder) is not None
        why = None if known else AlarmRefusal.NOBODY
    if why is None and isinstance(asked, AlarmAcknowledgeAsked) and asked.last is not None:
        alarm = found(turn.state.alarms, asked.alarm)
        assert alarm is not None, "what nobody knows is refused above"
        why = None if alarm.last == asked.last else AlarmRefusal.TOLD_AGAIN
    if why is None:
        return False
    turn.record(
        AlarmAnswerRefused(alarm=asked.alarm, why=why, operator=commitment(asked.operator)),
        asked.operator,
    )
    return True


def _on_acknowledge_asked(turn: Turn, asked: AlarmAcknowledgeAsked) -> None:
    if _is_refused(turn, asked, Signal.ACKNOWLEDGED):
        return
    turn.record(
        AlarmAcknowledged(
            alarm=asked.alarm,
            operator=commitment(asked.operator),
            reason=None if asked.reason is None else commitment(asked.reason),
        ),
        asked.operator,
        asked.reason,
    )


def _on_assign_asked(turn: Turn, asked: AlarmAssignAsked) -> None:
    if _is_refused(turn, asked, None):
        return
    turn.record(
        AlarmAssigned(alarm=asked.alarm, operator=commitment(asked.operator), holder=asked.holder),
        asked.operator,
    )


def _on_note_asked(turn: Turn, asked: AlarmNoteAsked) -> None:
    if _is_refused(turn, asked, None):
        return
    turn.record(
        AlarmNoted(
            alarm=asked.alarm,
            operator=commitment(asked.operator),
            text=commitment(asked.text),
        ),
        asked.operator,
        asked.text,
    )


def _on_close_asked(turn: Turn, asked: AlarmCloseAsked) -> None:
    if _is_refused(turn, asked, Signal.CLOSED):
        return
    turn.record(
        AlarmClosed(alarm=asked.alarm, operator=commitment(asked.operator), cause=asked.cause),
        asked.operator,
    )


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    AlarmAcknowledgeAsked: _on_acknowledge_asked,
    AlarmAssignAsked: _on_assign_asked,
    AlarmNoteAsked: _on_note_asked,
    AlarmCloseAsked: _on_close_asked,
}
