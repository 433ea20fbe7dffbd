"""Visitors and deliveries at the gate."""

from datetime import datetime, timedelta, tzinfo
from http import HTTPStatus
from typing import Any

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from controller.events_visits import Given, Goods, WordOf
from edge.control.messages_gate import AskPlan, PlanReply
from edge.control.messages_visitors import (
    Brought,
    CancelVisit,
    CorrectPresence,
    DeliveriesReply,
    DeliveryReply,
    ExpectVisitor,
    ExtendVisit,
    GiveVisitorCode,
    HandOverDelivery,
    NewVisitor,
    ReadDeliveries,
    ReadVisits,
    RefuseDelivery,
    SignInVisitor,
    SignOutVisitor,
    TakeDelivery,
    VisitorReply,
    VisitorRequest,
    VisitShown,
    VisitsReply,
)
from edge.control.messages_visits import VisitReply
from edge.documents import Document
from edge.web.forms import Form, form_of
from edge.web.gate import choices
from edge.web.pages import Said, Visit, day_and_clock, signed_in
from edge.web.visit_words import DELIVERIES, DOCUMENTS, ENDS, GIVEN, GOODS, STATES
from policies.rights import Right

CHARS_MAX = 200

guarded = signed_in(Right.GATE)

behind = signed_in(Right.GATE, background=True)
"""What a page asks for by itself: it keeps no screen from being locked."""


@guarded
async def visitors(visit: Visit) -> Response:
    """Who is expected, who is here, and who should have left."""
    return visit.page("visitors.html", **await _visits(visit))


@behind
async def visitors_now(visit: Visit) -> Response:
    """The same list, as the page asks by itself."""
    if not visit.in_place:
        return RedirectResponse("/visitors", HTTPStatus.SEE_OTHER)
    return visit.piece("visitors-list.html", **await _visits(visit))


async def _visits(visit: Visit) -> dict[str, Any]:
    reply, found = await visit.daemon.ask_all(
        ReadVisits(), VisitsReply, lambda one: (one.visits, one.total)
    )
    zone = visit.zone
    return {
        "visits": found,
        "states": STATES,
        "ends": ENDS,
        "given": GIVEN,
        "documents": DOCUMENTS,
        "trusted": reply.clock_trusted,
        "time": lambda second: day_and_clock(second * 1_000_000, zone),
        "until": _typed(reply.utc_s + 4 * 3600, zone),
    }


@guarded
async def expect(visit: Visit) -> Response:
    """Somebody is to come."""
    form = await form_of(visit.request)
    known = form.text("person", 64)
    visitor = known or NewVisitor(name=form.text("name", CHARS_MAX), role=form.text("role", 64))
    asked = ExpectVisitor(
        visitor=visitor,
        host=form.text("host", 64),
        purpose=form.text("purpose", CHARS_MAX),
        organisation=form.text("organisation", 100),
        from_s=form.second("from", visit.zone) if form.text("from", 20) else None,
        until_s=form.second("until", visit.zone),
    )
    return await _asked(visit, asked)


@guarded
async def arrive(visit: Visit) -> Response:
    """A guard has seen a document; what is given is printed."""
    form = await form_of(visit.request)
    asked = SignInVisitor(
        visit=form.text("visit", 64),
        document=form.choice("document", Document),
        country=form.text("country", 3).upper(),
        given=form.choice("given", Given),
        badge=form.text("badge", 128),
    )
    return await _asked(visit, asked)


@guarded
async def code(visit: Visit) -> Response:
    """Another code, in the place of the one before."""
    form = await form_of(visit.request)
    return await _asked(visit, GiveVisitorCode(visit=form.text("visit", 64)))


@guarded
async def leave(visit: Visit) -> Response:
    form = await form_of(visit.request)
    return await _asked(visit, SignOutVisitor(visit=form.text("visit", 64)))


@guarded
async def extend(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = ExtendVisit(
        visit=form.text("visit", 64),
        until_s=form.second("until", visit.zone),
        word=form.choice("word", WordOf),
    )
    return await _asked(visit, asked)


@guarded
async def cancel(visit: Visit) -> Response:
    form = await form_of(visit.request)
    return await _asked(visit, CancelVisit(visit=form.text("visit", 64)))


@guarded
async def correct(visit: Visit) -> Response:
    """Somebody is, or is not, where the doors say."""
    form = await form_of(visit.request)
    asked = CorrectPresence(
        person=form.text("person", 64),
        where=form.text("where", 64),
        inside=form.text("inside", 4) == "yes",
        reason=form.text("reason", CHARS_MAX),
    )
    done = await visit.daemon.ask(asked, VisitReply)
    if not done.accepted:
        return visit.refused(done.reason, done.remedy)
    return visit.said(Said(text=visit.words(done.reason), tone="granted"))


@guarded
async def deliveries(visit: Visit) -> Response:
    """What was brought, and where it is."""
    return visit.page("deliveries.html", **await _deliveries(visit))


@behind
async def deliveries_now(visit: Visit) -> Response:
    """The same list, as the page asks by itself."""
    if not visit.in_place:
        return RedirectResponse("/deliveries", HTTPStatus.SEE_OTHER)
    return visit.piece("deliveries-list.html", **await _deliveries(visit))


async def _deliveries(visit: Visit) -> dict[str, Any]:
    _, found = await visit.daemon.ask_all(
        ReadDeliveries(), DeliveriesReply, lambda one: (one.deliveries, one.total)
    )
    zone = visit.zone
    return {
        "deliveries": found,
        "states": DELIVERIES,
        "goods": GOODS,
        "portals": choices(await visit.daemon.ask(AskPlan(), PlanReply)),
        "time": lambda second: day_and_clock(second * 1_000_000, zone),
    }


@guarded
async def take(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = TakeDelivery(
        brought=_brought(form),
        place=form.text("place", 64),
        receiver=form.text("receiver", 64),
        bearer=form.text("bearer", 64),
    )
    return await _delivered(visit, await visit.daemon.ask(asked, DeliveryReply))


@guarded
async def turn_away(visit: Visit) -> Response:
    """Not taken at all."""
    form = await form_of(visit.request)
    asked = RefuseDelivery(delivery=_brought(form), reason=form.text("reason", CHARS_MAX))
    return await _delivered(visit, await visit.daemon.ask(asked, DeliveryReply))


@guarded
async def hand_over(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = HandOverDelivery(delivery=form.text("delivery", 64), receiver=form.text("receiver", 64))
    return await _delivered(visit, await visit.daemon.ask(asked, DeliveryReply))


@guarded
async def give_back(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = RefuseDelivery(
        delivery=form.text("delivery", 64), reason=form.text("reason", CHARS_MAX)
    )
    return await _delivered(visit, await visit.daemon.ask(asked, DeliveryReply))


async def _asked(visit: Visit, request: VisitorRequest) -> Response:
    done = await visit.daemon.ask(request, VisitorReply)
    if not done.accepted:
        return visit.refused(done.reason, done.remedy)
    if done.code and done.shown is not None:
        return _badge(visit, done, done.shown)
    text = visit.words(done.reason)
    if done.lack:
        text += f" {visit.words(done.lack)}. {visit.words(done.remedy)}"
    said = Said(text=text, tone="denied" if done.lack else "granted", go="/visitors")
    if visit.in_place:
        return visit.piece("visitors-list.html", said, **await _visits(visit))
    return visit.said(said)


def _badge(visit: Visit, done: VisitorReply, shown: VisitShown) -> Response:
    """What is printed. The code stands on this page alone, and is kept nowhere."""
    # Segno is imported where a badge is printed, not by each page.
    import segno

    drawn = segno.make(done.code, error="m", micro=False).svg_inline(
        scale=6, light="#fff", dark="#000", border=4
    )
    zone = visit.zone
    return visit.page(
        "badge.html",
        shown=shown,
        drawn=Markup(drawn),  # drawn by the library from a code of ours
        lack=done.lack,
        time=lambda second: day_and_clock(second * 1_000_000, zone),
    )


async def _delivered(visit: Visit, done: DeliveryReply) -> Response:
    if not done.accepted:
        return visit.refused(done.reason, done.remedy)
    text = visit.words(done.reason)
    if done.granted is False:
        text += " " + "; ".join(visit.words(reason) for _, reason in done.reasons)
    tone = "denied" if done.granted is False else "granted"
    said = Said(text=text, tone=tone, go="/deliveries")
    if visit.in_place:
        return visit.piece("deliveries-list.html", said, **await _deliveries(visit))
    return visit.said(said)


def _brought(form: Form) -> Brought:
    return Brought(
        goods=form.choice("goods", Goods),
        portal=form.text("portal", 64),
        company=form.text("company", 100),
        vehicle=form.text("vehicle", 32),
        contents=form.text("contents", CHARS_MAX),
        recipient=form.text("recipient", 64),
    )


def _typed(second: int, zone: tzinfo) -> str:
    moment = datetime.fromtimestamp(second, zone) + timedelta(minutes=30)
    return moment.strftime("%Y-%m-%dT%H:00")


ROUTES = (
    Route("/visitors", visitors, methods=["GET"]),
    Route("/visitors/list", visitors_now, methods=["GET"]),
    Route("/visitors/expect", expect, methods=["POST"]),
    Route("/visitors/arrive", arrive, methods=["POST"]),
    Route("/visitors/code", code, methods=["POST"]),
    Route("/visitors/leave", leave, methods=["POST"]),
    Route("/visitors/extend", extend, methods=["POST"]),
    Route("/visitors/cancel", cancel, methods=["POST"]),
    Route("/visitors/correct", correct, methods=["POST"]),
    Route("/deliveries", deliveries, methods=["GET"]),
    Route("/deliveries/list", deliveries_now, methods=["GET"]),
    Route("/deliveries/take", take, methods=["POST"]),
    Route("/deliveries/turn-away", turn_away, methods=["POST"]),
    Route("/deliveries/hand-over", hand_over, methods=["POST"]),
    Route("/deliveries/give-back", give_back, methods=["POST"]),
)
