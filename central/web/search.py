"""Questions to the archive. A search comes as a form: a person's name stands in no address."""

from datetime import datetime, timedelta, tzinfo
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from central.operator_words import OperatorRight
from central.search import END_US, By
from central.wall_messages import (
    PLACE_CHARS_MAX,
    AskCounts,
    CountsReply,
    Search,
    SearchReply,
)
from central.web.asking import ask, known_sites, operator
from central.web.entries import kinds
from central.web.wall_words import entry_view
from controller.ledger import PERSONAL_CHARS_MAX
from edge.web.forms import Form, FormError, form_of
from edge.web.pages import Visit
from edge.web.words import Words, marked
from policies.codes import TEXTS, Code

NAME_MAX = 64
AT_ONCE = 50

BYS: Final = {
    By.DAY: marked("by day"),
    By.PORTAL: marked("by portal"),
    By.KIND: marked("by kind"),
    By.CODE: marked("by reason"),
}

named = operator(OperatorRight.NAMES)
watch = operator(OperatorRight.WATCH)


@named
async def search(visit: Visit) -> Response:
    """The form, with what an address has set beforehand."""
    asked = visit.request.query_params
    preset = {name: asked.get(name, "")[:NAME_MAX] for name in ("site", "edge", "portal", "kind")}
    return await _page(visit, preset, None)


@named
async def found(visit: Visit) -> Response:
    """The form once more, with what it found."""
    form = await form_of(visit.request)
    asked = Search(
        site=form.text("site", NAME_MAX),
        edge=form.text("edge", NAME_MAX),
        person=form.text("person", PERSONAL_CHARS_MAX),
        portal=form.text("portal", NAME_MAX),
        kind=form.text("kind", NAME_MAX),
        code=form.number("code", 0, 2**31) if form.text("code", 10) else None,
        since_us=moment_of(form, "since", visit.zone) or 0,
        until_us=moment_of(form, "until", visit.zone, ends=True) or END_US,
        before=form.text("before", PLACE_CHARS_MAX),
        count=AT_ONCE,
    )
    reply = await ask(visit, asked, SearchReply)
    names = ("site", "edge", "person", "portal", "kind", "code", "since", "until")
    return await _page(visit, {name: form.text(name, PERSONAL_CHARS_MAX) for name in names}, reply)


async def _page(visit: Visit, preset: dict[str, str], reply: SearchReply | None) -> Response:
    shown = () if reply is None else reply.entries
    return visit.page(
        "search.html",
        sites=await known_sites(visit),
        asked=preset,
        reply=reply,
        entries=[entry_view(one, visit.words, visit.zone) for one in shown],
        kinds=kinds(),
        codes=_codes(visit.words),
        zone=zone_name(visit.zone),
    )


@watch
async def counts(visit: Visit) -> Response:
    """How many entries there are, by what is asked."""
    asked = visit.request.query_params
    by = By(asked["by"]) if asked.get("by") in set(By) else By.DAY
    wished = AskCounts(
        by=by, site=asked.get("site", "")[:NAME_MAX], edge=asked.get("edge", "")[:NAME_MAX]
    )
    reply = await ask(visit, wished, CountsReply)
    return visit.page(
        "counts.html",
        sites=await known_sites(visit),
        asked=wished,
        bys=BYS,
        reply=reply,
        codes=dict(_codes(visit.words)) if by is By.CODE else {},
    )


def _codes(words: Words) -> list[tuple[str, str]]:
    return [(str(int(code)), words(TEXTS[code])) for code in Code]


def zone_name(zone: tzinfo) -> str:
    """As people know it: Europe/Vienna."""
    return str(zone)


def moment_of(form: Form, name: str, zone: tzinfo, *, ends: bool = False) -> int | None:
    """What a field for a day, or a day and a time, says, in microseconds; None: nothing.
    `ends`: of a day alone its end. Raises FormError.
    """
    text = form.text(name, 32)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FormError(f"{name} is no time: 2026-11-22 or 2026-11-22 09:00") from None
    if ends and len(text) == len("2026-11-22"):
        moment += timedelta(days=1)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    try:
        utc_us = int(moment.timestamp() * 1_000_000)
    except (OverflowError, ValueError):
        utc_us = -1
    if not 0 <= utc_us < END_US:
        raise FormError(f"{name} lies outside all times that are kept")
    return utc_us


ROUTES = (
    Route("/search", search, methods=["GET"]),
    Route("/search", found, methods=["POST"]),
    Route("/counts", counts, methods=["GET"]),
)
