"""Streams of server-sent events (WHATWG HTML, 9.2) from what the daemon tells."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse

from edge.control.message import Message
from edge.control.messages import Refusal
from edge.web.daemon import DaemonAwayError, DaemonRefusedError, NotSignedInError
from edge.web.pages import Pages

_ENCODER = msgspec.json.Encoder()

ENDED = frozenset({Refusal.NO_SESSION, Refusal.NO_RIGHT, Refusal.LOCKED, Refusal.NOT_ALLOWED})
"""Refusals by which the page is another one from here on. A daemon that stops, or has too much to
do, is waited for."""

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Told(NamedTuple):
    """One event. `seq`: from where a page that comes back goes on; None: as before."""

    name: str
    data: object
    seq: int | None = None


BEAT = Told("beat", 0)
OVER = Told("over", 0)
"""The session is over: the page loads itself anew, and asks to sign in."""


def stream(
    request: Request, following: Message, draw: Callable[[Message], Iterable[Told]]
) -> StreamingResponse:
    """What the daemon tells of `following` to the request's own session, drawn for its page, until
    one of the three goes.
    """
    pages: Pages = request.app.state.pages
    token = pages.token(request)

    async def told() -> AsyncIterator[bytes]:
        try:
            async with pages.conversing() as daemon:
                await daemon.sign(token, background=True)
                async for message in daemon.follow(following):
                    for one in draw(message):
                        yield written(one)
        except NotSignedInError:
            yield written(OVER)
        except DaemonRefusedError as error:
            if error.refused.code in ENDED:
                yield written(OVER)
        except DaemonAwayError:
            # The page sees the stream end, says that it is not live, and comes back.
            return

    return StreamingResponse(told(), media_type="text/event-stream", headers=HEADERS)


def written(told: Told) -> bytes:
    """JSON has no line ends of its own: one line of data is enough."""
    head = f"event: {told.name}\n"
    if told.seq is not None:
        head += f"id: {told.seq}\n"
    return head.encode() + b"data: " + _ENCODER.encode(told.data) + b"\n\n"


def after_of(request: Request) -> int | None:
    """What a page that comes back has seen."""
    last = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    return int(last) if last.isdecimal() and len(last) < 16 else None
