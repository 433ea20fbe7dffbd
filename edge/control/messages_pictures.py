"""What passes over the control socket about pictures and clips."""

from typing import Annotated

import msgspec

from controller.body import TEXT_CHARS_MAX
from controller.events_pictures import PictureId, PictureKind
from controller.moment import Micros
from edge.control.message import Count, Message, Part

FRAME_PART_BYTES_MAX = 512 * 1024
"""Of a frame's JPEG in one message: half a control frame, for it travels in base64."""

PICTURES_SHOWN_MAX = 200
"""Of one reply."""

FINDINGS_MAX = 500
"""Of a verification; there may be more behind so many."""


class ReadPictures(Message, frozen=True, kw_only=True):
    """What is kept, in the journal's order behind entry `after`; answered by PicturesReply.
    `portal`, `since_us` and `about` (an entry's number): of these alone.
    """

    after: Count = 0
    portal: Annotated[str, msgspec.Meta(max_length=64)] = ""
    since_us: Micros = 0
    about: Count = 0


class ExportPicture(Message, frozen=True, kw_only=True):
    """Give the picture or clip that entry `seq` says was kept, or the only one that was kept for
    entry `seq`. Who asks is recorded first, with the `reason`. Answered by FramePart for every
    frame, then ExportPictureReply.
    """

    seq: Count
    reason: Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)] = ""


class VerifyPictures(Message, frozen=True, kw_only=True):
    """Are all files what the journal says of them? Answered by VerifyProgress, then
    VerifyPicturesReply.
    """


PictureRequest = ReadPictures | ExportPicture | VerifyPictures


class PictureShown(Part, frozen=True, kw_only=True):
    """One picture or clip; `seq` is the entry that has its hash. No key shows here."""

    seq: Count
    id: PictureId
    what: PictureKind
    about: tuple[Count, ...]
    portal: str
    camera: str
    from_us: Micros
    until_us: Micros
    count: Count
    sealed_bytes: Count
    sha256: str


class PicturesReply(Message, frozen=True, kw_only=True):
    """`more`: ask again behind the last. `total` and `total_bytes`: of all that is kept. `reason`:
    why it cannot be said.
    """

    timezone: str
    pictures: tuple[PictureShown, ...] = ()
    more: bool = False
    total: Count = 0
    total_bytes: Count = 0
    reason: str = ""
    remedy: str = ""


class FramePart(Message, frozen=True, kw_only=True):
    """A piece of one frame's JPEG; `ends`: the last of it."""

    utc_us: Micros
    width: Count
    height: Count
    data: Annotated[bytes, msgspec.Meta(max_length=FRAME_PART_BYTES_MAX)]
    ends: bool

    def __repr__(self) -> str:
        return f"FramePart(<{len(self.data)} bytes>)"


class ExportPictureReply(Message, frozen=True, kw_only=True):
    """All frames went before. Without `picture`, `reason` and `remedy` say why nothing, or not all
    of it, is given. `recorded`: the entry that says who asked.
    """

    timezone: str = "UTC"
    picture: PictureShown | None = None
    recorded: Count = 0
    reason: str = ""
    remedy: str = ""


class PictureFinding(Part, frozen=True, kw_only=True):
    """`seq`: the entry that it is about; 0 where none is."""

    seq: Count
    what: str


class VerifyPicturesReply(Message, frozen=True, kw_only=True):
    """So many files are what the journal says, so many are `erased` and on record as that.
    `unproven`: files whose entries are not in this journal any more. `reason`: why nothing is said.
    """

    sound: Count = 0
    erased: Count = 0
    unproven: Count = 0
    findings: tuple[PictureFinding, ...] = ()
    reason: str = ""
    remedy: str = ""


PictureAnswer = PicturesReply | FramePart | ExportPictureReply | VerifyPicturesReply
