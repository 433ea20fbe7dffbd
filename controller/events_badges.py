"""Events about badges that are put on file at a reader. No badge's bits ever stand in one."""

from enum import StrEnum

from controller.body import Body
from controller.ids import HolderId, ReaderId
from controller.ledger import Commitment


class SeekStep(StrEnum):
    """`began`: the next badge there that nobody has is no attempt. All others end that."""

    BEGAN = "began"
    ENROLLED = "enrolled"
    REFUSED = "refused"
    LATE = "late"
    GIVEN_UP = "given-up"


class BadgeSought(Body, frozen=True, kw_only=True):
    """A badge is waited for at a reader, to be put on file for somebody; or that is over. What
    comes on file has its own entry. `operator`: who waits for it.
    """

    reader: ReaderId
    holder: HolderId
    step: SeekStep
    operator: Commitment
