"""The pages served over HTTP/1.1 by uvicorn."""

import asyncio
import logging
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from edge.web.patience import Patient

STOP_WITHIN_S = 3
"""Streams never end by themselves; pages come back to whoever serves next."""

KEEP_ALIVE_S = 30

TOGETHER_MAX = 512
"""Connections at once: twenty screens of six each, and room for others."""


class _Server(uvicorn.Server):
    """Who asks it to end is answered by its end. Uvicorn's own gives itself the signal once more
    when all is closed, and so ends as if it had been killed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def serve(
    made: Callable[[bool], ASGIApp],
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Serve what `made` makes, which is told whether browsers come by TLS, until SIGTERM or SIGINT.
    Prints the address once somebody can connect. Raises OSError where the address or the
    certificate cannot be used.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    # Whoever sends what is no HTTP writes nothing into the log by it.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    listening = _listening(host, port)
    scheme = "http" if certificate is None else "https"
    config = uvicorn.Config(
        made(certificate is not None),
        http=partial(Patient, Counter()),  # type: ignore[arg-type]  # asked as a class is
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        ssl_certfile=None if certificate is None else str(certificate),
        ssl_keyfile=None if key is None else str(key),
        timeout_graceful_shutdown=STOP_WITHIN_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=TOGETHER_MAX,
    )
    config.load()
    shown = f"[{host}]" if ":" in host else host
    print(f"pages     {scheme}://{shown}:{listening.getsockname()[1]}/", flush=True)  # noqa: T201
    _Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
