"""What passes over the control socket about comparisons that wait for a guard. No repr shows a
picture, or whose it is.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.moment import Micros
from edge.control.message import Message, Part
from edge.control.messages_pictures import FRAME_PART_BYTES_MAX
from edge.orders import REASON_CHARS_MAX
from policies.facts import REASONS_MAX, Direction

COMPARISONS_MAX = 100
"""Of one reply: each reader has one at most, and no guard looks at so many in a minute."""

Question = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Side(StrEnum):
    """Which of the two pictures."""

    LIVE = "live"
    ENROLLED = "enrolled"


class Verdict(StrEnum):
    """What came of a guard's answer. `waits`: something, or somebody, else is asked for first.
    `none`: it was not taken.
    """

    GRANTED = "granted"
    REFUSED = "refused"
    WAITS = "waits"
    NONE = "none"


class ListComparisons(Message, frozen=True, kw_only=True):
    """What waits for a guard? Answered by ComparisonsReply. `attends`: a guard looks at the reply,
    and asks again within a few seconds; whoever is at a door is asked to wait for him.
    """

    attends: bool = False


class ShowComparison(Message, frozen=True, kw_only=True):
    """One picture of a comparison that waits, the live one as it is now; answered by
    ComparisonPicture until it `ends`. Nothing of it is kept.
    """

    question: Question
    side: Side


class AnswerComparison(Message, frozen=True, kw_only=True):
    """A guard has looked: it is her, or not; answered by ComparedReply."""

    question: Question
    accepted: bool
    reason: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=REASON_CHARS_MAX)]

    def __repr__(self) -> str:
        return f"AnswerComparison(question={self.question!r}, accepted={self.accepted}, …)"


GuardRequest = ListComparisons | ShowComparison | AnswerComparison


class ComparisonShown(Part, frozen=True, kw_only=True):
    """One comparison, of the person with this badge. `person`, `name`, `roles`: as on file, empty
    where she is on file no more. `pictures`: those that there are now.
    """

    question: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-zA-Z][0-9a-zA-Z._-]{0,63}\Z")]
    portal: str
    direction: Direction
    person: str
    name: str
    roles: tuple[str, ...] = ()
    since_utc_us: Micros
    until_utc_us: Micros
    pictures: tuple[Side, ...] = ()

    def __repr__(self) -> str:
        return f"ComparisonShown(question={self.question!r}, portal={self.portal!r}, …)"


class ComparisonsReply(Message, frozen=True, kw_only=True):
    """Comparisons that wait, oldest first."""

    timezone: str
    utc_us: Micros
    comparisons: Annotated[tuple[ComparisonShown, ...], msgspec.Meta(max_length=COMPARISONS_MAX)]


class ComparisonPicture(Message, frozen=True, kw_only=True):
    """The next piece of a JPEG. Where there is no picture the only one is empty, with why and what
    to do.
    """

    data: Annotated[bytes, msgspec.Meta(max_length=FRAME_PART_BYTES_MAX)] = b""
    ends: bool = True
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"ComparisonPicture({len(self.data)} bytes, ends={self.ends})"


class ComparedReply(Message, frozen=True, kw_only=True):
    """What came of it: why or why not, each with its code, as in PassReply. `waits_for`: the factor
    that is asked for next, where it is one. `released`: the lock is told to open, as soon as the
    decision is on disk. `recorded`: that is so. `reason` and `remedy`: why it was not taken.
    """

    verdict: Verdict
    waits_for: str = ""
    reasons: Annotated[tuple[tuple[int, str], ...], msgspec.Meta(max_length=REASONS_MAX)] = ()
    notes: Annotated[tuple[tuple[int, str], ...], msgspec.Meta(max_length=REASONS_MAX)] = ()
    released: bool = False
    recorded: bool = False
    reason: str = ""
    remedy: str = ""


GuardAnswer = ComparisonsReply | ComparisonPicture | ComparedReply
