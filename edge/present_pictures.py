"""What entries about pictures say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_pictures as epi
from controller.body import Body
from controller.events_pictures import PictureEnd, PictureKind, PictureLack
from edge.tone import Names, Said, Tone, operator

_WHATS = {PictureKind.PICTURE: "a picture", PictureKind.CLIP: "a clip"}

_LACKS = {
    PictureLack.NO_ROOM: "the disk has no room for it",
    PictureLack.TOO_BUSY: "too many were to be kept at once",
    PictureLack.NO_FRAME: "the camera had no frame of that time",
    PictureLack.FAILED: "it could not be written; the log says why",
}

_ENDS = {
    PictureEnd.PERSON_ERASED: "somebody in them is erased",
    PictureEnd.TIME_OVER: "their time is over",
    PictureEnd.NO_ROOM: "the disk is nearly full",
}


def _kept(body: epi.PictureKept, _: Names) -> Said:
    frames = f", {body.count} frames," if body.what is PictureKind.CLIP else ""
    about = ", ".join(f"#{seq}" for seq in body.about)
    return Tone.PLAIN, f"{body.portal}: {_WHATS[body.what]} of {body.camera}{frames} for {about}"


def _missed(body: epi.PictureMissed, _: Names) -> Said:
    what = f"{body.portal}: {_WHATS[body.what]} of {body.camera} for #{body.about} was not kept"
    return Tone.FAULT, f"{what}: {_LACKS[body.why]}"


def _erased(body: epi.PicturesErased, _: Names) -> Said:
    count = len(body.pictures)
    what = "1 picture or clip is" if count == 1 else f"{count} pictures or clips are"
    return Tone.NOTICE, f"{what} erased: {_ENDS[body.why]}"


def _shown(body: epi.PictureShown, names: Names) -> Said:
    why = f": {body.reason}" if body.reason else ""
    return Tone.NOTICE, f"picture {body.picture[:8]} was given to {operator(names)}{why}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    epi.PictureKept: _kept,
    epi.PictureMissed: _missed,
    epi.PicturesErased: _erased,
    epi.PictureShown: _shown,
}
