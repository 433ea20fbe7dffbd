"""Examples of events of badges that are put on file at a reader, every field filled."""

from controller import events_badges as eb
from controller.body import Body
from controller.ids import HolderId, ReaderId
from controller.ledger import Personal, commitment

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))

BADGES: tuple[Body, ...] = (
    eb.BadgeSought(
        reader=ReaderId("desk"),
        holder=HolderId("h1"),
        step=eb.SeekStep.ENROLLED,
        operator=OPERATOR,
    ),
)
