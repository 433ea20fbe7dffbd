"""Who has a template of the face on file, and which: the fold of the entries about it."""

from collections.abc import Mapping

from controller.events_faces import FaceEnrolled, FaceErased, FaceUnsound, TemplatesResealed
from controller.ids import HolderId

FaceChange = FaceEnrolled | FaceErased | FaceUnsound | TemplatesResealed


def after_face(
    faces: dict[HolderId, int], highest: int, body: FaceChange
) -> tuple[dict[HolderId, int], int]:
    """By holder the version of the template in force, and the highest that any ever had.

    What turned out not to be usable is on file still: it is said each time that somebody asks.
    """
    match body:
        case FaceEnrolled(holder=holder, version=version):
            return {**faces, holder: version}, max(highest, version)
        case FaceErased(holder=holder):
            return without_face(faces, holder), highest
        case FaceUnsound() | TemplatesResealed():
            return faces, highest


def without_face(faces: Mapping[HolderId, int], holder: HolderId) -> dict[HolderId, int]:
    """Nobody is compared with a template of this one."""
    return {who: version for who, version in faces.items() if who != holder}
