"""`sentrypost central web`"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from central.control_commands import state_option
from edge.commands.web import serve_pages, serving_options

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@click.command()
@state_option
@click.option(
    "--socket",
    # Whether it can be reached shows with each request: central may come later.
    type=click.Path(readable=False, path_type=Path),
    help="What central has as --wall-socket, for an account that reads nothing of central's.",
)
@serving_options("127.0.0.1:8700")
def web(
    state: Path, socket: Path | None, listen: str, certificate: Path | None, key: Path | None
) -> None:
    """Serve the wall of the central that runs here, until SIGTERM or Ctrl-C.

    It opens none of central's files and may end at any time: central goes on.
    """

    def made(secure: bool) -> "ASGIApp":
        from central.wall_messages import WALL_SOCKET
        from central.web.app import application

        return application(socket or state / WALL_SOCKET, secure=secure)

    serve_pages(made, listen, certificate, key)
