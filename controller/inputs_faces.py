"""What the edge says of templates of faces. The templates themselves never enter the core."""

from controller.holders import KeyId
from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal


class FaceEnrolAsked(Input, frozen=True, kw_only=True):
    """A template is ready to be put on file; as in `FaceEnrolled`. The fields of the personal
    values are `consent` and `operator`.
    """

    holder: HolderId
    version: int
    model: str
    views: int
    compared: int = 0
    alike: int = 0
    note: str = ""
    consent: Personal
    operator: Personal


class FaceEraseAsked(Input, frozen=True, kw_only=True):
    """Erase the template of somebody; his record stays. `operator.field` is `operator`."""

    holder: HolderId
    operator: Personal


class FaceUnsoundFound(Input, frozen=True, kw_only=True):
    """As `FaceUnsound`; whoever finds it says so once."""

    holder: HolderId
    version: int
    reason: str


class TemplatesResealedHeard(Input, frozen=True, kw_only=True):
    """As `TemplatesResealed`."""

    key: KeyId
    former: KeyId
    templates: int
