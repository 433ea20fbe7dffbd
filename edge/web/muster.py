"""Checking people off: who has to be looked for, and who was seen safe."""

from starlette.responses import Response
from starlette.routing import Route

from edge.control.messages_muster import (
    BeginMuster,
    ChangeMuster,
    CheckPerson,
    EndMuster,
    MusterPerson,
    MusterReply,
    ReadMuster,
    Step,
    UndoCheck,
)
from edge.control.messages_visits import VisitReply
from edge.web.forms import Form, FormError, form_of
from edge.web.pages import Said, Visit, clock, signed_in
from policies.rights import Right

checking = signed_in(Right.GATE, Right.CONSOLE)


@checking
async def muster(visit: Visit) -> Response:
    """The roll by the doors' last word."""
    people: list[MusterPerson] = []
    while True:
        reply = await visit.daemon.ask(ReadMuster(begin=len(people)), MusterReply)
        people += reply.people
        if not reply.people or len(people) >= reply.head.listed:
            break
    # Who is still looked for stands first.
    people.sort(key=lambda one: one.listed.check is not None)
    return visit.page(
        "muster.html",
        head=reply.head,
        people=people,
        clock=lambda second: clock(second * 1_000_000, visit.zone),
    )


@checking
async def change(visit: Visit) -> Response:
    form = await form_of(visit.request)
    done = await visit.daemon.ask(ChangeMuster(step=_step(form)), VisitReply)
    if not done.accepted:
        return visit.refused(done.reason, done.remedy)
    return visit.said(Said(text=visit.words("Noted, and on record."), tone="granted", go="/muster"))


def _step(form: Form) -> Step:
    match form.text("step", 8):
        case "begin":
            return BeginMuster()
        case "end":
            return EndMuster()
        case "check":
            return CheckPerson(person=form.text("person", 200), where=form.text("where", 64))
        case "undo":
            return UndoCheck(person=form.text("person", 200))
        case _:
            raise FormError("step is none of begin, check, undo, end")


ROUTES = (
    Route("/muster", muster, methods=["GET"]),
    Route("/muster", change, methods=["POST"]),
)
