"""Badges that are put on file at a reader: why a reader is not free for that, and what is recorded.

A reader that keeps somebody in is never taken: whoever leaves shows a badge that may be unknown
here, and must be heard at once.
"""

from collections.abc import Callable

from controller.events_badges import BadgeSought
from controller.ids import ReaderId
from controller.inputs import Input
from controller.inputs_badges import BadgeSoughtHeard
from controller.ledger import commitment
from controller.reader import Reader
from controller.state import SiteState
from controller.turn import Turn
from policies.facts import Direction


def why_not_free(state: SiteState, reader: ReaderId, direction: Direction | None) -> str | None:
    """Why no badge is waited for at this reader, on the way in or out of a portal, or at none; None
    where it may be.
    """
    if direction is Direction.EXIT:
        return "it is on a way out, where every badge has to be heard"
    if not state.recorded:
        return "the journal cannot be written; it would not be on record"
    if not state.readers.get(reader, Reader()).online:
        return "it does not answer"
    if reader in state.attempts:
        return "somebody presents a badge there at this moment"
    return None


def on_sought(turn: Turn, heard: BadgeSoughtHeard) -> None:
    """Record it."""
    sought = BadgeSought(
        reader=heard.reader,
        holder=heard.holder,
        step=heard.step,
        operator=commitment(heard.operator),
    )
    turn.record(sought, heard.operator)


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own input
    BadgeSoughtHeard: on_sought,
}
