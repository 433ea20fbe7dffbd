"""Who is on file, with badges, and who signs in: administration, by plain forms."""

from http import HTTPStatus

from starlette.responses import Response
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
        statuses=tuple(str(status) for status in CredentialStatus),
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
    said = Said(text=visit.words("It is on file."), tone="granted", go=f"/people/{asked.person}")
    return visit.said(said)


@admin
async def enrol_badge(visit: Visit) -> Response:
    """The next badge that nobody has, at this reader."""
    form = await form_of(visit.request)
    asked = EnrolBadge(
        person=form.text("person", 64),
        reader=form.text("reader", 64),
        replaces="replaces" in form,
    )
    return _badge(visit, asked.person, await visit.daemon.ask(asked, BadgeReply))


@admin
async def change_badge(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = ChangeBadge(
        person=form.text("person", 64),
        badge=form.text("badge", 16) or None,
        to=form.choice("to", CredentialStatus),
    )
    return _badge(visit, asked.person, await visit.daemon.ask(asked, BadgeReply))


@admin
async def sign_ins(visit: Visit) -> Response:
    """By what people sign in, and who is signed in."""
    reply = await visit.daemon.ask(ReadSignIns(), SignInsReply)
    return visit.page(
        "sign-ins.html", reply=reply, time=lambda utc_us: day_and_clock(utc_us, visit.zone)
    )


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
    return await _changed(visit, RemoveTerminal(terminal=form.text("terminal", 64)))


@admin
async def end_session(visit: Visit) -> Response:
    form = await form_of(visit.request)
    return await _changed(visit, EndSession(session=form.text("session", 16)))


@admin
async def remove(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = RemoveSignIn(person=form.text("person", 64), passkey=form.text("passkey", 64))
    return await _changed(visit, asked)


async def _code(visit: Visit, asked: Message, used_at: str = "/invitation") -> Response:
    """A code is shown once, with the page at which it is used."""
    made = await visit.daemon.ask(asked, CodeMade)
    if not made.code:
        return visit.refused(made.reason, made.remedy)
    until = day_and_clock(made.until_utc_us, visit.zone)
    address = str(visit.request.base_url).rstrip("/") + used_at
    return visit.page("code.html", code=made.code, until=until, used_at=used_at, address=address)


async def _changed(visit: Visit, asked: Message) -> Response:
    done = await visit.daemon.ask(asked, SignInChanged)
    if not done.done:
        return visit.refused(done.reason, done.remedy)
    return visit.said(Said(text=visit.words("Done, and on record."), go="/people/sign-ins"))


def _badge(visit: Visit, person: str, done: BadgeReply) -> Response:
    if done.end not in {BadgeEnd.DONE, BadgeEnd.ALREADY}:
        reason = done.reason or marked("no badge came in time")
        return visit.refused(reason, done.remedy)
    text = visit.words("The badge is on file.")
    return visit.said(Said(text=text, tone="granted", go=f"/people/{person}"))


ROUTES = (
    Route("/people", people, methods=["GET"]),
    Route("/people", put, methods=["POST"]),
    Route("/people/badge", change_badge, methods=["POST"]),
    Route("/people/badge/enrol", enrol_badge, methods=["POST"]),
    Route("/people/sign-ins", sign_ins, methods=["GET"]),
    Route("/people/sign-ins/invite", invite, methods=["POST"]),
    Route("/people/sign-ins/end", end_session, methods=["POST"]),
    Route("/people/sign-ins/terminal", terminal_code, methods=["POST"]),
    Route("/people/sign-ins/terminal/end", end_terminal, methods=["POST"]),
    Route("/people/sign-ins/remove", remove, methods=["POST"]),
    Route("/people/{person:str}", person, methods=["GET"]),
)
