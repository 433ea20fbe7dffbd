"""Inputs about pictures: what the edge has kept, could not keep, erases and shows."""

from controller.events_pictures import PictureEnd, PictureId, PictureKept, PictureMissed
from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal


class PictureStored(Input, frozen=True, kw_only=True):
    """It lies on the disk under the key that is kept for it."""

    kept: PictureKept


class PictureLacking(Input, frozen=True, kw_only=True):
    missed: PictureMissed


class PicturesEnding(Input, frozen=True, kw_only=True):
    """They are about to be erased; at least one, in any number."""

    pictures: tuple[PictureId, ...]
    why: PictureEnd
    holder: HolderId | None = None


class PictureAsked(Input, frozen=True, kw_only=True):
    """Somebody is about to be given one. `operator.field` is `operator`."""

    picture: PictureId
    operator: Personal
    reason: str = ""
