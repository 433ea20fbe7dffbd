"""Events of pictures: which were kept beside what, which were not, and which are gone.

A picture itself never stands in an entry: its hash does, over the sealed bytes on the disk.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.body import Body, Count, Name, Seq, Text
from controller.ids import HolderId, PortalId
from controller.ledger import Commitment
from controller.moment import Micros

PictureId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""Drawn by the edge; the file and its key are found by it."""

ABOUT_MAX = 32
"""Alarms that one clip is kept for; what comes later has a clip of its own."""

HOLDERS_MAX = 32
"""People who presented themselves at one camera's portal within one clip."""

ERASED_MAX = 512
"""As many ids as fit into one entry, several times over."""


class PictureKind(StrEnum):
    PICTURE = "picture"
    CLIP = "clip"


class PictureLack(StrEnum):
    """Why a picture was not kept."""

    NO_ROOM = "no-room"
    TOO_BUSY = "too-busy"
    NO_FRAME = "no-frame"
    FAILED = "failed"


class PictureEnd(StrEnum):
    """Why pictures are kept no longer."""

    PERSON_ERASED = "person-erased"
    TIME_OVER = "time-over"
    NO_ROOM = "no-room"


class PictureKept(Body, frozen=True, kw_only=True):
    """A picture, or a clip of `count` of them, lies sealed on the edge's disk: `sealed_bytes` with
    this SHA-256. `about`: the decision or alarms that it is kept for. `holders`: who presented
    themselves at its portal in that time; where one of them is erased it goes. `from_us` and
    `until_us`: of its first and last frame, by wall time.
    """

    picture: PictureId
    what: PictureKind
    about: Annotated[tuple[Seq, ...], msgspec.Meta(min_length=1, max_length=ABOUT_MAX)]
    portal: PortalId
    camera: Name
    holders: Annotated[tuple[HolderId, ...], msgspec.Meta(max_length=HOLDERS_MAX)] = ()
    from_us: Micros
    until_us: Micros
    count: Count
    sealed_bytes: Count
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class PictureMissed(Body, frozen=True, kw_only=True):
    """A picture that the policy wants was not kept. Said once for a camera and a reason, until one
    is kept again.
    """

    what: PictureKind
    about: Seq
    portal: PortalId
    camera: Name
    why: PictureLack


class PicturesErased(Body, frozen=True, kw_only=True):
    """The keys of these pictures are destroyed, and their files removed. `holder`: who was erased,
    where that is why.
    """

    pictures: Annotated[tuple[PictureId, ...], msgspec.Meta(min_length=1, max_length=ERASED_MAX)]
    why: PictureEnd
    holder: HolderId | None = None


class PictureShown(Body, frozen=True, kw_only=True):
    """Somebody was given a picture or clip. `reason`: what for, where he said it."""

    picture: PictureId
    operator: Commitment
    reason: Text = ""
