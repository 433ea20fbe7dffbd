"""The wall's pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from central.wall_messages import decode_reply
from central.web import entries, incidents, operators, orders, search, series, wall
from edge.web import sign_in
from edge.web.kinds import Kind
from edge.web.pages import Settings
from edge.web.served import served
from edge.web.words import marked

WALL: Final = Kind(
    packages=("central.web", "edge.web"),
    cookie="wall",
    decode=decode_reply,
    away_head=marked("Central does not answer"),
    away=marked("Central does not answer. Doors do what they did; this page tries again."),
    lost=marked("Central was not reached. Nothing says that it was done: look, then try again."),
)


def routes() -> Sequence[BaseRoute]:
    """Every address of the wall."""
    return (
        *wall.ROUTES,
        *sign_in.ROUTES,
        *entries.ROUTES,
        *search.ROUTES,
        *incidents.ROUTES,
        *orders.ROUTES,
        *series.ROUTES,
        *operators.ROUTES,
    )


def application(socket: Path, *, secure: bool, locale: Path | None = None) -> Starlette:
    """The wall's pages; central answers at `socket`. `secure`: browsers come by TLS."""
    return served(Settings(WALL, socket, secure, locale), routes())
