"""Pictures and clips that the policy wants kept, for whoever investigates: shown one at a time, and
only after the journal says who looks.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from controller.events_pictures import PictureKind
from edge.control.messages_pictures import (
    ExportPicture,
    ExportPictureReply,
    FramePart,
    PicturesReply,
    ReadPictures,
)
from edge.web.daemon import DaemonRefusedError, NotSignedInError
from edge.web.forms import form_of
from edge.web.live import HEADERS
from edge.web.pages import Pages, Visit, day_and_clock, signed_in, why_not, zone_named
from edge.web.words import Words, marked
from policies.rights import Right

REASON_CHARS_MAX = 200
SEQ_MAX = 2**53 - 1

KINDS = {
    PictureKind.PICTURE: marked("picture"),
    PictureKind.CLIP: marked("clip"),
}
assert set(KINDS) == set(PictureKind), "every kind of picture has its word"

SHOWN, SAID = b"F", b"E"
"""What begins a piece of the answer: a frame, or a word for whoever asked."""

chief = signed_in(Right.CONSOLE)


@chief
async def picture(visit: Visit) -> Response:
    """What is kept under this entry, or about it; nothing is shown yet."""
    seq = _seq(visit.request)
    itself = await visit.daemon.ask(ReadPictures(after=seq - 1), PicturesReply)
    kept = tuple(one for one in itself.pictures if one.seq == seq)
    if not kept:
        kept = (await visit.daemon.ask(ReadPictures(about=seq), PicturesReply)).pictures
    zone = zone_named(itself.timezone)
    return visit.page(
        "pictures.html",
        status=HTTPStatus.OK if kept else HTTPStatus.NOT_FOUND,
        seq=seq,
        kept=kept,
        kinds=KINDS,
        trouble=why_not(itself.reason, itself.remedy, visit.words) if itself.reason else "",
        time=lambda utc_us: day_and_clock(utc_us, zone),
    )


@chief
async def shown(visit: Visit) -> Response:
    """Its frames, each behind its time and its length. No browser keeps them."""
    form = await form_of(visit.request)
    asked = ExportPicture(seq=_seq(visit.request), reason=form.text("reason", REASON_CHARS_MAX))
    frames = _frames(visit.pages, visit.pages.token(visit.request), asked, visit.words)
    return StreamingResponse(frames, media_type="application/octet-stream", headers=HEADERS)


async def _frames(
    pages: Pages, token: str, asked: ExportPicture, words: Words
) -> AsyncIterator[bytes]:
    parts: list[bytes] = []
    try:
        async with pages.conversing() as daemon:
            await daemon.sign(token)
            async for reply in daemon.follow(asked):
                if isinstance(reply, FramePart):
                    parts.append(reply.data)
                    if reply.ends:
                        yield _piece(SHOWN, b"".join(parts), reply.utc_us)
                        parts = []
                elif isinstance(reply, ExportPictureReply):
                    if reply.reason:
                        yield _piece(SAID, why_not(reply.reason, reply.remedy, words).encode())
                    return
    except DaemonRefusedError as error:
        refused = why_not(error.refused.reason, error.refused.remedy, words)
        yield _piece(SAID, refused.encode())
    except NotSignedInError:
        yield _piece(SAID, words("Sign in").encode())


def _piece(kind: bytes, content: bytes, utc_us: int = 0) -> bytes:
    return kind + utc_us.to_bytes(8, "big") + len(content).to_bytes(4, "big") + content


def _seq(request: Request) -> int:
    seq: int = request.path_params["seq"]
    if not 1 <= seq <= SEQ_MAX:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return seq


ROUTES = (
    Route("/pictures/{seq:int}", picture, methods=["GET"]),
    Route("/pictures/{seq:int}", shown, methods=["POST"]),
)
