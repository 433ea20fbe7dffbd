"""Operators of central, as words: what they are called, and what they may do."""

from enum import StrEnum
from typing import Annotated

import msgspec

OPERATOR_CHARS_MAX = 64

OperatorName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z", max_length=OPERATOR_CHARS_MAX)
]
"""By which an operator signs in, and under which all that he does is recorded."""

DisplayName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class OperatorRight(StrEnum):
    """What somebody may do at the wall."""

    WATCH = "watch"  # edges, alarms, entries without names, figures, orders
    NAMES = "names"  # people's names, searches, incidents
    ALARMS = "alarms"  # acknowledge
    ORDERS = "orders"  # send an order that others have signed
    OPERATORS = "operators"  # who may sign in, and what they may
