"""Who may sign in at the wall and what for, who is signed in, and what operators have done."""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from central.operator_messages import (
    LOGGED_MAX,
    OperatorChanged,
    OperatorLog,
    OperatorsReply,
    PutOperator,
    ReadOperatorLog,
    ReadOperators,
    RemoveOperator,
)
from central.operator_words import OperatorRight
from central.web.asking import ask, operator
from central.web.wall_words import day_and_moment
from edge.control.messages_pages import (
    CodeMade,
    EndSession,
    Invite,
    ReadSignIns,
    RemoveSignIn,
    SignInChanged,
    SignInsReply,
)
from edge.web.forms import Form, form_of
from edge.web.pages import Said, Visit
from edge.web.words import marked

NAME_MAX = 64
DISPLAY_MAX = 200

RIGHTS: Final = {
    OperatorRight.WATCH: marked("watch edges, alarms and orders"),
    OperatorRight.NAMES: marked("see names, search, work on incidents"),
    OperatorRight.ALARMS: marked("acknowledge alarms"),
    OperatorRight.ORDERS: marked("send signed orders"),
    OperatorRight.OPERATORS: marked("say who the operators are"),
}
assert set(RIGHTS) == set(OperatorRight), "every right has its words"

keeper = operator(OperatorRight.OPERATORS)


@keeper
async def operators(visit: Visit) -> Response:
    """Everybody, with rights and sign-ins."""
    reply = await ask(visit, ReadOperators(), OperatorsReply)
    signins = await ask(visit, ReadSignIns(), SignInsReply)
    return visit.page(
        "operators.html",
        reply=reply,
        means={one.person: one for one in signins.people},
        sessions=signins.sessions,
        all_rights=RIGHTS,
        time=lambda utc_us: day_and_moment(utc_us, visit.zone),
    )


@keeper
async def log(visit: Visit) -> Response:
    """What operators have done, the latest last, a page at a time."""
    begin = visit.request.query_params.get("from", "")
    newest = (await ask(visit, ReadOperatorLog(limit=1), OperatorLog)).newest
    from_seq = max(1, newest - LOGGED_MAX + 1)
    if begin.isdecimal() and len(begin) < 15:
        from_seq = max(1, int(begin))
    reply = await ask(visit, ReadOperatorLog(from_seq=from_seq), OperatorLog)
    return visit.page(
        "operator-log.html",
        reply=reply,
        from_seq=from_seq,
        earlier=max(1, from_seq - LOGGED_MAX),
        later=from_seq + LOGGED_MAX,
        time=lambda utc_us: day_and_moment(utc_us, visit.zone),
    )


@keeper
async def put(visit: Visit) -> Response:
    """Somebody new, or other rights."""
    form = await form_of(visit.request)
    asked = PutOperator(
        operator=form.text("operator", NAME_MAX),
        name=form.text("name", DISPLAY_MAX),
        rights=_rights(form),
        new="new" in form,
    )
    return _changed(visit, await ask(visit, asked, OperatorChanged))


@keeper
async def remove(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = RemoveOperator(operator=form.text("operator", NAME_MAX))
    return _changed(visit, await ask(visit, asked, OperatorChanged))


@keeper
async def invite(visit: Visit) -> Response:
    """A code by which somebody sets a password, shown once."""
    form = await form_of(visit.request)
    made = await ask(visit, Invite(person=form.text("operator", NAME_MAX)), CodeMade)
    if not made.code:
        return visit.refused(made.reason, made.remedy)
    until = day_and_moment(made.until_utc_us, visit.zone)
    return visit.page("operator-code.html", code=made.code, until=until)


@keeper
async def remove_means(visit: Visit) -> Response:
    """All by which somebody signs in, or one passkey."""
    form = await form_of(visit.request)
    asked = RemoveSignIn(
        person=form.text("operator", NAME_MAX), passkey=form.text("passkey", NAME_MAX)
    )
    return _changed(visit, await ask(visit, asked, SignInChanged))


@keeper
async def end_session(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = EndSession(session=form.text("session", 16))
    return _changed(visit, await ask(visit, asked, SignInChanged))


def _rights(form: Form) -> tuple[OperatorRight, ...]:
    """Those that are ticked; what is no right is left to nobody."""
    ticked = set(form.all("right"))
    return tuple(right for right in OperatorRight if right in ticked)


def _changed(visit: Visit, done: OperatorChanged | SignInChanged) -> Response:
    if not done.done:
        return visit.refused(done.reason, done.remedy)
    said = Said(text=visit.words("Done, and on record."), tone="granted", go="/operators")
    return visit.said(said)


ROUTES = (
    Route("/operators", operators, methods=["GET"]),
    Route("/operators", put, methods=["POST"]),
    Route("/operators/remove", remove, methods=["POST"]),
    Route("/operators/invite", invite, methods=["POST"]),
    Route("/operators/sign-ins/remove", remove_means, methods=["POST"]),
    Route("/operators/sign-ins/end", end_session, methods=["POST"]),
    Route("/operators/log", log, methods=["GET"]),
)
