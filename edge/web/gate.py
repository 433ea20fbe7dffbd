"""The gate terminal: who is at the door, what was decided, and what a guard does about it."""

from collections.abc import AsyncIterator, Callable, Iterable
from http import HTTPStatus
from operator import itemgetter

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.control.message import Message
from edge.control.messages_gate import (
    AskInside,
    AskPlan,
    ConfirmRelease,
    FollowGate,
    GateHeartbeat,
    GateHello,
    GateInside,
    GatePassage,
    GatePortal,
    GatePosture,
    GateReleaseReply,
    GateReleaseWaits,
    GateSide,
    InsidePerson,
    InsideReply,
    PlanReply,
    RefuseAtGate,
    ReleaseAtGate,
    ShowGatePicture,
)
from edge.control.messages_guard import AnswerComparison, ComparedReply, ComparisonPicture, Verdict
from edge.control.messages_page_orders import Panic, PanicReply
from edge.control.messages_visits import LetPass, PassReply, VisitReply
from edge.web.drawing import Drawing, drawing_of
from edge.web.forms import form_of
from edge.web.gate_words import (
    passage_view,
    portal_view,
    posture_view,
    release_view,
    text_of,
)
from edge.web.live import BEAT, Told, stream
from edge.web.pages import Said, Visit, clock, signed_in, why_not, zone_named
from edge.web.words import Words
from policies.facts import Direction
from policies.rights import Right

REASON_CHARS_MAX = 200
MOST_PARTY = 20

guarded = signed_in(Right.GATE)
watched = signed_in(Right.GATE, locked=True)
"""A locked screen still shows alarms and doors; what is asked from it is refused by the daemon."""


@watched
async def gate(visit: Visit) -> Response:
    """The page; what stands on it comes by the stream."""
    plan = await visit.daemon.ask(AskPlan(), PlanReply)
    return visit.page("gate.html", plan=plan, drawing=_drawn(plan), portals=choices(plan))


@watched
async def live(visit: Visit) -> Response:
    """What happens here."""
    attends = visit.request.query_params.get("attends") == "1" and not visit.session.locked
    # Not behind what the page has: its list is made anew, of the newest fifty.
    return stream(visit.request, FollowGate(attends=attends), drawer(visit.words))


def drawer(words: Words) -> Callable[[Message], Iterable[Told]]:
    """Draws one page's stream, whose first message names zone and portals."""
    names: dict[str, str] = {}
    zone = zone_named("UTC")

    def draw(message: Message) -> Iterable[Told]:
        nonlocal zone
        match message:
            case GateHello():
                zone = zone_named(message.timezone)
                names.update({one.id: one.name for one in message.portals})
                yield Told("hello", {"missed": message.missed}, message.seq)
                yield Told("posture", posture_view(message.posture, words))
                for portal in message.portals:
                    yield Told("portal", portal_view(portal, words))
                for passage in message.recent:
                    yield Told("passage", passage_view(passage, names, words, zone))
                for waits in message.releases:
                    yield Told("release", release_view(waits, names, words))
                yield Told("inside", _inside(message.inside))
                yield Told("state", _state(message.recorded, message.clock_trusted, words))
                yield BEAT
            case GatePassage():
                yield Told("passage", passage_view(message, names, words, zone), message.seq)
            case GatePortal():
                yield Told("portal", portal_view(message, words))
            case GatePosture():
                yield Told("posture", posture_view(message, words))
            case GateInside():
                yield Told("inside", _inside(message))
            case GateReleaseWaits():
                yield Told("release", release_view(message, names, words))
            case GateHeartbeat():
                yield Told("state", _state(message.recorded, message.clock_trusted, words))
                yield Told("clock", clock(message.utc_us, zone))
                yield Told("beat", 0, message.seq)

    return draw


@signed_in(Right.GATE, locked=True, background=True)
async def picture(visit: Visit) -> Response:
    """One picture, as it is now. No browser keeps it."""
    asked = visit.request.query_params
    if asked.get("side", "live") not in set(GateSide):
        return PlainTextResponse("", HTTPStatus.NOT_FOUND)
    wished = ShowGatePicture(
        attempt=asked.get("attempt", "")[:64],
        camera=asked.get("camera", "")[:64],
        side=GateSide(asked.get("side", "live")),
    )
    whole = b"".join([part async for part in _pieces(visit, wished)])
    if not whole:
        return PlainTextResponse("", HTTPStatus.NOT_FOUND)
    return Response(whole, media_type="image/jpeg")


async def _pieces(visit: Visit, wished: ShowGatePicture) -> AsyncIterator[bytes]:
    async for piece in visit.daemon.follow(wished):
        if isinstance(piece, ComparisonPicture):
            yield piece.data
            if piece.ends:
                return


@guarded
async def compare(visit: Visit) -> Response:
    """A guard has looked at both pictures."""
    form = await form_of(visit.request)
    asked = AnswerComparison(
        question=form.text("question", 64),
        accepted=form.text("verdict", 8) == "accept",
        reason=form.text("reason", REASON_CHARS_MAX),
    )
    done = await visit.daemon.ask(asked, ComparedReply)
    words = visit.words
    if done.verdict is Verdict.NONE:
        return visit.refused(done.reason, done.remedy, status=HTTPStatus.OK)
    if done.verdict is Verdict.WAITS:
        return visit.said(Said(text=words("Noted. Something else is asked for next.")))
    said = words("Granted") if done.verdict is Verdict.GRANTED else words("Refused")
    reasons = "; ".join(words(text_of(code)) for code, _ in done.reasons)
    tone = "granted" if done.verdict is Verdict.GRANTED else "denied"
    return visit.said(Said(text=f"{said}: {reasons}", tone=tone))


@guarded
async def let_pass(visit: Visit) -> Response:
    """Somebody on file whom the guard knows."""
    form = await form_of(visit.request)
    asked = LetPass(
        portal=form.text("portal", 64),
        direction=form.choice("direction", Direction),
        person=form.text("person", 64),
        host=form.text("host", 64),
        party=form.number("party", 0, MOST_PARTY) if form.text("party", 4) else 0,
        sealed_bag="sealed_bag" in form,
        reason=form.text("reason", REASON_CHARS_MAX),
    )
    return visit.said(_passed(await visit.daemon.ask(asked, PassReply), visit.words))


@guarded
async def release(visit: Visit) -> Response:
    """The guard's own word, for whoever stands there."""
    form = await form_of(visit.request)
    asked = ReleaseAtGate(
        portal=form.text("portal", 64),
        direction=form.choice("direction", Direction),
        party=form.number("party", 0, MOST_PARTY) if form.text("party", 4) else 0,
        reason=form.text("reason", REASON_CHARS_MAX),
    )
    return visit.said(_released(await visit.daemon.ask(asked, GateReleaseReply), visit.words))


@guarded
async def confirm(visit: Visit) -> Response:
    """The second person's word for a release that waits for it."""
    form = await form_of(visit.request)
    asked = ConfirmRelease(release=form.text("release", 64))
    return visit.said(_released(await visit.daemon.ask(asked, GateReleaseReply), visit.words))


@guarded
async def refuse(visit: Visit) -> Response:
    form = await form_of(visit.request)
    asked = RefuseAtGate(
        attempt=form.text("attempt", 64), reason=form.text("reason", REASON_CHARS_MAX)
    )
    done = await visit.daemon.ask(asked, VisitReply)
    if not done.accepted:
        return visit.refused(done.reason, done.remedy, status=HTTPStatus.OK)
    return visit.said(Said(text=visit.words("Refused, and on record."), tone="denied"))


@watched
async def panic(visit: Visit) -> Response:
    """Help is needed here. Nothing is asked first."""
    done = await visit.daemon.ask(Panic(), PanicReply)
    text = (
        visit.words("The alarm is given.") if done.alarmed else visit.words("No alarm was given.")
    )
    return visit.said(Said(text=text, tone="alarm", done=done.alarmed))


@guarded
async def inside(visit: Visit) -> Response:
    """Who is inside, as far as this session may see who."""
    people: list[InsidePerson] = []
    begin, total = 0, 1
    while begin < total:
        reply = await visit.daemon.ask(AskInside(begin=begin), InsideReply)
        people += reply.people
        total = reply.total
        begin += max(len(reply.people), 1)
    return visit.page(
        "inside.html",
        people=people,
        zones=reply.zones,
        total=total,
        clock=lambda second: clock(second * 1_000_000, visit.zone),
        as_of=clock(reply.utc_us, visit.zone),
    )


def _drawn(plan: PlanReply) -> Drawing | None:
    if not plan.drawing:
        return None
    return drawing_of(plan.drawing, {one.element: one.portal for one in plan.points if one.element})


def choices(plan: PlanReply) -> list[tuple[str, str]]:
    """Portals, by their names."""
    return sorted(((one.portal, one.name) for one in plan.points), key=itemgetter(1))


def _inside(told: GateInside) -> dict[str, object]:
    return {"zones": [{"zone": one.zone, "people": one.people} for one in told.zones]}


def _state(recorded: bool, trusted: bool, words: Words) -> dict[str, str]:
    troubles = []
    if not recorded:
        troubles.append(words("The journal cannot be written: entry is refused."))
    if not trusted:
        troubles.append(words("The clock is not trusted."))
    return {"text": " ".join(troubles)}


def _passed(done: PassReply, words: Words) -> Said:
    if done.remedy:
        reasons = "; ".join(text for _, text in done.reasons)
        return Said(text=why_not(reasons, done.remedy, words), tone="denied", done=False)
    reasons = "; ".join(words(text_of(code)) for code, _ in (*done.reasons, *done.notes))
    if not done.granted:
        return Said(text=f"{words('Refused')}: {reasons}", tone="denied", done=False)
    opened = words("The door opens.") if done.released else words("No lock had to be opened.")
    return Said(text=f"{words('Granted')}: {reasons}. {opened}", tone="granted")


def _released(done: GateReleaseReply, words: Words) -> Said:
    if done.release:
        text = words("A second person has to agree: release %(name)s.", name=done.release)
        return Said(text=text, tone="notice")
    if done.verdict is not None:
        return _passed(done.verdict, words)
    return Said(text=why_not(done.reason, done.remedy, words), tone="denied", done=False)


ROUTES = (
    Route("/gate", gate, methods=["GET"]),
    Route("/gate/live", live, methods=["GET"]),
    Route("/gate/picture", picture, methods=["GET"]),
    Route("/gate/inside", inside, methods=["GET"]),
    Route("/gate/compare", compare, methods=["POST"]),
    Route("/gate/let-pass", let_pass, methods=["POST"]),
    Route("/gate/release", release, methods=["POST"]),
    Route("/gate/confirm", confirm, methods=["POST"]),
    Route("/gate/refuse", refuse, methods=["POST"]),
    Route("/gate/panic", panic, methods=["POST"]),
)
