"""Grants, refusals and alarms over time: a plot, and its numbers as a table."""

import time
from typing import Final, NamedTuple

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from central.operator_words import OperatorRight
from central.wall_messages import AskSeries, SeriesReply
from central.web.asking import ask, known_sites, operator
from central.web.search import zone_name
from central.web.wall_words import day_and_moment
from edge.web.pages import Visit
from edge.web.words import marked

NAME_MAX = 64


class Span(NamedTuple):
    """How far back, and how long a step is."""

    word: str
    back_s: int
    step_s: int


SPANS: Final = {
    "hour": Span(marked("the last hour"), 3_600, 60),
    "day": Span(marked("the last 24 hours"), 24 * 3_600, 15 * 60),
    "week": Span(marked("the last 7 days"), 7 * 24 * 3_600, 3_600),
    "month": Span(marked("the last 30 days"), 30 * 24 * 3_600, 6 * 3_600),
    "year": Span(marked("the last 365 days"), 365 * 24 * 3_600, 24 * 3_600),
}
FIRST = "day"

watch = operator(OperatorRight.WATCH)


class PointView(msgspec.Struct, frozen=True, kw_only=True):
    """One step as a row of the table; the plot is drawn of the same rows."""

    begins_s: int
    at: str
    grants: int
    refusals: int
    alarms: int


@watch
async def series(visit: Visit) -> Response:
    """One site's, or of all."""
    asked = visit.request.query_params
    chosen = asked.get("span", FIRST)
    chosen = chosen if chosen in SPANS else FIRST
    span = SPANS[chosen]
    # The last step is the one that goes on now.
    until_s = (int(time.time()) // span.step_s + 1) * span.step_s
    wished = AskSeries(
        site=asked.get("site", "")[:NAME_MAX],
        since_us=(until_s - span.back_s) * 1_000_000,
        until_us=until_s * 1_000_000,
        step_s=span.step_s,
    )
    reply = await ask(visit, wished, SeriesReply)
    return visit.page(
        "series.html",
        sites=await known_sites(visit),
        site=wished.site,
        spans=SPANS,
        chosen=chosen,
        zone=zone_name(visit.zone),
        points=[
            PointView(
                begins_s=one.utc_us // 1_000_000,
                at=day_and_moment(one.utc_us, visit.zone),
                grants=one.grants,
                refusals=one.refusals,
                alarms=one.alarms,
            )
            for one in reply.points
        ],
    )


ROUTES = (Route("/series", series, methods=["GET"]),)
