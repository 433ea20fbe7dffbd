"""The start page: where to go, by what the signed-in person may do."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge.web.pages import Visit, signed_in
from policies.rights import Right

HOME: dict[str, str] = {Right.GATE: "/gate", Right.CONSOLE: "/console", Right.PEOPLE: "/people"}


@signed_in(locked=True)
async def start(visit: Visit) -> Response:
    """Whoever has one page is taken there; others choose."""
    rights = visit.session.rights
    if len(rights) == 1:
        return RedirectResponse(HOME[rights[0]], HTTPStatus.SEE_OTHER)
    return visit.page("start.html")


ROUTES = (Route("/", start, methods=["GET"]),)
