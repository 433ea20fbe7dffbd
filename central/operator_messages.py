"""What is asked and answered about central's operators, at the wall and at the control socket."""

from typing import Annotated

import msgspec

from central.operator_words import DisplayName, OperatorName, OperatorRight
from controller.moment import Micros
from edge.control.message import Count, Message, Part

OPERATORS_MAX = 500
LOGGED_MAX = 200
"""Entries of the log in one reply."""

LINE_CHARS_MAX = 4096


class ReadOperators(Message, frozen=True, kw_only=True):
    """Who there is, and what they may; answered by OperatorsReply."""


class PutOperator(Message, frozen=True, kw_only=True):
    """Somebody new, or somebody with another name or other rights; answered by OperatorChanged.
    `new`: there must be nobody of that name yet; otherwise there must be.
    """

    operator: OperatorName
    name: DisplayName
    rights: Annotated[tuple[OperatorRight, ...], msgspec.Meta(max_length=len(OperatorRight))]
    new: bool = False


class RemoveOperator(Message, frozen=True, kw_only=True):
    """Somebody who is no operator any more: sessions end, and all by which he signs in goes;
    answered by OperatorChanged.
    """

    operator: OperatorName


class ReadOperatorLog(Message, frozen=True, kw_only=True):
    """What operators have done, from entry `from_seq` on; answered by OperatorLog."""

    from_seq: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)] = 1
    limit: Annotated[int, msgspec.Meta(ge=1, le=LOGGED_MAX)] = LOGGED_MAX


class OperatorShown(Part, frozen=True, kw_only=True):
    """`removable`: false for the last one who may say who the operators are."""

    operator: str
    name: str
    rights: tuple[OperatorRight, ...]
    since_utc_us: Micros
    removable: bool = True


class OperatorsReply(Message, frozen=True, kw_only=True):
    """By name."""

    operators: Annotated[tuple[OperatorShown, ...], msgspec.Meta(max_length=OPERATORS_MAX)]


class OperatorChanged(Message, frozen=True, kw_only=True):
    """It is done and on record, or why not."""

    done: bool
    reason: str = ""
    remedy: str = ""


class LoggedLine(Part, frozen=True, kw_only=True):
    """One entry of the log. `text`: for people. `json`: whole."""

    seq: Count
    utc_us: Micros
    kind: str
    text: Annotated[str, msgspec.Meta(max_length=LINE_CHARS_MAX)]
    json: str


class OperatorLog(Message, frozen=True, kw_only=True):
    """In order; `newest`: the number of the last there is. `sound`: what is kept was verified at
    central's start, and held; otherwise `problem` says what does not.
    """

    lines: Annotated[tuple[LoggedLine, ...], msgspec.Meta(max_length=LOGGED_MAX)]
    newest: Count
    sound: bool = True
    problem: str = ""


OperatorRequest = ReadOperators | PutOperator | RemoveOperator | ReadOperatorLog
OperatorAnswer = OperatorsReply | OperatorChanged | OperatorLog
