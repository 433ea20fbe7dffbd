"""Events of a muster: somebody counts who is out of the house. No door knows of it."""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.body import Body, Count, Name
from controller.ids import HolderId
from controller.ledger import Commitment


class MusterRefusal(StrEnum):
    """Why something that was asked of a muster was not done."""

    RUNS = "runs"  # one is going on already
    NONE = "none"  # none is going on
    UNKNOWN = "unknown"  # nobody on file is meant
    NOT_CHECKED = "not-checked"  # he was not checked off
    PLACE = "place"  # what was given as a place is no name


class MusterBegun(Body, frozen=True, kw_only=True):
    """From here on people are checked off. `order`: the evacuation that it belongs to; without one
    `operator` began it. A muster of a drill that was going on is over by this.
    """

    order: Annotated[str, msgspec.Meta(max_length=64)] = ""
    operator: Commitment | None = None


class PersonCheckedOff(Body, frozen=True, kw_only=True):
    """`operator` saw somebody at `where`, which is a zone where `inside` says so, and an assembly
    point otherwise.
    """

    holder: HolderId
    where: Name
    inside: bool
    operator: Commitment


class CheckUndone(Body, frozen=True, kw_only=True):
    """It was not he: somebody who was checked off counts as missing again."""

    holder: HolderId
    operator: Commitment


class MusterEnded(Body, frozen=True, kw_only=True):
    """The muster is over: so many stood checked off, so many were still looked for."""

    checked: Count
    missing: Count
    operator: Commitment


class MusterRefused(Body, frozen=True, kw_only=True):
    """Something was asked of a muster and not done; nothing changed by it."""

    why: MusterRefusal
    operator: Commitment
