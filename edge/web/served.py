"""Pages as one ASGI application, whichever kind they are of."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from edge.web.fences import Fences
from edge.web.forms import FormError
from edge.web.kinds import Kind
from edge.web.pages import MALFORMED, TROUBLES, Pages, Said, Settings, told

FOR_GOOD = "public, max-age=31536000, immutable"
"""A file whose address has its content's hash never changes."""


class _Files(StaticFiles):
    """Kept by browsers where the address says which content is meant."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope.get("query_string", b"") and response.status_code == HTTPStatus.OK:
            response.headers["cache-control"] = FOR_GOOD
        else:
            response.headers["cache-control"] = "no-cache"
        return response


def served(settings: Settings, routes: Sequence[BaseRoute]) -> Starlette:
    """These pages, and the files that they load."""
    static = Mount("/static", _files(settings.kind), name="static")
    app = Starlette(
        routes=(*routes, static),
        middleware=[Middleware(Fences)],
        exception_handlers={
            **TROUBLES,
            FormError: _malformed,
            msgspec.ValidationError: _malformed,
            HTTPException: _unknown,
        },
    )
    app.state.pages = Pages(settings)
    return app


def _files(kind: Kind) -> _Files:
    return _Files(packages=[(package, "static") for package in kind.packages])


async def _malformed(request: Request, error: Exception) -> Response:
    words = request.app.state.pages.words(request)
    said = str(error) if isinstance(error, FormError) else MALFORMED
    return _no(request, words(said), HTTPStatus.BAD_REQUEST)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = request.app.state.pages.words(request)
    said = {
        HTTPStatus.NOT_FOUND: words("There is no such page."),
        HTTPStatus.METHOD_NOT_ALLOWED: words("This page is not asked in this way."),
    }.get(HTTPStatus(error.status_code), HTTPStatus(error.status_code).phrase)
    return _no(request, said, error.status_code)


def _no(request: Request, text: str, status: int) -> Response:
    return told(request, Said(text=text, tone="denied", done=False), status)
