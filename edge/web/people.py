"""Who is on file, with badges, and who signs in: administration, by plain forms. Where a browser
runs scripts, htmx sends the same forms and puts the piece of the page that has changed in place.
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge.control.message import Message
from edge.control.messages import ImportPeopleReply
from edge.control.messages_pages import (
    CodeMade,
    EndSession,
    Invite,
    MakeTerminalCode,
    ReadSignIns,
    RemoveSignIn,
    RemoveTerminal,
    SignInChanged,
    SignInsReply,
)
from edge.control.messages_people import (
    BadgeEnd,
    BadgeReply,
    ChangeBadge,
    EnrolBadge,
    FindPeople,
    PeopleReply,
    PutPerson,
    ShowPerson,
    ShowPersonReply,
)
from edge.web.forms import form_of
from edge.web.pages import Said, Visit, day_and_clock, signed_in
from edge.web.words import marked
from policies.facts import CredentialStatus
from policies.rights import Right

AT_ONCE = 100
"""People of one page."""

CELL_MAX = 200

STATUSES = tuple(str(status) for status in CredentialStatus)

admin = signed_in(Right.PEOPLE)


@admin
async def people(visit: Visit) -> Response:
    """A search, and what it finds."""
    asked = visit.request.query_params
    begin = asked.get("begin", "0")
    wished = FindPeople(
        search=asked.get("search", "")[:100],
        role=asked.get("role", "")[:64],
        begin=int(begin) if begin.isdecimal() and len(begin) < 9 else 0,
        limit=AT_ONCE,
    )
    found = await visit.daemon.ask(wished, PeopleReply)
    return visit.page(
        "people.html",
        found=found,
        asked=wished,
        following=wished.begin + len(found.people),
        time=lambda second: day_and_clock(second * 1_000_000, visit.zone),
    )


@admin
async def person(visit: Visit) -> Response:
    """One of them, as far as an operator needs it. Of a badge nobody can read the number."""
    asked = ShowPerson(person=visit.request.path_params["person"][:64])
    shown = await visit.daemon.ask(asked, ShowPersonReply)
    if shown.detail is None:
        return visit.refused(shown.reason, shown.remedy, status=HTTPStatus.NOT_FOUND)
    return visit.page(
        "person.html",
        one=shown.detail,
        statuses=STATUSES,
        time=lambda utc_us: day_and_clock(utc_us, visit.zone),
    )


@admin
async def put(visit: Visit) -> Response:
    """Somebody new, or what is to be changed of somebody."""
    form = await form_of(visit.request)
    asked = PutPerson(
        person=form.text("person", 64),
        new="new" in form,
        name=form.text("name", CELL_MAX),
        roles=form.text("roles", CELL_MAX),
        pin=form.secret("pin"),
        valid_from=form.text("valid_from", 32),
        valid_until=form.text("valid_until", 32),
        status=form.text("status", 32),
    )
    done = await visit.daemon.ask(asked, ImportPeopleReply)
    if done.problems:
        problems = "; ".join(f"{one.column}: {visit.words(one.message)}" for one in done.problems)
        return visit.refused(problems, "")
    if not (done.applied or done.kept):
        return visit.refused(marked("nothing has changed"), "", status=HTTPStatus.CONFLICT)
    text = visit.words("It is on file.")
    if visit.in_place and not asked.new:
        return await _row(visit, asked.person, Said(text=text, tone="granted"))
    return visit.said(Said(text=text, tone="granted", go=f"/people/{quote(asked.person, safe='')}"))


@admin
async def row(visit: Visit) -> Response:
    """One row of the list, as it was before somebody began to change it."""
    return await _row(visit, visit.request.path_params["person"][:64])


@admin
async def edit(visit: Visit) -> Response:
    """The same row, to be changed where it stands."""
    return await _row(visit, visit.request.path_params["person"][:64], name="people-edit.html")


async def _row(
    visit: Visit, person: str, said: Said | None = None, *, name: str = "people-row.html"
) -> Response:
    if not visit.in_place:
        return RedirectResponse(f"/people/{quote(person, safe='')}", HTTPStatus.SEE_OTHER)
    shown = await visit.daemon.ask(ShowPerson(person=person), ShowPersonReply)
    if shown.detail is None:
        return visit.refused(shown.reason, shown.remedy, status=HTTPStatus.NOT_FOUND)
    return visit.piece(name, said, one=shown.detail.person)


@admin
async def enrol_badge(visit: Visit) -> Response:
    """The next badge that nobody has, at this reader."""
    form = await form_of(visit.request)
    asked = EnrolBadge(
        person=form.text("person", 64),
        reader=form.text("reader", 64),
        replaces="replaces" in form,
    )
    return await _badge(visit, asked.person, await visit.daemon.ask(asked, BadgeReply))


@admin
async def change_badge(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = ChangeBadge(
        person=form.text("person", 64),
        badge=form.text("badge", 16) or None,
        to=form.choice("to", CredentialStatus),
    )
    return await _badge(visit, asked.person, await visit.daemon.ask(asked, BadgeReply))


@admin
async def sign_ins(visit: Visit) -> Response:
    """By what people sign in, and who is signed in."""
    return visit.page("sign-ins.html", **await _sign_ins(visit))


@signed_in(Right.PEOPLE, background=True)
async def open_sessions(visit: Visit) -> Response:
    """Who is signed in, as the page asks by itself: it keeps no session from being locked."""
    if not visit.in_place:
        return RedirectResponse("/people/sign-ins", HTTPStatus.SEE_OTHER)
    return visit.piece("sign-ins-open.html", **await _sign_ins(visit))


async def _sign_ins(visit: Visit) -> dict[str, Any]:
    reply = await visit.daemon.ask(ReadSignIns(), SignInsReply)
    return {"reply": reply, "time": lambda utc_us: day_and_clock(utc_us, visit.zone)}


@admin
async def invite(visit: Visit) -> Response:
    """A one-time code, shown once."""
    form = await form_of(visit.request)
    return await _code(visit, Invite(person=form.text("person", 64)))


@admin
async def terminal_code(visit: Visit) -> Response:
    """A one-time code by which a browser becomes a terminal."""
    form = await form_of(visit.request)
    return await _code(visit, MakeTerminalCode(terminal=form.text("terminal", 64)), "/terminal")


@admin
async def end_terminal(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = RemoveTerminal(terminal=form.text("terminal", 64))
    return await _changed(visit, asked, "sign-ins-terminals.html")


@admin
async def end_session(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = EndSession(session=form.text("session", 16))
    return await _changed(visit, asked, "sign-ins-open.html")


@admin
async def remove(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = RemoveSignIn(person=form.text("person", 64), passkey=form.text("passkey", 64))
    return await _changed(visit, asked, "sign-ins-means.html")


async def _code(visit: Visit, asked: Message, used_at: str = "/invitation") -> Response:
    """A code is shown once, with the page at which it is used."""
    made = await visit.daemon.ask(asked, CodeMade)
    if not made.code:
        return visit.refused(made.reason, made.remedy)
    shown: dict[str, Any] = {
        "code": made.code,
        "until": day_and_clock(made.until_utc_us, visit.zone),
        "used_at": used_at,
        "address": str(visit.request.base_url).rstrip("/") + used_at,
    }
    if visit.in_place:
        return visit.piece("code-made.html", **shown)
    return visit.page("code.html", **shown)


async def _changed(visit: Visit, asked: Message, piece: str) -> Response:
    """`piece`: what of the page shows it."""
    done = await visit.daemon.ask(asked, SignInChanged)
    if not done.done:
        return visit.refused(done.reason, done.remedy)
    text = visit.words("Done, and on record.")
    if visit.in_place:
        return visit.piece(piece, Said(text=text, tone="granted"), **await _sign_ins(visit))
    return visit.done(Said(text=text, tone="granted", go="/people/sign-ins"))


async def _badge(visit: Visit, person: str, done: BadgeReply) -> Response:
    if done.end not in {BadgeEnd.DONE, BadgeEnd.ALREADY}:
        reason = done.reason or marked("no badge came in time")
        return visit.refused(reason, done.remedy)
    text, page = visit.words("The badge is on file."), f"/people/{quote(person, safe='')}"
    said = Said(text=text, tone="granted", go=page)
    if not visit.in_place:
        return visit.done(said)
    async with visit.anew() as daemon:
        shown = await daemon.ask(ShowPerson(person=person), ShowPersonReply)
    if shown.detail is None:
        return visit.refused(shown.reason, shown.remedy, status=HTTPStatus.NOT_FOUND)
    return visit.piece("person-badges.html", said, one=shown.detail, statuses=STATUSES)


ROUTES = (
    Route("/people", people, methods=["GET"]),
    Route("/people", put, methods=["POST"]),
    Route("/people/badge", change_badge, methods=["POST"]),
    Route("/people/badge/enrol", enrol_badge, methods=["POST"]),
    Route("/people/sign-ins", sign_ins, methods=["GET"]),
    Route("/people/sign-ins/open", open_sessions, methods=["GET"]),
    Route("/people/sign-ins/invite", invite, methods=["POST"]),
    Route("/people/sign-ins/end", end_session, methods=["POST"]),
    Route("/people/sign-ins/terminal", terminal_code, methods=["POST"]),
    Route("/people/sign-ins/terminal/end", end_terminal, methods=["POST"]),
    Route("/people/sign-ins/remove", remove, methods=["POST"]),
    Route("/people/{person:str}", person, methods=["GET"]),
    Route("/people/{person:str}/row", row, methods=["GET"]),
    Route("/people/{person:str}/edit", edit, methods=["GET"]),
)
