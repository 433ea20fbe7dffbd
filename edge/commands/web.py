"""`sentrypost web`, and what every command has that serves pages."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge.commands.common import Failed, Misconfigured, config_option, pages_socket_named_in
from edge.control.place import PAGES_SOCKET
from edge.web.own_machine import names_itself

if TYPE_CHECKING:
    from starlette.types import ASGIApp

F = TypeVar("F", bound=Callable[..., Any])


def serving_options(listen: str) -> Callable[[F], F]:
    """`--listen`, which is `listen` where nothing is said, `--certificate` and `--key`."""

    def decorated(command: F) -> F:
        for option in (
            click.option(
                "--key",
                type=click.Path(dir_okay=False, exists=True, path_type=Path),
                help="The certificate's private key, PEM.",
            ),
            click.option(
                "--certificate",
                type=click.Path(dir_okay=False, exists=True, path_type=Path),
                help="Of this server, PEM, its own first.",
            ),
            click.option(
                "--listen",
                default=listen,
                show_default=True,
                help="Address and port; another than this machine's own needs --certificate and"
                " --key.",
            ),
        ):
            command = option(command)
        return command

    return decorated


@click.command()
@config_option
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The state folder with the edge's pages.sock, instead of a site file.",
)
@click.option(
    "--socket",
    # Whether it can be reached shows with each request: the edge may come later.
    type=click.Path(readable=False, path_type=Path),
    help="What [pages] names as socket, for an account that reads no site file.",
)
@serving_options("127.0.0.1:8600")
def web(
    config: Path,
    state: Path | None,
    socket: Path | None,
    listen: str,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Serve the pages of the edge that runs here, until SIGTERM or Ctrl-C.

    It opens none of the edge's files and may end at any time: doors go on.
    """
    if socket is not None and state is not None:
        raise click.UsageError("--socket says all that --state would")
    asked = socket or (state / PAGES_SOCKET if state else pages_socket_named_in(config))

    def made(secure: bool) -> "ASGIApp":
        from edge.web.app import application

        return application(asked, secure=secure)

    serve_pages(made, listen, certificate, key)


def serve_pages(
    made: Callable[[bool], "ASGIApp"], listen: str, certificate: Path | None, key: Path | None
) -> None:
    """As `edge.web.server.serve`, with what its options mean. Raises click's errors, Failed."""
    host, port = _address(listen)
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together")
    if certificate is None and not names_itself(host):
        raise Misconfigured(
            f"{listen} can be reached from elsewhere, and passwords would cross the network",
            "give --certificate and --key (`sentrypost pki` makes them), or listen on 127.0.0.1",
        )
    from edge.web.server import serve

    try:
        serve(made, host, port, certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise Failed(f"{listen} cannot be served: {error}", "see who listens there") from error


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise click.UsageError(f"--listen {listen}: write ADDRESS:PORT")
    return host.strip("[]"), int(port)
