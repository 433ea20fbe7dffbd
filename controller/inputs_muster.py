"""What people ask of a muster, each by name. The fields of the personal values are `operator`."""

from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal


class MusterBeginAsked(Input, frozen=True, kw_only=True):
    """Begin to check people off, without an evacuation."""

    operator: Personal


class CheckOffAsked(Input, frozen=True, kw_only=True):
    """Somebody was seen at `where`: a zone's id, or the name of an assembly point. Once more is
    somewhere else.
    """

    holder: HolderId
    where: str
    operator: Personal


class CheckUndoAsked(Input, frozen=True, kw_only=True):
    """It was not he."""

    holder: HolderId
    operator: Personal


class MusterEndAsked(Input, frozen=True, kw_only=True):
    """Nobody is looked for any more."""

    operator: Personal
