"""What the control server needs of the daemon where a guard compares pictures."""

from typing import Protocol

from edge.control.messages_guard import (
    AnswerComparison,
    ComparedReply,
    ComparisonPicture,
    ComparisonsReply,
    ShowComparison,
)
from edge.gate_sight import Sight


class Guards(Protocol):
    """As `edge.control.desk.Desk`, for comparisons that wait for a guard."""

    async def listed(self, *, attends: bool) -> ComparisonsReply:
        """Those that wait. `attends`: a guard sees the reply."""
        ...

    async def picture(self, asked: ShowComparison) -> tuple[ComparisonPicture, ...]:
        """One of the two pictures, in pieces."""
        ...

    async def answer(self, asked: AnswerComparison, operator: str, sight: Sight) -> ComparedReply:
        """Let the core judge it, and say what it came to once that is on disk, as far as `sight`
        goes.
        """
        ...
