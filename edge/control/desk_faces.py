"""What the control server needs of the daemon where templates of faces are concerned."""

from typing import Protocol

from edge.control.messages_faces import (
    EnrolFace,
    FacePictureReply,
    FaceReply,
    FacesReply,
)


class Faces(Protocol):
    """As `edge.control.desk.Desk`, for templates of faces."""

    async def enrol(self, asked: EnrolFace, operator: str, *, may_name: bool) -> FaceReply:
        """Hold it against all others, record it and put it on file. `may_name`: the peer may be
        told whom it resembles.
        """
        ...

    async def erase(self, person: str, operator: str) -> FaceReply:
        """Record that it goes, and let it go."""
        ...

    async def listed(self, begin: int) -> FacesReply:
        """Those on file, and those that only the journal knows of."""
        ...

    async def picture(self, camera: str) -> FacePictureReply:
        """One picture of a camera, for an enrolment."""
        ...
