"""What every request passes before any page sees it, and what every answer carries.

Requests that change something count only from our own pages (Fetch Metadata, or Origin where a
browser sends none of it); what a browser may load or run is our own files alone.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX: Final = 256 * 1024
"""Of a form. Names and reasons are short; an assertion of a security key is 2 kB."""

SAFE: Final = frozenset({"GET", "HEAD"})
KNOWN: Final = SAFE | {"POST"}

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)

HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Fences:
    """ASGI around the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = _refused(scope["method"], Headers(scope=scope))
        if refused is None:
            await self._app(scope, _bounded(receive), _headed(send))
        else:
            await refused(scope, receive, _headed(send))


class TooLargeError(Exception):
    """More came than a form has."""


def _refused(method: str, headers: Headers) -> PlainTextResponse | None:
    if method not in KNOWN:
        return PlainTextResponse("this method is not known here\n", 405, {"allow": "GET, POST"})
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and int(length) <= BODY_BYTES_MAX):
        return PlainTextResponse("too large\n", 413)
    if method not in SAFE and not _ours(headers):
        return PlainTextResponse("this was not sent by a page of this site\n", 403)
    return None


def _ours(headers: Headers) -> bool:
    """Whether a page of ours has sent it. Browsers say so by Sec-Fetch-Site; on plain http to
    another machine Chromium sends none, and Origin counts. What is neither is no browser's.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == headers.get("host")
    return "cookie" not in headers


def _headed(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent


def _bounded(receive: Receive) -> Receive:
    """Also for whoever does not say beforehand how much is coming."""
    size = 0

    async def received() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_BYTES_MAX:
            raise TooLargeError
        return message

    return received
