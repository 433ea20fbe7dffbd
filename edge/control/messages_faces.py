"""What passes over the control socket about templates of faces. No repr shows one, or whose it is.

The pictures of an enrolment stay with the command that reads them: the daemon gets numbers.
"""

from typing import Annotated

import msgspec

from controller.events_faces import VIEWS_MAX
from drivers.faces.api import TEMPLATE_BYTES
from edge.control.message import Count, Message, Part
from edge.orders import PersonId
from policies.facts import UtcSeconds

CONSENT_CHARS_MAX = 400
"""What has been agreed to, and where the signed form lies; with its date it is a value beside an
entry."""

MODEL_CHARS_MAX = 100

ALIKE_MAX = 20
"""People who are named as look-alikes; where there are more the enrolment is what is wrong."""

FACES_MAX = 500
"""Templates of one reply."""

JPEG_BYTES_MAX = 8_000_000
"""One picture of a camera; of pure noise one has 3 MB. It goes before its reply, in parts."""


PORTRAIT_BYTES_MAX = 100_000
"""A face of PORTRAIT_PX as JPEG has a third of that."""


class EnrolFace(Message, frozen=True, kw_only=True):
    """Put a template of somebody's face on file; answered by FaceReply.

    `mean`: as in `drivers.faces.api.Template`, of so many `views`. `despite_alike`: somebody has
    looked at whom it resembles. `portrait`: a JPEG of the face, which is kept where the policy has
    one kept, and let go otherwise.
    """

    person: PersonId
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=MODEL_CHARS_MAX)]
    mean: Annotated[bytes, msgspec.Meta(min_length=TEMPLATE_BYTES, max_length=TEMPLATE_BYTES)]
    views: Annotated[int, msgspec.Meta(ge=1, le=VIEWS_MAX)]
    consent: Annotated[str, msgspec.Meta(min_length=1, max_length=CONSENT_CHARS_MAX)]
    despite_alike: bool = False
    portrait: Annotated[bytes, msgspec.Meta(max_length=PORTRAIT_BYTES_MAX)] = b""

    def __repr__(self) -> str:
        return f"EnrolFace(model={self.model!r}, views={self.views}, …)"


class EraseFace(Message, frozen=True, kw_only=True):
    """Erase the template of somebody, and nothing else of him; answered by FaceReply."""

    person: PersonId

    def __repr__(self) -> str:
        return "EraseFace(…)"


class ListFaces(Message, frozen=True, kw_only=True):
    """Which templates are on file, from the `begin`th on? Answered by FacesReply."""

    begin: Count = 0


class TakeFacePicture(Message, frozen=True, kw_only=True):
    """What does a camera see now? Answered by FileParts with the picture, if there is one, and then
    by FacePictureReply without it; nothing of it is kept.
    """

    camera: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


FaceRequest = EnrolFace | EraseFace | ListFaces | TakeFacePicture


class FaceReply(Message, frozen=True, kw_only=True):
    """`done`: it is on record and on file, or off it. `kept`: it is recorded and comes to be by
    itself, and `reason` says why not yet. Neither: nothing was changed, and `reason` and `remedy`
    say why.

    `compared`: templates that a new one was held against; `alike`: how many of them it resembles;
    `people`: who they are, for the daemon's own account and root alone.
    """

    done: bool
    kept: bool = False
    version: Count = 0
    compared: Count = 0
    alike: Count = 0
    people: Annotated[tuple[str, ...], msgspec.Meta(max_length=ALIKE_MAX)] = ()
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"FaceReply(done={self.done}, kept={self.kept}, alike={self.alike}, …)"


class FaceShown(Part, frozen=True, kw_only=True):
    """One template. `person`, `name`: as on file, empty where nobody knows her. `trouble`: why it
    cannot be used, empty where it can. `made_utc_s`: None where only the journal knows of it.
    """

    person: str
    name: str
    holder: str
    version: Count
    model: str
    views: Count
    made_utc_s: UtcSeconds | None
    trouble: str = ""

    def __repr__(self) -> str:
        return f"FaceShown(holder={self.holder!r}, version={self.version})"


class FacesReply(Message, frozen=True, kw_only=True):
    """Templates in the order of their versions. `model`: what the edge compares with now, empty
    where it is not known. `key`: the id of the key they are sealed under. `trouble`: why none can
    be used.
    """

    timezone: str
    utc_s: UtcSeconds
    faces: Annotated[tuple[FaceShown, ...], msgspec.Meta(max_length=FACES_MAX)]
    model: str = ""
    key: str = ""
    trouble: str = ""
    more: bool = False


class FacePictureReply(Message, frozen=True, kw_only=True):
    """`jpeg` is empty where there is none, with why and what to do. No repr shows it."""

    jpeg: Annotated[bytes, msgspec.Meta(max_length=JPEG_BYTES_MAX)] = b""
    at_ns: Count = 0
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"FacePictureReply({len(self.jpeg)} bytes)"


FaceAnswer = FaceReply | FacesReply | FacePictureReply
