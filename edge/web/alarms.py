"""The alarm queue: what is so, who has seen it, who sees to it, and how it ended."""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from controller.alarm import State
from controller.alarm_kinds import Priority
from controller.events_alarms import AlarmCause
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.control.messages_alarms import (
    Acknowledge,
    AddNote,
    AlarmReply,
    AlarmSaid,
    AlarmShown,
    AlarmsReply,
    AlarmStep,
    AnswerAlarm,
    Assign,
    Close,
    FollowAlarms,
)
from edge.web.forms import Form, form_of
from edge.web.live import BEAT, Told, stream
from edge.web.pages import Said, Visit, clock, signed_in, zone_named
from edge.web.words import Words, marked
from policies.rights import Right

TEXT_CHARS_MAX = 200
SEQ_MAX = 2**53 - 1

STATES: Final = {
    State.RAISED: (marked("not acknowledged"), "alarm"),
    State.CLEARED: (marked("over, not acknowledged"), "denied"),
    State.HAPPENED: (marked("not acknowledged"), "alarm"),
    State.ACKNOWLEDGED: (marked("acknowledged, still so"), "denied"),
    State.IN_HAND: (marked("acknowledged"), "notice"),
    State.CLOSED: (marked("closed"), "granted"),
}

PRIORITIES: Final = {
    Priority.LIFE: (marked("people may be in danger"), "‼"),
    Priority.INTRUSION: (marked("somebody may be coming in"), "!"),
    Priority.BLIND: (marked("a protection does not work"), "◐"),
    Priority.ATTENTION: (marked("somebody should look"), "·"),
}

CAUSES: Final = {
    AlarmCause.DEALT_WITH: marked("dealt with"),
    AlarmCause.FALSE_ALARM: marked("false alarm"),
    AlarmCause.TEST: marked("test"),
    AlarmCause.OTHER: marked("something else: see the note"),
}

watched = signed_in(Right.GATE, Right.CONSOLE, locked=True)
answered = signed_in(Right.GATE, Right.CONSOLE)


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm as the page shows it. `rank`: by which rows are ordered."""

    id: str
    last: str
    rank: str
    title: str
    sign: str
    urgency: str
    about: str
    state: str
    tone: str
    since: str
    acknowledged: str
    assigned: str
    notes: str
    open: bool
    unseen: bool
    drill: bool


@watched
async def alarms(visit: Visit) -> Response:
    """The page; what stands on it comes by the stream."""
    return visit.page("alarms.html", causes=CAUSES)


@watched
async def live(visit: Visit) -> Response:
    return stream(visit.request, FollowAlarms(), drawer(visit.words))


def drawer(words: Words) -> Callable[[Message], Iterable[Told]]:
    """Draws one page's queue: first all of it, then what changes."""

    def draw(message: Message) -> Iterable[Told]:
        if isinstance(message, AlarmsReply):
            zone = zone_named(message.timezone)
            if not message.changes and message.begin == 0:
                yield Told("begin", 0)
            for one in message.alarms:
                yield Told("alarm", alarm_view(one, words, zone))
            yield Told("count", {"open": message.opened, "unseen": message.unseen})
            yield BEAT
        elif isinstance(message, Heartbeat):
            yield BEAT

    return draw


@answered
async def answer(visit: Visit) -> Response:
    """One step with one alarm."""
    form = await form_of(visit.request)
    asked = AnswerAlarm(alarm=form.number("alarm", 1, SEQ_MAX), step=_step(form))
    done = await visit.daemon.ask(asked, AlarmReply)
    if not done.accepted:
        return visit.refused(done.reason, done.remedy)
    return visit.said(Said(text=visit.words("Noted, and on record."), tone="granted"))


def _step(form: Form) -> AlarmStep:
    match form.text("step", 16):
        case "acknowledge":
            # What was looked at: it may have happened again meanwhile.
            last = form.number("last", 1, SEQ_MAX) if form.text("last", 20) else None
            return Acknowledge(reason=form.text("text", TEXT_CHARS_MAX), last=last)
        case "assign":
            return Assign(person=form.text("person", 64))
        case "note":
            return AddNote(text=form.text("text", TEXT_CHARS_MAX))
        case _:
            return Close(cause=form.choice("cause", AlarmCause))


def alarm_view(told: AlarmShown, words: Words, zone: tzinfo) -> AlarmView:
    state, tone = STATES[told.state]
    urgency, sign = PRIORITIES[told.priority]
    since = clock(told.first_utc_us, zone)
    if told.count > 1:
        last = clock(told.last_utc_us, zone)
        since = words(
            "%(first)s, %(count)d times until %(last)s", first=since, count=told.count, last=last
        )
    is_open = told.state is not State.CLOSED
    unseen = told.state in {State.RAISED, State.CLEARED, State.HAPPENED}
    return AlarmView(
        id=str(told.alarm),
        last=str(told.last),
        # Not acknowledged first, then by urgency, then the oldest.
        rank=f"{0 if unseen else 1 if is_open else 2}{int(told.priority)}{told.alarm:016d}",
        title=words(told.title),
        sign=sign,
        urgency=words(urgency),
        about=told.name or told.source,
        state=words(state),
        tone=tone,
        since=since,
        acknowledged=_said(told.acknowledged, zone),
        assigned="" if told.assigned is None else told.assigned.name or told.assigned.person,
        notes="\n".join(_said(one, zone) for one in told.notes),
        open=is_open,
        unseen=unseen,
        drill=told.drill,
    )


def _said(told: AlarmSaid | None, zone: tzinfo) -> str:
    if told is None:
        return ""
    who = f"{clock(told.utc_us, zone)} {told.who}"
    return f"{who}: {told.text}" if told.text else who


ROUTES = (
    Route("/alarms", alarms, methods=["GET"]),
    Route("/alarms/live", live, methods=["GET"]),
    Route("/alarms/answer", answer, methods=["POST"]),
)
