"""What the edge says of badges that are put on file at a reader. No badge enters the core by it."""

from controller.events_badges import SeekStep
from controller.ids import HolderId, ReaderId
from controller.inputs import Input
from controller.ledger import Personal


class BadgeSoughtHeard(Input, frozen=True, kw_only=True):
    """As `BadgeSought`. `operator.field` is `operator`."""

    reader: ReaderId
    holder: HolderId
    step: SeekStep
    operator: Personal
