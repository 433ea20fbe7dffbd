"""What the control server needs of the daemon where pictures are concerned."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.control.messages_journal import VerifyProgress
from edge.control.messages_pictures import (
    ExportPicture,
    ExportPictureReply,
    FramePart,
    PicturesReply,
    ReadPictures,
    VerifyPicturesReply,
)


class Pictures(Protocol):
    """As `edge.control.desk.Desk`, for pictures."""

    async def listed(self, asked: ReadPictures) -> PicturesReply:
        """What is kept, as many as one reply holds."""
        ...

    def export(
        self, asked: ExportPicture, operator: str
    ) -> AsyncGenerator[FramePart | ExportPictureReply, None]:
        """One picture or clip, frame by frame; on record before the first of them."""
        ...

    def verify(self) -> AsyncGenerator[VerifyProgress | VerifyPicturesReply, None]:
        """Every file against the journal; may be left at any time."""
        ...
