"""Examples of events of pictures, every field filled."""

from controller.body import Body
from controller.events_pictures import (
    PictureEnd,
    PictureKept,
    PictureKind,
    PictureLack,
    PictureMissed,
    PicturesErased,
    PictureShown,
)
from controller.ids import HolderId, PortalId
from controller.ledger import Personal, commitment

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))
PICTURE = "1b" * 16

PICTURES: tuple[Body, ...] = (
    PictureKept(
        picture=PICTURE,
        what=PictureKind.CLIP,
        about=(41, 44),
        portal=PortalId("gate"),
        camera="gate-outside",
        holders=(HolderId("h1"),),
        from_us=1_795_211_990_000_000,
        until_us=1_795_212_010_000_000,
        count=40,
        sealed_bytes=1_234_567,
        sha256="c4" * 32,
    ),
    PictureMissed(
        what=PictureKind.PICTURE,
        about=41,
        portal=PortalId("gate"),
        camera="gate-outside",
        why=PictureLack.NO_FRAME,
    ),
    PicturesErased(pictures=(PICTURE,), why=PictureEnd.PERSON_ERASED, holder=HolderId("h1")),
    PictureShown(picture=PICTURE, operator=OPERATOR, reason="the door that was forced on Sunday"),
)
