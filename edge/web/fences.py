"""What every request passes before any page sees it, and what every answer carries.

Requests that change something count only from our own pages (Fetch Metadata, or Origin where a
browser sends none of it); what a browser may load or run is our own files alone.
"""

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web.own_machine import names_itself

BODY_BYTES_MAX: Final = 256 * 1024
"""Of a form. Names and reasons are short; an assertion of a security key is 2 kB."""

STRICT: Final = "max-age=31536000"
"""Who has seen these pages by TLS never asks for them without (RFC 6797): the first word of a
browser is not left to whoever sits on the network."""

HEAD_BYTES_MAX: Final = 16 * 1024
"""Of all headers, and of the address. Browsers send one or two kilobytes."""

COOKIE_BYTES_MAX: Final = 4 * 1024
"""Ours are two tokens and two words. What Python before 3.11.10 and 3.12.6 does with a quoted
cookie takes time by the square of its length (CVE-2024-7592): 64 KB are four seconds for everybody.
"""

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
        method, scheme, headers = scope["method"], scope["scheme"], Headers(scope=scope)
        # What is said of localhost is said of every service of this machine.
        send = _headed(send, strict=scheme == "https" and not _local(headers.get("host", "")))
        refused = _too_long(scope) or _refused(method, scheme, headers)
        if refused is None and method not in SAFE:
            try:
                receive = await _whole(receive)
            except _GoneError:
                return
            except _TooLargeError:
                refused = _too_large()
        await (self._app if refused is None else refused)(scope, receive, send)


class _TooLargeError(Exception):
    """More came than a form has."""


class _GoneError(Exception):
    """The browser went before it had said all."""


def _too_large() -> PlainTextResponse:
    return PlainTextResponse("too large\n", 413)


def _too_long(scope: Scope) -> PlainTextResponse | None:
    """What is longer than anything of ours is read by nobody."""
    headers = scope["headers"]
    size = len(scope.get("raw_path", b"")) + len(scope.get("query_string", b""))
    size += sum(len(name) + len(value) for name, value in headers)
    cookies = sum(len(value) for name, value in headers if name == b"cookie")
    if size > HEAD_BYTES_MAX or cookies > COOKIE_BYTES_MAX:
        return PlainTextResponse("too long\n", 431)
    return None


def _refused(method: str, scheme: str, headers: Headers) -> PlainTextResponse | None:
    host = headers.get("host", "")
    if scheme == "http" and not _local(host):
        # A name of somebody else's that leads here: its page would be one of ours for a browser.
        return PlainTextResponse("this machine is asked as localhost\n", 421)
    if method not in KNOWN:
        return PlainTextResponse("this method is not known here\n", 405, {"allow": "GET, POST"})
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and int(length) <= BODY_BYTES_MAX):
        return _too_large()
    if method not in SAFE and not _ours(scheme, headers):
        return PlainTextResponse("this was not sent by a page of this site\n", 403)
    return None


def _local(host: str) -> bool:
    """Whether this Host names the machine itself. By plain http nobody else is served."""
    return names_itself(re.sub(r":\d*\Z", "", host))


def _ours(scheme: str, headers: Headers) -> bool:
    """Whether a page of ours has sent it. Browsers say so by Sec-Fetch-Site; on plain http to
    another machine Chromium sends none, and Origin counts. What is neither is no browser's.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    if origin is not None:
        return origin == f"{scheme}://{headers.get('host')}"
    return "cookie" not in headers


def _headed(send: Send, *, strict: bool) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            if strict:
                headers["strict-transport-security"] = STRICT
        await send(message)

    return sent


async def _whole(receive: Receive) -> Receive:
    """What is sent, when all of it is here: the daemon is asked for nobody who takes his time.
    Raises _TooLargeError, also for whoever does not say beforehand how much is coming; _GoneError.
    """
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise _TooLargeError
        more = message.get("more_body", False)
    first: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def received() -> Message:
        return first.pop() if first else await receive()

    return received
