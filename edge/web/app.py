"""The edge's pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from edge.control.protocol import decode_reply
from edge.web import alarms, console, gate, muster, people, pictures, sign_in, start, visits
from edge.web.kinds import Kind
from edge.web.pages import Settings
from edge.web.served import served
from edge.web.words import marked

EDGE: Final = Kind(
    packages=("edge.web",),
    cookie="session",
    decode=decode_reply,
    away_head=marked("The edge does not answer"),
    away=marked("The edge does not answer. Doors do what they did; this page tries again."),
    lost=marked("The edge was not reached. Nothing says that it was done: look, then try again."),
    terminals=True,
)


def routes() -> Sequence[BaseRoute]:
    """Every address of the edge's pages."""
    return (
        *start.ROUTES,
        *sign_in.ROUTES,
        *sign_in.TERMINAL_ROUTES,
        *gate.ROUTES,
        *console.ROUTES,
        *alarms.ROUTES,
        *muster.ROUTES,
        *people.ROUTES,
        *visits.ROUTES,
        *pictures.ROUTES,
    )


def application(socket: Path, *, secure: bool, locale: Path | None = None) -> Starlette:
    """The edge's pages; the daemon answers at `socket`. `secure`: browsers come by TLS."""
    return served(Settings(EDGE, socket, secure, locale), routes())
