"""What a guard's commands ask of the running daemon."""

from msgspec.structs import replace

from edge.control.calling import unexpected
from edge.control.client import Client
from edge.control.messages import Heartbeat
from edge.control.messages_guard import (
    AnswerComparison,
    ComparedReply,
    ComparisonPicture,
    ComparisonsReply,
    ListComparisons,
    ShowComparison,
    Side,
)


class GuardClient(Client):
    """As `Client`, for comparisons that wait for a guard."""

    def comparisons(self, *, attends: bool) -> ComparisonsReply:
        return self._ask(ListComparisons(attends=attends), ComparisonsReply)

    def answer_comparison(self, asked: AnswerComparison) -> ComparedReply:
        return self._ask(asked, ComparedReply)

    def comparison_picture(self, question: str, side: Side) -> ComparisonPicture:
        """The whole picture in one, or why there is none."""
        self._send(ShowComparison(question=question, side=side))
        data = bytearray()
        while True:
            reply = self._receive()
            if isinstance(reply, Heartbeat):
                continue
            if not isinstance(reply, ComparisonPicture):
                raise unexpected(reply)
            data += reply.data
            if reply.ends:
                break
        return replace(reply, data=bytes(data))
