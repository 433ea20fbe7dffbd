"""Examples of events of templates of faces, every field filled."""

from controller import events_faces as ef
from controller.body import Body
from controller.ids import HolderId
from controller.ledger import Personal, commitment

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))
CONSENT = commitment(
    Personal("consent", "2026-11-22: signed form 7, kept by the registry", "3c" * 16)
)

FACES: tuple[Body, ...] = (
    ef.FaceEnrolled(
        holder=HolderId("h1"),
        version=7,
        model="dlib-resnet-v1",
        views=5,
        compared=12,
        alike=1,
        note="look-alikes-1",
        consent=CONSENT,
        operator=OPERATOR,
    ),
    ef.FaceErased(holder=HolderId("h1"), version=7, cause=ef.FaceEnd.ASKED, operator=OPERATOR),
    ef.FaceUnsound(holder=HolderId("h1"), version=7, reason="its sealed bytes do not open"),
    ef.TemplatesResealed(key="ab" * 8, former="cd" * 8, templates=12),
)
