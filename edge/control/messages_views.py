"""What passes over the control socket about reports: how far they are, and who is meant in them."""

from typing import Annotated

import msgspec

from controller.ids import HolderId
from edge.control.message import Count, Message, Part

NAMES_MAX = 500
"""People of one request: what fits into a frame with the longest names."""


class AskViews(Message, frozen=True, kw_only=True):
    """How far is `views.db`? `rebuild`: it begins from nothing first. Answered by ViewsReply."""

    rebuild: bool


class ReadNames(Message, frozen=True, kw_only=True):
    """Who are these, on file? Answered by NamesReply."""

    holders: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=NAMES_MAX)
    ]


class ViewsReply(Message, frozen=True, kw_only=True):
    """Its rows stand after entry `seq` of `last_seq`. `trouble`: why they do not get on."""

    seq: Count
    last_seq: Count
    trouble: str = ""


class PersonNamed(Part, frozen=True, kw_only=True):
    """`person`: the integrator's id."""

    holder: HolderId
    person: str
    name: str


class NamesReply(Message, frozen=True, kw_only=True):
    """Those who are on file, in any order."""

    people: tuple[PersonNamed, ...]
