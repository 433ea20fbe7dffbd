"""What passes over the control socket about musters."""

from typing import Annotated

import msgspec

from controller.body import Name
from controller.ids import HolderId
from controller.muster import Going, Listed, ZoneCount
from controller.sightings import CheckedOff
from edge.control.message import Count, Message, Part
from policies.facts import UtcSeconds

MUSTER_PEOPLE_MAX = 500
"""Of one reply: what fits into a frame with the longest names."""

Meant = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""By the integrator's id, or by the name on file, or part of it where that is enough."""


class BeginMuster(Part, frozen=True, kw_only=True, tag="begin"):
    """Begin to check people off."""


class CheckPerson(Part, frozen=True, kw_only=True, tag="check"):
    """Somebody was seen at `where`: a zone's id, or the name of an assembly point."""

    person: Meant
    where: Name

    def __repr__(self) -> str:
        return f"CheckPerson(…, where={self.where!r})"


class UndoCheck(Part, frozen=True, kw_only=True, tag="undo"):
    """It was not he."""

    person: Meant

    def __repr__(self) -> str:
        return "UndoCheck(…)"


class EndMuster(Part, frozen=True, kw_only=True, tag="end"):
    """Nobody is looked for any more."""


Step = BeginMuster | CheckPerson | UndoCheck | EndMuster


class ChangeMuster(Message, frozen=True, kw_only=True):
    """Do that; answered by VisitReply. What is asked may name somebody: no repr shows it."""

    step: Step


class ReadMuster(Message, frozen=True, kw_only=True):
    """The roll from its `begin`th person on; answered by MusterReply."""

    begin: Count = 0


class MusterPerson(Part, frozen=True, kw_only=True):
    """Somebody on the roll, with the integrator's id and the name; both are empty where nobody is
    on file, and of a protected person where whoever asks is not shown who that is. `host_name`: of
    who escorts him, empty where nobody does. `protected`, `host_protected`: by the policy.
    """

    listed: Listed
    person: str = ""
    name: str = ""
    host_name: str = ""
    protected: bool = False
    host_protected: bool = False

    def __repr__(self) -> str:
        return f"MusterPerson({self.listed.holder!r}, …)"


class MusterExtra(Part, frozen=True, kw_only=True):
    """Somebody who is checked off and whom no door had seen coming in."""

    holder: HolderId
    check: CheckedOff
    person: str = ""
    name: str = ""
    protected: bool = False

    def __repr__(self) -> str:
        return f"MusterExtra({self.holder!r}, …)"


class MusterHead(Part, frozen=True, kw_only=True):
    """Of a whole roll, as `controller.muster.Roll`, read at `utc_s`. `listed`: how many are on it.
    `running`: a daemon gave it.
    """

    seq: Count
    utc_s: UtcSeconds
    clock_trusted: bool
    timezone: str
    running: bool
    muster: Going | None
    zones: tuple[ZoneCount, ...]
    listed: Count
    missing: Count
    unknown: Count
    checked: Count


class MusterReply(Message, frozen=True, kw_only=True):
    """Some people of the roll, and `extra` of those beside it. Another `head.seq` than the one
    before: it has changed meanwhile, and places with it.
    """

    head: MusterHead
    people: tuple[MusterPerson, ...]
    extra: tuple[MusterExtra, ...]
