"""Signing in, locking, and signing out: forms and what browsers say of passkeys, handed on."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from edge.control.message import Message
from edge.control.messages_pages import (
    AddPasskey,
    AskNewPasskey,
    AskPasskey,
    BadgeAwaited,
    BecomeTerminal,
    ConfirmInvitation,
    InvitationTaken,
    LockSession,
    PasskeyAsked,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInByPin,
    SignInChanged,
    SignOut,
    TakeInvitation,
    TerminalTaken,
    UnlockSession,
    WaitsForBadge,
)
from edge.web.forms import Form, form_of
from edge.web.pages import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Pages,
    Said,
    Visit,
    local_path,
    open_to_all,
    signed_in,
    why_not,
)

YEAR_S = 365 * 24 * 3600


@open_to_all
async def sign_in(visit: Visit) -> Response:
    """The ways in; the terminal's reader first where there is one."""
    awaited = await _awaited(visit)
    return visit.page(
        "sign-in.html",
        terminal=awaited.terminal,
        reader=awaited.reader,
        next=local_path(visit.request.query_params.get("next", "/")),
    )


@open_to_all
async def waits(visit: Visit) -> Response:
    """Whether a badge was read at this terminal."""
    awaited = await _awaited(visit)
    return JSONResponse({"seen": awaited.seen, "reason": awaited.reason})


@open_to_all
async def by_pin(visit: Visit) -> Response:
    form = await form_of(visit.request)
    terminal = _terminal_of(visit)
    return await _signing(visit, SignInByPin(terminal=terminal, pin=form.text("pin", 16)), form)


@open_to_all
async def by_password(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = SignInByPassword(
        person=form.text("person", 64),
        password=form.secret("password"),
        code=form.text("code", 64),
        terminal=_terminal_of(visit),
    )
    return await _signing(visit, asked, form)


@open_to_all
async def by_link(visit: Visit) -> Response:
    form = await form_of(visit.request)
    code = form.text("code", 64)
    return await _signing(visit, SignInByLink(code=code, terminal=_terminal_of(visit)), form)


@open_to_all
async def by_passkey(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = SignInByPasskey(response=form.text("response", 16 * 1024), terminal=_terminal_of(visit))
    return await _signing(visit, asked, form)


@open_to_all
async def passkey_asked(visit: Visit) -> Response:
    """The challenge, for the browser."""
    asked = AskPasskey(terminal=_terminal_of(visit))
    return _challenge(visit, await visit.daemon.ask(asked, PasskeyAsked))


@open_to_all
async def invitation(visit: Visit) -> Response:
    """Where a one-time code is turned into a password and an authenticator."""
    return visit.page("invitation.html")


@open_to_all
async def take_invitation(visit: Visit) -> Response:
    form = await form_of(visit.request)
    if form.secret("password") != form.secret("again"):
        text = visit.words("The two passwords differ.")
        return visit.said(Said(text=text, tone="denied", done=False), status=HTTPStatus.CONFLICT)
    asked = TakeInvitation(
        code=form.text("code", 64),
        person=form.text("person", 64),
        password=form.secret("password"),
        name=form.text("name", 200),
    )
    taken = await visit.daemon.ask(asked, InvitationTaken)
    if not taken.totp_uri:
        return _no(visit, taken.reason, taken.remedy, taken.wait_s)
    # Segno is imported where somebody enrols, not by each page.
    import segno

    drawn = segno.make(taken.totp_uri, micro=False).svg_inline(
        scale=5, light="#fff", dark="#000", border=4, omitsize=False
    )
    return visit.page("authenticator.html", uri=taken.totp_uri, drawn=drawn, code=asked.code)


@open_to_all
async def confirm_invitation(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = ConfirmInvitation(
        code=form.text("code", 64),
        totp=form.text("totp", 64),
        terminal=_terminal_of(visit),
    )
    return await _signing(visit, asked, form)


@signed_in(locked=True)
async def unlock(visit: Visit) -> Response:
    """A screen that was left: alarms and doors go on being shown at the gate."""
    return visit.page("unlock.html", next=local_path(visit.request.query_params.get("next", "/")))


@signed_in(locked=True)
async def unlocked(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = UnlockSession(pin=form.text("pin", 16), password=form.secret("password"))
    done = await visit.daemon.ask(asked, SignedIn)
    if done.session is None or done.session.locked:
        return _no(visit, done.reason, done.remedy, done.wait_s)
    return visit.said(Said(text=visit.words("Unlocked."), go=local_path(form.text("next", 512))))


@signed_in(locked=True)
async def lock(visit: Visit) -> Response:
    await visit.daemon.ask(LockSession(), SignedIn)
    return visit.said(Said(text=visit.words("The screen is locked."), go="/unlock"))


@signed_in(locked=True)
async def sign_out(visit: Visit) -> Response:
    await visit.daemon.ask(SignOut(), SignInChanged)
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    visit.pages.forget(response, visit.pages.session_cookie)
    return response


@signed_in()
async def new_passkey(visit: Visit) -> Response:
    return _challenge(visit, await visit.daemon.ask(AskNewPasskey(), PasskeyAsked))


@signed_in()
async def add_passkey(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = AddPasskey(response=form.text("response", 16 * 1024), label=form.text("label", 64))
    done = await visit.daemon.ask(asked, SignInChanged)
    if not done.done:
        return _no(visit, done.reason, done.remedy)
    return visit.said(Said(text=visit.words("The passkey is on file."), tone="granted"))


@signed_in(locked=True)
async def own(visit: Visit) -> Response:
    """What belongs to whoever is signed in."""
    return visit.page("own.html")


async def choose(request: Request) -> Response:
    """Language and theme of this browser."""
    pages: Pages = request.app.state.pages
    form = await form_of(request)
    response = RedirectResponse(local_path(form.text("back", 512)), HTTPStatus.SEE_OTHER)
    language, theme = form.text("language", 8), form.text("theme", 8)
    if language in pages.languages:
        pages.keep(response, LANGUAGE_COOKIE, language, YEAR_S)
    if theme in THEMES:
        pages.keep(response, THEME_COOKIE, theme, YEAR_S)
    elif "theme" in form:
        pages.forget(response, THEME_COOKIE)
    return response


@open_to_all
async def terminal(visit: Visit) -> Response:
    """Where a browser becomes a terminal, by a one-time code."""
    awaited = await _awaited(visit)
    return visit.page("terminal.html", terminal=awaited.terminal)


@open_to_all
async def become_terminal(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = BecomeTerminal(code=form.text("code", 64))
    taken = await visit.daemon.ask(asked, TerminalTaken)
    if not taken.token:
        return _no(visit, taken.reason, taken.remedy, taken.wait_s)
    said = visit.words("This browser is the terminal %(name)s.", name=taken.terminal)
    response = visit.said(Said(text=said, tone="granted", go="/sign-in"))
    visit.pages.keep(response, visit.pages.terminal_cookie, taken.token, YEAR_S)
    return response


async def _awaited(visit: Visit) -> BadgeAwaited:
    """Which terminal this browser is, and what its reader has read."""
    terminal = _terminal_of(visit)
    if not terminal:
        return BadgeAwaited(seen=False)
    return await visit.daemon.ask(WaitsForBadge(terminal=terminal), BadgeAwaited)


def _terminal_of(visit: Visit) -> str:
    """What this browser has of a terminal; the daemon knows whether it counts."""
    if not visit.pages.settings.kind.terminals:
        return ""
    return visit.pages.kept(visit.request, visit.pages.terminal_cookie)


async def _signing(visit: Visit, asked: Message, form: Form) -> Response:
    """Hand a sign-in on; what came of it becomes the browser's cookie."""
    done = await visit.daemon.ask(asked, SignedIn)
    if not done.token:
        return _no(visit, done.reason, done.remedy, done.wait_s)
    go = local_path(form.text("next", 512) or "/")
    response = visit.said(Said(text=visit.words("Signed in."), tone="granted", go=go))
    visit.pages.keep(response, visit.pages.session_cookie, done.token)
    if done.session is not None and done.session.terminal:
        # A browser keeps no cookie for good: it is a terminal for as long as it is used as one.
        visit.pages.keep(response, visit.pages.terminal_cookie, _terminal_of(visit), YEAR_S)
    return response


def _challenge(visit: Visit, asked: PasskeyAsked) -> Response:
    if not asked.options:
        return _no(visit, asked.reason, asked.remedy)
    return JSONResponse({"options": asked.options})


def _no(visit: Visit, reason: str, remedy: str, wait_s: float = 0.0) -> Response:
    words = visit.words
    text = why_not(reason, remedy, words)
    if wait_s > 0:
        text += " " + words("The next try counts in %(seconds)d s.", seconds=round(wait_s + 0.5))
    return visit.said(
        Said(text=text, tone="denied", done=False), status=HTTPStatus.UNPROCESSABLE_ENTITY
    )


ROUTES = (
    Route("/sign-in", sign_in, methods=["GET"]),
    Route("/sign-in/password", by_password, methods=["POST"]),
    Route("/sign-in/link", by_link, methods=["POST"]),
    Route("/sign-in/passkey", by_passkey, methods=["POST"]),
    Route("/sign-in/passkey/challenge", passkey_asked, methods=["POST"]),
    Route("/invitation", invitation, methods=["GET"]),
    Route("/invitation", take_invitation, methods=["POST"]),
    Route("/invitation/confirm", confirm_invitation, methods=["POST"]),
    Route("/unlock", unlock, methods=["GET"]),
    Route("/unlock", unlocked, methods=["POST"]),
    Route("/lock", lock, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/own", own, methods=["GET"]),
    Route("/own/passkey/challenge", new_passkey, methods=["POST"]),
    Route("/own/passkey", add_passkey, methods=["POST"]),
    Route("/choose", choose, methods=["POST"]),
)

TERMINAL_ROUTES = (
    Route("/sign-in/badge", waits, methods=["GET"]),
    Route("/sign-in/pin", by_pin, methods=["POST"]),
    Route("/terminal", terminal, methods=["GET"]),
    Route("/terminal", become_terminal, methods=["POST"]),
)
"""Of screens that have a reader beside them."""
