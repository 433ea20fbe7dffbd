"""What every page is made with: the visit of one browser, its words, its session, and the way to
the daemon on its behalf.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import cache, partial, wraps
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from edge.control.messages import Refusal
from edge.control.messages_pages import SessionShown
from edge.web.daemon import (
    Conversation,
    DaemonAwayError,
    DaemonRefusedError,
    NotSignedInError,
    conversing,
)
from edge.web.kinds import Kind
from edge.web.words import Words, chosen, languages, marked

LANGUAGE_COOKIE: Final = "language"
THEME_COOKIE: Final = "theme"
THEMES: Final = ("light", "dark")

TOKEN_CHARS_MAX: Final = 64

MALFORMED: Final = marked("What was sent is not what is asked for here.")


class Settings(NamedTuple):
    """`socket`: where the daemon answers pages. `secure`: the browser comes by TLS."""

    kind: Kind
    socket: Path
    secure: bool
    locale: Path | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an act, for whoever did it. `go`: where to look next."""

    text: str
    tone: str = "notice"
    done: bool = True
    go: str = ""


class Pages:
    """One process's."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.languages = languages() if settings.locale is None else languages(settings.locale)
        prefix = "__Host-" if settings.secure else ""
        self.session_cookie = prefix + settings.kind.cookie
        self.terminal_cookie = prefix + "terminal"
        # One each: what a template says is bound to its language where it is loaded.
        self._environments = {
            one.language: _environment(settings.kind, one) for one in self.languages.values()
        }

    def words(self, request: Request) -> Words:
        return chosen(
            self.languages,
            request.cookies.get(LANGUAGE_COOKIE),
            request.headers.get("accept-language", ""),
        )

    def token(self, request: Request) -> str:
        """What the browser has of a session; empty where it has none."""
        return self.kept(request, self.session_cookie)

    @staticmethod
    def kept(request: Request, cookie: str) -> str:
        """The token in a cookie; empty where there is none."""
        token = request.cookies.get(cookie, "")
        return token if len(token) <= TOKEN_CHARS_MAX else ""

    @asynccontextmanager
    async def conversing(self) -> AsyncIterator[Conversation]:
        """As `edge.web.daemon.conversing`."""
        async with conversing(self.settings.socket, self.settings.kind.decode) as conversation:
            yield conversation

    def drawn(self, name: str, words: Words, values: Mapping[str, object]) -> str:
        """The template with its words and values."""
        return self._environments[words.language].get_template(name).render(values)

    def keep(self, response: Response, name: str, value: str, age_s: int | None = None) -> None:
        """Set a cookie that no script sees and no other site sends."""
        response.set_cookie(
            name,
            value,
            max_age=age_s,
            path="/",
            secure=self.settings.secure,
            httponly=True,
            samesite="strict",
        )

    def forget(self, response: Response, name: str) -> None:
        response.delete_cookie(
            name, path="/", secure=self.settings.secure, httponly=True, samesite="strict"
        )


def _environment(kind: Kind, words: Words) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in kind.packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals["static"] = partial(_static, kind)
    environment.globals["kind"] = kind
    environment.install_gettext_translations(words.catalogue, newstyle=True)  # type: ignore[attr-defined]
    return environment


class Visit:
    """One request of one browser, with its session where it has one."""

    def __init__(
        self,
        request: Request,
        pages: Pages,
        daemon: Conversation,
        session: SessionShown | None = None,
    ) -> None:
        self.request = request
        self.pages = pages
        self.daemon = daemon
        self.words = pages.words(request)
        self._session = session

    @property
    def session(self) -> SessionShown:
        """For pages that need one alone."""
        assert self._session is not None, "this page is for whoever is signed in"
        return self._session

    @property
    def zone(self) -> tzinfo:
        return zone_named(self.session.timezone)

    def page(self, name: str, *, status: int = 200, **values: object) -> Response:
        """A whole page."""
        return page(self.request, self.pages, self._session, name, status=status, **values)

    @asynccontextmanager
    async def anew(self) -> AsyncIterator[Conversation]:
        """Another conversation of the same session: one in which the daemon has waited for
        something takes no further question.
        """
        async with self.pages.conversing() as daemon:
            await daemon.sign(self.pages.token(self.request), background=True)
            yield daemon

    @property
    def in_place(self) -> bool:
        """Whether a piece of the page that is shown is asked for, and not another page."""
        return in_place(self.request)

    def piece(self, name: str, said: Said | None = None, **values: object) -> Response:
        """A part of the page that is shown, and what is said there of what was asked."""
        given = _given(self.request, self.pages, self._session) | values
        response = HTMLResponse(self.pages.drawn(name, self.words, given))
        if said is not None:
            response.headers["hx-trigger"] = _event(said)
        return response

    def said(self, said: Said, *, status: int = 200) -> Response:
        """The answer to an act: for a script, or as a page for whoever has none."""
        if (told := _told_to_script(self.request, said, status)) is not None:
            return told
        if said.go and said.done:
            return RedirectResponse(said.go, HTTPStatus.SEE_OTHER)
        back = self.request.headers.get("referer", "/")
        return self.page("said.html", status=status, said=said, back=_path_of(back))

    def done(self, said: Said) -> Response:
        """The same where the page to go to does not say it by itself: whoever has no script, or
        whose script is not there yet, reads it first.
        """
        told = _told_to_script(self.request, said, HTTPStatus.OK)
        return told or self.page("said.html", said=said, back=said.go)

    def refused(
        self, reason: str, remedy: str, *, status: int = HTTPStatus.UNPROCESSABLE_ENTITY
    ) -> Response:
        """What the daemon did not do, why, and what to do."""
        text = why_not(reason, remedy, self.words)
        return self.said(Said(text=text, tone="denied", done=False), status=status)


def why_not(reason: str, remedy: str, words: Words) -> str:
    """A reason of the daemon's and what to do about it, as sentences."""
    return f"{words(reason)}. {words(remedy)}".strip()


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def open_to_all(handler: Handler) -> Endpoint:
    """A page that needs no session."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        pages: Pages = request.app.state.pages
        async with pages.conversing() as daemon:
            return await handler(Visit(request, pages, daemon))

    return endpoint


def signed_in(
    *rights: StrEnum, locked: bool = False, background: bool = False
) -> Callable[[Handler], Endpoint]:
    """A page for whoever is signed in and has one of `rights`, or any where none are named.
    `locked`: a session that is locked sees it too. `background`: a page asks for it by itself.

    The daemon checks each request once more: this alone keeps nobody from anything.
    """

    def decorated(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            pages: Pages = request.app.state.pages
            async with pages.conversing() as daemon:
                token = pages.token(request)
                session = await daemon.sign(token, background=background)
                visit = Visit(request, pages, daemon, session)
                if session.locked and not locked:
                    return _unlock_first(visit)
                if rights and not set(rights) & set(session.rights):
                    said = Said(
                        text=visit.words("This page is not for you."), tone="denied", done=False
                    )
                    return visit.said(said, status=HTTPStatus.FORBIDDEN)
                return await handler(visit)

        return endpoint

    return decorated


def _unlock_first(visit: Visit) -> Response:
    if wants_json(visit.request) or visit.in_place:
        go = f"/unlock?next={_here(visit.request)}" if visit.in_place else "/unlock"
        said = Said(text=visit.words("The screen is locked."), tone="denied", done=False, go=go)
        return visit.said(said, status=HTTPStatus.FORBIDDEN)
    return RedirectResponse(f"/unlock?next={_here(visit.request)}", HTTPStatus.SEE_OTHER)


def page(
    request: Request,
    pages: Pages,
    session: SessionShown | None,
    name: str,
    *,
    status: int = 200,
    **values: object,
) -> Response:
    """A whole page, with what stands on each: who is signed in, language, theme."""
    given = _given(request, pages, session) | values
    return HTMLResponse(pages.drawn(name, pages.words(request), given), status)


def _given(request: Request, pages: Pages, session: SessionShown | None) -> dict[str, object]:
    theme = request.cookies.get(THEME_COOKIE, "")
    return {
        "session": session,
        "rights": () if session is None else tuple(str(one) for one in session.rights),
        "words": pages.words(request),
        "languages": tuple(pages.languages.values()),
        "theme": theme if theme in THEMES else "",
        "here": request.url.path,
    }


def wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def in_place(request: Request) -> bool:
    """Whether htmx asks, for a piece of the page that it shows."""
    return request.headers.get("hx-request") == "true"


def _told_to_script(request: Request, said: Said, status: int) -> Response | None:
    """The answer to a script of ours, or to htmx: nothing of the page is another, and what is said
    of it is told by an event. None: nobody has a script.
    """
    if wants_json(request):
        return JSONResponse(msgspec.to_builtins(said), status)
    if not in_place(request):
        return None
    if said.go:
        return Response(status_code=status, headers={"hx-redirect": said.go})
    return Response(status_code=status, headers={"hx-reswap": "none", "hx-trigger": _event(said)})


def _event(said: Said) -> str:
    """Of htmx's header: an event with what is said; letters that no header has are escaped."""
    return json.dumps({"told": {"text": said.text, "tone": said.tone}})


def local_path(wished: str) -> str:
    """Where to go after a sign-in: a path of ours, whatever an address says."""
    ours = wished.startswith("/") and not wished.startswith(("//", "/\\"))
    return wished if ours and wished.isprintable() and len(wished) < 512 else "/"


@cache
def zone_named(name: str) -> tzinfo:
    """The site's; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def clock(utc_us: int, zone: tzinfo) -> str:
    """The time of day, as everybody at the site reads it."""
    return datetime.fromtimestamp(utc_us / 1e6, zone).strftime("%H:%M:%S")


def day_and_clock(utc_us: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(utc_us / 1e6, zone).strftime("%Y-%m-%d %H:%M")


async def away(request: Request, _: Exception) -> Response:
    """The daemon does not answer: all goes on by itself, or waits for its return."""
    pages: Pages = request.app.state.pages
    words = pages.words(request)
    said = Said(text=words(pages.settings.kind.away), tone="alarm", done=False)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return _told_to_script(request, said, status) or page(
        request, pages, None, "away.html", status=status, said=said
    )


async def refused(request: Request, error: Exception) -> Response:
    """The daemon ends the conversation with a reason."""
    assert isinstance(error, DaemonRefusedError)
    pages: Pages = request.app.state.pages
    words = pages.words(request)
    text = why_not(error.refused.reason, error.refused.remedy, words)
    status = HTTPStatus.FORBIDDEN
    if error.refused.code is Refusal.MALFORMED:
        text = words(MALFORMED)  # what it says of the message itself is for whoever writes pages
        status = HTTPStatus.BAD_REQUEST
    said = Said(text=text, tone="denied", done=False)
    return told(request, said, status)


def told(request: Request, said: Said, status: int) -> Response:
    """What went wrong before there was a visit."""
    return _told_to_script(request, said, status) or page(
        request, request.app.state.pages, None, "said.html", status=status, said=said, back="/"
    )


async def not_signed_in(request: Request, _: Exception) -> Response:
    status = HTTPStatus.UNAUTHORIZED
    if in_place(request):
        said = Said(text="", tone="denied", done=False, go=f"/sign-in?next={_here(request)}")
        return _told_to_script(request, said, status) or Response(status_code=status)
    if wants_json(request) or request.method not in {"GET", "HEAD"}:
        said = Said(text="", tone="denied", done=False, go="/sign-in")
        return JSONResponse(msgspec.to_builtins(said), status)
    return RedirectResponse(f"/sign-in?next={_here(request)}", HTTPStatus.SEE_OTHER)


TROUBLES = {
    DaemonAwayError: away,
    DaemonRefusedError: refused,
    NotSignedInError: not_signed_in,
}


def _here(request: Request) -> str:
    """The page that is shown, for the way back to it."""
    shown = request.headers.get("hx-current-url", "") if in_place(request) else ""
    return quote(_path_of(shown) if shown else request.url.path, safe="")


def _path_of(referer: str) -> str:
    _, _, rest = referer.partition("://")
    return local_path("/" + rest.partition("/")[2])


@cache
def _static(kind: Kind, name: str) -> str:
    """The address of a file of ours, which changes with its content: browsers keep it for good.

    A script keeps its plain address, by which others import it: under two addresses it would run
    twice, and a button that is held once would order twice.
    """
    if name.endswith(".js"):
        return f"/static/{name}"
    path = next(folder / name for folder in kind.static if (folder / name).exists())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
