"""The chief's console, and the lockdown that every page has."""

from collections.abc import Callable, Iterable

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from controller.consents import PARTY_MAX
from controller.orders import Cover
from edge.control.message import Message
from edge.control.messages import Heartbeat
from edge.control.messages_orders import AskPosture, OrderReply, PostureReply
from edge.control.messages_page_orders import (
    AddSignedFile,
    ArmHold,
    ConsoleHeartbeat,
    ConsoleState,
    DraftConsent,
    DraftFile,
    DraftOrder,
    DraftReply,
    DrillReportPart,
    DrillsReply,
    FollowConsole,
    HoldArmed,
    RaisedKind,
    RaiseFromPage,
    ReadDraftFile,
    ReadDrillReport,
    ReadDrills,
    SignDraft,
    WithdrawDraft,
)
from edge.control.messages_visits import EndConsent, VisitReply
from edge.web.console_words import console_view
from edge.web.forms import Form, form_of
from edge.web.live import BEAT, Told, stream
from edge.web.pages import Said, Visit, clock, day_and_clock, signed_in, why_not, zone_named
from edge.web.words import Words
from policies.rights import OrderKind, Right

REASON_CHARS_MAX = 200

DRILL_S = 1800
"""A drill that nobody ends is over after half an hour."""

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""A drill's report is a page of its own, with styles in it and nothing that runs."""

chief = signed_in(Right.CONSOLE)
orders = signed_in(Right.CONSOLE, Right.GATE)


@chief
async def console(visit: Visit) -> Response:
    """The page; what stands on it comes by the stream."""
    return visit.page("console.html")


@chief
async def live(visit: Visit) -> Response:
    return stream(visit.request, FollowConsole(), drawer(visit.words))


def drawer(words: Words) -> Callable[[Message], Iterable[Told]]:
    """Draws one console's stream."""
    zone = zone_named("UTC")

    def draw(message: Message) -> Iterable[Told]:
        nonlocal zone
        match message:
            case ConsoleState():
                zone = zone_named(message.posture.timezone)
                yield Told("state", console_view(message, words, zone))
                yield Told("clock", clock(message.posture.utc_us, zone))
                yield BEAT
            case ConsoleHeartbeat():
                yield Told("clock", clock(message.utc_us, zone))
                yield BEAT

    return draw


@orders
async def zones(visit: Visit) -> Response:
    """What may be chosen for an order."""
    posture = await visit.daemon.ask(AskPosture(), PostureReply)
    return JSONResponse({"zones": [{"id": one.zone, "name": one.name} for one in posture.zones]})


@orders
async def arm(visit: Visit) -> Response:
    """A hold begins."""
    armed = await visit.daemon.ask(ArmHold(), HoldArmed)
    return JSONResponse(
        {"token": armed.token, "after_ms": armed.after_ms, "within_ms": armed.within_ms}
    )


@orders
async def raised(visit: Visit) -> Response:
    """A hold has ended as it should: the edge gives the order."""
    form = await form_of(visit.request)
    kind = form.choice("kind", RaisedKind)
    drill = "drill" in form
    until_s = None
    if drill and kind is not RaisedKind.END_DRILL:
        now = await visit.daemon.ask(AskPosture(), PostureReply)
        until_s = now.utc_us // 1_000_000 + DRILL_S
    asked = RaiseFromPage(
        kind=kind,
        held=form.text("held", 64),
        request=form.text("request", 64),
        reason=form.text("reason", REASON_CHARS_MAX),
        zones=_zones(form),
        cover=form.choice("cover", Cover) if form.text("cover", 16) else None,
        level=form.number("level", 1, 5) if kind is RaisedKind.RAISE else None,
        ends=(form.text("ends", 64),) if form.text("ends", 64) else (),
        drill=drill,
        until_s=until_s,
    )
    return visit.said(_given(await visit.daemon.ask(asked, OrderReply), visit.words))


@chief
async def draft(visit: Visit) -> Response:
    """What two people will sign."""
    form = await form_of(visit.request)
    kind = form.choice("kind", OrderKind)
    asked = DraftOrder(
        kind=kind,
        reason=form.text("reason", REASON_CHARS_MAX),
        ends=form.all("end"),
        zones=_zones(form),
        level=form.number("level", 1, 5) if form.text("level", 2) else None,
    )
    return visit.said(_drafted(await visit.daemon.ask(asked, DraftReply), visit.words))


@chief
async def consent(visit: Visit) -> Response:
    """What the head of mission, or whoever acts for him, will sign."""
    form = await form_of(visit.request)
    asked = DraftConsent(
        person=form.text("person", 64),
        until_s=form.second("until", visit.zone),
        reason=form.text("reason", REASON_CHARS_MAX),
        zones=_zones(form),
        party=form.number("party", 0, PARTY_MAX) if form.text("party", 4) else 0,
    )
    return visit.said(_drafted(await visit.daemon.ask(asked, DraftReply), visit.words))


@chief
async def end_consent(visit: Visit) -> Response:
    """It takes something away: one person does it, at once."""
    form = await form_of(visit.request)
    done = await visit.daemon.ask(EndConsent(person=form.text("person", 64)), VisitReply)
    if not done.accepted:
        return visit.refused(done.reason, done.remedy)
    return visit.said(Said(text=visit.words("The consent has ended."), tone="notice"))


@chief
async def sign(visit: Visit) -> Response:
    """One person's own signature; the second may sit at another screen."""
    form = await form_of(visit.request)
    asked = SignDraft(draft=form.text("draft", 16), response=form.text("response", 16 * 1024))
    return visit.said(_drafted(await visit.daemon.ask(asked, DraftReply), visit.words))


@chief
async def add_file(visit: Visit) -> Response:
    """Signatures that were made elsewhere, as the text of their file."""
    form = await form_of(visit.request)
    asked = AddSignedFile(
        draft=form.text("draft", 16), envelope=form.lines("file", 100_000).encode()
    )
    return visit.said(_drafted(await visit.daemon.ask(asked, DraftReply), visit.words))


@chief
async def draft_file(visit: Visit) -> Response:
    """The draft, to be signed elsewhere."""
    asked = ReadDraftFile(draft=visit.request.path_params["draft"])
    found = await visit.daemon.ask(asked, DraftFile)
    if not found.envelope:
        return visit.said(
            Said(text=why_not(found.reason, found.remedy, visit.words), tone="denied", done=False),
            status=404,
        )
    name = "".join(sign for sign in found.name if sign.isalnum() or sign in "-_.") or "order"
    return Response(
        found.envelope,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@chief
async def withdraw(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = WithdrawDraft(draft=form.text("draft", 16))
    return visit.said(_drafted(await visit.daemon.ask(asked, DraftReply), visit.words))


@chief
async def drills(visit: Visit) -> Response:
    """Exercises, each with its report."""
    reply = await visit.daemon.ask(ReadDrills(), DrillsReply)
    return visit.page(
        "drills.html",
        drills=reply.drills,
        trouble=reply.trouble,
        time=lambda utc_us: day_and_clock(utc_us, visit.zone),
    )


@chief
async def drill(visit: Visit) -> Response:
    """One exercise's report, as it is printed."""
    parts: list[str] = []
    async for piece in visit.daemon.follow(
        ReadDrillReport(order=visit.request.path_params["order"])
    ):
        if isinstance(piece, Heartbeat):
            continue
        assert isinstance(piece, DrillReportPart)
        if not piece.html and piece.reason:
            said = Said(
                text=why_not(piece.reason, piece.remedy, visit.words), tone="denied", done=False
            )
            return visit.said(said, status=404)
        parts.append(piece.html)
        if piece.ends:
            break
    return Response(
        "".join(parts), media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
    )


def _zones(form: Form) -> tuple[str, ...]:
    """Those that are ticked or chosen; none: the whole site."""
    one = form.text("zone", 64)
    return (one,) if one else form.all("zones")


def _given(done: OrderReply, words: Words) -> Said:
    if not done.accepted:
        return Said(text=why_not(done.reason, done.remedy, words), tone="denied", done=False)
    text = words("Ordered: %(what)s", what=words(done.reason))
    if not done.recorded:
        text += " " + words("It is not on disk yet.")
    return Said(text=text, tone="alarm")


def _drafted(done: DraftReply, words: Words) -> Said:
    if done.given is not None:
        return _given(done.given, words)
    if not done.accepted:
        return Said(text=why_not(done.reason, done.remedy, words), tone="denied", done=False)
    return Said(text=words(done.reason) if done.reason else words("Noted."), tone="notice")


ROUTES = (
    Route("/console", console, methods=["GET"]),
    Route("/console/live", live, methods=["GET"]),
    Route("/console/draft", draft, methods=["POST"]),
    Route("/console/draft/{draft:str}", draft_file, methods=["GET"]),
    Route("/console/consent", consent, methods=["POST"]),
    Route("/console/consent/end", end_consent, methods=["POST"]),
    Route("/console/sign", sign, methods=["POST"]),
    Route("/console/file", add_file, methods=["POST"]),
    Route("/console/withdraw", withdraw, methods=["POST"]),
    Route("/console/drills", drills, methods=["GET"]),
    Route("/console/drills/{order:str}", drill, methods=["GET"]),
    Route("/orders/zones", zones, methods=["GET"]),
    Route("/orders/arm", arm, methods=["POST"]),
    Route("/orders/raise", raised, methods=["POST"]),
)
