"""Incidents: what happened, in order, with what people said of it."""

from collections.abc import Sequence
from datetime import tzinfo
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from central.incidents import (
    TEXT_CHARS_MAX,
    AlarmJoined,
    Closed,
    MeasureTaken,
    Noted,
    Opened,
    Step,
)
from central.operator_words import OperatorRight
from central.search import END_US
from central.wall_messages import (
    PLACE_CHARS_MAX,
    AskIncident,
    IncidentNoted,
    IncidentReply,
    IncidentsReply,
    ListIncidents,
    NoteIncident,
)
from central.web.asking import ask, known_sites, operator
from central.web.wall_words import EntryView, day_and_moment, entry_view
from controller.alarm_kinds import rule_of
from edge.web.forms import form_of
from edge.web.pages import Said, Visit
from edge.web.words import Words

NAME_MAX = 64
NUMBER_MAX = 2**53
AT_ONCE = 100

named = operator(OperatorRight.NAMES)


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did with the incident. `more`: lines under it."""

    at: str
    who: str
    text: str
    more: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One place of the timeline: an entry or a step."""

    utc_us: int
    entry: EntryView | None = None
    step: StepView | None = None


@named
async def incidents(visit: Visit) -> Response:
    """Those that are open, or all."""
    asked = visit.request.query_params
    wished = ListIncidents(
        site=asked.get("site", "")[:NAME_MAX], closed=asked.get("closed", "") == "1"
    )
    reply = await ask(visit, wished, IncidentsReply)
    return visit.page(
        "incidents.html",
        sites=await known_sites(visit),
        asked=wished,
        reply=reply,
        time=lambda utc_us: day_and_moment(utc_us, visit.zone),
    )


@named
async def incident(visit: Visit) -> Response:
    """One of them, with its timeline a page at a time. `from`: when the page before ended."""
    asked = visit.request.query_params
    begin = asked.get("from", "")
    wished = AskIncident(
        number=_number(visit.request), after=asked.get("after", "")[:PLACE_CHARS_MAX], count=AT_ONCE
    )
    reply = await ask(visit, wished, IncidentReply)
    steps, further = list(reply.steps), reply.steps_after
    while further:
        rest = msgspec.structs.replace(wished, steps_after=further, count=1)
        more = await ask(visit, rest, IncidentReply)
        steps += more.steps
        further = more.steps_after
    since_us = int(begin) if begin.isdecimal() and len(begin) < 18 else -1
    rows = _rows(reply, steps, since_us, visit)
    return visit.page(
        "incident.html",
        reply=reply,
        rows=rows,
        last_us=rows[-1].utc_us if rows else 0,
        first=not wished.after,
        text_max=TEXT_CHARS_MAX,
        time=lambda utc_us: day_and_moment(utc_us, visit.zone),
    )


def _number(request: Request) -> int:
    number: int = request.path_params["number"]
    if not 1 <= number <= NUMBER_MAX:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return number


def _rows(reply: IncidentReply, steps: Sequence[Step], since_us: int, visit: Visit) -> list[Row]:
    """The entries of this page, and between them the steps of the same time."""
    views = [entry_view(one, visit.words, visit.zone) for one in reply.entries]
    until_us = views[-1].utc_us if reply.after else END_US
    rows = [
        Row(utc_us=step.utc_us, step=step_view(step, visit.words, visit.zone))
        for step in steps
        if since_us < step.utc_us <= until_us
    ]
    rows += [Row(utc_us=view.utc_us, entry=view) for view in views]
    return sorted(rows, key=lambda row: row.utc_us)


def step_view(step: Step, words: Words, zone: tzinfo) -> StepView:
    """What a step says."""
    more: tuple[str, ...] = ()
    match step.what:
        case Opened(title=title):
            text = words("Opened: %(title)s", title=words(title))
        case AlarmJoined(edge=edge, kind=kind):
            text = words(
                "Alarm at %(edge)s: %(title)s", edge=edge, title=words(rule_of(kind).title)
            )
        case Noted(text=said):
            text = words("Note: %(said)s", said=said)
        case MeasureTaken(text=said, test=test):
            text = words("Measure: %(said)s", said=said)
            more = () if test is None else (test.words,)
        case Closed(cause=cause, gaps=gaps):
            text = words("Closed. Cause: %(cause)s", cause=cause)
            more = tuple(words("What was missing: %(gap)s", gap=gap) for gap in gaps)
    return StepView(at=day_and_moment(step.utc_us, zone), who=step.who, text=text, more=more)


@named
async def note(visit: Visit) -> Response:
    """A note under one's own name, for good."""
    form = await form_of(visit.request)
    number = _number(visit.request)
    asked = NoteIncident(number=number, text=form.lines("text", TEXT_CHARS_MAX))
    await ask(visit, asked, IncidentNoted)
    said = Said(text=visit.words("The note is kept."), tone="granted", go=f"/incidents/{number}")
    return visit.said(said)


ROUTES = (
    Route("/incidents", incidents, methods=["GET"]),
    Route("/incidents/{number:int}", incident, methods=["GET"]),
    Route("/incidents/{number:int}", note, methods=["POST"]),
)
