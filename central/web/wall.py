"""The wall itself: edges with their health, alarms across sites, and what was stored just now."""

from collections.abc import Callable, Iterable
from http import HTTPStatus

import msgspec
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from central.control_messages import AlarmAcknowledged
from central.operator_words import OperatorRight
from central.wall_messages import (
    AcknowledgeAt,
    AskWall,
    FollowWall,
    WallAbout,
    WallAlarms,
    WallEdges,
)
from central.web.asking import ask, operator
from central.web.entries import filters_of
from central.web.wall_words import alarm_view, edge_view
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.web.forms import form_of
from edge.web.live import BEAT, Told, stream
from edge.web.pages import Said, Visit, signed_in, zone_named
from edge.web.words import Words
from edge.wire import SetOutcome

NAME_MAX = 64
REASON_MAX = 200
SEQ_MAX = 2**53 - 1

watch = operator(OperatorRight.WATCH)
watched = operator(OperatorRight.WATCH, locked=True)

HOME = {
    OperatorRight.NAMES: "/search",
    OperatorRight.OPERATORS: "/operators",
}
"""Where somebody begins who may not watch."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Of all that is followed, whether it is drawn or not."""

    on_wire: bool
    known: int
    connected: int


@signed_in(locked=True)
async def wall(visit: Visit) -> Response:
    """The page; what stands on it comes by the streams."""
    rights = visit.session.rights
    if OperatorRight.WATCH not in rights:
        home = [address for right, address in HOME.items() if right in rights]
        return RedirectResponse(home[0] if home else "/own", HTTPStatus.SEE_OTHER)
    about = await visit.daemon.ask(AskWall(), WallAbout)
    site = visit.request.query_params.get("site", "")[:NAME_MAX]
    return visit.page("wall.html", about=about, filters=filters_of(visit.request), site=site)


@watched
async def live(visit: Visit) -> Response:
    """Edges and alarms, of one site, of one edge, or of all."""
    asked = visit.request.query_params
    following = FollowWall(site=asked.get("site", "")[:NAME_MAX])
    timezone = visit.session.timezone
    return stream(
        visit.request, following, drawer(visit.words, timezone, asked.get("edge", "")[:NAME_MAX])
    )


def drawer(words: Words, timezone: str, edge: str) -> Callable[[Message], Iterable[Told]]:
    """Draws one page's stream: first all of it, then what changes. `edge`: of it alone."""
    zone = zone_named(timezone)
    begun: list[bool] = []

    def draw(message: Message) -> Iterable[Told]:
        if not begun:
            begun.append(True)
            yield Told("begin", 0)
        if isinstance(message, WallEdges):
            yield Told(
                "edges",
                {
                    "edges": [
                        edge_view(one, words, zone)
                        for one in message.edges
                        if edge in {"", one.edge}
                    ],
                    "gone": [f"{one.site}/{one.edge}" for one in message.gone],
                    "counted": Counted(
                        on_wire=message.on_wire,
                        known=message.edges_known,
                        connected=message.edges_connected,
                    ),
                    "final": message.final,
                },
            )
        elif isinstance(message, WallAlarms):
            yield Told(
                "alarms",
                {
                    "alarms": [
                        alarm_view(one, words, zone)
                        for one in message.alarms
                        if edge in {"", one.edge}
                    ],
                    "gone": [f"{one.site}/{one.edge}/{one.alarm}" for one in message.gone],
                    "total": message.total,
                    "final": message.final,
                },
            )
        if isinstance(message, WallEdges | WallAlarms | Heartbeat):
            yield BEAT

    return draw


@operator(OperatorRight.ALARMS)
async def acknowledge(visit: Visit) -> Response:
    """Somebody has seen an alarm; the edge's journal has it when this answers."""
    form = await form_of(visit.request)
    asked = AcknowledgeAt(
        site=form.text("site", NAME_MAX),
        edge=form.text("edge", NAME_MAX),
        alarm=form.number("alarm", 1, SEQ_MAX),
        last=form.number("last", 1, SEQ_MAX),
        reason=form.text("reason", REASON_MAX),
    )
    done = await ask(visit, asked, AlarmAcknowledged)
    match done.outcome:
        case SetOutcome.APPLIED | SetOutcome.ALREADY:
            said = visit.words(
                "Acknowledged: it stands in the journal of %(edge)s.", edge=asked.edge
            )
        case SetOutcome.UNRECORDED:
            said = visit.words("Acknowledged; %(edge)s cannot write its journal.", edge=asked.edge)
        case _:
            return visit.refused(done.reason, done.remedy)
    return visit.said(Said(text=said, tone="granted"))


@watch
async def one_edge(visit: Visit) -> Response:
    """One edge, with all that central knows of it."""
    place = visit.request.path_params
    about = await visit.daemon.ask(AskWall(), WallAbout)
    return visit.page(
        "edge.html", about=about, site=place["site"][:NAME_MAX], edge=place["edge"][:NAME_MAX]
    )


ROUTES = (
    Route("/", wall, methods=["GET"]),
    Route("/live", live, methods=["GET"]),
    Route("/acknowledge", acknowledge, methods=["POST"]),
    Route("/edges/{site:str}/{edge:str}", one_edge, methods=["GET"]),
)
